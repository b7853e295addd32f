"""From a case to its document, table and picture, and the command line around them."""

import io
import json

import pytest
from rich.console import Console
from typer.testing import CliRunner

from gpunet import cli
from gpunet.benchmarks import cases, terminal
from gpunet.benchmarks import run as running
from gpunet.benchmarks.case import Case, Report, Side, both_devices
from gpunet.benchmarks.files import read, write
from gpunet.benchmarks.picture import draw
from gpunet.benchmarks.run import Settings, run, selected_rows, selected_sides
from gpunet.benchmarks.terminal import show


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(running.time, "sleep", lambda seconds: None)


@pytest.fixture
def lines(fakes):
    sleeps = f"{fakes}:sleeps"
    return Case(
        "lines", "A made-up comparison",
        [Side("gpunet", "gpunet", sleeps), Side("PyTorch", "loop", sleeps),
         Side("JAX", "gpunet", f"{fakes}:cannot")],
        grid=[{"milliseconds": m, "value": v} for v in (1.0, 2.0) for m in (1, 2)],
        x="milliseconds", rounds=1, tiny={"milliseconds": 1},
    )  # fmt: skip


@pytest.fixture
def bars(fakes):
    return Case(
        "bars", "A made-up training", [Side("gpunet", "gpunet", f"{fakes}:sleeps")],
        unit="s", once=True, seeded=True, rounds=1,
    )  # fmt: skip


@pytest.fixture
def report(fakes):
    return Report("report", "A made-up report", f"{fakes}:rows", select="kernel", bars="GB/s")


def text_of(document):
    console = Console(file=io.StringIO(), width=160)
    show(document, console)
    return console.file.getvalue()


def test_from_the_case_to_the_picture(lines, tmp_path):
    saved = []
    document = run(lines, Settings(seconds=0), save=lambda d: saved.append(len(d["rows"])))
    assert saved == [1, 2, 3, 4]
    path = tmp_path / "new" / "lines.json"
    write(document, path)
    assert read(path) == json.loads(json.dumps(document))
    assert document["machine"]["versions"]["numpy"]
    assert set(document["others"]) == {"before", "during"}
    text = text_of(read(path))
    assert "gpunet, us (ratio)" in text
    assert "PyTorch, us (ratio)" not in text  # the baseline's ratio to itself says nothing
    assert "ratio of times: gpunet to PyTorch" in text
    assert "not run: JAX (no compiler)" in text
    figure = draw(read(path))
    assert [axis.get_title() for axis in figure.axes] == ["value 1.0", "value 2.0", "", ""]
    assert {line.get_label() for line in figure.axes[0].get_lines()} == {"gpunet", "PyTorch"}
    figure.savefig(tmp_path / "lines.png")


def test_the_busy_core(bars, monkeypatch):
    class Nothing:
        __enter__ = __exit__ = lambda self, *exception: None

    monkeypatch.setattr(running, "keep_a_core_busy", Nothing)
    document = run(bars, Settings(busy=True))
    row = document["rows"][0]
    quiet, busy = row["sides"]["gpunet"]["time"], row["busy"]["gpunet"]["time"]
    assert row["busy"]["gpunet"]["ratio"] == busy / quiet
    assert "gpunet, one core busy (times quiet)" in text_of(document)
    (axis,) = draw(document).axes
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert names == ["gpunet", "gpunet, one core busy"]
    assert [bar.get_hatch() for bar in axis.patches] == [None, "//"]


def test_details_and_phases_are_shown(bars):
    text = text_of(run(bars, Settings()))
    for shown in ("seed", "its own", "imports, s", "0.25"):
        assert shown in text


def test_a_row_that_fails_does_not_stop_the_next(fakes):
    made = Case(
        "odd", "", [Side("a", "gpunet", f"{fakes}:sleeps"), Side("b", "loop", f"{fakes}:counts")],
        grid=[{"wrong": 1}, {"value": 0.0}], rounds=1, steps=1,
    )  # fmt: skip
    document = run(made, Settings(seconds=0))
    assert set(document["rows"][0]["failed"]) == {"a", "b"}
    assert "unexpected keyword argument" in document["rows"][0]["failed"]["a"]
    assert set(document["rows"][1]["sides"]) == {"a", "b"}
    assert "unexpected keyword argument" in text_of(document)
    assert len(draw(document).axes) == 1


def test_warnings_reach_the_table_and_the_picture(bars, monkeypatch):
    monkeypatch.setattr(running.Watch, "others", lambda self: 2.0)
    document = run(bars, Settings())
    assert len(document["warnings"]) == 2
    assert "not to be quoted" in text_of(document)
    assert any("not to be quoted" in text.get_text() for text in draw(document).texts)


def test_a_report(report, tmp_path):
    document = run(report, Settings(where={"kernel": frozenset({"b", "a"})}))
    assert [row["kernel"] for row in document["rows"]] == ["a", "b"]
    text = text_of(document)
    assert "GB/s" in text
    assert "times" not in text  # lists are for the file
    assert len(draw(document).axes[0].patches) == 2


def test_a_report_that_cannot_be_made(fakes):
    document = run(Report("odd", "", f"{fakes}:cannot"), Settings())
    assert "not run: no compiler" in text_of(document)
    assert draw(document) is None


def test_selection(lines):
    sides = [*both_devices(lines.sides[0]), Side("PyTorch", "torch", "m:f"), *lines.sides[1:]]
    made = Case("x", "", sides, grid=lines.grid, tiny=lines.tiny)

    def names(**settings):
        return [side.name for side in selected_sides(made, Settings(**settings))]

    assert names() == ["gpunet", "gpunet cuda", "PyTorch", "PyTorch", "JAX"]
    assert names(device="cuda") == ["gpunet cuda"]
    assert names(device="cpu", peers=frozenset({"torch"})) == ["gpunet", "PyTorch", "JAX"]
    assert names(peers=frozenset()) == ["gpunet", "gpunet cuda", "JAX"]
    where = {"milliseconds": frozenset({"2"})}
    assert selected_rows(made, Settings(where=where)) == [lines.grid[1], lines.grid[3]]
    assert selected_rows(made, Settings(short=True)) == [{"milliseconds": 1, "value": 1.0}]


def invoke(*arguments):
    return CliRunner().invoke(cli.app, ["bench", *arguments])


def test_the_command_line(lines, report, monkeypatch, tmp_path):
    monkeypatch.setattr(cases, "CASES", {"lines": lines, "report": report})
    result = invoke(
        "lines", "--where", "value=2.0", "--seconds", "0", "--rounds", "2", "--out",
        str(tmp_path),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    document = read(tmp_path / "lines.json")
    assert [row["options"]["value"] for row in document["rows"]] == [2.0, 2.0]
    assert len(document["rows"][0]["sides"]["gpunet"]["rounds"]) == 2
    assert (tmp_path / "lines.png").stat().st_size > 1000
    (tmp_path / "lines.png").unlink()
    (tmp_path / "report.html").unlink()
    result = invoke("--again", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert "A made-up comparison" in result.output
    assert (tmp_path / "lines.png").exists()
    assert "A made-up comparison" in (tmp_path / "report.html").read_text()


def test_short(lines, report, monkeypatch, tmp_path):
    monkeypatch.setattr(cases, "CASES", {"lines": lines, "report": report})
    result = invoke("--short", "--out", str(tmp_path))
    assert result.exit_code == 0, result.output
    document = read(tmp_path / "lines.json")
    assert [row["options"] for row in document["rows"]] == [{"milliseconds": 1, "value": 1.0}]
    assert "no figure here is a measurement" in document["warnings"][0]
    assert result.output.index("A made-up comparison") < result.output.index("A made-up report")


def test_a_failure_is_the_exit_status(fakes, monkeypatch, tmp_path):
    broken = Case("broken", "", [Side("gpunet", "gpunet", f"{fakes}:fails")], rounds=1)
    monkeypatch.setattr(cases, "CASES", {"broken": broken})
    monkeypatch.chdir(tmp_path)
    assert invoke().exit_code == 1
    assert list(tmp_path.glob("runs/bench-*/broken.json"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mpl-train"], "CASE: expected one of mlp-train, mlp-inference"),
        (["--device", "gpu"], "--device: expected one of all, cpu, cuda, got 'gpu'"),
        (["--precision", "low"], "--precision: expected one of highest, high, got 'low'"),
        (["--peers", "torch,tf"], "--peers: expected one of torch,"),
        (["--where", "batch"], "--where: expected OPTION=VALUE, got 'batch'"),
        (["mlp-train", "--where", "batch=7"], "--where: no row of these cases"),
        (["--again", "no-such-folder"], "no-such-folder: no file in it"),
    ],
)
def test_what_a_user_gets_wrong(arguments, message):
    result = invoke(*arguments)
    assert result.exit_code == 2
    # Typer frames its messages, and breaks their lines.
    words = "".join(result.output.replace("│", " ").split())
    assert "".join(message.split()) in words


def test_a_file_of_something_else(tmp_path):
    path = tmp_path / "other.json"
    path.write_text("[]")
    with pytest.raises(ValueError, match="not a file that"):
        read(path)


def test_list(monkeypatch):
    monkeypatch.setattr(terminal, "missing", lambda side: "no GPU" if "cuda" in side.name else "")
    result = invoke("--list")
    assert result.exit_code == 0
    assert "mlp-train" in result.output
    assert "no GPU: gpunet cuda" in result.output
