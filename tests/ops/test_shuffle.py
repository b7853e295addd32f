import numpy as np
import pytest
from opcheck import array_of, check_op, on_device, torch_or_none

import gpunet
import gpunet.nn.functional as F

torch = torch_or_none()
RNG = np.random.default_rng(0)

CASES = [
    ("pixel_shuffle", (2, 18, 4, 5), 3),
    ("pixel_shuffle", (8, 1, 3), 2),
    ("pixel_shuffle", (2, 3, 4, 2, 1), 2),
    ("pixel_shuffle", (1, 3, 2, 2), 1),
    ("pixel_unshuffle", (2, 3, 6, 9), 3),
    ("pixel_unshuffle", (1, 4, 2), 2),
    ("channel_shuffle", (2, 6, 3), 3),
    ("channel_shuffle", (2, 6, 3, 4), 2),
    ("channel_shuffle", (1, 4, 2, 3, 2), 4),
]


@pytest.mark.parametrize(("name", "shape", "factor"), CASES)
def test_shuffles(name, shape, factor, device):
    check_op(
        lambda x: getattr(F, name)(x, factor),
        RNG.standard_normal(shape), device=device,
        torch_function=torch and (lambda x: getattr(torch.nn.functional, name)(x, factor)),
    )  # fmt: skip


@pytest.mark.parametrize(("name", "shape", "factor"), [c for c in CASES if len(c[1]) == 4])
def test_channels_last_memory_stays_so(name, shape, factor, device):
    x = RNG.standard_normal(shape)
    first = on_device(x, device)
    last = on_device(np.ascontiguousarray(x.transpose(0, 2, 3, 1)), device)
    last = last.permute(0, 3, 1, 2).detach().requires_grad_()
    y, z = getattr(F, name)(first, factor), getattr(F, name)(last, factor)
    np.testing.assert_array_equal(array_of(y), array_of(z))
    assert y.array.flags.c_contiguous
    assert z.array.transpose(0, 2, 3, 1).flags.c_contiguous
    (z * z).sum().backward()
    np.testing.assert_allclose(array_of(last.grad), 2 * x)
    assert last.grad.array.transpose(0, 2, 3, 1).flags.c_contiguous


def test_bad_arguments():
    x = gpunet.Tensor(np.zeros((2, 3, 5, 4), "float32"))
    with pytest.raises(RuntimeError, match=r"size\(-3\)=3 is not divisible by 4"):
        F.pixel_shuffle(x, 2)
    with pytest.raises(RuntimeError, match=r"height.*size\(-2\)=5 is not divisible by 2"):
        F.pixel_unshuffle(x, 2)
    with pytest.raises(RuntimeError, match="width"):
        F.pixel_unshuffle(x, 5)
    with pytest.raises(RuntimeError, match="positive upscale_factor, but got 0"):
        F.pixel_shuffle(x, 0)
    with pytest.raises(RuntimeError, match=r"at least 3 dimensions.*2 dim"):
        F.pixel_shuffle(gpunet.Tensor(x.array[0, 0]), 1)
    with pytest.raises(RuntimeError, match="Got 3 channels and 2 groups"):
        F.channel_shuffle(x, 2)
    with pytest.raises(RuntimeError, match=r"must be positive\. Got 0"):
        F.channel_shuffle(x, 0)
    with pytest.raises(RuntimeError, match="> 2 dims"):
        F.channel_shuffle(gpunet.Tensor(x.array[0, 0]), 1)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("dim", [0, 1, (1, 2), -1])
def test_normalize(p, dim, device):
    check_op(
        lambda x: F.normalize(x, p, dim),
        RNG.standard_normal((3, 4, 5)), device=device,
        torch_function=torch and (lambda x: torch.nn.functional.normalize(x, p, dim)),
    )  # fmt: skip


def test_normalize_of_zeros(device):
    assert not array_of(F.normalize(on_device(np.zeros((2, 3)), device))).any()
