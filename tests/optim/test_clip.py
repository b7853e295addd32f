"""Clipping of gradients, with and without an optimiser's flat buffers, against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
from opcheck import array_of, on_device, torch_or_none
from optimcheck import give, give_torch, gradients, make_params, make_torch_params

from gpunet import optim
from gpunet.nn.utils.clip import (
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)


def pair(device, dtype, flat, missing):
    """Parameters with gradients in gpunet and PyTorch; `flat`: how many an optimiser has."""
    torch = torch_or_none()
    if torch is None:
        pytest.skip("needs PyTorch")
    ours, theirs = make_params(device, dtype), make_torch_params(torch, dtype)
    kept = optim.SGD(ours[:flat]) if flat else None
    grads = gradients(ours, 0, missing=missing)
    give(ours, grads)
    give_torch(torch, theirs, grads)
    return torch, ours, theirs, kept


def same_gradients(ours, theirs):
    for a, b in zip(ours, theirs):
        if b.grad is None:
            assert a.grad is None
        else:
            tolerance = 1e-5 if a.array.dtype == np.float32 else 1e-12
            np.testing.assert_allclose(
                array_of(a.grad), b.grad.numpy(), rtol=tolerance, atol=tolerance
            )


cases = pytest.mark.parametrize(
    ("dtype", "flat", "missing"),
    [(np.float32, 6, 0.0), (np.float64, 6, 0.4), (np.float64, 4, 0.0), (np.float32, 0, 0.0)],
)


@cases
@pytest.mark.parametrize("norm_type", [2, 1, 3.5, float("inf")])
@pytest.mark.parametrize("max_norm", [0.5, 1e4])
def test_clip_grad_norm(dtype, flat, missing, norm_type, max_norm, device):
    torch, ours, theirs, _ = pair(device, dtype, flat, missing)
    if norm_type == float("inf"):
        theirs[-1].grad = None  # PyTorch has no largest element of an empty tensor
    norm = clip_grad_norm_(ours, max_norm, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    assert norm.shape == ()
    assert norm.array.dtype == dtype
    assert str(norm.device).partition(":")[0] == device
    np.testing.assert_allclose(float(norm), float(expected), rtol=1e-5)
    same_gradients(ours[:-1], theirs[:-1])


@cases
def test_clip_grad_value(dtype, flat, missing, device):
    torch, ours, theirs, _ = pair(device, dtype, flat, missing)
    clip_grad_value_(ours, 0.3)
    torch.nn.utils.clip_grad_value_(theirs, 0.3)
    same_gradients(ours, theirs)


@cases
def test_in_two_steps(dtype, flat, missing, device):
    torch, ours, theirs, _ = pair(device, dtype, flat, missing)
    norm = get_total_norm([p.grad for p in ours if p.grad is not None])
    expected = torch.nn.utils.get_total_norm([p.grad for p in theirs if p.grad is not None])
    np.testing.assert_allclose(float(norm), float(expected), rtol=1e-5)
    clip_grads_with_norm_(ours, 0.7, norm)
    torch.nn.utils.clip_grads_with_norm_(theirs, 0.7, expected)
    same_gradients(ours, theirs)


def test_a_part_of_the_buffer(device):
    torch, ours, theirs, _ = pair(device, np.float64, 6, 0.0)
    clip_grad_norm_(ours[1:4], 0.1)
    torch.nn.utils.clip_grad_norm_(theirs[1:4], 0.1)
    same_gradients(ours, theirs)


def test_gradients_that_are_not_contiguous(device):
    p = on_device(np.zeros((3, 4)), device, True)
    g = np.arange(12.0).reshape(4, 3)
    p.grad = on_device(g, device)
    p.grad.array = p.grad.array.T
    norm = clip_grad_norm_([p], 1.0)
    np.testing.assert_allclose(float(norm), np.linalg.norm(g))
    np.testing.assert_allclose(array_of(p.grad), g.T / np.linalg.norm(g), rtol=1e-6)


def test_one_tensor_generators_and_no_gradients(device):
    params = make_params(device)
    assert float(clip_grad_norm_(params, 1.0)) == 0
    clip_grad_value_(params, 1.0)
    clip_grads_with_norm_(params, 1.0, on_device(np.array(3.0), device))
    assert float(get_total_norm([])) == 0
    give(params, gradients(params, 0))
    assert float(clip_grad_norm_(params[0], 0.1)) > 0.1
    np.testing.assert_allclose(float(get_total_norm(params[0].grad)), 0.1, rtol=1e-4)
    assert float(clip_grad_norm_((p for p in params), 1.0)) > 1
    with pytest.warns(UserWarning, match="empty generator"):
        clip_grad_norm_((p for p in []), 1.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite(bad, device):
    p = on_device(np.zeros(3), device, True)
    p.grad = on_device(np.array([1.0, bad, 2.0]), device)
    with pytest.raises(RuntimeError, match="non-finite"):
        clip_grad_norm_([p], 1.0, error_if_nonfinite=True)
    with pytest.raises(RuntimeError, match="non-finite"):
        get_total_norm([p.grad], error_if_nonfinite=True)
    norm = float(clip_grad_norm_([p], 1.0))
    assert np.isnan(norm) if np.isnan(bad) else norm == np.inf
    assert np.isnan(array_of(p.grad)[1])


def test_norm_type_must_be_positive():
    p = on_device(np.zeros(3), "cpu", True)
    p.grad = on_device(np.ones(3), "cpu")
    with pytest.raises(ValueError, match="norm_type must be greater than 0, got -1"):
        clip_grad_norm_([p], 1.0, norm_type=-1)


def test_clipping_does_not_wait_for_the_device(cuda):
    import cupy

    if not hasattr(cupy, "_standin"):
        pytest.skip("counts waits on the stand-in")
    params = make_params(cuda)
    kept = optim.SGD(params)
    give(params, gradients(params, 0))
    cupy._standin.reset()
    clip_grad_norm_(params, 0.1)
    clip_grad_value_(params, 0.1)
    assert cupy._standin.synchronisations == 0
    assert cupy._standin.uploads == 0
    assert len(kept.param_groups) == 1


def test_a_norm_that_is_nan_leaves_no_trace(device):
    """Between the parameters in the optimiser's memory there are zeros, which it makes NaN."""
    params = make_params(device, np.float32)
    kept = optim.SGD(params, lr=0.1)
    give(params, gradients(params, 0))
    params[0].grad.array.fill(np.nan)
    assert np.isnan(array_of(clip_grad_norm_(params, 1.0)))
    kept.zero_grad()
    give(params, gradients(params, 1))
    expected = get_total_norm([p.grad.clone() for p in params])
    np.testing.assert_allclose(
        array_of(clip_grad_norm_(params, 1.0)), array_of(expected), rtol=1e-5
    )
