import gc
import threading
import weakref

import numpy as np
import pytest
from opcheck import array_of, on_device, torch_or_none

import gpunet
from gpunet.autograd import Operation
from gpunet.backend import CPU

X = np.array([1.0, 2.0, 3.0])


@pytest.fixture
def no_gc():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


# --- several outputs: an operation of the tests ---------------------------------------------------


def halves_forward(be, X):
    """The first and the second half, and the sum of both."""
    n = len(X) // 2
    return (X[:n] * 1, X[n:] * 1, X[:n] + X[n:]), (X.shape,)


def halves_backward(be, dY, saved, needs):
    dX = be.zeros(*saved, "float64")
    n = len(dX) // 2
    first, second, both = dY
    for part, dPart in ((dX[:n], first), (dX[n:], second), (dX[:n], both), (dX[n:], both)):
        if dPart is not None:
            part += dPart
    return (dX,)


halves = Operation(halves_forward, halves_backward, outputs=3)


def test_several_outputs(device):
    x = on_device([1.0, 2.0, 3.0, 4.0], device, True)
    first, second, both = halves(x)
    assert not first.is_leaf
    (first * 2 + both * second).sum().backward()
    # d/dx of 2 a + (a + b) b
    assert array_of(x.grad).tolist() == [5, 6, 7, 10]


def test_unused_outputs(device):
    x = on_device([1.0, 2.0, 3.0, 4.0], device, True)
    halves(x)[1].sum().backward()
    assert array_of(x.grad).tolist() == [0, 0, 1, 1]
    first, _, _ = halves(x)
    del _
    first.sum().backward()
    assert array_of(x.grad).tolist() == [1, 1, 1, 1]


def test_each_output_keeps_and_shows_its_gradient(device):
    x = on_device([1.0, 2.0, 3.0, 4.0], device, True)
    first, second, both = halves(x)
    seen = []
    first.register_hook(lambda g: seen.append(array_of(g).tolist()))
    both.retain_grad()
    (first * 3 + second + both * 2).sum().backward()
    assert seen == [[3, 3]]
    assert array_of(both.grad).tolist() == [2, 2]
    assert second.grad is None


def test_several_outputs_without_a_gradient(device):
    outputs = halves(on_device([1.0, 2.0], device))
    assert not any(y.requires_grad for y in outputs)
    with gpunet.no_grad():
        assert not any(y.requires_grad for y in halves(on_device([1.0, 2.0], device, True)))


# --- accumulation -------------------------------------------------------------------------------


def test_gradients_accumulate(device):
    x = on_device(X, device, True)
    for times in (1, 2, 3):
        (x * x).sum().backward()
        np.testing.assert_allclose(array_of(x.grad), times * 2 * X)


def test_diamonds(device):
    x = on_device(X, device, True)
    a = x * 2
    b, c = a * a, a.exp()
    d = b * c + a
    (d + d * b).sum().backward()
    torch = torch_or_none()
    if torch:
        t = torch.tensor(X, requires_grad=True)
        a = t * 2
        b, c = a * a, a.exp()
        d = b * c + a
        (d + d * b).sum().backward()
        np.testing.assert_allclose(array_of(x.grad), t.grad.numpy())


def test_one_tensor_twice_in_an_operation(device):
    x = on_device(X, device, True)
    (x + x).sum().backward()
    np.testing.assert_array_equal(array_of(x.grad), [2, 2, 2])
    x.grad = None
    (x * x - x).sum().backward()
    np.testing.assert_array_equal(array_of(x.grad), 2 * X - 1)


@pytest.mark.parametrize("size", [3, 20_000])  # NumPy's own memory, and the pool's
@pytest.mark.parametrize(
    "function",
    [
        lambda a, b: a + b,
        lambda a, b: a + b.reshape(-1, 1).reshape(-1),
        lambda a, b: a.reshape(1, -1) + b.reshape(1, -1),
        lambda a, b: (a + 0) + (b + 0),
        lambda a, b: a.clone() + b.clone(),
        lambda a, b: a.flip(0).flip(0) + b[:],
    ],
)
def test_gradients_do_not_share_memory(device, size, function):
    a, b = (on_device(np.ones(size), device, True) for _ in range(2))
    seed = on_device(np.ones(size), device)
    y = function(a, b) * 1.0
    y.backward(seed.reshape(y.shape))
    a.grad.zero_()
    assert array_of(b.grad).all()
    assert array_of(seed).all()


def test_the_seed_is_not_the_gradient(device):
    x = on_device(X, device, True)
    seed = on_device(np.ones(3), device)
    x.backward(seed)
    (x * 1).sum().backward()
    assert array_of(seed).tolist() == [1, 1, 1]
    assert array_of(x.grad).tolist() == [2, 2, 2]


# --- second passes --------------------------------------------------------------------------------


def test_a_second_backward_pass_needs_the_graph(device):
    x = on_device(X, device, True)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_allclose(array_of(x.grad), 4 * X)
    with pytest.raises(RuntimeError, match=r"second time.*retain_graph=True"):
        y.backward()
    np.testing.assert_allclose(array_of(x.grad), 4 * X)


def test_an_error_leaves_nothing_behind(device):
    x = on_device(X, device, True)
    shared = x * x
    shared.sum().backward()
    y = x * 3 + shared
    with pytest.raises(RuntimeError, match="second time"):
        y.sum().backward()
    x.grad = None
    (x * 3).sum().backward()
    assert array_of(x.grad).tolist() == [3, 3, 3]


def test_what_backward_asks_for(device):
    x = on_device(X, device, True)
    with pytest.raises(RuntimeError, match="one element"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match="shape"):
        (x * 2).backward(on_device([1.0, 1.0], device))
    with pytest.raises(RuntimeError, match="does not require a gradient"):
        on_device(X, device).sum().backward()
    with pytest.raises(NotImplementedError, match="first-order"):
        (x * 2).sum().backward(create_graph=True)
    (x * 2).backward(on_device(np.array([1, 0, 2], "f"), device))
    assert array_of(x.grad).tolist() == [2, 0, 4]
    assert x.grad.dtype == gpunet.float64


def test_backward_into_some_leaves(device):
    a, b = on_device(X, device, True), on_device(X, device, True)
    (a * b).sum().backward(inputs=[a])
    assert b.grad is None
    np.testing.assert_array_equal(array_of(a.grad), X)
    gpunet.autograd.backward([(a * 2).sum(), (b * 3).sum()])
    assert array_of(b.grad).tolist() == [3, 3, 3]


# --- grad() -------------------------------------------------------------------------------------


def test_grad(device):
    a, b = on_device(X, device, True), on_device(X, device, True)
    c = a * b
    d = c * a
    ga, gc = gpunet.autograd.grad(d.sum(), [a, c])
    np.testing.assert_allclose(array_of(ga), 2 * X * X)
    np.testing.assert_allclose(array_of(gc), X)
    assert a.grad is None
    assert b.grad is None
    assert c.grad is None
    (g,) = gpunet.autograd.grad(a * 2, a, on_device([1.0, 2.0, 3.0], device))
    assert array_of(g).tolist() == [2, 4, 6]


def test_grad_keeps_what_was_there(device):
    a = on_device(X, device, True)
    (a * 2).sum().backward()
    before = a.grad
    gpunet.autograd.grad((a * 5).sum(), a)
    assert a.grad is before
    assert array_of(a.grad).tolist() == [2, 2, 2]


def test_grad_errors(device):
    a, b = on_device(X, device, True), on_device(X, device, True)
    y = (a * 2).sum()
    with pytest.raises(RuntimeError, match="input 1 was not used"):
        gpunet.autograd.grad(y, [a, b], retain_graph=True)
    assert gpunet.autograd.grad(y, [a, b], allow_unused=True)[1] is None
    with pytest.raises(RuntimeError, match="input 0 does not require"):
        gpunet.autograd.grad(y, on_device(X, device))
    with pytest.raises(NotImplementedError, match="create_graph"):
        gpunet.autograd.grad(y, a, create_graph=True)


# --- switching the tape off -----------------------------------------------------------------------


def test_no_grad(device):
    x = on_device(X, device, True)
    with gpunet.no_grad():
        assert not gpunet.is_grad_enabled()
        assert not (x * 2).requires_grad
        with gpunet.enable_grad():
            assert (x * 2).requires_grad
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad

    @gpunet.no_grad()
    def double(t):
        """Twice."""
        return t * 2

    assert not double(x).requires_grad
    assert double.__doc__ == "Twice."
    assert gpunet.is_grad_enabled()

    @gpunet.enable_grad()
    def recorded(t):
        return t * 2

    with gpunet.no_grad():
        assert recorded(x).requires_grad


def test_the_tape_is_back_on_after_an_error():
    with pytest.raises(KeyError), gpunet.no_grad():
        raise KeyError
    assert gpunet.is_grad_enabled()


def test_set_grad_enabled(device):
    x = on_device(X, device, True)
    for mode in (False, True):
        with gpunet.set_grad_enabled(mode):
            assert (x * 2).requires_grad is mode
        assert gpunet.is_grad_enabled()
    try:
        gpunet.set_grad_enabled(False)
        assert not (x * 2).requires_grad
    finally:
        gpunet.set_grad_enabled(True)
    assert (x * 2).requires_grad


def test_each_thread_has_its_own_mode():
    seen = []
    with gpunet.no_grad():
        thread = threading.Thread(target=lambda: seen.append(gpunet.is_grad_enabled()))
        thread.start()
        thread.join()
        assert not gpunet.is_grad_enabled()
    assert seen == [True]


def test_detach_cuts_the_tape(device):
    x = on_device(X, device, True)
    y = x * 2
    (y.detach() * x).sum().backward()
    np.testing.assert_array_equal(array_of(x.grad), 2 * X)
    x.grad = None
    x.requires_grad_(False)
    assert not (x * 2).requires_grad


# --- hooks ----------------------------------------------------------------------------------------


def test_hooks_see_and_change_gradients(device):
    x = on_device(X, device, True)
    y = x * 2
    seen = []
    y.register_hook(lambda g: seen.append(array_of(g).tolist()))
    handle = y.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    y.sum().backward(retain_graph=True)
    assert seen == [[1, 1, 1]]
    assert array_of(x.grad).tolist() == [21, 21, 21]
    handle.remove()
    handle.remove()
    x.grad = None
    y.sum().backward()
    assert array_of(x.grad).tolist() == [3, 3, 3]
    with pytest.raises(RuntimeError, match="hook"):
        on_device(X, device).register_hook(print)


def test_a_hook_sees_the_sum_of_all_paths(device):
    x = on_device(X, device, True)
    y = x * 1
    seen = []
    y.register_hook(lambda g: seen.append(array_of(g).tolist()))
    (y + y * 2).sum().backward()
    assert seen == [[3, 3, 3]]


def test_retain_grad(device):
    x = on_device(X, device, True)
    y = x * 2
    y.retain_grad()
    x.retain_grad()
    assert y.retains_grad
    assert not x.retains_grad
    (y * y).sum().backward()
    np.testing.assert_array_equal(array_of(y.grad), 4 * X)
    with pytest.raises(RuntimeError, match="retain_grad"):
        on_device(X, device).retain_grad()


# --- changes in place -----------------------------------------------------------------------------


def test_a_stale_backward_pass_is_an_error(device):
    x, w = on_device(X, device, True), on_device(X, device, True)
    y = (x * w).sum()
    with gpunet.no_grad():
        w.add_(1)
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def two(torch, place, x_needs_grad=False):
    """w (a leaf), h = 2 w (on the tape) and x (data by default)."""
    w = torch.tensor([1.0, 2.0, 3.0, 4.0], **place).requires_grad_()
    x = torch.tensor([5.0, 6.0, 7.0, 8.0], **place).requires_grad_(x_needs_grad)
    return w, w * 2, x


def on_data(torch, w, h, x):
    return (w * x).sum(), lambda: x.add_(1)


def on_a_leaf(torch, w, h, x):
    return (w * w).sum(), lambda: w.zero_()


def on_a_result(torch, w, h, x):
    return (h * h).sum(), lambda: h.mul_(2)


def on_an_output(torch, w, h, x):
    y = w.tanh()
    return y.sum(), lambda: y.fill_(0)


def on_a_view_of_data(torch, w, h, x):
    return (w * x).sum(), lambda: x[1:2].add_(1)


def on_a_reshaped_view(torch, w, h, x):
    return (w * x).sum(), lambda: x.view(2, 2).t().zero_()


def on_data_of_a_view(torch, w, h, x):
    return (w.view(2, 2).t() * x.view(2, 2).t()).sum(), lambda: x.add_(1)


def on_what_is_detached(torch, w, h, x):
    return (h * h).sum(), lambda: h.detach().zero_()


def by_setitem(torch, w, h, x):
    def change():
        x[2] = 9.0

    return (w * x).sum(), change


def by_setitem_everywhere(torch, w, h, x):
    def change():
        x[...] = w.detach()

    return (w * x).sum(), change


def by_copy(torch, w, h, x):
    return (w * x).sum(), lambda: x.copy_(w)


def by_random_numbers(torch, w, h, x):
    return (w * x).sum(), lambda: x.normal_()


def by_init(torch, w, h, x):
    return (w * x).sum(), lambda: torch.nn.init.zeros_(x)


def by_masked_fill(torch, w, h, x):
    return (w * x).sum(), lambda: x.masked_fill_(x > 5, 0.0)


def by_a_function_in_place(torch, w, h, x):
    return (w * x).sum(), lambda: x.exp_()


def by_a_step(torch, w, h, x):
    optimizer = torch.optim.SGD([w], lr=0.1)
    w.sum().backward()
    return (w * w).sum(), optimizer.step


def by_load_state_dict(torch, w, h, x):
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    model.to(x.device)
    return model(x).sum(), lambda: model.load_state_dict(model.state_dict())


def in_a_function_of_the_user(torch, w, h, x):
    class Times(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            return a * b

        @staticmethod
        def backward(ctx, dY):
            return dY * ctx.saved_tensors[1], None

    return Times.apply(w, x).sum(), lambda: x.add_(1)


STALE = [
    on_data,
    on_a_leaf,
    on_a_result,
    on_an_output,
    on_a_view_of_data,
    on_a_reshaped_view,
    on_data_of_a_view,
    on_what_is_detached,
    by_setitem,
    by_setitem_everywhere,
    by_copy,
    by_random_numbers,
    by_init,
    by_masked_fill,
    by_a_function_in_place,
    by_a_step,
    by_load_state_dict,
    in_a_function_of_the_user,
]


@pytest.mark.parametrize("case", STALE, ids=lambda f: f.__name__)
def test_a_change_of_what_was_saved_is_an_error(device, case):
    for torch, place in ((gpunet, {"device": device}), (torch_or_none(), {})):
        if torch is None:
            continue
        loss, change = case(torch, *two(torch, place))
        with torch.no_grad():
            change()
        with pytest.raises(RuntimeError, match=r"changed in place|inplace operation"):
            loss.backward()


def test_a_change_through_data_is_an_error_too(device):
    """Here PyTorch gives a wrong gradient."""
    w, h, x = two(gpunet, {"device": device})
    loss = (w * x).sum()
    x.data.add_(1)
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()
    loss = (h * h).sum()
    h.data[0] = 0.0
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def before(torch, w, h, x):
    x.add_(1)
    return w * x


def of_other_memory(torch, w, h, x):
    y = w * x
    x.clone().add_(1)
    return y


def of_what_no_gradient_needs(torch, w, h, x):
    y = w + x
    x.add_(1)
    return y


def of_a_neighbour(torch, w, h, x):
    """Parameters of an optimiser stand in one array."""
    v = torch.ones_like(w).requires_grad_()
    optimizer = torch.optim.SGD([v, w], lr=0.1)
    v.sum().backward()
    optimizer.step()
    y = w * w
    with torch.no_grad():
        v.zero_()
    return y


def on_the_tape(torch, w, h, x):
    y = h + 1
    y.mul_(3)
    y += h
    y.mul_(0.1).tanh_()
    return y * 2


def of_the_result_of_a_sum(torch, w, h, x):
    y = (w * x).sum()
    with torch.no_grad():
        total = torch.zeros_like(x).sum()
        total += y.detach()
    return y


HARMLESS = [
    before,
    of_other_memory,
    of_what_no_gradient_needs,
    of_a_neighbour,
    on_the_tape,
    of_the_result_of_a_sum,
]


@pytest.mark.parametrize("case", HARMLESS, ids=lambda f: f.__name__)
def test_a_harmless_change(device, case):
    w, h, x = two(gpunet, {"device": device})
    case(gpunet, w, h, x).sum().backward()
    torch = torch_or_none()
    if torch:
        v, h, x = two(torch, {})
        case(torch, v, h, x).sum().backward()
        np.testing.assert_allclose(array_of(w.grad), v.grad.numpy(), rtol=1e-5)


VIEWS = {
    "row": lambda h: h[0],
    "reshaped": lambda h: h.view(-1),
    "transposed": lambda h: h.t(),
    "diagonal": lambda h: h.diagonal(),
    "part": lambda h: h.split(1)[0],
    "iterated": lambda h: next(iter(h)),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_view_on_the_tape_cannot_change_alone(device, view):
    """In PyTorch the tensor changes with it; here it would not."""
    w = on_device(np.ones((2, 2)), device, True)
    h = w * 2
    for change in (
        lambda v: v.mul_(3),
        lambda v: v.zero_(),
        lambda v: v.copy_(v * 2),
        lambda v: v.clamp_(max=1.0),
        lambda v: v.__setitem__(0, 5.0),
    ):
        with pytest.raises(RuntimeError, match="view"):
            change(view(h))
    buffer = on_device(np.zeros((2, 2)), device)
    if "diagonal" not in repr(view(h).node):
        with pytest.raises(RuntimeError, match="view"):
            view(buffer)[0] = w[0, 0]
        with pytest.raises(RuntimeError, match="view"):
            view(buffer).add_(w[0, 0])
    with gpunet.no_grad():
        view(buffer).add_(1)
        view(h).add_(1)
    assert buffer.sum().item() > 0


def test_views_that_may_change_on_the_tape(device):
    w = on_device(np.ones((2, 2)), device, True)
    y = (w * 2).view(4).mul_(3)  # of a tensor that is gone
    y[1] += 1  # is assigned
    y[2:] *= w[0]
    buffer = on_device(np.zeros(4), device).view(2, 2)
    buffer[0] = w[0]
    buffer[1] += w[1]
    assert array_of(y.view(2, 2) + buffer).tolist() == [[7, 8], [7, 7]]
    (y.sum() + buffer.sum()).backward()
    torch = torch_or_none()
    if torch:
        v = torch.ones(2, 2, requires_grad=True)
        y = (v * 2).view(4).mul_(3)
        y[1] += 1
        y[2:] *= v[0]
        buffer = torch.zeros(4).view(2, 2)
        buffer[0] = v[0]
        buffer[1] += v[1]
        (y.sum() + buffer.sum()).backward()
        np.testing.assert_allclose(array_of(w.grad), v.grad.numpy())


def test_other_values_for_a_tensor_leave_the_saved_ones(device):
    w, _, x = two(gpunet, {"device": device})
    y = (w * x).sum()
    x.data = x * 2
    y.backward()
    assert array_of(w.grad).tolist() == [5, 6, 7, 8]


def test_memory_that_is_used_again_has_not_changed(device):
    """The pool hands the same addresses out again; what happened to them before does not count."""
    w = on_device(np.ones(100_000), device, True)
    for _ in range(3):
        x = on_device(np.ones(100_000), device) * 2
        y = w * x
        y.detach().mul_(3)  # not saved
        z = w.tanh()  # from here on, the entry of y's memory is newer than w * x
        del y
        t = w * (x * 1)  # may get the memory of y
        (z + t).sum().backward()


def test_notes_of_changes_are_few_and_keep_nothing_alive(device, no_gc):
    from gpunet.autograd.changes import CHANGES, MOST

    w = on_device(np.arange(4.0), device, True)
    x = on_device(np.ones((2 * MOST, 4)), device)
    rest = on_device(np.ones(4), device)
    array = weakref.ref(x.array)
    early, late = (w * x[3]).sum(), (w * rest).sum()
    for row in x:
        row.add_(1)
    assert len(CHANGES._entries) <= MOST
    with pytest.raises(RuntimeError, match="changed in place"):
        early.backward()
    late.backward()
    (w * x[3]).sum().backward()
    del x, row, early
    assert array() is None
    for _ in range(MOST):
        on_device(np.ones(4), device).add_(1)
    assert len(CHANGES._entries) <= MOST


def test_a_change_of_what_was_not_saved_is_none(device):
    x = on_device(X, device, True)
    y = (x + 1).sum()
    with gpunet.no_grad():
        x.add_(1)
    y.backward()
    assert array_of(x.grad).tolist() == [1, 1, 1]


def test_a_change_after_backward(device):
    x = on_device(X, device, True)
    for _ in range(3):
        (x * x).sum().backward()
        with gpunet.no_grad():
            x -= 0.1 * x.grad
        x.grad = None
    np.testing.assert_allclose(array_of(x), X * 0.8**3)


# --- memory ---------------------------------------------------------------------------------------


def test_a_long_chain(device):
    n = 100_000 if device == "cpu" else 2_000
    x = on_device([1.0], device, True)
    y = x
    for _ in range(n):
        y = y + 1e-5
    y.backward()
    assert x.grad.item() == 1
    z = y * 1
    del y, z  # without recursion


def test_a_graph_is_freed_by_its_reference_counts(device, no_gc):
    x = on_device(X, device, True)
    y = (x * x).exp()
    z = (y * halves(gpunet.cat([x, x]))[0]).sum()
    nodes = [weakref.ref(t.node) for t in (y, z)]
    tensors = [weakref.ref(y), weakref.ref(z)]
    z.backward()
    del y, z
    assert not any(r() is not None for r in nodes + tensors)
    assert gc.collect() == 0


def test_a_graph_without_backward_is_freed(device, no_gc):
    x = on_device(X, device, True)
    y = (x * x).exp()
    y.retain_grad()
    handle = y.register_hook(lambda g: None)
    node = weakref.ref(y.node)
    del y, handle
    assert node() is None
    assert gc.collect() == 0


def test_an_error_in_backward_leaves_no_cycle(device, no_gc):
    x = on_device(X, device, True)
    y = (x * x).sum()
    y.backward()
    node = weakref.ref(y.node)
    with pytest.raises(RuntimeError):
        y.backward()
    del y
    gc.collect()  # the traceback, which pytest keeps
    assert node() is None


def test_saved_arrays_are_freed_as_backward_goes(no_gc):
    x = gpunet.Tensor(np.ones((256, 256))).requires_grad_()
    (x * 0.5).tanh().sum().backward()  # compiles what is to be compiled
    x.grad = None
    gc.collect()
    before = CPU.pool.used_bytes
    y = x
    for _ in range(10):
        y = (y * 0.5).tanh()
    held = CPU.pool.used_bytes - before
    assert held >= 10 * x.nbytes
    CPU.pool.reset_peak()
    y.sum().backward()
    assert CPU.pool.peak_bytes <= before + held + 6 * x.nbytes
    del y
    x.grad = None
    assert CPU.pool.used_bytes == before
    assert gc.collect() == 0


def test_inference_mode():
    x = gpunet.ones(2, requires_grad=True)
    with gpunet.inference_mode():
        assert not (x * 2).requires_grad
    with gpunet.inference_mode(False):
        assert (x * 2).requires_grad

    @gpunet.inference_mode()
    def double(x):
        return x * 2

    assert not double(x).requires_grad
    assert (x * 2).requires_grad
