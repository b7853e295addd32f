"""The exceptions that gpunet raises beside Python's own.

Wrong values are ``ValueError``, wrong kinds ``TypeError``, wrong indices ``IndexError``, as in
NumPy; what PyTorch raises as ``RuntimeError`` (shapes that do not fit, a second backward pass) is
a ``RuntimeError`` here too.
"""

from __future__ import annotations

__all__ = ["CaptureError", "DeviceError", "OutOfMemoryError"]


class CaptureError(RuntimeError):
    """A step cannot be captured by `gpunet.compile`; the message says what stands against it."""


class DeviceError(RuntimeError):
    """A device was asked for that is not there, or arrays of two devices met in one operation."""


class OutOfMemoryError(RuntimeError):
    """A GPU has no memory left; the message says what was asked, what is free, what to lower."""
