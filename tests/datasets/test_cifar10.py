"""CIFAR-10: batches, folder, archive and the part with real files."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile

import numpy as np
import pytest
from realdata import real_data

from gpunet.datasets import (
    DatasetNotFound,
    cifar,
    cifar10,
    load_cifar10,
    read_cifar10,
    read_cifar10_batch,
)
from gpunet.datasets.places import Published


def test_the_part_with_real_files():
    folder = real_data("cifar10_subset")
    data = load_cifar10(folder)
    assert data.train_images.shape == (5000, 3, 32, 32)
    assert data.test_images.shape == (1000, 3, 32, 32)
    assert data.train_images.dtype == np.float32
    assert data.train_labels.dtype == np.int64
    assert data.train_labels[:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    assert (data.train_images.min(), data.train_images.max()) == (0, 1)
    # Red, green and blue, as everyone normalises.
    means = data.train_images.mean((0, 2, 3))
    np.testing.assert_allclose(means, [0.4914, 0.4822, 0.4465], atol=0.01)
    whole = read_cifar10(folder / "cifar10_subset")
    assert whole.test_images.dtype == np.uint8
    np.testing.assert_array_equal(whole.test_images / np.float32(255), data.test_images)


def records(count, seed):
    table = np.random.default_rng(seed).integers(0, 256, (count, 3073), np.uint8)
    table[:, 0] %= 10
    return table


@pytest.fixture
def known(monkeypatch, tmp_path):
    """Small files take the place of the six; their content by name."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("GPUNET_DATA", raising=False)
    contents = {name: records(i + 2, i).tobytes() for i, name in enumerate(cifar.FILES)}
    sums = {name: f"sha256:{hashlib.sha256(b).hexdigest()}" for name, b in contents.items()}
    monkeypatch.setattr(cifar, "FILES", sums)
    return contents


def archive_of(contents, **options):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", **options) as tar:
        folder = tarfile.TarInfo("cifar-10-batches-bin")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, content in {"readme.html": b"x" * 1000, **contents}.items():
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(content)
            info.pax_headers = {"comment": "x" * 600}
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def assert_whole(data, contents):
    tables = [np.frombuffer(b, np.uint8).reshape(-1, 3073) for b in contents.values()]
    train = np.concatenate(tables[:-1])
    np.testing.assert_array_equal(data.train_labels, train[:, 0])
    np.testing.assert_array_equal(
        data.train_images, train[:, 1:].reshape(-1, 3, 32, 32) / np.float32(255)
    )
    np.testing.assert_array_equal(data.test_labels, tables[-1][:, 0])


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("sub", ["", "cifar-10-batches-bin", "cifar10"])
def test_folders(sub, compressed, known, tmp_path):
    folder = tmp_path / "data" / sub
    folder.mkdir(parents=True)
    for name, content in known.items():
        if compressed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
    assert_whole(load_cifar10(tmp_path / "data"), known)


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_archives(format, known, tmp_path):
    path = tmp_path / "cifar-10-binary.tar.gz"
    path.write_bytes(archive_of(known, format=format))
    assert_whole(load_cifar10(tmp_path), known)
    assert_whole(load_cifar10(path), known)
    path.write_bytes(gzip.decompress(path.read_bytes()))
    with pytest.raises(ValueError, match=r"tar\.gz: it does not begin as a gzip file does"):
        load_cifar10(path)
    plain = path.rename(tmp_path / "cifar-10-binary.tar")
    assert_whole(load_cifar10(plain), known)


def test_archives_that_lack_a_file_or_have_two(known, tmp_path):
    path = tmp_path / "cifar-10-binary.tar.gz"
    some = {name: content for name, content in known.items() if "_3" not in name}
    path.write_bytes(archive_of(some))
    with pytest.raises(ValueError, match=r"tar\.gz: the archive has no data_batch_3\.bin"):
        read_cifar10(path)
    path.write_bytes(archive_of({**known, "x/test_batch.bin": known["test_batch.bin"]}))
    with pytest.raises(ValueError, match=r"tar\.gz: it has two files test_batch\.bin"):
        read_cifar10(path)
    path.write_bytes(archive_of({**known, "test_batch.bin": b"short"}))
    with pytest.raises(ValueError, match=r"tar\.gz: 5 bytes are no whole number of records"):
        read_cifar10(path)


def test_a_part(known, tmp_path):
    (tmp_path / "data_batch_1.first3.bin").write_bytes(records(3, 0).tobytes())
    with pytest.raises(FileNotFoundError, match="has neither"):
        read_cifar10(tmp_path)
    (tmp_path / "test_batch.first2.bin.gz").write_bytes(gzip.compress(records(2, 1).tobytes()))
    data = read_cifar10(tmp_path)
    assert (len(data.train_labels), len(data.test_labels)) == (3, 2)
    np.testing.assert_array_equal(data.train_images[1].ravel(), records(3, 0)[1, 1:])
    (tmp_path / "test_batch.first2.bin.gz").write_bytes(gzip.compress(records(4, 1).tobytes()))
    with pytest.raises(ValueError, match=r"first2\.bin\.gz: it has 4 records, and 2 by its name"):
        read_cifar10(tmp_path)


def test_some_of_the_six_files_are_no_data_set(known, tmp_path):
    for name in list(known)[1:]:
        (tmp_path / name).write_bytes(known[name])
    with pytest.raises(FileNotFoundError, match="has neither"):
        read_cifar10(tmp_path)
    with pytest.raises(DatasetNotFound, match="CIFAR-10 is not on this machine"):
        load_cifar10(tmp_path, download=False)


def test_a_flipped_pixel(known, tmp_path):
    for name, content in known.items():
        (tmp_path / name).write_bytes(content)
    changed = bytearray(known["data_batch_2.bin"])
    changed[100] ^= 1
    (tmp_path / "data_batch_2.bin").write_bytes(changed)
    with pytest.raises(ValueError, match=r"data_batch_2\.bin: its content has the sha256"):
        load_cifar10(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0 bytes are no whole number of records"),
        (bytes(3072), "3,072 bytes are no whole number"),
        (gzip.compress(bytes(3074)), "3,074 bytes are no whole number"),
        (gzip.compress(b""), "0 bytes are no whole number"),
        (bytes(3073) + b"\x0a" + bytes(3072), "record 1 has the label 10, expected 0 to 9"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # compressed bytes hold the time
)
def test_batches_that_are_none(content, message, tmp_path):
    (tmp_path / "odd.bin").write_bytes(content)
    with pytest.raises(ValueError, match=rf"odd\.bin: {message}"):
        read_cifar10_batch(tmp_path / "odd.bin")


def test_a_batch(tmp_path):
    table = records(4, 0)
    (tmp_path / "x.bin").write_bytes(table.tobytes())
    images, labels = read_cifar10_batch(tmp_path / "x.bin")
    assert (images.dtype, labels.dtype) == (np.uint8, np.uint8)
    np.testing.assert_array_equal(labels, table[:, 0])
    np.testing.assert_array_equal(images[3, 1, 2, 3], table[3, 1 + 1024 + 2 * 32 + 3])


def test_download(known, tmp_path, monkeypatch):
    archive = archive_of(known)
    asked = []

    def fetch(file, mirrors, folder):
        asked.append((file.name, mirrors))
        folder.mkdir(parents=True)
        (folder / file.name).write_bytes(archive)
        return []

    monkeypatch.setattr(cifar10, "fetch", fetch)
    lines = []
    for _ in range(2):
        assert_whole(load_cifar10(report=lines.append), known)
    assert asked == [("cifar-10-binary.tar.gz", cifar10.MIRRORS)]
    assert len(lines) == 1
    assert "downloading CIFAR-10 (170 MB) into" in lines[0]


def test_without_network(known, tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "MIRRORS", ("http://127.0.0.1:9/",))
    monkeypatch.setattr(cifar10, "PUBLISHED", Published("c.tar.gz", 12, "ab"))
    with pytest.raises(DatasetNotFound, match=r"c\.tar\.gz \(12 bytes, sha256 ab\)") as raised:
        load_cifar10(report=lambda line: None)
    assert "http://127.0.0.1:9/c.tar.gz: " in str(raised.value)
