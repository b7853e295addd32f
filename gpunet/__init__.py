"""gpunet: neural networks on plain NumPy and CuPy arrays.

The public interface is PyTorch's: ``import gpunet as torch`` runs a script that stays inside what
gpunet has.
"""

__version__ = "0.1.0"

import builtins as _builtins

from .autograd import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from .backend import Device as device
from .dtypes import *
from .functions.arithmetic import *
from .functions.comparison import *
from .functions.conversion import clone
from .functions.elementwise import *
from .functions.promotion import can_cast, promote_types, result_type
from .functions.properties import *
from .functions.reduction import *
from .tensor import Tensor

# All names, but for those that would hide Python's own: gpunet.sum, gpunet.float, ...
__all__ = [name for name in globals() if not name.startswith("_") and not hasattr(_builtins, name)]
