"""`gpunet.compile`: a step that is recorded once and then repeated, without Python around it.

::

    compile.py      `compile`: a call's tensors and the other arguments decide which recording runs
    signature.py    what of a call decides that, and its tensors, out of whatever they stand in
    recording.py    one recorded step on the CPU: its inputs, calls and outputs, and what must not
                    have changed since
    watch.py        what happens outside of arrays while a step is recorded: gradients that are
                    assigned, memory that is used, optimisers that step, random numbers

The calls of a step and the arrays they work on are recorded in `gpunet.backend.recorder`.
"""

from __future__ import annotations

from .compile import compile

__all__ = ["compile"]
