"""Recurrent cells: one step of an RNN, LSTM or GRU."""

from __future__ import annotations

import math
from typing import Any

from ..autograd import mixes
from ..functions.shape import squeeze, unsqueeze
from . import init
from .functional import recurrent as functional
from .module import Module
from .parameter import Parameter, empty_parameter

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


class RNNCellBase(Module):
    """What the cells share.

    Parameters
    ----------
    input_size, hidden_size : int
        D and H.
    bias : bool
    num_chunks : int
        Gates.
    device, dtype : optional

    Attributes
    ----------
    weight_ih, weight_hh : Parameter of shape (gates * H, D) and (gates * H, H)
        Drawn from ``U(-1/sqrt(H), 1/sqrt(H))``, as the biases.
    bias_ih, bias_hh : Parameter of shape (gates * H,), or None
    """

    bias_ih: Parameter | None
    bias_hh: Parameter | None
    _operation: Any

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        self.weight_ih = empty_parameter(rows, input_size, device=device, dtype=dtype)
        self.weight_hh = empty_parameter(rows, hidden_size, device=device, dtype=dtype)
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(
                name, empty_parameter(rows, device=device, dtype=dtype) if bias else None
            )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _step(self, input: Any, states: tuple[Any, ...], *rest: Any, **options: Any) -> Any:
        """The states after the step."""
        X = input.array
        if X.ndim != 2 or any(s is not None and s.array.ndim != 2 for s in states):
            return self._alone(input, states, *rest, **options)
        self._check(X, states)
        results = self._operation(
            input, *states, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh, *rest,
            sizes=X.shape[:1], **options,
        )  # fmt: skip
        return results[1:]

    def _alone(self, input: Any, states: tuple[Any, ...], *rest: Any, **options: Any) -> Any:
        """A step of one sequence, without an axis for the batch."""
        name = type(self).__name__
        if input.array.ndim not in (1, 2):
            raise ValueError(
                f"{name}: Expected input to be 1D or 2D, got {input.array.ndim}D instead"
            )
        for state in states:
            if state is not None and state.array.ndim not in (1, 2):
                raise ValueError(
                    f"{name}: Expected hidden to be 1D or 2D, got {state.array.ndim}D instead"
                )
        if any(s is not None and s.array.ndim != input.array.ndim for s in states):
            raise RuntimeError(
                f"{name}: input and hidden must both have an axis for the batch or neither, but "
                f"input is {input.array.ndim}D"
            )
        states = tuple([None if s is None else unsqueeze(s, 0) for s in states])
        results = self._step(unsqueeze(input, 0), states, *rest, **options)
        return [squeeze(result, 0) for result in results]

    def _check(self, X: Any, states: tuple[Any, ...]) -> None:
        if X.shape[1] != self.input_size:
            raise RuntimeError(
                f"input has inconsistent input_size: got {X.shape[1]} expected {self.input_size}"
            )
        if X.dtype != self.weight_ih.array.dtype and not mixes(X, self.weight_ih.array):
            raise RuntimeError(
                f"input: expected dtype {self.weight_ih.array.dtype}, as the weights have, got "
                f"{X.dtype}"
            )
        for k, state in enumerate(states):
            if state is None:
                continue
            if state.array.shape[0] != X.shape[0]:
                raise RuntimeError(
                    f"Input batch size {X.shape[0]} doesn't match hidden{k} batch size "
                    f"{state.array.shape[0]}"
                )
            if state.array.shape[1] != self.hidden_size:
                raise RuntimeError(
                    f"hidden{k} has inconsistent hidden_size: got {state.array.shape[1]}, expected "
                    f"{self.hidden_size}"
                )
            if state.array.dtype != X.dtype and not mixes(state.array, X):
                raise RuntimeError(
                    f"hidden{k}: expected dtype {X.dtype}, as the input has, got "
                    f"{state.array.dtype}"
                )

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(RNNCellBase):
    """``h' = tanh(W_ih x + b_ih + W_hh h + b_hh)``.

    Parameters
    ----------
    input_size, hidden_size : int
        D and H.
    bias : bool
        Default: True.
    nonlinearity : {"tanh", "relu"}
        Default: "tanh".
    device, dtype : optional

    Input: ``(x, h)`` of shape (N, D) and (N, H), or (D,) and (H,); None for h means zeros. Output:
    h'. Source: Elman, Finding structure in time, Cognitive Science 14 (1990).
    """

    _operation = functional.RNN

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Any, hx: Any = None) -> Any:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        (h,) = self._step(input, (hx,), relu=self.nonlinearity == "relu")
        return h

    def extra_repr(self) -> str:
        kind = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        return super().extra_repr() + kind


class LSTMCell(RNNCellBase):
    """One step of `LSTM`, with the formulas there.

    Parameters
    ----------
    input_size, hidden_size : int
        D and H.
    bias : bool
        Default: True.
    device, dtype : optional

    Input: ``(x, (h, c))`` of shape (N, D) and (N, H), or without N; None for the pair means zeros.
    Output: ``(h', c')``.
    """

    _operation = functional.LSTM

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Any, hx: Any = None) -> Any:
        h, c = self._step(input, (None, None) if hx is None else tuple(hx), None)
        return h, c


class GRUCell(RNNCellBase):
    """One step of `GRU`, with the formulas there.

    Parameters
    ----------
    input_size, hidden_size : int
        D and H.
    bias : bool
        Default: True.
    device, dtype : optional

    Input: ``(x, h)`` of shape (N, D) and (N, H), or (D,) and (H,); None for h means zeros. Output:
    h'.
    """

    _operation = functional.GRU

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Any, hx: Any = None) -> Any:
        (h,) = self._step(input, (hx,))
        return h
