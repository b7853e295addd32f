"""`gpunet.autocast`: what it casts, what it leaves alone, and when it is in force."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest
from opcheck import array_of, on_device, torch_or_none

import gpunet
import gpunet.nn.functional as F
from gpunet import nn
from gpunet.autograd import Operation
from gpunet.utils.checkpoint import checkpoint

torch = torch_or_none()
needs_torch = pytest.mark.skipif(torch is None, reason="compares with PyTorch")

LABELS = np.array([1, 0, 2, 1])

#: The types that blocks can have, with the tolerance of a rounded result.
TYPES = {"float16": 1.0, "bfloat16": 8.0}

#: Name, function of the module (gpunet or torch), shapes, and what comes of float32 and of the
#: block's type.
NARROW = "that of the block"
CASES = [
    ("linear", lambda t, f, x, w: f.linear(x, w), [(4, 5), (3, 5)], NARROW, NARROW),
    ("matmul", lambda t, f, a, b: a @ b, [(4, 5), (5, 3)], NARROW, NARROW),
    ("mm", lambda t, f, a, b: t.mm(a, b), [(4, 5), (5, 3)], NARROW, NARROW),
    ("bmm", lambda t, f, a, b: t.bmm(a, b), [(2, 4, 5), (2, 5, 3)], NARROW, NARROW),
    ("addmm", lambda t, f, c, a, b: t.addmm(c, a, b), [(4, 3), (4, 5), (5, 3)],
     NARROW, NARROW),
    ("einsum", lambda t, f, a, b: t.einsum("ij,jk->ik", a, b), [(4, 5), (5, 3)],
     NARROW, NARROW),
    ("conv1d", lambda t, f, x, w: f.conv1d(x, w), [(2, 3, 8), (4, 3, 3)], NARROW, NARROW),
    ("conv2d", lambda t, f, x, w: f.conv2d(x, w, padding=1), [(2, 3, 8, 8), (4, 3, 3, 3)],
     NARROW, NARROW),
    ("conv_transpose2d", lambda t, f, x, w: f.conv_transpose2d(x, w),
     [(2, 3, 5, 5), (3, 4, 3, 3)], NARROW, NARROW),
    ("attention", lambda t, f, q, k, v: f.scaled_dot_product_attention(q, k, v),
     [(2, 4, 8)] * 3, NARROW, NARROW),
    ("relu", lambda t, f, x: t.relu(x), [(4, 3)], "float32", NARROW),
    ("sigmoid", lambda t, f, x: t.sigmoid(x), [(4, 3)], "float32", NARROW),
    ("add", lambda t, f, x, y: x + y, [(4, 3), (4, 3)], "float32", NARROW),
    ("reshape", lambda t, f, x: x.reshape(3, 4), [(4, 3)], "float32", NARROW),
    ("getitem", lambda t, f, x: x[1:], [(4, 3)], "float32", NARROW),
    ("max_pool2d", lambda t, f, x: f.max_pool2d(x, 2), [(2, 3, 8, 8)], "float32", NARROW),
    ("avg_pool2d", lambda t, f, x: f.avg_pool2d(x, 2), [(2, 3, 8, 8)], "float32", NARROW),
]  # fmt: skip

#: PyTorch has these on the list for CUDA, not on that for the CPU.
SINGLE = [
    ("exp", lambda x: gpunet.exp(x)),
    ("log", lambda x: gpunet.log(x * x + 1)),
    ("pow", lambda x: x**3),
    ("rsqrt", lambda x: gpunet.rsqrt(x * x + 1)),
    ("sum", lambda x: x.sum(1)),
    ("mean", lambda x: x.mean()),
    ("norm", lambda x: x.norm()),
    ("cumsum", lambda x: x.cumsum(0)),
    ("softmax", lambda x: F.softmax(x, 1)),
    ("log_softmax", lambda x: F.log_softmax(x, 1)),
    ("softplus", lambda x: F.softplus(x)),
    ("layer_norm", lambda x: F.layer_norm(x, (3,))),
    ("group_norm", lambda x: F.group_norm(x, 1)),
    ("mse_loss", lambda x: F.mse_loss(x, x * 2)),
    ("l1_loss", lambda x: F.l1_loss(x, x * 2)),
    ("smooth_l1_loss", lambda x: F.smooth_l1_loss(x, x * 2)),
    ("bce_logits", lambda x: F.binary_cross_entropy_with_logits(x, x * 0)),
    ("kl_div", lambda x: F.kl_div(x, F.softmax(x, 1), reduction="batchmean")),
]


def values(shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    # Numbers of 16 bits, so that both sides start from the same.
    return [np.round(rng.normal(size=s) * 8).astype(np.float32) / 8 for s in shapes]


@pytest.fixture(params=list(TYPES))
def narrow(request: pytest.FixtureRequest) -> np.dtype:
    """float16 and bfloat16."""
    return getattr(gpunet, request.param)


def test_every_dtype_is_the_one_expected_and_the_gradients_are_float32(
    device: str, narrow: np.dtype
) -> None:
    for name, function, shapes, of_single, of_narrow in CASES:
        for dtype, expected in ((gpunet.float32, of_single), (narrow, of_narrow)):
            leaves = [on_device(x, device, requires_grad=True) for x in values(shapes)]
            with gpunet.autocast(device, narrow):
                y = function(gpunet, F, *[x.to(dtype) for x in leaves])
            assert y.dtype == (narrow if expected is NARROW else expected), (name, dtype)
            y.float().sum().backward()
            for x in leaves:
                assert x.grad.dtype == np.float32, name
                assert x.grad.shape == x.shape, name


@needs_torch
def test_values_and_gradients_are_pytorchs(device: str, narrow: np.dtype) -> None:
    for name, function, shapes, _, _ in CASES:
        arrays = values(shapes)
        ours = [on_device(x, device, requires_grad=True) for x in arrays]
        theirs = [torch.tensor(x, requires_grad=True) for x in arrays]
        with gpunet.autocast(device, narrow):
            y = function(gpunet, F, *ours)
        with torch.autocast("cpu", dtype=getattr(torch, narrow.name)):
            z = function(torch, torch.nn.functional, *theirs)
        assert str(z.dtype) == f"torch.{y.dtype}", name
        wide = TYPES[narrow.name]
        np.testing.assert_allclose(
            array_of(y.float()), z.detach().float().numpy(), err_msg=name,
            rtol=4e-3 * wide, atol=8e-3 * wide,
        )  # fmt: skip
        y.float().sum().backward()
        z.float().sum().backward()
        for a, b in zip(ours, theirs):
            np.testing.assert_allclose(
                array_of(a.grad), b.grad.numpy(), err_msg=name, rtol=4e-3 * wide, atol=2e-2 * wide
            )


def test_what_needs_the_range_is_float32(device: str, narrow: np.dtype) -> None:
    x = values([(4, 3)])[0]
    for name, function in SINGLE:
        half = on_device(x, device).to(narrow).requires_grad_()
        with gpunet.autocast(device, narrow):
            y = function(half)
        plain = function(on_device(x, device))
        assert y.dtype == np.float32, name
        np.testing.assert_allclose(array_of(y), array_of(plain), rtol=5e-3, atol=5e-3, err_msg=name)
        y.sum().backward()
        assert half.grad.dtype == narrow, name


def test_losses_of_labels(device: str, narrow: np.dtype) -> None:
    x = on_device(values([(4, 3)])[0], device).to(narrow)
    labels = on_device(LABELS, device)
    weight = on_device(np.ones(3, np.float32), device)
    with gpunet.autocast(device, narrow):
        assert F.cross_entropy(x, labels).dtype == np.float32
        assert F.cross_entropy(x, labels, weight).dtype == np.float32
        assert F.cross_entropy(x, F.softmax(x, 1)).dtype == np.float32
        assert F.nll_loss(F.log_softmax(x, 1), labels).dtype == np.float32


def test_a_sum_of_many_is_one_of_float32(device: str, narrow: np.dtype) -> None:
    x = gpunet.ones(100_000, device=device).to(narrow)
    with gpunet.autocast(device, narrow):
        assert float(x.sum()) == 100_000  # float16 ends at 65,504


def test_mixed_types_take_the_widest(device: str, narrow: np.dtype) -> None:
    half, single = gpunet.ones(3, device=device).to(narrow), gpunet.ones(3, device=device)
    with gpunet.autocast(device, narrow):
        assert (half + single).dtype == np.float32
        assert gpunet.cat([half, single]).dtype == np.float32
        assert gpunet.where(half > 0, half, single).dtype == np.float32


def test_batch_norm_keeps_the_type_of_its_input_and_float32_statistics(
    device: str, narrow: np.dtype
) -> None:
    norm = nn.BatchNorm2d(3).to(device)
    x = on_device(values([(2, 3, 4, 4)])[0], device)
    with gpunet.autocast(device, narrow):
        assert norm(x).dtype == np.float32
        assert norm(x.to(narrow)).dtype == narrow
    assert norm.running_mean.dtype == np.float32


@pytest.mark.parametrize("layer", [nn.RNN, nn.LSTM, nn.GRU])
def test_recurrent_layers(device: str, narrow: np.dtype, layer: type) -> None:
    model = layer(5, 6, 2, bidirectional=True).to(device)
    x = on_device(values([(7, 4, 5)])[0], device)
    plain = model(x)[0]
    with gpunet.autocast(device, narrow):
        y = model(x)[0]
        with gpunet.no_grad():
            one = layer(5, 6).to(device)(x[:1].to(narrow))[0]
    assert y.dtype == one.dtype == narrow
    np.testing.assert_allclose(array_of(y.float()), array_of(plain), atol=5e-3 * TYPES[narrow.name])
    y.float().sum().backward()
    assert all(p.grad.dtype == np.float32 for p in model.parameters())


def test_transformer_layer(device: str, narrow: np.dtype) -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0).to(device)
    x = on_device(values([(4, 2, 8)])[0], device)
    plain = layer(x)
    with gpunet.autocast(device, narrow):
        y = layer(x)
    np.testing.assert_allclose(array_of(y), array_of(plain), atol=1e-2 * TYPES[narrow.name])
    y.sum().backward()
    assert all(p.grad.dtype == np.float32 for p in layer.parameters())


def test_convolution_with_batch_norm_in_evaluation(device: str, narrow: np.dtype) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).to(device).eval()
    x = on_device(values([(2, 3, 8, 8)])[0], device)
    with gpunet.no_grad(), gpunet.autocast(device, narrow):
        assert model(x).dtype == model(x.to(narrow)).dtype == narrow


def test_float64_is_left_alone(device: str, narrow: np.dtype) -> None:
    x = gpunet.ones(4, 5, device=device, dtype=gpunet.float64)
    with gpunet.autocast(device, narrow):
        assert F.linear(x, x).dtype == np.float64
        assert F.softmax(x, 1).dtype == np.float64


def test_too_large_for_float16_is_infinite_without_a_warning(device: str) -> None:
    x = gpunet.full((2, 2), 300.0, device=device)
    with gpunet.autocast(device, gpunet.float16):
        assert np.isinf(array_of(x @ x)).all()


def test_binary_cross_entropy_is_refused_on_the_gpu(cuda: str) -> None:
    x = gpunet.full((2,), 0.5, device=cuda)
    with gpunet.autocast("cuda"), pytest.raises(RuntimeError, match="unsafe to autocast"):
        F.binary_cross_entropy(x, x)
    y = x.cpu()
    with gpunet.autocast("cpu"):
        assert F.binary_cross_entropy(y, y).dtype == np.float32


def test_blocks_nest_and_count_for_one_device(device: str) -> None:
    x = gpunet.ones(3, 3, device=device)
    other = "cuda" if device == "cpu" else "cpu"
    with gpunet.autocast(device, gpunet.float16):
        assert gpunet.is_autocast_enabled(device)
        assert not gpunet.is_autocast_enabled(other)
        with gpunet.autocast(device, enabled=False):
            assert not gpunet.is_autocast_enabled(device)
            assert (x @ x).dtype == np.float32
            with gpunet.autocast(device, dtype=gpunet.float16):
                assert (x @ x).dtype == np.float16
        assert (x @ x).dtype == np.float16
    with gpunet.autocast(device, enabled=False):
        assert (x @ x).dtype == np.float32
    assert (x @ x).dtype == np.float32
    assert not gpunet.is_autocast_enabled(device)


def test_an_error_ends_the_block() -> None:
    before = Operation.__call__
    with pytest.raises(KeyError), gpunet.autocast("cpu", gpunet.float16):
        raise KeyError
    assert Operation.__call__ is before
    assert not gpunet.is_autocast_enabled("cpu")


def test_decorator() -> None:
    @gpunet.autocast("cpu", gpunet.float16)
    def product(x: gpunet.Tensor) -> gpunet.Tensor:
        """The square."""
        return x @ x

    assert product(gpunet.ones(2, 2)).dtype == np.float16
    assert product.__doc__ == "The square."
    assert not gpunet.is_autocast_enabled("cpu")


def test_other_threads_are_not_concerned() -> None:
    found = []

    def other() -> None:
        found.append((gpunet.ones(2, 2) @ gpunet.ones(2, 2)).dtype)
        found.append(gpunet.is_autocast_enabled("cpu"))

    with gpunet.autocast("cpu"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert found == [np.float32, False]


def test_outside_operations_are_called_as_ever() -> None:
    program = """if True:
        import sys, gpunet
        from gpunet.autograd import Operation
        plain = Operation.__call__
        with gpunet.autocast("cpu", gpunet.float16):
            assert Operation.__call__ is not plain
        assert Operation.__call__ is plain
        assert "ml_dtypes" not in sys.modules
        gpunet.bfloat16
        assert Operation.__call__ is not plain
    """
    subprocess.run([sys.executable, "-c", program], check=True)
    x = gpunet.randn(5, 5)
    before = (x @ x).array
    with gpunet.autocast("cpu"):
        (x @ x).sum()
    np.testing.assert_array_equal((x @ x).array, before)


def test_a_weight_is_rounded_once_in_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    from gpunet.autograd import casting

    layer, x = nn.Linear(3, 3), gpunet.ones(2, 3)
    rounded = []
    original = casting._rounded
    monkeypatch.setattr(casting, "_rounded", lambda X, k: rounded.append(X) or original(X, k))

    def weights() -> int:
        count = sum(X is layer.weight.array for X in rounded)
        rounded.clear()
        return count

    with gpunet.autocast("cpu"):
        layer(layer(x))
        with gpunet.autocast("cpu"):
            layer(x)
        assert weights() == 1
        with gpunet.no_grad():
            layer.weight.fill_(1.0)
        assert float(layer(x).sum()) != 0
        assert weights() == 1  # it was changed in place, so what was kept is stale
    with gpunet.autocast("cpu"):
        layer(x)
    assert weights() == 1
    with gpunet.autocast("cpu", cache_enabled=False):
        layer(layer(x))
    assert weights() == 2


def test_a_shared_weight_gets_the_sum_of_its_gradients(device: str, narrow: np.dtype) -> None:
    w = on_device(values([(3, 3)])[0], device, requires_grad=True)
    x = on_device(values([(2, 3)])[0], device)
    with gpunet.autocast(device, narrow):
        y = F.linear(F.linear(x, w), w).sum()
    y.backward()
    mixed = array_of(w.grad).copy()
    w.grad = None
    F.linear(F.linear(x, w), w).sum().backward()
    np.testing.assert_allclose(mixed, array_of(w.grad), rtol=8e-3 * TYPES[narrow.name], atol=0.05)


def test_a_checkpoint_is_computed_again_as_it_was(device: str, narrow: np.dtype) -> None:
    layer = nn.Linear(3, 3).to(device)
    x = on_device(values([(2, 3)])[0], device, requires_grad=True)
    gradients = []
    for run in (lambda f, x: f(x), checkpoint):
        with gpunet.autocast(device, narrow):
            y = run(lambda x: F.relu(layer(x)), x)
        y.float().sum().backward()
        gradients.append(array_of(x.grad).copy())
        x.grad = None
    np.testing.assert_array_equal(*gradients)


@pytest.mark.parametrize("dtype", ["float32", "nonsense", int])
def test_other_types_are_refused(dtype: str) -> None:
    with pytest.raises(ValueError, match="computes in float16 or bfloat16 only"):
        gpunet.autocast("cpu", dtype=dtype)


def test_the_default_is_that_of_the_device(device: str) -> None:
    default = gpunet.bfloat16 if device == "cpu" else gpunet.float16
    x = gpunet.ones(2, 2, device=device)
    assert gpunet.get_autocast_dtype(device) == default
    with gpunet.autocast(device):
        assert (x @ x).dtype == gpunet.get_autocast_dtype(device) == default
    other = gpunet.float16 if device == "cpu" else gpunet.bfloat16
    with gpunet.autocast(device, other):
        assert (x @ x).dtype == gpunet.get_autocast_dtype(device) == other
        with gpunet.autocast(device):
            assert (x @ x).dtype == default


def test_the_other_16_bits_become_those_of_the_block(device: str) -> None:
    x = on_device(np.full((2, 2), 1 + 2**-10), device, requires_grad=True)  # 1 in bfloat16
    with gpunet.autocast(device, gpunet.bfloat16):
        y = x.half() @ x.half()
    assert y.dtype == gpunet.bfloat16
    np.testing.assert_array_equal(array_of(y.float()), 2.0)
    y.float().sum().backward()
    assert x.grad.dtype == np.float64


def test_a_view_stays_one(device: str, narrow: np.dtype) -> None:
    x = gpunet.zeros(3, 2, device=device, dtype=narrow)
    with gpunet.autocast(device, narrow), gpunet.no_grad():
        x[1].fill_(2.0)
    np.testing.assert_array_equal(array_of(x.float()), [[0, 0], [2, 2], [0, 0]])


def test_unknown_devices_are_refused() -> None:
    with pytest.raises(RuntimeError, match="unsupported autocast device_type 'tpu'"):
        gpunet.autocast("tpu")
    with pytest.raises(ValueError, match="Expected `device_type` of type `str`"):
        gpunet.autocast(0)  # type: ignore[arg-type]


def test_names() -> None:
    from gpunet import amp

    assert amp.autocast is gpunet.autocast
    assert amp.is_autocast_enabled is gpunet.is_autocast_enabled
