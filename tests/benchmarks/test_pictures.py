"""Pictures and the page, of made-up times."""

import re
from html.parser import HTMLParser

import pytest
from documents import CASE, document, made, roofline
from matplotlib.backends.backend_agg import FigureCanvasAgg

from gpunet.benchmarks.picture import draw
from gpunet.benchmarks.style import DARK, LIGHT, size_text, spread
from gpunet.benchmarks.summary import summary
from gpunet.benchmarks.tables import grids, notes
from gpunet.benchmarks.webpage import webpage


def test_rates_of_both_devices_and_where_they_cross():
    figure = draw(made())
    assert [axis.get_title() for axis in figure.axes] == ["kind one", "kind two", "", ""]
    above = figure.axes[0]
    assert above.get_ylabel() == "samples/s"
    assert {above.get_xscale(), above.get_yscale()} == {"log"}
    drawn = {line.get_label(): line for line in above.get_lines()}
    assert set(drawn) == {side.name for side in CASE.sides} | {"the GPU overtakes"}
    row = made()["rows"][0]
    assert drawn["gpunet"].get_ydata()[0] == pytest.approx(16 / row["sides"]["gpunet"]["time"])
    assert drawn["gpunet cuda"].get_linestyle() == "--"
    figure.canvas.draw()  # no warning: the layout has room for everything


def test_nothing_is_drawn_above_another_thing():
    """The legend ends above the axes, the caption below them."""
    figure = draw(made())
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    boxes = [axis.get_tightbbox(renderer) for axis in figure.axes]
    (legend,) = figure.legends
    assert legend.get_window_extent(renderer).y0 >= max(box.y1 for box in boxes)
    *_, caption = sorted(figure.texts, key=lambda text: -text.get_position()[1])
    assert caption.get_window_extent(renderer).y1 <= min(box.y0 for box in boxes)


def test_a_roofline_for_each_device():
    figure = draw(roofline())
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["CPU", "GPU"]
    legend = figure.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["add: 50%", "product: 50%"]
    roof = figure.axes[0].get_lines()[0]
    assert list(roof.get_xdata())[1] == 50.0  # FLOP/byte, where the roofs meet
    assert list(roof.get_ydata())[1:] == [1000.0, 1000.0]


def test_on_a_dark_page():
    figure = draw(made(), DARK, titled=False)
    assert not any(text.get_text() == CASE.title for text in figure.texts)
    assert draw(made(), LIGHT).texts[0].get_text() == CASE.title


def test_a_table_for_each_device():
    cpu, cuda = grids(made())
    assert (cpu.title, cuda.title) == ("on the CPU", "on the GPU")
    assert [name for name, _ in cuda.columns][:3] == ["kind", "batch", "gpunet cuda, us (ratio)"]
    (alone,) = grids(made(devices=("cpu",)))
    assert alone.title == ""
    assert any("GPU from batch" in text for text in notes(made()))
    missing = notes(made(devices=("cpu",)))[-1]
    assert missing.startswith("not run: gpunet cuda, gpunet compiled cuda, ")
    assert missing.endswith("(no GPU)")


def test_the_precision_is_said():
    document = made() | {"settings": {"precision": "high"}}
    assert "float32 products on the GPU in TF32" in notes(document)
    assert any("; TF32;" in text.get_text() for text in draw(document).texts)
    alone = made(devices=("cpu",)) | {"settings": {"precision": "high"}}
    assert not any("TF32" in text.get_text() for text in draw(alone).texts)


def test_the_summary():
    found = summary([made(), roofline()])
    names = [name for name, _ in found.columns]
    assert names[:6] == ["case", "options", "CPU", "CPU, compiled", "GPU", "GPU, compiled"]
    assert names[6] == "CPU : JAX"
    assert len(found.rows) == len(CASE.grid)
    row = made()["rows"][0]["sides"]
    assert found.rows[0][2] == f"{row['gpunet']['time'] / row['PyTorch']['time']:.2f}"
    assert found.rows[0][6] == f"{row['gpunet']['time'] / row['JAX']['time']:.2f}"
    assert summary([roofline()]) is None
    assert summary([made() | {"settings": {"short": True}}]) is None


class Page(HTMLParser):
    """Whether tags are closed in order; what the page would load."""

    def __init__(self, text):
        super().__init__()
        self.open, self.addresses = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.addresses += [value for name, value in attrs if name in ("src", "srcset", "href")]
        if tag not in ("meta", "img", "source"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_needs_nothing_else():
    broken = made(devices=("cpu",))
    broken["rows"][0]["failed"] = {"JAX": "died of <this>"}
    broken["warnings"] = ["not to be quoted"]
    empty = document("other", "What is not there", [], bars="", roofline=False)
    text = webpage([made(), roofline(), broken, empty | {"unavailable": "no compiler"}])
    page = Page(text)
    assert page.open == []
    assert all(re.match(r"#|data:image/png;base64,", address) for address in page.addresses)
    assert sum(address.startswith("data:") for address in page.addresses) == 6  # light and dark
    assert "@import" not in text
    assert "url(" not in text
    for shown in (
        "Nothing &lt;real&gt;", "Abacus &amp; Sons", "died of &lt;this&gt;", "not to be quoted",
        "not run: no compiler", "prefers-color-scheme: dark", "Summary",
    ):  # fmt: skip
        assert shown in text


def test_sides_that_ran_nowhere_are_named_once_at_the_top():
    top, _, _ = webpage([made(devices=("cpu",))]).partition("<nav>")
    assert "Left out: gpunet cuda, gpunet compiled cuda, " in top
    top, _, _ = webpage([made(devices=("cpu",)), made()]).partition("<nav>")
    assert "Left out" not in top


def test_labels_keep_their_distance():
    assert spread([], 1) == []
    placed = spread([0.0, 0.1, 5.0], 1)
    assert placed[1] - placed[0] == pytest.approx(1)
    assert placed == sorted(placed)


def test_sizes():
    assert [size_text(n) for n in (32, 8192, 2**16, 2**26, 100_000)] == [
        "32", "8,192", "64 Ki", "64 Mi", "100,000",
    ]  # fmt: skip
