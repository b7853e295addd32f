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
