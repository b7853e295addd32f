"""Loss layers: PyTorch's settings, state and numbers."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest
from opcheck import array_of, on_device, torch_or_none

import gpunet
from gpunet import nn

torch = torch_or_none()

WEIGHT = np.array([0.5, 1.0, 2.0], "float32")
LABELS = np.array([0, 2, 1, 1, 0])
LOSSES = [
    ("CrossEntropyLoss", {}),
    ("CrossEntropyLoss", {"weight": WEIGHT, "ignore_index": 1, "label_smoothing": 0.2}),
    ("NLLLoss", {}),
    ("NLLLoss", {"weight": WEIGHT, "ignore_index": 1}),
    ("MSELoss", {}),
    ("L1Loss", {}),
    ("SmoothL1Loss", {"beta": 0.5}),
    ("HuberLoss", {"delta": 0.5}),
    ("BCELoss", {"weight": WEIGHT}),
    ("BCEWithLogitsLoss", {"weight": WEIGHT, "pos_weight": WEIGHT[::-1].copy()}),
    ("KLDivLoss", {}),
    ("KLDivLoss", {"log_target": True}),
]
CASES = [
    (name, options, reduction)
    for name, options in LOSSES
    for reduction in ("mean", "sum", "none", "batchmean")
    if reduction != "batchmean" or name == "KLDivLoss"
]
NAMES = sorted({name for name, _ in LOSSES})


def with_tensors(options, tensor):
    return {k: tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}


@pytest.mark.skipif(torch is None, reason="compares with PyTorch")
@pytest.mark.parametrize(("name", "options", "reduction"), CASES)
def test_losses_are_pytorchs(name, options, reduction, device):
    rng = np.random.default_rng(1)
    X = rng.uniform(0.1, 0.9, (5, 3)).astype("float32")
    T = LABELS if name in ("CrossEntropyLoss", "NLLLoss") else X[::-1].copy()
    ours = getattr(nn, name)(**with_tensors(options, gpunet.Tensor), reduction=reduction)
    theirs = getattr(torch.nn, name)(**with_tensors(options, torch.tensor), reduction=reduction)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert repr(ours) == repr(theirs)
    ours.to(device)
    x, their_x = on_device(X, device, True), torch.tensor(X, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of KLDivLoss and its mean
        loss, expected = ours(x, on_device(T, device)), theirs(their_x, torch.tensor(T))
    np.testing.assert_allclose(array_of(loss), expected.detach().numpy(), rtol=1e-5, atol=1e-6)
    loss.sum().backward()
    expected.sum().backward()
    np.testing.assert_allclose(array_of(x.grad), their_x.grad.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(torch is None, reason="compares with PyTorch")
@pytest.mark.parametrize("name", NAMES)
def test_arguments_are_pytorchs(name):
    def arguments(module):
        parameters = inspect.signature(getattr(module, name)).parameters.values()
        return [(p.name, p.default) for p in parameters]

    assert arguments(nn) == arguments(torch.nn)


@pytest.mark.parametrize("name", NAMES)
def test_deprecated_and_unknown_settings(name):
    loss = getattr(nn, name)
    with pytest.raises(ValueError, match=f"{name}: 'median' is not a valid value"):
        loss(reduction="median")
    if name != "HuberLoss":
        with pytest.raises(ValueError, match=f"{name}: size_average.*use reduction"):
            loss(size_average=False)


def test_the_gradient_of_a_mean_stays_on_the_device(device):
    """A training step's loss: its own scale comes through as an array of no axes."""
    x = on_device(np.zeros((2, 3), "float32"), device, True)
    loss = nn.CrossEntropyLoss()(x, on_device(np.array([0, 2]), device))
    loss.backward(on_device(np.float32(6), device))
    np.testing.assert_allclose(array_of(x.grad), [[-2, 1, 1], [1, 1, -2]], rtol=1e-6)


def test_nothing_waits_for_the_device(cuda):
    standin = pytest.importorskip("cupy._standin")
    X = np.random.default_rng(2).uniform(0.1, 0.9, (64, 10)).astype("float32")
    x = on_device(X, cuda, True)
    labels = on_device(np.arange(64) % 10, cuda)
    target = on_device(np.full((64, 10), 0.1, "float32"), cuda)
    norms = [nn.BatchNorm1d(10, device=cuda), nn.LayerNorm(10, device=cuda),
             nn.BatchNorm1d(10, momentum=None, device=cuda)]  # fmt: skip

    standin.reset()
    hidden = x
    for norm in norms:
        hidden = norm(hidden)
    total = nn.functional.cross_entropy(hidden, labels)
    total = total + nn.functional.cross_entropy(hidden, target)
    for loss in (nn.MSELoss(), nn.L1Loss(), nn.HuberLoss(), nn.BCEWithLogitsLoss()):
        total = total + loss(hidden, target)
    total = total + nn.KLDivLoss(reduction="batchmean")(hidden, target)
    (total + nn.BCELoss()(x, target)).backward()
    assert standin.synchronisations == 0
    assert standin.uploads == 0
