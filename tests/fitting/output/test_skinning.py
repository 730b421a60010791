import dataclasses

import numpy as np
import pytest

from fitting.output.skinning import skeleton_motion, skinned_body, skinning_error_mm


def of_clip(body, clip):
    skinned = skinned_body(body, clip.betas)
    return skinned, skeleton_motion(clip, skinned.joints[0], clip.fps, int(clip.frames[0]))


def test_the_open_body_loses_nothing(open_body, make_clip, vertices_of):
    clip = make_clip()
    skinned, motion = of_clip(open_body, clip)
    assert 1000 * np.abs(skinned.posed(motion) - vertices_of(open_body, clip)).max() < 0.01
    assert 1000 * np.abs(motion.posed_joints(skinned.joints)[1] - clip.joints * [1, -1, -1]).max() < 0.01
    assert skinning_error_mm(open_body, clip.betas, skinned, motion) < 0.01
    np.testing.assert_allclose(motion.times, (5 + np.arange(9)) / 12.5)


def test_every_vertex_has_four_bones_whose_weights_sum_to_one(smpl_like):
    skinned = skinned_body(smpl_like, np.zeros(10, np.float32))
    assert (smpl_like.data.weights > 0).sum(1).max() > 4
    assert skinned.bones.shape == skinned.weights.shape == (len(skinned.vertices), 4)
    assert skinned.weights.sum(1) == pytest.approx(1.0)
    assert (np.diff(skinned.weights, axis=1) <= 0).all()
    kept = np.take_along_axis(smpl_like.data.weights, skinned.bones, axis=1).sum(1)
    assert np.array_equal(kept > 0.5, np.sort(smpl_like.data.weights, axis=1)[:, -4:].sum(1) > 0.5)


def test_the_error_is_that_of_lost_blend_shapes_and_bones(smpl_like, make_clip, vertices_of):
    clip = make_clip(smpl_like)
    skinned, motion = of_clip(smpl_like, clip)
    apart = np.linalg.norm(skinned.posed(motion) - vertices_of(smpl_like, clip), axis=-1)
    error = skinning_error_mm(smpl_like, clip.betas, skinned, motion)
    assert error == pytest.approx(1000 * apart.max(), abs=0.01)
    assert error > 5


def test_the_blend_shapes_of_a_pose_make_the_skin_exact_in_it(smpl_like, make_clip, vertices_of):
    four = np.argsort(-smpl_like.data.weights, axis=1)[:, :4]
    few = np.zeros_like(smpl_like.data.weights)
    np.put_along_axis(few, four, np.take_along_axis(smpl_like.data.weights, four, axis=1), axis=1)
    body = type(smpl_like)(dataclasses.replace(smpl_like.data, weights=few / few.sum(1, keepdims=True)))
    clip = make_clip(body, frames=1)
    skinned = skinned_body(body, clip.betas, clip.body_pose[0])
    motion = skeleton_motion(clip, skinned.joints[0])
    assert 1000 * np.abs(skinned.posed(motion) - vertices_of(body, clip)).max() < 0.01
