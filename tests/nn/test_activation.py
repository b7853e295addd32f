import numpy as np
import pytest
from opcheck import array_of, on_device, torch_or_none

from gpunet import nn

MODULES = [
    ("Sigmoid", {}), ("Tanh", {}), ("ReLU", {}), ("ReLU", {"inplace": True}), ("LeakyReLU", {}),
    ("LeakyReLU", {"negative_slope": 0.2, "inplace": True}), ("ELU", {}), ("ELU", {"alpha": 0.5}),
    ("GELU", {}), ("GELU", {"approximate": "tanh"}), ("SiLU", {}), ("Mish", {}), ("Softplus", {}),
    ("Softplus", {"beta": 2, "threshold": 1}), ("Softsign", {}), ("Hardtanh", {}),
    ("Hardtanh", {"min_val": -2.0, "max_val": 0.5}), ("ReLU6", {}), ("Softmax", {"dim": 1}),
    ("LogSoftmax", {"dim": -1}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), MODULES)
def test_as_pytorch(name, options, device):
    torch = torch_or_none()
    ours = getattr(nn, name)(**options)
    X = np.random.default_rng(0).standard_normal((4, 7)) * 3
    x = on_device(X, device)
    y = ours(x)
    assert y is not x
    np.testing.assert_array_equal(array_of(x), X)
    if torch is not None:
        theirs = getattr(torch.nn, name)(**options)
        np.testing.assert_allclose(array_of(y), theirs(torch.tensor(X)).numpy(), rtol=1e-9)
        assert repr(ours) == repr(theirs)


def test_functions_are_one():
    from gpunet.functions import elementwise

    for name in ("relu", "sigmoid", "tanh"):
        assert getattr(nn.functional, name) is getattr(elementwise, name)


def test_hardtanh_bounds():
    with pytest.raises(ValueError, match="max_val=1"):
        nn.Hardtanh(1, 1)
