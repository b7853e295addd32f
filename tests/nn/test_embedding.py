import numpy as np
import pytest
from opcheck import array_of, on_device

import gpunet
from gpunet import nn


def test_table(device):
    gpunet.manual_seed(0)
    layer = nn.Embedding(500, 40, padding_idx=-1, device=device)
    W = array_of(layer.weight)
    assert W.dtype == np.float32
    assert not W[-1].any()
    assert abs(W.std() - 1) < 0.05
    y = layer(on_device(np.array([[3, 4], [499, 0]]), device))
    np.testing.assert_array_equal(array_of(y), W[[[3, 4], [499, 0]]])
    y.backward(on_device(np.ones((2, 2, 40), np.float32), device))
    assert array_of(layer.weight.grad).sum(axis=1).nonzero()[0].tolist() == [0, 3, 4]
    assert repr(layer) == "Embedding(500, 40, padding_idx=499)"
    assert list(layer.state_dict()) == ["weight"]


def test_from_pretrained(device):
    table = on_device(np.arange(6.0).reshape(3, 2), device)
    frozen = nn.Embedding.from_pretrained(table)
    assert not frozen.weight.requires_grad
    assert repr(frozen) == "Embedding(3, 2)"
    free = nn.Embedding.from_pretrained(table, freeze=False, padding_idx=0)
    assert free.weight.requires_grad
    np.testing.assert_array_equal(array_of(free(on_device(np.array(0), device))), [0, 1])
    with pytest.raises(ValueError, match="shape"):
        nn.Embedding.from_pretrained(on_device(np.zeros(3), device))


def test_bad_padding():
    with pytest.raises(ValueError, match=r"padding_idx.*got 3"):
        nn.Embedding(3, 2, padding_idx=3)
