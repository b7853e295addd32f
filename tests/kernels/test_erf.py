"""The reference error function against SciPy's."""

from __future__ import annotations

import numpy as np
from scipy import special

from gpunet.backend import Device, backend_for
from gpunet.kernels.reference._erf import erf


def test_against_scipy(device):
    x = np.concatenate([np.linspace(-7, 7, 20001), [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-300]])
    backend = backend_for(Device(device))
    got = backend.to_numpy(erf(backend.from_numpy(x)))
    np.testing.assert_allclose(got, special.erf(x), rtol=1e-15, atol=0)
    assert np.signbit(got[20002])
    single = backend.to_numpy(erf(backend.from_numpy(x.astype(np.float32))))
    assert single.dtype == np.float32
    np.testing.assert_array_equal(single, erf(x.astype(np.float32).astype(np.float64)).astype("f4"))
