"""`GradScaler`: the loss times a factor that keeps small gradients above float16's smallest."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

from ..autograd import Variable
from ..backend import backend_of, probe_cuda
from ..nn.utils.clip import gradient_arrays
from ..tensor import Tensor
from . import scale as _scale
from .device_step import step_unless

__all__ = ["GradScaler"]

_FIX = (
    "This may indicate your script did not use scaler.scale(loss or outputs) earlier in the "
    "iteration."
)


class _Checked:
    """What is known of one optimiser since the last `update`."""

    def __init__(self) -> None:
        self.stage = "ready"  # then "unscaled", then "stepped"
        self.found: Any = None  # 1 if a gradient was not finite, else 0: float32 on the device


class GradScaler:
    """Scales the loss so that gradients fit float16, as ``torch.amp.GradScaler``.

    ::

        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)              # only where gradients are clipped or looked at
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)                  # skipped if a gradient is infinite or NaN
        scaler.update()

    `update` multiplies the scale by `backoff_factor` where a gradient was not finite, and by
    `growth_factor` after `growth_interval` steps in a row where all were. The scale, the count of
    those steps and whether a gradient was not finite stay on the device. `step` waits for it, once,
    to know whether to skip, as PyTorch's does.

    Source: Micikevicius et al., Mixed Precision Training (2018), in PyTorch's form.

    Parameters
    ----------
    device : {"cuda", "cpu"}
        "cuda" without a GPU that can be used is a warning, and switches the scaler off.
    init_scale, growth_factor, backoff_factor : float
    growth_interval : int
    enabled : bool
        With False nothing is scaled, and `step` is the optimiser's.

    Raises
    ------
    AssertionError
        If `growth_factor` is not above 1 or `backoff_factor` not below.
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ):
        self._device = device
        self._enabled = enabled
        if enabled and device == "cuda" and not probe_cuda().usable:
            warnings.warn(
                "GradScaler is enabled, but CUDA is not available.  Disabling.", stacklevel=2
            )
            self._enabled = False
        if not self._enabled:
            return
        if growth_factor <= 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if backoff_factor >= 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._init_scale = float(init_scale)
        self._init_tracker = 0
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        # Made at the first call of `scale`, on the device of what it is given.
        self._scale: Any = None
        self._tracker: Any = None
        self._checked: dict[int, _Checked] = {}

    def scale(self, outputs: Any) -> Any:
        """`outputs`, a tensor or an iterable of tensors, times the scale.

        Raises
        ------
        ValueError
            If it is neither.
        """
        if not self._enabled:
            return outputs
        if isinstance(outputs, Variable):
            if self._scale is None:
                self._scale = _scale.full(outputs.array, self._init_scale, "float32")
                self._tracker = _scale.full(outputs.array, self._init_tracker, "int32")
            return outputs * Tensor(_scale.moved(self._scale, outputs.array))
        if isinstance(outputs, Iterable):
            scaled = map(self.scale, outputs)
            return type(outputs)(scaled) if isinstance(outputs, list | tuple) else scaled  # type: ignore[call-arg]
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of `optimizer` by the scale, in place; does not wait for the device.

        Raises
        ------
        RuntimeError
            If it was called already since the last `update`, or after `step`.
        ValueError
            If a gradient is float16: parameters are float32 in mixed precision.
        """
        if not self._enabled:
            return
        self._require_scale("unscale_")
        checked = self._of(optimizer)
        if checked.stage == "unscaled":
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        if checked.stage == "stepped":
            raise RuntimeError("unscale_() is being called after step().")
        arrays, _ = gradient_arrays(_parameters(optimizer))
        if any(array.dtype.char == "e" for array in arrays):
            raise ValueError("Attempting to unscale FP16 gradients.")
        if arrays:
            checked.found = _scale.unscale(arrays, self._scale)
        checked.stage = "unscaled"

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """``optimizer.step(*args, **kwargs)`` if all gradients are finite; first `unscale_` it.

        Returns
        -------
        What ``optimizer.step`` returns; None if it was skipped.

        Raises
        ------
        RuntimeError
            If it was called already since the last `update`, or with a closure.
        AssertionError
            If no loss was scaled before, or no parameter has a gradient.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        checked = self._unscaled(optimizer)
        result = None
        if not backend_of(checked.found).to_numpy(checked.found):
            result = optimizer.step(*args, **kwargs)
        checked.stage = "stepped"
        return result

    def _step_on_device(self, optimizer: Any) -> None:
        """`step` without a wait for the device, for use in a captured step; see `step_unless`.

        Raises
        ------
        TypeError
            If the optimiser is none that works on flat buffers.
        RuntimeError, AssertionError
            As `step`.
        """
        if not self._enabled:
            optimizer.step()
            return
        checked = self._unscaled(optimizer)
        step_unless(optimizer, checked.found)
        checked.stage = "stepped"

    def _unscaled(self, optimizer: Any) -> _Checked:
        """What is known of the gradients of `optimizer`, which are unscaled by then."""
        self._require_scale("step")
        checked = self._of(optimizer)
        if checked.stage == "stepped":
            raise RuntimeError("step() has already been called since the last update().")
        if checked.stage == "ready":
            self.unscale_(optimizer)
        if checked.found is None:
            raise AssertionError("No inf checks were recorded for this optimizer.")
        return checked

    def update(self, new_scale: float | Variable | None = None) -> None:
        """Adapt the scale after the steps of all optimisers, or set it to `new_scale`.

        Raises
        ------
        AssertionError
            If no loss was scaled before, no gradients were looked at since the last `update`, or
            `new_scale` is no number and no tensor of one element.
        """
        if not self._enabled:
            return
        self._require_scale("update")
        if isinstance(new_scale, float):
            self._scale.fill(new_scale)
        elif new_scale is not None:
            self._set(new_scale)
        else:
            found = [state.found for state in self._checked.values() if state.found is not None]
            if not found:
                raise AssertionError("No inf checks were recorded prior to update.")
            _scale.update(
                self._scale, self._tracker, found,
                self._growth_factor, self._backoff_factor, self._growth_interval,
            )  # fmt: skip
        self._checked = {}

    def _set(self, new_scale: Any) -> None:
        if (
            not isinstance(new_scale, Variable)
            or backend_of(new_scale.array).name != self._device
            or new_scale.array.size != 1
            or new_scale.requires_grad
        ):
            raise AssertionError(
                "new_scale should be a float or a 1-element tensor on the scaler's device with "
                "requires_grad=False."
            )
        self._scale[...] = new_scale.array.reshape(())

    def _of(self, optimizer: Any) -> _Checked:
        return self._checked.setdefault(id(optimizer), _Checked())

    def _require_scale(self, name: str) -> None:
        if self._scale is None:
            raise AssertionError(f"Attempted {name} but _scale is None.  {_FIX}")

    # --- what it is set to ------------------------------------------------------------------------

    def get_scale(self) -> float:
        """The scale; 1.0 where the scaler is off. On a GPU this waits for the device."""
        if not self._enabled:
            return 1.0
        if self._scale is None:
            return self._init_scale
        return float(backend_of(self._scale).to_numpy(self._scale))

    def _get_growth_tracker(self) -> int:
        if not self._enabled:
            return 0
        if self._tracker is None:
            return self._init_tracker
        return int(backend_of(self._tracker).to_numpy(self._tracker))

    def get_growth_factor(self) -> float:
        """What the scale is multiplied by when it grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set what the scale is multiplied by when it grows."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What the scale is multiplied by after a skipped step."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set what the scale is multiplied by after a skipped step."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """After how many finite steps in a row the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set after how many finite steps in a row the scale grows."""
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        """Whether the scaler does anything."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """The scale and what it is adapted by, in PyTorch's layout; empty where it is off."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._get_growth_tracker(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned, here or in PyTorch.

        Raises
        ------
        RuntimeError
            If it is empty, as that of a scaler that is off.
        """
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled "
                "instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._init_tracker = state_dict["_growth_tracker"]
        if self._scale is not None:
            self._scale.fill(self._init_scale)
            self._tracker.fill(self._init_tracker)


def _parameters(optimizer: Any) -> list[Any]:
    return [p for group in optimizer.param_groups for p in group["params"]]
