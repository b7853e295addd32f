"""What is made up beside the tests is found by them and by the processes of the harness."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.append(str(HERE))


@pytest.fixture
def fakes(monkeypatch):
    """The name of the module of made-up sides."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    return "fake_sides"
