"""800 damaged IDX and CIFAR-10 files, each a clear error; see damage.py for what is a case."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tarfile
import zlib

import numpy as np
import pytest
from damage import assert_refused, extended, flipped, overwritten, truncated

from gpunet.datasets import cifar, read_cifar10, read_cifar10_batch, read_idx

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 28, 28), np.uint8)
IDX = struct.pack(">BBBBIII", 0, 0, 8, 3, 30, 28, 28) + IMAGES.tobytes()
RECORDS = np.random.default_rng(1).integers(0, 256, (8, 3073), np.uint8)
RECORDS[:, 0] %= 10
BATCH = RECORDS.tobytes()
HUGE = [2**31, 2**32 - 1, 2**20, 0x7FFFFFFF, 10**6]


def sha256(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def oversized_idx(rng):
    """A header that promises from some gigabytes to more than there are atoms."""
    sizes = [30, 28, 28]
    for axis in rng.choice(3, int(rng.integers(1, 4)), replace=False):
        sizes[axis] = int(rng.choice(HUGE))
    return struct.pack(">BBBBIII", 0, 0, int(rng.choice([8, 9, 11, 12, 13, 14])), 3, *sizes)


def with_rank(rng):
    return struct.pack(">BBBB", 0, 0, 8, int(rng.integers(4, 256))) + IDX[4:]


@pytest.mark.parametrize("kind", ["truncated", "extended", "header", "oversized", "rank"])
def test_idx(kind, tmp_path):
    rng = np.random.default_rng(10)
    path = tmp_path / "images-idx3-ubyte"
    for _ in range(30):
        if kind == "truncated":
            content = truncated(IDX, rng)
        elif kind == "extended":
            content = extended(IDX, rng)
        elif kind == "header":
            content = IDX
            while content[:2] + content[3:16] == IDX[:2] + IDX[3:16]:  # int8 has uint8's size
                content = flipped(IDX, rng, 16) if rng.random() < 0.5 else overwritten(IDX, rng, 16)
        elif kind == "oversized":
            content = oversized_idx(rng) + IDX[16:]
        else:
            content = with_rank(rng)
        path.write_bytes(content)
        assert_refused(read_idx, path, len(content))


def test_idx_of_a_known_checksum(tmp_path):
    rng = np.random.default_rng(11)
    path = tmp_path / "images-idx3-ubyte"
    known = sha256(IDX)
    for _ in range(100):
        content = IDX
        while content == IDX:
            content = (truncated, flipped, overwritten)[rng.integers(3)](IDX, rng)
        path.write_bytes(content)
        assert_refused(lambda file: read_idx(file, known), path, len(content))


def unchanged(compressed, content):
    """Whether Python's gzip reads the content as it was."""
    try:
        return gzip.decompress(compressed) == content
    except (OSError, EOFError, zlib.error):
        return False


def damaged_gzip(content, rng):
    """Like the compressed `content`, and not what decompresses to it."""
    whole = gzip.compress(content, mtime=0)
    while True:
        damage = (truncated, flipped, overwritten, extended)[rng.integers(4)]
        changed = damage(whole, rng)
        if not unchanged(changed, content):
            return changed


def test_compressed_idx(tmp_path):
    rng = np.random.default_rng(12)
    path = tmp_path / "images-idx3-ubyte.gz"
    for _ in range(100):
        path.write_bytes(damaged_gzip(IDX, rng))
        assert_refused(read_idx, path, len(IDX))


def test_compressed_idx_with_a_header_that_promises_too_much(tmp_path):
    rng = np.random.default_rng(13)
    path = tmp_path / "images-idx3-ubyte.gz"
    for _ in range(50):
        path.write_bytes(gzip.compress(oversized_idx(rng) + IDX[16:]))
        assert_refused(read_idx, path, len(IDX))
    # As much as such a file could hold, and a little less.
    for count in (20_000, 30_000):
        path.write_bytes(gzip.compress(struct.pack(">BBBBI", 0, 0, 8, 1, count) + IDX[16:]))
        assert_refused(read_idx, path, len(IDX))


def test_a_small_file_that_decompresses_into_a_large_one(tmp_path):
    path = tmp_path / "bomb.gz"
    bomb = gzip.compress(IDX + bytes(1 << 26))
    path.write_bytes(bomb)
    assert len(bomb) < 100_000
    assert_refused(read_idx, path, len(IDX))
    path.write_bytes(gzip.compress(bytes(1 << 28)))
    assert_refused(read_cifar10_batch, path, 60_000 * 3073)


def test_batch(tmp_path):
    rng = np.random.default_rng(14)
    path = tmp_path / "data_batch_1.bin"
    for case in range(50):
        content = bytearray(BATCH)
        if case % 2:
            while len(content) % 3073 == 0:
                content = truncated(BATCH, rng)
        else:
            content[3073 * rng.integers(8)] |= 1 << int(rng.integers(4, 8))  # a label
        path.write_bytes(content)
        assert_refused(read_cifar10_batch, path, len(content))


def test_batch_of_a_known_checksum(tmp_path):
    rng = np.random.default_rng(15)
    path = tmp_path / "data_batch_1.bin"
    known = sha256(BATCH)
    for _ in range(50):
        content = BATCH
        while content == BATCH:
            content = (truncated, flipped, overwritten, extended)[rng.integers(4)](BATCH, rng)
        path.write_bytes(content)
        assert_refused(lambda file: read_cifar10_batch(file, known), path, len(content))


def test_compressed_batch(tmp_path):
    rng = np.random.default_rng(16)
    path = tmp_path / "data_batch_1.bin.gz"
    for _ in range(100):
        path.write_bytes(damaged_gzip(BATCH, rng))
        assert_refused(read_cifar10_batch, path, len(BATCH))


@pytest.fixture
def archive(monkeypatch):
    """A tar archive with the names of CIFAR-10's, whose files' checksums are taken for known."""
    rng = np.random.default_rng(2)
    stream = io.BytesIO()
    known = {}
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar:
        folder = tarfile.TarInfo("cifar-10-batches-bin")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name in ["batches.meta.txt", *cifar.FILES]:
            content = np.roll(RECORDS, int(rng.integers(8)), axis=0)[:3].tobytes()
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
            known[name] = sha256(content)
    monkeypatch.setattr(cifar, "FILES", {name: known[name] for name in cifar.FILES})
    return stream.getvalue()


def headers_of(archive):
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return [member.offset for member in tar.getmembers()]


def test_the_archive_that_is_damaged_below_is_whole(archive, tmp_path):
    path = tmp_path / "cifar-10-binary.tar.gz"
    path.write_bytes(gzip.compress(archive))
    assert read_cifar10(path).train_images.shape == (15, 3, 32, 32)


def test_compressed_archive(archive, tmp_path):
    rng = np.random.default_rng(17)
    path = tmp_path / "cifar-10-binary.tar.gz"
    for _ in range(100):
        path.write_bytes(damaged_gzip(archive, rng))
        assert_refused(read_cifar10, path, len(archive))


def test_archive_with_damaged_headers(archive, tmp_path):
    rng = np.random.default_rng(18)
    path = tmp_path / "cifar-10-binary.tar.gz"
    headers = headers_of(archive)
    for _ in range(50):
        changed = archive
        while changed == archive:
            start = int(rng.choice(headers))
            block = archive[start : start + 512]
            damage = (flipped, overwritten)[rng.integers(2)]
            changed = archive[:start] + damage(block, rng) + archive[start + 512 :]
        path.write_bytes(gzip.compress(changed, 1))
        assert_refused(read_cifar10, path, len(archive))


def test_archive_whose_headers_promise_too_much(archive, tmp_path):
    """Sizes of any magnitude in headers whose own checksum is right."""
    rng = np.random.default_rng(19)
    path = tmp_path / "cifar-10-binary.tar.gz"
    headers = headers_of(archive)
    for _ in range(50):
        start = int(rng.choice(headers[1:]))
        block = bytearray(archive[start : start + 512])
        size = 10_000 + int(rng.integers(8 ** int(rng.integers(4, 11))))
        block[124:136] = b"%011o\0" % size
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
        path.write_bytes(gzip.compress(archive[:start] + bytes(block) + archive[start + 512 :], 1))
        assert_refused(read_cifar10, path, len(archive))
