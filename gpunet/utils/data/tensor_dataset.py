"""`TensorDataset`: samples that lie in tensors."""

from __future__ import annotations

from typing import Any

from ...tensor import Tensor
from .dataset import Dataset

__all__ = ["TensorDataset"]


class TensorDataset(Dataset):
    """Samples that lie in tensors: sample i is the i-th row of each.

    Parameters
    ----------
    *tensors : Tensor
        With the same length and on the same device: images and labels, for example.

    Raises
    ------
    TypeError
        If one of them is no tensor.
    ValueError
        If there are none, or their lengths or devices differ.
    """

    def __init__(self, *tensors: Tensor):
        if not tensors:
            raise ValueError("TensorDataset: expected at least one tensor")
        for i, tensor in enumerate(tensors):
            if not isinstance(tensor, Tensor):
                raise TypeError(
                    f"TensorDataset: argument {i} is a {type(tensor).__name__}, not a tensor"
                )
        if any(not tensor.shape for tensor in tensors):
            raise ValueError("TensorDataset: a tensor of no axes has no samples")
        lengths = [tensor.shape[0] for tensor in tensors]
        if len(set(lengths)) > 1:
            raise ValueError(f"TensorDataset: the tensors must have the same length, got {lengths}")
        places = [str(tensor.device) for tensor in tensors]
        if len(set(places)) > 1:
            raise ValueError(f"TensorDataset: the tensors must be on one device, got {places}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple([tensor[index] for tensor in self.tensors])

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def to(self, device: Any) -> TensorDataset:
        """A data set of the same samples on `device`; this one if they are there already.

        Mini-batches are then shuffled, gathered and augmented on `device`: none has to travel.

        Raises
        ------
        DeviceError
            If `device` cannot be used.
        OutOfMemoryError
            If the tensors do not fit on it.
        """
        from .moving import tensors_on

        return tensors_on(self, device)
