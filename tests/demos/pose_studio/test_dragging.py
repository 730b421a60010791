import numpy as np
import pytest

from demos.pose_studio.dragging import FARTHEST, Drag
from qposer.body_pose.posed_skeleton import neutral_pose
from qposer.body_pose.skeleton import JOINT_NAMES


@pytest.fixture
def standing(mannequin):
    return mannequin.stand(neutral_pose())


def joint(standing, name):
    return standing.joints[JOINT_NAMES.index(name)]


def test_a_hand_is_asked_to_where_it_is_pulled(standing):
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


def test_the_pelvis_alone_asks_for_nothing(standing):
    drag = Drag(standing, ())
    drag.pull("pelvis", np.array([1.0, 0.0, 0.0]))
    assert drag.targets() == {}


def test_pins_hold_what_the_pull_could_move(standing):
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


def test_nothing_is_pulled_out_of_the_world(standing):
    drag = Drag(standing, ())
    drag.pull("left_hand", np.array([0.0, 1e30, 0.0]))
    assert np.linalg.norm(drag.held["left_hand"]) == pytest.approx(FARTHEST)
