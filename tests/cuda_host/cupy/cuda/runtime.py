"""``cupy.cuda.runtime``, with the failures of machines that have no usable GPU.

``GPUNET_CUDA_HOST_FAIL`` is ``nodevice`` (a driver, no GPU), ``nodriver`` or ``olddriver``.
"""

import os as _os

from .. import _stream
from .._memory import reserved_bytes as _reserved_bytes

_ERRORS = {
    1: ("cudaErrorInvalidValue", "invalid argument"),
    2: ("cudaErrorMemoryAllocation", "out of memory"),
    35: (
        "cudaErrorInsufficientDriver",
        "CUDA driver version is insufficient for CUDA runtime version",
    ),
    100: ("cudaErrorNoDevice", "no CUDA-capable device is detected"),
    101: ("cudaErrorInvalidDevice", "invalid device ordinal"),
    400: ("cudaErrorInvalidResourceHandle", "invalid resource handle"),
    401: ("cudaErrorIllegalState", "the operation cannot be performed in the present state"),
    900: (
        "cudaErrorStreamCaptureUnsupported",
        "operation not permitted when stream is capturing",
    ),
    901: (
        "cudaErrorStreamCaptureInvalidated",
        "operation failed due to a previous error during capture",
    ),
    903: (
        "cudaErrorStreamCaptureUnmatched",
        "capture was not initiated in this stream",
    ),
    904: (
        "cudaErrorStreamCaptureUnjoined",
        "capturing stream has unjoined work",
    ),
    905: (
        "cudaErrorStreamCaptureIsolation",
        "dependency created on uncaptured work in another stream",
    ),
    906: (
        "cudaErrorStreamCaptureImplicit",
        "operation would make the legacy stream depend on a capturing blocking stream",
    ),
    907: (
        "cudaErrorCapturedEvent",
        "operation not permitted on an event last recorded in a capturing stream",
    ),
}
_TOTAL = 8 * 1024**3
is_hip = False
memcpyHostToHost, memcpyHostToDevice, memcpyDeviceToHost, memcpyDeviceToDevice = range(4)
streamNonBlocking = 1
streamCaptureModeGlobal, streamCaptureModeThreadLocal, streamCaptureModeRelaxed = range(3)


class CUDARuntimeError(RuntimeError):
    """An error code of the CUDA runtime, with the text that CuPy gives it."""

    def __init__(self, status):
        self.status = status
        super().__init__(": ".join(_ERRORS.get(status, ("cudaErrorUnknown", "unknown error"))))

    def __reduce__(self):
        return (type(self), (self.status,))


def _check():
    # Without a driver the runtime reports the same code as with one that is too old.
    failure = _os.environ.get("GPUNET_CUDA_HOST_FAIL", "")
    if failure:
        raise CUDARuntimeError({"nodevice": 100, "nodriver": 35, "olddriver": 35}[failure])


def getDeviceCount():
    _check()
    return 1


def getDevice():
    _check()
    return 0


def setDevice(device):
    _check()
    if device != 0:
        raise CUDARuntimeError(101)


def getDeviceProperties(device):
    _check()
    if device != 0:
        raise CUDARuntimeError(101)
    return {
        "name": b"Host stand-in for CUDA", "major": 9, "minor": 0, "multiProcessorCount": 4,
        "totalGlobalMem": _TOTAL, "sharedMemPerBlock": 48 * 1024, "warpSize": 32,
        "maxThreadsPerBlock": 1024, "maxThreadsDim": (1024, 1024, 64),
        "maxGridSize": (2**31 - 1, 65535, 65535), "maxThreadsPerMultiProcessor": 2048,
        "clockRate": 1_000_000, "memoryClockRate": 1_000_000, "memoryBusWidth": 256,
        "l2CacheSize": 4 * 1024**2, "regsPerBlock": 65536, "totalConstMem": 65536,
        "computeMode": 0, "integrated": 0, "pciBusID": 0, "pciDeviceID": 0,
    }  # fmt: skip


def runtimeGetVersion():
    return 12090


def driverGetVersion():
    return 0 if _os.environ.get("GPUNET_CUDA_HOST_FAIL") == "nodriver" else 12090


def memGetInfo():
    _check()
    return _TOTAL - _reserved_bytes(), _TOTAL


def deviceSynchronize():
    _check()
    _stream.wait_for_device()


def streamSynchronize(stream):
    for known in list(_stream._streams):
        if known.ptr == stream:
            known.synchronize()
            return
    raise CUDARuntimeError(400)
