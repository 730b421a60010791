"""The studio over its websocket, for browsers and other clients."""

import io
import threading

import numpy as np
import pytest
import torch

from fitting.fit import Fitter
from fitting.studio import app
from fitting.studio.parts import FINGERS_OF
from fitting.studio.scene import HELD, PINNED, photo_size
from fitting.studio.session import RESTING, read_session
from fitting.studio.standing import HANDLES
from qposer.io.assets import asset

PATIENCE = 30.0


def poses(studio):
    return len(studio.editor.session.poses)


def test_a_drag_is_a_step_that_is_kept(studio, tab, tmp_path, eventually):
    for phase in ("start", "update", "update", "end"):
        tab.pull(phase)
    eventually(lambda: poses(studio) == 2)
    assert studio.worker.wait(PATIENCE)
    assert read_session(tmp_path / "session.npz").current.origin == "left hand dragged"


def test_targets_do_not_pile_up_behind_a_solve(studio, tab, solver, eventually):
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


def test_a_tab_that_closes_in_the_middle_of_a_solve_loses_nothing(studio, tab, solver, open_tab, eventually):
    solver.may_go_on.clear()
    tab.pull("start")
    tab.pull("update")
    assert solver.started.wait(PATIENCE)
    tab.socket.close()
    solver.may_go_on.set()
    eventually(lambda: poses(studio) == 2)
    assert studio.editor.drags.drag is None
    other = open_tab()
    other.press(studio._panel.whole, "mirror")
    eventually(lambda: poses(studio) == 3)


def test_a_solve_that_fails_is_reported_and_the_studio_continues(studio, tab, solver, open_tab, eventually):
    solver.error = RuntimeError("the matrix is singular")
    tab.pull("start")
    tab.pull("end")
    eventually(lambda: not studio._grabbed)
    tab.socket.close()
    eventually(lambda: "the matrix is singular" in studio._panel._status.content)
    solver.error = None
    other = open_tab()
    for phase in ("start", "end"):
        other.pull(phase)
    eventually(lambda: poses(studio) == 2)


@pytest.mark.parametrize("to", [(np.nan, 0.0, 0.0), (np.inf, 0.0, 0.0), (1e300, 0.0, 0.0)])
def test_invalid_places_are_rejected(studio, tab, to, eventually):
    tab.pull("start", to=to)
    tab.pull("end", to=to)
    tab.press(studio._panel.whole, "mirror")
    eventually(lambda: studio.editor.session.current.origin == "mirrored")
    assert np.isfinite(studio.editor.standing().vertices).all()


def test_values_out_of_range(studio, tab, eventually):
    panel = studio._panel
    tab.press(panel.amount, 7.0)
    tab.press(panel.whole, "vary")
    tab.press(panel.frame, 7)
    for value in ("<b>", "99 · sampled", "9" * 6000):
        tab.press(panel.earlier, value)
        tab.press(panel.reuse, "whole pose")
    tab.press(panel.whole, "mirror")
    eventually(lambda: "Mirrored." in panel._status.content)
    assert poses(studio) == 2


def test_parts_of_an_earlier_pose(studio, tab, eventually):
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


def test_a_click_pins_a_point(studio, tab, eventually):
    click = {"instance_index": None, "ray_origin": (0.0, 1.0, 4.0), "ray_direction": (0.0, 0.0, -1.0)}
    click |= {"screen_pos": (0.5, 0.5), "modifier": None, "owner": ""}
    tab.say("SceneNodeClickMessage", name="/handles/head", **click)
    eventually(lambda: "head" in studio.editor.drags.pins)
    eventually(lambda: tuple(studio._scene.balls["head"].color) == PINNED)
    tab.say("SceneNodeClickMessage", name="/handles/head", **click)
    eventually(lambda: "head" not in studio.editor.drags.pins)


def test_locks_reach_the_solver(studio, tab, solver, eventually):
    tab.press(studio._panel.locks["torso"], True)
    tab.pull("start")
    tab.pull("end")
    eventually(lambda: poses(studio) == 2)
    assert {keep for _, keep in solver.calls} == {("torso",)}


def test_two_tabs_press_at_the_same_time(studio, open_tab, eventually):
    tabs = [open_tab(), open_tab()]
    for _ in range(5):
        for one in tabs:
            one.press(studio._panel.whole, "mirror")
    eventually(lambda: poses(studio) == 11)
    assert studio.editor.session.way == list(range(11))


def test_wrong_files_are_reported_in_one_sentence(studio, tab, eventually):
    file = io.BytesIO()
    np.savez(file, poses=np.zeros((2, 51)))
    for button, name, content, sentence in (
        (studio._panel.load, "mano.npz", file.getvalue(), "mano.npz: expected axis-angle poses"),
        (studio._panel.load, "empty.npz", b"", "empty.npz: expected an npz archive"),
        (studio._panel.photo, "a.jpg", b"no photo", "a.jpg is not a readable image"),
        (
            studio._panel.photo,
            "b.jpg",
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
            "b.jpg is not a readable image",
        ),
    ):
        tab.upload(button, name, content)
        eventually(lambda sentence=sentence: sentence in studio._panel._status.content)
    assert poses(studio) == 1


def test_a_loaded_pose_is_shown(studio, tab, tmp_path, eventually):
    file = io.BytesIO()
    np.savez(file, poses=np.zeros((2, 72)))
    tab.upload(studio._panel.load, "smpl.npz", file.getvalue())
    eventually(lambda: studio.editor.session.current.origin == "smpl.npz, 1 of 2")
    eventually(lambda: studio._panel.frame.visible)
    tab.press(studio._panel.frame, 1)
    eventually(lambda: studio.editor.session.current.origin == "smpl.npz, 2 of 2")
    assert poses(studio) == 2
    assert studio.worker.wait(PATIENCE)
    assert read_session(tmp_path / "session.npz").current.origin == "smpl.npz, 2 of 2"


def test_instructions_that_are_not_understood_stay_in_the_box(studio, tab, eventually):
    text = studio._panel.text
    tab.press(text, "tanze <b>")
    tab.press(text, "tanze <b>\n")
    eventually(lambda: "did you mean turn" in studio._panel._status.content)
    assert text.value == "tanze <b>"
    assert "<b>tanze" not in studio._panel._said.content.replace("<b>✗ ", "")
    tab.press(text, "turn\n")
    eventually(lambda: poses(studio) == 2)
    eventually(lambda: text.value == "")


def test_the_button_follows_the_instruction_in_the_box(studio, tab, eventually):
    tab.press(studio._panel.text, "turn")
    assert poses(studio) == 1
    tab.press(studio._panel.do, True)
    eventually(lambda: poses(studio) == 2)


def test_a_failed_session_write_is_reported(studio, tab, tmp_path, eventually):
    assert studio.worker.wait(PATIENCE)
    (tmp_path / "session.npz").unlink()
    (tmp_path / "session.npz").mkdir()
    tab.press(studio._panel.whole, "mirror")
    eventually(lambda: "cannot be saved" in studio._panel._status.content)
    assert poses(studio) == 2


def test_closing_leaves_a_stuck_job_behind(studio, monkeypatch):
    monkeypatch.setattr(app, "SECONDS_TO_FINISH", 0.1)
    begun, released = threading.Event(), threading.Event()
    studio.worker.do(lambda: (begun.set(), released.wait(10)))
    assert begun.wait(PATIENCE)
    assert not studio.close()
    released.set()


def keypoint_drag(phase, to):
    """The browser moves the start with the ball, after the first message."""
    start = (0.0, 1.0, 0.0) if phase == "start" else (0.02, 1.07, 0.0)
    ends = {"start_position": start, "start_screen_pos": (0.5, 0.5), "end_screen_pos": (0.5, 0.4)}
    node = {"name": "/keypoints/left_wrist", "instance_index": None, "button": "left", "modifier": None, "owner": ""}
    return {"phase": phase, "end_position": to, **ends, **node}


def test_a_fitted_photo_is_corrected(studio, tab, eventually):
    panel, studio.editor._fitter = studio._panel, Fitter()
    tab.upload(panel.photo, "walk_side.jpg", asset("walk_side.jpg").read_bytes())
    eventually(lambda: studio.editor.photo is not None and panel.fit.visible)
    fit, ball = studio.editor.photo, studio._scene.keypoints["left_wrist"]
    eventually(lambda: ball.visible)
    before, place = studio.editor.session.current.posture, fit.places["left_wrist"].copy()
    for phase, to in (("start", (0.0, 1.0, 0.0)), ("update", (0.05, 1.1, 0.0)), ("end", (0.05, 1.15, 0.0))):
        tab.say("SceneNodeDragMessage", **keypoint_drag(phase, to))
    eventually(lambda: "left_wrist" in fit.corrections.moved and tuple(ball.color) == HELD)
    wide, high = photo_size(fit)
    expected = pytest.approx(place + np.array([0.05 / wide, -0.15 / high]), abs=1e-3)
    eventually(lambda: fit.places["left_wrist"] == expected)
    assert poses(studio) == 3
    assert not torch.allclose(studio.editor.session.current.posture.body_pose, before.body_pose, atol=1e-2)
    tab.press(panel.known, "left hand on the hyperdrive")
    tab.press(panel.fit, True)
    eventually(lambda: "hyperdrive" in studio._status)
    tab.press(panel.hypothesis, panel.hypothesis.options[1])
    eventually(lambda: fit.result is fit.hypotheses[1])
    assert fit.corrections.moved == {}


def test_a_hand_is_looked_at_closely(studio, tab, open_tab, eventually):
    other = open_tab()
    cameras = [client.camera for client in studio._server.get_clients().values()]
    tab.press(studio._panel.view, "left hand")
    balls = studio._scene.balls
    eventually(lambda: balls["left_index"].visible)
    assert [name for name, ball in balls.items() if ball.visible] == [*FINGERS_OF["left_hand"]]
    eventually(lambda: "energy of the left hand" in studio._panel._gauge.content)
    hand = studio.editor.standing().handles["left_hand"]
    near = [np.linalg.norm(camera.look_at - hand) < 0.1 for camera in cameras]
    assert sorted(near) == [False, True]
    other.press(studio._panel.view, "whole body")
    eventually(lambda: not balls["left_index"].visible)
    assert [name for name, ball in balls.items() if ball.visible] == [*HANDLES]


def test_a_fingertip_is_dragged(studio, tab, tmp_path, eventually):
    tab.press(studio._panel.view, "right hand")
    for phase, to in (("start", (0.0, 1.0, 0.0)), ("update", (0.0, 1.005, 0.01)), ("end", (0.0, 1.01, 0.01))):
        tab.pull(phase, "right_index", to)
    eventually(lambda: poses(studio) == 2)
    assert studio.worker.wait(PATIENCE)
    kept = read_session(tmp_path / "session.npz").current
    assert kept.origin == "right index finger dragged"
    assert not torch.allclose(kept.hand_pose[15:18], RESTING[15:18], atol=1e-2)
    assert torch.equal(kept.hand_pose[18:], RESTING[18:])


def test_ticks_are_those_of_the_hand_that_is_looked_at(studio, tab, eventually):
    panel = studio._panel
    tab.press(panel.off["head"], True)
    tab.press(panel.view, "left hand")
    eventually(lambda: panel.off["left_thumb"].visible and not panel.off["head"].visible)
    tab.press(panel.off["left_thumb"], True)
    tab.press(panel.parts, "vary")
    eventually(lambda: studio.editor.session.current.origin == "left thumb varied")
    tab.press(panel.view, "whole body")
    eventually(lambda: panel.off["head"].visible and not panel.off["left_thumb"].visible)
    assert panel.ticked() == ["head"]
