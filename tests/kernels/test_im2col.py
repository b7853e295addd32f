"""Numbers of rows beyond 32 bits, and the tiles of a convolution on a GPU."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_cases.convolution import CASES

from gpunet.backend import Device, backend_for
from gpunet.kernels import cpu, cuda, reference

ONE = (1, 1, 1)
FAR = 1 << 32  # in 32 bits this is 0


def forms(name, device):
    if device == "cpu":
        return reference.KERNELS[name], cpu.load(name)
    return reference.KERNELS[name], cuda.KERNELS[name]


def test_rows_beyond_32_bits_are_not_taken_for_others(device):
    backend = backend_for(Device(device))
    out = (1, 1, 2 * FAR)
    for im2col in forms("im2col", device):
        X = backend.from_numpy(np.ones((1, 1, 1, 1, 1), np.float32))
        columns = backend.from_numpy(np.full((4, 1), 7, np.float32))
        im2col(X, columns, FAR, ONE, out, ONE, (0, 0, 0), ONE)
        np.testing.assert_array_equal(backend.to_numpy(columns), 0)
        im2col(X, columns, 0, ONE, out, ONE, (0, 0, 0), ONE)
        np.testing.assert_array_equal(backend.to_numpy(columns)[:, 0], [1, 0, 0, 0])
    for col2im in forms("col2im", device):
        col2im(columns, X, FAR, ONE, out, ONE, (0, 0, 0), ONE)
        np.testing.assert_array_equal(backend.to_numpy(X), 1)


def test_a_number_that_does_not_fit_the_kernel_is_refused(cuda):
    import cupy

    from gpunet.kernels.cuda.im2col import im2col

    X, columns = cupy.ones((1, 1, 1, 1, 1), "float32"), cupy.ones((1, 1), "float32")
    with pytest.raises(ValueError, match="argument sw: 4294967296 does not fit int32"):
        im2col(X, columns, 0, ONE, ONE, (1, 1, FAR), (0, 0, 0), ONE)


@pytest.mark.parametrize("budget", [1, 3000])
@pytest.mark.parametrize("name", CASES)
def test_a_convolution_in_many_tiles(name, budget, cuda, monkeypatch):
    from gpunet.kernels.cuda import convolution

    tiles = []
    cut = convolution._tiles

    def counted(*args):
        for tile in cut(*args):
            tiles.append(tile[:2])
            yield tile

    monkeypatch.setattr(convolution, "COLUMN_BYTES", budget)
    monkeypatch.setattr(convolution, "_tiles", counted)
    for make in CASES[name][:3] if budget == 1 else CASES[name]:
        case = make(np.random.default_rng(3), np.dtype("float64"))
        (output,) = case.outputs
        backend = backend_for(Device(cuda))
        copies = [backend.from_numpy(a) if isinstance(a, np.ndarray) else a for a in case.args]
        getattr(convolution, name)(*copies)
        reference.KERNELS[name](*case.args)
        got = backend.to_numpy(copies[output])
        np.testing.assert_allclose(got, case.args[output], rtol=1e-11, atol=1e-11)
    assert len(tiles) > len(CASES[name])


def test_the_gradient_of_the_input_is_cut_between_images(cuda, monkeypatch):
    from gpunet.kernels.cuda import convolution

    monkeypatch.setattr(convolution, "COLUMN_BYTES", 8 * 3 * 50)
    tiles = [tile[:2] for tile in convolution._tiles(100, 3, np.dtype("float64"), 20)]
    assert tiles == [(0, 40), (40, 80), (80, 100)]
    tiles = [tile[:2] for tile in convolution._tiles(100, 3, np.dtype("float64"), 60)]
    assert tiles == [(0, 50), (50, 100)]


def test_a_convolution_neither_waits_nor_uploads(cuda):
    import cupy

    if not hasattr(cupy, "_standin"):
        pytest.skip("counts waits on the stand-in")
    from gpunet.kernels.cuda.convolution import (
        conv_backward_input,
        conv_backward_weight,
        conv_forward,
    )

    X, Y = cupy.ones((2, 1, 5, 6, 4), "float32"), cupy.ones((2, 1, 5, 6, 8), "float32")
    W, bias = cupy.ones((8, 1, 3, 3, 2), "float32"), cupy.ones(8, "float32")
    geometry = (ONE, (0, 1, 1), ONE, 2)

    def step():
        conv_forward(X, W, None, bias, Y, *geometry, 1)
        conv_backward_input(Y, W, X, *geometry)
        conv_backward_weight(X, Y, W, *geometry)

    step()
    cupy._standin.reset()
    step()
    assert cupy._standin.synchronisations == 0
    assert cupy._standin.uploads == 0
