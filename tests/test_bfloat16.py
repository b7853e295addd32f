"""`gpunet.bfloat16`: a dtype of tensors like the others, with PyTorch's results."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from opcheck import array_of, on_device, torch_or_none

import gpunet
import gpunet.nn.functional as F
from gpunet import nn, optim

torch = torch_or_none()
needs_torch = pytest.mark.skipif(torch is None, reason="compares with PyTorch")

RNG = np.random.default_rng(5)
#: Few bits each, so that both sides start from the same and sums of few are exact.
X = (RNG.integers(-16, 17, (4, 6)) / 8).astype(np.float32)
P = (RNG.integers(1, 17, (4, 6)) / 8).astype(np.float32)
IMAGE = (RNG.integers(-16, 17, (2, 3, 6, 6)) / 8).astype(np.float32)
FILTER = (RNG.integers(-8, 9, (4, 3, 3, 3)) / 8).astype(np.float32)
LABELS = np.array([1, 0, 5, 2])
MASK = RNG.integers(0, 2, (4, 6)).astype(bool)

#: Name, function of a module (gpunet or torch) with its nn.functional, and the inputs.
CASES = [
    ("add", lambda t, f, x, y: x + y, X, P),
    ("add number", lambda t, f, x: x + 1.1, X),
    ("sub number", lambda t, f, x: 1 - x, X),
    ("mul", lambda t, f, x, y: x * y, X, P),
    ("div", lambda t, f, x, y: x / y, X, P),
    ("remainder", lambda t, f, x, y: x % y, X, P),
    ("fmod", lambda t, f, x, y: t.fmod(x, y), X, P),
    ("pow", lambda t, f, x: x**2, X),
    ("exp", lambda t, f, x: t.exp(x), X),
    ("log", lambda t, f, x: t.log(x), P),
    ("sqrt", lambda t, f, x: t.sqrt(x), P),
    ("tanh", lambda t, f, x: t.tanh(x), X),
    ("erf", lambda t, f, x: t.erf(x), X),
    ("abs", lambda t, f, x: t.abs(x), X),
    ("neg", lambda t, f, x: -x, X),
    ("sign", lambda t, f, x: t.sign(x), X),
    ("floor", lambda t, f, x: t.floor(x), X),
    ("round", lambda t, f, x: t.round(x), X),
    ("clamp", lambda t, f, x: t.clamp(x, -0.5, 0.5), X),
    ("maximum", lambda t, f, x, y: t.maximum(x, y), X, P),
    ("lerp", lambda t, f, x, y: t.lerp(x, y, 0.5), X, P),
    ("sum", lambda t, f, x: x.sum(), X),
    ("sum dim", lambda t, f, x: x.sum(1, keepdim=True), X),
    ("sum as float", lambda t, f, x: x.sum(dtype=t.float32), X),
    ("mean", lambda t, f, x: x.mean(0), X),
    ("var", lambda t, f, x: x.var(1), X),
    ("std", lambda t, f, x: x.std(), X),
    ("prod", lambda t, f, x: x.prod(1), P),
    ("norm", lambda t, f, x: x.norm(), X),
    ("cumsum", lambda t, f, x: x.cumsum(1), X),
    ("logsumexp", lambda t, f, x: t.logsumexp(x, 1), X),
    ("amax", lambda t, f, x: x.amax(1), X),
    ("max dim", lambda t, f, x: x.max(1).values, P),
    ("min", lambda t, f, x: x.min(), P),
    ("median", lambda t, f, x: x.median(), P),
    ("matmul", lambda t, f, x, y: x @ y.T, X, P),
    ("bmm", lambda t, f, x: t.bmm(x[0], x[1]), IMAGE),
    ("einsum", lambda t, f, x, y: t.einsum("ij,kj->ik", x, y), X, P),
    ("linear", lambda t, f, x, w: f.linear(x, w), X, P),
    ("conv2d", lambda t, f, x, w: f.conv2d(x, w, padding=1), IMAGE, FILTER),
    ("conv_transpose2d", lambda t, f, x, w: f.conv_transpose2d(x, w), IMAGE, FILTER[:3]),
    ("attention", lambda t, f, x: f.scaled_dot_product_attention(x, x, x), IMAGE),
    ("max_pool2d", lambda t, f, x: f.max_pool2d(x, 2), IMAGE),
    ("avg_pool2d", lambda t, f, x: f.avg_pool2d(x, 2), IMAGE),
    ("adaptive_avg_pool2d", lambda t, f, x: f.adaptive_avg_pool2d(x, 3), IMAGE),
    ("interpolate", lambda t, f, x: f.interpolate(x, scale_factor=2), IMAGE),
    ("pad", lambda t, f, x: f.pad(x, (1, 2)), IMAGE),
    ("unfold", lambda t, f, x: f.unfold(x, 3), IMAGE),
    ("relu", lambda t, f, x: f.relu(x), X),
    ("gelu", lambda t, f, x: f.gelu(x), X),
    ("silu", lambda t, f, x: f.silu(x), X),
    ("leaky_relu", lambda t, f, x: f.leaky_relu(x), X),
    ("sigmoid", lambda t, f, x: t.sigmoid(x), X),
    ("softplus", lambda t, f, x: f.softplus(x), X),
    ("softmax", lambda t, f, x: f.softmax(x, 1), X),
    ("log_softmax", lambda t, f, x: f.log_softmax(x, 1), X),
    ("layer_norm", lambda t, f, x, w: f.layer_norm(x, (6,), w[0], w[1]), X, P),
    ("group_norm", lambda t, f, x: f.group_norm(x, 3), IMAGE),
    ("rms_norm", lambda t, f, x: f.rms_norm(x, (6,)), X),
    ("batch_norm", lambda t, f, x: f.batch_norm(x, None, None, training=True), IMAGE),
    ("instance_norm", lambda t, f, x: f.instance_norm(x), IMAGE),
    ("mse_loss", lambda t, f, x, y: f.mse_loss(x, y), X, P),
    ("l1_loss", lambda t, f, x, y: f.l1_loss(x, y), X, P),
    ("bce", lambda t, f, x, y: f.binary_cross_entropy_with_logits(x, y / 2), X, P),
    ("kl_div", lambda t, f, x, y: f.kl_div(x, y, reduction="sum"), X, P),
    ("cross_entropy", lambda t, f, x, i: f.cross_entropy(x, i), X, LABELS),
    ("nll_loss", lambda t, f, x, i: f.nll_loss(x, i), X, LABELS),
    ("embedding", lambda t, f, x, i: f.embedding(i % 4, x), X, LABELS),
    ("reshape", lambda t, f, x: x.reshape(3, 8), X),
    ("transpose", lambda t, f, x: x.T.contiguous(), X),
    ("flip", lambda t, f, x: x.flip(0), X),
    ("cat", lambda t, f, x, y: t.cat([x, y]), X, P),
    ("stack", lambda t, f, x, y: t.stack([x, y]), X, P),
    ("split", lambda t, f, x: x.split(4, 1)[1], X),
    ("slice", lambda t, f, x: x[1:, ::2], X),
    ("index", lambda t, f, x, i: x[i % 4], X, LABELS),
    ("mask", lambda t, f, x, m: x[m], X, MASK),
    ("expand", lambda t, f, x: x[:1].expand(300, 6), X),
    ("gather", lambda t, f, x, i: x.gather(1, i[:, None]), X, LABELS),
    ("take", lambda t, f, x, i: t.take(x, i), X, LABELS),
    ("index_select", lambda t, f, x, i: x.index_select(1, i), X, LABELS),
    ("index_add", lambda t, f, x, y, i: x.index_add(1, i % 3, y[:, :4]), X, P, LABELS),
    ("scatter_add", lambda t, f, x, y, i: x.scatter_add(1, i[:, None], y[:, :1]), X, P, LABELS),
    ("where", lambda t, f, x, y, m: t.where(m, x, y), X, P, MASK),
    ("where number", lambda t, f, x, m: t.where(m, x, 1.5), X, MASK),
    ("masked_fill", lambda t, f, x, m: x.masked_fill(m, 1.5), X, MASK),
    ("repeat", lambda t, f, x: x.repeat(2, 1), X),
    ("roll", lambda t, f, x: x.roll(1, 0), X),
    ("tril", lambda t, f, x: x.tril(), X),
    ("diagonal", lambda t, f, x: x.diagonal(), X),
    ("sort", lambda t, f, x: x.sort(1).values, X),
    ("topk", lambda t, f, x: x.topk(3, 1).values, X),
    ("dropout off", lambda t, f, x: f.dropout(x, 0.5, training=False), X),
]  # fmt: skip

#: The same without a gradient.
PLAIN = [
    ("floor_divide", lambda t, f, x, y: x // y, X, P),
    ("div trunc", lambda t, f, x, y: t.div(x, y, rounding_mode="trunc"), X, P),
    ("lt", lambda t, f, x, y: x < y, X, P),
    ("eq number", lambda t, f, x: x == 0.5, X),
    ("isnan", lambda t, f, x: t.isnan(x), X),
    ("isclose", lambda t, f, x, y: t.isclose(x, y), X, P),
    ("logical_and", lambda t, f, x, y: t.logical_and(x, y), X, P),
    ("argmax", lambda t, f, x: x.argmax(1), P),
    ("argsort", lambda t, f, x: t.argsort(x, dim=1, stable=True), X),
    ("any", lambda t, f, x: (x * 0).any(1), X),
    ("count_nonzero", lambda t, f, x: t.count_nonzero(x), X),
    ("nonzero", lambda t, f, x: t.nonzero(x), X),
    ("unique", lambda t, f, x: t.unique(x), X),
    ("searchsorted", lambda t, f, x: t.searchsorted(x[0].sort().values, x[1]), X),
    ("bernoulli", lambda t, f, x: t.bernoulli(x * 0 + 1), X),
    ("zeros_like", lambda t, f, x: t.zeros_like(x), X),
    ("full", lambda t, f, x: t.full((2, 3), 1.1, dtype=x.dtype), X),
    ("arange", lambda t, f, x: t.arange(5, dtype=x.dtype), X),
    ("linspace", lambda t, f, x: t.linspace(0, 1, 5, dtype=x.dtype), X),
    ("eye", lambda t, f, x: t.eye(3, dtype=x.dtype), X),
    ("tensor", lambda t, f, x: t.tensor([1.1, 2], dtype=x.dtype), X),
    ("long", lambda t, f, x: (x * 4).long(), X),
    ("double", lambda t, f, x: x.double(), X),
    ("from int", lambda t, f, x: t.arange(500).to(x.dtype), X),
    ("from float", lambda t, f, x: (t.arange(500) / 7).to(x.dtype), X),
    ("from double", lambda t, f, x: (t.arange(500, dtype=t.float64) / 7).to(x.dtype), X),
    ("int and bfloat16", lambda t, f, x: t.arange(6) * x, X),
    ("half and bfloat16", lambda t, f, x: x.half() * x, X),
    ("float and bfloat16", lambda t, f, x: x.float() * x, X),
    ("0-d float and bfloat16", lambda t, f, x: x * t.tensor(1.1), X),
    ("0-d bfloat16 and float", lambda t, f, x: x.float() * x[0, 0], X),
]  # fmt: skip


def on(array: np.ndarray, device: str) -> gpunet.Tensor:
    x = on_device(array, device)
    return x.bfloat16() if array.dtype == np.float32 else x


def of_torch(array: np.ndarray) -> object:
    x = torch.tensor(array)
    return x.bfloat16() if array.dtype == np.float32 else x


def close(y: gpunet.Tensor, z: object, name: str, ulps: float = 1.0) -> None:
    """One bfloat16 apart at most: both round once, but sum in another order."""
    assert str(y.dtype) == str(z.dtype).removeprefix("torch."), name
    assert y.shape == tuple(z.shape), name
    a, b = array_of(y), z.detach().double().numpy()
    if y.dtype == gpunet.bfloat16:
        top = np.abs(b).max(initial=2.0**-7)
        np.testing.assert_allclose(
            a.astype(np.float64), b, rtol=ulps * 2.0**-7, atol=ulps * top * 2.0**-9, err_msg=name
        )
    else:
        np.testing.assert_allclose(a, b, rtol=1e-6, err_msg=name)


@needs_torch
@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_values_and_gradients_are_pytorchs(device: str, case: tuple) -> None:
    name, function, *arrays = case
    ours, theirs = [on(x, device) for x in arrays], [of_torch(x) for x in arrays]
    for x in (*ours, *theirs):
        if x.is_floating_point():
            x.requires_grad_()
    with np.errstate(all="ignore"):
        y = function(gpunet, F, *ours)
        z = function(torch, torch.nn.functional, *theirs)
    close(y, z, name)
    if not z.requires_grad:
        return
    weight = (np.arange(y.numel()) % 5 / 4 - 0.25).astype(np.float32).reshape(y.shape)
    y.backward(on_device(weight, device).to(y.dtype))
    z.backward(torch.tensor(weight).to(z.dtype))
    for x, w in zip(ours, theirs):
        if w.requires_grad:
            # PyTorch rounds on the way where it has no fused backward.
            close(x.grad, w.grad, f"gradient of {name}", 8.0 if name == "attention" else 2.0)


@needs_torch
@pytest.mark.parametrize("case", PLAIN, ids=[case[0] for case in PLAIN])
def test_what_has_no_gradient_is_pytorchs(device: str, case: tuple) -> None:
    name, function, *arrays = case
    ours = [on(x, device) for x in arrays]
    if device == "cuda":
        gpunet.set_default_device("cuda")
    try:
        y = function(gpunet, F, *ours)
    finally:
        gpunet.set_default_device("cpu")
    close(y, function(torch, torch.nn.functional, *[of_torch(x) for x in arrays]), name)


def test_it_is_a_numpy_dtype_by_pytorchs_names() -> None:
    x = gpunet.tensor([1.0, 2.5], dtype=gpunet.bfloat16)
    assert str(x.dtype) == "bfloat16"
    assert repr(x) == "tensor([1.0000, 2.5000], dtype=gpunet.bfloat16)"
    assert repr(gpunet.empty(0).bfloat16()) == "tensor([], dtype=gpunet.bfloat16)"
    assert x.tolist() == [1.0, 2.5]
    assert x[1].item() == 2.5
    assert type(x[1].item()) is float
    assert x.is_floating_point()
    assert gpunet.is_floating_point(x)
    assert x.element_size() == 2
    assert x.numpy().dtype == gpunet.bfloat16
    assert gpunet.from_numpy(x.numpy()).dtype == gpunet.bfloat16
    assert gpunet.as_tensor(x.numpy()).dtype == gpunet.bfloat16
    assert gpunet.ones(2, dtype="bfloat16").dtype == gpunet.bfloat16
    assert copy.deepcopy(x).dtype == gpunet.bfloat16


@needs_torch
def test_limits() -> None:
    ours, theirs = gpunet.finfo(gpunet.bfloat16), torch.finfo(torch.bfloat16)
    for name in ("eps", "max", "min", "tiny", "bits"):
        assert float(getattr(ours, name)) == float(getattr(theirs, name)), name
    assert gpunet.finfo(gpunet.float32) is np.finfo(np.float32)


@needs_torch
def test_promotion() -> None:
    names = ["bfloat16", "float16", "float32", "float64", "int8", "int64", "uint8", "bool"]
    for name in names:
        expected = torch.promote_types(torch.bfloat16, getattr(torch, name))
        found = gpunet.promote_types(gpunet.bfloat16, getattr(gpunet, name))
        assert str(expected) == f"torch.{found}", name
        assert gpunet.promote_types(getattr(gpunet, name), "bfloat16") == found
        back = torch.can_cast(torch.bfloat16, getattr(torch, name))
        assert gpunet.can_cast(gpunet.bfloat16, getattr(gpunet, name)) == back, name


def test_as_default_dtype() -> None:
    gpunet.set_default_dtype(gpunet.bfloat16)
    try:
        assert gpunet.tensor([1.5]).dtype == gpunet.bfloat16
        assert gpunet.zeros(2).dtype == gpunet.bfloat16
        assert gpunet.arange(3).div(2).dtype == gpunet.bfloat16
        assert repr(gpunet.ones(1)) == "tensor([1.])"
    finally:
        gpunet.set_default_dtype(gpunet.float32)


def test_sums_of_many_are_sums_of_float32(device: str) -> None:
    x = gpunet.ones(4096, device=device).bfloat16().requires_grad_()
    assert float(x.sum()) == 4096  # in bfloat16 alone, it would end at 256
    y = x[:1].expand(4096)
    y.sum().backward()
    assert float(x.grad[0]) == 4096
    x.grad = None
    x[gpunet.zeros(4096, dtype=gpunet.int64, device=device)].sum().backward()
    assert float(x.grad[0]) == 4096


def test_random_numbers(device: str) -> None:
    gpunet.manual_seed(0)
    wide = gpunet.rand(100, device=device)
    gpunet.manual_seed(0)
    x = gpunet.rand(100, device=device, dtype=gpunet.bfloat16)
    np.testing.assert_array_equal(array_of(x.float()), array_of(wide.bfloat16().float()))
    assert gpunet.randn(3, device=device, dtype=gpunet.bfloat16).dtype == gpunet.bfloat16
    assert gpunet.normal(x, x).dtype == gpunet.bfloat16
    assert int(x.random_().max()) <= 256
    assert gpunet.multinomial(x.abs() + 1, 2).dtype == np.int64


def test_in_place(device: str) -> None:
    x = gpunet.ones(3, 2, device=device, dtype=gpunet.bfloat16)
    part = x[1]
    part += 1
    part.mul_(1.5)
    x[2, 1] = 7.0
    x[0] = gpunet.full((2,), 1.01, device=device)  # float32, rounded
    x.masked_fill_(x == 7, 8)
    x.index_add_(0, gpunet.tensor([2], device=device), x[:1])
    expected = [[1.0078125, 1.0078125], [3, 3], [2.0, 9.0]]
    np.testing.assert_array_equal(array_of(x.float()), expected)
    assert x.dtype == gpunet.bfloat16
    x.copy_(gpunet.zeros(3, 2, device=device))
    assert not x.any()
    x.fill_(2).sub_(0.5).div_(2.0).add_(x, alpha=2)
    np.testing.assert_array_equal(array_of(x.float()), 2.25)
    leaf = gpunet.ones(2, device=device, dtype=gpunet.bfloat16).requires_grad_()
    y = leaf * 2
    y[0] = 5
    y.sum().backward()
    np.testing.assert_array_equal(array_of(leaf.grad.float()), [0, 2])


def test_gradients_keep_the_dtype_of_their_tensor(device: str) -> None:
    w = on_device(X, device, requires_grad=True)
    x = on(P, device).requires_grad_()
    y = (w.bfloat16() * x).float().sum() + x.to("cpu").sum().to(device)
    y.backward()
    y = (x * 2).sum()
    y.backward()
    assert w.grad.dtype == np.float32
    assert x.grad.dtype == gpunet.bfloat16


def network() -> nn.Sequential:
    gpunet.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(36, 8), nn.LayerNorm(8), nn.Tanh(), nn.Linear(8, 3),
    )  # fmt: skip


@needs_torch
def test_a_module(device: str) -> None:
    ours = network()
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(36, 8), torch.nn.LayerNorm(8), torch.nn.Tanh(),
        torch.nn.Linear(8, 3),
    )  # fmt: skip
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    assert ours.to(device).bfloat16() is ours
    theirs.bfloat16()
    for key, value in ours.state_dict().items():
        assert f"torch.{value.dtype}" == str(theirs.state_dict()[key].dtype), key
    x = IMAGE.repeat(4, 0)[:, :1].repeat(2, 2)[:, :, :8].repeat(2, 3)[..., :8]
    for training in (True, False):
        ours.train(training)
        theirs.train(training)
        with gpunet.no_grad():
            y = ours(on(x, device))
        close(y, theirs(of_torch(x)), "output", 16.0)
    mean = ours[1].running_mean
    assert mean.dtype == gpunet.bfloat16
    close(mean, theirs[1].running_mean, "running mean", 2.0)
    loaded = network().to(device)
    loaded.load_state_dict(ours.state_dict())
    assert loaded[0].weight.dtype == np.float32
    np.testing.assert_array_equal(
        array_of(loaded[0].weight), array_of(ours[0].weight).astype(np.float32)
    )


@needs_torch
@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_recurrent_layers(device: str, kind: str) -> None:
    ours, theirs = getattr(nn, kind)(6, 5), getattr(torch.nn, kind)(6, 5)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    ours.to(device).bfloat16()
    theirs.bfloat16()
    y, _ = ours(on(X[:, None], device))
    z, _ = theirs(of_torch(X[:, None]))
    close(y, z, kind, 8.0)
    with gpunet.no_grad():
        one, _ = ours(on(X[:1, None], device))
    close(one, z[:1], kind, 8.0)
    y.float().sum().backward()
    assert all(p.grad.dtype == gpunet.bfloat16 for p in ours.parameters())


def test_files(tmp_path, device: str) -> None:
    from gpunet.io import load_file, save_file

    x = on(X, device)
    save_file({"x": x, "y": x.float()}, tmp_path / "x.safetensors")
    found = load_file(tmp_path / "x.safetensors", device)
    assert found["x"].dtype == gpunet.bfloat16
    np.testing.assert_array_equal(array_of(found["x"]), array_of(x))
    if torch is not None:
        from safetensors.torch import load_file as load
        from safetensors.torch import save_file as save

        there = load(tmp_path / "x.safetensors")["x"]
        assert there.dtype == torch.bfloat16
        np.testing.assert_array_equal(there.float().numpy(), X)
        save({"x": there * 3}, tmp_path / "y.safetensors")
        back = load_file(tmp_path / "y.safetensors", device)["x"]
        np.testing.assert_array_equal(array_of((back / 3).float()), X)


def test_a_training_in_mixed_precision_reaches_what_float32_does(device: str) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 256)
    centres = rng.normal(size=(4, 16))
    points = (centres[labels] + 0.9 * rng.normal(size=(256, 16))).astype(np.float32)
    x, y = on_device(points, device), on_device(labels, device)
    right = {}
    for mixed in (False, True):
        gpunet.manual_seed(0)
        model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4)).to(device)
        optimizer = optim.Adam(model.parameters(), lr=0.01)
        for _ in range(60):
            optimizer.zero_grad()
            with gpunet.autocast(device, gpunet.bfloat16, enabled=mixed):
                output = model(x)
                loss = F.cross_entropy(output, y)
            assert output.dtype == (gpunet.bfloat16 if mixed else np.float32)
            assert loss.dtype == np.float32
            loss.backward()
            optimizer.step()
        for p in model.parameters():
            assert p.dtype == p.grad.dtype == np.float32
        right[mixed] = float((model(x).argmax(1) == y).float().mean())
    assert right[True] > 0.95
    assert abs(right[True] - right[False]) <= 0.01


def test_data_loaders(device: str) -> None:
    from gpunet.utils.data import DataLoader, TensorDataset

    x = on(X, device)
    batches = [b for (b,) in DataLoader(TensorDataset(x), batch_size=2, shuffle=True)]
    assert all(b.dtype == gpunet.bfloat16 for b in batches)
    np.testing.assert_array_equal(np.sort(array_of(gpunet.cat(batches).float()), 0), np.sort(X, 0))


def test_clipping(device: str) -> None:
    p = on(X, device).requires_grad_()
    (p * p).float().sum().backward()
    total = nn.utils.clip_grad_norm_([p], 1.0)
    assert float(total) == pytest.approx(float(np.linalg.norm(2 * X)), rel=1e-2)
    assert p.grad.dtype == gpunet.bfloat16
    assert float(p.grad.float().norm()) == pytest.approx(1.0, rel=1e-2)


def test_errors(device: str) -> None:
    x, w = on(X, device), on_device(X, device)
    with pytest.raises(RuntimeError, match="same dtype"):
        x @ w.T
    with pytest.raises(RuntimeError, match="bfloat16"):
        F.linear(x, w)
    with pytest.raises(RuntimeError, match="bfloat16"):
        F.conv2d(on(IMAGE, device), on_device(FILTER, device))
    with pytest.raises(RuntimeError, match=r"bitwise_and|integers"):
        x & x
    with pytest.raises(TypeError, match="cannot optimise a parameter of dtype bfloat16"):
        optim.SGD([x.clone().requires_grad_()], lr=0.1)
    with pytest.raises(TypeError, match="tensors hold real numbers"):
        x.to(np.dtype("V2"))
    with pytest.raises(TypeError, match="can't convert an array"):
        gpunet.from_numpy(np.zeros(2, "V2"))
    with pytest.raises(AttributeError, match="bfloat17"):
        getattr(gpunet, "bfloat" + "17")
