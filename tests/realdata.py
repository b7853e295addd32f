"""Where the real files are, for the tests that read them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


def real_data(name):
    """The folder that has the folder `name` of real files; without one the test is skipped."""
    places = [REPOSITORY.parent / "shared" / "data"]
    if named := os.environ.get("GPUNET_DATA"):
        places.insert(0, Path(named))
    for place in places:
        if (place / name).is_dir():
            return place
    pytest.skip(f"no folder {name} in GPUNET_DATA or {places[-1]}")
