"""Downloads from a server on this machine: good ones, and every way in which they go wrong."""

from __future__ import annotations

import hashlib
import re
import time

import pytest

from gpunet.datasets import download
from gpunet.datasets.places import Published

CONTENT = bytes(range(256)) * 400
FILE = Published("file.bin", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture(autouse=True)
def file(server):
    server.files[FILE.name] = CONTENT


@pytest.mark.parametrize("kind", ["good", "moved", "without a length"])
def test_a_good_file(kind, server, tmp_path):
    folder = tmp_path / "new" / "folder"
    kind = kind.partition(" ")[0]
    assert download.fetch(FILE, [f"{server.at}/{kind}/"], folder) == []
    assert (folder / "file.bin").read_bytes() == CONTENT
    assert [path.name for path in folder.iterdir()] == ["file.bin"]


BAD = {
    "404": "Not Found",
    "wrong": "it has the sha256 .* expected",
    "short": "it ended after 102,393 of 102,400 bytes",
    "cut": "it ended after 51,200 of 102,400 bytes|IncompleteRead",
    "long": "it has more than the expected 102,400 bytes",
    "endless": "it has more than the expected 102,400 bytes",
    "announced": "it has 99,999,999,999 bytes, expected 102,400",
    "silent": "timed out",
    "slow": "slower than",
}


@pytest.mark.parametrize("kind", BAD)
def test_the_second_mirror_is_asked(kind, server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_SILENCE", 0.3)
    monkeypatch.setattr(download, "_SLOWEST", 1_000_000)
    start = time.monotonic()
    assert download.fetch(FILE, [f"{server.at}/{kind}/", f"{server.at}/good/"], tmp_path) == []
    assert time.monotonic() - start < 8
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert server.asked == [f"/{kind}/file.bin", "/good/file.bin"]


@pytest.mark.parametrize("kind", BAD)
def test_nothing_is_left_of_a_bad_file(kind, server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_SILENCE", 0.3)
    monkeypatch.setattr(download, "_SLOWEST", 1_000_000)
    (failure,) = download.fetch(FILE, [f"{server.at}/{kind}/"], tmp_path)
    assert failure.startswith(f"{server.at}/{kind}/file.bin: ")
    assert re.search(BAD[kind], failure)
    assert list(tmp_path.iterdir()) == []


def test_no_server_and_no_such_host(tmp_path):
    failures = download.fetch(FILE, ["http://127.0.0.1:9/", "http://[::bad/"], tmp_path)
    assert "refused" in failures[0]
    assert len(failures) == 2


def test_a_folder_that_cannot_be_written_to(server, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        download.fetch(FILE, [f"{server.at}/good/"], tmp_path / "file")


def test_a_full_disk_is_no_fault_of_the_server(server, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: .*file\.bin"):
        download.fetch(FILE, [f"{server.at}/good/"], tmp_path)
    assert list(tmp_path.iterdir()) == []
