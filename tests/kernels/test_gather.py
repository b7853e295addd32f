"""`gather_rows` beyond the dtypes of the cases, and with numbers that are no row's."""

from __future__ import annotations

import numpy as np
import pytest

from gpunet.kernels import cpu, reference

FORMS = {"reference": reference.KERNELS["gather_rows"], "numba": cpu.load("gather_rows")}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", ["float16", "uint8", "bool", "int64", "uint32"])
@pytest.mark.parametrize("columns", [1, 3, 784])
def test_any_dtype(form, dtype, columns):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 255, (50, columns)).astype(dtype)
    X.flags.writeable = False
    rows = rng.integers(0, 50, 301)
    Y = np.empty((301, columns), dtype)
    FORMS[form](Y, X, rows)
    np.testing.assert_array_equal(Y, X[rows])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("wrong", [-1, 7, 2**40, -(2**63)])
def test_numbers_that_are_no_rows(form, wrong):
    rows = np.arange(7)
    rows[3] = wrong
    with pytest.raises(IndexError) as caught:
        FORMS[form](np.empty((7, 5000)), np.zeros((7, 5000)), rows)
    assert caught.value.args == (3,)
