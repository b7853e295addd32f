"""Operations that a user defines: `gpunet.autograd.Function`."""

from __future__ import annotations

import numpy as np
import pytest
from opcheck import array_of, check_op, on_device

import gpunet
from gpunet.autograd import Function


class Square(Function):
    @staticmethod
    def forward(ctx, x, power=2):
        ctx.save_for_backward(x)
        assert not gpunet.is_grad_enabled()
        return x * x

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return 2 * x * grad_output, None


class SumAndProduct(Function):
    """Two outputs, and a third that is constant."""

    seen = None

    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        sign = gpunet.sign(a)
        ctx.mark_non_differentiable(sign)
        return a + b, a * b, sign

    @staticmethod
    def backward(ctx, d_sum, d_product, d_sign):
        SumAndProduct.seen = (ctx.needs_input_grad, d_sum, d_product, d_sign)
        a, b = ctx.saved_tensors
        return d_sum + d_product * b, d_sum + d_product * a


def test_gradient(device):
    check_op(
        lambda x: Square.apply(x, 2),
        np.random.default_rng(0).standard_normal((3, 4)),
        device=device,
        torch_function=lambda x: x * x,
    )


def test_several_outputs(device):
    rng = np.random.default_rng(0)
    check_op(
        lambda a, b: SumAndProduct.apply(a, b)[:2], *rng.standard_normal((2, 5)), device=device
    )


def test_unused_outputs_get_zeros(device):
    a = on_device(np.array([1.0, -2.0]), device, requires_grad=True)
    total, _, sign = SumAndProduct.apply(a, on_device(np.array([3.0, 4.0]), device))
    assert not sign.requires_grad
    total.sum().backward()
    needs, _, d_product, _ = SumAndProduct.seen
    assert needs == (True, False)
    np.testing.assert_array_equal(array_of(d_product), [0.0, 0.0])
    np.testing.assert_array_equal(array_of(a.grad), [1.0, 1.0])


def test_nothing_is_recorded_without_a_gradient():
    y = Square.apply(gpunet.ones(2))
    assert y.grad_fn is None
    x = gpunet.ones(2, requires_grad=True)
    with gpunet.no_grad():
        assert Square.apply(x).grad_fn is None
    assert repr(Square.apply(x).grad_fn).startswith("<Square")


def test_a_second_pass_needs_the_graph():
    x = gpunet.ones(2, requires_grad=True)
    y = Square.apply(x, 2).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_a_wrong_number_of_gradients_is_an_error():
    class Wrong(Square):
        @staticmethod
        def backward(ctx, grad_output):
            return grad_output

    y = Wrong.apply(gpunet.ones(2, requires_grad=True), 2).sum()
    with pytest.raises(RuntimeError, match="returned 1 gradients for the 2 arguments"):
        y.backward()


def test_methods_must_be_defined():
    with pytest.raises(NotImplementedError, match="forward"):
        Function.apply(gpunet.ones(1))


def test_what_is_saved_stays_when_its_tensor_becomes_another(device):
    class Square(gpunet.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, grad_output):
            return 2 * ctx.saved_tensors[0] * grad_output

    x = gpunet.tensor([1.0, 2.0], device=device, requires_grad=True)
    h = x * 1
    y = Square.apply(h)
    h += 10
    (y + h).sum().backward()
    assert x.grad.tolist() == [3, 5]
