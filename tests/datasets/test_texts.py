"""Texts and time series: the real files, and readers of a user's own."""

from __future__ import annotations

import gzip
import hashlib

import numpy as np
import pytest
from realdata import real_data

from gpunet import datasets
from gpunet.datasets import DatasetNotFound, texts, time_series
from gpunet.datasets.places import Published
from gpunet.datasets.published import Collection

COLLECTIONS = [
    (datasets.load_shakespeare, texts.SHAKESPEARE),
    (datasets.load_enja, texts.ENJA),
    (datasets.load_banking77, texts.BANKING77),
    (datasets.load_addition, texts.ADDITION),
    (datasets.load_airline, time_series.AIRLINE),
    (datasets.load_weather, time_series.WEATHER),
]


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """No folder of data but the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("GPUNET_DATA", raising=False)
    return tmp_path


def test_shakespeare():
    text = datasets.load_shakespeare(real_data("tiny_shakespeare"))
    assert len(text) == 1_115_394
    assert len(set(text)) == 65
    assert text.startswith("First Citizen:\nBefore we proceed")


def test_enja():
    pairs = datasets.load_enja(real_data("small_parallel_enja"))
    assert [len(part[0]) for part in pairs] == [50_000, 500, 500]
    for english, japanese in pairs:
        assert len(english) == len(japanese)
        assert all(4 <= len(s.split(" ")) <= 16 for s in english + japanese)
    assert pairs.validation[0][0] == "show your own business ."
    assert pairs.validation[1][0] == "自分 の 事 を しろ 。"


def test_banking77():
    data = datasets.load_banking77(real_data("banking77"))
    assert (len(data.train_texts), len(data.test_texts)) == (10_003, 3_080)
    assert len(data.classes) == len(set(data.classes)) == 77
    assert set(np.bincount(data.test_labels)) == {40}
    assert np.bincount(data.train_labels).min() == 35
    assert data.classes[data.train_labels[0]] == "card_arrival"
    assert data.train_texts[0] == "I am still waiting on my card?"


def test_addition():
    questions, answers = datasets.load_addition(real_data("addition"))
    assert len(set(questions)) == len(answers) == 50_000
    for question, answer in zip(questions[:500], answers):
        a, b = question.split("+")
        assert int(a) + int(b) == int(answer)
        assert (len(question), len(answer)) == (7, 4)


def test_time_series():
    airline = datasets.load_airline(real_data("airline"))
    assert airline.values.shape == (144, 1)
    assert (str(airline.dates[0]), str(airline.dates[-1])) == ("1949-01", "1960-12")
    assert (airline.values[0, 0], airline.values[-1, 0]) == (112, 432)
    weather = datasets.load_weather(real_data("seattle_weather"))
    assert weather.values.shape == (1461, len(weather.names)) == (1461, 4)
    assert set(np.diff(weather.dates)) == {np.timedelta64(1, "D")}
    assert weather.values[0] == pytest.approx([0, 12.8, 5, 4.7])


@pytest.mark.parametrize(("load", "collection"), COLLECTIONS)
def test_files_that_are_nowhere(load, collection, alone):
    with pytest.raises(DatasetNotFound) as caught:
        load(alone, download=False)
    for file in collection.files:
        assert f"{file.name} ({file.size:,} bytes, sha256 {file.sha256})" in str(caught.value)
    assert str(alone / collection.subfolders[0]) in str(caught.value)
    with pytest.raises(FileNotFoundError, match="data: there is no folder"):
        load(alone / "none", download=False)


@pytest.mark.parametrize("name", ["tiny_shakespeare/input.txt", "banking77/test.csv"])
def test_a_damaged_file(name, alone):
    real = real_data("tiny_shakespeare")
    folder = name.split("/")[0]
    (alone / folder).mkdir()
    for file in (real / folder).iterdir():
        (alone / folder / file.name).write_bytes(file.read_bytes())
    load = datasets.load_shakespeare if "tiny" in name else datasets.load_banking77
    load(alone)
    content = bytearray((alone / name).read_bytes())
    content[1000] ^= 1
    (alone / name).write_bytes(content)
    with pytest.raises(ValueError, match=r"its content has the sha256 .* Delete it, and"):
        load(alone)
    (alone / name).write_bytes(content + b"more")
    with pytest.raises(ValueError, match="it holds more than"):
        load(alone)


SMALL = b"12+3   _15  \n4+5    _9   \n"


def published(monkeypatch, mirror):
    file = Published("addition.txt", len(SMALL), hashlib.sha256(SMALL).hexdigest())
    monkeypatch.setattr(
        texts, "ADDITION", Collection("addition", ("addition",), (mirror,), (file,))
    )


def test_a_download(alone, monkeypatch, server):
    server.files["addition.txt"] = SMALL
    published(monkeypatch, f"{server.at}/good/")
    lines = []
    for _ in range(2):
        questions, answers = datasets.load_addition(report=lines.append)
    assert (questions, answers) == (["12+3   ", "4+5    "], ["15  ", "9   "])
    assert server.asked == ["/good/addition.txt"]
    assert lines == [f"downloading addition (0.0 MB) into {alone}/cache/gpunet/addition"]
    published(monkeypatch, f"{server.at}/wrong/")
    (alone / "cache/gpunet/addition/addition.txt").unlink()
    with pytest.raises(DatasetNotFound, match="it has the sha256"):
        datasets.load_addition(report=lines.append)


def test_a_compressed_file(alone, monkeypatch):
    published(monkeypatch, "http://127.0.0.1:9/")
    (alone / "addition.txt.gz").write_bytes(gzip.compress(SMALL))
    assert datasets.load_addition(alone)[0] == ["12+3   ", "4+5    "]


def test_a_text_of_ones_own(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffeins\r\nzwei drei\u2028vier\r".encode())
    assert datasets.read_text(path) == "eins\nzwei drei\u2028vier\n"
    assert datasets.read_lines(path) == ["eins", "zwei drei\u2028vier"]
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"x\n\ny"))
    assert datasets.read_lines(tmp_path / "a.txt.gz") == ["x", "", "y"]
    path.write_bytes(b"good\nb\xe4d")
    with pytest.raises(ValueError, match=r"a\.txt: byte 6 is not UTF-8"):
        datasets.read_text(path)
    with pytest.raises(FileNotFoundError):
        datasets.read_lines(tmp_path / "none")


def test_parallel_lines(tmp_path):
    a, b = tmp_path / "a.en", tmp_path / "a.ja"
    a.write_text("one\ntwo\n", encoding="utf-8")
    b.write_text("一\n二", encoding="utf-8")
    assert datasets.read_parallel(a, b) == (["one", "two"], ["一", "二"])
    b.write_text("一\n二\n三\n", encoding="utf-8")
    with pytest.raises(ValueError, match="as many lines in both, and at least one; got 2 and 3"):
        datasets.read_parallel(a, b)
    for path in (a, b):
        path.write_text("")
    with pytest.raises(ValueError, match="got 0 and 0"):
        datasets.read_parallel(a, b)


def test_tables(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b'text,label\r\n"a, ""b""\r\nc",1\r\nd,2\r\n')
    assert datasets.read_table(path, ("text", "label")) == [['a, "b"\nc', "1"], ["d", "2"]]
    for content, message in [
        (b"", r"expected the columns \['text', 'label'\], got \[\]"),
        (b"label,text\n", r"expected .*, got \['label', 'text'\]"),
        (b"text,label\n", "expected at least one row"),
        (b"text,label\na,1\nb\n", r"line 3: expected 2 fields \(text, label\), got 1"),
        (b'text,label\na,"1\n', "line 2: unexpected end of data"),
        (b'text,label\na,"1"x\n', "line 2: "),
    ]:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"t\.csv: {message}"):
            datasets.read_table(path, ("text", "label"))
