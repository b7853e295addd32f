"""What the recurrent layers share: parameters, checks, layers, directions, kinds of input."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ..autograd import mixes
from ..autograd.mode import MODE
from ..backend import backend_of
from ..errors import DeviceError
from ..functions.axes import transpose
from ..functions.scatter import index_select
from ..functions.shape import squeeze, unsqueeze
from ..ops import recurrent as ops
from ..tensor import Tensor
from . import init
from .functional import recurrent as functional
from .module import Module
from .parameter import Parameter, empty_parameter
from .utils.rnn import PackedSequence

__all__ = ["RNNBase"]

_KINDS = {
    "RNN_TANH": (1, functional.RNN, {}),
    "RNN_RELU": (1, functional.RNN, {"relu": True}),
    "LSTM": (4, functional.LSTM, {}),
    "GRU": (3, functional.GRU, {}),
}
#: The number that `recurrent_step` has for each kind.
_STEPS = {"RNN_TANH": 0, "RNN_RELU": 1, "LSTM": 2, "GRU": 3}
#: Sequences up to which a single step without a tape is done by `recurrent_step`.
_FEW = 8

_FLOAT32 = np.dtype("float32")


class RNNBase(Module):
    """What `RNN`, `LSTM` and `GRU` share: parameters, checks, layers and directions.

    Parameters
    ----------
    mode : {"RNN_TANH", "RNN_RELU", "LSTM", "GRU"}
    input_size : int
        D, the length of the input's last axis.
    hidden_size : int
        H, the number of units.
    num_layers : int
        Each further layer takes the outputs of the one before. Default: 1.
    bias : bool
        Whether there are biases. Default: True.
    batch_first : bool
        Input and output have shape (N, T, ...) in place of (T, N, ...). Default: False.
    dropout : float
        In training, dropout with this probability after every layer but the last. Default: 0.
    bidirectional : bool
        A second set of units runs from the last step to the first; the outputs of both are side by
        side. Default: False.
    proj_size : int
        P, for `LSTM`: the state is projected to this length; 0 for no projection. Default: 0.
    device, dtype : optional
        Of the parameters.

    Attributes
    ----------
    weight_ih_l[k] : Parameter of shape (gates * H, D)
        Of layer k; for k > 0 the inputs are the outputs of layer k - 1. With ``_reverse`` at the
        end for the second direction. All parameters are drawn from
        ``U(-1/sqrt(H), 1/sqrt(H))``.
    weight_hh_l[k] : Parameter of shape (gates * H, H), or (gates * H, P)
    bias_ih_l[k], bias_hh_l[k] : Parameter of shape (gates * H,)
    weight_hr_l[k] : Parameter of shape (P, H)

    Raises
    ------
    TypeError, ValueError
        For settings of the wrong type or range.
    """

    _names: list[list[str]]

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        _check_settings(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, proj_size
        )  # fmt: skip
        if mode not in _KINDS:
            raise ValueError(f"Unrecognized RNN mode: {mode}")
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        gates, self._operation, self._options = _KINDS[mode]
        P = proj_size or hidden_size
        directions = ["", "_reverse"] if bidirectional else [""]
        self._single = num_layers == 1 and not bidirectional and not proj_size
        self._names = []
        for layer in range(num_layers):
            D = P * len(directions) if layer else input_size
            for suffix in directions:
                rows = gates * hidden_size
                shapes: dict[str, tuple[int, ...]]
                shapes = {"weight_ih": (rows, D), "weight_hh": (rows, P)}
                if bias:
                    shapes["bias_ih"] = shapes["bias_hh"] = (rows,)
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                names = {kind: f"{kind}_l{layer}{suffix}" for kind in shapes}
                for kind, shape in shapes.items():
                    parameter = empty_parameter(*shape, device=device, dtype=dtype)
                    self.register_parameter(names[kind], parameter)
                self._names.append(list(names.values()))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._names]

    def flatten_parameters(self) -> None:
        """Do nothing: the parameters need no other layout. In PyTorch this speeds cuDNN up."""

    def _weights(self) -> list[list[Any]]:
        """For each layer and direction what the operation takes after the states."""
        weights: list[list[Any]] = self.all_weights  # type: ignore[assignment]
        for entry in weights:
            if not self.bias:
                entry[2:2] = [None, None]
            if self.mode == "LSTM" and not self.proj_size:
                entry.append(None)
        return weights

    def _lengths(self) -> tuple[int, ...]:
        """The length of each state."""
        return (self.proj_size or self.hidden_size,)

    def _run(self, input: Any, states: tuple[Any, ...] | None) -> tuple[Any, tuple[Any, ...]]:
        """Output and last states, for input of any of the kinds and given or absent states."""
        if isinstance(input, PackedSequence):
            return self._run_packed(input, states)
        X = input.array
        if X.ndim not in (2, 3):
            raise ValueError(
                f"{type(self).__name__}: Expected input to be 2D or 3D, got {X.ndim}D instead"
            )
        plain = X.dtype.char != "E" and MODE.autocast is None
        if self._single and not MODE.enabled and X.ndim == 3 and plain:
            N, T = X.shape[:2] if self.batch_first else X.shape[1::-1]
            if T == 1 and N <= _FEW:
                return self._step(X, states)
        single = X.ndim == 2
        if states is not None and any(state.array.ndim != X.ndim for state in states):
            found = ", ".join(f"{state.array.ndim}-D" for state in states)
            raise RuntimeError(
                f"For {'unbatched 2-D' if single else 'batched 3-D'} input, hx should also be "
                f"{X.ndim}-D but got {found}"
            )
        if single:
            input = unsqueeze(input, 1)
            states = states and tuple([unsqueeze(state, 1) for state in states])
        elif self.batch_first:
            input = transpose(input, 0, 1)
        T, N = input.array.shape[:2]
        if T == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        output, *last = self._layers(input, states, (N,) * T)
        if single:
            return squeeze(output, 1), tuple([squeeze(state, 1) for state in last])
        return transpose(output, 0, 1) if self.batch_first else output, tuple(last)

    def _run_packed(
        self, input: PackedSequence, states: tuple[Any, ...] | None
    ) -> tuple[Any, tuple[Any, ...]]:
        data, batch_sizes, order, back = input
        if data.array.ndim != 2:
            raise RuntimeError(f"input must have 2 dimensions, got {data.array.ndim}")
        if states is not None and order is not None:
            states = tuple([index_select(state, 1, order) for state in states])
        output, *last = self._layers(data, states, tuple(batch_sizes.array.tolist()))
        if back is not None:
            last = [index_select(state, 1, back) for state in last]
        return PackedSequence(output, batch_sizes, order, back), tuple(last)

    def _step(self, X: Any, states: tuple[Any, ...] | None) -> tuple[Any, tuple[Any, ...]]:
        """`_run` for a single layer and step, without a tape."""
        N = X.shape[0] if self.batch_first else X.shape[1]
        weights = [getattr(self, name).array for name in self._names[0]]
        W_ih, W_hh, b_ih, b_hh = weights if self.bias else (*weights, None, None)
        self._check(X, states, 1, N, W_ih.dtype)
        given = [] if states is None else [state.array for state in states]
        for array in (W_ih, W_hh, *given):
            if type(array) is not type(X):
                raise DeviceError(
                    f"{type(self).__name__}: all tensors must be on one device, but the input is "
                    f"on {backend_of(X).device_of(X)}, a weight or state on "
                    f"{backend_of(array).device_of(array)}; move them with .to(device)"
                )
        h, c = given if len(given) == 2 else (given[0] if given else None, None)
        Y, C = ops.recurrent_step(
            backend_of(X), _STEPS[self.mode], X.reshape(N, X.shape[2]), h, c, W_ih, W_hh, b_ih, b_hh
        )
        # The output is no view of the state: either may be changed in place.
        output = Tensor(Y.reshape(*X.shape[:2], Y.shape[1]).copy())
        return output, (Tensor(Y[None]),) if C is None else (Tensor(Y[None]), Tensor(C[None]))

    def _check(
        self, X: Any, states: tuple[Any, ...] | None, layers: int, N: int, dtype: Any
    ) -> None:
        if X.dtype != dtype and not (mixes(X) and dtype == _FLOAT32):
            raise ValueError(
                f"RNN input dtype ({X.dtype}) does not match weight dtype ({dtype}). "
                f"Convert input: input.to({dtype}), or convert model: model.to({X.dtype})"
            )
        if X.shape[-1] != self.input_size:
            raise RuntimeError(
                "input.size(-1) must be equal to input_size. "
                f"Expected {self.input_size}, got {X.shape[-1]}"
            )
        if states is not None:
            _check_states(states, layers, N, self._lengths(), dtype)

    def _layers(
        self, input: Any, states: tuple[Any, ...] | None, sizes: tuple[int, ...]
    ) -> tuple[Any, ...]:
        weights = self._weights()
        self._check(input.array, states, len(weights), sizes[0], weights[0][0].array.dtype)
        if states is None:
            states = (None,) * len(self._lengths())
        return functional.layers(
            self._operation,
            input,
            states,
            weights,
            sizes,
            self.bidirectional,
            self.dropout if self.training else 0.0,
            self._options,
        )

    def forward(self, input: Any, hx: Any = None) -> Any:
        output, (last,) = self._run(input, None if hx is None else (hx,))
        return output, last

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.proj_size:
            parts.append(f"proj_size={self.proj_size}")
        if self.num_layers != 1:
            parts.append(f"num_layers={self.num_layers}")
        if not self.bias:
            parts.append(f"bias={self.bias}")
        if self.batch_first:
            parts.append(f"batch_first={self.batch_first}")
        if self.dropout:
            parts.append(f"dropout={self.dropout}")
        if self.bidirectional:
            parts.append(f"bidirectional={self.bidirectional}")
        return ", ".join(parts)


def _check_settings(
    input_size: Any,
    hidden_size: Any,
    num_layers: Any,
    bias: Any,
    batch_first: Any,
    dropout: Any,
    proj_size: Any,
) -> None:
    number = isinstance(dropout, int | float) and not isinstance(dropout, bool)
    if not number or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an element "
            f"being zeroed, got {dropout!r}"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout "
            f"expects num_layers greater than 1, but got dropout={dropout} and "
            f"num_layers={num_layers}",
            stacklevel=4,
        )
    for name, value in {"bias": bias, "batch_first": batch_first}.items():
        if not isinstance(value, bool):
            raise TypeError(f"{name} should be of type bool, got: {type(value).__name__}")
    for name, value in {"input_size": input_size, "hidden_size": hidden_size}.items():
        if not isinstance(value, int):
            raise TypeError(f"{name} should be of type int, got: {type(value).__name__}")
        if value <= 0:
            raise ValueError(f"{name} must be greater than zero, got {value}")
    if num_layers <= 0:
        raise ValueError(f"num_layers must be greater than zero, got {num_layers}")
    if proj_size < 0:
        raise ValueError(
            "proj_size should be a positive integer or zero to disable projections, "
            f"got {proj_size}"
        )
    if proj_size >= hidden_size:
        raise ValueError(
            f"proj_size has to be smaller than hidden_size, got {proj_size} and {hidden_size}"
        )


def _check_states(
    states: tuple[Any, ...], layers: int, N: int, lengths: tuple[int, ...], dtype: Any
) -> None:
    if len(states) != len(lengths):
        raise RuntimeError(f"hx: expected {len(lengths)} states, got {len(states)}")
    for k, (state, H) in enumerate(zip(states, lengths)):
        if state.array.shape != (layers, N, H):
            which = "hidden" if len(states) == 1 else f"hidden[{k}]"
            raise RuntimeError(
                f"Expected {which} size {(layers, N, H)}, got {list(state.array.shape)}"
            )
        if state.array.dtype != dtype and not (mixes(state.array) and dtype == _FLOAT32):
            raise RuntimeError(f"hx has dtype {state.array.dtype}, but the weights have {dtype}")
