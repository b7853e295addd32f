"""Recurrent layers: RNN, LSTM and GRU over whole sequences."""

from __future__ import annotations

from typing import Any

from .recurrent_base import RNNBase

__all__ = ["GRU", "LSTM", "RNN"]


class RNN(RNNBase):
    """``h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh)``, and the output is ``y_t = h_t``.

    Parameters
    ----------
    input_size, hidden_size, num_layers : int
        D, H and the number of layers; these and the rest as for `RNNBase`.
    nonlinearity : {"tanh", "relu"}
        Default: "tanh".
    bias, batch_first, dropout, bidirectional, device, dtype
        As for `RNNBase`.

    Input: ``(input, hx)``, where input has shape (T, N, D), with `batch_first` (N, T, D), or (T, D)
    for one sequence, or is a `PackedSequence`; hx has shape (layers * directions, N, H), and None
    means zeros. Output: the outputs of the last layer for all steps, of length directions * H, and
    the last states of all layers in the form of hx.

    Raises
    ------
    TypeError, ValueError
        For settings of the wrong type or range.

    Source: Elman, Finding structure in time, Cognitive Science 14 (1990).
    """

    def __init__(self, *args: Any, **kwargs: Any):
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            nonlinearity = args[3]
            args = args[:3] + args[4:]
        else:
            nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        super().__init__(f"RNN_{nonlinearity.upper()}", *args, **kwargs)
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """The long short-term memory::

        i = sigma(W_ii x_t + b_ii + W_hi h_(t-1) + b_hi)      f, o in the same way
        g = tanh(W_ig x_t + b_ig + W_hg h_(t-1) + b_hg)
        c_t = f c_(t-1) + i g
        h_t = o tanh(c_t),   with `proj_size`  h_t = W_hr (o tanh(c_t))

    The weights of i, f, g, o stand in this order, one below the other.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size
        As for `RNNBase`.
    device, dtype : optional

    Input: ``(input, (h_0, c_0))``, as for `RNN`; h_0 of length H or P, c_0 of length H. Output:
    ``(output, (h_n, c_n))``.

    Source: Hochreiter and Schmidhuber, Long short-term memory, Neural Computation 9 (1997); the
    projection: Sak, Senior, Beaufays, arXiv:1402.1128 (2014).
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__("LSTM", *args, **kwargs)

    def _lengths(self) -> tuple[int, ...]:
        return self.proj_size or self.hidden_size, self.hidden_size

    def forward(self, input: Any, hx: Any = None) -> Any:
        return self._run(input, None if hx is None else tuple(hx))


class GRU(RNNBase):
    """The gated recurrent unit::

        r = sigma(W_ir x_t + b_ir + W_hr h_(t-1) + b_hr)      z in the same way
        n = tanh(W_in x_t + b_in + r (W_hn h_(t-1) + b_hn))
        h_t = (1 - z) n + z h_(t-1)

    The weights of r, z, n stand in this order, one below the other.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional
        As for `RNNBase`.
    device, dtype : optional

    Input and output as for `RNN`.

    Source: Cho et al., Learning phrase representations using RNN encoder-decoder, arXiv:1406.1078
    (2014); r after the product, with a bias of its own, as cuDNN has it.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)
