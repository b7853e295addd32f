"""safetensors files: every layout, dtype and device there and back; damaged files."""

from __future__ import annotations

import json
import os
import struct

import numpy as np
import pytest
from opcheck import array_of, on_device

import gpunet.io
from gpunet.io import load_file, load_metadata, save_file

GRID = np.arange(24, dtype=np.float32).reshape(4, 6)
LAYOUTS = {
    "c": GRID,
    "fortran": np.asfortranarray(GRID),
    "transposed": GRID.T,
    "sliced": GRID[::2, 1::2],
    "reversed": GRID[::-1],
    "broadcast": np.broadcast_to(GRID[0], (3, 6)),
    "big-endian": GRID.astype(">f4"),
    "scalar": np.array(2.5),
    "empty": np.zeros((0, 3)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_comes_back(layout, tmp_path):
    save_file({layout: LAYOUTS[layout]}, tmp_path / "x.safetensors")
    back = load_file(tmp_path / "x.safetensors")[layout].array
    assert back.shape == LAYOUTS[layout].shape
    np.testing.assert_array_equal(back, LAYOUTS[layout])


@pytest.mark.parametrize(
    "dtype",
    ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"],
)
def test_every_dtype_comes_back(dtype, tmp_path):
    array = np.array([[0, 1, 2]]).astype(dtype)
    save_file({"a": array}, tmp_path / "x.safetensors")
    back = load_file(tmp_path / "x.safetensors")["a"].array
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, array)


def test_tensors_of_a_device(device, tmp_path):
    path = tmp_path / "x.safetensors"
    there = on_device(GRID, device, requires_grad=True)
    save_file({"w": there, "t": type(there)(there.array.T)}, path, {"epoch": "3"})
    back = load_file(path, device)
    assert list(back) == ["t", "w"]
    assert str(back["w"].device).startswith(device)
    np.testing.assert_array_equal(array_of(back["w"]), GRID)
    np.testing.assert_array_equal(array_of(back["t"]), GRID.T)
    assert load_metadata(path) == {"epoch": "3"}


def test_what_is_loaded_can_be_changed(tmp_path):
    save_file({"a": GRID}, tmp_path / "x.safetensors")
    load_file(tmp_path / "x.safetensors")["a"].array[0, 0] = 5
    assert load_file(tmp_path / "x.safetensors")["a"].array[0, 0] == 0
    assert load_metadata(tmp_path / "x.safetensors") == {}


def test_other_libraries_read_it(tmp_path):
    save_file({"a": GRID.T}, tmp_path / "x.safetensors")
    torch_file = pytest.importorskip("safetensors.torch", reason="PyTorch is absent")
    np.testing.assert_array_equal(torch_file.load_file(tmp_path / "x.safetensors")["a"], GRID.T)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda whole: b"", "header too small"),
        (lambda whole: whole[:20], "header"),
        (lambda whole: whole[:-1], "not fully covered"),
        (lambda whole: whole + b"x", "not fully covered"),
        (lambda whole: b"PK\x03\x04" * 40, "header"),
        (lambda whole: whole[:8] + b"!" + whole[9:], "header"),
    ],
)
def test_a_damaged_file_is_named(damage, message, tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"a": GRID}, path)
    path.write_bytes(damage(path.read_bytes()))
    for read in (load_file, load_metadata):
        with pytest.raises(ValueError, match=rf"weights.safetensors is not a whole .*{message}"):
            read(path)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.safetensors"):
        load_file(tmp_path / "absent.safetensors")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        load_file(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        save_file({"a": GRID}, tmp_path / "nowhere" / "x.safetensors")


def test_a_dtype_that_numpy_lacks(tmp_path):
    header = json.dumps({"w": {"dtype": "F8_E5M2", "shape": [4], "data_offsets": [0, 4]}}).encode()
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    with pytest.raises(ValueError, match=r"x\.safetensors: tensor 'w' has dtype F8_E5M2"):
        load_file(path)


def test_bad_arguments(tmp_path):
    path = tmp_path / "x.safetensors"
    with pytest.raises(TypeError, match=r"tensors\['a'\]: expected a tensor or an array, got list"):
        save_file({"a": [1, 2]}, path)
    with pytest.raises(TypeError, match="names, got 1"):
        save_file({1: GRID}, path)
    with pytest.raises(TypeError, match="'epoch': 3"):
        save_file({"a": GRID}, path, {"epoch": 3})
    with pytest.raises(ValueError, match="cannot be written"):
        save_file({"a": np.zeros(2, np.longdouble)}, path)
    assert os.listdir(tmp_path) == []


def test_a_failed_write_leaves_the_earlier_file(tmp_path, monkeypatch):
    path = tmp_path / "x.safetensors"
    save_file({"a": GRID}, path)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_file({"a": GRID + 1}, path)
    monkeypatch.undo()
    np.testing.assert_array_equal(load_file(path)["a"].array, GRID)
    assert os.listdir(tmp_path) == ["x.safetensors"]


def test_an_interrupted_write_leaves_the_earlier_file(tmp_path):
    path = tmp_path / "config.json"
    path.write_bytes(b"{}")

    def write():
        with gpunet.io.replacing(path) as file:
            file.write(b'{"half')
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert path.read_bytes() == b"{}"
    assert os.listdir(tmp_path) == ["config.json"]


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_files_are_as_readable_as_others(tmp_path):
    save_file({"a": GRID}, tmp_path / "x.safetensors")
    (tmp_path / "plain").write_bytes(b"")
    modes = {(tmp_path / name).stat().st_mode for name in ("x.safetensors", "plain")}
    assert len(modes) == 1


def changed(path, change):
    """Rewrite a file as another library would that reads it, changes it and keeps its metadata."""
    import safetensors
    from safetensors.numpy import save_file as save_elsewhere

    with safetensors.safe_open(path, "np") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = dict(file.metadata() or {})
    change(arrays, metadata)
    save_elsewhere(arrays, path, metadata)


CHANGES = {
    "a value": lambda arrays, metadata: arrays["a"].__setitem__((0, 0), 1),
    "a name": lambda arrays, metadata: arrays.__setitem__("c", arrays.pop("a")),
    "one tensor less": lambda arrays, metadata: arrays.pop("b"),
    "a shape": lambda arrays, metadata: arrays.__setitem__("a", arrays["a"].reshape(6, 4)),
    "a dtype": lambda arrays, metadata: arrays.__setitem__("a", arrays["a"].view(np.int32)),
    "metadata": lambda arrays, metadata: metadata.__setitem__("epoch", "4"),
    "more metadata": lambda arrays, metadata: metadata.__setitem__("more", ""),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_content_is_found(change, tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"a": GRID, "b": GRID[0]}, path, {"epoch": "3"})
    changed(path, lambda arrays, metadata: None)
    assert load_metadata(path) == {"epoch": "3"}
    changed(path, CHANGES[change])
    for read in (load_file, load_metadata):
        with pytest.raises(ValueError, match=r"weights\.safetensors is not .* the checksum gpu"):
            read(path)


def test_the_checksum_does_not_depend_on_the_layout(tmp_path):
    sums = set()
    for a in (GRID, np.asfortranarray(GRID), GRID.astype(">f4"), np.repeat(GRID, 2, 0)[::2]):
        save_file({"a": a}, tmp_path / "x")
        sums.add((tmp_path / "x").read_bytes())
    assert len(sums) == 1


def test_files_of_other_libraries_have_no_checksum(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"a": GRID}, path, {"epoch": "3"})
    changed(path, lambda arrays, metadata: metadata.pop("gpunet.checksum"))
    changed(path, CHANGES["a value"])
    assert load_file(path)["a"].array[0, 0] == 1
    assert load_metadata(path) == {"epoch": "3"}


def test_names_that_are_the_formats_own(tmp_path):
    path = tmp_path / "x.safetensors"
    with pytest.raises(ValueError, match="'__metadata__' is the format's own"):
        save_file({"__metadata__": GRID}, path)
    with pytest.raises(ValueError, match=r"'gpunet\.checksum' is the key of the checksum"):
        save_file({"a": GRID}, path, {"gpunet.checksum": "x"})
    with pytest.raises(ValueError, match=r"x\.safetensors cannot be written: .*surrogates"):
        save_file({"\ud800": GRID}, path)
    assert os.listdir(tmp_path) == []


def test_a_header_that_no_library_would_read(tmp_path, monkeypatch):
    monkeypatch.setattr("gpunet.io.safetensors._LONGEST_HEADER", 1000)
    with pytest.raises(ValueError, match=r"names and metadata take 1,1.. bytes, where the"):
        save_file({"a": GRID}, tmp_path / "x.safetensors", {"long": "x" * 1000})
    assert os.listdir(tmp_path) == []


def test_the_same_content_is_the_same_bytes(tmp_path):
    """The library draws the order of the metadata anew in each process, and for each mapping."""
    arrays = {"b": np.arange(3.0), "a": np.ones(2, np.float32)}
    metadata = {f"key {k}": "\u00e9" * k for k in range(20)}
    contents = set()
    for _ in range(5):
        save_file(arrays, tmp_path / "x.safetensors", metadata)
        contents.add((tmp_path / "x.safetensors").read_bytes())
        metadata = dict(reversed(metadata.items()))
    assert len(contents) == 1
    assert load_metadata(tmp_path / "x.safetensors") == metadata
