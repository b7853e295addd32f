"""The default generator, and tensors filled with random numbers.

The same seed gives the same values on the CPU and on a GPU. The numbers come from Philox4x32-10;
see ``kernels/reference/random.py``.
"""

from __future__ import annotations

from typing import Any

from ..autograd import Variable
from ..autograd.mode import MODE
from ..backend import Array, Backend, backend_of
from ..backend.rng import CURRENT, Generator
from ..dtypes import FLOATING

__all__ = [
    "bernoulli_",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "normal_",
    "random_",
    "seed",
    "set_rng_state",
    "uniform_",
]


# --- the default generator ---------------------------------------------------------------------


def manual_seed(seed: int) -> Generator:
    """Seed the default generator, for every device, and return it."""
    return CURRENT.generator.manual_seed(seed)


def seed() -> int:
    """Seed the default generator with an unforeseeable number, and return that."""
    return CURRENT.generator.seed()


def initial_seed() -> int:
    """The seed of the default generator."""
    return CURRENT.generator.initial_seed()


def get_rng_state() -> dict[str, int]:
    """Where the default generator stands; see `Generator.get_state`."""
    return CURRENT.generator.get_state()


def set_rng_state(new_state: dict[str, int]) -> None:
    """Set the default generator to where `get_rng_state` was called."""
    CURRENT.generator.set_state(new_state)


# --- filling arrays ----------------------------------------------------------------------------


def fill_real(
    be: Backend, kernel: Any, array: Array, a: float, b: float, generator: Generator | None
) -> None:
    """Fill a floating-point array of any layout with `philox_uniform` or `philox_normal`."""
    size = array.dtype.itemsize
    direct = size >= 4 and array.flags.c_contiguous
    out = array if direct else be.empty(array.shape, "float32" if size < 4 else array.dtype)
    blocks = -(-out.nbytes // 16)
    state, offset = (generator or CURRENT.generator).take(be, array, blocks)
    kernel(out.reshape(-1), float(a), float(b), state, offset)
    if not direct:
        array[...] = out


def integers(
    be: Backend, like: Array, shape: Any, low: int, high: int, generator: Generator | None
) -> Array:
    """An int64 array of whole numbers from `low` to ``high - 1``."""
    out = be.empty(shape, "int64")
    state, offset = (generator or CURRENT.generator).take(be, like, -(-out.size // 2))
    be.kernels.philox_integers(out.reshape(-1), low, high, state, offset)
    return out


def _target(name: str, tensor: Variable) -> tuple[Backend, Array]:
    """The array of a tensor that is about to be overwritten."""
    if tensor.requires_grad and MODE.enabled:
        raise RuntimeError(
            f"{name}: a tensor that requires a gradient cannot be changed in place; "
            "do it under no_grad()"
        )
    tensor.mark_changed()
    return backend_of(tensor.array), tensor.array


def _real_target(name: str, tensor: Variable) -> tuple[Backend, Array]:
    if tensor.array.dtype.kind not in FLOATING:
        raise RuntimeError(
            f"{name}: expected a tensor of floating-point numbers, got {tensor.array.dtype}"
        )
    return _target(name, tensor)


def uniform_(
    tensor: Variable, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None
) -> Any:
    """Fill `tensor` with numbers uniform in ``[from_, to)``, and return it.

    Raises
    ------
    RuntimeError
        If the tensor holds no floating-point numbers or requires a gradient, or if
        ``from_ > to``.
    """
    if not from_ <= to:
        raise RuntimeError(f"uniform_: expected from_ <= to, got from_={from_}, to={to}")
    be, array = _real_target("uniform_", tensor)
    fill_real(be, be.kernels.philox_uniform, array, from_, to, generator)
    return tensor


def normal_(
    tensor: Variable, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
) -> Any:
    """Fill `tensor` with normally distributed numbers, and return it.

    Raises
    ------
    RuntimeError
        If the tensor holds no floating-point numbers or requires a gradient, or if `std` is
        negative.
    """
    if not std >= 0:
        raise RuntimeError(f"normal_: expected std >= 0, got {std}")
    be, array = _real_target("normal_", tensor)
    fill_real(be, be.kernels.philox_normal, array, mean, std, generator)
    return tensor


#: The first whole number that a floating-point dtype cannot tell from its neighbour.
_EXACT = {"bfloat16": 2**8, "float16": 2**11, "float32": 2**24, "float64": 2**53}


def random_(
    tensor: Variable,
    from_: int = 0,
    to: int | None = None,
    *,
    generator: Generator | None = None,
) -> Any:
    """Fill `tensor` with whole numbers from `from_` to ``to - 1``, and return it.

    With one number that is `to`, and `from_` is 0. Without, all numbers from 0 that the dtype
    holds exactly.

    Raises
    ------
    RuntimeError
        If ``from_ >= to`` or if the tensor requires a gradient.
    """
    be, array = _target("random_", tensor)
    if to is None and from_ != 0:
        from_, to = 0, from_
    if to is None:
        kind = array.dtype.kind
        if kind in FLOATING:
            to = _EXACT[array.dtype.name] + 1
        else:
            to = 2 if kind == "b" else min(int(be.xp.iinfo(array.dtype).max) + 1, 2**63 - 1)
    check_range("random_", from_, to)
    array[...] = integers(be, array, array.shape, from_, to, generator)
    return tensor


def bernoulli_(tensor: Variable, p: Any = 0.5, *, generator: Generator | None = None) -> Any:
    """Fill `tensor` with ones, with probability `p` (a number or a tensor), and zeros.

    Raises
    ------
    RuntimeError
        If `p` is not from 0 to 1, or if the tensor requires a gradient.
    """
    p = p.array if isinstance(p, Variable) else p
    check_probability("bernoulli_", p)
    be, array = _target("bernoulli_", tensor)
    array[...] = uniform(be, array.shape, "float64", generator) < p
    return tensor


def uniform(be: Backend, shape: Any, dtype: Any, generator: Any) -> Array:
    """A new array of numbers uniform in [0, 1)."""
    out = be.empty(shape, dtype)
    fill_real(be, be.kernels.philox_uniform, out, 0.0, 1.0, generator)
    return out


def check_probability(name: str, p: Any) -> None:
    """Refuse a number, or an array, that is not from 0 to 1."""
    fine = 0 <= p <= 1 if isinstance(p, float | int) else bool(((p >= 0) & (p <= 1)).all())
    if not fine:
        shown = p if isinstance(p, float | int) else "a tensor with others"
        raise RuntimeError(f"{name}: expected probabilities p from 0 to 1, got {shown}")


def check_range(name: str, low: int, high: int) -> None:
    """Refuse bounds without a number between them, and those beyond int64."""
    if not low < high:
        raise RuntimeError(f"{name}: expected low < high, got low={low}, high={high}")
    if low < -(2**63) or high >= 2**63:
        raise RuntimeError(f"{name}: [{low}, {high}) is outside the range of int64")
