"""Mini-batches on their way to a device: in pinned memory, and one ahead."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from ...backend import CPU, Backend, Device, backend_for, backend_of, probe_cuda
from ...tensor import Tensor
from .structure import map_tensors

__all__ = ["Ahead", "check_on_host", "pinned", "pinning_backend"]


def pinning_backend() -> Backend | None:
    """The backend whose devices read pinned memory; None, and a warning, where there is none."""
    if probe_cuda().usable:
        return backend_for(Device("cuda"))
    warnings.warn(
        "DataLoader: pin_memory: there is no GPU that can be used, so memory is not pinned",
        UserWarning,
        stacklevel=3,
    )
    return None


def check_on_host(array: Any) -> None:
    """Refuse to pin what is not on the host."""
    if type(array) is not CPU.array_type:
        raise RuntimeError(
            "DataLoader: pin_memory: only tensors on the CPU can be pinned, got one on "
            f"{backend_of(array).device_of(array)}"
        )


def pinned(batch: Any, be: Backend) -> Any:
    """`batch` with copies of its tensors in memory from which `be` copies asynchronously."""

    def copied(tensor: Tensor) -> Tensor:
        array = tensor.array
        check_on_host(array)
        memory = be.pinned(array.shape, array.dtype)
        memory[...] = array
        return Tensor(memory)

    return map_tensors(copied, batch)


class Ahead:
    """Mini-batches on a device, to which the next is on its way while one is worked on.

    Parameters
    ----------
    batches : iterable
        Whose tensors may be anywhere.
    staging : Staging
        `Backend.staging` of `device`.
    device : Device
    """

    def __init__(self, batches: Iterable[Any], staging: Any, device: Device):
        self._batches = iter(batches)
        self._staging = staging
        self._device = device
        self._begun = False
        self._coming: tuple[Any, Any] | None = None
        self._error: Exception | None = None

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if not self._begun:
            self._begun = True
            self._send()
        if self._coming is None:
            error, self._error = self._error, None
            self._staging.close()
            if error is None:
                raise StopIteration
            try:
                raise error
            finally:
                del error
        (batch, ticket), self._coming = self._coming, None
        self._staging.receive(ticket)
        self._send()
        return batch

    def _send(self) -> None:
        """Send the next mini-batch on its way; an error is kept until it is that one's turn."""
        try:
            batch = next(self._batches)
        except StopIteration:
            return
        except Exception as error:
            self._error = error
            return
        arrays: list[Any] = []
        map_tensors(lambda tensor: self._note(tensor, arrays), batch)
        sent, ticket = self._staging.send(arrays)
        following = iter(sent)
        self._coming = map_tensors(lambda t: self._moved(t, following), batch), ticket

    def _by_staging(self, tensor: Tensor) -> bool:
        return type(tensor.array) is CPU.array_type and not tensor.requires_grad

    def _note(self, tensor: Tensor, arrays: list[Any]) -> None:
        if self._by_staging(tensor):
            arrays.append(tensor.array)

    def _moved(self, tensor: Tensor, following: Iterator[Any]) -> Any:
        return Tensor(next(following)) if self._by_staging(tensor) else tensor.to(self._device)

    def close(self) -> None:
        """Drop the mini-batch that is on its way."""
        self._staging.close()
        self._coming = None
        close = getattr(self._batches, "close", None)
        if close is not None:
            close()

    def __del__(self) -> None:
        if not sys.is_finalizing():
            self.close()
