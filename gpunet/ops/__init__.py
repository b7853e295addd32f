"""The mathematics: forward and backward of every operation, on raw arrays.

One file a family. A forward function takes a backend, arrays and options and returns its output
and a tuple of what the backward function needs; the backward function takes that tuple and
``dY``, the gradient of the final result with respect to the output, and returns the gradients of
the inputs (``dX``, ``dW``, ...), None where ``needs`` says that none is wanted::

    def sigmoid_forward(be, X):
        Y = ...
        return Y, (Y,)

    def sigmoid_backward(be, dY, saved, needs):
        (Y,) = saved
        return (dY * Y * (1 - Y),)

No classes and no tape: whoever learns backpropagation reads here, from `linear` on. Neither
function changes its inputs. ``be.xp`` is NumPy or CuPy, ``be.kernels`` holds the fused kernels.
"""
