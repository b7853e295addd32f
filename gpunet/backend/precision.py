"""How exact the products of float32 matrices are on a GPU."""

from __future__ import annotations

__all__ = ["get_float32_matmul_precision", "set_float32_matmul_precision", "tf32"]

_PRECISIONS = ("highest", "high", "medium")
_precision = "highest"


def set_float32_matmul_precision(precision: str) -> None:
    """Let products of float32 matrices be computed with fewer digits, for speed.

    "highest" multiplies float32 numbers. "high" and "medium" round them to TensorFloat32 (10 bits
    of mantissa) first, on GPUs that can multiply those: compute capability 8.0 and later. Sums are
    float32 in any case, and so are the results. Convolutions and recurrent layers are made of
    matrix products and obey, too. On the CPU there is no effect.

    Parameters
    ----------
    precision : {"highest", "high", "medium"}

    Raises
    ------
    RuntimeError
        If `precision` is no str.
    ValueError
        If it is none of the three.
    """
    global _precision
    if not isinstance(precision, str):
        raise RuntimeError(
            f"set_float32_matmul_precision expects a str, but got {type(precision).__name__}"
        )
    if precision not in _PRECISIONS:
        raise ValueError(
            f"set_float32_matmul_precision: precision must be 'highest', 'high' or 'medium', got "
            f"{precision!r}"
        )
    _precision = precision


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` was given last; at first "highest"."""
    return _precision


def tf32() -> bool:
    """Whether products of float32 matrices may round to TensorFloat32."""
    return _precision != "highest"
