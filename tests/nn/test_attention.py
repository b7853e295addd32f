"""Attention layers: PyTorch's settings, state and numbers."""

import inspect

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from opcheck import array_of, check_op, on_device, torch_or_none

import gpunet
from gpunet import nn

torch = torch_or_none()
#: PyTorch warns of layers for which it has no fast path.
quiet = pytest.mark.filterwarnings("ignore:enable_nested_tensor")
needs_torch = pytest.mark.skipif(torch is None, reason="compares with PyTorch")
LAYERS = [
    "MultiheadAttention", "TransformerEncoderLayer", "TransformerDecoderLayer",
    "TransformerEncoder", "TransformerDecoder", "Transformer",
]  # fmt: skip


def both(name, device, *args, dtype="float32", **options):
    """PyTorch's module and ours with its weights, none of them zero or one."""
    torch.manual_seed(0)
    theirs = getattr(torch.nn, name)(*args, **options, dtype=getattr(torch, dtype))
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    ours = getattr(nn, name)(*args, **options, dtype=dtype)
    copy_weights(ours, theirs)
    return ours.to(device), theirs


def copy_weights(ours, theirs):
    state = {key: value.numpy() for key, value in theirs.state_dict().items()}
    assert {k: v.shape for k, v in ours.state_dict().items()} == {
        k: v.shape for k, v in state.items()
    }
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state)


def compare(ours, theirs, inputs, device, call=None, **options):
    """Outputs and the gradients of inputs and parameters; `options` are NumPy arrays and flags."""
    x = [on_device(a, device, True) for a in inputs]
    their_x = [torch.tensor(a, requires_grad=True) for a in inputs]
    converted = [
        {k: to(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
        for to in (lambda v: on_device(v, device), torch.tensor)
    ]
    call = call or (lambda module, *xs, **options: module(*xs, **options))
    y, their_y = call(ours, *x, **converted[0]), call(theirs, *their_x, **converted[1])
    y, their_y = (r if isinstance(r, tuple) else (r,) for r in (y, their_y))
    rng = np.random.default_rng(0)
    loss = their_loss = 0
    for one, other in zip(y, their_y):
        assert (one is None) == (other is None)
        if one is None:
            continue
        assert one.shape == tuple(other.shape)
        np.testing.assert_allclose(array_of(one), other.detach().numpy(), rtol=1e-4, atol=1e-5)
        weight = rng.standard_normal(one.shape).astype(one.dtype)
        loss = loss + (one * on_device(weight, device)).sum()
        their_loss = their_loss + (other * torch.tensor(weight)).sum()
    loss.backward()
    their_loss.backward()
    pairs = [*zip(x, their_x), *zip(ours.parameters(), theirs.parameters())]
    for one, other in pairs:
        expected = np.zeros(one.shape) if other.grad is None else other.grad.numpy()
        top = np.abs(expected).max(initial=1)
        np.testing.assert_allclose(array_of(one.grad), expected, rtol=2e-3, atol=2e-5 * top)


@needs_torch
@settings(max_examples=25)
@given(st.data())
def test_multihead_attention_is_pytorchs(device, data):
    draw = data.draw
    N, L, T = (draw(st.integers(1, 4)) for _ in range(3))
    H, E = draw(st.integers(1, 3)), draw(st.sampled_from([1, 4, 6]))
    source = draw(st.sampled_from(["self", "memory", "three", "other sizes"]))
    batch_first, batched = draw(st.booleans()), draw(st.booleans())
    padding, mask = (draw(st.sampled_from([None, "bool", "float"])) for _ in range(2))
    assume(padding is None or mask is None or padding == mask)
    sizes = {"kdim": 5, "vdim": 7} if source == "other sizes" else {}
    ours, theirs = both(
        "MultiheadAttention", device, H * E, H,
        bias=draw(st.booleans()), add_bias_kv=draw(st.booleans()),
        add_zero_attn=draw(st.booleans()), batch_first=batch_first, **sizes,
    )  # fmt: skip
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    T = L if source == "self" else T
    N = N if batched else 1

    def tensor(length, features):
        shape = ((N, length) if batch_first else (length, N)) if batched else (length,)
        return rng.standard_normal((*shape, features)).astype("float32")

    inputs = [tensor(L, H * E)]
    if source != "self":
        inputs.append(tensor(T, sizes.get("kdim", H * E)))
    if source in ("three", "other sizes"):
        inputs.append(tensor(T, sizes.get("vdim", H * E)))

    def drawn_mask(kind, shape):
        if kind == "float":
            return rng.standard_normal(shape).astype("float32")
        return rng.uniform(size=shape) < 0.4

    options = {
        "need_weights": draw(st.booleans()),
        "average_attn_weights": draw(st.booleans()),
    }
    if padding:
        options["key_padding_mask"] = drawn_mask(padding, (N, T) if batched else (T,))
    if mask:
        shape = draw(st.sampled_from([(L, T), (N * H, L, T)]))
        options["attn_mask"] = drawn_mask(mask, shape)
    if options["need_weights"]:  # queries that see nothing give NaN: tested below
        for key in ("attn_mask", "key_padding_mask"):
            if key in options and options[key].dtype == bool:
                options[key][..., 0] = False

    def call(module, *xs, **options):
        query, key, value = {1: (xs[0],) * 3, 2: (xs[0], xs[-1], xs[-1])}.get(len(xs), xs)
        return module(query, key, value, **options)

    compare(ours, theirs, inputs, device, call, **options)


@needs_torch
@pytest.mark.parametrize("need_weights", [True, False])
def test_queries_that_see_nothing(need_weights, device):
    """NaN with the weights, zeros before the last map without, as in PyTorch."""
    ours, theirs = both("MultiheadAttention", device, 4, 2)
    x = np.random.default_rng(0).standard_normal((3, 2, 4)).astype("float32")
    padding = np.array([[True] * 3, [False, True, False]])
    y, w = ours(*[on_device(x, device)] * 3, on_device(padding, device), need_weights)
    expected, weights = theirs(*[torch.tensor(x)] * 3, torch.tensor(padding), need_weights)
    np.testing.assert_allclose(array_of(y), expected.detach().numpy(), rtol=1e-4, atol=1e-5)
    if need_weights:
        np.testing.assert_allclose(array_of(w), weights.detach().numpy(), rtol=1e-4, atol=1e-5)


@needs_torch
@pytest.mark.parametrize("need_weights", [True, False])
def test_causal_hint(need_weights, device):
    ours, theirs = both("MultiheadAttention", device, 6, 2)
    x = np.random.default_rng(0).standard_normal((5, 2, 6)).astype("float32")
    mask = np.triu(np.ones((5, 5), bool), 1)
    compare(
        ours, theirs, [x], device,
        lambda m, x, **options: m(x, x, x, is_causal=True, **options),
        attn_mask=mask, need_weights=need_weights,
    )  # fmt: skip
    with pytest.raises(RuntimeError, match="is_causal hint"):
        ours(*[on_device(x, device)] * 3, is_causal=True)


@pytest.mark.parametrize("batch_first", [True, False])
def test_gradients_in_float64(batch_first, device):
    gpunet.manual_seed(0)
    module = nn.MultiheadAttention(6, 2, batch_first=batch_first, dtype="float64").to(device)
    rng = np.random.default_rng(0)
    x, memory = rng.standard_normal((3, 2, 6)), rng.standard_normal((4, 2, 6))
    if batch_first:
        memory = rng.standard_normal((3, 4, 6))
    check_op(lambda x: module(x, x, x), x, device=device, float32=False)
    check_op(lambda x, m: module(x, m, m), x, memory, device=device, float32=False)
    check_op(lambda x, m: module(x, m, m)[1], x, memory, device=device, float32=False)

    def biased(x, bias):
        return module(x, x, x, attn_mask=bias, need_weights=False)[0]

    n = 2 if batch_first else 3
    check_op(biased, x, rng.standard_normal((n, n)), device=device, float32=False)


def test_dropout_of_the_weights(device):
    gpunet.manual_seed(0)
    module = nn.MultiheadAttention(8, 2, dropout=0.5, dtype="float64").to(device)
    x = np.random.default_rng(0).standard_normal((9, 2, 8))

    def run(x):
        gpunet.manual_seed(5)
        return module(x, x, x, average_attn_weights=False)

    assert 0.3 < (array_of(run(on_device(x, device))[1]) == 0).mean() < 0.7
    check_op(run, x, device=device, float32=False)
    module.eval()
    assert (array_of(run(on_device(x, device))[1]) > 0).all()


@needs_torch
@pytest.mark.parametrize("name", LAYERS)
def test_arguments_are_pytorchs(name):
    def arguments(function):
        parameters = list(inspect.signature(function).parameters.values())
        return [(p.name, None if callable(p.default) else p.default) for p in parameters]

    for method in ("__init__", "forward"):
        one, other = (arguments(getattr(getattr(m, name), method)) for m in (nn, torch.nn))
        assert one == other


@needs_torch
@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize(("activation", "bias"), [("relu", True), ("gelu", False)])
def test_transformer_layers_are_pytorchs(norm_first, batch_first, activation, bias, device):
    options = {
        "dropout": 0.0, "activation": activation, "norm_first": norm_first,
        "batch_first": batch_first, "bias": bias,
    }  # fmt: skip
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 3, 6)).astype("float32")
    memory = rng.standard_normal((3, 4, 6) if batch_first else (4, 3, 6)).astype("float32")
    mask = np.triu(np.ones((3, 3), bool), 1)
    padding = np.array([[False, False, True], [False] * 3, [False, True, True]])
    ours, theirs = both("TransformerEncoderLayer", device, 6, 2, 10, **options)
    compare(ours, theirs, [x], device)
    compare(*both("TransformerEncoderLayer", device, 6, 2, 10, **options), [x], device,
            src_mask=mask, src_key_padding_mask=padding)  # fmt: skip
    compare(*both("TransformerEncoderLayer", device, 6, 2, 10, **options), [x[0]], device,
            src_mask=mask, is_causal=True)  # fmt: skip
    compare(*both("TransformerDecoderLayer", device, 6, 2, 10, **options), [x, memory], device,
            tgt_mask=mask, tgt_is_causal=True,
            memory_key_padding_mask=np.arange(4)[None].repeat(3, 0) > 2)  # fmt: skip


@needs_torch
@quiet
@pytest.mark.parametrize("batch_first", [True, False])
def test_transformer_is_pytorchs(batch_first, device):
    options = {"dropout": 0.0, "batch_first": batch_first}
    ours, theirs = both("Transformer", device, 8, 2, 2, 2, 12, **options)
    rng = np.random.default_rng(0)
    src, tgt = (
        rng.standard_normal((3, n, 8) if batch_first else (n, 3, 8)).astype("float32")
        for n in (5, 4)
    )
    mask = array_of(nn.Transformer.generate_square_subsequent_mask(4))
    np.testing.assert_array_equal(
        mask, torch.nn.Transformer.generate_square_subsequent_mask(4).numpy()
    )
    compare(ours, theirs, [src, tgt], device, tgt_mask=mask, tgt_is_causal=True)
    with pytest.raises(RuntimeError, match="d_model"):
        ours(on_device(src[..., :4], device), on_device(tgt, device))
    with pytest.raises(RuntimeError, match="batch number"):
        ours(gpunet.zeros(2, 4, 8), gpunet.zeros(3, 2, 8))


@needs_torch
@quiet
def test_stacks_copy_their_layer(device):
    torch_layer = torch.nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0)
    layer = nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0)
    theirs = torch.nn.TransformerEncoder(torch_layer, 2, torch.nn.LayerNorm(6))
    ours = nn.TransformerEncoder(layer, 2, nn.LayerNorm(6))
    copy_weights(ours, theirs)
    assert not {id(p) for p in layer.parameters()} & {id(p) for p in ours.parameters()}
    x = np.random.default_rng(0).standard_normal((3, 2, 6)).astype("float32")
    mask = np.triu(np.full((3, 3), -np.inf, "float32"), 1)
    compare(ours.to(device), theirs, [x], device, mask=mask, is_causal=True)


@pytest.mark.parametrize("norm_first", [True, False])
def test_a_transformer_trains_with_dropout(norm_first, device):
    gpunet.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, norm_first=norm_first, batch_first=True)
    model = nn.Sequential(
        nn.Embedding(7, 8),
        nn.SinusoidalPositions(8, batch_first=True),
        nn.TransformerEncoder(layer, 2),
        nn.Linear(8, 7),
    ).to(device)
    x = gpunet.randint(0, 7, (16, 6), device=device)
    optimizer = gpunet.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(15):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x).reshape(-1, 7), x.flip(1).reshape(-1))
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert np.mean(losses[-3:]) < losses[0] - 0.1


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("single", [False, True])
def test_additive_attention_is_its_formula(masked, single, device):
    gpunet.manual_seed(0)
    module = nn.AdditiveAttention(3, 4, 5, dtype="float64").to(device)
    rng = np.random.default_rng(0)
    query = rng.standard_normal((2, 3) if single else (2, 6, 3))
    keys, values = rng.standard_normal((2, 7, 4)), rng.standard_normal((2, 7, 2))
    padding = None
    if masked:
        padding = np.zeros((2, 7), bool)
        padding[0, 5:] = True
        padding[1] = True  # nothing is left
    W, U, v = (array_of(m.weight) for m in (module.query_proj, module.key_proj, module.score))
    b = array_of(module.query_proj.bias)
    q = query[:, None] if single else query
    hidden = np.tanh((q @ W.T + b)[:, :, None] + (keys @ U.T)[:, None])
    e = np.exp(hidden @ v[0])
    if masked:
        e *= ~padding[:, None]
    total = e.sum(-1, keepdims=True)
    weights = e / np.where(total == 0, 1, total)
    expected = [weights @ values, weights]
    mask = None if padding is None else on_device(padding, device)

    def run(query, keys, values):
        return module(query, keys, values, mask)

    for y, other in zip(run(*(on_device(x, device) for x in (query, keys, values))), expected):
        np.testing.assert_allclose(array_of(y), other[:, 0] if single else other, atol=1e-12)
    check_op(run, query, keys, values, device=device, float32=False)
    known = module.key_proj(on_device(keys, device))
    again = module(on_device(query, device), on_device(keys, device), projected_keys=known)
    expected = module(on_device(query, device), on_device(keys, device))
    np.testing.assert_array_equal(array_of(again[0]), array_of(expected[0]))


def test_sinusoidal_positions(device):
    module = nn.SinusoidalPositions(5, max_len=9, dtype="float64").to(device)
    table = np.array(
        [
            [(np.cos if d % 2 else np.sin)(pos / 10000 ** (d // 2 * 2 / 5)) for d in range(5)]
            for pos in range(9)
        ]
    )
    x = np.zeros((4, 2, 5))
    y = array_of(module(on_device(x, device)))
    np.testing.assert_allclose(y, np.stack([table[:4]] * 2, 1), atol=1e-12)
    y = array_of(module(on_device(x[:, 0], device), start=3))
    np.testing.assert_allclose(y, table[3:7], atol=1e-12)
    first = nn.SinusoidalPositions(5, 9, batch_first=True, dtype="float64").to(device)
    np.testing.assert_allclose(array_of(first(on_device(x, device))), [table[:2]] * 4, atol=1e-12)
    assert not module.state_dict()
    for shape, start in (((10, 1, 5), 0), ((4, 1, 5), 6), ((4, 1, 6), 0), ((5,), 0)):
        with pytest.raises(RuntimeError, match="before position 9"):
            module(gpunet.zeros(*shape, device=device), start)


def test_bad_arguments_are_named():
    with pytest.raises(AssertionError, match="divisible"):
        nn.MultiheadAttention(5, 2)
    with pytest.raises(ValueError, match="greater than 0"):
        nn.MultiheadAttention(0, 2)
    with pytest.raises(RuntimeError, match="'swish'"):
        nn.TransformerEncoderLayer(4, 2, activation="swish")
    module, x = nn.MultiheadAttention(4, 2), gpunet.zeros(3, 2, 4)
    for args, match in [
        ((x, gpunet.zeros(3, 1, 4), x), "expected query, key and value"),
        ((x, gpunet.zeros(3, 2, 5), x), "expected query, key and value"),
        ((x, x, gpunet.zeros(4, 2, 4)), "expected query, key and value"),
        ((x, x, x, gpunet.zeros(3, 2)), "key_padding_mask"),
        ((x, x, x, None, True, gpunet.zeros(3, 4)), "attn_mask"),
    ]:
        with pytest.raises(RuntimeError, match=match):
            module(*args)
    additive = nn.AdditiveAttention(4, 4, 3)
    with pytest.raises(RuntimeError, match="AdditiveAttention: expected"):
        additive(x, gpunet.zeros(2, 5, 4))
    with pytest.raises(RuntimeError, match="key_padding_mask"):
        additive(x, x, key_padding_mask=gpunet.zeros(3, 2))


def test_neither_waits_for_the_device_nor_copies_to_it(cuda):
    import cupy

    if not hasattr(cupy, "_standin"):
        pytest.skip("counts on the stand-in")
    model = nn.Transformer(8, 2, 1, 1, 12, batch_first=True).to(cuda)
    positions = nn.SinusoidalPositions(8, batch_first=True).to(cuda)
    src, tgt = gpunet.randn(2, 5, 8, device=cuda), gpunet.randn(2, 4, 8, device=cuda)
    mask = nn.Transformer.generate_square_subsequent_mask(4, device=cuda)
    padding = gpunet.zeros(2, 5, dtype=bool, device=cuda)

    def step():
        y = model(
            positions(src), positions(tgt), tgt_mask=mask, tgt_is_causal=True,
            src_key_padding_mask=padding, memory_key_padding_mask=padding,
        )  # fmt: skip
        y.sum().backward()

    step()
    cupy._standin.reset()
    step()
    assert cupy._standin.synchronisations == 0
    assert cupy._standin.uploads == 0, cupy._standin.history
