"""`Module`: the base class of layers and models."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from ..autograd import Variable
from .convert import Conversions
from .hooks import Hook, RemovableHandle, run_with_hooks
from .parameter import Parameter
from .registration import Registration
from .state import IncompatibleKeys, load

__all__ = ["Module"]

Self = TypeVar("Self", bound="Module")


class Module(Registration, Conversions):
    """Base class of layers and models: subclass it, assign layers, define ``forward``.

    Attributes
    ----------
    training : bool
        Whether layers such as dropout behave as in training; set by `train` and `eval`.
    """

    _hooks: dict[int, Hook] | None = None

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; every subclass defines it."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._hooks is None:
            return self.forward(*args, **kwargs)
        return run_with_hooks(self, args, kwargs)

    # --- traversal: each module before its children, in the order of registration -------------

    def named_modules(
        self, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all below it, with their dotted names; each once."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._own_modules.items():
            if module is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, path, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """This module and all below it; each once."""
        for _, module in self.named_modules():
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below this one, with their names; each once."""
        seen = set()
        for name, module in self._own_modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """The modules directly below this one; each once."""
        for _, module in self.named_children():
            yield module

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their dotted names; one that has several names, once, by its first.

        Parameters
        ----------
        prefix : str
            Put before each name, with a dot.
        recurse : bool
            Include those of the modules below.
        remove_duplicate : bool
            Give a shared parameter only once.
        """
        return self._named("_own_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters; each once."""
        for _, parameter in self.named_parameters("", recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """The buffers with their dotted names, as `named_parameters`."""
        return self._named("_own_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Any]:
        """The buffers; each once."""
        for _, buffer in self.named_buffers("", recurse):
            yield buffer

    def _named(
        self, table: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        owners = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, self)]
        )
        for path, module in owners:
            for name, member in module.__dict__[table].items():
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield f"{path}.{name}" if path else name, member

    def get_submodule(self, target: str) -> Module:
        """The module with the dotted name `target`; this one for an empty name."""
        module: Any = self
        for name in target.split(".") if target else ():
            if name not in module._own_modules:
                raise AttributeError(f"{type(module).__name__} has no module `{name}`")
            module = module._own_modules[name]
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter with the dotted name `target`."""
        return self._get("_own_parameters", target, "parameter")

    def get_buffer(self, target: str) -> Any:
        """The buffer with the dotted name `target`."""
        return self._get("_own_buffers", target, "buffer")

    def _get(self, table: str, target: str, kind: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        member = module.__dict__[table].get(name)
        if member is None:
            raise AttributeError(f"{type(module).__name__} has no {kind} `{name}`")
        return member

    def apply(self: Self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` on every module below and then on this one."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # --- modes and gradients ------------------------------------------------------------------

    def train(self: Self, mode: bool = True) -> Self:
        """Put this module and all below it into training mode, or out of it."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self: Self) -> Self:
        """Put this module and all below it into evaluation mode."""
        return self.train(False)

    def requires_grad_(self: Self, requires_grad: bool = True) -> Self:
        """Set whether the parameters take part in `backward`."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad.array.fill(0)

    # --- state --------------------------------------------------------------------------------

    def state_dict(
        self,
        *,
        destination: dict[str, Any] | None = None,
        prefix: str = "",
        keep_vars: bool = False,
    ) -> dict[str, Any]:
        """Parameters and persistent buffers by dotted name, as tensors that share their memory.

        Parameters
        ----------
        destination : dict, optional
            Filled and returned; a new ordered dict by default.
        prefix : str
            Put before each name.
        keep_vars : bool
            Give the tensors themselves, not detached ones.
        """
        state: dict[str, Any] = OrderedDict() if destination is None else destination
        tensors: dict[str, Variable | None] = {**self._own_parameters}
        for name, buffer in self._own_buffers.items():
            if name not in self._transient:
                tensors[name] = buffer
        for name, tensor in tensors.items():
            if tensor is not None:
                state[prefix + name] = tensor if keep_vars else tensor.detach()  # type: ignore[attr-defined]
        for name, module in self._own_modules.items():
            if module is not None:
                module.state_dict(destination=state, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        return state

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True
    ) -> IncompatibleKeys:
        """Copy values by name into the parameters and persistent buffers, in the memory they have.

        Parameters
        ----------
        state_dict : mapping
            The values by dotted name: tensors of gpunet, NumPy or CuPy arrays, PyTorch tensors.
        strict : bool
            Whether missing and unexpected keys are an error.

        Returns
        -------
        IncompatibleKeys
            ``(missing_keys, unexpected_keys)``.

        Raises
        ------
        RuntimeError
            With every missing, unexpected and mis-shaped key; nothing has been changed then.
        """
        return load(self, state_dict, strict)

    # --- hooks --------------------------------------------------------------------------------

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before each forward; what it returns replaces the arguments.

        Parameters
        ----------
        hook : callable
        prepend : bool
            Call it before the hooks that are there.
        with_kwargs : bool
            Call ``hook(module, args, kwargs)`` instead, which may return ``(args, kwargs)``.
        """
        return RemovableHandle(self, Hook("before", hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after each forward.

        What it returns, if not None, is the new output. With `with_kwargs` it is
        called as ``hook(module, args, kwargs, output)``.
        """
        return RemovableHandle(self, Hook("after", hook, with_kwargs), prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` when the gradients of the outputs have arrived.

        What it returns, if not None, takes their place.
        """
        return RemovableHandle(self, Hook("before backward", hook), prepend)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the inputs' gradients are known.

        Both are tuples with one entry for each positional argument and each output, None for what
        has no gradient. What it returns, if not None, takes the place of ``grad_input``.
        """
        return RemovableHandle(self, Hook("after backward", hook), prepend)

    # --- text ---------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """The settings shown in the `repr`; layers define it."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        settings = self.extra_repr()
        lines = settings.split("\n") if settings else []
        children = [
            f"({name}): {indented(repr(module))}" for name, module in self._own_modules.items()
        ]
        if len(lines) == 1 and not children:
            return f"{self._get_name()}({lines[0]})"
        if lines or children:
            return f"{self._get_name()}(\n  " + "\n  ".join(lines + children) + "\n)"
        return f"{self._get_name()}()"


def indented(text: str) -> str:
    """`text` with its second and further lines moved in by two spaces."""
    return text.replace("\n", "\n  ")
