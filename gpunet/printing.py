"""The text of a tensor, laid out as PyTorch does it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .autograd import Node
from .autograd.tape import Output
from .dtypes import get_default_dtype

__all__ = ["tensor_text"]

PRECISION = 4  # digits after the point
THRESHOLD = 1000  # elements above which only the edges are shown
EDGE = 3
WIDTH = 80


def tensor_text(values: np.ndarray, device: str, requires_grad: bool, node: Node | None) -> str:
    """``tensor([1., 2.], device='cuda:0', dtype=gpunet.float64, requires_grad=True)``."""
    dtype = values.dtype
    if dtype.char == "E":  # bfloat16
        values = values.astype(np.float32)
    prefix = "tensor("
    notes = []
    if device != "cpu":
        notes.append(f"device='{device}'")
    default = get_default_dtype()
    if values.size == 0:
        body = "[]"
        if values.ndim != 1:
            notes.append(f"size={values.shape}")
        shown = dtype != default
    else:
        summarise = values.size > THRESHOLD
        body = _block(values, len(prefix), summarise, _formatter(_edges(values, summarise)))
        shown = dtype not in (default, np.dtype("int64"), np.dtype("bool"))
    if shown:
        notes.append(f"dtype=gpunet.{dtype}")
    if node is not None:
        notes.append(f"grad_fn=<{_name(node)}>")
    elif requires_grad:
        notes.append("requires_grad=True")
    text = prefix + body
    used = len(text) - text.rfind("\n") - 1
    for note in notes:
        if used + len(note) + 3 > WIDTH:
            text += ",\n" + " " * len(prefix) + note
            used = len(prefix) + len(note)
        else:
            text += ", " + note
            used += len(note) + 2
    return text + ")"


def _name(node: Node) -> str:
    """``AddBackward`` for the node of `add`."""
    function = node.edges[0].function if type(node.function) is Output else node.function
    return function.name.title().replace("_", "") + "Backward"


def _edges(values: np.ndarray, summarise: bool) -> np.ndarray:
    """What is shown of `values`."""
    if summarise:
        for axis, n in enumerate(values.shape):
            if n > 2 * EDGE:
                values = np.take(values, [*range(EDGE), *range(n - EDGE, n)], axis)
    return values


def _formatter(values: np.ndarray) -> Callable[[Any], str]:
    """A function that writes each element in the same width."""
    flat = values.reshape(-1)
    if values.dtype.kind != "f":
        width = max(len(str(x)) for x in flat.tolist())
        return lambda x: str(x).rjust(width)
    counted = flat[np.isfinite(flat) & (flat != 0)].astype(np.float64)
    if not counted.size:
        form = whole_form
        return _padded(form, 1)
    large, small = float(np.abs(counted).max()), float(np.abs(counted).min())
    whole = bool((counted == np.ceil(counted)).all())
    if large > 1000 * small or large > 1e8 or (not whole and small < 1e-4):
        form = scientific_form
    else:
        form = whole_form if whole else decimal_form
    return _padded(form, max(len(form(x)) for x in counted.tolist()))


def whole_form(x: float) -> str:
    """``3.``"""
    return f"{x:.0f}." if math.isfinite(x) else f"{x:.0f}"


def decimal_form(x: float) -> str:
    """``3.1416``"""
    return f"{x:.{PRECISION}f}"


def scientific_form(x: float) -> str:
    """``3.1416e+00``"""
    return f"{x:.{PRECISION}e}"


def _padded(form: Callable[[float], str], width: int) -> Callable[[Any], str]:
    return lambda x: form(x).rjust(width)


def _block(values: np.ndarray, indent: int, summarise: bool, form: Callable[[Any], str]) -> str:
    if values.ndim == 0:
        return form(values.item())
    cut = summarise and len(values) > 2 * EDGE
    first, last = (values[:EDGE], values[-EDGE:]) if cut else (values, values[:0])
    if values.ndim > 1:
        rows = [_block(x, indent + 1, summarise, form) for x in first]
        rows += ["..."] * cut + [_block(x, indent + 1, summarise, form) for x in last]
        return "[" + ("," + "\n" * (values.ndim - 1) + " " * (indent + 1)).join(rows) + "]"
    items = [form(x) for x in first.tolist()]
    items += [" ..."] * cut + [form(x) for x in last.tolist()]
    width = len(form(values[0].item())) + 2 if len(values) else 1
    per_line = max(1, (WIDTH - indent) // width)
    lines = [", ".join(items[i : i + per_line]) for i in range(0, len(items), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
