"""``import gpunet`` is quick, and leaves the heavy packages alone until they are needed."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("cupy", "numba", "matplotlib", "scipy", "rich", "typer", "safetensors", "torch")

PROGRAM = """
import sys, time
import numpy
start = time.perf_counter()
import gpunet
print(time.perf_counter() - start)
print(*sys.modules)
"""


def test_import_is_quick_and_light():
    def measure():
        program = [sys.executable, "-c", PROGRAM]
        shown = subprocess.run(program, capture_output=True, text=True, check=True).stdout
        seconds, modules = shown.splitlines()
        return float(seconds), {name.partition(".")[0] for name in modules.split()}

    measure()  # bytecode
    runs = [measure() for _ in range(8)]
    for _, modules in runs:
        assert modules & set(HEAVY) == set()
    # The quickest run is what the import costs: other work on the machine only adds to it.
    assert min(seconds for seconds, _ in runs) < 0.1
