"""Collating against PyTorch's, and what its errors say."""

from __future__ import annotations

from collections import OrderedDict, UserDict, namedtuple
from types import MappingProxyType

import numpy as np
import pytest
from opcheck import array_of, on_device, torch_or_none

import gpunet
from gpunet.utils.data import default_collate, default_convert

Point = namedtuple("Point", ["x", "y"])


class Tagged(dict):
    tag = "none"


def tagged(tag, **items):
    made = Tagged(items)
    made.tag = tag
    return made


def readable(batch):
    """A mini-batch of either library, with dtypes and values of its tensors."""
    if hasattr(batch, "numpy"):
        return (str(batch.dtype).removeprefix("torch."), batch.numpy().tolist())
    if isinstance(batch, np.ndarray):
        return batch.tolist()
    if isinstance(batch, dict | UserDict | MappingProxyType):
        return (type(batch).__name__, {k: readable(v) for k, v in batch.items()})
    if isinstance(batch, list | tuple):
        return (type(batch).__name__, [readable(v) for v in batch])
    return batch


def tensors_of(module, batch):
    """`batch` with the module's tensors for the lists called T."""
    if isinstance(batch, tuple) and batch and batch[0] == "T":
        return module.tensor(batch[1])
    if isinstance(batch, list):
        return [tensors_of(module, x) for x in batch]
    return batch


SAMPLES = [
    [1, 2, 3],
    [1, 2.5],
    [1.5, 2],
    [True, False],
    ["a", "b"],
    [b"a", b"b"],
    [np.float32(1), np.float32(2)],
    [np.float64(1)],
    [np.int16(1), np.int16(7)],
    [np.bool_(True)],
    [np.ones(3, np.float32), np.zeros(3, np.float32)],
    [np.ones(3, np.int64), np.zeros(3, np.float32)],
    [np.array(3), np.array(4)],
    [np.ones((0, 2)), np.ones((0, 2))],
    [("T", [1.0, 2.0]), ("T", [3.0, 4.0])],
    [("T", 1), ("T", 2.5)],
    [(1, 2.0, "a"), (3, 4.0, "b")],
    [[1, [2, 3]], [4, [5, 6]]],
    [range(3), range(3)],
    [(), ()],
    [{"a": 1, "b": (2, np.ones(2))}, {"a": 3, "b": (4, np.zeros(2))}],
    [OrderedDict(a=1), OrderedDict(a=2)],
    [MappingProxyType({"a": 1})],
    [UserDict(a=1), UserDict(a=5)],
    [tagged("first", a=1), tagged("second", a=2)],
    [Point(1, 2.0), Point(3, 4.0)],
]


@pytest.mark.parametrize("samples", SAMPLES, ids=str)
@pytest.mark.parametrize("what", ["collate", "convert"])
def test_as_pytorch_does(samples, what):
    ours = {"collate": default_collate, "convert": default_convert}[what](
        tensors_of(gpunet, samples)
    )
    torch = torch_or_none()
    if torch is None:
        pytest.skip("PyTorch is absent")
    data = torch.utils.data
    theirs = {"collate": data.default_collate, "convert": data.default_convert}[what](
        tensors_of(torch, samples)
    )
    assert readable(ours) == readable(theirs)
    assert type(ours) is type(theirs) or isinstance(ours, gpunet.Tensor)
    assert getattr(ours, "tag", None) == getattr(theirs, "tag", None)


def test_tensors_stay_on_their_device_and_on_the_tape(device):
    samples = [on_device(np.ones(3) * i, device, requires_grad=True) for i in range(4)]
    batch = default_collate(samples)
    assert str(batch.device).startswith(device)
    np.testing.assert_array_equal(array_of(batch)[:, 0], [0, 1, 2, 3])
    batch.sum().backward()
    np.testing.assert_array_equal(array_of(samples[2].grad), [1, 1, 1])


def test_arrays_share_their_memory_when_converted():
    array = np.zeros(3)
    assert np.shares_memory(default_convert([array])[0].array, array)
    words = np.array(["a"])
    assert default_convert(words) is words


@pytest.mark.parametrize(
    ("samples", "error", "text"),
    [
        ([], IndexError, "at least one sample"),
        ([None], TypeError, "found NoneType"),
        ([{"a": [1, object()]}], TypeError, r"found object at \['a'\]\[1\]"),
        ([np.array("a")], TypeError, "an array of <U1"),
        ([np.datetime64("2020")], TypeError, "datetime64"),
        ([1, None], TypeError, "expected a number .* sample 1 has NoneType"),
        ([np.ones(2), 1], TypeError, "expected an array .* sample 1 has int"),
        ([gpunet.ones(2), np.ones(2)], TypeError, "expected a tensor .* sample 1 has ndarray"),
        ([{"a": 1}, 3], TypeError, "expected a mapping"),
        ([[1], 3], TypeError, "expected a sequence"),
        ([{"a": 1}, {"b": 1}], KeyError, "sample 1 of the mini-batch lacks the key 'a'"),
        ([(1, 2), (1,)], RuntimeError, "sample 0 .* has 2 parts and sample 1 has 1"),
        (
            [(0, {"image": np.ones((3, 2))})] * 2 + [(0, {"image": np.ones((3, 1))})],
            RuntimeError,
            r"equal size at \[1\]\['image'\], but got \[3, 2\] in sample 0 .* and \[3, 1\] in "
            "sample 2",
        ),
        ([gpunet.ones(2), gpunet.ones(3)], RuntimeError, r"\[2\] in sample 0 .* \[3\] in sample 1"),
    ],
)
def test_errors_say_where(samples, error, text):
    with pytest.raises(error, match=text):
        default_collate(samples)
