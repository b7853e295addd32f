import numpy as np
import pytest
from opcheck import array_of, on_device

import gpunet
from gpunet import nn


def test_training_and_evaluation(device):
    layer = nn.Dropout(0.25)
    x = on_device(np.ones((30, 40), np.float32), device)
    gpunet.manual_seed(0)
    a, b = array_of(layer(x)), array_of(layer(x))
    assert (a != b).any()
    gpunet.manual_seed(0)
    np.testing.assert_array_equal(array_of(layer(x)), a)
    assert layer.eval()(x) is x
    assert repr(layer) == "Dropout(p=0.25, inplace=False)"


def test_bad_probability():
    with pytest.raises(ValueError, match="-1"):
        nn.Dropout(-1)


@pytest.mark.parametrize("name", ["Dropout1d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"])
def test_the_other_dropouts(name, device):
    layer = getattr(nn, name)(0.5)
    x = on_device(np.ones((3, 40, 2) + (2,) * (2 * (name == "Dropout3d"))), device)
    assert len(np.unique(array_of(layer(x)))) == 2
    assert layer.eval()(x) is x
    assert repr(layer) == f"{name}(p=0.5, inplace=False)"
    with pytest.raises(ValueError, match="-1"):
        getattr(nn, name)(-1)


def test_dropout2d(device):
    layer = nn.Dropout2d()
    y = array_of(layer(on_device(np.ones((3, 40, 2, 2)), device)))
    assert (y == y[:, :, :1, :1]).all()
    assert set(np.unique(y)) == {0, 2}
