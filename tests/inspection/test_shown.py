"""The table and the picture."""

from __future__ import annotations

import io
import struct

import pytest
from rich.console import Console

import gpunet
from gpunet import nn, optim
from gpunet.inspection import inspect


def report_of(depth=3, optimizer=True, activation=nn.ReLU):
    gpunet.manual_seed(0)
    layers = [m for _ in range(depth) for m in (nn.Linear(8, 8), activation())]
    model = nn.Sequential(*layers, nn.Linear(8, 3))
    model[0].bias.array[...] = -10
    x, y = gpunet.randn(16, 8), gpunet.randint(0, 3, (16,))
    step = optim.Adam(model.parameters()) if optimizer else None
    return inspect(model, nn.CrossEntropyLoss(), x, y, step)


def test_the_table_is_plain_and_narrow():
    report = report_of(depth=2)
    text = str(report)
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines()) <= 100
    assert text.splitlines()[0] == (
        f"loss {report.loss:.4g} on 16 samples; next step by Adam, lr 0.001"
    )
    (heading,) = [line for line in text.splitlines() if "delta" in line and "kind" in line]
    assert heading.split() == [
        "layer", "kind", "input", "delta", "grad/w", "step/w", "dead", "zeros", "seen"
    ]  # fmt: skip
    assert "100%" in text
    for sentence in report.diagnosis:
        assert "".join(sentence.split()) in "".join(text.split())


def test_columns_without_a_number_are_left_out():
    text = str(report_of(optimizer=False, activation=nn.Tanh))
    assert "step/w" not in text
    assert "dead" not in text
    assert "satur." in text


def test_long_names_stay_within_100_columns():
    inner = nn.Sequential(nn.Linear(4, 4), nn.Sigmoid())
    for name in ("a_rather_long_name", "of_a_module", "within_a_module"):
        outer = nn.Sequential()
        outer.add_module(name, inner)
        inner = outer
    report = inspect(inner, nn.MSELoss(), gpunet.randn(3, 4), gpunet.randn(3, 4))
    text = str(report)
    assert max(len(line) for line in text.splitlines()) <= 100
    assert report.figure()


def test_a_terminal_gets_colours():
    file = io.StringIO()
    Console(file=file, force_terminal=True, width=100, color_system="truecolor").print(report_of())
    assert "\x1b[" in file.getvalue()


def png_size(path):
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


def test_the_picture(tmp_path):
    report = report_of()
    figure = report.figure()
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "input activation", "error delta", "saturated or dead units", "gradient", "next step"
    ]  # fmt: skip
    assert [axes.get_xlabel() for axes in figure.axes] == [
        "root mean square", "|dC/dz| of one sample", "per cent", "|gradient| / |weights|",
        "|step| / |weights|",
    ]  # fmt: skip
    scales = [axes.get_xscale() for axes in figure.axes]
    assert scales == ["log", "log", "linear", "log", "log"]
    written = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert {"0", "2", "4", "6", "Linear + ReLU", "100% dead"} <= written
    path = tmp_path / "layers.png"
    report.plot(path)
    width, height = png_size(path)
    assert width > 1000 > height > 300
    report.plot(tmp_path / "layers.svg")
    assert b"<svg" in (tmp_path / "layers.svg").read_bytes()


def test_the_picture_grows_with_the_layers(tmp_path):
    sizes = []
    for depth in (1, 40):
        report_of(depth).plot(tmp_path / "layers.png")
        sizes.append(png_size(tmp_path / "layers.png"))
    assert sizes[0][0] == sizes[1][0]
    assert sizes[1][1] > 3 * sizes[0][1]


def test_the_picture_without_an_optimizer():
    titles = [axes.get_title(loc="left") for axes in report_of(optimizer=False).figure().axes]
    assert titles == ["input activation", "error delta", "saturated or dead units", "gradient"]


def test_a_format_that_is_none_leaves_the_old_file(tmp_path):
    path = tmp_path / "layers.nonsense"
    path.write_text("old")
    with pytest.raises(ValueError, match="nonsense"):
        report_of().plot(path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["layers.nonsense"]


def test_drawing_touches_no_global_state():
    import sys

    sys.modules.pop("matplotlib.pyplot", None)
    report_of().figure()
    assert "matplotlib.pyplot" not in sys.modules
