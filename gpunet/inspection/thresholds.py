"""From which size on something is called small, saturated or too large, and why.

The three causes of slow learning are those of M. Nielsen, *Neural Networks and Deep Learning*
(2015), chapter 2. From ``dC/dw = a_in delta_out`` and ``delta = (dC/da) sigma'(z)`` a weight learns
slowly if its input activation is small, if the error that arrives is small, or if the neuron is
saturated, so that ``sigma'(z)`` is small.
"""

from __future__ import annotations

__all__ = [
    "EXPLODED",
    "LARGE_UPDATE",
    "MANY_UNITS",
    "RIGHT",
    "SATURATED_SLOPE",
    "SMALL_DELTA",
    "SMALL_INPUT",
    "SMALL_UPDATE",
    "VANISHED",
]

#: A value is saturated where the slope of its activation is below this share of the largest slope:
#: it learns twenty times slower than it could. For the sigmoid this is ``a (1 - a) < 0.0125``, that
#: is ``|z| > 4.4``; for tanh ``1 - a^2 < 0.05``, ``|z| > 2.2``.
SATURATED_SLOPE = 0.05

#: From this share of saturated or of dead units on a layer is said to have them. With fewer, most
#: of a layer learns; some dead ReLUs are found in every large layer and do no harm.
MANY_UNITS = 0.25

#: A layer's input is small if its root mean square is below this. A bias is a weight whose input is
#: 1: the gradients of such a layer's weights are a hundredth of those of its biases.
SMALL_INPUT = 0.01

#: The error has vanished where delta is below this share of delta at the output. Nielsen's chapter
#: 5 shows vanishing gradients on a network whose first layer learns a hundred times slower.
VANISHED = 0.01

#: The error explodes where delta is so many times delta at the output: the inverse of `VANISHED`.
EXPLODED = 100.0

#: The network is right if the error at its output is below this share of the error that the targets
#: of other samples would give. It does not depend on the loss: cross entropy with smoothed labels
#: stays far above 0 however right the network is.
RIGHT = 0.1

#: Delta at the output that is small in itself. With cross entropy a wrong answer gives about 1.
SMALL_DELTA = 1e-3

#: A step that changes the weights by more than this share of themselves; 0.001 is usual, and with
#: steps of 0.1 ten of them replace what was learned.
LARGE_UPDATE = 0.1

#: A step that changes the weights by less than this share: after a million such steps they can be
#: others. float32 resolves 6e-8.
SMALL_UPDATE = 1e-6
