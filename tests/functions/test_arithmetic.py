import numpy as np
import pytest
from opcheck import check_op

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("left", "right"), [((3, 4), (3, 4)), ((3, 4), (4,)), ((2, 1, 4), (3, 1)), ((0, 3), (1, 3))]
)
def test_add_and_mul_broadcast(device, left, right):
    a, b = RNG.standard_normal(left), RNG.standard_normal(right)
    check_op(lambda a, b: a + b, a, b, device=device, torch_function=lambda a, b: a + b)
    check_op(lambda a, b: a * b, a, b, device=device, torch_function=lambda a, b: a * b)
