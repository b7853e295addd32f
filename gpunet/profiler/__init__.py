"""Where the time of a run goes: operation by operation, kernel by kernel.

::

    with gpunet.profiler.profile() as p:
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
    print(p.key_averages().table(sort_by="self_time_total", row_limit=20))
    p.export_chrome_trace("trace.json")

The interface is that of ``torch.profiler`` as far as it goes.
"""

from __future__ import annotations

from .averages import EventList, FunctionEventAvg
from .peaks import Peaks, measure_peaks
from .profiling import profile
from .record_function import record_function
from .recorder import Event

__all__ = [
    "Event",
    "EventList",
    "FunctionEventAvg",
    "Peaks",
    "measure_peaks",
    "profile",
    "record_function",
]
