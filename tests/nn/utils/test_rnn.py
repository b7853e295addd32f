"""Packed and padded sequences."""

import numpy as np
import pytest
from opcheck import array_of, check_op, on_device, torch_or_none

import gpunet
from gpunet.nn.utils.rnn import (
    PackedSequence,
    invert_permutation,
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    pad_sequence,
    unpack_sequence,
    unpad_sequence,
)

LENGTHS = [[3, 2, 2], [2, 4, 1, 4], [1], [5, 5]]


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("total", [None, 6])
def test_packing_and_padding(lengths, batch_first, total, device):
    shape = (len(lengths), 5, 2) if batch_first else (5, len(lengths), 2)
    x = np.random.default_rng(0).standard_normal(shape)

    def both(library, rnn):
        def function(x):
            packed = rnn.pack_padded_sequence(x, lengths, batch_first, enforce_sorted=False)
            padded, back = rnn.pad_packed_sequence(packed, batch_first, 7.0, total)
            assert back.tolist() == lengths
            return packed.data, padded

        return function

    import gpunet.nn.utils.rnn as ours

    theirs = None
    if torch_or_none() is not None:
        import torch.nn.utils.rnn as module

        theirs = both(torch_or_none(), module)
    check_op(both(gpunet, ours), x, device=device, torch_function=theirs)


def test_layout(device):
    a, b, c = (on_device(np.array(v, np.float32), device) for v in ([1, 2, 3], [4, 5], [6]))
    packed = pack_sequence([a, b, c])
    assert array_of(packed.data).tolist() == [1, 4, 6, 2, 5, 3]
    assert packed.batch_sizes.tolist() == [3, 2, 1]
    assert packed.sorted_indices is None
    packed = pack_sequence([c, a, b], enforce_sorted=False)
    assert array_of(packed.data).tolist() == [1, 4, 6, 2, 5, 3]
    assert array_of(packed.sorted_indices).tolist() == [1, 2, 0]
    assert array_of(packed.unsorted_indices).tolist() == [2, 0, 1]
    back = [array_of(s).tolist() for s in unpack_sequence(packed)]
    assert back == [[6], [1, 2, 3], [4, 5]]


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("side", ["left", "right"])
def test_pad_and_unpad(batch_first, side, device):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((n, 2)) for n in (2, 4, 0, 1)]

    def ours(*tensors):
        return pad_sequence(tensors, batch_first, -1.0, side)

    def theirs(*tensors):
        return torch_or_none().nn.utils.rnn.pad_sequence(list(tensors), batch_first, -1.0, side)

    check_op(ours, *arrays, device=device, torch_function=theirs)
    if side == "right":
        padded = ours(*[on_device(a, device) for a in arrays])
        for got, a in zip(unpad_sequence(padded, [2, 4, 0, 1], batch_first), arrays):
            np.testing.assert_array_equal(array_of(got), a)


def test_other_dtypes_and_devices(cuda):
    packed = pack_sequence([gpunet.ones(1), gpunet.ones(2)], enforce_sorted=False)
    assert packed.to("cpu") is packed
    there = packed.cuda()
    assert there.is_cuda
    assert not packed.is_cuda
    assert not isinstance(there.sorted_indices.array, np.ndarray)
    assert isinstance(there.batch_sizes.array, np.ndarray)
    assert array_of(there.cpu().unsorted_indices).tolist() == [1, 0]
    assert packed.double().data.dtype == np.float64
    assert packed.double().float().data.dtype == np.float32
    assert invert_permutation(None) is None
    with pytest.raises(ValueError, match="batch_sizes should always be on CPU"):
        PackedSequence(there.data, there.data)


def test_made_by_hand():
    packed = PackedSequence((gpunet.ones(3), gpunet.tensor([2, 1])))
    assert packed.batch_sizes.tolist() == [2, 1]
    with pytest.raises(AssertionError, match="length 2"):
        PackedSequence(gpunet.ones(3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: pack_padded_sequence(x, [3, 0]), RuntimeError, "greater than 0"),
        (lambda x: pack_padded_sequence(x, [1, 3]), RuntimeError, "decreasing order"),
        (lambda x: pack_padded_sequence(x, [3]), RuntimeError, "equal to batch_size"),
        (lambda x: pack_padded_sequence(x, [4, 1]), RuntimeError, "at most 3"),
        (lambda x: pack_padded_sequence(x, [[3, 1]]), RuntimeError, "1D CPU int64"),
        (lambda x: pack_padded_sequence(x[:0], [3, 1]), RuntimeError, "empty tensors"),
        (lambda x: pad_sequence([]), RuntimeError, "empty list"),
        (lambda x: pad_sequence(3), RuntimeError, "Expected iterable"),
        (lambda x: pad_sequence([x], padding_side="x"), RuntimeError, "left or right, but got x"),
        (lambda x: pad_sequence([x, x[:, :1]]), RuntimeError, "sequence 1 has shape"),
        (lambda x: unpad_sequence(x, [1]), ValueError, "one for each of the 2"),
        (
            lambda x: pad_packed_sequence(pack_padded_sequence(x, [3, 1]), total_length=2),
            ValueError,
            "total_length=2",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(gpunet.zeros(3, 2))


def test_lengths_on_a_gpu_are_refused(cuda):
    lengths = gpunet.tensor([3, 1]).to(cuda)
    with pytest.raises(RuntimeError, match="CPU int64 tensor, but it is on cuda"):
        pack_padded_sequence(gpunet.zeros(3, 2).to(cuda), lengths)
