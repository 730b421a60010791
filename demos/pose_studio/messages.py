"""What a browser may say to the studio: what the panel and the room send, and nothing else that viser understands."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec

LARGEST_UPLOAD = 100_000_000
"""Bytes of a file."""

_PART = 512 * 1024
"""Bytes in which the page sends files."""

LARGEST_MESSAGE = 2 * _PART
"""Bytes."""

_Name = Annotated[str, msgspec.Meta(max_length=1000)]
_Count = Annotated[int, msgspec.Meta(ge=0)]
_Pair = tuple[float, float]
_Point = tuple[float, float, float]


class _Sent(msgspec.Struct, tag=True, forbid_unknown_fields=True):
    """A message of viser's of the same name, with the fields that its page fills."""


class ViewerCameraMessage(_Sent):
    """From where a tab looks."""

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
    """What a widget is set to; its other properties are the server's business."""

    value: bool | int | float | str


class GuiUpdateMessage(_Sent):
    """A widget that was used."""

    uuid: _Name
    updates: Value


class CommandTriggerMessage(_Sent):
    """A key that was pressed."""

    uuid: _Name


class SceneNodeClickMessage(_Sent):
    """A ball that was clicked."""

    name: _Name
    instance_index: None
    ray_origin: _Point
    ray_direction: _Point
    screen_pos: _Pair
    modifier: _Name | None
    owner: Literal[""] = ""


class SceneNodeDragMessage(_Sent):
    """A ball that is dragged."""

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
    """A file that is about to come."""

    source_component_uuid: _Name
    transfer_uuid: _Name
    filename: _Name
    mime_type: _Name
    part_count: _Count
    size_bytes: _Count


class FileTransferPart(_Sent):
    """A part of that file."""

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
    """What there is in the page to be used; nothing at first."""

    values: dict[str, Callable[[Any], bool]] = field(default_factory=dict)
    """Of each widget, by its UUID: whether it can be set to a value."""
    commands: set[str] = field(default_factory=set)
    """UUIDs of the keys."""
    uploads: set[str] = field(default_factory=set)
    """UUIDs of the buttons that take files."""
    nodes: set[str] = field(default_factory=set)
    """Names of what can be clicked and dragged."""
    too_large: Callable[[FileTransferStartUpload], None] = lambda _: None
    """Called with a file that is larger than `LARGEST_UPLOAD`; none of it is kept."""


class Listener:
    """Hears what one connection says."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._transfers: dict[str, _Transfer] = {}

    def heard(self, raw: bytes) -> bytes | None:
        """The message as viser may have it; None where it may not, but nobody is to blame.

        It is written anew from what was understood of it, so that viser cannot understand it otherwise.

        Raises:
            RefusedError: the page never sends this.
        """
        try:
            message = _decoder.decode(raw)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, OverflowError) as error:
            raise RefusedError(str(error)) from error
        return msgspec.msgpack.encode(message) if self._passes(message) else None

    def _passes(self, message: _Sent) -> bool:
        """Whether viser shall have it."""
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
            raise RefusedError(f"a {type(message).__name__} of something that is not there, or cannot be set to this")
        return True

    def _begins(self, start: FileTransferStartUpload) -> bool:
        known = start.source_component_uuid in self._rules.uploads and start.transfer_uuid not in self._transfers
        if not known or start.part_count != math.ceil(start.size_bytes / _PART):
            raise RefusedError("an upload of nothing that is there")
        if len(self._transfers) >= len(self._rules.uploads):  # a button waits for its file
            raise RefusedError("more files at a time than there are buttons")
        if start.size_bytes > LARGEST_UPLOAD:
            self._rules.too_large(start)
            return False
        if start.part_count:
            self._transfers[start.transfer_uuid] = _Transfer(start)
        return True

    def _goes_on(self, part: FileTransferPart) -> bool:
        transfer = self._transfers.get(part.transfer_uuid)
        if transfer is None:  # of a file that was too large, or that began before the connection was lost
            return False
        transfer.take(part)
        if not transfer.missing:
            del self._transfers[part.transfer_uuid]
        return True


class _Transfer:
    """A file that is coming."""

    def __init__(self, start: FileTransferStartUpload) -> None:
        self.missing = set(range(start.part_count))
        self._button = start.source_component_uuid
        self._bytes_left = start.size_bytes

    def take(self, part: FileTransferPart) -> None:
        """Note that a part has come.

        Raises:
            RefusedError: it is none of this file's, or makes the file larger than it said.
        """
        self._bytes_left -= len(part.content)
        if part.source_component_uuid != self._button or part.part_index not in self.missing or self._bytes_left < 0:
            raise RefusedError("a part of a file that does not belong to it")
        self.missing.remove(part.part_index)
