"""A training step, and inference, in each way that there is: eager, compiled, as a CUDA graph.

The batch is given to the step at each call, as in training: what replays a recording copies it in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .case import Side, both_devices
from .graphs import graphed
from .libraries import compiled, finished, recorded

__all__ = ["adam", "check_of", "inference", "sides", "training"]


def sides(function: str, jax: str = "") -> list[Side]:
    """gpunet and PyTorch in each way on both devices, and JAX if there is a function for it.

    `function` takes the options ``library``, ``device`` and ``how``; `jax` takes ``device``.
    """

    def ours(name: str, peer: str, how: str) -> tuple[Side, Side]:
        library = peer.partition("-")[0]
        return both_devices(Side(name, peer, function, {"library": library, "how": how}))

    return [
        *ours("gpunet", "gpunet", "eager"),
        *ours("gpunet compiled", "gpunet-compiled", "compiled"),
        *ours("PyTorch", "torch", "eager"),
        *ours("PyTorch compiled", "torch-compiled", "compiled"),
        ours("PyTorch graph", "torch-graph", "graph")[1],
        *(both_devices(Side("JAX", "jax", jax)) if jax else ()),
    ]


def adam(torch: Any, parameters: Any, how: str) -> Any:
    """Adam of PyTorch or gpunet. PyTorch's counts its steps on the device only if told to."""
    if how == "graph":
        return torch.optim.Adam(parameters, lr=0.001, capturable=True)
    return torch.optim.Adam(parameters, lr=0.001)


def training(
    torch: Any, device: str, how: str, model: Any, optimiser: Any,
    loss_of: Callable[..., Any], *batch: Any,
) -> Callable[[], Any]:  # fmt: skip
    """A function that takes one step with `batch` and returns the loss.

    Parameters
    ----------
    torch : module
        PyTorch or gpunet.
    how : {"eager", "compiled", "graph"}
        Compiled is all of gpunet's step; of PyTorch's, as people do it, the forward pass with the
        loss, and the backward pass that comes of it.
    loss_of : callable
        From the tensors of `batch` to the loss.

    Raises
    ------
    Unavailable
        If `how` does not work here.
    """
    if how == "compiled" and torch.__name__ == "torch":
        loss_of = compiled(torch, loss_of, *batch)

    def step(*batch: Any) -> Any:
        optimiser.zero_grad()
        loss = loss_of(*batch)
        loss.backward()
        optimiser.step()
        return loss

    if how == "compiled" and torch.__name__ != "torch":
        step = recorded(torch, step)
    if how == "graph":
        step = graphed(torch, step, batch, model, optimiser)
    return finished(torch, lambda: step(*batch), device)


def inference(torch: Any, device: str, how: str, model: Any, *batch: Any) -> Callable[[], Any]:
    """A function that returns what `model` makes of `batch`, without a tape."""

    def forward(*batch: Any) -> Any:
        with torch.no_grad():
            return model(*batch)

    if how == "compiled":
        forward = (
            compiled(torch, forward, *batch) if torch.__name__ == "torch"
            else recorded(torch, forward)
        )  # fmt: skip
    if how == "graph":
        forward = graphed(torch, forward, batch)
    return finished(torch, lambda: forward(*batch), device)


def check_of(step: Callable[[], Any], model: Any) -> Callable[[], list[float]]:
    """The loss of a step more, then the sum of each parameter's absolute values."""

    def check() -> list[float]:
        return [step().item(), *(float(abs(p.detach()).sum()) for p in model.parameters())]

    return check
