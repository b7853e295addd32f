"""Sequences of different lengths in one batch, as ``torch.nn.utils.rnn``.

A packed batch holds the steps one after the other and in each only the sequences that are not
over, the longest first, so that a recurrent layer computes nothing for padding::

    a1 a2 a3                  data         a1 b1 c1 a2 b2 a3
    b1 b2        packed is    batch_sizes  3        2     1
    c1
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from ...autograd import Variable
from ...backend import backend_of
from ...functions.axes import transpose
from ...functions.creation import full
from ...functions.data import as_tensor, from_numpy
from ...functions.joining import cat, stack
from ...functions.scatter import index_select
from ...functions.shape import reshape

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class _Fields(NamedTuple):
    data: Any
    batch_sizes: Any
    sorted_indices: Any
    unsorted_indices: Any


class PackedSequence(_Fields):
    """Sequences of different lengths; made by `pack_padded_sequence` or `pack_sequence`.

    Attributes
    ----------
    data : Tensor of shape (R, ...)
        The elements, step by step.
    batch_sizes : Tensor of shape (T,)
        For each step the number of sequences that have it; always on the CPU.
    sorted_indices : Tensor of shape (N,), or None
        Which sequence of the batch as it was given is the longest, the next, and so on.
    unsorted_indices : Tensor of shape (N,), or None
        The inverse.
    """

    def __new__(
        cls,
        data: Any,
        batch_sizes: Any = None,
        sorted_indices: Any = None,
        unsorted_indices: Any = None,
    ) -> PackedSequence:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:
            if not (isinstance(data, list | tuple) and len(data) == 2):
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        elif not isinstance(batch_sizes.array, np.ndarray):
            raise ValueError(
                "batch_sizes should always be on CPU; make packed sequences with pack_sequence or "
                "pack_padded_sequence"
            )
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    @property
    def is_cuda(self) -> bool:
        """Whether the elements are on a GPU."""
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        """Whether the elements are in pinned memory."""
        return self.data.is_pinned()

    def pin_memory(self) -> PackedSequence:
        """The same in pinned memory."""
        return self._each(lambda t: t.pin_memory())

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same with the elements on another device or of another dtype (see `Tensor.to`)."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        indices = [
            None if t is None else t.to(data.device)
            for t in (self.sorted_indices, self.unsorted_indices)
        ]
        return type(self)(data, self.batch_sizes, *indices)

    def cpu(self) -> PackedSequence:
        """The same on the CPU."""
        return self.to("cpu")

    def cuda(self, device: Any = "cuda") -> PackedSequence:
        """The same on a GPU."""
        return self.to(device)

    def double(self) -> PackedSequence:
        """The same in float64."""
        return self.to(np.float64)

    def float(self) -> PackedSequence:
        """The same in float32."""
        return self.to(np.float32)

    def _each(self, change: Callable[[Any], Any]) -> PackedSequence:
        indices = (self.sorted_indices, self.unsorted_indices)
        return type(self)(
            change(self.data),
            self.batch_sizes,
            *[None if t is None else change(t) for t in indices],
        )


def invert_permutation(permutation: Any) -> Any:
    """The permutation that undoes `permutation`; None for None."""
    if permutation is None:
        return None
    array = permutation.array
    inverse = backend_of(array).empty(array.shape, array.dtype)
    inverse[array] = backend_of(array).xp.arange(array.size, dtype=array.dtype)
    return type(permutation)(inverse)


def _sizes(lengths: np.ndarray) -> np.ndarray:
    """For each step the number of sequences; `lengths` descend."""
    return (lengths[None, :] > np.arange(lengths[0])[:, None]).sum(axis=1)


def _rows(data: Any, rows: np.ndarray) -> Any:
    """Rows of `data` by their numbers."""
    return index_select(data, 0, from_numpy(rows).to(data.device))


def pack_padded_sequence(
    input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack a padded batch.

    Parameters
    ----------
    input : Tensor of shape (T, N, ...)
        With `batch_first` (N, T, ...).
    lengths : Tensor or list of N int
        On the CPU.
    batch_first : bool
    enforce_sorted : bool
        The sequences are in descending order of length; otherwise they are sorted here, which the
        layers and `pad_packed_sequence` undo.

    Raises
    ------
    RuntimeError
        If a length is not from 1 to T, their number is not N, they do not descend where they
        should, or they are not on the CPU.
    """
    if isinstance(lengths, Variable) and not isinstance(lengths.array, np.ndarray):
        raise RuntimeError(
            "'lengths' argument should be a 1D CPU int64 tensor, but it is on "
            f"{backend_of(lengths.array).device_of(lengths.array)}"
        )
    known = np.asarray(as_tensor(lengths).array)
    if known.ndim != 1:
        raise RuntimeError(
            f"'lengths' argument should be a 1D CPU int64 tensor, but got {known.ndim}D "
            f"{known.dtype}"
        )
    known = known.astype(np.int64)
    order = None
    if not enforce_sorted:
        order = np.argsort(-known, kind="stable")
        known = known[order]
    shape = input.array.shape
    if len(shape) < 2 or 0 in shape:
        raise RuntimeError(f"Cannot pack empty tensors: input has shape {shape}")
    N, T = shape[:2] if batch_first else (shape[1], shape[0])
    if known.size != N:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {known.size} "
            f"(batch_size={N})"
        )
    if (known <= 0).any():
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            f"that is {known.min()}"
        )
    if (known[1:] > known[:-1]).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You "
            "can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to "
            "sidestep this requirement if you do not need ONNX exportability."
        )
    if known[0] > T:
        raise RuntimeError(
            f"Expected lengths of at most {T}, the steps of input, but got {known[0]}"
        )
    sizes = _sizes(known)
    step, i = np.nonzero(np.arange(N)[None, :] < sizes[:, None])
    if order is not None:
        i = order[i]
    rows = i * T + step if batch_first else step * N + i
    flat = reshape(input, (T * N, *shape[2:]))
    data = flat if rows.size == T * N and (np.diff(rows) == 1).all() else _rows(flat, rows)
    indices = None if order is None else from_numpy(order).to(input.device)
    return PackedSequence(data, from_numpy(sizes), indices)


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Any, Any]:
    """The padded batch of a packed one, the sequences in their first order, and their lengths.

    Parameters
    ----------
    sequence : PackedSequence
    batch_first : bool
        Give shape (N, T, ...) in place of (T, N, ...).
    padding_value : float
    total_length : int, optional
        T; by default that of the longest sequence.

    Returns
    -------
    (Tensor, Tensor)
        The second holds the lengths, int64, on the CPU.

    Raises
    ------
    ValueError
        If `total_length` is less than the longest sequence.
    """
    data, batch_sizes, _, unsorted = sequence
    sizes = batch_sizes.array
    T, N = sizes.size, int(sizes[0])
    if total_length is not None:
        if total_length < T:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, "
                f"but got total_length={total_length} and max sequence length being {T}"
            )
        T = total_length
    lengths = (sizes[:, None] > np.arange(N)[None, :]).sum(axis=0)
    R = data.array.shape[0]
    rows = np.full((T, N), R)
    step, i = np.nonzero(np.arange(N)[None, :] < sizes[:, None])
    rows[step, i] = np.arange(R)
    if unsorted is not None:
        order = np.asarray(unsorted.cpu().array)
        rows, lengths = rows[:, order], lengths[order]
    if batch_first:
        rows = rows.T
    if rows.size > R:
        rest = data.array.shape[1:]
        blank = full((1, *rest), padding_value, dtype=data.dtype, device=data.device)
        data = cat([data, blank])
    padded = reshape(_rows(data, rows.ravel()), (*rows.shape, *data.array.shape[1:]))
    return padded, from_numpy(lengths)


def pad_sequence(
    sequences: Any,
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Any:
    """A batch of sequences of different lengths, filled up with `padding_value`.

    Parameters
    ----------
    sequences : iterable of Tensor of shape (L, ...)
    batch_first : bool
        Give shape (N, T, ...) in place of (T, N, ...); T is the longest L.
    padding_value : float
    padding_side : {"right", "left"}

    Raises
    ------
    RuntimeError
        If there are no sequences, they are no tensors, their other axes differ, or
        `padding_side` is another word.
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    sequences = tuple(sequences)
    if not sequences:
        raise RuntimeError("pad_sequence: received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}"
        )
    rest = sequences[0].array.shape[1:]
    for k, sequence in enumerate(sequences):
        if sequence.array.shape[1:] != rest or sequence.array.ndim == 0:
            raise RuntimeError(
                f"pad_sequence: expected all sequences of shape (L, {', '.join(map(str, rest))}), "
                f"but sequence {k} has shape {sequence.array.shape}"
            )
    T = max(sequence.array.shape[0] for sequence in sequences)
    padded = []
    for sequence in sequences:
        missing = T - sequence.array.shape[0]
        if missing:
            blank = full(
                (missing, *rest), padding_value, dtype=sequence.dtype, device=sequence.device
            )
            sequence = cat([sequence, blank] if padding_side == "right" else [blank, sequence])
        padded.append(sequence)
    return stack(padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Any, lengths: Any, batch_first: bool = False) -> list[Any]:
    """The sequences of a padded batch.

    Parameters
    ----------
    padded_sequences : Tensor of shape (T, N, ...)
        With `batch_first` (N, T, ...).
    lengths : Tensor or list of N int
    batch_first : bool
    """
    if not batch_first:
        padded_sequences = transpose(padded_sequences, 0, 1)
    known = as_tensor(lengths).cpu().tolist()
    if len(known) != padded_sequences.array.shape[0]:
        raise ValueError(
            f"lengths: expected one for each of the {padded_sequences.array.shape[0]} sequences, "
            f"got {len(known)}"
        )
    return [padded_sequences[i, :length] for i, length in enumerate(known)]


def pack_sequence(sequences: Any, enforce_sorted: bool = True) -> PackedSequence:
    """Pack a list of sequences of shape (L, ...); see `pack_padded_sequence`."""
    lengths = [sequence.array.shape[0] for sequence in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Any]:
    """The sequences of a packed batch, in their first order."""
    return unpad_sequence(*pad_packed_sequence(packed_sequences, batch_first=True), True)
