"""What a result says of the code that was measured."""

import shutil
import subprocess

import pytest

from gpunet.benchmarks.machine import _commit


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_changed_code_is_noted_and_results_are_not(tmp_path):
    def git(*command):
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", "-C", tmp_path, *who, *command], check=True, capture_output=True)

    code = tmp_path / "code.py"
    result = tmp_path / "benchmarks" / "results" / "case.json"
    result.parent.mkdir(parents=True)
    for path in (code, result):
        path.write_text("before")
    assert _commit(tmp_path) == ""
    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    clean = _commit(tmp_path)
    assert len(clean) >= 7
    result.write_text("after")
    assert _commit(tmp_path) == clean
    code.write_text("after")
    assert _commit(tmp_path) == f"{clean}-dirty"
