"""Messages that a browser may send: those of the panel and the scene, no other message of viser's protocol."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec

LARGEST_UPLOAD = 100_000_000
"""Largest file, in bytes."""

_PART = 512 * 1024
"""Size of the parts in which the page sends files, in bytes."""

LARGEST_MESSAGE = 2 * _PART
"""In bytes."""

_Name = Annotated[str, msgspec.Meta(max_length=1000)]
_Count = Annotated[int, msgspec.Meta(ge=0)]
_Pair = tuple[float, float]
_Point = tuple[float, float, float]


class _Sent(msgspec.Struct, tag=True, forbid_unknown_fields=True):
    """Viser's message of the same name, with the fields that its page sets."""


class ViewerCameraMessage(_Sent):
    """The camera of a tab."""

    wxyz: tuple[float, float, float, float]
    position: _Point
    fov: float
    near: float
    far: float
    image_height: _Count
    image_width: _Count
    look_at: _Point
    up_direction: _Point


class Value(msgspec.Struct, forbid_unknown_fields=True):
    """A widget's value; only the server sets its other properties."""

    value: bool | int | float | str


class GuiUpdateMessage(_Sent):
    """A widget was used."""

    uuid: _Name
    updates: Value


class CommandTriggerMessage(_Sent):
    """A key was pressed."""

    uuid: _Name


class SceneNodeClickMessage(_Sent):
    """A ball was clicked."""

    name: _Name
    instance_index: None
    ray_origin: _Point
    ray_direction: _Point
    screen_pos: _Pair
    modifier: _Name | None
    owner: Literal[""] = ""


class SceneNodeDragMessage(_Sent):
    """A ball is dragged."""

    phase: Literal["start", "update", "end"]
    name: _Name
    instance_index: None
    start_position: _Point
    start_screen_pos: _Pair
    end_position: _Point
    end_screen_pos: _Pair
    button: Literal["left", "middle", "right"]
    modifier: _Name | None
    owner: Literal[""] = ""


class FileTransferStartUpload(_Sent):
    """Start of an upload."""

    source_component_uuid: _Name
    transfer_uuid: _Name
    filename: _Name
    mime_type: _Name
    part_count: _Count
    size_bytes: _Count


class FileTransferPart(_Sent):
    """A part of an uploaded file."""

    source_component_uuid: _Name
    transfer_uuid: _Name
    part_index: _Count
    content: bytes


_decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(
    ViewerCameraMessage
    | GuiUpdateMessage
    | CommandTriggerMessage
    | SceneNodeClickMessage
    | SceneNodeDragMessage
    | FileTransferStartUpload
    | FileTransferPart
)


class RefusedError(ValueError):
    """A message that the page never sends."""


@dataclass
class Rules:
    """The widgets, keys and nodes that messages may refer to; empty at first."""

    values: dict[str, Callable[[Any], bool]] = field(default_factory=dict)
    """For each widget, by UUID: whether a value is valid for it."""
    commands: set[str] = field(default_factory=set)
    """UUIDs of the keys."""
    uploads: set[str] = field(default_factory=set)
    """UUIDs of the upload buttons."""
    nodes: set[str] = field(default_factory=set)
    """Names of the nodes that can be clicked and dragged."""
    too_large: Callable[[FileTransferStartUpload], None] = lambda _: None
    """Called for a file larger than `LARGEST_UPLOAD`, which is dropped."""


class Listener:
    """Checks the messages of one connection."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._transfers: dict[str, _Transfer] = {}

    def heard(self, raw: bytes) -> bytes | None:
        """The checked message for viser; None if it is dropped without being an error.

        It is encoded again from the decoded content, so that viser decodes exactly what was checked.

        Raises:
            RefusedError: the page never sends this.
        """
        try:
            message = _decoder.decode(raw)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, OverflowError) as error:
            raise RefusedError(str(error)) from error
        return msgspec.msgpack.encode(message) if self._passes(message) else None

    def _passes(self, message: _Sent) -> bool:
        """Whether the message is passed on to viser."""
        rules = self._rules
        match message:
            case GuiUpdateMessage(uuid=uuid, updates=updates):
                known = uuid in rules.values and rules.values[uuid](updates.value)
            case CommandTriggerMessage(uuid=uuid):
                known = uuid in rules.commands
            case SceneNodeClickMessage(name=name) | SceneNodeDragMessage(name=name):
                known = name in rules.nodes
            case FileTransferStartUpload():
                return self._begins(message)
            case FileTransferPart():
                return self._goes_on(message)
            case _:
                known = True
        if not known:
            raise RefusedError(f"a {type(message).__name__} for an unknown target or with an invalid value")
        return True

    def _begins(self, start: FileTransferStartUpload) -> bool:
        known = start.source_component_uuid in self._rules.uploads and start.transfer_uuid not in self._transfers
        if not known or start.part_count != math.ceil(start.size_bytes / _PART):
            raise RefusedError("an upload for an unknown button, or with inconsistent sizes")
        if len(self._transfers) >= len(self._rules.uploads):  # a button waits for its file
            raise RefusedError("more simultaneous uploads than buttons")
        if start.size_bytes > LARGEST_UPLOAD:
            self._rules.too_large(start)
            return False
        if start.part_count:
            self._transfers[start.transfer_uuid] = _Transfer(start)
        return True

    def _goes_on(self, part: FileTransferPart) -> bool:
        transfer = self._transfers.get(part.transfer_uuid)
        if transfer is None:  # the file was too large, or its upload began before the connection was lost
            return False
        transfer.take(part)
        if not transfer.missing:
            del self._transfers[part.transfer_uuid]
        return True


class _Transfer:
    """A running upload."""

    def __init__(self, start: FileTransferStartUpload) -> None:
        self.missing = set(range(start.part_count))
        self._button = start.source_component_uuid
        self._bytes_left = start.size_bytes

    def take(self, part: FileTransferPart) -> None:
        """Register a received part.

        Raises:
            RefusedError: the part does not belong to this file, or exceeds its announced size.
        """
        self._bytes_left -= len(part.content)
        if part.source_component_uuid != self._button or part.part_index not in self.missing or self._bytes_left < 0:
            raise RefusedError("a part that does not belong to its file")
        self.missing.remove(part.part_index)
