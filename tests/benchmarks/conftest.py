"""Made-up sides, which the processes of the harness find too."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def fakes(monkeypatch):
    """The name of their module."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    return "fake_sides"
