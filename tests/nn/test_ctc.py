"""The CTC loss against PyTorch's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opcheck import array_of, check_op, on_device, torch_or_none

import gpunet
import gpunet.nn.functional as F
from gpunet import nn

torch = torch_or_none()
needs_torch = pytest.mark.skipif(torch is None, reason="compares with PyTorch")


def labels(rng, N, S, C, blank):
    found = rng.integers(0, C - 1, (N, S))
    return found + (found >= blank)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("T", "N", "C", "S", "blank"), [(1, 1, 2, 1, 0), (9, 3, 4, 3, 2)])
def test_gradient_through_log_softmax(T, N, C, S, blank, reduction, device):
    rng = np.random.default_rng(0)
    targets = labels(rng, N, S, C, blank)
    steps, lengths = rng.integers(2 * S - 1, T + 1, N), rng.integers(0, S + 1, N)
    options = {"blank": blank, "reduction": reduction}

    def run(module, softmax, tensor):
        numbers = [tensor(a) for a in (targets, steps, lengths)]
        return lambda x: module.ctc_loss(softmax(x, 2), *numbers, **options)

    check_op(
        run(F, F.log_softmax, lambda a: on_device(a, device)),
        rng.standard_normal((T, N, C)),
        device=device,
        torch_function=torch
        and run(torch.nn.functional, torch.log_softmax, lambda a: torch.tensor(a)),
    )


@needs_torch
@settings(max_examples=30)
@given(st.data())
def test_drawn_configurations(device, data):
    draw = data.draw
    T, N, C = (draw(st.integers(1, n)) for n in (12, 4, 6))
    C += 1
    blank, S = draw(st.integers(0, C - 1)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    steps, lengths = rng.integers(0, T + 1, N), rng.integers(0, S + 1, N)
    X = np.log(rng.dirichlet(np.ones(C), (T, N)))
    targets = labels(rng, N, S, C, blank)
    if draw(st.booleans()) and lengths.any():
        targets = np.concatenate([row[:n] for row, n in zip(targets, lengths)])
    options = {
        "blank": blank,
        "reduction": draw(st.sampled_from(["mean", "sum", "none"])),
        "zero_infinity": draw(st.booleans()),
    }
    as_tuple = draw(st.booleans())
    x, their_x = on_device(X, device, True), torch.tensor(X, requires_grad=True)
    numbers = [tuple(map(int, a)) if as_tuple else on_device(a, device) for a in (steps, lengths)]
    loss = nn.CTCLoss(**options)(x, on_device(targets, device), *numbers)
    expected = torch.nn.CTCLoss(**options)(
        their_x, torch.tensor(targets), torch.tensor(steps), torch.tensor(lengths)
    )
    assert loss.shape == tuple(expected.shape)
    np.testing.assert_allclose(array_of(loss), expected.detach().numpy(), rtol=1e-9, atol=1e-12)
    weight = rng.standard_normal(loss.shape)
    loss.backward(on_device(weight, device))
    expected.backward(torch.tensor(weight))
    np.testing.assert_allclose(array_of(x.grad), their_x.grad.numpy(), rtol=1e-7, atol=1e-9)


@needs_torch
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_one_sequence(reduction, device):
    X = np.log(np.random.default_rng(0).dirichlet(np.ones(4), 6))
    for lengths in (((6,), (2,)), (6, 2)):
        loss = F.ctc_loss(
            on_device(X, device), on_device([1, 3], device), *lengths, reduction=reduction
        )
        expected = torch.nn.functional.ctc_loss(
            torch.tensor(X), torch.tensor([1, 3]), torch.tensor(6), torch.tensor(2),
            reduction=reduction,
        )  # fmt: skip
        assert loss.shape == ()
        np.testing.assert_allclose(array_of(loss), expected.numpy())


def test_neither_waits_for_the_device_nor_copies_to_it(cuda):
    import cupy

    if not hasattr(cupy, "_standin"):
        pytest.skip("counts on the stand-in")
    rng = np.random.default_rng(0)
    x = on_device(rng.standard_normal((6, 2, 4)), cuda, True)
    targets, steps, lengths = (
        on_device(a, cuda) for a in (labels(rng, 2, 3, 4, 0), np.array([6, 5]), np.array([2, 3]))
    )
    F.ctc_loss(F.log_softmax(x, 2), targets, steps, lengths).backward()
    cupy._standin.reset()
    F.ctc_loss(F.log_softmax(x, 2), targets, steps, lengths, zero_infinity=True).backward()
    assert cupy._standin.synchronisations == 0
    assert cupy._standin.uploads == 0


def test_a_label_that_is_no_class(cuda):
    x = gpunet.zeros(5, 2, 3)
    targets = gpunet.tensor([[1, 2], [7, 1]])
    with pytest.raises(IndexError, match=r"targets\[1, 0\] is 7"):
        F.ctc_loss(x, targets, (5, 5), (2, 2))
    on_gpu = F.ctc_loss(x.to(cuda), targets.to(cuda), (5, 5), (2, 2), reduction="none")
    assert np.isnan(array_of(on_gpu)).tolist() == [False, True]
    assert np.isfinite(float(F.ctc_loss(x, targets, (5, 5), (2, 0))))  # is not read


def test_bad_arguments_are_named():
    x, y = gpunet.zeros(5, 2, 3), gpunet.tensor([[1, 2], [2, 1]])
    for args, match in [
        ((x.long(), y, (5, 5), (2, 2)), "float32 or float64"),
        ((x, y.float(), (5, 5), (2, 2)), "whole numbers as targets"),
        ((x[:0], y, (0, 0), (2, 2)), "not be empty"),
        ((x, y, (5, 5), (2, 2), 3), "blank must be a class from 0 to 2, got 3"),
        ((x, y, (5, 6), (2, 2)), "expected input_lengths from 0 to 5"),
        ((x, y, (5, 5), (2, 3)), "expected target_lengths from 0 to 2"),
        ((x, y, (5, 5, 5), (2, 2)), "batch_size"),
        ((x, y, gpunet.ones(2), (2, 2)), "input_lengths: expected whole numbers"),
        ((x, y[:1], (5, 5), (2, 2)), "expected 2 rows"),
        ((x, y.reshape(-1), (5, 5), (2, 1)), "expected 3 labels"),
    ]:
        with pytest.raises(RuntimeError, match=match):
            F.ctc_loss(*args)
    with pytest.raises(ValueError, match="median"):
        nn.CTCLoss(reduction="median")
