import dataclasses

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from fitting.output.amass import write_amass
from qposer.body_pose.poses import read_poses
from qposer.data.amass import read_amass
from qposer.io.npz import read_npz

CAMERA_TO_WORLD = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
"""x right, y down, z forward to x right, y forward, z up."""


@pytest.fixture
def clip(make_person):
    """Three frames of a person with one shape who walks away."""
    frames = [make_person(seed, at=(0.1 * seed, 0.2, 3.0 + seed)) for seed in range(3)]
    return [dataclasses.replace(frame, betas=frames[0].betas) for frame in frames]


def test_the_layout(tmp_path, clip):
    write_amass(tmp_path / "subject" / "walk.npz", clip, fps=30)
    arrays = read_npz(tmp_path / "subject" / "walk.npz")
    assert {name: array.shape for name, array in arrays.items()} == {
        "poses": (3, 156), "trans": (3, 3), "betas": (16,), "gender": (), "mocap_framerate": (), "body": ()
    }  # fmt: skip
    assert str(arrays["gender"]) == "neutral"
    assert str(arrays["body"]) == "open"
    assert not arrays["poses"][:, 66:].any()
    assert np.allclose(arrays["betas"], [*clip[0].betas, *[0.0] * 6])


def test_a_reader_of_amass_finds_the_motion(tmp_path, clip):
    write_amass(tmp_path / "subject" / "walk.npz", clip, fps=29.97)
    motion = read_amass(tmp_path / "subject" / "walk.npz")
    assert (motion.subject, motion.sequence, motion.fps) == ("subject", "walk", 29.97)
    upright = np.diag([1.0, -1.0, -1.0]) @ Rotation.from_rotvec([f.global_orient for f in clip]).as_matrix()
    assert np.allclose(motion.rotations[:, 0], upright, atol=1e-5)
    assert (motion.rotations[:, 0, 1, 1] > 0.9).all()
    poses = read_poses(tmp_path / "subject" / "walk.npz")
    assert np.allclose(poses, [frame.body_pose for frame in clip], atol=1e-6)


def test_bodies_posed_by_the_file_stand_where_they_were_fitted(tmp_path, make_person, open_body):
    clip = [make_person(seed) for seed in range(2)]
    same_shape = dataclasses.replace(clip[0], transl=np.float32([0.5, -0.3, 4.0]))
    moved = same_shape.transl - clip[0].transl
    clip = [clip[0], dataclasses.replace(same_shape, joints=clip[0].joints + moved, vertices=clip[0].vertices + moved)]
    write_amass(tmp_path / "clip.npz", clip, fps=1)
    arrays = {k: torch.from_numpy(v).float() for k, v in read_npz(tmp_path / "clip.npz", ("poses", "trans")).items()}
    poses = arrays["poses"][:, :66].reshape(2, 22, 3)
    betas = torch.from_numpy(clip[0].betas).expand(2, -1)
    vertices = open_body(poses[:, 0], poses[:, 1:], betas, arrays["trans"]).vertices.numpy()
    assert np.allclose(vertices, [frame.vertices @ CAMERA_TO_WORLD.T for frame in clip], atol=1e-5)


def test_a_changing_shape_keeps_the_pelvis_in_its_place(tmp_path, make_person, open_body):
    clip = [make_person(seed) for seed in range(4)]
    write_amass(tmp_path / "clip.npz", clip, fps=1)
    arrays = {k: torch.from_numpy(v).float() for k, v in read_npz(tmp_path / "clip.npz", ("trans", "betas")).items()}
    rest = torch.zeros(4, 21, 3)
    betas = arrays["betas"][:10].expand(4, -1)
    pelvis = open_body(rest[:, 0], rest, betas, arrays["trans"]).joints[:, 0].numpy()
    assert np.allclose(pelvis, [frame.joints[0] @ CAMERA_TO_WORLD.T for frame in clip], atol=1e-5)


@pytest.mark.parametrize("fps", [0.0, -1.0, np.nan, np.inf])
def test_invalid_frame_rates_are_rejected(tmp_path, clip, fps):
    with pytest.raises(ValueError, match="must be a positive number"):
        write_amass(tmp_path / "clip.npz", clip, fps)


def test_frames_that_cannot_be_written(tmp_path, clip):
    with pytest.raises(ValueError, match="there are no frames"):
        write_amass(tmp_path / "clip.npz", [], 30)
    with pytest.raises(ValueError, match=r"different body models \(open, other\)"):
        write_amass(tmp_path / "clip.npz", [*clip, dataclasses.replace(clip[0], body="other")], 30)
    with pytest.raises(ValueError, match="has no joints: compute them"):
        write_amass(tmp_path / "clip.npz", [*clip, dataclasses.replace(clip[0], joints=None)], 30)
    assert not any(tmp_path.iterdir())
