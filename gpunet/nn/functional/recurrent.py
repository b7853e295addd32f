"""Recurrent layers of several levels and directions, over the pairs in ``ops/recurrent``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...autograd import Operation
from ...functions.joining import cat
from ...functions.splitting import split
from ...ops import recurrent as ops
from .dropout import dropout as drop

__all__ = ["GRU", "LSTM", "RNN", "layers"]

RNN = Operation(ops.rnn_forward, ops.rnn_backward, outputs=2, into=True)
LSTM = Operation(ops.lstm_forward, ops.lstm_backward, outputs=3, into=True)
GRU = Operation(ops.gru_forward, ops.gru_backward, outputs=2, into=True)


def layers(
    operation: Operation,
    input: Any,
    states: tuple[Any, ...],
    weights: Sequence[Sequence[Any]],
    sizes: tuple[int, ...],
    bidirectional: bool,
    dropout: float,
    options: dict[str, Any],
) -> tuple[Any, ...]:
    """Run all layers of a recurrent network over the inputs of all steps.

    Parameters
    ----------
    operation : Operation
        `RNN`, `LSTM` or `GRU`.
    input : Tensor of shape (T, N, D), or (R, D) of packed sequences
    states : tuple of Tensor of shape (layers * directions, N, H), or of None
        The initial states, one for an RNN or GRU, two for an LSTM.
    weights : sequence of sequences
        For each layer and direction what `operation` takes after the states.
    sizes : tuple of int
        For each step the number of sequences.
    bidirectional : bool
        Every second entry of `weights` runs from the last step to the first.
    dropout : float
        After every layer but the last.
    options : dict
        Further options of `operation`.

    Returns
    -------
    tuple
        The outputs of the last layer, then the last states as `states`.
    """
    if len(weights) == 1:
        return operation(input, *states, *weights[0], sizes=sizes, layered=True, **options)
    directions = 2 if bidirectional else 1
    each = [[None] * len(weights) if s is None else split(s, 1) for s in states]
    last: list[tuple[Any, ...]] = []
    for k in range(0, len(weights), directions):
        results = [
            operation(
                input,
                *[state[k + d] for state in each],
                *weights[k + d],
                sizes=sizes,
                reverse=d == 1,
                layered=True,
                **options,
            )
            for d in range(directions)
        ]
        input = cat([result[0] for result in results], -1) if bidirectional else results[0][0]
        last += [result[1:] for result in results]
        if dropout and k + directions < len(weights):
            input = drop(input, dropout)
    return (input, *[cat(state) for state in zip(*last)])
