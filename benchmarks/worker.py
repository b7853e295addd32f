"""One side of a comparison in a process of its own; started by `benchmarks.harness`."""

from __future__ import annotations

import json
import sys

from .harness import run_worker

if __name__ == "__main__":
    run_worker(*json.loads(sys.argv[1]))
