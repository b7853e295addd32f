"""Where the GPU overtakes the CPU."""

import pytest
from documents import CASE, made

from gpunet.benchmarks.case import Case
from gpunet.benchmarks.steps import sides
from gpunet.benchmarks.throughput import crossings, groups

ONE = Case("one", "", sides("m:f")[:2], grid=[{"batch": n} for n in (16, 64, 256)], x="batch")


def times(document, *pairs):
    for row, (cpu, cuda) in zip(document["rows"], pairs, strict=True):
        row["sides"]["gpunet"]["time"], row["sides"]["gpunet cuda"]["time"] = cpu, cuda
    return document


def test_between_two_sizes():
    # Equal leads on both sides of the point: in the middle of 16 and 64, in logarithms.
    (found,) = crossings(times(made(ONE), (1, 2), (4, 2), (9, 2)))
    assert found.x == pytest.approx(32)
    assert found.text == "gpunet is faster on the GPU from batch 32 on"


@pytest.mark.parametrize(
    ("pairs", "text"),
    [
        (
            [(2, 1), (2, 1), (2, 1)],
            "faster on the GPU from batch 16 on, the smallest measured",
        ),
        (
            [(1, 2), (1, 2), (1, 2)],
            "faster on the CPU up to batch 256, the largest measured",
        ),
        ([(1, 2), (2, 1), (1, 2)], "gpunet: neither device is faster from some batch on"),
    ],
)
def test_no_point(pairs, text):
    (found,) = crossings(times(made(ONE), *pairs))
    assert found.x is None
    assert found.text.endswith(text)


def test_the_last_of_several_points_counts():
    (found,) = crossings(times(made(ONE), (2, 1), (1, 2), (2, 1)))
    assert found.x == pytest.approx(128)


def test_each_group_and_each_side_of_gpunet():
    found = crossings(made())
    assert [(c.group, c.side) for c in found] == [
        (f"kind {kind}", side) for kind in ("one", "two") for side in ("gpunet", "gpunet compiled")
    ]
    assert all(16 < c.x < 64 for c in found)


def test_one_device_has_no_point():
    assert crossings(made(devices=("cpu",))) == []


def test_groups_are_sorted():
    rows = [{"options": options} for options in reversed(CASE.grid)]
    found = groups(rows, "batch")
    assert list(found) == ["kind two", "kind one"]
    assert [row["options"]["batch"] for row in found["kind one"]] == [16, 64, 8192]
