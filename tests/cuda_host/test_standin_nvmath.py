"""The stand-in nvmath has the real one's names, and refuses what cuBLASLt refuses."""

import inspect

import numpy as np
import pytest

cupy = pytest.importorskip("cupy")
lt = pytest.importorskip("nvmath.bindings.cublasLt")
if not getattr(cupy, "__standin__", False):
    pytest.skip("tests of the stand-in itself", allow_module_level=True)

from nvmath.bindings import cublas  # noqa: E402
from nvmath.bindings._api import API  # noqa: E402


def functions():
    return {
        n: f
        for n, f in vars(lt).items()
        if inspect.isfunction(f) and f.__module__ == lt.__name__ and not n.startswith("_")
    }


def test_every_function_is_one_of_the_real_ones_with_its_parameters():
    for name, function in functions().items():
        inner = inspect.unwrap(function)
        assert list(inspect.signature(inner).parameters) == [p for _, p in API["functions"][name]]


def test_enums():
    assert lt.Epilogue.RELU_AUX_BIAS == 134
    assert lt.Epilogue.BGRADB == 512
    assert cublas.ComputeType.COMPUTE_32F_FAST_TF32 == 77
    assert lt.matmul_heuristic_result_dtype.itemsize == 96


def test_the_numbers_in_the_backend_are_those_of_the_real_enums():
    from gpunet.backend.cublaslt_problem import Epilogue

    ours = {k: v for k, v in vars(Epilogue).items() if k.isupper()}
    assert ours.pop("NONE") == lt.Epilogue.DEFAULT
    for name, number in ours.items():
        assert number == lt.Epilogue[name]


def test_arguments_are_checked():
    with pytest.raises(TypeError, match="takes exactly 2 arguments"):
        lt.matmul_desc_create(68)
    with pytest.raises(TypeError, match="must be an integer"):
        lt.matmul_desc_create(68, 0.0)
    with pytest.raises(TypeError, match="matmul_desc_create"):
        lt.matmul_desc_create(68, 0, extra=1)
    with pytest.raises(OverflowError, match="rows = -1"):
        lt.matrix_layout_create(0, -1, 2, 3)


def test_attributes_are_checked():
    desc = lt.matmul_desc_create(68, 0)
    value = np.zeros(1, np.int64)
    lt.matmul_desc_set_attribute(desc, lt.MatmulDescAttribute.BIAS_POINTER, value.ctypes.data, 8)
    for attribute, size in (
        (lt.MatmulDescAttribute.BIAS_POINTER, 4),
        (lt.MatmulDescAttribute.TRANSA, 8),
    ):
        with pytest.raises(lt.cuBLASLtError, match="INVALID_VALUE"):
            lt.matmul_desc_set_attribute(desc, attribute, value.ctypes.data, size)
    with pytest.raises(ValueError, match="999"):
        lt.matmul_desc_set_attribute(desc, 999, value.ctypes.data, 8)
    with pytest.raises(lt.cuBLASLtError, match="is no layout"):
        lt.matrix_layout_destroy(desc)
    lt.matmul_desc_destroy(desc)
    with pytest.raises(lt.cuBLASLtError, match="is no matmul"):
        lt.matmul_desc_destroy(desc)


class Call:
    """The arguments of a right product of two (4, 4) matrices, to be spoiled."""

    def __init__(self, ld=4, epilogue=1, bias=0, aux=0, aux_ld=0, align=16, rows=4):
        self.handle = lt.create()
        self.arrays = [cupy.ones((4, 4), "float32") for _ in range(3)]
        self.workspace = cupy.empty(4096, "uint8")
        self.scale = np.array([1, 0], "float32")
        self.desc = lt.matmul_desc_create(68, 0)
        names = lt.MatmulDescAttribute
        for name, value, dtype in (
            (names.EPILOGUE, epilogue, "int32"),
            (names.BIAS_POINTER, bias, "int64"),
            (names.EPILOGUE_AUX_POINTER, aux, "int64"),
            (names.EPILOGUE_AUX_LD, aux_ld, "int64"),
        ):
            held = np.array([value], dtype)
            lt.matmul_desc_set_attribute(self.desc, name, held.ctypes.data, held.itemsize)
        self.layouts = [lt.matrix_layout_create(0, rows, 4, ld) for _ in range(3)]
        preference = lt.matmul_preference_create()
        names = lt.MatmulPreferenceAttribute
        values = [(names.MAX_WORKSPACE_BYTES, np.array([4096], "uint64"))]
        values += [
            (getattr(names, f"MIN_ALIGNMENT_{x}_BYTES"), np.array([align], "uint32"))
            for x in "ABCD"
        ]
        for name, held in values:
            lt.matmul_preference_set_attribute(preference, name, held.ctypes.data, held.itemsize)
        self.found = np.zeros(1, lt.matmul_heuristic_result_dtype)
        count = np.zeros(1, "int32")
        a, b, c = self.layouts
        lt.matmul_algo_get_heuristic(
            self.handle, self.desc, a, b, c, c, preference, 1,
            self.found.ctypes.data, count.ctypes.data,
        )  # fmt: skip
        assert count[0] == 1

    def __call__(self, size=4096, stream=0, offset=0, out=None):
        a, b, c = self.layouts
        A, B, C = (x.data.ptr for x in self.arrays)
        C = C if out is None else out
        alpha = self.scale.ctypes.data
        lt.matmul(
            self.handle, self.desc, alpha, A + offset, a, B, b, alpha + 4, C, c, C, c,
            self.found.ctypes.data, self.workspace.data.ptr, size, stream,
        )  # fmt: skip
        return self.arrays[2].get()


def test_a_product():
    np.testing.assert_array_equal(Call()(), np.full((4, 4), 4))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"ld": 3}, "leading dimension 3 and 4 rows"),
        ({"epilogue": 4}, "bias pointer 0"),
        ({"epilogue": 130, "aux": 160, "aux_ld": 64}, "leading dimension 64"),
        ({"epilogue": 130, "aux": 24, "aux_ld": 128}, "auxiliary pointer 24"),
        ({"epilogue": 160, "aux": 160, "aux_ld": 12}, "leading dimension 12"),
        ({"epilogue": 512, "bias": 16}, "TRANSB 0"),
        ({"epilogue": 3}, "epilogue 3"),
        ({"rows": 3}, "shapes"),
    ],
)
def test_descriptions_that_are_refused(wrong, words):
    with pytest.raises(lt.cuBLASLtError, match=words):
        Call(**wrong)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"size": 100}, "4096 are needed"),
        ({"stream": 12345}, "is no stream"),
        ({"offset": 4}, "not aligned to 16 bytes"),
        ({"offset": 1024}, "in no array"),
        ({"offset": 16}, "in no array"),
    ],
)
def test_calls_that_are_refused(wrong, words):
    call = Call()
    with pytest.raises(lt.cuBLASLtError, match=words):
        call(**wrong)


def test_a_result_on_an_operand_is_refused():
    call = Call()
    with pytest.raises(lt.cuBLASLtError, match="lies on an operand"):
        call(out=call.arrays[0].data.ptr)


def test_the_algorithm_of_another_problem_is_refused():
    call, other = Call(), Call(ld=5)
    call.found = other.found
    with pytest.raises(lt.cuBLASLtError, match="another problem"):
        call()


def test_rounding_to_tf32():
    from nvmath.bindings._matmul import round_to_tf32

    x = np.array([1 + 2**-11, 1 + 2**-10, 1 + 3 * 2**-11, np.inf, -0.0, 3], "float32")
    np.testing.assert_array_equal(
        round_to_tf32(x), np.array([1, 1 + 2**-10, 1 + 2**-9, np.inf, -0.0, 3], "float32")
    )
