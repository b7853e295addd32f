import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opcheck import array_of, check_op, on_device, torch_or_none

import gpunet

RNG = np.random.default_rng(0)

# Each case: a function of the module (gpunet or torch) and tensors, and the shapes of the tensors.
CASES = {
    "reshape": (lambda m, x: m.reshape(x, (4, -1)), (2, 3, 4)),
    "reshape method": (lambda m, x: x.reshape(6, 4), (2, 3, 4)),
    "reshape to a number": (lambda m, x: x.reshape(()), (1, 1)),
    "reshape nothing": (lambda m, x: x.reshape(0, 4), (2, 0, 3)),
    "view": (lambda m, x: x.contiguous().view(3, -1), (2, 3, 4)),
    "flatten": (lambda m, x: m.flatten(x, 1), (2, 3, 4)),
    "flatten inner": (lambda m, x: x.flatten(0, -2), (2, 3, 4)),
    "flatten number": (lambda m, x: x.flatten(), ()),
    "ravel": (lambda m, x: x.t().ravel(), (2, 3)),
    "unflatten": (lambda m, x: x.unflatten(1, (2, -1)), (2, 6)),
    "squeeze": (lambda m, x: x.squeeze(), (1, 3, 1)),
    "squeeze dim": (lambda m, x: x.squeeze(-1), (1, 3, 1)),
    "squeeze other": (lambda m, x: m.squeeze(x, 1), (1, 3, 1)),
    "squeeze dims": (lambda m, x: x.squeeze((0, 1)), (1, 3, 1)),
    "unsqueeze": (lambda m, x: m.unsqueeze(x, -1), (2, 3)),
    "unsqueeze front": (lambda m, x: x.unsqueeze(0), (2, 3)),
    "permute": (lambda m, x: x.permute(2, 0, -2), (2, 3, 4)),
    "permute tuple": (lambda m, x: m.permute(x, (1, 2, 0)), (2, 3, 4)),
    "transpose": (lambda m, x: x.transpose(0, -1), (2, 3, 4)),
    "t": (lambda m, x: x.t(), (2, 3)),
    "T": (lambda m, x: x.T, (2, 3)),
    "mT": (lambda m, x: x.mT, (2, 3, 4)),
    "movedim": (lambda m, x: m.movedim(x, (0, 1), (-1, 0)), (2, 3, 4)),
    "movedim one": (lambda m, x: x.movedim(2, 0), (2, 3, 4)),
    "swapaxes": (lambda m, x: x.swapaxes(0, 1), (2, 3)),
    "expand": (lambda m, x: x.expand(4, -1, 3), (2, 1)),
    "expand tuple": (lambda m, x: x.expand((2, 3)), (3,)),
    "expand_as": (lambda m, x: x.expand_as(m.zeros(4, 3)), (3,)),
    "broadcast_to": (lambda m, x: m.broadcast_to(x, (2, 3)), (3,)),
    "repeat": (lambda m, x: x.repeat(2, 3), (2, 3)),
    "repeat new axes": (lambda m, x: x.repeat(2, 1, 3), (2, 3)),
    "repeat zero": (lambda m, x: x.repeat(0, 2), (2, 3)),
    "tile": (lambda m, x: m.tile(x, (2,)), (2, 3)),
    "repeat_interleave": (lambda m, x: x.repeat_interleave(3, 1), (2, 3, 2)),
    "repeat_interleave flat": (lambda m, x: m.repeat_interleave(x, 2), (2, 3)),
    "flip": (lambda m, x: x.flip(0, -1), (2, 3, 4)),
    "flip list": (lambda m, x: m.flip(x, [1]), (2, 3)),
    "fliplr": (lambda m, x: m.fliplr(x), (2, 3)),
    "flipud": (lambda m, x: m.flipud(x), (2, 3)),
    "roll": (lambda m, x: x.roll(2, 1), (2, 5)),
    "roll flat": (lambda m, x: m.roll(x, -4), (2, 5)),
    "roll two": (lambda m, x: m.roll(x, (1, -2), (0, 1)), (2, 5)),
    "broadcast_tensors": (lambda m, x, y: m.broadcast_tensors(x, y), (2, 1), (3,)),
    "cat": (lambda m, x, y: m.cat([x, y], 1), (2, 3), (2, 1)),
    "cat last": (lambda m, *xs: m.cat(xs, dim=-1), (2, 3), (2, 0), (2, 2)),
    "cat with nothing": (lambda m, x: m.cat([m.zeros(0, dtype=m.float64), x]), (2, 3)),
    "cat itself": (lambda m, x: m.cat([x, x]), (2, 3)),
    "stack": (lambda m, x, y: m.stack([x, y], -1), (2, 3), (2, 3)),
    "stack numbers": (lambda m, x, y: m.stack((x, y)), (), ()),
    "hstack": (lambda m, x, y: m.hstack([x, y]), (2,), (3,)),
    "hstack matrices": (lambda m, x, y: m.hstack([x, y]), (2, 1), (2, 3)),
    "vstack": (lambda m, x, y: m.vstack([x, y]), (3,), (2, 3)),
    "dstack": (lambda m, x, y: m.dstack([x, y]), (2, 3), (2, 3)),
    "column_stack": (lambda m, x, y: m.column_stack([x, y]), (2,), (2, 3)),
    "split": (lambda m, x: m.split(x, 2), (5, 2)),
    "split whole": (lambda m, x: x.split(5, 0), (5, 2)),
    "split lengths": (lambda m, x: x.split([1, 0, 3], dim=-1), (2, 4)),
    "split, one part used": (lambda m, x: x.split(2, 1)[1] * 2, (2, 5)),
    "chunk": (lambda m, x: m.chunk(x, 3, 1), (2, 7)),
    "chunk fewer": (lambda m, x: x.chunk(4), (5,)),
    "unbind": (lambda m, x: m.unbind(x, 1), (2, 3)),
    "unbind one": (lambda m, x: x.unbind(), (1, 3)),
    "unbind, last used": (lambda m, x: x.unbind(1)[-1], (2, 3)),
    "iteration": (lambda m, x: [row * 2 for row in x], (2, 3)),
    "tensor_split": (lambda m, x: m.tensor_split(x, 3), (7, 2)),
    "tensor_split cuts": (lambda m, x: m.tensor_split(x, (1, 4), dim=1), (2, 7)),
    "tensor_split back": (lambda m, x: m.tensor_split(x, (3, 1)), (4,)),
    "meshgrid": (lambda m, x, y: m.meshgrid(x, y, indexing="ij"), (2,), (3,)),
    "meshgrid xy": (lambda m, x, y, z: m.meshgrid(x, y, z, indexing="xy"), (2,), (3,), (4,)),
    "atleast_1d": (lambda m, x: m.atleast_1d(x), ()),
    "atleast_2d": (lambda m, x: m.atleast_2d(x), (3,)),
    "atleast_3d": (lambda m, x, y: m.atleast_3d(x, y), (3,), (2, 3)),
    "triu": (lambda m, x: m.triu(x, 1), (2, 3, 4)),
    "tril": (lambda m, x: x.tril(-1), (4, 3)),
    "diag": (lambda m, x: m.diag(x, 1), (3, 4)),
    "diag of vector": (lambda m, x: m.diag(x, -1), (3,)),
    "diagonal": (lambda m, x: m.diagonal(x, 0, 1, 2), (2, 3, 4)),
    "diagonal offset": (lambda m, x: x.diagonal(-1, -1, 0), (4, 2, 3)),
    "diagonal outside": (lambda m, x: x.diagonal(5), (4, 3)),
    "diag_embed": (lambda m, x: m.diag_embed(x, 1, 0, 2), (2, 3)),
    "trace": (lambda m, x: m.trace(x), (3, 4)),
    "select": (lambda m, x: x.select(1, -1), (2, 3)),
    "narrow": (lambda m, x: x.narrow(1, 1, 2), (2, 4)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(device, name):
    function, *shapes = CASES[name]
    arrays = [RNG.standard_normal(shape) for shape in shapes]

    def ours(*xs):
        if device == "cpu":
            return function(gpunet, *xs)
        gpunet.set_default_device(device)
        try:
            return function(gpunet, *xs)
        finally:
            gpunet.set_default_device("cpu")

    check_op(
        ours,
        *arrays,
        device=device,
        torch_function=lambda *xs: function(torch_or_none(), *xs),
        float32="nothing" not in name,
    )


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize(
    ("shape", "pad"),
    [
        ((2, 3, 5), (2, 1)),
        ((2, 3, 5), (4, 4)),
        ((1, 2, 4, 3), (1, 2, 0, 3)),
        ((1, 2, 4, 3), (2, 0, 3, 1)),
        ((1, 2, 4, 5), (-1, 2, 1, -2)),
        ((1, 1, 3, 4, 5), (2, 1, 0, 2, 1, 1)),
    ],
)
def test_pad(device, mode, shape, pad):
    torch = torch_or_none()
    if mode in ("reflect", "circular") and min(pad) < 0:
        theirs = None  # PyTorch's crops behave otherwise there
    else:
        theirs = lambda x: torch.nn.functional.pad(x, pad, mode=mode)  # noqa: E731
    check_op(
        lambda x: gpunet.functions.shape.pad(x, pad, mode=mode),
        RNG.standard_normal(shape),
        device=device,
        torch_function=theirs,
    )


def test_pad_value(device):
    check_op(
        lambda x: gpunet.functions.shape.pad(x, (1, 2, -1, 3), value=1.5),
        RNG.standard_normal((3, 4)),
        device=device,
        torch_function=lambda x: torch_or_none().nn.functional.pad(x, (1, 2, -1, 3), value=1.5),
    )


def test_repeat_interleave_by_counts(device):
    counts = np.array([2, 0, 3])
    check_op(
        lambda x, n: x.repeat_interleave(n, 0),
        RNG.standard_normal((3, 2)),
        counts,
        device=device,
        torch_function=lambda x, n: x.repeat_interleave(n, 0),
    )


VIEWS = [
    lambda x: x.reshape(4, 3),
    lambda x: x.view(2, 6),
    lambda x: x.flatten(),
    lambda x: x.t(),
    lambda x: x.unsqueeze(1),
    lambda x: x.expand(2, 3, 4),
    lambda x: x[1:, ::2],
    lambda x: x[1],
    lambda x: x[..., None],
    lambda x: x.narrow(1, 0, 2),
    lambda x: x.select(0, 2),
    lambda x: x.diagonal(),
    lambda x: x.split(2)[1],
    lambda x: x.chunk(2, 1)[1],
    lambda x: x.unbind(1)[3],
    lambda x: x.squeeze(),
]


@pytest.mark.parametrize("number", range(len(VIEWS)))
def test_views_share_memory(device, number):
    x = on_device(np.zeros((3, 4)), device)
    view = VIEWS[number](x)
    x.array[...] = 1
    assert (array_of(view) == 1).all()


def test_diagonal_can_be_written(device):
    x = on_device(np.zeros((3, 3)), device)
    x.diagonal()[...] = 1
    np.testing.assert_array_equal(array_of(x), np.eye(3))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_view_needs_no_copy_exactly_where_pytorch_needs_none(data):
    torch = torch_or_none()
    if torch is None:
        pytest.skip("needs PyTorch")
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    dims = data.draw(st.permutations(range(len(shape))))
    cut = data.draw(st.lists(st.booleans(), min_size=len(shape), max_size=len(shape)))
    index = tuple(slice(None, None, 2) if c else slice(None) for c in cut)
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(float)
    ours = gpunet.Tensor(array).permute(*dims)[index]
    theirs = torch.tensor(array).permute(*dims)[index]
    size, new = theirs.numel(), []
    for n in (2, 3, 2, 4, 3):
        if size % n == 0 and data.draw(st.booleans()):
            new.append(n)
            size //= n
    new.insert(data.draw(st.integers(0, len(new))), size)
    try:
        expected = theirs.view(*new)
    except RuntimeError:
        with pytest.raises(RuntimeError, match="view size"):
            ours.view(*new)
    else:
        np.testing.assert_array_equal(ours.view(*new).array, expected.numpy())


ERRORS = {
    "reshape size": (
        lambda x: x.reshape(5, -1),
        RuntimeError,
        r"shape '\[5, -1\]' is invalid .* 12",
    ),
    "reshape unknowns": (lambda x: x.reshape(-1, -1), RuntimeError, "only one dimension"),
    "reshape negative": (lambda x: x.reshape(-2, 6), RuntimeError, "invalid"),
    "reshape type": (lambda x: x.reshape(2.0, 6), TypeError, "size"),
    "view": (lambda x: x.t().view(12), RuntimeError, r"Use \.reshape"),
    "flatten": (lambda x: x.flatten(1, 0), RuntimeError, "start_dim"),
    "flatten range": (lambda x: x.flatten(2), IndexError, r"start_dim.*\[-2, 1\].* 2"),
    "unflatten": (lambda x: x.unflatten(1, (3, 2)), RuntimeError, "do not multiply"),
    "squeeze": (lambda x: x.squeeze(5), IndexError, "but got 5"),
    "unsqueeze": (lambda x: x.unsqueeze(3), IndexError, r"\[-3, 2\]"),
    "transpose": (lambda x: x.transpose(0, 3), IndexError, "dim1"),
    "permute twice": (lambda x: x.permute(0, 0), RuntimeError, "duplicate"),
    "permute few": (lambda x: x.permute(0), RuntimeError, "expected 2 dimensions"),
    "t": (lambda x: x.unsqueeze(0).t(), RuntimeError, "3D"),
    "movedim": (lambda x: x.movedim((0, 1), 0), RuntimeError, "source has 2"),
    "expand size": (lambda x: x.expand(2, 2, 4), RuntimeError, r"\(2\).*\(3\).*dimension 1"),
    "expand few": (lambda x: x.expand(4), RuntimeError, r"provided \(1\)"),
    "expand unknown": (lambda x: x.expand(-1, 3, 4), RuntimeError, "expanded size"),
    "repeat": (lambda x: x.repeat(2), RuntimeError, "repeat: expected at least 2"),
    "repeat_interleave": (lambda x: x.repeat_interleave(-1), RuntimeError, "got -1"),
    "roll": (lambda x: x.roll((1, 2), 0), RuntimeError, "equally long"),
    "cat shape": (lambda x: gpunet.cat([x, x.t()]), RuntimeError, r"tensor number 1 .*\[4, 3\]"),
    "cat nothing": (lambda x: gpunet.cat([]), ValueError, "empty"),
    "cat type": (lambda x: gpunet.cat([x, 3]), TypeError, "entry 1 is a int"),
    "cat tensor": (lambda x: gpunet.cat(x), TypeError, "list or tuple"),
    "cat numbers": (lambda x: gpunet.cat([x[0, 0]]), RuntimeError, "stack"),
    "stack": (lambda x: gpunet.stack([x, x[0]]), RuntimeError, r"\[3, 4\] at entry 0 and \[4\]"),
    "split sum": (lambda x: x.split([1, 1]), RuntimeError, "sum to 3"),
    "split zero": (lambda x: x.split(0), RuntimeError, "got 0"),
    "chunk": (lambda x: x.chunk(0), RuntimeError, "greater than 0"),
    "narrow": (lambda x: x.narrow(0, 2, 2), RuntimeError, r"start \(2\) \+ length \(2\)"),
    "meshgrid": (lambda x: gpunet.meshgrid(x), RuntimeError, "tensor 0"),
    "meshgrid xy": (lambda x: gpunet.meshgrid(x[0], indexing="yx"), RuntimeError, "'yx'"),
    "diagonal": (lambda x: x.diagonal(0, 1, -1), RuntimeError, "different"),
    "diag": (lambda x: x[None].diag(), RuntimeError, "1 or 2"),
    "trace": (lambda x: x[0].trace(), RuntimeError, "matrix"),
    "tril": (lambda x: x[0].tril(), RuntimeError, "tril: input"),
    "pad width": (lambda x: gpunet.functions.shape.pad(x, (1,)), RuntimeError, "pairs"),
    "pad many": (lambda x: gpunet.functions.shape.pad(x, (1,) * 6), RuntimeError, "2 at most"),
    "pad mode": (
        lambda x: gpunet.functions.shape.pad(x, (1, 1), "edge"),
        NotImplementedError,
        "edge",
    ),
    "pad reflect": (
        lambda x: gpunet.functions.shape.pad(x, (4, 0), "reflect"),
        RuntimeError,
        "size 4",
    ),
    "pad crop": (lambda x: gpunet.functions.shape.pad(x, (-3, -2)), RuntimeError, "dimension 1"),
    "broadcast": (lambda x: gpunet.broadcast_tensors(x, x.t()), RuntimeError, r"\(3\).*\(4\)"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_name_what_was_given(device, name):
    call, kind, message = ERRORS[name]
    with pytest.raises(kind) as caught:
        call(on_device(np.zeros((3, 4)), device))
    assert re.search(message, str(caught.value)), str(caught.value)


def test_cat_and_stack_promote(device):
    f, i = on_device(np.ones(2, "float32"), device), on_device(np.array([1, 2]), device)
    assert gpunet.cat([i, f]).dtype == gpunet.float32
    assert gpunet.stack([f, f.double()]).dtype == gpunet.float64
    x = on_device(np.ones(2, "float32"), device, True)
    gpunet.cat([x, f.double()]).sum().backward()
    assert x.grad.dtype == gpunet.float32


def test_memory_order_of_unused_parts(device):
    x = on_device(np.arange(6.0), device, True)
    a, _, c = x.split(2)
    (a * 3).sum().backward()
    np.testing.assert_array_equal(array_of(x.grad), [3, 3, 0, 0, 0, 0])
    assert c.shape == (2,)


def test_in_the_shape_of_another(device):
    x = on_device(np.arange(6.0), device)
    other = on_device(np.zeros((2, 3)), device)
    assert array_of(x.reshape_as(other)).tolist() == [[0, 1, 2], [3, 4, 5]]
    view = x.view_as(other)
    view.fill_(7)
    assert array_of(x).tolist() == [7] * 6
