import numpy as np
import pytest
from opcheck import array_of, check_op, on_device, torch_or_none

import gpunet

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(("shape", "dim"), [((3, 5), -1), ((5, 3), 0), ((2, 4, 3), 1), ((), -1)])
def test_sort(device, shape, dim, descending):
    check_op(
        lambda x: x.sort(dim, descending),
        RNG.standard_normal(shape),
        device=device,
        torch_function=lambda x: x.sort(dim=dim, descending=descending),
    )


@pytest.mark.parametrize("descending", [False, True])
def test_sort_is_stable_and_puts_nan_where_pytorch_does(device, descending):
    x = np.array([2.0, np.nan, 1, 2, 1, np.nan, 3, 1])
    values, indices = gpunet.sort(on_device(x, device), descending=descending, stable=True)
    torch = torch_or_none()
    if torch:
        expected = torch.tensor(x).sort(descending=descending, stable=True)
        np.testing.assert_array_equal(array_of(values), expected.values.numpy())
        np.testing.assert_array_equal(array_of(indices), expected.indices.numpy())
    again = gpunet.argsort(on_device(x, device), descending=descending)
    np.testing.assert_array_equal(array_of(again), array_of(indices))


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "bool", "float32"])
def test_sort_dtypes(device, dtype):
    x = (RNG.integers(0, 5, 20) % (2 if dtype == "bool" else 5)).astype(dtype)
    values, indices = on_device(x, device).sort(descending=True)
    assert (values.dtype, indices.dtype) == (np.dtype(dtype), np.dtype("int64"))
    np.testing.assert_array_equal(array_of(values), np.sort(x)[::-1])
    np.testing.assert_array_equal(array_of(gpunet.msort(on_device(x, device))), np.sort(x))


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize(
    ("shape", "k", "dim"),
    [
        ((3, 40), 3, -1),
        ((40, 2), 1, 0),
        ((5,), 5, 0),
        ((4, 5), 0, 1),
        ((30,), 0, 0),
        ((0, 5), 1, 1),
    ],
)
def test_topk(device, shape, k, dim, largest):
    check_op(
        lambda x: x.topk(k, dim, largest),
        RNG.standard_normal(shape),
        device=device,
        torch_function=lambda x: x.topk(k, dim, largest),
        differentiable=[0] if k else [],
    )


def test_topk_of_equals_takes_the_first(device):
    x = on_device(np.zeros(40), device)
    np.testing.assert_array_equal(np.sort(array_of(x.topk(30).indices)), np.arange(30))
    values, indices = on_device(np.array([1.0, np.nan] + [0.0] * 30), device).topk(2)
    np.testing.assert_array_equal(array_of(indices), [1, 0])
    assert np.isnan(array_of(values)[0])


def test_results_have_names(device):
    x = on_device(RNG.standard_normal((3, 4)), device)
    for result in (x.sort(), x.topk(2), x.kthvalue(2)):
        assert result.values is result[0]
        assert result.indices is result[1]


@pytest.mark.parametrize("keepdim", [False, True])
def test_kthvalue(device, keepdim):
    check_op(
        lambda x: gpunet.kthvalue(x, 2, 1, keepdim),
        RNG.standard_normal((3, 5, 2)),
        device=device,
        torch_function=lambda x: torch_or_none().kthvalue(x, 2, 1, keepdim),
    )


@pytest.mark.parametrize("dim", [None, 0, 1])
def test_unique(device, dim):
    x = RNG.integers(0, 3, (4, 6))
    x[2] = x[0]
    check_op(
        lambda x: gpunet.unique(x, return_inverse=True, return_counts=True, dim=dim),
        x,
        device=device,
        torch_function=lambda x: torch_or_none().unique(
            x, return_inverse=True, return_counts=True, dim=dim
        ),
    )
    assert isinstance(gpunet.unique(on_device(x, device)), gpunet.Tensor)


def test_bincount(device):
    x = np.array([3, 0, 3, 1])
    for weights in ([], [np.array([0.5, 1, 2, 3])], [np.array([0.5, 1, 2, 3], "float32")]):
        check_op(
            lambda x, *w: gpunet.bincount(x, *w, minlength=6),
            x,
            *weights,
            device=device,
            differentiable=[],
            float32=False,
            torch_function=lambda x, *w: torch_or_none().bincount(x, *w, minlength=6),
        )
    assert on_device(x[:0], device).bincount().shape == (0,)


def test_one_hot(device):
    x = np.array([[2, 0], [1, 2]])
    for classes in (-1, 3, 5):
        check_op(
            lambda x, classes=classes: gpunet.functions.counting.one_hot(x, classes),
            x,
            device=device,
            torch_function=lambda x, classes=classes: torch_or_none().nn.functional.one_hot(
                x, classes
            ),
        )
    with pytest.raises(RuntimeError, match="expected integers"):
        gpunet.functions.counting.one_hot(on_device(np.zeros(2), device))


@pytest.mark.parametrize("right", [False, True])
def test_searchsorted(device, right):
    check_op(
        lambda s, x: gpunet.searchsorted(s, x, right=right),
        np.array([1.0, 2, 2, 3]),
        RNG.integers(0, 5, (2, 3)).astype(float),
        device=device,
        differentiable=[],
        torch_function=lambda s, x: torch_or_none().searchsorted(s, x, right=right),
    )
    s = on_device(np.array([1.0, 2, 3]), device)
    assert array_of(gpunet.bucketize(2, s, right=right)) == (2 if right else 1)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda x: x.sort(2), IndexError, "dim"),
        (lambda x: x.topk(5), RuntimeError, "from 0 to 4.*got 5"),
        (lambda x: x.kthvalue(0), RuntimeError, "from 1 to 4, got 0"),
        (lambda x: x.bincount(), RuntimeError, r"vector of non-negative integers"),
        (lambda x: gpunet.tensor([-1]).bincount(), RuntimeError, "non-negative"),
        (
            lambda x: gpunet.bincount(gpunet.tensor([1]), gpunet.ones(2)),
            RuntimeError,
            r"weights: expected shape \[1\]",
        ),
        (
            lambda x: gpunet.functions.counting.one_hot(gpunet.tensor([3]), 3),
            RuntimeError,
            "from 0 to 2, got 3",
        ),
        (lambda x: gpunet.searchsorted(x, 1), RuntimeError, "vector"),
    ],
)
def test_errors(call, kind, message):
    with pytest.raises(kind, match=message):
        call(gpunet.zeros(3, 4))
