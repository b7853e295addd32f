"""MNIST and Fashion-MNIST: the real files where they are there, and where files are looked for."""

from __future__ import annotations

import gzip
import hashlib
import struct

import numpy as np
import pytest
from realdata import real_data

from gpunet.datasets import DatasetNotFound, load_fashion_mnist, load_mnist, mnist, read_idx
from gpunet.datasets.places import Published, cache_folder


def test_the_real_files():
    data = load_mnist(real_data("mnist"))
    assert data.train_images.shape == (60_000, 1, 28, 28)
    assert data.test_images.shape == (10_000, 1, 28, 28)
    for images, labels in ((data[0], data[1]), (data[2], data[3])):
        assert images.dtype == np.float32
        assert images.flags.c_contiguous
        assert (images.min(), images.max()) == (0, 1)
        assert labels.dtype == np.int64
        assert labels.shape == (len(images),)
        assert np.bincount(labels).shape == (10,)
    assert data.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert data.train_images.mean() == pytest.approx(0.1307, abs=1e-4)  # as everyone normalises
    assert data.train_images.std() == pytest.approx(0.3081, abs=1e-4)


def test_a_flipped_pixel_of_the_real_files(tmp_path):
    folder = real_data("mnist") / "mnist"
    for file in folder.iterdir():
        content = bytearray(gzip.decompress(file.read_bytes()))
        if file.name == "t10k-images-idx3-ubyte.gz":
            content[1_000_000] ^= 1
        (tmp_path / file.name[:-3]).write_bytes(content)
    with pytest.raises(ValueError, match="t10k-images-idx3-ubyte: its content has the sha256"):
        load_mnist(tmp_path)
    assert read_idx(tmp_path / "t10k-images-idx3-ubyte").shape == (10_000, 28, 28)


NAMES = [file.name.removesuffix(".gz") for file in mnist.MNIST.files]


def small_files(seed):
    """The content of four files with MNIST's names."""
    rng = np.random.default_rng(seed)
    contents = {}
    for name in NAMES:
        count = 5 if name.startswith("train") else 3
        if "images" in name:
            header = struct.pack(">4B3I", 0, 0, 8, 3, count, 4, 4)
            contents[name] = header + rng.bytes(16 * count)
        else:
            header = struct.pack(">4BI", 0, 0, 8, 1, count)
            contents[name] = header + rng.integers(0, 10, count, np.uint8).tobytes()
    return contents


@pytest.fixture
def known(monkeypatch, tmp_path):
    """Small files take the place of MNIST's (of seed 1) and Fashion-MNIST's (of seed 2)."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("GPUNET_DATA", raising=False)
    for name, seed in (("MNIST", 1), ("FASHION_MNIST", 2)):
        contents = small_files(seed)
        sums = [f"sha256:{hashlib.sha256(contents[n]).hexdigest()}" for n in NAMES]
        files = []
        for n in NAMES:
            compressed = gzip.compress(contents[n], mtime=0)
            digest = hashlib.sha256(compressed).hexdigest()
            files.append(Published(f"{n}.gz", len(compressed), digest))
        family = getattr(mnist, name)._replace(
            contents=tuple(sums), files=tuple(files), mirrors=("http://127.0.0.1:9/",)
        )
        monkeypatch.setattr(mnist, name, family)
    return tmp_path


def put(folder, seed, compressed=False):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in small_files(seed).items():
        if compressed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)


def expected(seed):
    content = small_files(seed)["train-images-idx3-ubyte"]
    return np.frombuffer(content, np.uint8, offset=16).reshape(5, 1, 4, 4) / np.float32(255)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("sub", ["", "mnist", "MNIST/raw"])
def test_where_mnist_is_found(sub, compressed, known):
    put(known / "data" / sub, 1, compressed)
    data = load_mnist(known / "data")
    np.testing.assert_array_equal(data.train_images, expected(1))
    assert data.test_labels.shape == (3,)


@pytest.mark.parametrize("sub", ["", "fashion_mnist", "FashionMNIST/raw"])
def test_where_fashion_mnist_is_found(sub, known):
    put(known / "data" / sub, 2)
    if sub:  # MNIST's files have the same names
        put(known / "data", 1)
        put(known / "data" / "mnist", 1)
    np.testing.assert_array_equal(load_fashion_mnist(known / "data").train_images, expected(2))


def test_the_order_of_the_places(known, monkeypatch):
    put(known / "cache" / "gpunet" / "mnist", 1)
    np.testing.assert_array_equal(load_mnist().train_images, expected(1))
    (known / "named" / "mnist").mkdir(parents=True)
    monkeypatch.setenv("GPUNET_DATA", str(known / "named"))
    assert len(load_mnist().train_images) == 5  # an empty folder is passed over
    put(known / "named" / "mnist", 2)
    with pytest.raises(ValueError, match=r"named.mnist.*another data set's"):
        load_mnist()
    put(known / "given", 1)
    assert len(load_mnist(known / "given").train_images) == 5


def test_some_of_the_files_do_not_count(known):
    put(known / "data", 1)
    (known / "data" / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DatasetNotFound):
        load_mnist(known / "data", download=False)


def test_a_folder_that_is_not_there(known):
    with pytest.raises(FileNotFoundError, match=r"data: there is no folder .*absent"):
        load_mnist(known / "absent")


def test_without_network_the_error_says_what_to_do(known, monkeypatch):
    lines = []
    with pytest.raises(DatasetNotFound) as raised:
        load_mnist(known, report=lines.append)
    text = str(raised.value)
    assert isinstance(raised.value, FileNotFoundError)
    for file in mnist.MNIST.files:
        assert str(file) in text
        assert file.sha256 in text
    for place in (known, known / "mnist", known / "cache" / "gpunet" / "mnist"):
        assert f"\n  {place}\n" in text
    assert "http://127.0.0.1:9/train-images-idx3-ubyte.gz: [Errno " in text
    assert "--data DIR" in text
    assert "GPUNET_DATA" in text
    assert len(lines) == 1
    assert lines[0].startswith("downloading MNIST (0 MB) into")


def test_download_can_be_forbidden(known):
    lines = []
    with pytest.raises(DatasetNotFound, match="not asked: download=False"):
        load_mnist(download=False, report=lines.append)
    assert lines == []
    assert not (known / "cache").exists()


def test_the_published_checksums_are_well_formed():
    for family in (mnist.MNIST, mnist.FASHION_MNIST):
        assert [file.name.removesuffix(".gz") for file in family.files] == NAMES
        for file, content in zip(family.files, family.contents, strict=True):
            assert len(bytes.fromhex(file.sha256)) == 32
            algorithm, _, value = content.partition(":")
            assert len(bytes.fromhex(value)) == hashlib.new(algorithm).digest_size


def test_mnist_is_downloaded_once(server, known, monkeypatch, capfd):
    for name, content in small_files(1).items():
        server.files[f"{name}.gz"] = gzip.compress(content, mtime=0)
    mirrors = (f"{server.at}/404/", f"{server.at}/good/")
    monkeypatch.setattr(mnist, "MNIST", mnist.MNIST._replace(mirrors=mirrors))
    for _ in range(2):
        np.testing.assert_array_equal(load_mnist().train_images, expected(1))
    assert len(server.asked) == 8
    folder = cache_folder() / "mnist"
    assert sorted(path.name for path in folder.iterdir()) == sorted(small_files(1))
    output = capfd.readouterr()
    assert output.err.startswith("downloading MNIST (0 MB) into")
    assert output.err.count("\n") == 1
    assert output.out == ""

    # One file is gone: it alone is asked for again.
    (folder / "t10k-labels-idx1-ubyte").unlink()
    load_mnist(report=lambda line: None)
    assert server.asked[8:] == ["/404/t10k-labels-idx1-ubyte.gz", "/good/t10k-labels-idx1-ubyte.gz"]
