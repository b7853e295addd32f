"""`Optimizer`: parameter groups, their options and their state, as ``torch.optim.Optimizer``."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

from ..autograd import Variable
from .values import copied, placed

__all__ = ["Optimizer"]


class Optimizer:
    """The base class of all optimisers.

    A class of your own implements `step`, and may keep what it needs for each parameter in
    ``self.state[p]``, a dict. gpunet's own derive from `gpunet.optim.fused.FlatOptimizer`.

    Parameters
    ----------
    params : iterable of Tensor, of (name, Tensor), or of dict
        The parameters, or groups of them: dicts with ``"params"`` and options of their own.
    defaults : dict
        The options of groups that do not say otherwise.

    Attributes
    ----------
    param_groups : list of dict
        ``"params"`` and the options, which may be changed between steps.
    state : dict
        For each parameter a dict.

    Raises
    ------
    TypeError
        If `params` is a single tensor or a set, or a parameter is not a tensor.
    ValueError
        If there is no parameter, a parameter is not a leaf, or it is in two groups.
    """

    #: Whether `step` was called, which the schedulers want to know; None where nobody notes it.
    _opt_called: bool | None = None

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]):
        if isinstance(params, Variable):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or "
                f"dicts, but got {type(params).__name__}"
            )
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self._make_state()
        groups = params if isinstance(params, set) else list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if isinstance(groups, set) or not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _make_state(self) -> None:
        self.state: Any = defaultdict(dict)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters, for instance layers that are no longer frozen.

        Parameters
        ----------
        param_group : dict
            ``"params"``: a tensor or a list of them; any of the optimiser's options.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the "
                "ordering of tensors in sets will change between runs. Please use a list instead."
            )
        params = [params] if isinstance(params, Variable) else list(params)
        names = [item[0] for item in params if isinstance(item, tuple)]
        if names and len(names) != len(params):
            raise ValueError(
                "all optimizer params should be with/without names. Some param names are missing"
            )
        params = [item[1] if isinstance(item, tuple) else item for item in params]
        for p in params:
            if not isinstance(p, Variable):
                raise TypeError(
                    "optimizer can only optimize Tensors, but one of the params is "
                    f"{type(p).__name__}"
                )
            if p.node is not None:
                raise ValueError("can't optimize a non-leaf Tensor")
        if any(("param_names" in group) != bool(names) for group in self.param_groups):
            raise ValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{'with' if names else 'without'} names to the optimizer"
            )
        own = {id(p) for p in params}
        if len(own) != len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; each is "
                "updated once in a step",
                stacklevel=3,
            )
        if any(id(p) in own for group in self.param_groups for p in group["params"]):
            raise ValueError("some parameters appear in more than one parameter group")
        param_group["params"] = params
        if names:
            param_group["param_names"] = names
        for name, default in self.defaults.items():
            param_group.setdefault(name, default)
        self.param_groups.append(param_group)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change the parameters by one step.

        Parameters
        ----------
        closure : callable, optional
            Computes the loss again, with its gradients, and returns it.

        Returns
        -------
        What the closure returned.
        """
        raise NotImplementedError(f"{type(self).__name__}.step")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters.

        Parameters
        ----------
        set_to_none : bool
            Set ``p.grad`` to None, so that a parameter with no new gradient is left as it is by
            the next step. With False the gradients there are become zeros.
        """
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad.array.fill(0)

    def state_dict(self) -> dict[str, Any]:
        """A copy of all that a later run needs to go on from here, in PyTorch's layout.

        Returns
        -------
        dict
            ``"state"``: for the index of each parameter that has one its state, numbers and
            tensors. ``"param_groups"``: the options, and the parameters by their index. On a GPU
            this waits for the device.
        """
        index: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for p in group["params"]:
                index.setdefault(id(p), len(index))
            packed = {k: deepcopy(v) for k, v in group.items() if k != "params"}
            packed["params"] = [index[id(p)] for p in group["params"]]
            groups.append(packed)
        return {"state": self._state_by_index(index), "param_groups": groups}

    def _state_by_index(self, index: dict[int, int]) -> dict[int, Any]:
        return {index[id(p)]: copied(state) for p, state in self.state.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned, here or in PyTorch.

        Parameters
        ----------
        state_dict : dict
            Tensors may be gpunet's, PyTorch's or arrays; they are copied to each parameter's
            device and dtype.

        Raises
        ------
        ValueError
            If the groups or the shapes do not fit.
        """
        saved = deepcopy(state_dict["param_groups"])
        if len(saved) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        params: dict[int, Any] = {}
        for group, old in zip(self.param_groups, saved):
            if len(group["params"]) != len(old["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of "
                    "optimizer's group"
                )
            params.update(zip(old["params"], group["params"]))
        # JSON turns the integers among the keys into text.
        state = {int(key): value for key, value in state_dict["state"].items()}
        self._load_state({i: p for i, p in params.items() if i in state}, state)
        for group, old in zip(self.param_groups, saved):
            del old["params"]
            if "betas" in old:
                old["betas"] = tuple(old["betas"])
            group.update(old)

    def _load_state(self, params: dict[int, Any], state: dict[int, Any]) -> None:
        self.state = defaultdict(dict)
        for i, p in params.items():
            self.state[p] = placed(state[i], p.array)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
            lines.append("")
        return "\n".join(lines[:-1]) + "\n)"
