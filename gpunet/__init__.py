"""gpunet: neural networks on plain NumPy and CuPy arrays.

The public interface is PyTorch's: ``import gpunet as torch`` runs a script that stays inside what
gpunet has.
"""

__version__ = "0.1.0"

import builtins as _builtins

from .autograd import (
    autocast,
    enable_grad,
    get_autocast_dtype,
    inference_mode,
    is_autocast_enabled,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from .backend import Device as device
from .dtypes import *
from .errors import OutOfMemoryError
from .functions.arithmetic import *
from .functions.comparison import *
from .functions.conversion import clone
from .functions.elementwise import *
from .functions.extremes import *
from .functions.promotion import can_cast, promote_types, result_type
from .functions.properties import *
from .functions.reduction import *
from .functions.softmax import *
from .tensor import Tensor  # isort: split

from .backend import default_device as get_default_device
from .backend import get_num_threads, set_default_device, set_num_threads
from .backend.precision import get_float32_matmul_precision, set_float32_matmul_precision
from .backend.rng import Generator, default_generator
from .functions.axes import *
from .functions.counting import bincount, bucketize, searchsorted, unique
from .functions.creation import *
from .functions.data import *  # after gpunet.tensor, the module: its `tensor` is the function
from .functions.einsum import *
from .functions.indexing import *
from .functions.joining import *
from .functions.linalg import *
from .functions.memory_format import *
from .functions.memory_format import MemoryFormat as memory_format
from .functions.pad import diag, diag_embed, diagonal, trace, tril, triu
from .functions.random import get_rng_state, initial_seed, manual_seed, seed, set_rng_state
from .functions.repeating import *
from .functions.sampling import *
from .functions.scatter import *
from .functions.sequences import *
from .functions.shape import *
from .functions.sorting import *
from .functions.splitting import *

# All names, but for those that would hide Python's own: gpunet.sum, gpunet.float, ...
__all__ = [name for name in globals() if not name.startswith("_") and not hasattr(_builtins, name)]

#: Subpackages that are imported when they are first named: ``gpunet.nn``, ``gpunet.optim``, ...
_ON_DEMAND = (
    "amp",
    "cuda",
    "datasets",
    "inspection",
    "io",
    "linalg",
    "network",
    "nn",
    "optim",
    "profiler",
    "recipes",
    "train",
    "utils",
)


def __getattr__(name: str) -> object:
    if name == "compile":
        from .capture import compile

        return compile
    if name in _ON_DEMAND:
        import importlib

        return importlib.import_module(f"{__name__}.{name}")
    if name == "bfloat16":
        from . import dtypes

        return dtypes.__getattr__(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
