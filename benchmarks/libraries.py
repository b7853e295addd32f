"""What the sides share: the library by its name, a compiled function, an awaited device."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .case import Unavailable

__all__ = ["compiled", "finished", "imported", "phase", "recorded", "set_precision"]

#: Of float32 products and convolutions, in PyTorch's words: "high" is TF32 on a GPU.
_precision = "highest"


def set_precision(precision: str) -> None:
    """Of all libraries that are `imported` from now on."""
    global _precision
    _precision = precision


def imported(name: str) -> Any:
    """PyTorch, gpunet or JAX, with the precision that is wanted."""
    library = importlib.import_module(name)
    if name == "jax":
        library.config.update("jax_default_matmul_precision", _precision)
        return library
    library.set_float32_matmul_precision(_precision)
    if name == "torch":  # whose convolutions have a switch of their own, on by default
        library.backends.cudnn.allow_tf32 = _precision != "highest"
    return library


def compiled(torch: Any, function: Callable[..., Any], *example: Any) -> Callable[..., Any]:
    """``torch.compile`` of `function`, tried on `example`.

    Raises
    ------
    Unavailable
        If it does not work here: it needs a C++ compiler, on a GPU Triton.
    """
    errors = importlib.import_module("torch._dynamo.exc")
    result = torch.compile(function)
    try:
        result(*example)
    except errors.TorchDynamoException as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise Unavailable(f"torch.compile fails: {lines[0][:200]}") from error
    return result


def recorded(gpunet: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """``gpunet.compile`` of `function`.

    Raises
    ------
    Unavailable
        If there is no such thing in this gpunet.
    """
    if not hasattr(gpunet, "compile"):
        raise Unavailable("this gpunet has no compile")
    return gpunet.compile(function)


def finished(torch: Any, step: Callable[[], Any], device: str) -> Callable[[], Any]:
    """`step`, done only when `device` is."""
    if device == "cpu":
        return step

    def wait() -> Any:
        result = step()
        torch.cuda.synchronize()
        return result

    return wait


@contextmanager
def phase(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Note in `seconds` how long the block took."""
    begin = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - begin
