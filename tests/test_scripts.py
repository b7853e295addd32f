"""Whole scripts, the same text run with PyTorch and with gpunet, and their losses compared.

Each script is a function of the module that it calls ``torch`` and of a device; it returns numbers.
Weights and data come from NumPy, so that both start alike.
"""

import copy

import numpy as np
import pytest
from opcheck import torch_or_none

import gpunet

SCRIPTS = []


def script(function):
    SCRIPTS.append(function)
    return function


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def start_alike(torch, model, device, seed=1):
    """Give `model` weights from NumPy, in the order of its parameters, and move it."""
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.tensor(rng.standard_normal(tuple(p.shape)).astype("f") * 0.3))
    return model.to(device)


def blobs(torch, n=60):
    """Points around three centres, and which centre."""
    y = np.arange(n) % 3
    x = numbers(n, 4) * 0.5 + np.eye(3, 4, dtype="f")[y] * 3
    return torch.tensor(x), torch.tensor(y)


@script
def classifier_with_loader_and_scheduler(torch, device):
    nn, F = torch.nn, torch.nn.functional
    x, y = blobs(torch)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(x, y), batch_size=16, shuffle=False, drop_last=False
    )
    model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
    start_alike(torch, model, device)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    losses = []
    for _ in range(5):
        model.train()
        for a, b in loader:
            a, b = a.to(device), b.to(device)
            optimizer.zero_grad()
            loss = F.cross_entropy(model(a), b)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
        model.eval()
        with torch.no_grad():
            hits = (model(x.to(device)).argmax(dim=1) == y.to(device)).float().mean()
        losses += [hits.item(), optimizer.param_groups[0]["lr"]]
    return losses


@script
def regression_with_lbfgs(torch, device):
    x = torch.tensor(numbers(40, 3)).to(device)
    y = (x @ torch.tensor([[1.0], [-2.0], [0.5]]).to(device)).tanh() + 0.3
    model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    start_alike(torch, model, device)
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=5)
    losses = []

    def closure():
        optimizer.zero_grad()
        loss = ((model(x) - y) ** 2).mean()
        loss.backward()
        return loss

    for _ in range(4):
        losses.append(float(optimizer.step(closure).detach()))
    return losses


@script
def bag_of_words(torch, device):
    rng = np.random.default_rng(3)
    words = torch.tensor(rng.integers(1, 20, (12, 7))).to(device)
    words[:, 5:] = 0
    labels = torch.tensor(rng.integers(0, 2, 12)).to(device)

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table = torch.nn.Embedding(20, 6, padding_idx=0)
            self.out = torch.nn.Linear(6, 2)

        def forward(self, words):
            mask = (words != 0).unsqueeze(-1).float()
            e = self.table(words) * mask
            return self.out(e.sum(1) / mask.sum(1).clamp(min=1.0))

    model = start_alike(torch, Net(), device)
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.1)
    criterion = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    losses = []
    for _ in range(8):
        optimizer.zero_grad(set_to_none=True)
        loss = criterion(model(words), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return [*losses, *model.table.weight[0].tolist()]


@script
def autoencoder_with_tied_weights(torch, device):
    F = torch.nn.functional

    class Tied(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = torch.nn.Linear(6, 3)
            self.bias = torch.nn.Parameter(torch.zeros(6))

        def forward(self, x):
            return F.linear(torch.sigmoid(self.encoder(x)), self.encoder.weight.t(), self.bias)

    model = start_alike(torch, Tied(), device)
    x = torch.tensor(numbers(10, 6)).to(device)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.01, momentum=0.9)
    losses = []
    for _ in range(6):
        loss = F.mse_loss(model(x), x, reduction="sum") / len(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@script
def adversaries(torch, device):
    nn = torch.nn
    g = start_alike(
        torch, nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Linear(8, 4)), device
    )
    d = start_alike(torch, nn.Sequential(nn.Linear(4, 8), nn.ELU(), nn.Linear(8, 1)), device, 2)
    g_step = torch.optim.Adam(g.parameters(), lr=0.01, betas=(0.5, 0.9))
    d_step = torch.optim.Adam(d.parameters(), lr=0.01, betas=(0.5, 0.9))
    bce = nn.BCEWithLogitsLoss()
    losses = []
    for i in range(5):
        real = torch.tensor(numbers(8, 4, seed=i) + 2).to(device)
        fake = g(torch.tensor(numbers(8, 2, seed=100 + i)).to(device))
        ones, zeros = torch.ones(8, 1, device=device), torch.zeros(8, 1, device=device)
        d_step.zero_grad()
        loss_d = bce(d(real), ones) + bce(d(fake.detach()), zeros)
        loss_d.backward()
        d_step.step()
        g_step.zero_grad()
        for p in d.parameters():
            p.requires_grad_(False)
        loss_g = bce(d(fake), ones)
        loss_g.backward()
        g_step.step()
        for p in d.parameters():
            p.requires_grad_(True)
        losses += [loss_d.item(), loss_g.item()]
    return losses


@script
def early_stopping(torch, device):
    x, y = blobs(torch)
    x, y = x.to(device), y.to(device)
    model = start_alike(torch, torch.nn.Linear(4, 3), device)
    optimizer = torch.optim.SGD(model.parameters(), lr=2.0, momentum=0.9, nesterov=True)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
    criterion = torch.nn.CrossEntropyLoss()
    best, kept, losses = float("inf"), None, []
    for _ in range(12):
        optimizer.zero_grad()
        loss = criterion(model(x[:40]), y[:40])
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            held_out = criterion(model(x[40:]), y[40:]).item()
        scheduler.step(held_out)
        if held_out < best:
            best, kept = held_out, copy.deepcopy(model.state_dict())
        losses += [loss.item(), held_out]
    model.load_state_dict(kept)
    losses.append(criterion(model(x[40:]), y[40:]).item())
    assert losses[-1] == pytest.approx(best, rel=1e-5)
    return losses


@script
def accumulation_and_clipping(torch, device):
    x, y = blobs(torch)
    model = start_alike(
        torch,
        torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.GELU(), torch.nn.Linear(8, 3)),
        device,
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
    out = []
    for i in range(12):
        a, b = x[i * 5 : i * 5 + 5].to(device), y[i * 5 : i * 5 + 5].to(device)
        loss = torch.nn.functional.cross_entropy(model(a), b) / 4
        loss.backward()
        if i % 4 == 3:
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            optimizer.step()
            optimizer.zero_grad()
            out.append(norm.item())
        out.append(loss.item())
    return out


@script
def function_of_the_user(torch, device):
    class Clipped(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, limit):
            ctx.save_for_backward(x)
            ctx.limit = limit
            return x.clamp(-limit, limit)

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            return grad_output * (x.abs() <= 2 * ctx.limit).to(grad_output.dtype), None

    w = torch.tensor(numbers(4, 3)).to(device).requires_grad_()
    x = torch.tensor(numbers(5, 4, seed=1)).to(device)
    out = []
    for _ in range(3):
        loss = Clipped.apply(x @ w, 0.5).pow(2).sum()
        (g,) = torch.autograd.grad(loss, w)
        with torch.no_grad():
            w -= 0.1 * g
        out.append(loss.item())
    return out


@script
def module_with_buffers_and_hooks(torch, device):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", torch.zeros(4))
            self.layers = torch.nn.ModuleList([torch.nn.Linear(4, 4) for _ in range(3)])
            self.scales = torch.nn.ParameterDict({"a": torch.nn.Parameter(torch.ones(4))})

        def forward(self, x):
            if self.training:
                self.mean.mul_(0.9).add_(0.1 * x.detach().mean(0))
            x = x - self.mean
            for layer in self.layers:
                x = x + torch.tanh(layer(x)) * self.scales["a"]
            return x

    model = start_alike(torch, Net(), device)
    seen = []
    for layer in model.layers:
        layer.register_forward_hook(lambda m, a, y: seen.append(y.detach().abs().mean().item()))
    handle = model.layers[1].register_full_backward_hook(
        lambda m, gi, go: seen.append(go[0].abs().sum().item())
    )
    optimizer = torch.optim.SGD(
        [
            {"params": model.layers.parameters(), "weight_decay": 0.1},
            {"params": [model.scales["a"]], "lr": 0.5},
        ],
        lr=0.1,
    )
    for i in range(4):
        optimizer.zero_grad()
        loss = model(torch.tensor(numbers(6, 4, seed=i)).to(device)).square().mean()
        loss.backward()
        optimizer.step()
        seen.append(loss.item())
        if i == 1:
            handle.remove()
    model.eval()
    return [*seen, *model.mean.tolist(), *sorted(map(len, model.state_dict()))]


@script
def frozen_and_thawed(torch, device):
    body, head = torch.nn.Linear(4, 6), torch.nn.Linear(6, 3)
    model = start_alike(torch, torch.nn.Sequential(body, torch.nn.SiLU(), head), device)
    body.requires_grad_(False)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.05)
    x, y = blobs(torch)
    out = []
    for i in range(8):
        if i == 4:
            for p in body.parameters():
                p.requires_grad = True
            optimizer.add_param_group({"params": body.parameters(), "lr": 0.01})
        loss = torch.nn.functional.nll_loss(
            torch.log_softmax(model(x.to(device)), dim=-1), y.to(device)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        out.append(loss.item())
    return out


@script
def attention_by_hand(torch, device):
    B, L, H, D = 2, 5, 2, 3
    x = torch.tensor(numbers(B, L, H * D)).to(device)
    ws = [torch.tensor(numbers(H * D, H * D, seed=i)).to(device).requires_grad_() for i in range(3)]
    optimizer = torch.optim.NAdam(ws, lr=0.01)
    mask = torch.ones(L, L, device=device).tril().bool()
    target = torch.tensor(np.arange(B * L).reshape(B, L) % (H * D)).to(device)
    out = []
    for _ in range(4):
        q, k, v = [(x @ w).view(B, L, H, D).transpose(1, 2) for w in ws]
        scores = torch.einsum("bhid,bhjd->bhij", q, k) / D**0.5
        scores = scores.masked_fill(~mask, float("-inf"))
        y = (scores.softmax(-1) @ v).transpose(1, 2).reshape(B, L, H * D)
        y = torch.where(y > 0, y, 0.1 * y)
        picked = y.log_softmax(-1).gather(-1, target.unsqueeze(-1)).squeeze(-1)
        loss = -picked[:, 1:].mean() + 0.01 * y[..., ::2].abs().max()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        out += [loss.item(), *(w.grad.norm().item() for w in ws)]
    return out


@script
def float64_with_a_shared_layer(torch, device):
    layer = torch.nn.Linear(5, 5, bias=False)
    model = torch.nn.Sequential(layer, torch.nn.Tanh(), layer, torch.nn.Softplus(), layer)
    start_alike(torch, model, device).double()
    x = torch.tensor(numbers(7, 5)).to(device).double()
    optimizer = torch.optim.RAdam(model.parameters(), lr=0.05)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    out = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = torch.nn.functional.smooth_l1_loss(model(x), x)
        loss.backward()
        optimizer.step()
        scheduler.step()
        out.append(loss.item())
    return [*out, len(list(model.parameters()))]


@script
def recurrent_by_hand(torch, device):
    cell_x, cell_h = torch.nn.Linear(3, 4), torch.nn.Linear(4, 4, bias=False)
    model = start_alike(torch, torch.nn.ModuleList([cell_x, cell_h]), device)
    x = torch.tensor(numbers(6, 2, 3)).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    out = []
    for _ in range(4):
        h = torch.zeros(2, 4, device=device)
        states = []
        for step in x:
            h = torch.tanh(cell_x(step) + cell_h(h))
            states.append(h)
        y = torch.stack(states)
        total = torch.zeros_like(y)
        total[1:] = y[:-1] * 2
        total[0] += y[0]
        loss = (total[2:] - total[:-2]).pow(2).mean() + torch.cat(states, 1).std()
        model.zero_grad()
        loss.backward()
        optimizer.step()
        out.append(loss.item())
    return out


@script
def steps_by_hand(torch, device):
    """Without an optimiser, as first lessons have it."""
    x = torch.linspace(-1, 1, 20, device=device).unsqueeze(1)
    y = x**3
    w1 = torch.tensor(numbers(1, 8)).to(device)
    w2 = torch.tensor(numbers(8, 1, seed=1)).to(device)
    w1.requires_grad, w2.requires_grad = True, True
    out = []
    for _ in range(10):
        loss = (y - (x @ w1).clamp(min=0) @ w2).pow(2).sum()
        loss.backward()
        with torch.no_grad():
            w1 -= 1e-2 * w1.grad
            w2 -= 1e-2 * w2.grad
            w1.grad.zero_()
            w2.grad = None
        out.append(loss.item())
    return out


@script
def moving_average_of_weights(torch, device):
    model = start_alike(torch, torch.nn.Linear(4, 3), device)
    average = copy.deepcopy(model)
    for p in average.parameters():
        p.requires_grad_(False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    x, y = blobs(torch)
    x, y = x.to(device), y.to(device)
    out = []
    for _ in range(5):
        loss = torch.nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for a, p in zip(average.parameters(), model.parameters()):
            a.data.mul_(0.9).add_(p.data, alpha=0.1)
        out += [loss.item(), torch.nn.functional.cross_entropy(average(x), y).item()]
    return out


@script
def gradients_kept_for_later(torch, device):
    """Two tasks, whose gradients are compared and then combined."""
    model = start_alike(torch, torch.nn.Linear(4, 3), device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = blobs(torch)
    x, y = x.to(device), y.to(device)
    out = []
    for _ in range(3):
        kept = []
        for part in (slice(0, 20), slice(20, 60)):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x[part]), y[part]).backward()
            kept.append([p.grad for p in model.parameters()])
        out.append(sum((a * b).sum() for a, b in zip(*kept)).item())
        for p, a, b in zip(model.parameters(), *kept):
            p.grad = a + 2 * b
        optimizer.step()
    return out + model.weight.flatten().tolist()


def tolerant(script):
    return 1e-9 if script is float64_with_a_shared_layer else 2e-4


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda f: f.__name__)
def test_script(script, device):
    ours = script(gpunet, device)
    assert np.isfinite(ours).all()
    torch = torch_or_none()
    if torch is not None:
        np.testing.assert_allclose(ours, script(torch, "cpu"), rtol=tolerant(script), atol=1e-5)
