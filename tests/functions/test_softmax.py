import numpy as np
import pytest
from opcheck import array_of, check_op, on_device, torch_or_none

import gpunet

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize(
    ("shape", "dim"),
    [((3, 5), 1), ((3, 5), 0), ((2, 3, 4), 1), ((7,), -1), ((), 0), ((2, 0), 1)],
)
def test_along_any_dimension(device, name, shape, dim):
    check_op(
        lambda t: getattr(gpunet, name)(t, dim),
        3 * RNG.standard_normal(shape),
        device=device,
        torch_function=lambda t: getattr(torch_or_none(), name)(t, dim),
    )


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_dtypes_and_errors(device, name):
    i = on_device([[1, 2], [3, 1]], device)
    with pytest.raises(RuntimeError, match="floating-point"):
        getattr(i, name)(1)
    with pytest.raises(IndexError):
        getattr(i.float(), name)(2)
    assert getattr(i, name)(1, dtype=gpunet.float64).dtype == gpunet.float64
    half = getattr(i.half(), name)(1)
    assert half.dtype == gpunet.float16
    np.testing.assert_allclose(array_of(half), array_of(getattr(i.float(), name)(1)), rtol=2e-3)


def test_infinities(device):
    x = on_device([[0.0, -np.inf], [1000.0, 0.0]], device)
    assert array_of(x.softmax(1)).tolist() == [[1, 0], [1, 0]]
    assert array_of(x.log_softmax(1)).tolist() == [[0, -np.inf], [0, -1000]]


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_the_dimension_must_be_given(name):
    with pytest.raises(TypeError, match=f"{name}: dim: expected a dimension, got None"):
        getattr(gpunet, name)(gpunet.zeros(2, 3), None)
