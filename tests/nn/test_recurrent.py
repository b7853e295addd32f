"""RNN, LSTM, GRU and their cells."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opcheck import array_of, check_op, on_device, torch_or_none

import gpunet
from gpunet import nn
from gpunet.errors import DeviceError
from gpunet.nn.utils import rnn as packing

KINDS = ["RNN", "RELU", "LSTM", "PROJECTED", "GRU"]


def make(library, kind, D, H, **options):
    if kind == "PROJECTED":
        options["proj_size"] = max(1, H - 2)
    if kind == "RELU":
        options["nonlinearity"] = "relu"
    name = {"PROJECTED": "LSTM", "RELU": "RNN"}.get(kind, kind)
    return getattr(library, name)(D, H, **options).double()


def states_of(model, N, rng):
    layers = model.num_layers * (2 if model.bidirectional else 1)
    P = model.proj_size or model.hidden_size
    lengths = (P, model.hidden_size) if model.mode == "LSTM" else (P,)
    return [rng.standard_normal((layers, N, length)) for length in lengths]


def run(model, input, states):
    hx = tuple(states) if model.mode == "LSTM" else (states[0] if states else None)
    output, last = model(input, hx if states else None)
    return output, *(last if isinstance(last, tuple) else (last,))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}])
def test_a_whole_sequence(kind, options, device):
    rng = np.random.default_rng(1)
    H = 5
    model = make(nn, kind, 3, H, **options).to(device)
    names = [name for name, _ in model.named_parameters()]
    arrays = [array_of(p) for p in model.parameters()]
    states = states_of(model, 2, rng)
    x = rng.standard_normal((4, 2, 3))

    def ours(x, *rest):
        own = make(nn, kind, 3, H, **options).to(device)
        if x.dtype == np.float32:
            own.float()
        for name, value in zip(names, rest[len(states) :]):
            own.register_parameter(name, None)
            object.__setattr__(own, name, value)
        return run(own, x, rest[: len(states)])

    def theirs(x, *rest):
        import torch

        own = make(torch.nn, kind, 3, H, **options)
        parameters = dict(zip(names, rest[len(states) :]))
        hx = rest[: len(states)]
        hx = tuple(hx) if model.mode == "LSTM" else hx[0]
        output, last = torch.func.functional_call(own, parameters, (x, hx))
        return output, *(last if isinstance(last, tuple) else (last,))

    check_op(ours, x, *states, *arrays, device=device, torch_function=theirs)


@pytest.mark.skipif(torch_or_none() is None, reason="compares with PyTorch")
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_configuration_is_pytorchs(data):
    compare_with_pytorch(data.draw, "cpu")


@pytest.mark.skipif(torch_or_none() is None, reason="compares with PyTorch")
def test_any_configuration_is_pytorchs_on_a_gpu(cuda):
    @settings(max_examples=15, deadline=None)
    @given(data=st.data())
    def compare(data):
        compare_with_pytorch(data.draw, cuda)

    compare()


def compare_with_pytorch(draw, device):
    import torch

    kind = draw(st.sampled_from(KINDS))
    D, H, T, N = (draw(st.integers(low, 7)) for low in (1, 2, 1, 1))
    options = {
        "num_layers": draw(st.integers(1, 3)),
        "bias": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
        "bidirectional": draw(st.booleans()),
    }
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    theirs = make(torch.nn, kind, D, H, **options)
    ours = make(nn, kind, D, H, **options).to(device)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert repr(ours) == repr(theirs)
    ours.load_state_dict(theirs.state_dict())
    form = draw(st.sampled_from(["batch", "single", "packed"]))
    x = rng.standard_normal((N, T, D) if options["batch_first"] else (T, N, D))
    states = states_of(ours, N, rng) if draw(st.booleans()) else []
    if form == "single":
        x = x[0] if options["batch_first"] else x[:, 0]
        states = [s[:, 0] for s in states]
    lengths = [draw(st.integers(1, T)) for _ in range(N)]
    only_last = draw(st.booleans())
    found = []
    for library, model in ((torch, theirs), (gpunet, ours)):
        if library is torch:
            leaves = [torch.tensor(a, requires_grad=True) for a in (x, *states)]
            pack = torch.nn.utils.rnn
        else:
            leaves = [on_device(a, device, True) for a in (x, *states)]
            pack = packing
        input, *given_states = leaves
        if form == "packed":
            first = {"batch_first": options["batch_first"]}
            input = pack.pack_padded_sequence(input, lengths, enforce_sorted=False, **first)
        output, *last = run(model, input, given_states)
        if form == "packed":
            output, back = pack.pad_packed_sequence(output, padding_value=3.0, **first)
            assert back.tolist() == lengths
        total = sum((s * s).sum() for s in last)
        if not only_last:
            total = total + (output**3).sum()
        total.backward()
        tensors = [output, *last, *[leaf.grad for leaf in leaves]]
        tensors += [p.grad for p in model.parameters()]
        found.append(
            [None if t is None else (array_of(t) if library is gpunet else t.detach().numpy())
             for t in tensors]
        )  # fmt: skip
    for a, b in zip(*found):
        if a is None or b is None:  # nobody used it; PyTorch gives None or zeros
            rest = b if a is None else a
            assert rest is None or not rest.any()
        else:
            np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
@pytest.mark.parametrize("alone", [False, True])
def test_cells(kind, alone, device):
    rng = np.random.default_rng(2)
    model = getattr(nn, kind)(3, 4).double().to(device)
    names = [name for name, _ in model.named_parameters()]
    arrays = [array_of(p) for p in model.parameters()]
    count = 2 if kind == "LSTMCell" else 1
    x = rng.standard_normal((2, 3))
    states = [rng.standard_normal((2, 4)) for _ in range(count)]
    if alone:
        x, states = x[0], [s[0] for s in states]

    def ours(x, *rest):
        own = getattr(nn, kind)(3, 4).to(device)
        for name, value in zip(names, rest[count:]):
            own.register_parameter(name, None)
            object.__setattr__(own, name, value)
        return own(x, rest[:count] if count == 2 else rest[0])

    def theirs(x, *rest):
        import torch

        own = getattr(torch.nn, kind)(3, 4).double()
        hx = rest[:count] if count == 2 else rest[0]
        return torch.func.functional_call(own, dict(zip(names, rest[count:])), (x, hx))

    check_op(ours, x, *states, *arrays, device=device, torch_function=theirs)


@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
def test_no_state_is_zeros(kind, device):
    gpunet.manual_seed(0)
    cell = getattr(nn, kind)(3, 4, bias=False).to(device)
    x, zeros = gpunet.randn(2, 3, device=device), gpunet.zeros(2, 4, device=device)
    absent, given_zeros = cell(x), cell(x, (zeros, zeros) if kind == "LSTMCell" else zeros)
    for a, b in zip(absent, given_zeros) if kind == "LSTMCell" else [(absent, given_zeros)]:
        np.testing.assert_array_equal(array_of(a), array_of(b))


def test_layers_and_cells_agree(device):
    gpunet.manual_seed(0)
    layer, cell = nn.LSTM(3, 4).to(device), nn.LSTMCell(3, 4).to(device)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    x = gpunet.randn(5, 2, 3, device=device)
    output, (_, c) = layer(x)
    state = None
    for t in range(5):
        state = cell(x[t], state)
        np.testing.assert_allclose(array_of(state[0]), array_of(output[t]), atol=1e-6)
    np.testing.assert_allclose(array_of(state[1]), array_of(c[0]), atol=1e-6)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_large_enough_to_be_shared(kind):
    """More than one block of units, and the team at work: the same as step by step."""
    gpunet.manual_seed(0)
    layer, cell = getattr(nn, kind)(20, 150), getattr(nn, f"{kind}Cell")(20, 150)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    x = gpunet.randn(7, 19, 20)
    output, _ = layer(x)
    output.square().sum().backward()
    state, total = None, 0
    for t in range(7):
        state = cell(x[t], state)
        h = state[0] if kind == "LSTM" else state
        total = total + h.square().sum()
    total.backward()
    np.testing.assert_allclose(array_of(output[6]), array_of(h), atol=2e-6)
    for (_, a), (_, b) in zip(layer.named_parameters(), cell.named_parameters()):
        scale = np.abs(array_of(b.grad)).max()
        np.testing.assert_allclose(array_of(a.grad), array_of(b.grad), atol=2e-5 * scale)


def test_dropout_is_between_layers_and_in_training_only(device):
    gpunet.manual_seed(0)
    model = nn.GRU(3, 6, num_layers=2, dropout=0.5).to(device)
    x = gpunet.randn(4, 2, 3, device=device)
    first, second = model(x)[0], model(x)[0]
    assert (array_of(first) != array_of(second)).any()
    model.eval()
    np.testing.assert_array_equal(array_of(model(x)[0]), array_of(model(x)[0]))
    with pytest.warns(UserWarning, match="num_layers greater than 1"):
        nn.GRU(3, 6, dropout=0.5)


def test_no_sequences(device):
    output, h = nn.GRU(2, 3).to(device)(gpunet.zeros(4, 0, 2, device=device))
    assert output.shape == (4, 0, 3)
    assert h.shape == (1, 0, 3)
    assert nn.LSTMCell(2, 3).to(device)(gpunet.zeros(0, 2, device=device))[0].shape == (0, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.LSTM(2, 0), ValueError, "hidden_size must be greater than zero"),
        (lambda: nn.LSTM(0, 2), ValueError, "input_size must be greater than zero"),
        (lambda: nn.LSTM(2, 2.0), TypeError, "hidden_size should be of type int"),
        (lambda: nn.LSTM(2, 3, num_layers=0), ValueError, "num_layers"),
        (lambda: nn.LSTM(2, 3, bias=1), TypeError, "bias should be of type bool"),
        (lambda: nn.LSTM(2, 3, dropout=2), ValueError, "dropout"),
        (lambda: nn.LSTM(2, 3, dropout=True), ValueError, "dropout"),
        (lambda: nn.LSTM(2, 3, proj_size=3), ValueError, "proj_size has to be smaller"),
        (lambda: nn.LSTM(2, 3, proj_size=-1), ValueError, "proj_size"),
        (lambda: nn.GRU(2, 3, proj_size=1), ValueError, "only supported for LSTM"),
        (lambda: nn.RNN(2, 3, proj_size=1), ValueError, "only supported for LSTM"),
        (lambda: nn.RNN(2, 3, nonlinearity="x"), ValueError, "Unknown nonlinearity 'x'"),
        (lambda: nn.RNNBase("X", 2, 3), ValueError, "Unrecognized RNN mode"),
        (lambda: nn.RNN(2, 3)(gpunet.zeros(4)), ValueError, "2D or 3D, got 1D"),
        (lambda: nn.RNN(2, 3)(gpunet.zeros(0, 2, 2)), RuntimeError, "larger than 0"),
        (lambda: nn.RNN(2, 3)(gpunet.zeros(4, 2, 3)), RuntimeError, "Expected 2, got 3"),
        (lambda: nn.RNN(2, 3)(gpunet.zeros(4, 2).double()), ValueError, "does not match weight"),
        (lambda: nn.RNN(2, 3)(gpunet.zeros(4, 1, 2), gpunet.zeros(1, 3)), RuntimeError, "3-D"),
        (
            lambda: nn.LSTM(2, 3)(gpunet.zeros(4, 1, 2), (gpunet.zeros(1, 1, 3),) * 3),
            RuntimeError,
            "expected 2 states",
        ),
        (
            lambda: nn.LSTM(2, 3)(
                gpunet.zeros(4, 1, 2), (gpunet.zeros(1, 1, 3), gpunet.zeros(1, 2, 3))
            ),
            RuntimeError,
            r"Expected hidden\[1\] size",
        ),
        (
            lambda: nn.RNN(2, 3)(gpunet.zeros(4, 1, 2), gpunet.zeros(1, 1, 3).double()),
            RuntimeError,
            "dtype",
        ),
        (lambda: nn.LSTMCell(2, 3)(gpunet.zeros(1, 5)), RuntimeError, "got 5 expected 2"),
        (lambda: nn.LSTMCell(2, 3)(gpunet.zeros(1, 1, 2)), ValueError, "1D or 2D, got 3D"),
        (
            lambda: nn.GRUCell(2, 3)(gpunet.zeros(1, 2), gpunet.zeros(2, 3)),
            RuntimeError,
            "batch size 1 doesn't match hidden0 batch size 2",
        ),
        (
            lambda: nn.GRUCell(2, 3)(gpunet.zeros(1, 2), gpunet.zeros(1, 2)),
            RuntimeError,
            "inconsistent hidden_size: got 2, expected 3",
        ),
        (
            lambda: nn.GRUCell(2, 3)(gpunet.zeros(1, 2), gpunet.zeros(1, 1, 3)),
            ValueError,
            "hidden to be 1D or 2D, got 3D",
        ),
        (lambda: nn.GRUCell(2, 3)(gpunet.zeros(1, 2), gpunet.zeros(3)), RuntimeError, "neither"),
        (lambda: nn.GRUCell(2, 3)(gpunet.zeros(1, 2).double()), RuntimeError, "dtype"),
        (
            lambda: nn.GRUCell(2, 3)(gpunet.zeros(1, 2), gpunet.zeros(1, 3).double()),
            RuntimeError,
            "hidden0: expected dtype",
        ),
        (
            lambda: nn.RNNCell(2, 3, nonlinearity="x")(gpunet.zeros(2)),
            RuntimeError,
            "Unknown nonlinearity: x",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_reprs():
    assert repr(nn.RNN(2, 3, 2, "relu")) == "RNN(2, 3, num_layers=2)"
    assert repr(nn.LSTM(2, 3, proj_size=2, bidirectional=True)) == (
        "LSTM(2, 3, proj_size=2, bidirectional=True)"
    )
    assert repr(nn.RNNCell(2, 3, False, "relu")) == "RNNCell(2, 3, bias=False, nonlinearity=relu)"


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_a_training_step_waits_for_no_gpu(kind, cuda):
    import cupy

    if not hasattr(cupy, "_standin"):
        pytest.skip("counts waits on the stand-in")
    model = getattr(nn, kind)(2, 3, num_layers=2, bidirectional=True, dropout=0.5).to(cuda)
    x = gpunet.randn(4, 2, 2, device=cuda)
    for _ in range(2):
        cupy._standin.reset()
        model(x)[0].sum().backward()
    assert cupy._standin.synchronisations == 0
    assert cupy._standin.uploads == 0, cupy._standin.history


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_more_units_than_the_team_has_tiles(kind, monkeypatch):
    sequence = pytest.importorskip("gpunet.kernels.cpu._sequence")
    gpunet.manual_seed(0)
    model, x = getattr(nn, kind)(3, 40), gpunet.randn(4, 9, 3)
    found = []
    for most in (sequence.MOST_TILES, 0):
        monkeypatch.setattr(sequence, "MOST_TILES", most)
        model.zero_grad()
        output = model(x)[0]
        output.square().sum().backward()
        found.append([array_of(output), *[array_of(p.grad) for p in model.parameters()]])
    for a, b in zip(*found):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("lengths", [[7] * 13, [7, 7, 7, 6, 6, 5, 5, 4, 3, 3, 2, 1, 1, 1]])
@pytest.mark.parametrize(
    ("kind", "options"), [("RNN", {}), ("LSTM", {}), ("LSTM", {"proj_size": 33}), ("GRU", {})]
)
def test_blocks_of_sequences_and_blocks_of_units(kind, options, lengths, monkeypatch):
    sequence = pytest.importorskip("gpunet.kernels.cpu._sequence")
    monkeypatch.setattr(sequence, "_SHARED", 0)
    gpunet.manual_seed(0)
    model = getattr(nn, kind)(3, 40, bidirectional=True, **options)
    x = gpunet.randn(len(lengths), 7, 3)
    threads, found, rows = gpunet.get_num_threads(), [], set()
    gpunet.set_num_threads(3)
    try:
        for cache in (0, 1 << 20):
            monkeypatch.setattr(sequence, "_OWN_CACHE", cache)
            sequence._shares.cache_clear()
            model.zero_grad()
            packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
            rows.add(sequence.shares_of(99, [13], np.zeros(4), 1)[1][sequence.ROWS] > 0)
            output, last = model(packed)
            (output.data.square().sum() + sum(h.sum() for h in last)).backward()
            last = list(last) if kind == "LSTM" else [last]
            arrays = [output.data, *last, *[p.grad for p in model.parameters()]]
            found.append([array_of(x).copy() for x in arrays])
    finally:
        gpunet.set_num_threads(threads)
        sequence._shares.cache_clear()
    assert rows == {False, True}
    for a, b in zip(*found):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize(
    ("kind", "options"), [("RNN", {}), ("RNN", {"nonlinearity": "relu"}), ("LSTM", {}), ("GRU", {})]
)
def test_a_step_without_a_tape(kind, options, batch_first, bias, known, device):
    gpunet.manual_seed(0)
    model = getattr(nn, kind)(5, 19, bias=bias, batch_first=batch_first, **options).to(device)
    x = gpunet.randn(*((3, 1, 5) if batch_first else (1, 3, 5)), device=device)
    states = [gpunet.randn(1, 3, 19, device=device) for _ in range(2 if kind == "LSTM" else 1)]
    hx = (tuple(states) if kind == "LSTM" else states[0]) if known else None

    def results():
        output, last = model(x, hx)
        return [output, *(last if kind == "LSTM" else [last])]

    expected = results()
    with gpunet.no_grad():
        found = results()
    assert all(result.node is None for result in found)
    for ours, theirs in zip(found, expected):
        np.testing.assert_allclose(array_of(ours), array_of(theirs), rtol=1e-5, atol=1e-6)
    found[0].zero_()  # is no view of the state
    np.testing.assert_allclose(array_of(found[1]), array_of(expected[1]), rtol=1e-5, atol=1e-6)


def test_what_a_step_without_a_tape_refuses(device):
    model = nn.LSTM(5, 4).to(device)
    x, h = gpunet.randn(1, 3, 5, device=device), gpunet.randn(1, 3, 4, device=device)
    with gpunet.no_grad():
        with pytest.raises(RuntimeError, match="Expected 5, got 4"):
            model(h)
        with pytest.raises(RuntimeError, match=r"hidden\[1\] size \(1, 3, 4\)"):
            model(x, (h, x))
        with pytest.raises(ValueError, match="does not match weight dtype"):
            model(x.double())
        if device == "cuda":
            with pytest.raises(DeviceError, match="on one device"):
                model(x.cpu())


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_learns_to_remember(kind, device):
    """Which of two symbols came first: the answer is in the state only."""
    gpunet.manual_seed(0)
    rng = np.random.default_rng(0)
    model = getattr(nn, kind)(2, 12).to(device)
    head = nn.Linear(12, 2).to(device)
    optimizer = gpunet.optim.Adam([*model.parameters(), *head.parameters()], lr=0.02)
    x = rng.standard_normal((6, 32, 2)).astype(np.float32)
    labels = on_device((x[0, :, 0] > 0).astype(np.int64), device)
    x = on_device(x, device)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        _, last = model(x)
        h = last[0] if kind == "LSTM" else last
        loss = nn.functional.cross_entropy(head(h[0]), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
