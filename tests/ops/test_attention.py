"""Scaled dot-product attention against PyTorch's, and its gradients by finite difference."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opcheck import array_of, check_op, on_device, torch_or_none

import gpunet
import gpunet.nn.functional as F
from gpunet.backend import Device, backend_for
from gpunet.nn.functional.attention import masked_softmax

torch = torch_or_none()
theirs = torch and torch.nn.functional.scaled_dot_product_attention
RNG = np.random.default_rng(0)


def inputs(front, L, T, E, V):
    return [RNG.standard_normal((*front, n, k)) for n, k in ((L, E), (T, E), (T, V))]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(
    ("front", "sizes"),
    [
        ((), (3, 4, 5, 6)),
        ((2,), (1, 1, 1, 1)),
        ((2,), (3, 4, 5, 6)),
        ((2, 3), (7, 7, 4, 4)),
        ((1, 2), (9, 2, 3, 1)),
        ((2, 1, 3), (4, 5, 2, 3)),
        ((0, 2), (3, 4, 5, 6)),
        ((2, 2), (0, 3, 4, 5)),
    ],
    ids=str,
)
def test_without_a_mask(front, sizes, causal, device):
    check_op(
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=causal),
        *inputs(front, *sizes),
        device=device,
        torch_function=theirs and (lambda q, k, v: theirs(q, k, v, is_causal=causal)),
    )


@pytest.mark.parametrize("front", [(), (2,), (2, 3), (2, 1, 3)])
@pytest.mark.parametrize("shape", [(4, 5), (1, 5), (4, 1), (3, 4, 5), (2, 1, 1, 5), (2, 3, 4, 5)])
def test_masks(front, shape, device):
    full = (*front, 4, 5)
    if len(shape) > len(full) or any(n not in (1, m) for n, m in zip(shape[::-1], full[::-1])):
        pytest.skip("does not broadcast to the scores")
    keep = RNG.uniform(size=shape) < 0.5
    keep.reshape(-1)[0] = True
    q, k, v = inputs(front, 4, 5, 3, 2)
    check_op(
        lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, m, scale=0.3),
        q, k, v, keep,
        device=device,
        torch_function=theirs and (lambda q, k, v, m: theirs(q, k, v, m, scale=0.3)),
    )  # fmt: skip
    check_op(
        lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, m, scale=0.3),
        q, k, v, RNG.standard_normal(shape),
        device=device,
        torch_function=theirs and (lambda q, k, v, m: theirs(q, k, v, m, scale=0.3)),
    )  # fmt: skip


@pytest.mark.skipif(torch is None, reason="compares with PyTorch")
@settings(max_examples=20)
@given(
    st.integers(1, 3), st.integers(1, 4), st.integers(1, 40), st.integers(1, 40),
    st.sampled_from([1, 2, 8, 17]), st.sampled_from(["none", "bool", "float", "causal"]),
    st.integers(0, 99),
)  # fmt: skip
def test_drawn_sizes(device, N, H, L, T, E, kind, seed):
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal((N, n, H, E)).astype("float32") for n in (L, T, T)]
    mask = None
    if kind == "bool":
        mask = rng.uniform(size=(N, 1, L, T)) < 0.3  # some queries see nothing
    elif kind == "float":
        mask = rng.standard_normal((H, L, T)).astype("float32")
    ours = [on_device(x, device, True) for x in arrays]
    other = [torch.tensor(x, requires_grad=True) for x in arrays]
    y = F.scaled_dot_product_attention(
        *(x.transpose(1, 2) for x in ours),
        attn_mask=None if mask is None else on_device(mask, device),
        is_causal=kind == "causal",
    )
    expected = theirs(
        *(x.transpose(1, 2) for x in other),
        attn_mask=None if mask is None else torch.tensor(mask),
        is_causal=kind == "causal",
    )
    weight = rng.standard_normal(y.shape).astype("float32")
    y.backward(on_device(weight, device))
    expected.backward(torch.tensor(weight))
    np.testing.assert_allclose(array_of(y), expected.detach().numpy(), rtol=1e-4, atol=1e-5)
    for x, their_x in zip(ours, other):
        np.testing.assert_allclose(array_of(x.grad), their_x.grad.numpy(), rtol=1e-3, atol=1e-4)


def test_queries_that_see_nothing_give_zeros(device):
    q, k, v = (on_device(x, device, True) for x in inputs((2,), 3, 4, 5, 6))
    keep = np.ones((3, 4), bool)
    keep[1] = False
    y = F.scaled_dot_product_attention(q, k, v, on_device(keep, device))
    y.sum().backward()
    assert not array_of(y)[:, 1].any()
    assert not array_of(q.grad)[:, 1].any()
    assert all(np.isfinite(array_of(x.grad)).all() for x in (q, k, v))


def test_dropout(device):
    """Of the weights: with values of one hot, the output is the weights themselves."""
    q, k, _ = inputs((2, 2), 6, 8, 3, 1)
    eye = np.broadcast_to(np.eye(8), (2, 2, 8, 8)).copy()
    weights = array_of(F.scaled_dot_product_attention(*(on_device(x, device) for x in (q, k, eye))))
    ours = [on_device(x, device, True) for x in (q, k, eye)]
    gpunet.manual_seed(3)
    y = F.scaled_dot_product_attention(*ours, dropout_p=0.4)
    dropped = array_of(y)
    zero = dropped == 0
    assert 0.2 < zero.mean() < 0.6
    np.testing.assert_allclose(dropped, np.where(zero, 0, weights / 0.6), rtol=1e-6)

    def function(q, k, v):
        gpunet.manual_seed(3)
        return F.scaled_dot_product_attention(q, k, v, dropout_p=0.4)

    check_op(function, q, k, eye, device=device)


@pytest.mark.parametrize("p", [0.0, 0.5])
@pytest.mark.parametrize("length", [4, 5])
def test_parts_of_the_batch_change_nothing(p, length, device, monkeypatch):
    """Samples one at a time, as where scores are larger than the caches."""
    backend = backend_for(Device(device))
    arrays = inputs((5, 3), length, 5, 2, 2)
    masks = [RNG.uniform(size=(5, 1, 1, 5)) < 0.7, RNG.standard_normal((1, 3, length, 5))]
    results = []
    for cache in (None, 1):
        monkeypatch.setattr(backend, "cache_bytes", cache)
        for mask in masks:
            xs = [on_device(x, device, True) for x in (*arrays, mask) if x.dtype == float]
            gpunet.manual_seed(2)
            m = xs[3] if len(xs) == 4 else on_device(mask, device)
            y = F.scaled_dot_product_attention(*xs[:3], m, dropout_p=p)
            (y * y).sum().backward()
            results.append([array_of(y), *(array_of(x.grad) for x in xs)])
    for ours, others in zip(results[:2], results[2:]):
        for one, other in zip(ours, others):
            np.testing.assert_allclose(one, other, atol=1e-13)


def test_broadcast_axes_in_front_and_grouped_heads(device):
    q, k, v = RNG.standard_normal((2, 4, 3, 5)), *RNG.standard_normal((2, 2, 2, 6, 5))
    check_op(
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, enable_gqa=True),
        q, k, v,
        device=device,
        torch_function=theirs and (lambda q, k, v: theirs(q, k, v, enable_gqa=True)),
    )  # fmt: skip
    check_op(
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v),
        q, k[:, :1], v[:1, :1],
        device=device,
        torch_function=theirs and (lambda q, k, v: theirs(q, k, v)),
    )  # fmt: skip


def test_float16(device):
    q, k, v = (x.astype("float16") for x in inputs((2, 2), 5, 6, 4, 4))
    y = F.scaled_dot_product_attention(*(on_device(x, device) for x in (q, k, v)))
    assert y.dtype == "float16"
    wide = F.scaled_dot_product_attention(*(gpunet.tensor(x.astype("float32")) for x in (q, k, v)))
    np.testing.assert_allclose(array_of(y), array_of(wide), atol=2e-3)


def test_masked_softmax(device):
    keep = np.array([[[True, False, True, True]], [[False] * 4]])
    S = RNG.standard_normal((2, 3, 4))
    check_op(lambda s: masked_softmax(s, on_device(keep, device).array), S, device=device)
    check_op(
        lambda s: masked_softmax(s, None),
        S,
        device=device,
        torch_function=torch and (lambda s: torch.softmax(s, -1)),
    )
    P = array_of(masked_softmax(on_device(S, device), on_device(keep, device).array))
    np.testing.assert_allclose(P.sum(-1), [[1] * 3, [0] * 3])


def test_bad_arguments_are_named():
    def zeros(*shape, dtype="float32"):
        return gpunet.zeros(*shape, dtype=dtype)

    attend = F.scaled_dot_product_attention
    x = zeros(2, 3, 4)
    for args, match in [
        ((x, zeros(2, 3, 5), x), "expected query, key and value of shapes"),
        ((x, x, zeros(2, 4, 4)), "expected query, key and value of shapes"),
        ((zeros(4), x, x), "expected query, key and value of shapes"),
        ((x, x, zeros(2, 3, 4, dtype="float64")), "one floating-point dtype"),
        ((zeros(2, 3, 4, dtype="int64"),) * 3, "one floating-point dtype"),
        ((x, x, x, zeros(3, 2)), "must match the size"),
        ((x, x, x, zeros(5, 2, 3, 3)), "attn_mask of shape"),
        ((x, x, x, zeros(3, 3, dtype="int64")), "truth values or the query's dtype"),
        ((x, x, x, zeros(3, 3), 0.0, True), "is_causal=True"),
    ]:
        with pytest.raises(RuntimeError, match=match):
            attend(*args)
    with pytest.raises(ValueError, match=r"1\.5"):
        attend(x, x, x, dropout_p=1.5)
    with pytest.raises(RuntimeError, match="multiple"):
        attend(zeros(5, 3, 4), zeros(2, 3, 4), zeros(2, 3, 4), enable_gqa=True)
