"""What goes into and comes out of a `Network`: its state by name, and modules of `gpunet.nn`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .backend import Array, Device
from .backend.rng import Generator

if TYPE_CHECKING:
    from .nn import Sequential
    from .nn.state import IncompatibleKeys

__all__ = ["NetworkState"]

Self = TypeVar("Self", bound="NetworkState")


class NetworkState:
    """The part of `gpunet.network.Network` that is no mathematics."""

    activation: list[str]
    device: Device
    dtype: np.dtype
    generator: Generator
    weights: Any
    biases: Any

    if TYPE_CHECKING:

        def __init__(self, *args: Any) -> None: ...

    def state_dict(self) -> dict[str, Array]:
        """All that a network is, by name.

        Returns
        -------
        dict
            ``weights.0``, ``weights.1``, ..., ``biases.0``, ...: the arrays themselves, no copies;
            ``generator``: a NumPy array of the generator's seed, stream and offset, int64.
        """
        state = {f"weights.{i}": w for i, w in enumerate(self.weights)}
        state.update({f"biases.{i}": b for i, b in enumerate(self.biases)})
        place = self.generator.get_state()
        numbers = [place["seed"] % 2**64, place["stream"], place["offset"]]
        state["generator"] = np.array(numbers, np.uint64).view(np.int64)
        return state

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True
    ) -> IncompatibleKeys:
        """Copy values by name into the network, which then goes on as that one would have.

        Parameters
        ----------
        state_dict : mapping
            As of `state_dict`: arrays or tensors on any device.
        strict : bool
            Whether missing and unexpected keys are an error.

        Returns
        -------
        IncompatibleKeys
            ``(missing_keys, unexpected_keys)``.

        Raises
        ------
        RuntimeError
            With every missing, unexpected and mis-shaped key; nothing has been changed then.
        """
        from .nn.state import load_tensors
        from .tensor import Tensor

        own = {name: Tensor(array) for name, array in self.state_dict().items()}
        keys = load_tensors(type(self).__name__, own, state_dict, strict)
        seed, stream, offset = own["generator"].array.tolist()
        self.generator.set_state({"seed": seed, "stream": stream, "offset": offset})
        return keys

    def to_module(self) -> Sequential:
        """The same network as a `gpunet.nn.Sequential` of `Linear` layers and activations.

        It has weights of its own, equal to these.
        """
        from . import nn
        from .functions.random import get_rng_state, set_rng_state

        modules = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}
        layers: list[nn.Module] = []
        before = get_rng_state()  # a Linear draws the weights that it begins with
        for w, b, name in zip(self.weights, self.biases, self.activation):
            linear = nn.Linear(w.shape[1], w.shape[0], device=self.device, dtype=self.dtype)
            linear.load_state_dict({"weight": w, "bias": b})
            layers.append(linear)
            if name in modules:
                layers.append(modules[name]())
        set_rng_state(before)
        return nn.Sequential(*layers)

    @classmethod
    def from_module(
        cls: type[Self], module: Sequential, cost: str = "quadratic", seed: int | None = None
    ) -> Self:
        """The network that `module` is, with weights of its own, equal to the module's.

        Parameters
        ----------
        module : Sequential
            `Linear` layers with biases, each followed by a `Sigmoid`, `Tanh`, `ReLU` or nothing.
        cost, seed
            As of `Network`.

        Raises
        ------
        TypeError, ValueError
            If `module` is no Sequential, or has other layers or dtypes.
        RuntimeError
            If the layers do not fit together.
        """
        from . import nn

        names = {nn.Sigmoid: "sigmoid", nn.Tanh: "tanh", nn.ReLU: "relu"}
        if not isinstance(module, nn.Sequential):
            raise TypeError(f"module: expected a Sequential, got {type(module).__name__}")
        linears: list[nn.Linear] = []
        activation: list[str] = []
        follows = False  # whether a Linear stands before, without an activation
        for i, layer in enumerate(module):
            if isinstance(layer, nn.Linear) and layer.bias is not None:
                linears.append(layer)
                activation.append("identity")
                follows = True
            elif follows and type(layer) in names:
                activation[-1] = names[type(layer)]
                follows = False
            else:
                raise ValueError(
                    f"module[{i}]: expected a Linear with bias, or after one a Sigmoid, Tanh or "
                    f"ReLU, got {layer}"
                )
        if not linears:
            raise ValueError("module: expected one Linear or more, got an empty Sequential")
        sizes = [linears[0].in_features, *(linear.out_features for linear in linears)]
        first = linears[0].weight
        network = cls(sizes, activation, cost, seed, first.dtype, first.device)
        state = {f"weights.{i}": linear.weight for i, linear in enumerate(linears)}
        state |= {f"biases.{i}": linear.bias for i, linear in enumerate(linears)}  # type: ignore[misc]
        network.load_state_dict(state, strict=False)
        return network
