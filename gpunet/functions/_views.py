"""Which tensors are views of tensors in use: those may not become others on the tape."""

from __future__ import annotations

from sys import getrefcount

from ..autograd import Node, Variable

__all__ = ["is_view_of_another", "refuse_view"]

#: The operations whose results are views of their first input.
_VIEWS = frozenset(["diagonal", "expand", "getitem", "permute", "reshape", "split", "unbind"])

_sample = [object()]
#: The references to what is held in one place.
_ONE = getrefcount(_sample[0])


def is_view_of_another(x: Variable) -> bool:
    """Whether `x` is a view of a tensor that somebody may still look at.

    No tensor knows its views. But the view's array or node refers to that of the tensor, and if
    nothing else does, the tensor is gone.
    """
    node = x.node
    if type(x.array.base) is not type(x.array):
        # Its own memory; but NumPy puts something between a diagonal and the array.
        if node is None or node.function.name != "diagonal":
            return False
    elif node is None:
        return getrefcount(x.array.base) > _ONE
    if node.function.name == "output":  # one of several
        node = node.edges[0]
    if node.function.name not in _VIEWS:
        return False
    return type(node.edges[0]) is not Node or getrefcount(node.edges[0]) > _ONE


def refuse_view(name: str, x: Variable) -> None:
    """Raise if `x`, about to become another tensor on the tape, is a view of one in use.

    In PyTorch that one changes with it; here it would silently keep its values.
    """
    if is_view_of_another(x):
        raise RuntimeError(
            f"{name}: a view of a tensor cannot be changed in place while the tape records it, "
            "because the tensor would keep its values; assign to the tensor itself, as in "
            "x[...] = ..., or make a new one with cat, stack or where"
        )
