import copy
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from opcheck import array_of, check_op, on_device, torch_or_none

import gpunet
from gpunet.autograd.changes import CHANGES

X = np.arange(6.0).reshape(2, 3)


# --- what it is -------------------------------------------------------------------------------


def test_properties(device):
    x = on_device(X.astype("f"), device)
    assert x.shape == x.size() == (2, 3)
    assert x.size(-1) == x.size(dim=1) == 3
    assert (x.ndim, x.dim(), x.numel(), x.nelement(), len(x)) == (2, 2, 6, 6, 2)
    assert x.dtype == gpunet.float32
    assert (x.element_size(), x.itemsize, x.nbytes) == (4, 4, 24)
    assert x.stride() == (3, 1)
    assert x.stride(0) == 3
    assert x.is_contiguous()
    assert x.is_floating_point()
    assert gpunet.is_floating_point(x)
    assert not x.long().is_floating_point()
    assert gpunet.is_tensor(x)
    assert not gpunet.is_tensor(X)
    assert gpunet.numel(x) == 6
    assert x.device == device
    assert x.is_cuda == (device == "cuda")
    assert x.array is x.data.array
    with pytest.raises(IndexError, match="2 dimensions"):
        x.size(2)


def test_python_numbers(device):
    x = on_device([2.75], device)
    assert (x.item(), float(x), int(x), bool(x)) == (2.75, 2.75, 2, True)
    assert [10, 20, 30][on_device(1, device)] == 20
    assert on_device(X, device).tolist() == X.tolist()
    assert on_device(5, device).tolist() == 5
    assert 4.0 in on_device(X, device)
    assert 7 not in on_device(X, device)
    assert f"{on_device(1.234, device):.1f}" == "1.2"
    assert gpunet.is_nonzero(x)
    assert not on_device([0], device)


def test_python_errors(device):
    x, scalar, empty = on_device(X, device), on_device(1.0, device), on_device([], device)
    with pytest.raises(RuntimeError, match="6 elements"):
        x.item()
    for call in (float, int, bool, gpunet.is_nonzero):
        with pytest.raises(RuntimeError):
            call(x)
        with pytest.raises(RuntimeError):
            call(empty)
    with pytest.raises(TypeError, match="0-d"):
        len(scalar)
    with pytest.raises(TypeError, match="0-d"):
        iter(scalar)
    with pytest.raises(TypeError, match="index"):
        [1, 2][scalar]
    with pytest.raises(TypeError, match="format"):
        f"{x:.2f}"


def test_iteration_is_on_the_tape(device):
    x = on_device(X, device, True)
    first, second = x
    (first * second).sum().backward()
    assert array_of(x.grad).tolist() == X[::-1].tolist()


def test_numpy(device):
    x = on_device(X, device)
    if device == "cpu":
        assert x.numpy() is x.array
        assert np.asarray(x) is x.array
        assert np.asarray(x, dtype="f").dtype == np.float32
        assert np.array(x) is not x.array
        assert np.sqrt(x).tolist() == np.sqrt(X).tolist()
        with pytest.raises(RuntimeError, match="requires grad"):
            on_device(X, device, True).numpy()
        with pytest.raises(RuntimeError, match="requires grad"):
            np.asarray(on_device(X, device, True))
    else:
        with pytest.raises(TypeError, match=r"can't convert cuda:0 device type tensor to numpy"):
            x.numpy()
        with pytest.raises(TypeError, match="cuda:0"):
            np.asarray(x)
    forced = on_device(X, device, True).numpy(force=True)
    assert isinstance(forced, np.ndarray)
    assert forced.tolist() == X.tolist()


# --- conversions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "dtype"),
    [
        ("float", "float32"),
        ("double", "float64"),
        ("half", "float16"),
        ("long", "int64"),
        ("int", "int32"),
        ("bool", "bool"),
        ("short", "int16"),
        ("byte", "uint8"),
    ],
)
def test_casts(device, method, dtype):
    x = on_device(X, device)
    y = getattr(x, method)()
    assert y.dtype == dtype
    assert getattr(y, method)() is y
    np.testing.assert_array_equal(array_of(y), X.astype(dtype))
    assert x.type_as(y).dtype == dtype


def test_to(device):
    x = on_device(X, device)
    other = on_device(np.ones(1, "f"), device)
    for y in (
        x.to(gpunet.float32),
        x.to(device, gpunet.float32),
        x.to(other),
        x.to(dtype=np.float32),
        x.to(device=device, dtype=gpunet.float32),
        x.to(gpunet.float32, True),
    ):
        assert y.dtype == gpunet.float32
        assert y.device == device
    assert x.to(device) is x
    assert x.to(gpunet.device(device)) is x
    assert x.to(device, copy=True) is not x
    assert x.to(gpunet.float64, False, True) is not x
    with pytest.raises(RuntimeError, match="unknown device"):
        x.to("gpu")


def test_gradients_flow_through_casts_and_copies(device):
    check_op(
        lambda t: t.double() * 2,
        X,
        device=device,
        float32=False,
        torch_function=lambda t: t.double() * 2,
    )
    for name in ("clone", "contiguous"):
        check_op(
            lambda t, name=name: getattr(t, name)(),
            X,
            device=device,
            torch_function=lambda t, name=name: getattr(t, name)(),
        )
    x = on_device(X.astype("f"), device, True)
    y = x.double()
    assert y.requires_grad
    (y * y).sum().backward()
    assert x.grad.dtype == gpunet.float32
    assert array_of(x.grad).tolist() == (2 * X).tolist()
    assert not x.long().requires_grad


def test_clone_owns_its_memory(device):
    x = on_device(X, device)
    y = x.clone()
    y.add_(1)
    np.testing.assert_array_equal(array_of(x), X)


def test_devices(cuda):
    x = on_device(X, "cpu", True)
    there = x.to(cuda)
    assert there.device == "cuda:0"
    assert there.requires_grad
    assert x.cuda().device == x.cuda(0).device == x.cuda("cuda:0").device == "cuda:0"
    back = (there * there).cpu()
    assert back.device == "cpu"
    (back.sum() + x.sum() + there.sum().cpu()).backward()
    assert x.grad.device == "cpu"
    assert array_of(x.grad).tolist() == (2 * X + 2).tolist()
    with gpunet.no_grad():
        assert not x.cuda().requires_grad
    assert x.cpu() is x


# --- history ----------------------------------------------------------------------------------


def test_leaves(device):
    x = on_device(X, device)
    assert x.is_leaf
    assert x.grad_fn is None
    assert not x.requires_grad
    x.requires_grad_()
    y = x * 2
    assert not y.is_leaf
    assert y.grad_fn.function.name == "mul"
    assert x.is_leaf
    detached = y.detach()
    assert detached.is_leaf
    assert not detached.requires_grad
    assert detached.array is y.array
    assert y.detach_() is y
    assert y.is_leaf
    with pytest.raises(RuntimeError, match="floating-point"):
        on_device([1, 2], device).requires_grad_()
    with pytest.raises(RuntimeError, match="leaf"):
        (x * 2).requires_grad_(False)
    assert not x.requires_grad_(False).requires_grad


def test_data(device):
    x = on_device(X, device, True)
    x.data.mul_(2)
    np.testing.assert_array_equal(array_of(x), 2 * X)
    assert not x.data.requires_grad
    x.data = on_device(X[0], device)
    assert x.shape == (3,)
    assert x.requires_grad


def test_deepcopy(device):
    x = on_device(X, device, True)
    (x * x).sum().backward()
    y, again = copy.deepcopy((x, x))
    assert y is again
    assert y.requires_grad
    assert y.is_leaf
    y.grad.add_(1)
    y.data.add_(1)
    np.testing.assert_array_equal(array_of(x), X)
    np.testing.assert_array_equal(array_of(x.grad), 2 * X)
    with pytest.raises(RuntimeError, match="deep-copied"):
        copy.deepcopy(x * 2)


# --- in place ---------------------------------------------------------------------------------


IN_PLACE = [
    ("add_", (2.0,)), ("add_", (np.ones(3),)), ("sub_", (np.ones((2, 1)),)), ("mul_", (3,)),
    ("div_", (np.full(3, 2.0),)), ("pow_", (2,)), ("remainder_", (4,)), ("fmod_", (4,)),
    ("floor_divide_", (2,)), ("exp_", ()), ("sqrt_", ()), ("abs_", ()), ("neg_", ()),
    ("clamp_", (1.05, 4)), ("clamp_min_", (2,)), ("sigmoid_", ()), ("tanh_", ()), ("relu_", ()),
    ("zero_", ()), ("fill_", (3.5,)), ("copy_", (np.ones(3),)), ("square_", ()), ("round_", ()),
    ("lerp_", (np.ones(3), 0.5)), ("addcmul_", (np.ones(3), np.full(3, 2.0))),
    ("addcdiv_", (np.ones(3), np.full(3, 2.0))),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args"), IN_PLACE)
def test_in_place_changes_the_memory(device, name, args):
    torch = torch_or_none()
    x = on_device(X + 1, device)
    view = gpunet.Tensor(x.array[:1])
    array, moment = x.array, CHANGES.last
    ours = [on_device(a, device) if isinstance(a, np.ndarray) else a for a in args]
    assert getattr(x, name)(*ours) is x
    assert x.array is array
    assert CHANGES.since(moment, x.array)
    if torch:
        theirs = [torch.tensor(a) if isinstance(a, np.ndarray) else a for a in args]
        expected = getattr(torch.tensor(X + 1), name)(*theirs).numpy()
        np.testing.assert_allclose(array_of(x), expected)
        np.testing.assert_allclose(array_of(view), expected[:1])


@pytest.mark.parametrize(("name", "args"), IN_PLACE)
def test_in_place_on_the_tape(device, name, args):
    torch = torch_or_none()
    if torch is None or name in ("floor_divide_",):
        pytest.skip("compares with PyTorch's gradients")

    def function(tensor):
        def run(x):
            y = x * x + 1
            z = y.exp()  # which saves its output
            w = tensor(np.ones((2, 3)))
            y += x
            getattr(y, name)(*[tensor(a) if isinstance(a, np.ndarray) else a for a in args])
            w *= y
            z = z * 2
            z /= 3.0
            z -= x
            z **= 2
            return y, z, w

        return run

    check_op(
        function(lambda a: on_device(a, device)),
        X / 4,
        device=device,
        float32=False,
        torch_function=function(torch.tensor),
    )


def test_in_place_operators(device):
    x = on_device(X, device)
    y = x
    x += 1
    x -= on_device([1.0, 1.0, 1.0], device)
    x *= 4
    x /= 2
    x //= 3
    x **= 2
    x %= 5
    assert y is x
    np.testing.assert_array_equal(array_of(x), ((X * 2) // 3) ** 2 % 5)
    i = on_device([6, 3], device)
    i |= 1
    i ^= 2
    assert array_of(i).tolist() == [5, 1]


def test_in_place_with_alpha(device):
    x, g = on_device(X, device), on_device(np.ones((2, 3)), device)
    x.add_(g, alpha=-0.5).sub_(g, alpha=0.5).add_(1, alpha=2)
    np.testing.assert_allclose(array_of(x), X + 1)


def test_in_place_errors(device):
    leaf = on_device(X, device, True)
    for name, args in IN_PLACE:
        ours = [on_device(a, device) if isinstance(a, np.ndarray) else a for a in args]
        with pytest.raises(RuntimeError, match="a leaf tensor that requires a gradient"):
            getattr(leaf, name)(*ours)
    np.testing.assert_array_equal(array_of(leaf), X)
    with gpunet.no_grad():
        leaf += 1
    np.testing.assert_array_equal(array_of(leaf), X + 1)
    i = on_device([1, 2], device)
    for call in (lambda: i.add_(1.5), i.exp_, lambda: i.div_(2)):
        with pytest.raises(RuntimeError, match="can't be cast"):
            call()
    x = on_device(X[0], device)
    with pytest.raises(RuntimeError, match="doesn't match the broadcast shape"):
        x.add_(on_device(X, device))
    with pytest.raises(RuntimeError, match="does not broadcast"):
        x.copy_(on_device(X, device))
    with pytest.raises(RuntimeError, match="no dimensions"):
        x.fill_(on_device(X[0], device))
    wide = on_device([[1.0], [2.0]], device).expand(2, 3)
    for call in (lambda: wide.add_(1), lambda: wide.zero_(), lambda: wide.exp_()):
        with pytest.raises(RuntimeError, match="single memory location"):
            call()


def test_copies_between_dtypes_and_devices(device):
    x = on_device(np.zeros((2, 3), "f"), device)
    x.copy_(on_device(np.array([1, 2, 3]), "cpu"))
    assert array_of(x).tolist() == [[1, 2, 3]] * 2
    source = on_device(np.ones(3), device, True)
    x.copy_(source)
    assert x.requires_grad
    x.sum().backward()
    assert source.grad.dtype == gpunet.float64
    assert array_of(source.grad).tolist() == [2, 2, 2]


def test_overwriting_ends_the_gradient(device):
    x = on_device(X, device, True)
    y = x * 2
    y.zero_()
    y.fill_(on_device(3.0, device))
    y.sum().backward()
    assert not array_of(x.grad).any()


# --- text -------------------------------------------------------------------------------------


def same_text(values):
    torch = torch_or_none()
    ours = repr(gpunet.Tensor(values)).replace("gpunet.", "torch.")
    assert ours == repr(torch.tensor(values)), f"\n{ours}\n{torch.tensor(values)!r}"


@pytest.mark.skipif(torch_or_none() is None, reason="compares with PyTorch")
@pytest.mark.parametrize(
    "values",
    [
        np.float32(3.14159), np.array(5), np.array(True), np.array([1.0, 2.0], "f"),
        np.array([1.5, -2.25, 1e-3], "f"), np.array([1e10, 1.0]), np.array([1e-5, 1.0]),
        np.array([0.0, 0.0]), np.array([np.nan, np.inf, 1.0], "f"), np.array([-np.inf, np.nan]),
        np.array([[1, -200], [30, 4]]), np.array([[True, False]]), np.arange(24).reshape(2, 3, 4),
        np.zeros((0,), "f"), np.zeros((0, 3), "f"), np.zeros((2, 0), "int64"), np.arange(1001),
        np.linspace(0, 1, 40, dtype="f"), np.arange(2000.0).reshape(2, 10, 100), np.array(1e-8),
        np.array([1, 2], "uint8"), np.array([0.5, 100000.0], "f"), np.array([1e9, 2.0], "f"),
        np.arange(1200, dtype="f").reshape(300, 4),
    ],
)  # fmt: skip
def test_text_is_pytorchs(values):
    same_text(np.asarray(values))


@pytest.mark.skipif(torch_or_none() is None, reason="compares with PyTorch")
@settings(max_examples=100, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from(["float32", "float64", "int64"]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=5),
        elements={"allow_subnormal": False},
    )
)
def test_text_of_anything_is_pytorchs(values):
    same_text(values)


def test_text_of_history(device):
    x = on_device(np.array([1.0, 2.0], "f"), device, True)
    where = "" if device == "cpu" else ", device='cuda:0'"
    assert repr(x) == str(x) == f"{x}" == f"tensor([1., 2.]{where}, requires_grad=True)"
    assert repr(x + 1) == f"tensor([2., 3.]{where}, grad_fn=<AddBackward>)"
    assert repr(x.log_softmax(0)[0]).endswith("grad_fn=<GetitemBackward>)")
    assert repr(x.detach()) == f"tensor([1., 2.]{where})"


def test_scalars_are_formatted_as_numbers(device):
    x = on_device(math.pi, device)
    assert f"{x:.3f} {x:>6.1f}" == "3.142    3.1"
    assert f"{on_device(3, device):03d}" == "003"


def test_every_function_is_documented_and_exported():
    for name in ("add", "exp", "sum", "max", "eq", "softmax", "isnan", "clamp", "result_type"):
        assert getattr(gpunet, name).__doc__
    for name in ("sum", "float", "bool", "int", "max", "min", "abs", "all", "any", "round", "pow"):
        assert hasattr(gpunet, name)
        assert name not in gpunet.__all__
