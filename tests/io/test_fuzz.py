"""200 damaged safetensors files and states, each a clear error; see damage.py."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from damage import assert_refused, extended, flipped, overwritten, truncated

from gpunet.io import load_file, load_metadata, load_state, save_file, save_state

ARRAYS = {
    "0.weight": np.linspace(-1, 1, 600, dtype=np.float32).reshape(20, 30),
    "0.bias": np.zeros(20, np.float32),
    "mask": np.arange(40).reshape(4, 10) % 3 == 0,
    "count": np.array(7),
}
STATE = {"model": ARRAYS, "optimizer": {"state": {0: {"step": 1.0}}, "betas": (0.9, 0.999)}}


def read_state(path):
    return load_state(path, "checkpoint")


def promising(whole, rng):
    """Another length of the header: its first eight bytes."""
    sizes = [2**63, 2**64 - 1, 10**8, 10**8 + 1, len(whole), int(rng.integers(2**40))]
    return struct.pack("<Q", sizes[rng.integers(len(sizes))]) + whole[8:]


def header_changed(whole, rng):
    """The header rewritten with a number of it changed, or a shape or an offset made absurd."""
    (length,) = struct.unpack("<Q", whole[:8])
    header = json.loads(whole[8 : 8 + length])
    entry = header[str(rng.choice([name for name in header if name != "__metadata__"]))]
    absurd = int(rng.choice([0, 1, 3, 2**31, 2**62, 2**63 - 1])) * int(rng.choice([1, 2, 4]))
    if rng.random() < 0.5:
        entry["shape"] = [absurd, *entry["shape"][1:]]
    else:
        entry["data_offsets"][rng.integers(2)] += absurd or 8
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + whole[8 + length :]


DAMAGES = [truncated, extended, flipped, flipped, overwritten, promising, header_changed]


@pytest.mark.parametrize("kind", ["weights", "checkpoint"])
def test_damaged_files(kind, tmp_path):
    rng = np.random.default_rng(20)
    path = tmp_path / "file.safetensors"
    if kind == "weights":
        save_file(ARRAYS, path, {"epoch": "3"})
        readers = [load_file, load_metadata]
    else:
        save_state(STATE, path, "checkpoint")
        readers = [read_state, load_file]
    whole = path.read_bytes()
    resource = pytest.importorskip("resource", reason="not on Windows")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for case in range(100):
        changed = whole
        while changed == whole:
            changed = DAMAGES[case % len(DAMAGES)](whole, rng)
        path.write_bytes(changed)
        for read in readers:
            assert_refused(read, path, len(changed))
    # The library's own memory, which is not Python's.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 65_536


def test_every_bit_of_a_small_file(tmp_path):
    path = tmp_path / "small.safetensors"
    save_file({"w": np.array([1.5], np.float32)}, path)
    whole = path.read_bytes()
    for place in range(len(whole)):
        for bit in range(8):
            changed = bytearray(whole)
            changed[place] ^= 1 << bit
            path.write_bytes(changed)
            with pytest.raises(ValueError, match=r"small\.safetensors"):
                load_file(path)


def file_of(header, content, path):
    text = header.encode() if isinstance(header, str) else header
    path.write_bytes(struct.pack("<Q", len(text)) + text + content)


def entry(dtype="F32", shape="[1]", offsets="[0,4]"):
    return f'{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}'


@pytest.mark.parametrize(
    ("header", "content"),
    [
        (f'{{"a":{entry(dtype="Q7")}}}', bytes(4)),
        (f'{{"a":{entry(dtype="F8_E4M3", shape="[4]")}}}', bytes(4)),
        (f'{{"a":{entry(dtype="F4", shape="[8]")}}}', bytes(4)),
        (f'{{"a":{entry(dtype="BOOL", shape="[4]")}}}', b"\x00\x01\x02\xff"),
        (f'{{"a":{entry()},"b":{entry()}}}', bytes(4)),
        (f'{{"a":{entry()},"a":{entry()}}}', bytes(4)),
        (f'{{"a":{entry()},"a":{entry(dtype="I32")}}}', bytes(4)),
        (f'{{"a":{entry(shape="[-1]")}}}', bytes(4)),
        (f'{{"a":{entry(shape="[1.0]")}}}', bytes(4)),
        (f'{{"a":{entry(shape="[4611686018427387904,4]", offsets="[0,0]")}}}', b""),
        (f'{{"a":{entry(shape="[0,4611686018427387904,4,9]", offsets="[0,0]")}}}', b""),
        (f'{{"a":{entry(shape="[18446744073709551615,0]", offsets="[0,0]")}}}', b""),
        (f'{{"a":{entry(shape=str([1] * 100))}}}', bytes(4)),
        (f'{{"a":{entry(offsets="[4,0]")}}}', bytes(4)),
        (f'{{"a":{entry(offsets="[4,8]")}}}', bytes(8)),
        ('{"__metadata__":{"a":"1","a":"2"}}', b""),
        ('{"__metadata__":{"a":1}}', b""),
        ('{"__metadata__":{"a":"\\ud800"}}', b""),
        (b'{"__metadata__":{"a":"\xff"}}', b""),
        ("[" * 100_000, b""),
        ('{"a":' * 100_000, b""),
        ('{"__metadata__":' + '{"a":' * 100_000, b""),
        ("", b""),
        ("null", b""),
        ("{}", b"x"),
    ],
)
def test_headers_that_are_wrong_in_a_way_of_their_own(header, content, tmp_path):
    path = tmp_path / "odd.safetensors"
    file_of(header, content, path)
    assert_refused(load_file, path, path.stat().st_size)
