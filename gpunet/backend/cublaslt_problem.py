"""What is asked of cuBLASLt: a product of matrices as they lie in memory, and what follows it."""

from __future__ import annotations

from typing import NamedTuple

from .layouts import Layout

__all__ = ["TYPES", "Epilogue", "Problem", "gelu_ld", "relu_ld"]

#: For each dtype, by its character, the `cudaDataType` of the elements, and of alpha and beta.
#: "E" is bfloat16 of ml_dtypes, which CuPy has. Half precision adds up in float32.
TYPES = {"e": (2, 0), "f": (0, 0), "d": (1, 1), "E": (14, 0)}


class Epilogue:
    """What is done to a product before it is written, in the numbers of ``cublasLtEpilogue_t``.

    In matrices held by rows: a bias is added to each row; a bias gradient is the sum of the rows of
    the result (``D*_BGRAD``) or of the left operand, transposed (``BGRADB``). The auxiliary matrix
    is the mask of a ReLU, in bits, or the input of a GELU.
    """

    NONE = 1
    BIAS = 4
    RELU_BIAS = 6
    RELU_AUX_BIAS = 134
    GELU_BIAS = 36
    GELU_AUX_BIAS = 164
    DRELU_BGRAD = 152
    DGELU_BGRAD = 208
    BGRADB = 512


class Problem(NamedTuple):
    """``C[s, m, n] = sum_k A[s, m, k] B[s, k, n]``, up to the addresses.

    Attributes
    ----------
    M, K, N, matrices : int
    a, b, c : Layout
        c is not transposed.
    strides : tuple of three int
        Elements from one matrix of a stack to the next, of A, B and C.
    kind : str
        The character of the dtype.
    tf32 : bool
    align : int
        All addresses, and strides of stacks, are multiples of as many bytes.
    epilogue : int
    aux_ld : int
    """

    M: int
    K: int
    N: int
    matrices: int
    a: Layout
    b: Layout
    c: Layout
    strides: tuple[int, int, int]
    kind: str
    tf32: bool
    align: int
    epilogue: int = Epilogue.NONE
    aux_ld: int = 0

    @property
    def compute_type(self) -> int:
        """CUBLAS_COMPUTE_64F, _32F_FAST_TF32 or _32F."""
        if self.kind == "d":
            return 70
        return 77 if self.kind == "f" and self.tf32 else 68


def relu_ld(N: int) -> int:
    """Bits of a row of the mask of a ReLU over N columns."""
    return -(-N // 128) * 128


def gelu_ld(N: int) -> int:
    """Elements of a row of the input of a GELU over N columns."""
    return -(-N // 8) * 8
