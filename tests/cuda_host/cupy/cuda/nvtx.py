"""``cupy.cuda.nvtx``: ranges for NVIDIA's profilers; here they are only counted.

Stricter than NVTX, which takes a pop without a push in silence.
"""

import threading as _threading
from collections import deque as _deque

__all__ = ["RangePop", "RangePush", "available"]

available = True

#: The last names that were pushed, for tests.
_pushed = _deque(maxlen=1000)


class _Open(_threading.local):
    depth = 0


_open = _Open()


def RangePush(message, id_color=-1):
    if not isinstance(message, str):
        raise TypeError(f"RangePush: expected a string, got {type(message).__name__}")
    _open.depth += 1
    _pushed.append(message)


def RangePop():
    if not _open.depth:
        raise RuntimeError("RangePop: no range is open in this thread")
    _open.depth -= 1
