"""Leading dimensions and strides of stacks."""

import numpy as np
import pytest

from gpunet.backend.layouts import Layout, layout_of, merged

X = np.zeros((6, 8), "float32")


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (X, Layout(False, 8)),
        (X.T, Layout(True, 8)),
        (X[1:4], Layout(False, 8)),
        (X[:, 2:5], Layout(False, 8)),
        (X[:, 2:5].T, Layout(True, 8)),
        (X[::2], Layout(False, 16)),
        (X[:, ::2], None),
        (X[::-1], None),
        (X[:, ::-1], None),
        (X[:1], Layout(False, 8)),
        (X[:, :1], Layout(False, 8)),
        (X[:1, ::2], Layout(True, 2)),
        (X[:1, :1], Layout(False, 1)),
        (np.broadcast_to(X[:1], X.shape), None),
        (np.broadcast_to(X[:, :1], X.shape), None),
        (X.view("int8")[:, 1:-3].view("float32"), Layout(False, 8)),
    ],
)
def test_layout_of(view, expected):
    assert layout_of(view.shape, view.strides, 4) == expected


def test_rows_of_half_an_element_apart():
    assert layout_of((3, 2), (10, 4), 4) is None


@pytest.mark.parametrize(
    ("view", "columns"),
    [
        (X[:1], Layout(True, 1)),
        (X[:, :1], Layout(False, 8)),
        (X[:1, :1], Layout(True, 1)),
        (np.zeros((5, 1), "float32"), Layout(True, 5)),
    ],
)
def test_either_layout_of_a_vector(view, columns):
    assert not layout_of(view.shape, view.strides, 4).transposed
    assert layout_of(view.shape, view.strides, 4, prefer=True) == columns


@pytest.mark.parametrize(
    ("sizes", "strides", "expected"),
    [
        ((), [(), ()], ((1,), [(0,), (0,)])),
        ((1, 1), [(7, 8)], ((1,), [(0,)])),
        ((5,), [(40,), (0,)], ((5,), [(40,), (0,)])),
        ((2, 3), [(120, 40), (12, 4)], ((6,), [(40,), (4,)])),
        ((2, 3), [(120, 40), (0, 0)], ((6,), [(40,), (0,)])),
        ((2, 3), [(120, 40), (0, 4)], ((2, 3), [(120, 40), (0, 4)])),
        ((2, 1, 3), [(120, 999, 40)], ((6,), [(40,)])),
        ((4, 2, 3), [(1, 120, 40)], ((4, 6), [(1, 40)])),
    ],
)
def test_merged(sizes, strides, expected):
    assert merged(sizes, strides) == expected
