import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opcheck import array_of, check_op, on_device, torch_or_none

import gpunet
from gpunet.autograd.changes import CHANGES

RNG = np.random.default_rng(0)
MASK = RNG.random((3, 4)) < 0.5

# Indices into a tensor of shape (3, 4, 5). Arrays become tensors.
INDICES = {
    "integer": 1,
    "negative": -1,
    "integers": (1, -2, 3),
    "slice": slice(1, None),
    "slices": (slice(None), slice(1, -1), slice(None, None, 2)),
    "empty slice": slice(2, 1),
    "far slice": slice(-10, 10),
    "ellipsis": (..., 2),
    "ellipsis alone": ...,
    "nothing": (),
    "new axis": (None, 1, None),
    "new axis behind ellipsis": (..., None),
    "NumPy integer": np.int64(2),
    "mask": MASK,
    "mask of first axis": np.array([True, False, True]),
    "whole mask": RNG.random((3, 4, 5)) < 0.3,
    "mask and slice": (MASK, slice(1, 3)),
    "mask behind": (slice(None), RNG.random((4, 5)) < 0.5),
    "mask list": [True, False, True],
    "true": True,
    "false": False,
    "mask of nothing": np.zeros((3, 4), bool),
    "array": np.array([2, 0, 2, -1]),
    "matrix of indices": np.array([[2, 0], [1, 1]]),
    "int32": np.array([2, 0], np.int32),
    "list": [2, 0, 2],
    "tuple of lists": ([2, 0], [1, 3]),
    "empty list": [],
    "range": range(2),
    "array of no axes": np.array(2),
    "pairs": (np.array([0, 1, 2]), np.array([3, 0, 3])),
    "broadcast": (np.array([[0], [2]]), np.array([3, 0, 3])),
    "array and slice": (slice(1, None), np.array([3, 3, 0])),
    "apart": (np.array([0, 1]), slice(None), np.array([4, 4])),
    "apart, behind a slice": (slice(None), np.array([0, 1]), np.array([4, 4])),
    "integer then array": (0, slice(None), np.array([1, 3])),
    "integer, array": (0, np.array([1, 3])),
    "new axis, array": (None, np.array([1, 1])),
    "array, new axis": (np.array([1, 1]), None, slice(1, 3)),
    "ellipsis, array": (..., np.array([4, 0])),
    "array, ellipsis, array": (np.array([1, 0]), ..., np.array([4, 0])),
    "mask and array": (np.array([True, False, True]), np.array([3, 3])),
}


def both(index, device):
    """The index for gpunet and for PyTorch."""
    torch = torch_or_none()

    def convert(item, tensor):
        return tensor(item) if isinstance(item, np.ndarray) else item

    def whole(tensor):
        if isinstance(index, tuple):
            return tuple(convert(item, tensor) for item in index)
        return convert(index, tensor)

    return whole(lambda x: on_device(x, device)), whole(torch.tensor) if torch else None


@pytest.mark.parametrize("name", INDICES)
def test_getitem(device, name):
    ours, theirs = both(INDICES[name], device)
    check_op(
        lambda x: x[ours],
        RNG.standard_normal((3, 4, 5)),
        device=device,
        torch_function=lambda x: x[theirs],
    )


@pytest.mark.parametrize("name", [n for n in INDICES if "matrix" not in n])
def test_setitem_on_the_tape(device, name):
    ours, theirs = both(INDICES[name], device)
    if name in ("array", "list", "tuple of lists", "array and slice", "new axis, array"):
        ours, theirs = both(np.array([2, 0]), device)  # which of two equal places wins is open
    elif name in ("array, new axis", "mask and array", "apart, behind a slice", "broadcast"):
        pytest.skip("duplicates")
    x = RNG.standard_normal((3, 4, 5))
    shape = x[INDICES[name]].shape if "array" not in name and "list" not in name else None
    values = [RNG.standard_normal(())]
    if shape is not None:
        values.append(RNG.standard_normal(shape[-2:]))
        if shape and shape[-1] > 1:
            values.append(RNG.standard_normal((1, *shape[:-1], 1)[-4:] if len(shape) > 2 else ()))

    def put(x, v, index):
        x = x * 1
        x[index] = v
        return x

    for v in values:
        check_op(
            lambda x, v: put(x, v, ours),
            x,
            v,
            device=device,
            torch_function=lambda x, v: put(x, v, theirs),
        )
    check_op(
        lambda x: put(x, 2.5, ours), x, device=device, torch_function=lambda x: put(x, 2.5, theirs)
    )


@pytest.mark.parametrize("name", ["slices", "mask", "whole mask", "pairs", "apart", "integer"])
def test_setitem_in_place(device, name):
    index = INDICES[name]
    ours, _ = both(index, device)
    for value in (7, RNG.standard_normal(np.zeros((3, 4, 5))[index].shape)):
        x = RNG.standard_normal((3, 4, 5))
        expected = x.copy()
        expected[index] = value
        tensor = on_device(x, device)
        alias, moment = tensor.detach(), CHANGES.last
        tensor[ours] = value if isinstance(value, int) else on_device(value, device)
        np.testing.assert_array_equal(array_of(alias), expected)
        assert CHANGES.since(moment, tensor.array)


def test_setitem_makes_a_leaf_part_of_the_graph(device):
    out = on_device(np.zeros((2, 3)), device)
    v = on_device(np.ones(3), device, True)
    out[0] = v * 2
    out[1] = v * 3
    assert out.requires_grad
    (out * on_device(np.arange(6.0).reshape(2, 3), device)).sum().backward()
    np.testing.assert_array_equal(array_of(v.grad), [9, 14, 19])


def test_setitem_refuses_a_leaf(device):
    x = on_device(np.zeros(3), device, True)
    with pytest.raises(RuntimeError, match="leaf"):
        x[0] = 1
    with gpunet.no_grad():
        x[0] = 1
    assert array_of(x)[0] == 1
    y = (x * x).sum()
    with gpunet.no_grad():
        x[0] = 2
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_setitem_converts_and_broadcasts(device):
    x = on_device(np.zeros((2, 3), "float32"), device)
    x[0] = np.arange(3.0)
    x[1, 1:] = [4, 5]
    x[1, 0] = gpunet.tensor(9)  # a number on the CPU goes anywhere
    np.testing.assert_array_equal(array_of(x), [[0, 1, 2], [9, 4, 5]])
    with pytest.raises(RuntimeError, match=r"\[2\] cannot be broadcast .* \[3\]"):
        x[0] = on_device(np.zeros(2), device)
    with pytest.raises(RuntimeError, match="single memory location"):
        x.expand(4, 2, 3)[0] = 1


INDEX_ERRORS = [
    (5, IndexError, "5"),
    ((0, -5), IndexError, "-5"),
    ((0, 0, 0), IndexError, "too many indices"),
    (slice(None, None, -1), ValueError, "step must be greater than zero"),
    (([0], slice(None, None, -1)), ValueError, "step must be greater than zero"),
    ([3], IndexError, "index 3 is out of bounds"),
    ([0, -4], IndexError, "index -4 is out of bounds"),
    ([1.0], IndexError, "long, int or bool tensors, got float64"),
    ("a", IndexError, "must be long"),
    ([True, False], IndexError, r"mask \[2\] at index 0 .*\[3, 4\]"),
    (np.array([1], np.uint8), IndexError, "uint8; make it"),
    (([0, 1], [0, 1, 2]), IndexError, "(?i)broadcast|shape mismatch"),
]


@pytest.mark.parametrize("number", range(len(INDEX_ERRORS)))
def test_index_errors(device, number):
    index, kind, message = INDEX_ERRORS[number]
    x = on_device(np.zeros((3, 4)), device)
    with pytest.raises(kind) as caught:
        x[index]
    assert re.search(message, str(caught.value)), str(caught.value)
    with pytest.raises(kind):
        x[index] = 1


def test_index_on_another_device(cuda):
    x = gpunet.tensor([1.0, 2.0])
    with pytest.raises(RuntimeError, match="cpu"):
        x[on_device(np.array([0]), cuda)]
    y = on_device(np.array([1.0, 2.0]), cuda)
    np.testing.assert_array_equal(array_of(y[gpunet.tensor([1])]), [2])
    with pytest.raises(RuntimeError, match="value is on cpu"):
        y[:] = x


# --- random indices ------------------------------------------------------------------------------


@st.composite
def expressions(draw):
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    items, axis, arrays = [], 0, None
    ellipsis = False
    while axis < len(shape) and len(items) < 6:
        n = shape[axis]
        kind = draw(st.sampled_from(["int", "slice", "none", "dots", "array", "mask", "stop"]))
        if kind == "int":
            items.append(draw(st.integers(-n, n - 1)))
        elif kind == "slice":
            step = draw(st.one_of(st.none(), st.integers(1, 3)))
            bound = st.one_of(st.none(), st.integers(-n - 1, n + 1))
            items.append(slice(draw(bound), draw(bound), step))
        elif kind == "array":
            if arrays is None:
                arrays = draw(st.lists(st.integers(1, 3), max_size=2))
            items.append(
                np.array(draw(st.lists(st.integers(-n, n - 1), min_size=9, max_size=9)))[
                    : int(np.prod(arrays))
                ].reshape(arrays)
            )
            if not arrays:
                arrays = None
        elif kind == "mask" and arrays is None:
            items.append(np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n))))
            arrays = [int(items[-1].sum())]
            if arrays[0] == 0 or arrays[0] > 9:
                arrays = [1]  # broadcasts with nothing, and with itself
        elif kind == "none":
            items.append(None)
            continue
        elif kind == "dots" and not ellipsis:
            items.append(...)
            ellipsis = True
            break
        elif kind == "stop":
            break
        else:
            continue
        axis += 1
    return shape, tuple(items)


@settings(max_examples=150, deadline=None)
@given(expressions(), st.randoms(use_true_random=False))
def test_random_indices_as_pytorch(expression, random):
    torch = torch_or_none()
    if torch is None:
        pytest.skip("needs PyTorch")
    shape, index = expression
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape) + 1.0
    for device in ("cpu", "cuda"):
        try:
            backend = on_device(array, device, True)
        except (RuntimeError, ImportError):
            continue
        ours, theirs = both(index, device)
        other = torch.tensor(array, requires_grad=True)
        expected = other[theirs]
        result = backend[ours]
        assert result.shape == tuple(expected.shape)
        np.testing.assert_array_equal(array_of(result), expected.detach().numpy())
        weights = np.random.default_rng(0).standard_normal(result.shape)
        (result * on_device(weights, device)).sum().backward()
        (expected * torch.tensor(weights)).sum().backward()
        np.testing.assert_allclose(array_of(backend.grad), other.grad.numpy(), rtol=1e-12)


# --- functions -----------------------------------------------------------------------------------

INDEX = np.array([[0, 2, 1, 0], [2, 2, 0, 1]])
FUNCTIONS = {
    "gather": (lambda m, x, i: m.gather(x, 0, i), (3, 4), INDEX),
    "gather last": (lambda m, x, i: x.gather(-1, i), (2, 5), INDEX),
    "gather corner": (lambda m, x, i: x.gather(1, i), (4, 5, 3), INDEX.reshape(2, 2, 2)),
    "take_along_dim": (lambda m, x, i: m.take_along_dim(x, i, 1), (1, 5), INDEX),
    "take_along_dim flat": (lambda m, x, i: m.take_along_dim(x, i), (2, 5), INDEX),
    "take": (lambda m, x, i: m.take(x, i), (2, 5), INDEX),
    "index_select": (lambda m, x, i: m.index_select(x, 1, i), (2, 5, 2), INDEX[0]),
    "index_select front": (lambda m, x, i: x.index_select(0, i), (5, 2), INDEX[0]),
    "scatter": (
        lambda m, x, i, s: m.scatter(x, 0, i, s),
        (3, 4),
        np.array([[0, 2], [2, 1]]),
        (2, 2),
    ),
    "scatter part of src": (lambda m, x, i, s: m.scatter(x, 0, i, s), (3, 4), INDEX[:1], (3, 4)),
    "scatter last": (
        lambda m, x, i, s: x.scatter(1, i, s),
        (3, 5),
        np.array([[0, 4], [3, 1]]),
        (2, 2),
    ),
    "scatter number": (lambda m, x, i: x.scatter(1, i, 1.5), (2, 5), INDEX),
    "scatter value": (lambda m, x, i: x.scatter(1, i, value=1.5), (2, 5), INDEX),
    "scatter_add": (lambda m, x, i, s: m.scatter_add(x, 1, i, s), (3, 5), INDEX, (2, 4)),
    "scatter_add part of src": (
        lambda m, x, i, s: m.scatter_add(x, 1, i, s),
        (3, 5),
        INDEX,
        (3, 4),
    ),
    "scatter_add front": (lambda m, x, i, s: x.scatter_add(0, i, s), (3, 4), INDEX, (2, 4)),
    "index_add": (lambda m, x, i, s: m.index_add(x, 0, i, s), (3, 2), INDEX[0], (4, 2)),
    "index_add alpha": (
        lambda m, x, i, s: x.index_add(1, i, s, alpha=-2),
        (2, 3),
        INDEX[0],
        (2, 4),
    ),
    "index_copy": (lambda m, x, i, s: x.index_copy(1, i, s), (2, 3), np.array([2, 0]), (2, 2)),
    "index_fill": (lambda m, x, i: x.index_fill(1, i, 0.5), (2, 3), np.array([2, 0, 2])),
    "where": (lambda m, x, c, y: m.where(c, x, y), (3, 1), MASK, (4,)),
    "where number": (lambda m, x, c: m.where(c, x, 2), (3, 4), MASK),
    "where numbers": (lambda m, x, c: m.where(c, 0.0, x), (3, 4), MASK),
    "where method": (lambda m, x, c, y: x.where(c, y), (4,), MASK, ()),
    "masked_fill": (lambda m, x, c: m.masked_fill(x, c, 3), (2, 3, 4), MASK),
    "masked_fill wide": (lambda m, x, c: x.masked_fill(c, -np.inf).exp(), (4,), MASK),
    "masked_fill tensor": (lambda m, x, c, v: x.masked_fill(c, v), (3, 4), MASK, ()),
    "masked_select": (lambda m, x, c: m.masked_select(x, c), (2, 1, 4), MASK),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(device, name):
    function, *operands = FUNCTIONS[name]
    arrays = [RNG.standard_normal(x) if isinstance(x, tuple) else x for x in operands]
    check_op(
        lambda *xs: function(gpunet, *xs),
        *arrays,
        device=device,
        # PyTorch has no gradient where the index is smaller than src.
        torch_function=None if "part of" in name else lambda *xs: function(torch_or_none(), *xs),
    )


IN_PLACE = {
    "scatter_": (lambda x, i, s: x.scatter_(0, i, s), INDEX[:1], (1, 4)),
    "scatter_ number": (lambda x, i: x.scatter_(0, i, 3.0), INDEX),
    "scatter_add_": (lambda x, i, s: x.scatter_add_(0, i, s), INDEX, (2, 4)),
    "index_add_": (lambda x, i, s: x.index_add_(1, i, s), INDEX[0], (3, 4)),
    "index_copy_": (lambda x, i, s: x.index_copy_(1, i, s), np.array([2, 0]), (3, 2)),
    "index_fill_": (lambda x, i: x.index_fill_(0, i, -1), np.array([2, 0])),
    "masked_fill_": (lambda x, c: x.masked_fill_(c, 2), MASK),
    "masked_fill_ wide": (lambda x, c: x.masked_fill_(c, 2), MASK[0]),
    "masked_fill_ tensor": (lambda x, c, v: x.masked_fill_(c, v), MASK, ()),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place_forms(device, name):
    function, *operands = IN_PLACE[name]
    arrays = [RNG.standard_normal(x) if isinstance(x, tuple) else x for x in operands]
    x = RNG.standard_normal((3, 4))
    # On the tape.
    check_op(
        lambda x, *xs: function(x * 1, *xs),
        x,
        *arrays,
        device=device,
        torch_function=lambda x, *xs: function(x * 1, *xs),
    )
    # Off the tape: in the same memory, with the same result.
    tensor, rest = on_device(x, device), [on_device(a, device) for a in arrays]
    alias = tensor.detach()
    assert function(tensor, *rest) is tensor
    np.testing.assert_array_equal(
        array_of(alias), array_of(function(on_device(x, device, True) * 1, *rest))
    )
    with pytest.raises(RuntimeError, match="leaf"):
        function(on_device(x, device, True), *rest)


def test_integers_accumulate(device):
    for dtype in (np.int64, np.int32):
        x = on_device(np.zeros(3, dtype), device)
        i = on_device(np.array([0, 2, 0]), device)
        x.scatter_add_(0, i, on_device(np.array([1, -5, 3], dtype), device))
        np.testing.assert_array_equal(array_of(x), [4, 0, -5])


def test_nonzero(device):
    torch = torch_or_none()
    for array in (MASK, np.zeros((2, 3)), np.array(3.0), np.array(0), np.zeros((0, 2)), np.eye(3)):
        x = on_device(array, device)
        places = gpunet.nonzero(x)
        assert places.dtype == gpunet.int64
        if torch:
            theirs = torch.tensor(array)
            np.testing.assert_array_equal(array_of(places), theirs.nonzero().numpy())
            ours, expected = x.nonzero(as_tuple=True), theirs.nonzero(as_tuple=True)
            assert len(ours) == len(expected)
            for a, b in zip(ours, expected):
                np.testing.assert_array_equal(array_of(a), b.numpy())
    np.testing.assert_array_equal(
        array_of(gpunet.where(on_device(MASK, device))[1]), np.nonzero(MASK)[1]
    )


def test_where_dtypes(device):
    c = on_device(np.array([True, False]), device)
    i, f = on_device(np.array([1, 2]), device), on_device(np.ones(2, "float32"), device)
    assert gpunet.where(c, i, f).dtype == gpunet.float32
    assert gpunet.where(c, i, 1.5).dtype == gpunet.float32
    assert gpunet.where(c, f, 1).dtype == gpunet.float32
    assert gpunet.where(c, 1, 2).dtype == gpunet.int64
    assert gpunet.where(c, 1.0, 2).dtype == gpunet.float32


FUNCTION_ERRORS = {
    "gather rank": (lambda x, i: x.gather(0, i[0]), RuntimeError, "as many dimensions"),
    "gather size": (lambda x, i: x[:, :2].gather(0, i), RuntimeError, "exceeds"),
    "gather dim": (lambda x, i: x.gather(2, i), IndexError, "dim"),
    "gather mask": (lambda x, i: x.gather(0, i > 0), RuntimeError, "expected integers"),
    "scatter size": (lambda x, i: x.scatter(0, i, x[:1]), RuntimeError, "no larger than src"),
    "scatter dtype": (lambda x, i: x.scatter(0, i, x.float()), RuntimeError, "float64.*float32"),
    "scatter nothing": (lambda x, i: x.scatter(0, i), TypeError, "src or value"),
    "index_select": (lambda x, i: x.index_select(0, i), IndexError, "vector"),
    "index_add": (lambda x, i: x.index_add(0, i[0], x), RuntimeError, r"\[4, 4\], got \[3, 4\]"),
    "masked_fill": (lambda x, i: x.masked_fill(i[:1], 1), RuntimeError, "bool.*int64"),
    "masked_fill value": (lambda x, i: x.masked_fill(x > 0, x), RuntimeError, "value"),
    "masked_fill_": (lambda x, i: x[0].masked_fill_(x > 0, 1), RuntimeError, "does not broadcast"),
    "masked_select": (lambda x, i: x.masked_select(x), RuntimeError, "bool"),
    "where": (lambda x, i: gpunet.where(i, 1, 2), RuntimeError, "bool"),
    "where shape": (lambda x, i: gpunet.where(x > 0, x.t(), x), RuntimeError, "must match"),
}


@pytest.mark.parametrize("name", FUNCTION_ERRORS)
def test_function_errors(device, name):
    call, kind, message = FUNCTION_ERRORS[name]
    with pytest.raises(kind) as caught:
        call(on_device(np.zeros((3, 4)), device), on_device(INDEX, device))
    assert re.search(message, str(caught.value)), str(caught.value)


@pytest.mark.parametrize("wrong", [-1, 3])
def test_indices_out_of_range_on_the_cpu(wrong):
    x, i = gpunet.tensor([[1.0], [2.0], [3.0]]), gpunet.tensor([[wrong]])
    for call in (
        lambda: x.gather(0, i),
        lambda: x.scatter(0, i, 1.0),
        lambda: x.scatter_add(0, i, x),
        lambda: x.index_select(0, i[0]),
        lambda: x.index_add(0, i[0], x[:1]),
        lambda: x.index_fill(0, i[0], 1.0),
    ):
        with pytest.raises(IndexError, match=f"index {wrong} is out of bounds .* size 3"):
            call()
    with pytest.raises(IndexError, match="out of bounds"):
        x.take(gpunet.tensor([3]))


def test_no_wait_for_the_device(cuda):
    import cupy

    if not hasattr(cupy, "_standin"):
        pytest.skip("counts in the stand-in only")
    x = on_device(RNG.standard_normal((3, 4)), cuda, True)
    i, c = on_device(INDEX, cuda), on_device(MASK, cuda)
    cupy._standin.reset()
    y = x[1:, ::2].sum() + x[:, i[0]].sum() + x.gather(0, i).sum() + x.masked_fill(c, 0).sum()
    y = y + gpunet.where(c, x, 0).sum() + x.scatter_add(0, i, x).sum() + x.sort().values.sum()
    y = y + x.topk(2).values.sum() + (x @ x.t()).sum()
    y.backward()
    with gpunet.no_grad():
        x[c] = 0
    assert cupy._standin.synchronisations == 0
