"""Simulated file damage by disks, downloads, editors and attackers."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable

import numpy as np

_NUMBERS = ("1e400", "-1e308", "NaN", "3.4e38", "1e30", "-1", "null", "[]", '"x"', "9" * 400, "true", "{}")
"""Replacements of numbers in texts."""

_VALUES = (np.nan, np.inf, -1.0, 0.0, 1e30, 3.4e38, 1e-45)
"""Replacements of numbers in arrays."""

_KINDS = ("f2", "f4", "f8", "i1", "i8", "u8", "?", "c16", "U3", "S2", "M8[s]")


def damaged(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Damage a copy of a file's content.

    Args:
        content: content of a valid file.
        other: content of another file, to splice parts from.
        rng: random generator.

    Returns:
        The damaged content.
    """
    ways: list[Callable[[bytes, bytes, np.random.Generator], bytes]] = [_flipped, _cut, _spliced, _overwritten]
    if content[:2] == b"PK":
        ways += [_other_arrays] * 4  # the archive's checksums detect flipped bits
    elif content[:1] in b"{[":
        ways += [_other_numbers] * 4
    elif content[8:9] == b"{":
        ways += [_other_header] * 4
    return ways[rng.integers(len(ways))](content, other, rng)


def _flipped(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    changed = np.frombuffer(content, np.uint8).copy()
    where = rng.integers(len(changed), size=int(2 ** rng.uniform(0, 7)))
    changed[where] ^= np.uint8(1) << rng.integers(8, size=len(where)).astype(np.uint8)
    return changed.tobytes()


def _cut(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    return content[: int(rng.integers(len(content)))]


def _spliced(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    begin, end = np.sort(rng.integers(len(other) + 1, size=2)).tolist()
    at = int(rng.integers(len(content)))
    return content[:at] + other[begin:end] + content[at + int(rng.integers(2)) * (end - begin) :]


def _overwritten(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    at, length = int(rng.integers(len(content))), int(2 ** rng.uniform(0, 6))
    filler = (b"\x00", b"\xff", b"\x7f", b"9")[rng.integers(4)]
    return content[:at] + filler * length + content[at + length :]


def _other_numbers(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """A JSON text with some numbers replaced or removed."""
    text = content.decode("utf-8", errors="replace")
    found = list(re.finditer(r"-?\d+(\.\d+)?", text))
    for index in sorted(rng.integers(len(found), size=rng.integers(1, 4)).tolist(), reverse=True):
        match = found[index]
        text = text[: match.start()] + _NUMBERS[rng.integers(len(_NUMBERS))] + text[match.end() :]
    return text.encode()


def _other_header(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """A safetensors file with correct header lengths but another configuration or other sizes."""
    size = int.from_bytes(content[:8], "little")
    text = content[8 : 8 + size].decode()
    metadata = json.loads(text).get("__metadata__", {})
    found = list(re.finditer(r"(?<=: )\d+|(?<=:)\d+|(?<=\[)\d+", text))
    match = found[rng.integers(len(found))]
    number = ("0", "1", "3", "65536", "1000000000", str(10**30), "-1", '"x"', "null", "1.5")[rng.integers(10)]
    text = text[: match.start()] + number + text[match.end() :]
    if metadata and rng.integers(4) == 0:
        text = text.replace("format", "formal", 1)
    header = text.encode()
    return len(header).to_bytes(8, "little") + header + content[8 + size :]


def _other_arrays(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """An archive with valid checksums, with an array that is missing or has other numbers, shape or type."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    name = list(members)[rng.integers(len(members))]
    members[name] = _other_array(members[name], rng)
    if rng.integers(8) == 0:
        del members[name]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, raw in members.items():
            archive.writestr(member, raw)
    return file.getvalue()


def _other_array(raw: bytes, rng: np.random.Generator) -> bytes:
    array = np.load(io.BytesIO(raw), allow_pickle=False)
    way = rng.integers(6)
    if way == 0:  # the header claims more data than there is
        huge = b"(" + b"9" * int(rng.integers(1, 40)) + b",)"
        return raw[:10] + re.sub(rb"\([\d, ]*\)", lambda match: huge.ljust(len(match[0])), raw[10:], count=1)
    if way == 1:
        array = array.reshape(-1)[: int(rng.integers(array.size + 1))]
    elif way == 2:
        array = np.stack([array] * int(rng.integers(3)) or [array[None]])
    elif way == 3:
        array = np.zeros(array.shape, _KINDS[rng.integers(len(_KINDS))])
    elif array.dtype.kind in "fiu" and array.size:
        array = array.astype(np.float64)
        array.reshape(-1)[rng.integers(array.size, size=rng.integers(1, 5))] = _VALUES[rng.integers(len(_VALUES))]
    else:
        array = np.full(array.shape, "9" * int(rng.integers(6)))
    file = io.BytesIO()
    with np.errstate(all="ignore"):
        np.save(file, array, allow_pickle=False)
    return file.getvalue()
