"""Device names: ``"cpu"``, ``"cuda"``, ``"cuda:1"``."""

from __future__ import annotations

from ..errors import DeviceError

__all__ = ["Device"]


class Device:
    """Where an array lives, as in ``torch.device``.

    Parameters
    ----------
    type : str or Device
        ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
    index : int, optional
        The number of the GPU, where it is not part of `type`. ``"cuda"`` alone means GPU 0.

    Raises
    ------
    DeviceError
        If the name is none of these.
    """

    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __init__(self, type: str | Device, index: int | None = None):
        if isinstance(type, Device):
            index, type = type.index, type.type
        elif isinstance(type, str) and ":" in type and index is None:
            type, _, number = type.partition(":")
            if not number.isdecimal():
                raise DeviceError(
                    f"device {type}:{number!r}: expected a GPU number after the colon"
                )
            index = int(number)
        if type not in ("cpu", "cuda"):
            raise DeviceError(f'unknown device {type!r}: expected "cpu", "cuda" or "cuda:N"')
        if type == "cpu" and index not in (None, 0):
            raise DeviceError(f'there is only one "cpu" device, not number {index}')
        self.type = type
        self.index = None if type == "cpu" else (index or 0)

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        if self.index is None:
            return f"device(type={self.type!r})"
        return f"device(type={self.type!r}, index={self.index})"

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, str):
            other = Device(other)
        if not isinstance(other, Device):
            return NotImplemented
        return self.type == other.type and self.index == other.index

    def __hash__(self) -> int:
        return hash((self.type, self.index))
