"""pytest-benchmark of every Numba kernel: ``pytest benchmarks/speed --benchmark-only``."""

import numpy as np
import pytest

from gpunet.benchmarks.kernels import arguments
from gpunet.kernels import cpu, reference


@pytest.mark.benchmark(max_time=0.05)
@pytest.mark.parametrize("form", ["reference", "numba"])
@pytest.mark.parametrize("name", cpu.SMALLEST_WORK)
def bench_kernel(benchmark, name, form):
    function = cpu.load(name) if form == "numba" else reference.KERNELS[name]
    benchmark.group = name
    with np.errstate(all="ignore"):
        benchmark(function, *arguments(name, 65536))
