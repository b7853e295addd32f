"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..autograd import enable_grad, no_grad
from ..backend import Array
from ..tensor import Tensor
from .flat import FlatBuffer
from .line_search import Point, strong_wolfe
from .optimizer import Optimizer
from .values import check_at_least_zero, numpy_copy

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    """Limited-memory BFGS: steps along the gradient times an estimate of the inverse Hessian.

    The estimate is built from the last `history_size` steps and changes of the gradient. A call of
    `step` runs up to `max_iter` iterations, and calls the closure in each. All parameters are in
    one group, on one device and of one dtype. This optimiser waits for the device.

    Source: Liu and Nocedal, On the limited memory BFGS method for large scale optimization (1989).

    Parameters
    ----------
    params : iterable of Tensor
    lr : float
        The step length, or the first to try in a line search. Default: 1.
    max_iter : int
        Iterations in one call of `step`. Default: 20.
    max_eval : int, optional
        Evaluations of the closure in one call of `step`. Default: ``max_iter * 1.25``.
    tolerance_grad : float
        Stop where no entry of the gradient is larger. Default: 1e-7.
    tolerance_change : float
        Stop where the loss or the parameters change less. Default: 1e-9.
    history_size : int
        Default: 100.
    line_search_fn : str, optional
        ``"strong_wolfe"``, or None for steps of length `lr`. Default: None.

    Raises
    ------
    ValueError
        If there is more than one group, device or dtype, or `lr` is negative.
    RuntimeError
        If `line_search_fn` is neither.
    """

    _opt_called = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ):
        check_at_least_zero(lr=lr)
        if line_search_fn not in (None, "strong_wolfe"):
            raise RuntimeError(f"only 'strong_wolfe' is supported, not {line_search_fn!r}")
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._flatten()
        # PyTorch's names: d direction, t its length, old_dirs changes of the gradient, old_stps
        # steps, ro inverses of their products, H_diag scale of the first estimate.
        self._memory: dict[str, Any] = {}

    def _flatten(self) -> None:
        params = self.param_groups[0]["params"]
        kinds = {(p.device, p.array.dtype) for p in params}
        if len(kinds) != 1:
            raise ValueError(f"LBFGS needs parameters of one device and dtype, got {kinds}")
        self._buffer = FlatBuffer(list({id(p): p for p in params}.values()))

    # --- one step -----------------------------------------------------------------------------

    @no_grad()
    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Run up to `max_iter` iterations.

        Parameters
        ----------
        closure : callable
            Sets the gradients to zero or None, computes the loss and its gradients, and returns it.

        Returns
        -------
        The loss before the first iteration.
        """
        self._opt_called = True
        group = self.param_groups[0]
        first_loss, loss, g = self._evaluate(closure)
        xp, memory = self._buffer.backend.xp, self._memory
        evaluations = 1
        memory["func_evals"] = memory.get("func_evals", 0) + 1
        memory.setdefault("n_iter", 0)
        if float(xp.abs(g).max()) <= group["tolerance_grad"]:
            return first_loss
        iterations = 0
        while iterations < group["max_iter"]:
            iterations += 1
            memory["n_iter"] += 1
            d = self._direction(g, group["history_size"])
            memory["d"] = d
            memory["prev_flat_grad"] = g
            memory["prev_loss"] = previous_loss = loss
            t = group["lr"]
            if memory["n_iter"] == 1:
                t *= min(1.0, 1.0 / float(xp.abs(g).sum()))
            memory["t"] = t
            slope = float(xp.dot(g, d))
            if slope > -group["tolerance_change"]:
                break
            used = 0
            if group["line_search_fn"] is not None:
                start = Point(0.0, loss, g, slope)
                found, used = self._search(closure, start, d, t, group["max_eval"] - evaluations)
                loss, g, t = found.f, found.g, found.t
                memory["t"] = t
                self._move(t, d)
            else:
                self._move(t, d)
                if iterations != group["max_iter"]:  # in a last iteration nobody would look at it
                    _, loss, g = self._evaluate(closure)
                    used = 1
            evaluations += used
            memory["func_evals"] += used
            flat = float(xp.abs(g).max()) <= group["tolerance_grad"]
            if (
                iterations == group["max_iter"]
                or evaluations >= group["max_eval"]
                or flat
                or float(xp.abs(d).max()) * abs(t) <= group["tolerance_change"]
                or abs(loss - previous_loss) < group["tolerance_change"]
            ):
                break
        return first_loss

    def _direction(self, g: Array, history_size: int) -> Array:
        """The two-loop recursion: minus the estimate of the inverse Hessian, times g."""
        memory = self._memory
        xp = self._buffer.backend.xp
        if memory["n_iter"] == 1:
            memory.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return -g
        y = g - memory["prev_flat_grad"]
        s = memory["d"] * memory["t"]
        ys = xp.dot(y, s)
        old_dirs, old_stps, ro = memory["old_dirs"], memory["old_stps"], memory["ro"]
        if float(ys) > 1e-10:
            if len(old_dirs) == history_size:
                del old_dirs[0], old_stps[0], ro[0]
            old_dirs.append(y)
            old_stps.append(s)
            ro.append(1.0 / ys)
            memory["H_diag"] = ys / xp.dot(y, y)
        # The scalars stay on the device: this loop does not wait for it.
        q = -g
        al = []
        for y, s, r in zip(reversed(old_dirs), reversed(old_stps), reversed(ro)):
            al.append(xp.dot(s, q) * r)
            q -= y * al[-1]
        q *= memory["H_diag"]
        for y, s, r, a in zip(old_dirs, old_stps, ro, reversed(al)):
            q += s * (a - xp.dot(y, q) * r)
        return q

    def _search(
        self, closure: Any, start: Point, d: Array, t: float, most: int
    ) -> tuple[Point, int]:
        buffer = self._buffer
        xp = buffer.backend.xp
        origin = buffer.values.copy()

        def evaluate(t: float) -> tuple[float, Array]:
            self._move(t, d)
            _, loss, g = self._evaluate(closure)
            buffer.values[...] = origin
            return loss, g

        longest = float(xp.abs(d).max())
        return strong_wolfe(
            evaluate, lambda g: float(xp.dot(g, d)), start, t, longest, max_evaluations=most
        )

    def _move(self, t: float, d: Array) -> None:
        values = self._buffer.values
        values += d * t

    def _evaluate(self, closure: Callable[[], Any]) -> tuple[Any, float, Array]:
        """The loss as the closure returned it and as a number, and a copy of the gradients."""
        with enable_grad():
            loss = closure()
        if self._buffer.active() is None:  # the parameters moved to another device or dtype
            state = self._packed()
            self._flatten()
            self._unpack(state)
            self._buffer.active()
        for p, _, gradient in self._buffer.rows:
            if p.grad is None:
                gradient.fill(0)
        return loss, float(loss), self._buffer.gradients.copy()

    # --- state, in PyTorch's layout: without the gaps of the buffer, at the first parameter -----

    def _packed(self) -> dict[str, Any]:
        return {name: self._pack(value) for name, value in self._memory.items()}

    def _pack(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._pack(item) for item in value]
        if isinstance(value, int | float) and not isinstance(value, np.floating):
            return value
        buffer = self._buffer
        if value.ndim == 0:
            return Tensor(buffer.backend.xp.asarray(value).copy())
        parts = [buffer.part(value, i, row[1]).reshape(-1) for i, row in enumerate(buffer.rows)]
        return Tensor(buffer.backend.xp.concatenate(parts))

    def _unpack(self, state: dict[str, Any]) -> None:
        self._memory = {name: self._spread(x) for name, x in state.items() if x is not None}

    def _spread(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._spread(item) for item in value if item is not None]
        if isinstance(value, int | float):
            return value
        buffer = self._buffer
        value = numpy_copy(value).astype(buffer.dtype)
        if value.ndim == 0:
            return buffer.backend.from_numpy(value, buffer.device)
        flat = buffer.zeros()
        value = buffer.backend.from_numpy(value, buffer.device)
        start = 0
        for i, (_, view, _) in enumerate(buffer.rows):
            buffer.part(flat, i, view)[...] = value[start : start + view.size].reshape(view.shape)
            start += view.size
        if start != value.size:
            raise ValueError(f"the state is for {value.size} parameters, but there are {start}")
        return flat

    def _state_by_index(self, index: dict[int, int]) -> dict[int, Any]:
        return {0: self._packed()} if self._memory else {}

    def _load_state(self, params: dict[int, Any], state: dict[int, Any]) -> None:
        # PyTorch's "al" is scratch of one iteration.
        self._unpack({k: v for k, v in state.get(0, {}).items() if k != "al"})
        if "t" in self._memory:
            self._memory["t"] = float(self._memory["t"])
