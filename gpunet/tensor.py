"""`Tensor`: an array on the tape, with PyTorch's methods."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np

from . import autograd, dtypes
from .autograd import Operation, Variable
from .backend import Device, backend_of
from .dtypes import FLOATING
from .functions import (
    arithmetic,
    axes,
    comparison,
    conversion,
    counting,
    creation,
    einsum,
    elementwise,
    extremes,
    indexing,
    inplace,
    linalg,
    pad,
    random,
    reduction,
    repeating,
    sampling,
    scatter,
    sorting,
    splitting,
)
from .functions import data as data_
from .functions import shape as shapes
from .functions import softmax as softmax_
from .functions.inplace import in_place_form
from .functions.memory_format import contiguous_format, is_in_format
from .printing import tensor_text

__all__ = ["Tensor"]

# Within the class these names are methods.
_bool: TypeAlias = bool
_int: TypeAlias = int
_float: TypeAlias = float


class RemovableHandle:
    """What `Tensor.register_hook` returns; its `remove` takes the hook away again."""

    def __init__(self, hooks: list[Any], hook: Callable[..., Any]):
        self._hooks = hooks
        self._hook = hook

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.remove()


class Tensor(Variable):
    """An n-dimensional array that remembers how it was made.

    Made by `gpunet.tensor`, `gpunet.from_numpy`, `gpunet.zeros` and the like. ``.array`` is the raw
    NumPy or CuPy array.

    The functions of `gpunet.functions` are methods here as they stand: their first argument is the
    tensor.
    """

    # NumPy leaves ``ndarray + tensor`` to the tensor.
    __array_priority__ = 1000

    # --- the tape -----------------------------------------------------------------------------

    @property
    def is_leaf(self) -> _bool:
        """Whether the tensor was made by the user, not by an operation on the tape."""
        return self.node is None

    @property
    def grad_fn(self) -> Any:
        """The tape's node that made this tensor; None for a leaf."""
        return self.node

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: _bool | None = None,
        create_graph: _bool = False,
        inputs: Any = None,
    ) -> None:
        """Add the gradient of this tensor to the ``grad`` of every leaf that it was made from.

        Parameters
        ----------
        gradient : Tensor, optional
            What stands before this tensor in the sum; may be left out for a single element.
        retain_graph : bool, optional
            Keep the graph, so that another backward pass can follow. Default: False.
        create_graph : bool
            Must be False: gradients of gradients are not computed.
        inputs : Tensor or sequence of Tensor, optional
            The leaves whose ``grad`` is added to; all by default.
        """
        autograd.backward([self], [gradient], retain_graph, create_graph, inputs)

    def requires_grad_(self, requires_grad: _bool = True) -> Tensor:
        """Set whether `backward` reaches this leaf.

        Raises
        ------
        RuntimeError
            For a tensor of integers or truth values, or when it is to be switched off for a tensor
            that an operation made.
        """
        if requires_grad and self.array.dtype.kind not in FLOATING:
            raise RuntimeError(
                "only tensors of floating-point dtype can require gradients, and this one has "
                f"dtype {self.array.dtype}"
            )
        if not requires_grad and self.node is not None:
            raise RuntimeError(
                "requires_grad can be changed for leaf tensors only; detach() gives one"
            )
        self.requires_grad = requires_grad
        return self

    def detach(self) -> Tensor:
        """A tensor with the same memory and no history."""
        return Tensor(self.array)

    def detach_(self) -> Tensor:
        """Forget how this tensor was made."""
        self.node = None
        self.requires_grad = False
        return self

    def retain_grad(self) -> None:
        """Keep the gradient in ``grad`` also if the tensor is not a leaf.

        Raises
        ------
        RuntimeError
            If it does not require a gradient.
        """
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on a tensor that has requires_grad=False")
        if self.node is not None:
            self.node.retained = weakref.ref(self)

    @property
    def retains_grad(self) -> _bool:
        """Whether `retain_grad` was called on this tensor, which is not a leaf."""
        return self.node is not None and self.node.retained is not None

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call `hook` with the gradient of this tensor in each backward pass.

        Parameters
        ----------
        hook : callable
            What it returns, unless None, takes the place of the gradient.

        Returns
        -------
        RemovableHandle
            Its `remove` takes the hook away.

        Raises
        ------
        RuntimeError
            If the tensor does not require a gradient.
        """
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        owner: Any = self if self.node is None else self.node
        if owner.hooks is None:
            owner.hooks = []
        owner.hooks.append(hook)
        return RemovableHandle(owner.hooks, hook)

    @property
    def data(self) -> Tensor:
        """The values without their history, in the same memory; may be set to other values."""
        return Tensor(self.array)

    @data.setter
    def data(self, values: Tensor) -> None:
        array = values.array
        if (
            array.shape != self.array.shape
            or array.dtype != self.array.dtype
            or type(array) is not type(self.array)
        ):
            self.grad_buffer = None  # it fits the old array
        self.array = array

    # --- what it is ---------------------------------------------------------------------------

    @property
    def device(self) -> Device:
        """Where the array lives."""
        return backend_of(self.array).device_of(self.array)

    @property
    def is_cuda(self) -> _bool:
        """Whether the array lives on a GPU."""
        return self.device.type == "cuda"

    @property
    def shape(self) -> tuple[_int, ...]:
        """The length of each dimension."""
        return self.array.shape

    def size(self, dim: _int | None = None) -> Any:
        """The length of each dimension, or of dimension `dim`."""
        if dim is None:
            return self.array.shape
        if not -self.array.ndim <= dim < self.array.ndim:
            raise IndexError(f"dim: expected one of {self.array.ndim} dimensions, got {dim}")
        return self.array.shape[dim]

    @property
    def dtype(self) -> np.dtype:
        """The NumPy dtype of the elements."""
        return self.array.dtype

    @property
    def ndim(self) -> _int:
        """The number of dimensions."""
        return self.array.ndim

    def dim(self) -> _int:
        """The number of dimensions."""
        return self.array.ndim

    def numel(self) -> _int:
        """The number of elements."""
        return self.array.size

    nelement = numel

    def element_size(self) -> _int:
        """The bytes of one element."""
        return self.array.itemsize

    itemsize = property(element_size)

    @property
    def nbytes(self) -> _int:
        """The bytes of all elements."""
        return self.array.nbytes

    def stride(self, dim: _int | None = None) -> Any:
        """How many elements apart neighbours along each dimension, or along `dim`, lie."""
        strides = tuple([s // self.array.itemsize for s in self.array.strides])
        return strides if dim is None else strides[dim]

    def is_contiguous(self, memory_format: Any = contiguous_format) -> _bool:
        """Whether the elements lie in C order, or in another `memory_format`, without gaps."""
        return is_in_format(self.array, memory_format)

    def is_floating_point(self) -> _bool:
        """Whether the elements are floating-point numbers."""
        return self.array.dtype.kind in FLOATING

    # --- as Python and NumPy values -----------------------------------------------------------

    def item(self) -> Any:
        """The only element, as a Python number. On a GPU this waits for the device."""
        if self.array.size != 1:
            raise RuntimeError(
                f"a tensor with {self.array.size} elements cannot be converted to a number"
            )
        return self.array.item()

    def tolist(self) -> Any:
        """The elements in nested lists, or the only one as a number."""
        return self.array.tolist()

    def numpy(self, *, force: _bool = False) -> np.ndarray:
        """The values as a NumPy array that shares the memory.

        Parameters
        ----------
        force : bool
            Copy from a GPU, and leave the history behind, without complaint.

        Raises
        ------
        TypeError
            If the tensor is on a GPU.
        RuntimeError
            If it requires a gradient.
        """
        backend = backend_of(self.array)
        if not force:
            if backend.name != "cpu":
                raise TypeError(
                    f"can't convert {self.device} device type tensor to numpy. "
                    "Use Tensor.cpu() to copy the tensor to host memory first."
                )
            if self.requires_grad:
                raise RuntimeError(
                    "Can't call numpy() on Tensor that requires grad. "
                    "Use tensor.detach().numpy() instead."
                )
        return backend.to_numpy(self.array)

    def __array__(self, dtype: Any = None, copy: _bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype, copy=copy)

    def __repr__(self) -> str:
        values = backend_of(self.array).to_numpy(self.array)
        return tensor_text(values, str(self.device), self.requires_grad, self.node)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.array.ndim == 0 else object.__format__(self, spec)

    def __len__(self) -> _int:
        if self.array.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return self.array.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if self.array.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __bool__(self) -> _bool:
        if self.array.size != 1:
            raise RuntimeError(
                f"the truth value of a tensor of {self.array.size} elements is ambiguous; "
                "use any() or all()"
            )
        return _bool(self.array.item())

    def __float__(self) -> _float:
        return _float(self.item())

    def __int__(self) -> _int:
        return _int(self.item())

    def __index__(self) -> _int:
        if self.array.size != 1 or self.array.dtype.kind in FLOATING:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return _int(self.array.item())

    def __contains__(self, element: Any) -> _bool:
        return _bool(comparison.eq(self, element).array.any())

    def __hash__(self) -> _int:
        return id(self)

    def __deepcopy__(self, memo: dict[_int, Any]) -> Tensor:
        if self.node is not None:
            raise RuntimeError(
                "only tensors that were made by the user, not by an operation on the tape, can be "
                "deep-copied; detach() or clone() this one"
            )
        if id(self) in memo:
            return memo[id(self)]
        new = object.__new__(type(self))
        Variable.__init__(new, self.array.copy())
        memo[id(self)] = new
        new.requires_grad = self.requires_grad
        if self.grad is not None:
            new.grad = copy.deepcopy(self.grad, memo)
        return new

    # --- copies and conversions ---------------------------------------------------------------

    def to(self, *args: Any, **options: Any) -> Tensor:
        """The tensor with another device, dtype, or both; see `gpunet.functions.conversion.to`."""
        return conversion.to(self, *args, **options)

    def cpu(self) -> Tensor:
        """The tensor on the CPU."""
        return conversion.transfer(self, "cpu")

    def cuda(self, device: Any = None, non_blocking: _bool = False) -> Tensor:
        """The tensor on a GPU: the number, or name, `device`; the first by default."""
        if device is None or type(device) is _int:
            device = Device("cuda", device)
        return conversion.transfer(self, device)

    def type_as(self, other: Tensor) -> Tensor:
        """The tensor with the dtype of `other`."""
        return conversion.cast(self, other.array.dtype)

    def short(self) -> Tensor:
        """The tensor as int16."""
        return conversion.cast(self, dtypes.int16)

    def byte(self) -> Tensor:
        """The tensor as uint8."""
        return conversion.cast(self, dtypes.uint8)

    def float(self) -> Tensor:
        """The tensor as float32."""
        return conversion.cast(self, dtypes.float32)

    def double(self) -> Tensor:
        """The tensor as float64."""
        return conversion.cast(self, dtypes.float64)

    def half(self) -> Tensor:
        """The tensor as float16."""
        return conversion.cast(self, dtypes.float16)

    def bfloat16(self) -> Tensor:
        """The tensor as bfloat16."""
        return conversion.cast(self, dtypes.bfloat16_dtype())

    def long(self) -> Tensor:
        """The tensor as int64."""
        return conversion.cast(self, dtypes.int64)

    def int(self) -> Tensor:
        """The tensor as int32."""
        return conversion.cast(self, dtypes.int32)

    def bool(self) -> Tensor:
        """The tensor as truth values."""
        return conversion.cast(self, dtypes.bool)

    clone = conversion.clone
    contiguous = conversion.contiguous

    # --- arithmetic ----------------------------------------------------------------------------

    __add__ = __radd__ = add = arithmetic.add
    __sub__ = sub = subtract = arithmetic.sub
    __rsub__ = arithmetic.rsub
    __mul__ = __rmul__ = mul = multiply = arithmetic.mul
    __truediv__ = div = divide = true_divide = arithmetic.div
    __floordiv__ = floor_divide = arithmetic.floor_divide
    __mod__ = remainder = arithmetic.remainder
    __pow__ = pow = arithmetic.pow
    fmod = arithmetic.fmod
    maximum = arithmetic.maximum
    minimum = arithmetic.minimum
    lerp = arithmetic.lerp
    atan2 = arithmetic.atan2
    logaddexp = arithmetic.logaddexp
    addcmul = arithmetic.addcmul
    addcdiv = arithmetic.addcdiv

    def __rtruediv__(self, other: Any) -> Any:
        return arithmetic.div(other, self)

    def __rfloordiv__(self, other: Any) -> Any:
        return arithmetic.floor_divide(other, self)

    def __rmod__(self, other: Any) -> Any:
        return arithmetic.remainder(other, self)

    def __rpow__(self, other: Any) -> Any:
        return arithmetic.pow(other, self)

    def __pos__(self) -> Tensor:
        return self

    # --- functions of each element -------------------------------------------------------------

    exp = elementwise.exp
    exp2 = elementwise.exp2
    expm1 = elementwise.expm1
    log = elementwise.log
    log2 = elementwise.log2
    log10 = elementwise.log10
    log1p = elementwise.log1p
    sqrt = elementwise.sqrt
    rsqrt = elementwise.rsqrt
    reciprocal = elementwise.reciprocal
    square = elementwise.square
    sin = elementwise.sin
    cos = elementwise.cos
    tan = elementwise.tan
    asin = arcsin = elementwise.asin
    acos = arccos = elementwise.acos
    atan = arctan = elementwise.atan
    asinh = elementwise.asinh
    acosh = elementwise.acosh
    atanh = elementwise.atanh
    sinh = elementwise.sinh
    cosh = elementwise.cosh
    tanh = elementwise.tanh
    sigmoid = elementwise.sigmoid
    relu = elementwise.relu
    erf = elementwise.erf
    __neg__ = neg = negative = elementwise.neg
    __abs__ = abs = absolute = elementwise.abs
    sign = elementwise.sign
    floor = elementwise.floor
    ceil = elementwise.ceil
    trunc = elementwise.trunc
    frac = elementwise.frac
    round = elementwise.round
    nan_to_num = elementwise.nan_to_num
    clamp = clip = elementwise.clamp
    clamp_min = elementwise.clamp_min
    clamp_max = elementwise.clamp_max

    # --- in place ------------------------------------------------------------------------------

    add_ = inplace.add_
    sub_ = subtract_ = inplace.sub_
    mul_ = multiply_ = inplace.mul_
    div_ = divide_ = true_divide_ = inplace.div_
    __iadd__ = inplace.operator_form(inplace.add_, arithmetic.add)
    __isub__ = inplace.operator_form(inplace.sub_, arithmetic.sub)
    __imul__ = inplace.operator_form(inplace.mul_, arithmetic.mul)
    __itruediv__ = inplace.operator_form(inplace.div_, arithmetic.div)
    copy_ = inplace.copy_
    fill_ = inplace.fill_
    zero_ = inplace.zero_
    floor_divide_ = in_place_form(arithmetic.floor_divide)
    remainder_ = in_place_form(arithmetic.remainder)
    pow_ = in_place_form(arithmetic.pow)
    __ifloordiv__ = inplace.operator_form(floor_divide_, arithmetic.floor_divide)
    __imod__ = inplace.operator_form(remainder_, arithmetic.remainder)
    __ipow__ = inplace.operator_form(pow_, arithmetic.pow)
    fmod_ = in_place_form(arithmetic.fmod)
    lerp_ = in_place_form(arithmetic.lerp)
    addcmul_ = in_place_form(arithmetic.addcmul)
    addcdiv_ = in_place_form(arithmetic.addcdiv)
    exp_ = in_place_form(elementwise.exp)
    exp2_ = in_place_form(elementwise.exp2)
    expm1_ = in_place_form(elementwise.expm1)
    log_ = in_place_form(elementwise.log)
    log2_ = in_place_form(elementwise.log2)
    log10_ = in_place_form(elementwise.log10)
    log1p_ = in_place_form(elementwise.log1p)
    sqrt_ = in_place_form(elementwise.sqrt)
    rsqrt_ = in_place_form(elementwise.rsqrt)
    reciprocal_ = in_place_form(elementwise.reciprocal)
    square_ = in_place_form(elementwise.square)
    sin_ = in_place_form(elementwise.sin)
    cos_ = in_place_form(elementwise.cos)
    tan_ = in_place_form(elementwise.tan)
    asin_ = arcsin_ = in_place_form(elementwise.asin)
    acos_ = arccos_ = in_place_form(elementwise.acos)
    atan_ = arctan_ = in_place_form(elementwise.atan)
    sinh_ = in_place_form(elementwise.sinh)
    cosh_ = in_place_form(elementwise.cosh)
    tanh_ = in_place_form(elementwise.tanh)
    sigmoid_ = in_place_form(elementwise.sigmoid)
    relu_ = in_place_form(elementwise.relu)
    erf_ = in_place_form(elementwise.erf)
    neg_ = negative_ = in_place_form(elementwise.neg)
    abs_ = absolute_ = in_place_form(elementwise.abs)
    sign_ = in_place_form(elementwise.sign)
    floor_ = in_place_form(elementwise.floor)
    ceil_ = in_place_form(elementwise.ceil)
    trunc_ = in_place_form(elementwise.trunc)
    round_ = in_place_form(elementwise.round)
    nan_to_num_ = in_place_form(elementwise.nan_to_num)
    clamp_ = clip_ = in_place_form(elementwise.clamp)
    clamp_min_ = in_place_form(elementwise.clamp_min)
    clamp_max_ = in_place_form(elementwise.clamp_max)
    __iand__ = bitwise_and_ = in_place_form(comparison.bitwise_and)
    __ior__ = bitwise_or_ = in_place_form(comparison.bitwise_or)
    __ixor__ = bitwise_xor_ = in_place_form(comparison.bitwise_xor)
    logical_and_ = in_place_form(comparison.logical_and)
    logical_or_ = in_place_form(comparison.logical_or)
    logical_xor_ = in_place_form(comparison.logical_xor)
    logical_not_ = in_place_form(comparison.logical_not)

    # --- comparisons and logic -----------------------------------------------------------------

    def __eq__(self, other: Any) -> Any:
        return NotImplemented if other is None else comparison.eq(self, other)

    def __ne__(self, other: Any) -> Any:
        return NotImplemented if other is None else comparison.ne(self, other)

    eq = comparison.eq
    ne = not_equal = comparison.ne
    __lt__ = lt = less = comparison.lt
    __le__ = le = less_equal = comparison.le
    __gt__ = gt = greater = comparison.gt
    __ge__ = ge = greater_equal = comparison.ge
    __and__ = __rand__ = bitwise_and = comparison.bitwise_and
    __or__ = __ror__ = bitwise_or = comparison.bitwise_or
    __xor__ = __rxor__ = bitwise_xor = comparison.bitwise_xor
    __invert__ = bitwise_not = comparison.bitwise_not
    logical_and = comparison.logical_and
    logical_or = comparison.logical_or
    logical_xor = comparison.logical_xor
    logical_not = comparison.logical_not
    isnan = comparison.isnan
    isinf = comparison.isinf
    isfinite = comparison.isfinite
    isclose = comparison.isclose
    allclose = comparison.allclose
    equal = comparison.equal

    # --- shapes and indexing -------------------------------------------------------------------

    view = shapes.view
    flatten = shapes.flatten
    unflatten = shapes.unflatten
    ravel = shapes.ravel
    squeeze = shapes.squeeze
    unsqueeze = shapes.unsqueeze
    transpose = swapaxes = swapdims = axes.transpose
    t = axes.t
    movedim = moveaxis = axes.movedim
    expand = repeating.expand
    expand_as = repeating.expand_as
    broadcast_to = repeating.broadcast_to
    repeat = repeating.repeat
    tile = repeating.tile
    repeat_interleave = repeating.repeat_interleave
    flip = axes.flip
    fliplr = axes.fliplr
    flipud = axes.flipud
    roll = axes.roll
    split = splitting.split
    chunk = splitting.chunk
    tensor_split = splitting.tensor_split
    unbind = splitting.unbind
    triu = pad.triu
    tril = pad.tril
    diag = pad.diag
    diag_embed = pad.diag_embed
    diagonal = pad.diagonal
    trace = pad.trace

    def reshape(self, *shape: Any) -> Tensor:
        """As `gpunet.reshape`; the sizes as numbers or as one tuple."""
        return shapes.reshape(self, shape if len(shape) != 1 else shape[0])

    def reshape_as(self, other: Tensor) -> Tensor:
        """In the shape of `other`."""
        return shapes.reshape(self, other.array.shape)

    def view_as(self, other: Tensor) -> Tensor:
        """A view in the shape of `other`."""
        return shapes.view(self, other.array.shape)

    def permute(self, *dims: Any) -> Tensor:
        """As `gpunet.permute`; the dims as numbers or as one tuple."""
        return axes.permute(self, dims if len(dims) != 1 else dims[0])

    @property
    def T(self) -> Tensor:
        """The axes in reverse order."""
        return axes.permute(self, range(self.array.ndim)[::-1])

    @property
    def mT(self) -> Tensor:
        """The last two axes swapped."""
        return axes.transpose(self, -2, -1)

    __getitem__ = indexing.getitem
    __setitem__ = indexing.setitem
    select = indexing.select
    narrow = indexing.narrow
    take = indexing.take
    masked_select = indexing.masked_select
    masked_fill = indexing.masked_fill
    masked_fill_ = indexing.masked_fill_
    nonzero = indexing.nonzero
    argwhere = indexing.argwhere
    gather = scatter.gather
    take_along_dim = scatter.take_along_dim
    scatter_add = scatter.scatter_add
    scatter_add_ = scatter.scatter_add_
    index_select = scatter.index_select
    index_add = scatter.index_add
    index_add_ = scatter.index_add_
    index_copy = scatter.index_copy
    index_copy_ = scatter.index_copy_
    index_fill = scatter.index_fill
    index_fill_ = scatter.index_fill_
    scatter_ = scatter.scatter_
    scatter = scatter.scatter

    def where(self, condition: Tensor, other: Any) -> Tensor:
        """This tensor where `condition` is true, else `other`."""
        return indexing.where(condition, self, other)

    sort = sorting.sort
    argsort = sorting.argsort
    msort = sorting.msort
    topk = sorting.topk
    kthvalue = sorting.kthvalue
    unique = counting.unique
    bincount = counting.bincount
    __matmul__ = matmul = linalg.matmul
    mm = linalg.mm
    bmm = linalg.bmm
    mv = linalg.mv
    dot = linalg.dot
    outer = ger = linalg.outer
    inner = einsum.inner
    addmm = linalg.addmm
    addmv = linalg.addmv
    baddbmm = linalg.baddbmm

    def new_tensor(self, values: Any, **options: Any) -> Tensor:
        """A copy of `values`, by default with this tensor's dtype and device."""
        return creation.beside(data_.tensor, self, values, **options)

    def new_empty(self, *size: Any, **options: Any) -> Tensor:
        """An uninitialised tensor, by default with this tensor's dtype and device."""
        return creation.beside(creation.empty, self, *size, **options)

    def new_zeros(self, *size: Any, **options: Any) -> Tensor:
        """Zeros, by default with this tensor's dtype and device."""
        return creation.beside(creation.zeros, self, *size, **options)

    def new_ones(self, *size: Any, **options: Any) -> Tensor:
        """Ones, by default with this tensor's dtype and device."""
        return creation.beside(creation.ones, self, *size, **options)

    def new_full(self, size: Any, fill_value: Any, **options: Any) -> Tensor:
        """`fill_value` in `size`, by default with this tensor's dtype and device."""
        return creation.beside(creation.full, self, size, fill_value, **options)

    # --- reductions ----------------------------------------------------------------------------

    sum = reduction.sum
    mean = reduction.mean
    prod = reduction.prod
    var = reduction.var
    std = reduction.std
    max = extremes.max
    min = extremes.min
    median = extremes.median
    amax = extremes.amax
    amin = extremes.amin
    argmax = extremes.argmax
    argmin = extremes.argmin
    all = reduction.all
    any = reduction.any
    count_nonzero = reduction.count_nonzero
    logsumexp = reduction.logsumexp
    softmax = softmax_.softmax
    log_softmax = softmax_.log_softmax
    norm = reduction.norm
    cumsum = reduction.cumsum
    cumprod = reduction.cumprod

    # --- random -------------------------------------------------------------------------------

    def uniform_(self, from_: _float = 0.0, to: _float = 1.0, *, generator: Any = None) -> Tensor:
        """`gpunet.functions.random.uniform_`."""
        return random.uniform_(self, from_, to, generator=generator)

    def normal_(self, mean: _float = 0.0, std: _float = 1.0, *, generator: Any = None) -> Tensor:
        """`gpunet.functions.random.normal_`."""
        return random.normal_(self, mean, std, generator=generator)

    def random_(self, from_: _int = 0, to: _int | None = None, *, generator: Any = None) -> Tensor:
        """`gpunet.functions.random.random_`."""
        return random.random_(self, from_, to, generator=generator)

    def bernoulli_(self, p: Any = 0.5, *, generator: Any = None) -> Tensor:
        """`gpunet.functions.random.bernoulli_`."""
        return random.bernoulli_(self, p, generator=generator)

    def bernoulli(self, *, generator: Any = None) -> Tensor:
        """`gpunet.functions.sampling.bernoulli`."""
        return sampling.bernoulli(self, generator=generator)

    def multinomial(
        self, num_samples: _int, replacement: _bool = False, *, generator: Any = None
    ) -> Tensor:
        """`gpunet.functions.sampling.multinomial`."""
        return sampling.multinomial(self, num_samples, replacement, generator=generator)


# What every operation returns.
Operation.result = Tensor
