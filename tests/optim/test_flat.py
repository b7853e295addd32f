"""What users do to parameters and gradients between steps."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from opcheck import array_of, on_device
from optimcheck import flat_state, give, gradients, make_params, values

import gpunet
from gpunet import optim

ADAPTIVE = [
    getattr(optim, name)
    for name in optim.__all__
    if name not in ("SGD", "LBFGS", "Optimizer", "lr_scheduler")
]


def train(params, optimizer, steps, missing=0.0):
    for step in steps:
        give(params, gradients(params, step, missing=missing))
        optimizer.step()


def same(params, others):
    for a, b in zip(values(params), values(others)):
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def pair(device):
    """Two times the same parameters and optimiser: one to disturb, one to compare with."""
    ours, others = make_params(device), make_params(device)
    return ours, optim.AdamW(ours, lr=0.1), others, optim.AdamW(others, lr=0.1)


def test_values_and_gradients_lie_side_by_side(device):
    params = make_params(device)
    before = values(params)
    optimizer = optim.SGD(params, lr=0.1, momentum=0.9)
    same_buffer = optimizer._flat[0][2][0]
    for p, v in zip(params, before):
        np.testing.assert_array_equal(array_of(p), v)
    give(params, gradients(params, 0))
    for p, view, gradient in same_buffer.rows:
        assert p.array is view
        assert p.grad.array is gradient
    optimizer.step()
    assert optimizer._flat[0][2][0] is same_buffer
    assert len(same_buffer.spans) == 1


def test_parameters_start_at_64_bytes():
    params = make_params("cpu", shapes=[(3,), (5, 5), (1,)])
    optim.SGD(params)
    for p in params:
        assert p.array.ctypes.data % 64 == 0


def test_a_step_is_one_kernel(cuda):
    params = make_params(cuda)
    optimizer = optim.Adam(params)
    calls = []
    buffer = optimizer._flat[0][2][0]
    step = buffer.kernels.adam_step
    buffer.kernels.adam_step = lambda *args: (calls.append(1), step(*args))
    try:
        train(params, optimizer, range(3))
    finally:
        buffer.kernels.adam_step = step
    assert len(calls) == 3


def test_a_step_does_not_wait_for_the_device(cuda):
    import cupy

    if not hasattr(cupy, "_standin"):
        pytest.skip("counts waits on the stand-in")
    params = make_params(cuda)
    for kind in [optim.SGD, *ADAPTIVE]:
        optimizer = kind(params, lr=0.1)
        train(params, optimizer, range(2))
        give(params, gradients(params, 3))
        cupy._standin.reset()
        optimizer.step()
        optimizer.zero_grad()
        assert cupy._standin.synchronisations == 0, kind
        assert cupy._standin.uploads == 0, kind


def test_order_of_the_axes_in_memory_is_kept(device):
    params = make_params(device, shapes=[(2, 3, 4, 5)])
    params[0].array = params[0].array.transpose(0, 3, 1, 2)
    before = values(params)[0]
    strides = params[0].array.strides
    optim.SGD(params)
    assert params[0].array.strides == strides
    assert params[0].grad_buffer.strides == strides
    np.testing.assert_array_equal(values(params)[0], before)


def test_gradients_set_by_hand(pair, device):
    ours, optimizer, others, reference = pair
    for step in range(4):
        grads = gradients(ours, step)
        for p, g in zip(ours, grads):
            p.grad = on_device(g.astype(np.float32), device)
        optimizer.step()
        train(others, reference, [step])
    same(ours, others)


def test_gradient_of_another_shape_is_refused(device):
    params = make_params(device)
    optimizer = optim.SGD(params)
    give(params, gradients(params, 0))
    params[0].grad = on_device(np.zeros(3, np.float32), device)
    with pytest.raises(RuntimeError, match=r"shape \(4, 3\).*gradient of shape \(3,\)"):
        optimizer.step()


def test_parameters_without_gradient_stay(device):
    params = make_params(device)
    optimizer = optim.AdamW(params)
    before = values(params)
    give(params, [None, *gradients(params, 0)[1:-1], None])
    optimizer.step()
    np.testing.assert_array_equal(values(params)[0], before[0])
    assert (values(params)[1] != before[1]).all()
    assert 0 not in optimizer.state_dict()["state"]
    steps = {i: float(s["step"]) for i, s in flat_state(optimizer.state_dict()).items()}
    assert steps == {1: 1, 2: 1, 3: 1, 4: 1}


def test_step_with_no_gradient_at_all(device):
    params = make_params(device)
    optimizer = optim.Adam(params)
    before = values(params)
    optimizer.step()
    for a, b in zip(values(params), before):
        np.testing.assert_array_equal(a, b)


def test_frozen_parameters(pair):
    ours, optimizer, others, reference = pair
    for p in (ours[1], others[1]):
        p.requires_grad = False
    for step in range(3):
        for params, opt in ((ours, optimizer), (others, reference)):
            grads = gradients(params, step)
            grads[1] = None
            give(params, grads)
            opt.step()
    same(ours, others)


def test_rebound_values(pair, device):
    ours, optimizer, others, reference = pair
    train(ours, optimizer, range(3))
    train(others, reference, range(3))
    new = np.full(ours[0].shape, 2.0, np.float32)
    ours[0].array = on_device(new, device).array
    others[0].array[...] = on_device(new, device).array
    train(ours, optimizer, range(3, 6))
    train(others, reference, range(3, 6))
    same(ours, others)


def test_values_loaded_in_place(pair, device):
    ours, optimizer, others, reference = pair
    train(ours, optimizer, range(3))
    for p, other in zip(ours, others):
        p.array[...] = other.array
    optimizer.load_state_dict(reference.state_dict())
    train(ours, optimizer, range(3))
    train(others, reference, range(3))
    same(ours, others)


def test_two_optimizers_over_the_same_parameters(device):
    ours, others = make_params(device), make_params(device)
    optimizers = [optim.Adam(ours, lr=0.1), optim.SGD(ours, lr=0.1, momentum=0.9)]
    # The same with state dicts carried from one to the next, each over parameters of its own.
    states = [None, None]
    for step in range(6):
        i = step % 2
        train(ours, optimizers[i], [step])
        others = [on_device(v, device, True) for v in values(others)]
        reference = (
            optim.Adam(others, lr=0.1) if i == 0 else optim.SGD(others, lr=0.1, momentum=0.9)
        )
        if states[i] is not None:
            reference.load_state_dict(states[i])
        train(others, reference, [step])
        states[i] = reference.state_dict()
        same(ours, others)


def test_second_optimizer_between_backward_and_step(device):
    ours, others = make_params(device), make_params(device)
    first, reference = optim.SGD(ours, lr=0.1), optim.SGD(others, lr=0.1)
    give(ours, gradients(ours, 0))
    give(others, gradients(others, 0))
    optim.Adam(ours)
    first.step()
    reference.step()
    same(ours, others)


def test_change_of_dtype(pair):
    ours, optimizer, others, reference = pair
    train(ours, optimizer, range(3))
    train(others, reference, range(3))
    wide = [
        on_device(v.astype(np.float64), str(p.device), True) for v, p in zip(values(others), others)
    ]
    moved = optim.AdamW(wide, lr=0.1)
    moved.load_state_dict(reference.state_dict())
    for p in ours:
        p.array = p.array.astype(np.float64)
        p.grad_buffer = None
        p.grad = None
    train(ours, optimizer, range(3, 6))
    train(wide, moved, range(3, 6))
    assert ours[0].array.dtype == np.float64
    same(ours, wide)
    state = flat_state(optimizer.state_dict())[0]
    assert state["exp_avg"].dtype == np.float64
    assert state["step"] == 6


def test_data_of_another_dtype(device):
    p = on_device(np.ones(3, np.float32), device, True)
    optimizer = optim.SGD([p], lr=0.5, momentum=0.9)
    for dtype, expected in ((np.float32, 0.0), (np.float64, -1.9)):
        p.data = on_device(array_of(p).astype(dtype), device)
        optimizer.zero_grad()
        (p * 2).sum().backward()
        optimizer.step()
        assert p.array.dtype == dtype
        np.testing.assert_allclose(array_of(p), expected)


def test_move_to_another_device(cuda):
    ours, others = make_params("cpu"), make_params("cpu")
    optimizer, reference = optim.Adam(ours, lr=0.1), optim.Adam(others, lr=0.1)
    train(ours, optimizer, range(3))
    train(others, reference, range(3))
    for p in ours:
        p.array = on_device(p.array, cuda).array
        p.grad_buffer = p.grad = None
    train(ours, optimizer, range(3, 6))
    train(others, reference, range(3, 6))
    for a, b in zip(ours, others):
        assert str(a.device) == "cuda:0"
        np.testing.assert_allclose(array_of(a), array_of(b), rtol=1e-5, atol=1e-6)


def test_group_of_several_dtypes(device):
    params = make_params(device)[:2] + make_params(device, np.float64)[2:]
    optimizer = optim.Adam(params)
    train(params, optimizer, range(2))
    assert len(optimizer._flat[0][2]) == 2
    assert [p.array.dtype.name for p in params] == ["float32"] * 2 + ["float64"] * 4
    assert sorted(optimizer.state_dict()["state"]) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("set_to_none", [True, False])
def test_zero_grad(set_to_none, device):
    params = make_params(device)
    optimizer = optim.SGD(params)
    give(params, [*gradients(params, 0)[:-1], None])
    params[1].grad = on_device(np.ones(4, np.float32), device)
    optimizer.zero_grad(set_to_none=set_to_none)
    for p in params[:-1]:
        assert (p.grad is None) if set_to_none else (array_of(p.grad) == 0).all()
    assert params[-1].grad is None
    give(params, gradients(params, 0))
    optimizer.zero_grad(set_to_none=set_to_none)
    for p in params:
        assert (p.grad is None) if set_to_none else (array_of(p.grad) == 0).all()


def test_gradients_add_up_in_the_buffer(device):
    params = make_params(device)
    optim.SGD(params)
    grads = gradients(params, 0)
    give(params, grads)
    for p, g in zip(params, grads):
        gpunet.autograd.backward(p, on_device(g.astype(np.float32), device))
        assert p.grad.array is p.grad_buffer
        np.testing.assert_array_equal(array_of(p.grad), 2 * g.astype(np.float32))


def test_backward_after_a_step_is_refused(device):
    p = on_device(np.ones(3, np.float32), device, True)
    optimizer = optim.SGD([p], lr=0.1)
    loss = (p * p).sum()
    loss.backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_an_optimizer_is_freed_by_its_reference_count():
    params = make_params("cpu")
    optimizer = optim.Adam(params)
    train(params, optimizer, range(2), missing=0.3)
    buffer = weakref.ref(optimizer._flat[0][2][0])
    gc.disable()
    try:
        del optimizer
        assert buffer() is None
    finally:
        gc.enable()


def test_parameter_of_an_integer_dtype_is_refused():
    p = gpunet.Tensor(np.zeros(3, np.int64))
    with pytest.raises(TypeError, match="int64"):
        optim.SGD([p])
    optimizer = optim.SGD(make_params("cpu"))
    with pytest.raises(TypeError, match="int64"):
        optimizer.add_param_group({"params": [p]})
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize("eps", [0.0, 1e-8])
def test_zero_gradients_raise_no_warning(eps, device):
    params = make_params(device)
    for kind in ADAPTIVE:
        optimizer = kind(params, eps=eps)
        give(params, [np.ones(p.shape) for p in params])
        optimizer.step()
        for value in values(params):
            assert np.isfinite(value).all(), kind


KEPT = {
    "tensor": lambda p: p.grad,
    "detached": lambda p: p.grad.detach(),
    "view": lambda p: p.grad.view(-1)[1:],
    "array": lambda p: p.grad.array.reshape(-1),
}


@pytest.mark.parametrize("kind", KEPT)
@pytest.mark.parametrize("optimiser_lives", [True, False])
def test_kept_gradients_stay_as_they_are(device, kind, optimiser_lives):
    p, q = (on_device(np.ones((2, 3)), device, True) for _ in range(2))
    optimizer = gpunet.optim.SGD([p, q], lr=1.0)
    (p * q).sum().backward()
    optimizer.step()
    if not optimiser_lives:
        del optimizer
    kept = []
    for k in (1.0, 2.0, 3.0):
        p.grad = q.grad = None
        (p * k + q * k).sum().backward()
        kept.append(KEPT[kind](p))
        if optimiser_lives:
            optimizer.step()
    assert [array_of(x).reshape(-1)[0] for x in kept] == [1, 2, 3]
    if optimiser_lives:
        assert array_of(p).tolist() == array_of(q).tolist() == (np.zeros((2, 3)) - 6).tolist()
    del kept
    for _ in range(2):
        p.grad = q.grad = None
        (p * q).sum().backward()
        if optimiser_lives:
            optimizer.step()
    if optimiser_lives:
        assert p.grad.array is p.grad_buffer


@pytest.mark.parametrize(
    ("kind", "options", "size"),
    [
        (optim.SGD, {"lr": 0.1}, 700),
        (optim.SGD, {"lr": 0.1, "momentum": 0.9}, 200),
        (optim.Adam, {"lr": 0.01, "weight_decay": 0.1}, 200),
    ],
)
def test_a_resumed_run_has_the_same_bits_though_its_spans_are_others(kind, options, size):
    """NumPy and Numba forms may differ in the last bit, and missing gradients cut the spans."""
    rng = np.random.default_rng(0)
    gradients = rng.standard_normal((40, 2, size)).astype(np.float32)

    def step(optimizer, params, k):
        for i, p in enumerate(params):  # each misses one step in a while
            missing = (k % 8, i) in ((2, 1), (3, 0))
            p.grad = None if missing else on_device(gradients[k, i].copy(), "cpu")
        optimizer.step()

    params = [on_device(np.ones(size, np.float32), "cpu", True) for _ in range(2)]
    optimizer = kind(params, **options)
    for k in range(14):
        step(optimizer, params, k)
    again = [on_device(weights, "cpu", True) for weights in values(params)]
    resumed = kind(again, **options)
    resumed.load_state_dict(optimizer.state_dict())
    for k in range(14, 40):
        step(optimizer, params, k)
        step(resumed, again, k)
    for ours, theirs in zip(values(again), values(params)):
        np.testing.assert_array_equal(ours, theirs)
