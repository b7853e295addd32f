"""PyTorch's steps as CUDA graphs: recorded once, replayed with one launch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .case import Unavailable

__all__ = ["graphed"]

#: Steps before the recording: libraries choose their algorithms and allocate in them.
_WARM_UP = 3


def graphed(
    torch: Any, step: Callable[..., Any], batch: Sequence[Any], model: Any = None,
    optimiser: Any = None,
) -> Callable[..., Any]:  # fmt: skip
    """`step` recorded with ``torch.cuda.CUDAGraph``; called with a batch, it copies it in first.

    The warm-up leaves no trace in the state of `model` and `optimiser`: afterwards this side has
    taken as many steps as the others.

    Raises
    ------
    Unavailable
        If PyTorch cannot record `step`.
    """
    static = [array.clone() for array in batch]
    state = [] if model is None else list(model.state_dict().values())
    kept = [array.clone() for array in state]
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(_WARM_UP):
            step(*static)
    torch.cuda.current_stream().wait_stream(beside)
    with torch.no_grad():
        for array, before in zip(state, kept):
            array.copy_(before)
        for of_parameter in () if optimiser is None else optimiser.state.values():
            for array in of_parameter.values():
                array.zero_()
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph):
            result = step(*static)
    except RuntimeError as error:
        raise Unavailable(f"CUDA graph: {str(error).splitlines()[0][:200]}") from error

    def replay(*batch: Any) -> Any:
        for place, array in zip(static, batch):
            place.copy_(array)
        graph.replay()
        return result

    return replay
