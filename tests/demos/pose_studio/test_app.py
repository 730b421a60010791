"""The studio over its websocket, as browsers and others talk to it."""

import contextlib
import io
import socket
import time

import msgspec
import numpy as np
import pytest
import viser
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from demos.pose_studio.app import Studio
from demos.pose_studio.scene import PINNED
from demos.pose_studio.server import start_server
from demos.pose_studio.session import read_session

PATIENCE = 30.0


def eventually(condition):
    """Wait for what is bound to come."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


class Tab:
    """What a browser tab says to the server, without a browser."""

    def __init__(self, studio):
        self.studio = studio
        self.socket = connect(
            f"ws://127.0.0.1:{studio._server.get_port()}", subprotocols=[f"viser-v{viser.__version__}"], max_size=None
        )
        known = len(studio._server.get_clients())
        self.say(
            "ViewerCameraMessage",
            wxyz=(0.0, 1.0, 0.0, 0.0),
            position=(0.0, 1.0, 4.0),
            fov=0.7,
            near=0.01,
            far=100.0,
            image_height=600,
            image_width=800,
            look_at=(0.0, 1.0, 0.0),
            up_direction=(0.0, 1.0, 0.0),
        )
        eventually(lambda: len(studio._server.get_clients()) > known)

    def say(self, message, **fields):
        self.socket.send(msgspec.msgpack.encode({"type": message, **fields}))

    def pull(self, phase, handle="left_hand", to=(0.1, 1.2, 0.3)):
        self.say(
            "SceneNodeDragMessage",
            phase=phase,
            name=f"/handles/{handle}",
            instance_index=None,
            start_position=(0.0, 1.0, 0.0),
            start_screen_pos=(0.5, 0.5),
            end_position=to,
            end_screen_pos=(0.5, 0.4),
            button="left",
            modifier=None,
            owner="",
        )

    def press(self, group, value):
        self.say("GuiUpdateMessage", uuid=group._impl.uuid, updates={"value": value})

    def upload(self, button, name, content):
        uuid = button._impl.uuid
        start = {"source_component_uuid": uuid, "transfer_uuid": "t", "filename": name, "mime_type": ""}
        self.say("FileTransferStartUpload", **start, part_count=1, size_bytes=len(content))
        self.say("FileTransferPart", source_component_uuid=uuid, transfer_uuid="t", part_index=0, content=content)


@pytest.fixture
def studio(editor, tmp_path):
    made = Studio(start_server("127.0.0.1", 0), editor, tmp_path / "session.npz")
    yield made
    made.close()


@pytest.fixture
def tab(studio):
    return Tab(studio)


def poses(studio):
    return len(studio.editor.session.poses)


def test_a_drag_is_a_step_that_is_kept(studio, tab, tmp_path):
    for phase in ("start", "update", "update", "end"):
        tab.pull(phase)
    eventually(lambda: poses(studio) == 2)
    assert studio.worker.wait(PATIENCE)
    assert read_session(tmp_path / "session.npz").current.origin == "left hand dragged"


def test_targets_do_not_pile_up_behind_a_solve(studio, tab, solver):
    solver.distance = 0.0
    solver.may_go_on.clear()
    tab.pull("start")
    assert solver.started.wait(PATIENCE)
    for step in range(50):
        tab.pull("update", to=(0.01 * step, 1.0, 0.0))
    tab.pull("end", to=(0.7, 1.0, 0.0))
    eventually(lambda: not studio._grabbed)
    solver.may_go_on.set()
    eventually(lambda: poses(studio) == 2)
    assert len(solver.calls) <= 3


def test_a_tab_that_closes_in_the_middle_of_a_solve_loses_nothing(studio, tab, solver):
    solver.may_go_on.clear()
    tab.pull("start")
    tab.pull("update")
    assert solver.started.wait(PATIENCE)
    tab.socket.close()
    solver.may_go_on.set()
    eventually(lambda: poses(studio) == 2)
    assert studio.editor.drag is None
    other = Tab(studio)
    other.press(studio._panel.whole, "mirror")
    eventually(lambda: poses(studio) == 3)


def test_a_solve_that_fails_is_told_and_the_studio_goes_on(studio, tab, solver):
    solver.error = RuntimeError("the matrix is singular")
    tab.pull("start")
    tab.pull("end")
    eventually(lambda: not studio._grabbed)
    tab.socket.close()
    eventually(lambda: "the matrix is singular" in studio._panel._status.content)
    solver.error = None
    other = Tab(studio)
    for phase in ("start", "end"):
        other.pull(phase)
    eventually(lambda: poses(studio) == 2)


RUBBISH = [
    "text, and no bytes",
    b"",
    b"\x00" * 64,
    np.random.default_rng(0).bytes(4096),
    msgspec.msgpack.encode([1, 2, 3]),
    msgspec.msgpack.encode({"type": "NoSuchMessage"}),
    msgspec.msgpack.encode({"type": "GuiUpdateMessage"}),
    msgspec.msgpack.encode({"type": "GuiUpdateMessage", "uuid": "none", "updates": {"value": 1}}),
    msgspec.msgpack.encode({"type": "SceneNodeDragMessage", "phase": "start", "name": "/handles/left_hand"}),
    msgspec.msgpack.encode({"type": "ViewerCameraMessage", "wxyz": "x"}),
    msgspec.msgpack.encode({"type": "ShareUrlRequest"}),
]


@pytest.mark.parametrize("rubbish", RUBBISH)
def test_rubbish_hurts_nobody_else(studio, tab, rubbish):
    bad = Tab(studio)
    try:
        bad.socket.send(rubbish)
        bad.socket.recv(timeout=0.2)
    except (ConnectionClosed, TimeoutError):
        pass
    for phase in ("start", "update", "end"):
        tab.pull(phase)
    eventually(lambda: poses(studio) == 2)


@pytest.mark.parametrize("to", [(np.nan, 0.0, 0.0), (np.inf, 0.0, 0.0), "far", [1.0], None, (1e300, 0.0, 0.0)])
def test_places_that_are_none(studio, tab, to):
    with contextlib.suppress(ConnectionClosed):  # viser lets go of who sends some of these
        bad = Tab(studio)
        bad.pull("start", to=to)
        bad.pull("end", to=to)
    tab.press(studio._panel.whole, "mirror")
    eventually(lambda: studio.editor.session.current.origin == "mirrored")
    assert np.isfinite(studio.editor.standing().vertices).all()


def test_values_that_no_widget_has(studio, tab):
    panel = studio._panel
    tab.press(panel.whole, "no such button")
    tab.press(panel.amount, float("nan"))
    tab.press(panel.whole, "vary")
    for value in ("<b>", "99 · sampled", "9" * 6000):
        tab.press(panel.earlier, value)
        tab.press(panel.reuse, "whole pose")
    tab.press(panel.save, "exe")
    tab.press(panel.whole, "mirror")
    eventually(lambda: "Mirrored." in panel._status.content)
    assert poses(studio) == 2


def test_parts_of_an_earlier_pose(studio, tab):
    panel, before = studio._panel, studio.editor.session.current.posture
    tab.press(panel.whole, "sample")
    tab.press(panel.reuse, "ticked parts")
    eventually(lambda: "no earlier pose is chosen" in panel._status.content)
    tab.press(panel.earlier, panel.earlier.options[2])
    tab.press(panel.off["left_leg"], True)
    tab.press(panel.reuse, "ticked parts")
    eventually(lambda: studio.editor.session.current.origin == "left leg of pose 0")
    assert studio._scene._earlier.visible
    tab.press(panel.reuse, "whole pose")
    eventually(lambda: studio.editor.session.current.posture is before)
    tab.press(panel.parts, "complete")
    eventually(lambda: studio.editor.session.current.origin == "left leg guessed")


def test_a_click_pins_a_point(studio, tab):
    click = {"instance_index": None, "ray_origin": (0.0, 1.0, 4.0), "ray_direction": (0.0, 0.0, -1.0)}
    click |= {"screen_pos": (0.5, 0.5), "modifier": None, "owner": ""}
    tab.say("SceneNodeClickMessage", name="/handles/head", **click)
    eventually(lambda: "head" in studio.editor.pins)
    eventually(lambda: tuple(studio._scene.balls["head"].color) == PINNED)
    tab.say("SceneNodeClickMessage", name="/handles/head", **click)
    eventually(lambda: "head" not in studio.editor.pins)


def test_locks_reach_the_solver(studio, tab, solver):
    tab.press(studio._panel.locks["torso"], True)
    tab.pull("start")
    tab.pull("end")
    eventually(lambda: poses(studio) == 2)
    assert {keep for _, keep in solver.calls} == {("torso",)}


def test_two_tabs_press_at_the_same_time(studio):
    tabs = [Tab(studio), Tab(studio)]
    for _ in range(5):
        for one in tabs:
            one.press(studio._panel.whole, "mirror")
    eventually(lambda: poses(studio) == 11)
    assert studio.editor.session.way == list(range(11))


def test_wrong_files_are_told_in_one_sentence(studio, tab):
    file = io.BytesIO()
    np.savez(file, poses=np.zeros((2, 51)))
    for button, name, content, sentence in (
        (studio._panel.load, "mano.npz", file.getvalue(), "mano.npz: expected axis-angle poses"),
        (studio._panel.load, "empty.npz", b"", "empty.npz: expected an npz archive"),
        (studio._panel.photo, "a.jpg", b"no photo", "a.jpg is not an image"),
    ):
        tab.upload(button, name, content)
        eventually(lambda sentence=sentence: sentence in studio._panel._status.content)
    assert poses(studio) == 1


def test_a_pose_that_is_loaded(studio, tab, tmp_path):
    file = io.BytesIO()
    np.savez(file, poses=np.zeros((2, 72)))
    tab.upload(studio._panel.load, "smpl.npz", file.getvalue())
    eventually(lambda: studio.editor.session.current.origin == "smpl.npz, 1 of 2")
    tab.press(studio._panel.frame, 1)
    eventually(lambda: studio.editor.session.current.origin == "smpl.npz, 2 of 2")
    assert poses(studio) == 2
    assert studio.worker.wait(PATIENCE)
    assert read_session(tmp_path / "session.npz").current.origin == "smpl.npz, 2 of 2"


def test_instructions_that_are_not_understood_stay_in_the_box(studio, tab):
    text = studio._panel.text
    tab.press(text, "tanze <b>")
    tab.press(text, "tanze <b>\n")
    eventually(lambda: "did you mean turn" in studio._panel._status.content)
    assert text.value == "tanze <b>"
    assert "<b>tanze" not in studio._panel._said.content.replace("<b>✗ ", "")
    tab.press(text, "turn\n")
    eventually(lambda: poses(studio) == 2)
    eventually(lambda: text.value == "")


def test_the_button_does_what_is_in_the_box(studio, tab):
    tab.press(studio._panel.text, "turn")
    assert poses(studio) == 1
    tab.press(studio._panel.do, True)
    eventually(lambda: poses(studio) == 2)


def test_a_session_that_cannot_be_kept_is_told(studio, tab, tmp_path):
    assert studio.worker.wait(PATIENCE)
    (tmp_path / "session.npz").unlink()
    (tmp_path / "session.npz").mkdir()
    tab.press(studio._panel.whole, "mirror")
    eventually(lambda: "cannot be kept" in studio._panel._status.content)
    assert poses(studio) == 2


def test_only_this_machine_is_listened_to(studio):
    assert studio._server.get_host() == "127.0.0.1"
    assert studio._server.request_share_url() is None


def test_places_where_no_server_can_be():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for host, number in (("127.0.0.1", port), ("no.such.host.invalid", 0), ("127.0.0.1", 70000)):
            with pytest.raises(ValueError, match=f"cannot listen at {host}:{number}"):
                start_server(host, number)
