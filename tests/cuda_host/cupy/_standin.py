"""Counters and switches of the stand-in that tests read and set."""

import os
from collections import deque

#: How often the host waited for the device: ``.get()``, ``.item()``, ``bool()``, a boolean mask ...
synchronisations = 0
#: How often an array was copied from the host to the device.
uploads = 0
#: Kernel launches (RawKernel, ElementwiseKernel and ReductionKernel; not NumPy-backed functions).
launches = 0
#: The last reasons, newest last, as ("synchronise" | "upload" | "launch", what).
history = deque(maxlen=200)


def synchronise(what):
    """Count one read of the host from the device, which a capturing stream refuses."""
    from . import _stream

    _stream.refuse_read(what)
    count_wait(what)


def count_wait(what):
    """Count one wait of the host for the device."""
    global synchronisations
    synchronisations += 1
    history.append(("synchronise", what))


def upload(what, stream=None):
    """Count one copy from the host to the device, which a capturing stream refuses."""
    from . import _stream

    _stream.refuse_upload(what, stream)
    global uploads
    uploads += 1
    history.append(("upload", what))


def launch(what):
    """Count one kernel launch."""
    global launches
    launches += 1
    history.append(("launch", what))


def words(text):
    """The words of a table written as text."""
    return text.split()


def reset():
    """Set all counters to zero."""
    global synchronisations, uploads, launches
    synchronisations = uploads = launches = 0
    history.clear()


def reverse_order():
    """Whether the threads of a block run from the last to the first."""
    return os.environ.get("GPUNET_CUDA_HOST_ORDER", "") == "reverse"
