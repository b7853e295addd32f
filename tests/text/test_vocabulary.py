"""Vocabularies: tokens, numbers, special tokens, files."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpunet.text import Vocabulary, join, split

TEXTS = ["a rose is a rose", "is a tulip a rose ?"]


def test_splitting():
    assert split("Haven't got it!", "words") == ["haven't", "got", "it", "!"]
    assert split("top-up, £5", "words") == ["top-up", ",", "£", "5"]
    assert split("ab c", "characters") == ["a", "b", " ", "c"]
    assert split(" 彼 は  Ab ", "whitespace") == ["彼", "は", "Ab"]
    assert join(["a", "b"], "characters") == "ab"
    assert join(["a", "b"], "words") == "a b"
    for call in (split, join):
        with pytest.raises(ValueError, match="expected one of characters, words, whitespace"):
            call("a", "letters")


def test_by_frequency_then_by_first_appearance():
    assert Vocabulary.build(TEXTS).tokens == (
        "<pad>", "<unk>", "<s>", "</s>", "a", "rose", "is", "tulip", "?",
    )  # fmt: skip
    assert Vocabulary.build(TEXTS, min_count=2).tokens[4:] == ("a", "rose", "is")
    assert Vocabulary.build(TEXTS, max_size=6).tokens[4:] == ("a", "rose")
    bare = Vocabulary.build(TEXTS, padding=None, unknown=None, start=None, end=None)
    assert bare.tokens == ("a", "rose", "is", "tulip", "?")
    assert bare.padding is bare.unknown is bare.start is bare.end is None


def test_encode_and_decode():
    vocabulary = Vocabulary.build(TEXTS[:1])
    numbers = vocabulary.encode("a tulip is a rose", start=True, end=True)
    assert numbers.dtype == np.int64
    assert numbers.tolist() == [2, 4, 1, 6, 4, 5, 3]
    assert vocabulary.decode([*numbers, 4, 4]) == "a <unk> is a rose"
    assert vocabulary.decode([0, 2, 4, 0]) == "a"
    assert vocabulary.encode("").shape == (0,)
    assert "rose" in vocabulary
    assert len(vocabulary) == 7


@given(st.lists(st.text(alphabet="abc \n", max_size=9)))
def test_characters_come_back(texts):
    vocabulary = Vocabulary.build(texts, "characters", unknown=None)
    for text in texts:
        numbers = vocabulary.encode(text, start=True, end=True)
        assert vocabulary.decode(numbers) == text


def test_what_is_not_known_is_refused():
    bare = Vocabulary.build(["ab"], "characters", unknown=None, start=None)
    with pytest.raises(ValueError, match="text: the token 'c' is not in the vocabulary"):
        bare.encode("abc")
    with pytest.raises(ValueError, match="start: the vocabulary has no start token"):
        bare.encode("a", start=True)
    for number in (-1, 4):
        with pytest.raises(IndexError, match=f"expected 0 to 3, got {number}"):
            bare.decode([number])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_count": 0}, "min_count: expected an integer, 1 or more, got 0"),
        ({"max_size": 4}, "max_size: expected more than the 4 special tokens, got 4"),
        ({"how": "letters"}, "expected one of characters, words, whitespace"),
        ({"padding": "rose"}, "padding: 'rose' stands in a text"),
    ],
)
def test_settings_that_make_no_vocabulary(options, message):
    with pytest.raises(ValueError, match=message):
        Vocabulary.build(TEXTS, **options)


def test_tokens_that_make_no_vocabulary():
    with pytest.raises(ValueError, match="expected different ones, got 'a' twice"):
        Vocabulary(["b", "a", "a"])
    with pytest.raises(ValueError, match="special: end: 'c' is none of the tokens"):
        Vocabulary(["a", "b"], special={"end": "c"})
    with pytest.raises(ValueError, match="special: expected padding, unknown, start, end"):
        Vocabulary(["a", "b"], special={"begin": "a"})


def test_files(tmp_path):
    vocabulary = Vocabulary.build(['彼 は "x" \\'], "whitespace", start=None)
    vocabulary.save(tmp_path / "v.json")
    again = Vocabulary.load(tmp_path / "v.json")
    assert again == vocabulary
    assert (again.padding, again.start, again.end) == (0, None, 2)
    assert again != Vocabulary.build(["彼"], "whitespace")


def test_damaged_files(tmp_path):
    path = tmp_path / "v.json"
    Vocabulary.build(TEXTS).save(path)
    whole = path.read_bytes()
    described = json.loads(whole)
    changes = [{"tokens": 5}, {"tokens": [1]}, {"special": []}, {"how": 3}, {"format": "x"},
               {"special": {"end": 3}}, {"tokens": ["a", "a"]}]  # fmt: skip
    wrong = [json.dumps({**described, **change}).encode() for change in changes]
    for content in [b"", b"[]", b"\xff", whole[:-9], b'{"format": "gpunet vocabulary"}', *wrong]:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"v\.json is no vocabulary: "):
            Vocabulary.load(path)
