import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fitting.studio.session import RESTING, Instruction, Pose, Session, read_session, write_session
from qposer.body_pose.posed_skeleton import OrientedPose
from qposer.body_pose.poses import read_poses
from qposer.body_pose.rotations import axis_angle_to_matrix


def pose(seed=0, origin="drawn"):
    turns = 0.4 * torch.randn(52, 3, generator=torch.Generator().manual_seed(seed))
    matrices = axis_angle_to_matrix(turns)
    return Pose(OrientedPose(matrices[1:22], matrices[0]), origin, 0.1 * seed, (0.1 * seed, -0.2), matrices[22:])


def session(count=3):
    made = Session([pose(0, "first")])
    for seed in range(1, count):
        made.put(pose(seed))
    return made


def test_steps_go_back_and_forward():
    made = session()
    made.undo()
    assert made.number == 1
    made.undo()
    assert made.current.origin == "first"
    made.redo()
    assert made.number == 1


def test_ends_are_reported():
    made = session(1)
    with pytest.raises(ValueError, match="nothing to undo"):
        made.undo()
    with pytest.raises(ValueError, match="nothing to redo"):
        made.redo()
    assert made.number == 0


def test_undone_and_replaced_poses_are_kept():
    made = session()
    made.undo()
    made.put(pose(7, "instead"))
    assert made.current.origin == "instead"
    assert len(made.poses) == 4
    assert torch.equal(made.pose(2).posture.body_pose, pose(2).posture.body_pose)
    with pytest.raises(ValueError, match="nothing to redo"):
        made.redo()
    made.undo()
    assert made.number == 1


def test_a_pose_replaces_another():
    made = session()
    made.undo()
    made.replace(pose(8, "other"))
    assert [kept.origin for kept in made.poses] == ["first", "other", "drawn"]
    assert (made.way, made.number) == ([0, 1], 1)


@pytest.mark.parametrize("number", [-1, 3, 10**9])
def test_unknown_poses_are_rejected(number):
    with pytest.raises(ValueError, match="poses 0 to 2"):
        session().pose(number)


@given(st.lists(st.sampled_from(["put", "undo", "redo"]), max_size=30))
def test_the_way_is_that_of_two_stacks(actions):
    """Naive undo and redo with two stacks."""
    made = session(1)
    behind, ahead, count = [0], [], 1
    for action in actions:
        if action == "put":
            made.put(pose(1))
            behind, ahead, count = [*behind, count], [], count + 1
        elif action == "undo" and len(behind) > 1:
            made.undo()
            ahead.append(behind.pop())
        elif action == "redo" and ahead:
            made.redo()
            behind.append(ahead.pop())
        assert made.number == behind[-1]
        assert len(made.poses) == count


def test_survives_a_round_trip_from_its_file(tmp_path):
    made = session(4)
    made.undo()
    made.instructions.append(Instruction("räise <b>", "Done.", True))
    made.instructions.append(Instruction("x", "not understood", False, (0, 1)))
    write_session(tmp_path / "session.npz", made)
    again = read_session(tmp_path / "session.npz")
    assert (again.way, again.step, again.instructions) == (made.way, made.step, made.instructions)
    for old, new in zip(made.poses, again.poses, strict=True):
        torch.testing.assert_close(new.posture.body_pose, old.posture.body_pose, atol=1e-6, rtol=0)
        torch.testing.assert_close(new.posture.global_orient, old.posture.global_orient, atol=1e-6, rtol=0)
        torch.testing.assert_close(new.hand_pose, old.hand_pose, atol=1e-6, rtol=0)
        assert (new.origin, new.energy, new.place) == (old.origin, old.energy, old.place)
    again.redo()
    assert again.number == 3


def test_sessions_without_hands_have_them_at_rest(tmp_path):
    path = tmp_path / "session.npz"
    write_session(path, session())
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files if name != "hand_pose"}
    np.savez(path, **arrays)
    assert all(torch.equal(kept.hand_pose, RESTING) for kept in read_session(path).poses)


def test_other_tools_read_the_poses(tmp_path):
    write_session(tmp_path / "session.npz", session())
    assert read_poses(tmp_path / "session.npz").shape == (3, 21, 3)


def test_resuming_requires_a_session_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="omit --resume"):
        read_session(tmp_path / "session.npz")


@pytest.mark.parametrize(
    "change",
    [
        {"step": 9},
        {"way": [0, 8]},
        {"format": "other"},
        {"origin": ["a"]},
        {"instructions": "{"},
        {"hand_pose": np.zeros((2, 30, 3))},
        {"hand_pose": np.full((3, 30, 3), np.nan)},
    ],
)
def test_damaged_sessions_are_refused(tmp_path, change):
    path = tmp_path / "session.npz"
    write_session(path, session())
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **(arrays | {name: np.array(value) for name, value in change.items()}))
    with pytest.raises(ValueError, match="is not a session of the studio"):
        read_session(path)


def test_other_files_are_rejected_as_sessions(tmp_path):
    path = tmp_path / "session.npz"
    path.write_bytes(b"PK\x03\x04 and more")
    with pytest.raises(ValueError, match="expected an npz archive"):
        read_session(path)
    np.savez(path, body_pose=np.zeros((1, 21, 3)))
    with pytest.raises(ValueError, match="is not a session of the studio"):
        read_session(path)
