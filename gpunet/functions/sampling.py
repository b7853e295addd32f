"""New tensors of random numbers."""

from __future__ import annotations

import operator
from typing import Any

from ..autograd import Operation, Variable
from ..backend import Array, Backend, backend_of
from ..backend.rng import CURRENT, Generator
from ..dtypes import FLOATING, as_dtype, get_default_dtype
from .conversion import known
from .creation import made, place
from .random import check_probability, check_range, fill_real, integers, uniform

__all__ = [
    "bernoulli",
    "multinomial",
    "normal",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
]


def _shape(name: str, size: Any) -> tuple[int, ...]:
    """The shape from ``(2, 3)`` or ``((2, 3),)``."""
    if len(size) == 1 and not hasattr(size[0], "__index__"):
        size = size[0]
    shape = tuple([operator.index(n) for n in size])
    if shape and min(shape) < 0:
        raise RuntimeError(f"{name}: expected lengths of at least 0 in size, got {shape}")
    return shape


def _new(name: str, size: Any, dtype: Any, device: Any) -> tuple[Backend, Array]:
    dtype = get_default_dtype() if dtype is None else as_dtype(dtype)
    if dtype.kind not in FLOATING:
        raise RuntimeError(f"{name}: expected a floating-point dtype, got {dtype}")
    return _empty(_shape(name, size), dtype, device)


def _empty(shape: tuple[int, ...], dtype: Any, device: Any) -> tuple[Backend, Array]:
    be, device = place(device)
    with be.on(device):
        return be, be.empty(shape, dtype)


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """A tensor of numbers uniform in [0, 1).

    Parameters
    ----------
    *size : int, or one sequence of int
    generator : Generator, optional
    dtype : optional
        A floating-point one; the default dtype where left out.
    device : optional
    requires_grad : bool
    """
    be, array = _new("rand", size, dtype, device)
    fill_real(be, be.kernels.philox_uniform, array, 0.0, 1.0, generator)
    return made(array, requires_grad)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """A tensor of normally distributed numbers with mean 0 and variance 1; as `rand`."""
    be, array = _new("randn", size, dtype, device)
    fill_real(be, be.kernels.philox_normal, array, 0.0, 1.0, generator)
    return made(array, requires_grad)


def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """Whole numbers from `low` to ``high - 1``.

    Called as ``randint(high, size)`` or ``randint(low, high, size)``.

    Raises
    ------
    RuntimeError
        If there is no number from `low` to ``high - 1``.
    """
    if size is None:
        if not hasattr(high, "__index__"):
            low, high, size = 0, low, high
        if size is None:
            raise TypeError("randint: the argument size is missing")
    low, high = operator.index(low), operator.index(high)
    check_range("randint", low, high)
    be, like = _empty((0,), "int64", device)
    array = integers(be, like, _shape("randint", (size,)), low, high, generator)
    return made(array.astype(as_dtype(dtype or "int64"), copy=False), requires_grad)


def randperm(
    n: int, *, generator: Generator | None = None, dtype: Any = None, device: Any = None
) -> Any:
    """The whole numbers from 0 to ``n - 1`` in random order, every order as likely as the other.

    The order of n random keys of 64 bits.
    """
    if n < 0:
        raise RuntimeError(f"randperm: expected n of at least 0, got {n}")
    be, keys = _empty((2 * n,), "uint32", device)
    state, offset = (generator or CURRENT.generator).take(be, keys, -(-n // 2))
    be.kernels.philox_bits(keys, state, offset)
    order = be.xp.argsort(keys.view("uint64"))
    return Operation.result(order.astype(as_dtype(dtype or "int64"), copy=False))


def normal(
    mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None,
    dtype: Any = None, device: Any = None, requires_grad: bool = False,
) -> Any:  # fmt: skip
    """Normally distributed numbers; `mean` and `std` are numbers, with a `size`, or tensors.

    Raises
    ------
    TypeError
        If neither is a tensor and `size` is missing.
    """
    m = mean.array if isinstance(mean, Variable) else mean
    s = std.array if isinstance(std, Variable) else std
    given = [x for x in (mean, std) if isinstance(x, Variable)]
    if not given:
        if size is None:
            raise TypeError("normal: the argument size is missing, as mean and std are numbers")
        if not std >= 0:
            raise RuntimeError(f"normal: expected std >= 0, got {std}")
        be, array = _new("normal", (size,), dtype, device)
        fill_real(be, be.kernels.philox_normal, array, mean, std, generator)
        return made(array, requires_grad)
    like = given[0].array
    be = backend_of(like)
    shape = be.xp.broadcast_shapes(*[x.array.shape for x in given])
    dtype = "float32" if like.dtype.char == "E" else like.dtype
    array = be.empty(shape, dtype)
    fill_real(be, be.kernels.philox_normal, array, 0.0, 1.0, generator)
    array *= s
    array += m
    return made(array.astype(like.dtype, copy=False), requires_grad)


def bernoulli(input: Variable, *, generator: Generator | None = None) -> Any:
    """Ones with the probabilities in `input`, otherwise zeros, in its dtype.

    On a GPU this waits for the device, to look at the probabilities.

    Raises
    ------
    RuntimeError
        If `input` holds anything but numbers from 0 to 1.
    """
    p = input.array
    if p.dtype.kind not in FLOATING:
        raise RuntimeError(f"bernoulli: expected floating-point probabilities, got {p.dtype}")
    check_probability("bernoulli", p)
    be = backend_of(p)
    drawn = uniform(be, p.shape, "float64", generator)
    return Operation.result((drawn < known(p)).astype(p.dtype))


def multinomial(
    input: Variable,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Any:
    """Indices drawn with the weights in each row of `input`.

    With replacement the inverse of the running sum at a uniform number; without, the order of
    ``-log(u) / weight``, whose first is the smallest of exponential times with these rates. On a
    GPU this waits for the device, to look at the weights.

    Parameters
    ----------
    input : tensor of shape (L,) or (N, L)
        Weights of at least 0, of which each row has one above 0; they need not sum to 1.
    num_samples : int
    replacement : bool
        Whether an index may be drawn again.

    Returns
    -------
    int64 tensor of shape (num_samples,) or (N, num_samples)

    Raises
    ------
    RuntimeError
        If a weight is negative, infinite or NaN, if a row has too few above 0, or if the shape is
        another.
    """
    array = input.array
    if array.ndim not in (1, 2) or array.dtype.kind not in FLOATING:
        raise RuntimeError(
            "multinomial: expected floating-point weights of shape (L,) or (N, L), "
            f"got {array.dtype} of shape {array.shape}"
        )
    if num_samples <= 0:
        raise RuntimeError(f"multinomial: expected num_samples of at least 1, got {num_samples}")
    be = backend_of(array)
    xp = be.xp
    weights = array.reshape(-1, array.shape[-1]).astype("float64")
    if not bool(((weights >= 0) & (weights < float("inf"))).all()):
        raise RuntimeError("multinomial: a weight in input is negative, infinite or NaN")
    rows = weights.shape[0]
    fewest = int((weights > 0).sum(axis=1).min()) if rows else num_samples
    if fewest < (1 if replacement else num_samples):
        raise RuntimeError(
            f"multinomial: a row of input has {fewest} weights above 0, too few for "
            f"{num_samples} samples {'with' if replacement else 'without'} replacement"
        )
    if replacement:
        sums = xp.cumsum(weights, axis=1)
        u = uniform(be, (rows, num_samples), "float64", generator) * sums[:, -1:]
        found = [xp.searchsorted(total, x, side="right") for total, x in zip(sums, u)]
        found = xp.stack(found) if found else be.empty((0, num_samples), "int64")
    else:
        u = 1 - uniform(be, weights.shape, "float64", generator)
        times = xp.where(weights > 0, -xp.log(u) / xp.maximum(weights, 1e-300), xp.inf)
        found = xp.argsort(times, axis=1)[:, :num_samples]
    shape = (num_samples,) if array.ndim == 1 else (rows, num_samples)
    return Operation.result(be.contiguous(found.reshape(shape)).astype("int64", copy=False))


def rand_like(
    input: Variable, *, generator: Generator | None = None, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Any:  # fmt: skip
    """`rand` with the shape, dtype and device of `input`."""
    return _like(rand, input, input.array.shape, generator, dtype, device, requires_grad)


def randn_like(
    input: Variable, *, generator: Generator | None = None, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Any:  # fmt: skip
    """`randn` with the shape, dtype and device of `input`."""
    return _like(randn, input, input.array.shape, generator, dtype, device, requires_grad)


def randint_like(
    input: Variable, low: int, high: int | None = None, *, generator: Generator | None = None,
    dtype: Any = None, device: Any = None, requires_grad: bool = False,
) -> Any:  # fmt: skip
    """`randint` with the shape, dtype and device of `input`."""
    if high is None:
        low, high = 0, low

    def make(shape: Any, **options: Any) -> Any:
        return randint(low, high, shape, **options)

    return _like(make, input, input.array.shape, generator, dtype, device, requires_grad)


def _like(make: Any, input: Variable, shape: Any, generator: Any, dtype: Any, device: Any,
          requires_grad: bool) -> Any:  # fmt: skip
    array = input.array
    return make(
        shape,
        generator=generator,
        dtype=array.dtype if dtype is None else dtype,
        device=backend_of(array).device_of(array) if device is None else device,
        requires_grad=requires_grad,
    )
