"""Every CUDA source compiles with NVRTC for every architecture that gpunet is used on."""

from __future__ import annotations

import pytest
from cuda_host.nvrtc import ARCHITECTURES, compile_source

from gpunet.kernels import cuda

SOURCES = {family.SOURCE.filename: family.SOURCE for family in cuda.FAMILIES}


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("filename", SOURCES)
def test_source_compiles(filename, dtype, arch):
    source = SOURCES[filename]
    ok, log = compile_source(source.text, arch, source.options(dtype), filename)
    assert ok, log
    assert "warning" not in log, log


@pytest.mark.parametrize("filename", SOURCES)
def test_every_kernel_of_a_source_is_launched(filename):
    """A kernel that nothing launches is dead code, and one that is never run is wrong."""
    (family,) = [f for f in cuda.FAMILIES if f.SOURCE.filename == filename]
    with open(family.__file__) as file:
        text = file.read()
    unused = [name for name in SOURCES[filename].signatures if f'"{name}"' not in text]
    assert not unused
