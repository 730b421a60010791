import math

import msgspec
import pytest
from viser import _messages

from fitting.studio import messages
from fitting.studio.messages import LARGEST_UPLOAD, Listener, RefusedError, Rules

encode, decode = msgspec.msgpack.encode, msgspec.msgpack.decode

PART = 2**19
CLICK = {
    "type": "SceneNodeClickMessage",
    "name": "/handles/head",
    "instance_index": None,
    "ray_origin": [0.0, 1.0, 4.0],
    "ray_direction": [0.0, 0.0, -1.0],
    "screen_pos": [0.5, 0.5],
    "modifier": "shift",
    "owner": "",
}
DRAG = {
    "type": "SceneNodeDragMessage",
    "phase": "update",
    "name": "/handles/head",
    "instance_index": None,
    "start_position": [0.0, 1.0, 0.0],
    "start_screen_pos": [0.5, 0.5],
    "end_position": [1.0, 1.0, math.inf],
    "end_screen_pos": [0.5, 0.5],
    "button": "left",
    "modifier": None,
    "owner": "",
}
BOX = {"type": "GuiUpdateMessage", "uuid": "box", "updates": {"value": True}}
KEY = {"type": "CommandTriggerMessage", "uuid": "undo"}


@pytest.fixture
def camera(camera):
    return {"type": "ViewerCameraMessage"} | {
        name: list(value) if isinstance(value, tuple) else value for name, value in camera.items()
    }


@pytest.fixture
def too_large():
    return []


@pytest.fixture
def rules(too_large):
    return Rules(
        {"box": lambda value: isinstance(value, bool)}, {"undo"}, {"photo", "pose"}, {"/handles/head"}, too_large.append
    )


@pytest.fixture
def listener(rules):
    return Listener(rules)


@pytest.fixture
def passes(listener):
    """Whether a message passes unchanged."""

    def passes(message):
        heard = listener.heard(encode(message))
        assert heard is None or decode(heard) == message
        return heard is not None

    return passes


@pytest.fixture
def refused(listener):
    def refused(message):
        with pytest.raises(RefusedError):
            listener.heard(message if isinstance(message, bytes) else encode(message))

    return refused


def start(size, transfer="t", button="photo", **others):
    fields = {
        "source_component_uuid": button,
        "transfer_uuid": transfer,
        "filename": "a.jpg",
        "mime_type": "image/jpeg",
    }
    fields |= {"part_count": math.ceil(size / PART), "size_bytes": size}
    return {"type": "FileTransferStartUpload"} | fields | others


def part(index, content, transfer="t", button="photo"):
    fields = {"source_component_uuid": button, "transfer_uuid": transfer, "part_index": index, "content": content}
    return {"type": "FileTransferPart"} | fields


def test_messages_of_the_page_are_accepted(passes, camera):
    for message in (camera, BOX, KEY, CLICK, DRAG):
        assert passes(message)


def test_browsers_write_whole_numbers_as_integers(listener, camera):
    heard = decode(listener.heard(encode(camera | {"position": [0, 1, 4]})))
    assert heard["position"] == [0.0, 1.0, 4.0]


SENT = {name for name in vars(messages) if name.endswith(("Message", "Upload", "Part"))}


@pytest.mark.parametrize("kind", sorted({kind.__name__ for kind in _messages.Message.get_subclasses()} - SENT))
def test_other_messages_that_viser_understands_are_refused(refused, kind):
    refused({"type": kind})
    refused({"type": kind, "uuid": "box"})


def test_the_messages_are_some_of_visers():
    known = {kind.__name__: kind for kind in _messages.Message.get_subclasses()}
    for name in SENT:
        fields = {field.name for field in msgspec.structs.fields(vars(messages)[name])}
        assert fields == set(known[name].__dataclass_fields__) - {"excluded_self_client"}


@pytest.mark.parametrize(
    "change",
    [
        {"updates": {"disabled": True}},
        {"updates": {"value": True, "visible": False}},
        {"updates": {"value": True, "sync_cb": None}},
        {"updates": {}},
        {"updates": {"value": None}},
        {"updates": {"value": [True]}},
        {"updates": {"value": {"a": 1}}},
        {"updates": {"value": "on"}},
        {"updates": [True]},
        {"uuid": "gone"},
        {"uuid": ["box"]},
        {"excluded_self_client": 1},
    ],
)
def test_only_values_of_widgets_that_are_there_are_set(refused, change):
    refused(BOX | change)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "/body"},
        {"owner": "0"},
        {"instance_index": 1},
        {"phase": "begin"},
        {"button": "x1"},
        {"end_position": "far"},
        {"end_position": [1.0]},
        {"end_position": [1.0, 2.0, "3"]},
        {"end_position": None},
        {"modifier": "x" * 2000},
    ],
)
def test_only_balls_are_dragged_and_to_points_only(refused, change):
    refused(DRAG | change)


def test_unknown_fields_of_clicks_keys_and_cameras_are_rejected(refused, camera):
    refused(CLICK | {"name": "/ground"})
    refused(KEY | {"uuid": "box"})
    refused(camera | {"image_width": -1})
    refused(camera | {"wxyz": "x"})


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00" * 64,
        b"\xc1",
        b"\x91" * 100_000,
        b"\xdf\xff\xff\xff\xff",
        encode([1, 2]),
        encode({"uuid": "box"}),
        encode({"type": 1}),
    ],
)
def test_invalid_data_are_rejected(refused, raw):
    refused(raw)


def test_repeated_messages_are_sent_once(listener):
    """With a duplicate key, viser could read another value than the checked one."""
    once = encode(BOX)
    twice = bytes([once[0] + 1]) + encode("uuid") + encode("gone") + once[1:]
    assert decode(listener.heard(twice)) == BOX
    assert listener.heard(twice).count(b"uuid") == 1


def test_nothing_is_there_before_the_panel_is(camera):
    listener = Listener(Rules())
    assert listener.heard(encode(camera)) is not None
    for message in (BOX, KEY, CLICK, DRAG, start(1)):
        with pytest.raises(RefusedError):
            listener.heard(encode(message))


def test_files_come_in_parts_of_any_order(passes, refused):
    assert passes(start(2 * PART + 3))
    assert passes(part(2, b"abc"))
    assert passes(part(0, bytes(PART)))
    refused(part(0, b""))
    assert passes(part(1, bytes(PART)))
    assert not passes(part(1, bytes(PART)))
    assert passes(start(1))
    assert passes(start(0, "empty"))


def test_a_file_must_not_exceed_its_declared_size(passes, refused):
    assert passes(start(PART + 1))
    assert passes(part(0, bytes(PART)))
    refused(part(1, b"ab"))


@pytest.mark.parametrize(
    "change", [{"part_count": 10**9}, {"part_count": 0}, {"source_component_uuid": "box"}, {"size_bytes": -1}]
)
def test_uploads_without_a_button_are_rejected(refused, change):
    refused(start(PART) | change)


def test_parts_of_other_files(passes, refused):
    assert passes(start(PART))
    assert not passes(part(0, b"a", "of another connection"))
    refused(part(1, b"a"))
    refused(part(0, b"a", button="pose"))


def test_a_button_waits_for_its_file(passes, refused):
    assert passes(start(PART, "one"))
    refused(start(PART, "one"))
    assert passes(start(PART, "two", "pose"))
    refused(start(PART, "three"))


def test_files_that_are_too_large_are_reported_and_left_out(passes, too_large):
    assert passes(start(LARGEST_UPLOAD))
    assert passes(part(0, bytes(PART)))
    assert not passes(start(LARGEST_UPLOAD + 1, "t2", "pose"))
    assert not passes(part(0, bytes(PART), "t2", "pose"))
    assert [(file.filename, file.size_bytes) for file in too_large] == [("a.jpg", LARGEST_UPLOAD + 1)]
