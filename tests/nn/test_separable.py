"""The depthwise-separable convolution."""

import numpy as np
import pytest
from opcheck import array_of, on_device, torch_or_none

from gpunet import nn

torch = torch_or_none()


@pytest.mark.skipif(torch is None, reason="compares with PyTorch")
@pytest.mark.parametrize("shape", [(2, 3, 7, 6), (3, 7, 6)])
def test_is_a_depthwise_and_a_pointwise_convolution(shape, device):
    layer = nn.SeparableConv2d(3, 5, (3, 2), stride=2, padding=1, depth_multiplier=2).to(device)
    state = {name: torch.from_numpy(array_of(p)) for name, p in layer.state_dict().items()}
    twin = torch.nn.Sequential(
        torch.nn.Conv2d(3, 6, (3, 2), 2, 1, groups=3, bias=False), torch.nn.Conv2d(6, 5, 1)
    )
    names = {
        "0.weight": "depthwise.weight",
        "1.weight": "pointwise.weight",
        "1.bias": "pointwise.bias",
    }
    twin.load_state_dict({ours: state[name] for ours, name in names.items()})
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    ours, theirs = on_device(x, device, True), torch.from_numpy(x).requires_grad_()
    y, expected = layer(ours), twin(theirs)
    y.square().sum().backward()
    expected.square().sum().backward()
    np.testing.assert_allclose(array_of(y), expected.detach().numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(array_of(ours.grad), theirs.grad.numpy(), rtol=1e-4, atol=1e-5)
    for ours, name in names.items():
        found = dict(layer.named_parameters())[name].grad
        np.testing.assert_allclose(
            array_of(found), twin.get_parameter(ours).grad.numpy(), rtol=1e-4, atol=1e-4
        )


def test_parameters_and_errors():
    layer = nn.SeparableConv2d(8, 16, 3, bias=False)
    assert sum(p.numel() for p in layer.parameters()) == 8 * 9 + 8 * 16
    with pytest.raises(ValueError, match="depth_multiplier must be a positive integer, got 0"):
        nn.SeparableConv2d(8, 16, 3, depth_multiplier=0)
