import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qposer.body_pose.poses import as_matrices, check_known_joints, in_kind_of, read_poses
from qposer.body_pose.rotations import axis_angle_to_matrix, nearest_rotation

BATCHES = [(), (1,), (5,), (2, 3), (0,)]


def axis_angle(*batch):
    return torch.randn(*batch, 21, 3, generator=torch.Generator().manual_seed(0))


def matrices(*batch):
    return axis_angle_to_matrix(axis_angle(*batch))


@pytest.mark.parametrize("batch", BATCHES)
def test_both_representations_of_any_batch_shape_are_poses(batch):
    torch.testing.assert_close(as_matrices(axis_angle(*batch)), matrices(*batch))
    assert as_matrices(matrices(*batch)).shape == (*batch, 21, 3, 3)


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 10.0), st.sampled_from([torch.float32, torch.float64]))
def test_poses_from_rotations_are_valid(seed, size, dtype):
    vectors = size * (2 * torch.rand(2, 21, 3, generator=torch.Generator().manual_seed(seed), dtype=dtype) - 1)
    rotations = as_matrices(vectors)
    assert torch.equal(as_matrices(rotations), rotations)
    torch.testing.assert_close(
        as_matrices(in_kind_of(vectors, rotations)), rotations, atol=1e-5 if dtype == torch.float32 else 1e-7, rtol=0
    )


@pytest.mark.parametrize(
    ("pose", "message"), [(torch.full((21, 3), 45.0), "give axis-angle in radians"), (np.zeros((21, 3)), "ensor")]
)
def test_degrees_and_arrays_are_reported(pose, message):
    with pytest.raises((ValueError, TypeError), match=message):  # a TypeError if shapes are checked at run time
        as_matrices(pose)


def test_half_precision_matrices_are_rotations_within_their_precision():
    for dtype in (torch.float16, torch.bfloat16):
        assert as_matrices(matrices(4).to(dtype)).dtype == dtype


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((63,), r"not (63,); 63 numbers are an SMPL body pose: give pose.unflatten(-1, (21, 3))"),
        ((2, 66), "66 numbers are a body pose with its root: give pose.unflatten(-1, (22, 3))[..., 1:22, :]"),
        ((4, 69), "69 numbers are an SMPL body pose with its two hand joints: give pose.unflatten(-1, (23, 3))[..., 0"),
        ((4, 72), "72 numbers are an SMPL pose with root and hands: give pose.unflatten(-1, (24, 3))[..., 1:22, :]"),
        ((2, 3, 156), "156 numbers are an SMPL-H pose with root and hands: give pose.unflatten(-1, (52, 3))[..., 1:22"),
        ((165,), "165 numbers are an SMPL-X pose with root, face and hands: give pose.unflatten(-1, (55, 3))[..., 1:2"),
        ((2, 23, 3), "23 joints are an SMPL body pose with its two hand joints: give pose[..., 0:21, :]"),
        ((24, 3), "24 joints are an SMPL pose with root and hands: give pose[..., 1:22, :]"),
        ((5, 52, 3), "52 joints are an SMPL-H pose with root and hands: give pose[..., 1:22, :]"),
        ((5, 55, 3), "55 joints are an SMPL-X pose with root, face and hands: give pose[..., 1:22, :]"),
        ((2, 22, 3, 3), "22 matrices are a body pose with its root: give pose[..., 1:22, :, :]"),
        ((24, 3, 3), "24 matrices are an SMPL pose with root and hands: give pose[..., 1:22, :, :]"),
    ],
)
def test_poses_of_the_family_are_named_and_the_advice_works(shape, message):
    with pytest.raises(ValueError, match="a body pose must be") as error:
        as_matrices(torch.zeros(shape))
    assert message in str(error.value)
    pose = torch.eye(3).expand(shape) if shape[-2:] == (3, 3) else torch.zeros(shape)
    advice = str(error.value).rpartition(": give ")[2]
    assert as_matrices(eval(advice, {"pose": pose})).shape[-3:] == (21, 3, 3)


@pytest.mark.parametrize("shape", [(), (3,), (0,), (64,), (21, 6), (20, 3), (3, 3), (21, 4), (2, 207)])
def test_other_shapes_are_refused_without_a_guess(shape):
    with pytest.raises(ValueError, match="a body pose must be") as error:
        as_matrices(torch.zeros(shape))
    assert str(error.value).endswith(f"not {shape}")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("pose", [axis_angle(3), matrices(3)])
def test_nonfinite_poses_are_rejected(pose, value):
    pose = pose.clone()
    pose[1, 7, 0] = value
    with pytest.raises(ValueError, match="NaN or infinite"):
        as_matrices(pose)


def test_whole_numbers_are_refused():
    with pytest.raises(ValueError, match=r"not torch.int64: convert it with pose.float\(\)"):
        as_matrices(torch.zeros(21, 3, dtype=torch.long))


def test_invalid_rotation_matrices_are_counted():
    bad = matrices(2)
    bad[0, 3] *= 1.01
    bad[1, 4, :, 0] *= -1
    bad[1, 5, :, 0] *= -1
    with pytest.raises(ValueError, match="3 of the 42 matrices are not rotations") as error:
        as_matrices(bad)
    assert "1 are not orthonormal, 2 are mirrored" in str(error.value)
    assert as_matrices(nearest_rotation(bad)).shape == bad.shape


@pytest.mark.parametrize(("scale", "passes"), [(1 + 4e-4, True), (1 - 4e-4, True), (1 + 6e-4, False), (0.0, False)])
def test_rounding_is_forgiven(scale, passes):
    pose = matrices(2).double() * scale
    if passes:
        assert as_matrices(pose) is pose
    else:
        with pytest.raises(ValueError, match="42 of the 42"):
            as_matrices(pose)


def test_gradients_pass():
    pose = axis_angle(2).requires_grad_()
    as_matrices(as_matrices(pose))[..., 0].sum().backward()
    assert torch.isfinite(pose.grad).all()
    assert (pose.grad != 0).any()


def test_it_compiles_in_one_graph():
    compiled = torch.compile(as_matrices, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(axis_angle(2)), matrices(2))
    torch.testing.assert_close(compiled(matrices(2)), matrices(2))


def test_the_kind_and_the_precision_are_those_of_the_pose():
    assert in_kind_of(axis_angle(2).double(), matrices(2)).dtype == torch.float64
    torch.testing.assert_close(
        in_kind_of(axis_angle(2), matrices(2)).norm(dim=-1) <= math.pi + 1e-5, torch.ones(2, 21) > 0
    )
    assert torch.equal(in_kind_of(matrices(3), matrices(2)), matrices(2))


def test_known_joints():
    mask = torch.ones(21, dtype=torch.bool)
    mask[0] = False
    check_known_joints(mask)
    check_known_joints(~mask)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.zeros(21, dtype=torch.bool), "no joint is known"),
        (torch.ones(21, dtype=torch.bool), "all joints are known"),
        (
            torch.ones(22, dtype=torch.bool),
            r"a bool tensor \(21,\), true where the pose is known, not torch.bool \(22,\)",
        ),
        (torch.ones(2, 21, dtype=torch.bool), r"not torch.bool \(2, 21\)"),
        (torch.tensor([1, 2, 5]), r"not torch.int64 \(3,\)"),
    ],
)
def test_invalid_masks_are_rejected(mask, message):
    with pytest.raises(ValueError, match=message):
        check_known_joints(mask)


# Files


BODY = np.random.default_rng(0).normal(size=(4, 21, 3))


def padded(before, after):
    return np.concatenate([np.full((4, before, 3), 9.0), BODY, np.full((4, after, 3), 9.0)], axis=1)


@pytest.mark.parametrize(
    ("key", "poses"),
    [
        ("body_pose", BODY),
        ("body_pose", padded(0, 2).reshape(4, 69)),
        ("pose", padded(1, 2).astype(np.float32)),
        ("pose", padded(1, 0).reshape(2, 2, 66)),
        ("poses", padded(1, 2).reshape(4, 72)),
        ("poses", padded(1, 30).reshape(4, 156)),
        ("poses", padded(1, 33).reshape(4, 165)),
        ("poses", padded(1, 33)),
    ],
)
def test_poses_of_files_are_the_body_joints(tmp_path, key, poses):
    np.savez(tmp_path / "file.npz", **{key: poses}, mocap_framerate=60.0)
    read = read_poses(tmp_path / "file.npz")
    assert read.dtype == torch.float32
    np.testing.assert_allclose(read, BODY, rtol=1e-6)


@pytest.mark.parametrize("pose", [BODY[0], BODY[0].ravel(), padded(1, 2)[0].ravel()])
def test_a_single_pose_is_a_batch_of_one(tmp_path, pose):
    np.savez(tmp_path / "file.npz", body_pose=pose)
    np.testing.assert_allclose(read_poses(tmp_path / "file.npz"), BODY[:1], rtol=1e-6)


NOT_FINITE = BODY.copy()
NOT_FINITE[2, 3, 1] = np.nan


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"trans": BODY}, "contains no poses: expected one of body_pose, pose, poses"),
        (
            {"poses": np.zeros((4, 64))},
            r"expected axis-angle poses \(N, joints, 3\), or flat and 63, 66, 69, 72, 156, 165",
        ),
        ({"poses": np.zeros((4, 24, 3, 3))}, r"found float64 \(4, 24, 3, 3\)"),
        ({"poses": np.zeros((0, 72))}, r"found float64 \(0, 72\)"),
        ({"pose": np.array(1.0)}, r"found float64 \(\)"),
        ({"pose": np.array(["text"] * 63)}, "found <U4"),
        ({"pose": NOT_FINITE}, "contains NaN"),
        ({"pose": np.array([None])}, "expected an npz archive of plain arrays"),
    ],
)
def test_files_without_poses_are_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "file.npz", **arrays)
    with pytest.raises(ValueError, match=message) as error:
        read_poses(tmp_path / "file.npz")
    assert str(tmp_path / "file.npz") in str(error.value)


def test_no_file_and_no_archive(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no pose file"):
        read_poses(tmp_path / "absent.npz")
    (tmp_path / "text.npz").write_text("no poses")
    with pytest.raises(ValueError, match="expected an npz archive"):
        read_poses(tmp_path / "text.npz")
