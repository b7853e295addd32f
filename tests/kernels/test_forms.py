"""Every form of every kernel against its reference form."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from kernel_cases import all_cases

from gpunet.backend import Device, backend_for
from gpunet.kernels import cpu, reference

CASES = all_cases()
RTOL = {"float32": 2e-5, "float64": 1e-12}


def numba_form(name):
    return cpu.load(name)


def cuda_kernels():
    from gpunet.kernels import cuda

    return cuda.KERNELS


def run(form, args, device):
    """Call `form` on copies of `args` on `device`; the copies afterwards, as NumPy arrays."""
    backend = backend_for(Device(device))
    copies = {id(a): backend.from_numpy(a.copy()) for a in args if isinstance(a, np.ndarray)}
    assert form(*[copies.get(id(a), a) for a in args]) is None
    return [backend.to_numpy(copies[id(a)]) if isinstance(a, np.ndarray) else a for a in args]


def compare(form, name, make, dtype, device):
    case = make(np.random.default_rng(3), np.dtype(dtype))
    variants = [case.args]
    for i, j in case.alias:
        shared = list(case.args)
        shared[j] = shared[i]
        variants.append(tuple(shared))
    # The definition: the reference form, on the CPU, with no two arguments the same.
    expected = run(reference.KERNELS[name], case.args, "cpu")
    for args in variants:
        after = run(form, args, device)
        for i, (before, got) in enumerate(zip(args, after)):
            if i in case.outputs:
                tolerance = case.rtol or RTOL[dtype]
                top = np.abs(expected[i][np.isfinite(expected[i])]).max(initial=1e-30)
                np.testing.assert_allclose(
                    got,
                    expected[i],
                    rtol=tolerance,
                    atol=tolerance * top,
                    err_msg=f"{name}, argument {i}",
                )
            elif isinstance(before, np.ndarray) and not any(
                args[k] is before for k in case.outputs
            ):
                np.testing.assert_array_equal(got, before, f"{name} changed argument {i}")


PARAMETERS = [
    pytest.param(name, make, dtype, id=f"{name}-{i}-{dtype}")
    for name, makes in CASES.items()
    for i, make in enumerate(makes)
    for dtype in ("float32", "float64")
]


@pytest.mark.parametrize(("name", "make", "dtype"), PARAMETERS)
def test_reference_form_runs_on_cupy_arrays(name, make, dtype, device):
    compare(reference.KERNELS[name], name, make, dtype, device)


@pytest.mark.parametrize(
    ("name", "make", "dtype"), [p for p in PARAMETERS if p.values[0] in cpu.SMALLEST_WORK]
)
def test_numba_form(name, make, dtype):
    compare(numba_form(name), name, make, dtype, "cpu")


@pytest.mark.parametrize(
    ("name", "make", "dtype"), [p for p in PARAMETERS if p.values[0] in cuda_kernels()]
)
def test_cuda_form(name, make, dtype, cuda):
    compare(cuda_kernels()[name], name, make, dtype, cuda)


def test_every_kernel_has_cases():
    assert set(CASES) == set(reference.KERNELS)


def same_signature(name, form):
    ours, theirs = inspect.signature(form), inspect.signature(reference.KERNELS[name])
    assert list(ours.parameters) == list(theirs.parameters), name


def test_numba_forms_have_the_reference_signature():
    for name in cpu.SMALLEST_WORK:
        form = numba_form(name)
        same_signature(name, getattr(form, "py_func", form))


def test_cuda_forms_have_the_reference_signature():
    for name, form in cuda_kernels().items():
        same_signature(name, form)
