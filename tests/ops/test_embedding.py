import numpy as np
import pytest
from opcheck import array_of, check_op, on_device, torch_or_none

import gpunet.nn.functional as F

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("shape", "V", "D"), [((), 3, 2), ((0,), 3, 2), ((5,), 1, 4), ((7, 9), 11, 33), ((50,), 65, 8)]
)
@pytest.mark.parametrize("padding", [None, 0, -1])
def test_embedding(shape, V, D, padding, device):
    torch = torch_or_none()
    indices = RNG.integers(0, V, shape)
    check_op(
        lambda i, W: F.embedding(i, W, padding),
        indices, RNG.standard_normal((V, D)), device=device,
        # A finite difference knows nothing of the padding row.
        differentiable=[1] if padding is None else [],
        torch_function=torch and (lambda i, W: torch.nn.functional.embedding(i, W, padding)),
    )  # fmt: skip


def test_the_padding_row_gets_no_gradient(device):
    W = on_device(np.ones((4, 3)), device, requires_grad=True)
    y = F.embedding(on_device(np.array([[3, 1], [3, 3]]), device), W, -1)
    y.backward(on_device(np.ones((2, 2, 3)), device))
    assert array_of(W.grad)[:, 0].tolist() == [0, 1, 0, 0]


def test_indices_of_32_bits(device):
    W = on_device(RNG.standard_normal((4, 3)), device)
    y = F.embedding(on_device(np.array([2, 0], np.int32), device), W)
    np.testing.assert_array_equal(array_of(y), array_of(W)[[2, 0]])


@pytest.mark.parametrize("n", [3, 1000])
@pytest.mark.parametrize("bad", [-1, 4])
def test_an_index_outside_the_table_is_named(n, bad, device):
    W = on_device(np.ones((4, 3), np.float32), device)
    indices = np.zeros(n, np.int64)
    indices[2] = bad
    indices = on_device(indices, device)
    if device == "cpu":
        with pytest.raises(IndexError, match=rf"index {bad} \(number 2 .* from 0 to 3"):
            F.embedding(indices, W)
    else:  # the GPU is not waited for: the row is NaN
        y = array_of(F.embedding(indices, W))
        assert np.isnan(y[2]).all()
        assert not np.isnan(y[:2]).any()


def test_bad_arguments(device):
    W = on_device(np.ones((4, 3)), device)
    i = on_device(np.array([1]), device)
    with pytest.raises(RuntimeError, match=r"input: expected indices.*float64"):
        F.embedding(W, W)
    with pytest.raises(RuntimeError, match=r"weight: .*\(1,\)"):
        F.embedding(i, i)
    with pytest.raises(ValueError, match=r"padding_idx.*from -4 to 3, got 4"):
        F.embedding(i, W, 4)
