"""How a module keeps track of its parameters, buffers and children.

They stand in the instance's ``__dict__`` like any other attribute, so that ``self.weight`` costs no
more than Python's own lookup, and besides in one table each, which the traversals read::

    Linear.__dict__ = {"weight": W, "bias": b, "in_features": 784, ...,
                       "_own_parameters": {"weight": W, "bias": b},
                       "_own_buffers": {}, "_own_modules": {}}

Only `__setattr__`, `__delattr__` and the ``register_*`` methods write to the tables;
``_parameters``, ``_buffers`` and ``_modules`` are read-only views, because a change there alone
would be half a change.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ..autograd import Variable
from .hooks import changes
from .parameter import Parameter

__all__ = ["Registration"]


class Registration:
    """The part of `gpunet.nn.Module` that registers attributes."""

    training: bool
    _own_parameters: dict[str, Parameter | None]
    _own_buffers: dict[str, Variable | None]
    _own_modules: dict[str, Any]
    _transient: set[str]  # names of the buffers that state_dict leaves out

    def __init__(self) -> None:
        self.__dict__.update(
            training=True, _own_parameters={}, _own_buffers={}, _own_modules={}, _transient=set()
        )

    @property
    def _parameters(self) -> Mapping[str, Parameter | None]:
        """The module's own parameters, to be read; assign attributes to change them."""
        return MappingProxyType(self._own_parameters)

    @property
    def _buffers(self) -> Mapping[str, Variable | None]:
        """The module's own buffers, to be read; assign attributes to change them."""
        return MappingProxyType(self._own_buffers)

    @property
    def _modules(self) -> Mapping[str, Any]:
        """The module's children, to be read; assign attributes to change them."""
        return MappingProxyType(self._own_modules)

    def __setattr__(self, name: str, value: Any) -> None:
        state = self.__dict__
        if isinstance(value, Parameter):
            self._enter("parameter", name, value)
        elif isinstance(value, Registration):
            self._enter("module", name, value)
        elif "_own_parameters" not in state:
            object.__setattr__(self, name, value)
        elif name in state["_own_parameters"]:
            self.register_parameter(name, value)
        elif name in state["_own_modules"]:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{type(value).__name__}' as child module '{name}' "
                    "(gpunet.nn.Module or None expected)"
                )
            self._enter("module", name, None)
        elif name in state["_own_buffers"]:
            self.register_buffer(name, value, name not in state["_transient"])
        else:
            object.__setattr__(self, name, value)
            if name == "forward":
                changes.count += 1

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        state = self.__dict__
        if "_own_parameters" in state:
            changes.count += 1
            self._own_parameters.pop(name, None)
            self._own_buffers.pop(name, None)
            self._transient.discard(name)
            if name in self._own_modules:
                del self._own_modules[name]
                self._children_changed()

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Enter `param` under `name`; None keeps the place of a parameter that is absent.

        Raises
        ------
        AttributeError
            Before ``Module.__init__()``.
        TypeError, KeyError, ValueError
            If `param` is not a leaf `Parameter`, or `name` is not a free attribute name.
        """
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{type(param).__name__}' as parameter '{name}' "
                "(gpunet.nn.Parameter or None expected)"
            )
        self._check_free("parameter", name)
        self._enter("parameter", name, param)

    def register_buffer(self, name: str, tensor: Variable | None, persistent: bool = True) -> None:
        """Enter `tensor`, which is part of the state but not learned, under `name`.

        Parameters
        ----------
        name : str
        tensor : Tensor or None
        persistent : bool
            Whether it is part of `state_dict`.
        """
        if tensor is not None and not isinstance(tensor, Variable):
            raise TypeError(
                f"cannot assign '{type(tensor).__name__}' as buffer '{name}' "
                "(gpunet.Tensor or None expected)"
            )
        self._check_free("buffer", name)
        self._enter("buffer", name, tensor)
        if persistent:
            self._transient.discard(name)
        else:
            self._transient.add(name)

    def register_module(self, name: str, module: Any) -> None:
        """Enter the child `module` under `name`."""
        if module is not None and not isinstance(module, Registration):
            raise TypeError(f"{type(module).__name__} is not a Module subclass")
        self._check_free("module", name)
        self._enter("module", name, module)

    add_module = register_module

    def _check_free(self, kind: str, name: str) -> None:
        if "_own_parameters" not in self.__dict__:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {type(name).__name__}")
        if hasattr(self, name) and name not in getattr(self, f"_own_{kind}s"):
            raise KeyError(f"attribute '{name}' already exists")

    def _enter(self, kind: str, name: str, value: Any) -> None:
        """Register `value`, in place of what has the name; one of its kind keeps its rank."""
        state = self.__dict__
        if "_own_parameters" not in state:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if kind == "parameter" and value is not None and value.node is not None:
            raise ValueError(
                f"cannot assign a non-leaf tensor as parameter '{name}': a parameter must be made "
                "explicitly; compute what depends on another tensor in forward()"
            )
        if name in state and state[name] is not value:
            changes.count += 1
        for other in ("parameter", "buffer", "module"):
            if other != kind:
                state[f"_own_{other}s"].pop(name, None)
        if kind != "buffer":
            self._transient.discard(name)
        state[f"_own_{kind}s"][name] = value
        state[name] = value
        if kind == "module":
            self._children_changed()

    def _children_changed(self) -> None:
        """Called when a child was entered or removed; containers that keep a plan drop it."""
