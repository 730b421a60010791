import numpy as np
import pytest
import torch

from fitting.studio.dragging import FARTHEST, Drag
from qposer.body_pose.posed_skeleton import neutral_pose
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import JOINT_NAMES


@pytest.fixture
def standing(mannequin):
    return mannequin.stand(neutral_pose())


def joint(standing, name):
    return standing.joints[JOINT_NAMES.index(name)]


def test_a_pulled_hand_has_its_target_there(standing):
    drag = Drag(standing, {"left_foot", "right_foot"})
    drag.pull("left_hand", np.array([0.1, 0.2, 0.3]))
    (target,) = drag.targets().items()
    assert target[0] == "left_hand"
    np.testing.assert_allclose(target[1], joint(standing, "left_hand") - standing.pelvis + [0.1, 0.2, 0.3], atol=2e-3)
    np.testing.assert_allclose(drag.pelvis, standing.pelvis)


def test_the_pelvis_leaves_pinned_points_behind(standing):
    drag = Drag(standing, {"left_foot", "right_hand"})
    drag.pull("pelvis", np.array([0.0, -0.3, 0.0]))
    targets = drag.targets()
    assert sorted(targets) == ["left_foot", "left_heel", "right_hand"]
    for name in ("left_foot", "right_hand"):
        np.testing.assert_allclose(targets[name] + drag.pelvis, joint(standing, name), atol=2e-3)
    foot = np.subtract(targets["left_foot"], targets["left_heel"])
    assert 0.1 < np.linalg.norm(foot) < 0.25
    np.testing.assert_allclose(drag.pelvis - standing.pelvis, [0.0, -0.3, 0.0], atol=1e-6)


def test_the_pelvis_alone_sets_no_target(standing):
    drag = Drag(standing, ())
    drag.pull("pelvis", np.array([1.0, 0.0, 0.0]))
    assert drag.targets() == {}


def test_pins_hold_joints_against_the_pull(standing):
    drag = Drag(standing, {"left_foot", "right_foot", "right_hand"})
    drag.pull("left_knee", np.array([0.0, 0.1, 0.1]))
    assert sorted(drag.targets()) == ["left_foot", "left_heel", "left_knee"]
    drag.pull("head", np.array([0.0, -0.1, 0.1]))
    assert sorted(drag.targets()) == ["head", "left_foot", "left_heel", "left_knee", "right_hand"]


def test_a_pinned_handle_that_is_pulled_moves(standing):
    drag = Drag(standing, {"left_foot"})
    drag.pull("left_foot", np.array([0.0, 0.2, 0.0]))
    np.testing.assert_allclose(
        drag.targets()["left_foot"], joint(standing, "left_foot") - standing.pelvis + [0, 0.2, 0], atol=2e-3
    )


@pytest.mark.parametrize("by", [np.array([np.nan, 0, 0]), np.array([np.inf, 0, 0]), np.zeros(2), np.zeros((3, 1))])
def test_no_place(standing, by):
    drag = Drag(standing, ())
    with pytest.raises(ValueError, match="left hand"):
        drag.pull("left_hand", by)
    assert drag.targets() == {}


def test_drags_stay_within_the_scene(standing):
    drag = Drag(standing, ())
    drag.pull("left_hand", np.array([0.0, 1e30, 0.0]))
    assert np.linalg.norm(drag.held["left_hand"]) == pytest.approx(FARTHEST)


def drag(editor, handle, by):
    editor.drags.grab(handle)
    editor.drags.pull(handle, np.array(by))
    return editor.drags.release(handle)


def test_a_drag_is_one_step(editor, solver):
    editor.drags.grab("left_hand")
    for step in range(1, 5):
        editor.drags.pull("left_hand", np.array([0.0, 0.1 * step, 0.0]))
        assert editor.session.number == 0
        assert editor.shown is not editor.session.current
    editor.drags.release("left_hand")
    assert editor.session.number == 1
    assert editor.session.current.origin == "left hand dragged"
    assert editor.session.current.energy == 0.25
    editor.undo()
    assert editor.session.number == 0


def test_the_pelvis_stays_while_something_else_is_dragged(editor):
    pelvis = editor.standing().pelvis
    editor.drags.grab("left_foot")
    editor.drags.pull("left_foot", np.array([0.0, -0.4, 0.0]))
    np.testing.assert_allclose(editor.standing().pelvis, pelvis)
    editor.drags.release("left_foot")
    assert editor.standing().vertices[:, 1].min() == pytest.approx(0.0, abs=1e-6)


def test_the_pelvis_is_dragged_over_its_feet(editor, solver):
    solver.distance = 0.0
    pelvis = editor.standing().pelvis
    drag(editor, "pelvis", [0.2, -0.1, 0.1])
    ((targets, _),) = solver.calls
    assert sorted(targets) == ["left_foot", "left_heel", "right_foot", "right_heel"]
    np.testing.assert_allclose(editor.standing().pelvis[[0, 2]], pelvis[[0, 2]] + [0.2, 0.1], atol=1e-6)
    editor.undo()
    np.testing.assert_allclose(editor.standing().pelvis, pelvis)


def test_the_remaining_distance_to_a_target_is_reported(editor):
    assert "The left hand reaches as far as it can" in drag(editor, "left_hand", [0.0, 3.0, 0.0])
    editor.drags.grab("left_hand")
    assert "m short" in editor.drags.pull("left_hand", np.array([0.0, 3.0, 0.0]))


def test_locks_and_pins_reach_the_solver(editor, solver):
    solver.distance = 0.0
    editor.drags.locks = {"torso", "head"}
    editor.drags.toggle_pin("right_hand")
    drag(editor, "left_hand", [0.1, 0.0, 0.0])
    editor.drags.toggle_pin("right_hand")
    drag(editor, "left_hand", [0.1, 0.0, 0.0])
    (first, keep), (second, _) = solver.calls
    assert (sorted(first), keep) == (["left_hand", "right_hand"], ("head", "torso"))
    assert sorted(second) == ["left_hand"]


def test_two_people_drag_two_handles(editor, solver):
    editor.drags.grab("left_hand")
    editor.drags.grab("right_hand")
    editor.drags.pull("left_hand", np.array([0.1, 0.0, 0.0]))
    editor.drags.pull("right_hand", np.array([-0.1, 0.0, 0.0]))
    assert sorted(solver.calls[-1][0]) == ["left_hand", "right_hand"]
    assert editor.drags.release("left_hand") == ""
    assert editor.session.number == 0
    editor.drags.release("right_hand")
    assert editor.session.current.origin == "left hand and right hand dragged"


def test_an_interrupted_drag_is_kept(editor):
    editor.drags.grab("left_hand")
    editor.drags.pull("left_hand", np.array([0.1, 0.0, 0.0]))
    editor.sample()
    assert [pose.origin for pose in editor.session.poses] == ["at ease", "left hand dragged", "sampled"]
    sampled = editor.session.current
    editor.drags.pull("left_hand", np.array([0.2, 0.0, 0.0]))
    editor.drags.release("left_hand")
    assert editor.session.current is editor.shown is sampled


def test_a_solve_that_fails_loses_nothing(editor, solver):
    solver.distance = 0.0
    editor.drags.grab("left_hand")
    editor.drags.pull("left_hand", np.array([0.1, 0.0, 0.0]))
    so_far = editor.shown
    solver.error = RuntimeError("singular")
    with pytest.raises(RuntimeError):
        editor.drags.pull("left_hand", np.array([0.2, 0.0, 0.0]))
    assert editor.shown is so_far
    solver.error = None
    editor.drags.release("left_hand")
    assert editor.session.current.posture is so_far.posture


def test_a_last_solve_that_fails_loses_nothing_either(editor, solver):
    editor.drags.grab("left_hand")
    editor.drags.pull("left_hand", np.array([0.1, 0.0, 0.0]))
    so_far = editor.shown
    solver.error = RuntimeError("singular")
    with pytest.raises(RuntimeError):
        editor.drags.release("left_hand")
    assert editor.session.current.posture is so_far.posture
    assert editor.drags.drag is None


def test_a_drag_that_ends_short_is_tried_again_in_smaller_steps(editor, solver):
    editor.drags.grab("left_hand")
    editor.drags.pull("left_hand", np.array([0.0, 3.0, 0.0]))
    end = solver.calls[0][0]["left_hand"]
    solver.calls.clear()
    editor.drags.release("left_hand")
    heights = [targets["left_hand"][1] for targets, _ in solver.calls]
    again = heights[-6:]
    assert again == sorted(again)
    np.testing.assert_allclose(np.diff(again), 0.5, atol=1e-5)
    assert heights[-1] == pytest.approx(end[1], abs=1e-5)


def test_a_drag_that_ends_on_target_needs_no_more_solves(editor, solver):
    solver.distance = 0.0
    drag(editor, "left_hand", [0.1, 0.0, 0.0])
    assert len(solver.calls) == 1


def test_a_press_without_a_drag_adds_no_undo_step(editor):
    editor.drags.grab("head")
    editor.drags.release("head")
    editor.drags.release("head")
    assert len(editor.session.poses) == 1


def test_a_fingertip_is_dragged_in_one_step_and_the_rest_stays(editor, solver):
    before, start = editor.session.current, editor.standing().handles["left_index"]
    editor.drags.grab("left_index")
    for step in (1, 2):
        editor.drags.pull("left_index", np.array([0.0, 0.005 * step, 0.008 * step]))
        assert editor.session.number == 0
    assert editor.drags.release("left_index") == "Left index finger moved."
    dragged = editor.session.current
    assert dragged.origin == "left index finger dragged"
    assert solver.calls == []
    assert dragged.posture is before.posture
    assert torch.equal(dragged.hand_pose[3:], before.hand_pose[3:])
    way = editor.standing().handles["left_index"] - start
    np.testing.assert_allclose(way, [0.0, 0.01, 0.016], atol=0.005)
    editor.undo()
    assert editor.session.current is before


def test_fingers_follow_in_the_frame_of_their_wrist(editor):
    """The body may turn between the drags."""
    editor.mirror()
    editor.session.replace(editor.session.current._replace(posture=turned(editor.session.current.posture)))
    start = editor.standing().handles["right_ring"]
    drag(editor, "right_ring", [0.01, 0.012, 0.0])
    np.testing.assert_allclose(editor.standing().handles["right_ring"] - start, [0.01, 0.012, 0.0], atol=0.005)


def turned(posture):
    return posture._replace(global_orient=axis_angle_to_matrix(torch.tensor([0.0, 2.0, 0.0])))


def test_fingers_of_held_hands_do_not_move(editor):
    editor.drags.locks = {"left_hand"}
    editor.drags.grab("left_thumb")
    with pytest.raises(ValueError, match="the left hand is held"):
        editor.drags.pull("left_thumb", np.array([0.0, 0.02, 0.0]))
    editor.drags.release("left_thumb")
    assert len(editor.session.poses) == 1
    drag(editor, "right_thumb", [0.0, 0.02, 0.0])
    assert len(editor.session.poses) == 2


def test_held_hands_are_no_parts_of_the_body(editor, solver):
    solver.distance = 0.0
    editor.drags.locks = {"left_hand", "torso"}
    drag(editor, "left_hand", [0.1, 0.0, 0.0])
    assert [keep for _, keep in solver.calls] == [("torso",)]


def test_the_remaining_distance_of_a_fingertip_is_reported(editor):
    said = drag(editor, "left_index", [0.0, 0.5, 0.0])
    assert "The left index finger reaches as far as it can: it is" in said
    assert "cm short" in said


def test_a_finger_and_a_limb_are_dragged_together(editor, solver):
    solver.distance = 0.0
    editor.drags.grab("right_hand")
    editor.drags.grab("left_middle")
    editor.drags.pull("right_hand", np.array([0.1, 0.0, 0.0]))
    editor.drags.pull("left_middle", np.array([0.0, 0.01, 0.01]))
    assert sorted(editor.drags.drag.pulled) == ["left_middle", "right_hand"]
    editor.drags.release("right_hand")
    editor.drags.release("left_middle")
    assert editor.session.current.origin == "left middle finger and right hand dragged"
    assert not torch.equal(editor.session.current.hand_pose, editor.session.pose(0).hand_pose)


def test_fingertips_need_no_pins(editor):
    assert "needs no pin" in editor.drags.toggle_pin("left_thumb")
    assert editor.drags.pins == {"left_foot", "right_foot"}
