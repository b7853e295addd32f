"""The benchmarks are no installed package: their folder is found from here.

At the end of the path, so that the gpunet which is tested stays the installed one.
"""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.append(str(HERE.parents[1]))


@pytest.fixture
def fakes(monkeypatch):
    """The name of the module of made-up sides, which the processes of the harness find too."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    monkeypatch.syspath_prepend(str(HERE))
    return "fake_sides"
