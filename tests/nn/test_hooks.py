import numpy as np
import pytest
from opcheck import array_of, on_device, torch_or_none

import gpunet
from gpunet import nn

torch = torch_or_none()


class Affine(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(np.full((3,), 2, np.float32))

    def forward(self, x, offset=0.0):
        return x * self.weight + offset


def ones(device="cpu", requires_grad=False):
    return on_device(np.ones((2, 3), np.float32), device, requires_grad)


def test_order_and_arguments():
    layer, calls = Affine(), []
    layer.register_forward_pre_hook(lambda m, args: calls.append(("pre 1", m, len(args))))
    layer.register_forward_pre_hook(
        lambda m, args: calls.append(("pre 0", m, len(args))), prepend=True
    )
    layer.register_forward_hook(lambda m, args, y: calls.append(("post 1", m, y.shape)))
    layer.register_forward_hook(
        lambda m, args, y: calls.append(("post 0", m, y.shape)), prepend=True
    )
    layer(ones())
    assert calls == [
        ("pre 0", layer, 1),
        ("pre 1", layer, 1),
        ("post 0", layer, (2, 3)),
        ("post 1", layer, (2, 3)),
    ]


def test_hooks_replace_arguments_and_output():
    layer = Affine()
    layer.register_forward_pre_hook(lambda m, args: args[0] * 10)
    layer.register_forward_pre_hook(lambda m, args: (args[0] + 1,))
    layer.register_forward_hook(lambda m, args, y: y + array_of(args[0])[0, 0].item())
    np.testing.assert_array_equal(array_of(layer(ones())), 11 * 2 + 11)


def test_with_kwargs():
    layer, seen = Affine(), []
    layer.register_forward_pre_hook(
        lambda m, args, kwargs: (args, {"offset": kwargs["offset"] + 1}), with_kwargs=True
    )
    layer.register_forward_hook(
        lambda m, args, kwargs, y: seen.append(kwargs["offset"]), with_kwargs=True
    )
    np.testing.assert_array_equal(array_of(layer(ones(), offset=3.0)), 6)
    assert seen == [4.0]
    layer.register_forward_pre_hook(lambda m, args, kwargs: args, with_kwargs=True)
    with pytest.raises(RuntimeError, match=r"\(args, kwargs\)"):
        layer(ones(), offset=3.0)


def test_handles_remove():
    layer, calls = Affine(), []
    handle = layer.register_forward_hook(lambda *a: calls.append(1))
    with layer.register_forward_hook(lambda *a: calls.append(2)):
        layer(ones())
    layer(ones())
    handle.remove()
    handle.remove()
    layer(ones())
    assert calls == [1, 2, 1]
    assert layer._hooks is None


def test_a_handle_outlives_its_module():
    layer = Affine()
    handle = layer.register_forward_hook(print)
    del layer
    handle.remove()


def test_full_backward_hook(device):
    layer, seen = Affine().to(device), []
    layer.register_full_backward_hook(
        lambda m, grad_input, grad_output: seen.append((m, grad_input, grad_output))
    )
    x = ones(device, requires_grad=True)
    y = layer(x) * 3
    gpunet.autograd.backward([y], [ones(device)])
    ((module, grad_input, grad_output),) = seen
    assert module is layer
    np.testing.assert_array_equal(array_of(grad_input[0]), 6)
    np.testing.assert_array_equal(array_of(grad_output[0]), 3)
    np.testing.assert_array_equal(array_of(x.grad), 6)
    np.testing.assert_array_equal(array_of(layer.weight.grad), 6)


def test_backward_hooks_replace_gradients(device):
    layer = Affine().to(device)
    layer.register_full_backward_pre_hook(lambda m, grad_output: (grad_output[0] * 10,))
    layer.register_full_backward_hook(lambda m, grad_input, grad_output: (grad_input[0] * 100,))
    x = ones(device, requires_grad=True)
    gpunet.autograd.backward([layer(x)], [ones(device)])
    np.testing.assert_array_equal(array_of(x.grad), 2000)
    np.testing.assert_array_equal(array_of(layer.weight.grad), 20)


def test_backward_hook_without_gradient_of_the_input():
    layer, seen = Affine(), []
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi, array_of(go[0]))))
    gpunet.autograd.backward([layer(ones())], [ones()])
    assert seen[0][0] == (None,)
    np.testing.assert_array_equal(seen[0][1], 1)
    with gpunet.no_grad():
        assert layer(ones()).node is None
    assert len(seen) == 1


class Two(nn.Module):
    """Two inputs with a number between them, two outputs with a number behind them."""

    def forward(self, a, n, b):
        return a * 2, b * 3, n


def test_several_inputs_and_outputs(device):
    layer, seen = Two(), []
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go)))
    a, b = ones(device, True), ones(device, True)
    first, second, n = layer(a, 5, b)
    assert n == 5
    gpunet.autograd.backward([first + second], [ones(device)])
    ((grad_input, grad_output),) = seen
    assert grad_input[1] is None
    assert grad_output[2] is None
    np.testing.assert_array_equal(array_of(grad_input[0]), 2)
    np.testing.assert_array_equal(array_of(grad_input[2]), 3)
    np.testing.assert_array_equal(array_of(b.grad), 3)
    # One output that had no part in the result.
    first, second, n = layer(a, 5, b)
    gpunet.autograd.backward([first], [ones(device)])
    assert seen[1][1][1] is None
    np.testing.assert_array_equal(array_of(seen[1][0][0]), 2)


def test_wrong_number_of_gradients():
    layer = Affine()
    layer.register_full_backward_hook(lambda m, gi, go: (gi[0], gi[0]))
    with pytest.raises(RuntimeError, match="returned 2 gradients, but grad_input has 1"):
        gpunet.autograd.backward([layer(ones(requires_grad=True))], [ones()])
    layer = Affine()
    layer.register_full_backward_pre_hook(lambda m, go: ())
    with pytest.raises(RuntimeError, match="returned 0 gradients, but grad_output has 1"):
        gpunet.autograd.backward([layer(ones(requires_grad=True))], [ones()])


@pytest.mark.skipif(torch is None, reason="needs PyTorch")
def test_calls_are_pytorchs():
    """The order of all kinds of hooks over two layers, and what they receive."""

    def trace(nn, tensor, run):
        first, second = nn.Linear(3, 3), nn.Linear(3, 3)
        calls = []

        def note(kind):
            def hook(module, *values):
                shapes = [
                    [None if v is None else tuple(v.shape) for v in value]
                    if isinstance(value, tuple)
                    else tuple(value.shape)
                    for value in values
                ]
                calls.append((kind, "first" if module is first else "second", shapes))

            return hook

        for layer in (first, second):
            layer.register_full_backward_hook(note("full backward"))
            layer.register_forward_hook(note("forward"))
            layer.register_full_backward_pre_hook(note("backward pre"))
            layer.register_forward_pre_hook(note("pre"))
        run(second(first(tensor)))
        return calls

    ours = trace(nn, ones(requires_grad=True), lambda y: gpunet.autograd.backward([y], [ones()]))
    theirs = trace(
        torch.nn, torch.ones(2, 3, requires_grad=True), lambda y: y.backward(torch.ones(2, 3))
    )
    assert ours == theirs
