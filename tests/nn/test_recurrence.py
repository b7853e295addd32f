"""The general recurrence and its cells."""

import numpy as np
import pytest
from opcheck import array_of, check_op, on_device

import gpunet
from gpunet import nn

CELLS = [nn.ElmanCell, nn.JordanCell, nn.ElmanJordanCell]


@pytest.mark.parametrize("kind", CELLS)
def test_cells_are_their_formulas(kind, device):
    gpunet.manual_seed(0)
    cell = kind(3, 4, 2).double().to(device)
    rng = np.random.default_rng(0)
    x, h, y = (rng.standard_normal((5, n)) for n in (3, 4, 2))
    output, state = cell(*[on_device(a, device) for a in (x, h, y)])
    weights = {name: array_of(p) for name, p in cell.named_parameters()}
    z = x @ weights["input.weight"].T + weights["input.bias"]
    if kind is not nn.JordanCell:
        z += h @ weights["state.weight"].T
    if kind is not nn.ElmanCell:
        z += y @ weights["feedback.weight"].T
    np.testing.assert_allclose(array_of(state), np.tanh(z), atol=1e-12)
    expected = np.tanh(z) @ weights["output.weight"].T + weights["output.bias"]
    np.testing.assert_allclose(array_of(output), expected, atol=1e-12)


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("forced", [False, True])
def test_gradients_through_time(kind, forced, device):
    rng = np.random.default_rng(1)
    net = nn.Recurrent(kind(3, 4, 2)).double().to(device)

    def run(x, h, y, targets):
        if x.dtype == np.float32:
            net.float()
        else:
            net.double()
        return net(x, h, y, targets if forced else None)

    x, h, y = (rng.standard_normal(shape) for shape in ((6, 5, 3), (5, 4), (5, 2)))
    targets = rng.standard_normal((6, 5, 2))
    used = {"ElmanCell": [0, 1], "JordanCell": [0, 2], "ElmanJordanCell": [0, 1, 2]}[kind.__name__]
    if forced and kind is not nn.ElmanCell:
        used.append(3)
    check_op(run, x, h, y, targets, device=device, differentiable=used)


def test_elman_is_the_rnn_layer(device):
    gpunet.manual_seed(0)
    layer, net = nn.RNN(3, 4).to(device), nn.Recurrent(nn.ElmanCell(3, 4, 2)).to(device)
    cell = net.cell
    with gpunet.no_grad():
        cell.input.weight.copy_(layer.weight_ih_l0)
        cell.input.bias.copy_(layer.bias_ih_l0 + layer.bias_hh_l0)
        cell.state.weight.copy_(layer.weight_hh_l0)
    x = gpunet.randn(5, 2, 3, device=device)
    output, h = net(x)
    expected, last = layer(x)
    np.testing.assert_allclose(array_of(h), array_of(last[0]), atol=1e-6)
    np.testing.assert_allclose(array_of(output), array_of(cell.output(expected)), atol=1e-6)


def test_truncation_stops_gradients(device):
    gpunet.manual_seed(0)
    cell = nn.ElmanJordanCell(1, 3, 1).to(device)
    for truncate, expected in ((None, [True] * 6), (2, [False] * 4 + [True] * 2)):
        x = gpunet.randn(6, 2, 1, device=device).requires_grad_()
        output, _ = nn.Recurrent(cell, truncate=truncate)(x)
        output[5].sum().backward()
        assert [bool(step.any()) for step in array_of(x.grad)] == expected


def test_stateful_runs_go_on(device):
    gpunet.manual_seed(0)
    cell = nn.ElmanJordanCell(2, 3, 1).to(device)
    x = gpunet.randn(4, 6, 2, device=device)  # batch first
    whole, last = nn.Recurrent(cell, batch_first=True)(x)
    net = nn.Recurrent(cell, batch_first=True, stateful=True)
    first, _ = net(x[:, :2])
    second, h = net(x[:, 2:])
    np.testing.assert_allclose(array_of(gpunet.cat([first, second], 1)), array_of(whole), atol=1e-6)
    np.testing.assert_allclose(array_of(h), array_of(last), atol=1e-6)
    second.sum().backward()  # the first part is detached, so this is no second backward of it
    net.reset()
    np.testing.assert_allclose(array_of(net(x[:, :2])[0]), array_of(first), atol=1e-6)


def test_any_cell_runs(device):
    lstm = nn.LSTMCell(2, 3).to(device)

    def cell(x, state, y):
        state = lstm(x, state)
        return state[0], state

    x = gpunet.randn(5, 4, 2, device=device)
    output, (h, _) = nn.Recurrent(cell, truncate=2)(x)
    assert output.shape == (5, 4, 3)
    np.testing.assert_array_equal(array_of(output[4]), array_of(h))
    # Fibonacci: state and output, and no input.
    one = gpunet.tensor([1.0], device=device)
    fibonacci, _ = nn.Recurrent(lambda x, h, y: (y + h, y))(None, one * 0, one, steps=6)
    assert array_of(fibonacci)[:, 0].tolist() == [1, 2, 3, 5, 8, 13]


def test_errors():
    net = nn.Recurrent(nn.ElmanCell(2, 3, 1))
    with pytest.raises(ValueError, match="truncate"):
        nn.Recurrent(net.cell, truncate=0)
    with pytest.raises(ValueError, match="at least one step"):
        net(gpunet.zeros(0, 1, 2))
    with pytest.raises(ValueError, match="time and batch"):
        net(gpunet.zeros(2))
    with pytest.raises(ValueError, match="either input or steps"):
        net(None)
    with pytest.raises(ValueError, match="targets: expected 3 steps"):
        net(gpunet.zeros(3, 1, 2), targets=gpunet.zeros(2, 1, 1))


def test_repr():
    text = repr(nn.Recurrent(nn.ElmanCell(2, 3, 1), batch_first=True, truncate=4, stateful=True))
    assert text.startswith("Recurrent(\n  batch_first=True, truncate=4, stateful=True\n  (cell)")


@pytest.mark.parametrize("kind", CELLS)
def test_learns_a_delay(kind, device):
    gpunet.manual_seed(0)
    net = nn.Recurrent(kind(1, 12, 1)).to(device)
    optimizer = gpunet.optim.Adam(net.parameters(), lr=0.02)
    x = np.random.default_rng(0).standard_normal((8, 16, 1)).astype(np.float32)
    wanted = on_device(np.concatenate([x[:1] * 0, x[:-1]]), device)
    x, losses = on_device(x, device), []
    forced = wanted if kind is nn.ElmanCell else None
    for _ in range(50):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(x, targets=forced)[0], wanted)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < (0.5 if kind is not nn.JordanCell else 1.0) * losses[0]
