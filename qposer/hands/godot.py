"""Reader of Godot's binary animation resources (``.res``), as far as poses of hands need it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

# fmt: off
_SCALARS = {1: ("", 0), 2: ("I", 1), 3: ("i", 1), 4: ("f", 1), 10: ("f", 2), 12: ("f", 3), 14: ("f", 4), 40: ("q", 1),
            41: ("d", 1)}
# fmt: on
"""Format and count of the numbers of simple values, by type."""
_TEXTS = (5, 44)
_NODE_PATH, _DICTIONARY, _ARRAY, _FLOATS = 22, 26, 30, 33
_INLINE = 0x80000000


class _Stream:
    """Little-endian numbers and strings of a file, one after the other."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0
        self.names: list[str] = []

    def take(self, kind: str, number: int = 1) -> tuple[Any, ...]:
        values = struct.unpack_from(f"<{number}{kind}", self.content, self.at)
        self.at += struct.calcsize(f"<{number}{kind}")
        return values

    def text(self, length: int) -> str:
        raw = self.content[self.at : self.at + length]
        self.at += length
        return raw.rstrip(b"\0").decode()

    def named(self) -> str:
        """A string that is in the file's table, or here."""
        (number,) = self.take("I")
        return self.text(number & ~_INLINE) if number & _INLINE else self.names[number]


def read_bone_rotations(path: Path) -> dict[str, np.ndarray]:
    """Rotations (quaternions x, y, z, w) of bones at the first key of an animation, by name of the bone.

    Args:
        path: an ``Animation`` resource, uncompressed and little-endian, as of Godot 4.

    Raises:
        ValueError: the file is not such a resource, or it is damaged.
    """
    stream = _Stream(path.read_bytes())
    try:
        properties = _properties(stream)
    except (struct.error, IndexError, UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"{path}: expected an animation resource of Godot ({error})") from error
    found: dict[str, np.ndarray] = {}
    for name, value in properties.items():
        if name.endswith("/path"):
            keys = properties.get(name.removesuffix("path") + "keys")
            if (
                isinstance(keys, np.ndarray)
                and len(keys) >= 6
                and properties[name.removesuffix("path") + "type"] == "rotation_3d"
            ):
                found[value] = keys[2:6]
    return found


def _properties(stream: _Stream) -> dict[str, Any]:
    """Properties of the resource by name."""
    if stream.content[:4] != b"RSRC":
        raise ValueError("it does not begin with RSRC")
    stream.at = 4
    stream.take("I", 5)
    stream.text(*stream.take("I"))
    stream.take("Q")
    stream.take("I")
    stream.take("Q")
    stream.take("I", 11)
    stream.names = [stream.text(*stream.take("I")) for _ in range(*stream.take("I"))]
    if stream.take("I") != (0,):
        raise ValueError("it refers to other resources")
    offsets: list[int] = []
    for _ in range(*stream.take("I")):
        stream.text(*stream.take("I"))
        offsets += stream.take("Q")
    stream.at = offsets[-1]
    stream.text(*stream.take("I"))
    return {stream.named(): _value(stream) for _ in range(*stream.take("I"))}


def _value(stream: _Stream) -> Any:
    """The next value, whose type precedes it."""
    (kind,) = stream.take("I")
    if kind in _SCALARS:
        values = stream.take(_SCALARS[kind][0], _SCALARS[kind][1]) if _SCALARS[kind][1] else (None,)
        return values[0] if len(values) == 1 else values
    if kind in _TEXTS:
        return stream.text(*stream.take("I"))
    if kind == _NODE_PATH:
        names, subnames = stream.take("H", 2)
        return [stream.named() for _ in range(names + (subnames & 0x7FFF))][-1]
    if kind == _ARRAY:
        return [_value(stream) for _ in range(stream.take("I")[0] & 0x7FFFFFFF)]
    if kind == _DICTIONARY:
        return {str(_value(stream)): _value(stream) for _ in range(stream.take("I")[0] & 0x7FFFFFFF)}
    if kind == _FLOATS:
        (number,) = stream.take("I")
        return np.array(stream.take("f", number))
    raise ValueError(f"a value of type {kind} at byte {stream.at}")
