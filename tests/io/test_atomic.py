"""`replacing`: the old file or the new one, and nothing else is left."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from gpunet.io import replacing, save_file, save_state


def write(path, content=b"new"):
    with replacing(path) as file:
        file.write(content)


def gone():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_a_killed_process_left_goes(tmp_path):
    pid = gone()
    left = tmp_path / f".last.safetensors.{pid}.tmp"
    others = [
        f".best.safetensors.{pid}.tmp",  # another file's
        f".last.safetensors.{os.getppid()}.tmp",  # being written
        f".last.safetensors.{pid}.tmp2",
        f".lastXsafetensors.{pid}.tmp",
        f"last.safetensors.{pid}.tmp",
        ".last.safetensors..tmp",
        ".last.safetensors.-1.tmp",
        ".last.safetensors.x.tmp",
    ]
    for name in [left.name, *others]:
        (tmp_path / name).write_bytes(b"half")
    folder = tmp_path / f".last.safetensors.{gone()}.tmp"
    folder.mkdir()
    write(tmp_path / "last.safetensors")
    assert sorted(os.listdir(tmp_path)) == sorted([*others, folder.name, "last.safetensors"])


def test_a_killed_process(tmp_path):
    """A real one, killed while it writes."""
    path = tmp_path / "x"
    write(path, b"old")
    code = f"""
import os
from gpunet.io import replacing
with replacing({os.fspath(path)!r}) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    assert path.read_bytes() == b"old"
    assert len(os.listdir(tmp_path)) == 2
    write(path)
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["x"]


def test_a_file_that_another_container_writes_is_left(tmp_path):
    """There its process has a number that means nothing here; but it holds a lock."""
    fcntl = pytest.importorskip("fcntl", reason="locks are POSIX's")
    left = tmp_path / f".x.{gone()}.tmp"
    with open(left, "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        write(tmp_path / "x")
        assert left.exists()
    write(tmp_path / "x")
    assert not left.exists()


def test_errors_name_the_file_that_was_asked_for(tmp_path):
    path = tmp_path / "nowhere" / "x.json"
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    for refused, error in (
        (path, FileNotFoundError),
        (tmp_path / "file" / "x.json", NotADirectoryError),
        (tmp_path / "folder", IsADirectoryError),
        (tmp_path / ("x" * 300), OSError),
    ):
        with pytest.raises(error) as raised:
            write(refused)
        assert raised.value.filename == os.fspath(refused)
        assert ".tmp" not in str(raised.value)
    for save in (
        lambda: save_file({}, path),
        lambda: save_state({}, path, "checkpoint"),
    ):
        with pytest.raises(FileNotFoundError, match=r"nowhere.x\.json'$"):
            save()
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_full_disk_is_named(number, tmp_path, monkeypatch):
    def refuse(descriptor):
        raise OSError(number, os.strerror(number))

    write(tmp_path / "x", b"old")
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match=r"'.*x'$") as raised:
        write(tmp_path / "x")
    assert raised.value.errno == number
    assert (tmp_path / "x").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x"]


def test_errors_of_the_block_are_left_as_they_are(tmp_path):
    for error in (TimeoutError("timed out"), FileNotFoundError(2, "No such file", "other")):

        def fail(error=error):
            with replacing(tmp_path / "x"):
                raise error

        with pytest.raises(type(error)) as raised:
            fail()
        assert raised.value is error
    assert os.listdir(tmp_path) == []


def test_a_path_that_is_text_or_relative(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("x")
    assert (tmp_path / "x").read_bytes() == b"new"
