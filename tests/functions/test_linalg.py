import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opcheck import array_of, check_op, on_device, torch_or_none

import gpunet

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 4)),
        ((2, 3), (3, 4)),
        ((1, 1), (1, 1)),
        ((5, 2, 3), (3, 4)),
        ((5, 2, 3), (3,)),
        ((3,), (5, 3, 4)),
        ((2, 3), (5, 3, 4)),
        ((5, 2, 3), (5, 3, 4)),
        ((2, 1, 2, 3), (5, 3, 4)),
        ((5, 2, 3), (1, 3, 4)),
        ((2, 5, 2, 3), (3, 4)),
        ((0, 3), (3, 4)),
        ((2, 0), (0, 4)),
        ((2, 0), (0,)),
        ((5, 2, 0), (5, 0, 4)),
        ((0, 2, 3), (0, 3, 4)),
        ((0, 2, 3), (3, 4)),
        ((2, 3), (0, 3, 4)),
        ((0,), (0,)),
    ],
)
def test_matmul(device, left, right):
    check_op(
        lambda a, b: a @ b,
        RNG.standard_normal(left),
        RNG.standard_normal(right),
        device=device,
        torch_function=lambda a, b: a @ b,
    )


def test_matmul_of_views(device):
    a, b = RNG.standard_normal((2, 3)), RNG.standard_normal((4, 2))
    for f in (
        lambda a, b: a.t() @ b.t(),
        lambda a, b: a[None].mT @ b[None].expand(3, 4, 2).mT,
        lambda a, b: a[:, ::2].t() @ b[::2].t(),
    ):
        check_op(f, a, b, device=device, torch_function=f)


def test_matmul_writes_into_the_gradient_buffer(device):
    x, w = on_device(np.ones((2, 3)), device), on_device(np.ones((3, 4)), device, True)
    w.grad_buffer = on_device(np.zeros((3, 4)), device).array
    (x @ w).sum().backward()
    assert w.grad.array is w.grad_buffer
    np.testing.assert_array_equal(array_of(w.grad), np.full((3, 4), 2.0))


def test_a_gradient_in_another_order_than_c_is_right(device):
    """Large enough for the team, which writes tiles in C order."""
    x, w = on_device(RNG.random((64, 100)), device), on_device(RNG.random((100, 64)), device, True)
    dy = on_device(RNG.random((64, 64)), device)
    w.grad_buffer = on_device(np.full((64, 100), 7.0), device).array.T
    for _ in range(2):
        w.grad = None
        (x @ w).backward(dy)
        expected = array_of(x).T @ array_of(dy)
        np.testing.assert_allclose(array_of(w.grad), expected, rtol=1e-12)


def test_integer_products(device):
    a, b = RNG.integers(-5, 5, (2, 3)), RNG.integers(-5, 5, (3, 4))
    np.testing.assert_array_equal(array_of(on_device(a, device) @ on_device(b, device)), a @ b)


PRODUCTS = {
    "mm": (lambda m, a, b: m.mm(a, b), (2, 3), (3, 4)),
    "bmm": (lambda m, a, b: a.bmm(b), (5, 2, 3), (5, 3, 4)),
    "mv": (lambda m, a, b: m.mv(a, b), (2, 3), (3,)),
    "dot": (lambda m, a, b: a.dot(b), (3,), (3,)),
    "outer": (lambda m, a, b: m.outer(a, b), (3,), (4,)),
    "inner": (lambda m, a, b: m.inner(a, b), (2, 3), (4, 5, 3)),
    "inner number": (lambda m, a, b: m.inner(a, b), (2, 3), ()),
    "addmm": (lambda m, c, a, b: m.addmm(c, a, b), (2, 4), (2, 3), (3, 4)),
    "addmm row": (lambda m, c, a, b: c.addmm(a, b, beta=0.5, alpha=-2), (4,), (2, 3), (3, 4)),
    "addmm without": (lambda m, c, a, b: m.addmm(c, a, b, beta=0) + c, (2, 4), (2, 3), (3, 4)),
    "addmv": (lambda m, c, a, b: m.addmv(c, a, b, beta=0.5, alpha=3), (2,), (2, 3), (3,)),
    "baddbmm": (lambda m, c, a, b: m.baddbmm(c, a, b, alpha=2), (2, 4), (5, 2, 3), (5, 3, 4)),
    "tensordot": (lambda m, a, b: m.tensordot(a, b, 2), (2, 3, 4), (3, 4, 5)),
    "tensordot axes": (lambda m, a, b: m.tensordot(a, b, ([0, 2], [1, -1])), (2, 3, 4), (3, 2, 4)),
    "tensordot outer": (lambda m, a, b: m.tensordot(a, b, 0), (2,), (3,)),
}  # fmt: skip


@pytest.mark.parametrize("name", PRODUCTS)
def test_products(device, name):
    function, *shapes = PRODUCTS[name]
    check_op(
        lambda *xs: function(gpunet, *xs),
        *[RNG.standard_normal(shape) for shape in shapes],
        device=device,
        torch_function=lambda *xs: function(torch_or_none(), *xs),
    )


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij,jk->ik", [(2, 3), (3, 4)]),
        ("ij,jk", [(2, 3), (3, 4)]),
        ("ba,cb", [(2, 3), (4, 2)]),
        ("ij->ji", [(2, 3)]),
        ("ij->", [(2, 3)]),
        ("ij->j", [(2, 3)]),
        ("ij", [(2, 3)]),
        ("ii->i", [(3, 3)]),
        ("ii", [(3, 3)]),
        ("iij->ji", [(3, 3, 2)]),
        ("iii->i", [(3, 3, 3)]),
        ("ii,jj->ij", [(3, 3), (2, 2)]),
        ("ij,ij->ij", [(2, 3), (2, 3)]),
        ("ij,ij->", [(2, 3), (2, 3)]),
        ("i,j->ij", [(2,), (3,)]),
        ("i,j->ji", [(2,), (3,)]),
        ("i,->i", [(2,), ()]),
        ("bij,bjk->bik", [(5, 2, 3), (5, 3, 4)]),
        ("bhqd,bhkd->bhqk", [(2, 3, 4, 5), (2, 3, 6, 5)]),
        ("bhqk,bkhd->bqhd", [(2, 3, 4, 5), (2, 5, 3, 6)]),
        ("b...i,...j->b...ij", [(2, 3, 4), (2, 3, 5)]),
        ("...ij,...jk->...ik", [(2, 1, 3, 4), (5, 4, 2)]),
        ("...ij->...ji", [(2, 3, 4)]),
        ("...i,i", [(2, 3, 4), (4,)]),
        ("i...->...", [(2, 3, 4)]),
        ("ij,kj->ik", [(2, 1), (3, 4)]),
        ("ij,ij->i", [(2, 1), (2, 4)]),
        ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)]),
        ("i,i,i->", [(3,), (3,), (3,)]),
        ("ijk,jl,kl->il", [(2, 3, 4), (3, 5), (4, 5)]),
        ("ij,kl->jl", [(2, 3), (4, 5)]),
        ("aB,Bc -> a c", [(2, 3), (3, 4)]),
        ("ij,jk->ik", [(2, 0), (0, 4)]),
    ],
)
def test_einsum(device, equation, shapes):
    check_op(
        lambda *xs: gpunet.einsum(equation, *xs),
        *[RNG.standard_normal(shape) for shape in shapes],
        device=device,
        torch_function=lambda *xs: torch_or_none().einsum(equation, *xs),
    )


def test_einsum_of_a_list():
    a, b = gpunet.ones(2, 3), gpunet.ones(3, 2)
    np.testing.assert_array_equal(gpunet.einsum("ij,jk->ik", [a, b]).array, np.full((2, 2), 3.0))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_random_einsum_as_numpy(data):
    sizes = dict(zip("abcde", data.draw(st.lists(st.integers(1, 3), min_size=5, max_size=5))))
    label = st.sampled_from("abcde")
    terms = data.draw(st.lists(st.lists(label, max_size=3), min_size=1, max_size=3))
    used = sorted({x for term in terms for x in term})
    out = data.draw(st.permutations(used)) if used else []
    out = out[: data.draw(st.integers(0, len(out)))]
    equation = ",".join("".join(term) for term in terms) + "->" + "".join(out)
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal([sizes[x] for x in term]) for term in terms]
    tensors = [on_device(x, "cpu", True) for x in arrays]
    result = gpunet.einsum(equation, *tensors)
    np.testing.assert_allclose(array_of(result), np.einsum(equation, *arrays), atol=1e-12)
    # The sum is linear in each factor: its derivative along a factor itself is the sum again.
    weights = rng.standard_normal(result.shape)
    (result * gpunet.Tensor(weights)).sum().backward()
    total = float((array_of(result) * weights).sum())
    for tensor in tensors:
        assert abs(float((tensor.grad.array * tensor.array).sum()) - total) < 1e-9


ERRORS = {
    "matmul": (lambda x: x @ gpunet.zeros(5, 6), r"shapes cannot be multiplied \(3x4 and 5x6\)"),
    "matmul vector": (lambda x: x @ gpunet.zeros(3), r"\(3x4 and 3x1\)"),
    "matmul number": (lambda x: x @ gpunet.tensor(1.0), "at least 1D, but they are 2D and 0D"),
    "matmul batch": (lambda x: gpunet.zeros(2, 3, 4) @ gpunet.zeros(3, 4, 5), r"\(2\).*\(3\)"),
    "matmul dtype": (lambda x: x @ x.t().double(), "same dtype.*float32 and float64"),
    "mm": (lambda x: gpunet.mm(x, x[0]), r"mat2: expected a 2D tensor, got shape \[4\]"),
    "bmm": (lambda x: gpunet.bmm(x, x), "input: expected a 3D"),
    "bmm length": (lambda x: x[None].bmm(gpunet.zeros(2, 4, 5)), "equal length"),
    "dot": (lambda x: x[0].dot(x[:, 0]), "4 and 3"),
    "inner": (lambda x: gpunet.inner(x, x.t()), "last dimensions"),
    "addmm": (lambda x: gpunet.addmm(x, x, x.t()), "(?s)input|size of tensor"),
    "tensordot": (lambda x: gpunet.tensordot(x, x, 1), "size 4 and dimension 0 of b has size 3"),
    "tensordot dims": (lambda x: gpunet.tensordot(x, x, 3), "from 0 to 2, got 3"),
    "einsum count": (lambda x: gpunet.einsum("ij,jk->ik", x), "2 operands, but 1"),
    "einsum rank": (lambda x: gpunet.einsum("ijk->i", x), r"'ijk' do not fit operand 0"),
    "einsum size": (lambda x: gpunet.einsum("ij,ij->i", x, x.t()), "'i' has sizes 3 and 4"),
    "einsum output": (lambda x: gpunet.einsum("ij->k", x), "'k' but no operand"),
    "einsum twice": (lambda x: gpunet.einsum("ij->ii", x), "'i' more than once"),
    "einsum sign": (lambda x: gpunet.einsum("i!->i", x), "expected letters"),
    "einsum nothing": (lambda x: gpunet.einsum("i"), "at least one operand"),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errors_name_what_was_given(name):
    call, message = ERRORS[name]
    with pytest.raises(RuntimeError) as caught:
        call(gpunet.zeros(3, 4))
    assert re.search(message, str(caught.value)), str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda m, x: m.linalg.norm(x),
        lambda m, x: m.linalg.norm(x, dim=1, keepdim=True),
        lambda m, x: m.linalg.norm(x, 1, dim=0),
        lambda m, x: m.linalg.norm(x, "fro", (0, 2)),
        lambda m, x: m.linalg.norm(x, float("inf"), (0, 1)),
        lambda m, x: m.linalg.norm(x[0], -1),
        lambda m, x: m.linalg.norm(x[0, 0], 3),
        lambda m, x: m.linalg.vector_norm(x, 3, (0, 2)),
        lambda m, x: m.linalg.matrix_norm(x),
        lambda m, x: m.linalg.matrix_norm(x, 1, keepdim=True),
        lambda m, x: m.linalg.matrix_norm(x, -float("inf"), (1, 0)),
        lambda m, x: m.linalg.matmul(x, x.mT),
        lambda m, x: m.linalg.diagonal(x, offset=1),
    ],
)
def test_linalg_namespace(device, call):
    check_op(
        lambda x: call(gpunet, x),
        RNG.standard_normal((2, 3, 4)),
        device=device,
        torch_function=lambda x: call(torch_or_none(), x),
    )


def test_linalg_norm_errors():
    x = gpunet.zeros(2, 3, 4)
    for call, kind, message in (
        (lambda: gpunet.linalg.norm(x, 1), RuntimeError, "without dim"),
        (lambda: gpunet.linalg.matrix_norm(x, 2), ValueError, "singular values"),
        (lambda: gpunet.linalg.matrix_norm(x, dim=1), ValueError, "two dimensions, got 1"),
    ):
        with pytest.raises(kind, match=message):
            call()
