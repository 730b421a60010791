"""Fits of synthetic clips: a person with smooth motion and a static camera."""

import dataclasses
import math
from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
import torch

from fitting.fit import Fitter
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FORMATS, Keypoints
from fitting.optimise.initialize import initialize
from fitting.optimise.problem import Weights
from fitting.optimise.settings import FitSettings
from fitting.video import clip_stages, clip_windows
from fitting.video.clip import ClipFit, fit_clip
from fitting.video.clip_output import Standing, clip_result
from fitting.video.clip_problem import ClipSolver
from fitting.video.clip_result import read_clip
from fitting.video.clip_start import interpolate_gaps, rotation_median
from fitting.video.tracked_keypoints import TrackedKeypoints
from qposer.body_pose.posed_skeleton import OrientedPose, PosedSkeleton
from qposer.body_pose.poses import read_poses
from qposer.body_pose.rotations import axis_angle_to_matrix, geodesic_angle
from qposer.body_pose.skeleton import BODY_JOINT_NAMES
from qposer.control.collisions import penetration
from qposer.data.amass import read_amass
from qposer.evaluation.metrics import pa_mpjpe

SIZE, FOCAL = (1280, 720), 1100.0
FRAMES = 30
GAP = range(12, 18)


@dataclasses.dataclass(frozen=True)
class Truth:
    joints: torch.Tensor
    transl: torch.Tensor
    xy: np.ndarray


@pytest.fixture(scope="module")
def truth(fitter):
    """A person who waves and walks sideways while turning slightly."""
    phase = torch.linspace(0, 2 * math.pi, FRAMES)
    pose = torch.zeros(FRAMES, 21, 3)

    def bend(name, axis, angle):
        pose[:, BODY_JOINT_NAMES.index(name), axis] = angle

    bend("left_shoulder", 2, -1.2 + 0.3 * phase.sin())
    bend("right_shoulder", 2, 0.4 - 0.4 * phase.cos())
    bend("right_elbow", 1, 0.8 + 0.5 * phase.sin())
    bend("left_hip", 0, -0.4 * phase.sin())
    bend("right_hip", 0, 0.4 * phase.sin())
    bend("left_knee", 0, 0.4 + 0.3 * phase.sin())
    bend("right_knee", 0, 0.4 - 0.3 * phase.sin())
    turn = torch.stack([torch.zeros(FRAMES), 0.4 + 0.3 * phase.cos(), torch.zeros(FRAMES)], dim=-1)
    orient = axis_angle_to_matrix(torch.tensor([math.pi, 0.0, 0.0])) @ axis_angle_to_matrix(turn)
    transl = torch.stack([torch.linspace(-0.5, 0.5, FRAMES), torch.full((FRAMES,), 0.2), 4.0 + 0.2 * phase.cos()], -1)
    camera = Camera.for_image(*SIZE, FOCAL, batch=FRAMES)
    xy = camera.project(fitter.body.landmarks(orient, pose, None, transl))
    return Truth(fitter.body(orient, pose, None, transl).joints[:, :22], transl, xy.numpy())


def sightings(truth, frames=range(FRAMES), noise=3.0):
    chosen = np.array(frames)
    xy = truth.xy + noise * np.random.default_rng(0).normal(size=truth.xy.shape)
    return TrackedKeypoints(Keypoints(xy[chosen], np.ones((len(chosen), 33)), "mediapipe"), chosen + 100, 30.0)


@pytest.fixture(scope="module")
def result(fitter, truth):
    """Keypoints of all frames except the gap."""
    return fit_clip(fitter, sightings(truth, [k for k in range(FRAMES) if k not in GAP]), SIZE, focal=FOCAL)


def errors_mm(joints, truth):
    return 1000 * pa_mpjpe(torch.from_numpy(joints[:, :22]), truth.joints)


def jitter_mm(joints, truth):
    """Error of the accelerations of joints, in mm per squared frame."""

    def accelerations(positions):
        return positions[2:] - 2 * positions[1:-1] + positions[:-2]

    return 1000 * (accelerations(torch.from_numpy(joints[:, :22])) - accelerations(truth.joints)).norm(dim=-1).mean()


def test_the_body_is_where_the_person_is(result, truth):
    assert errors_mm(result.joints, truth).mean() < 50
    assert np.abs(result.transl[:, :2] - truth.transl[:, :2].numpy()).max() < 0.1
    assert 0 < result.reprojection_error_percent < 2


def test_frames_without_keypoints_are_filled_in_and_reported(result, truth):
    assert result.frames.tolist() == list(range(100, 100 + FRAMES))
    assert (~result.detected).nonzero()[0].tolist() == list(GAP)
    assert errors_mm(result.joints, truth)[list(GAP)].mean() < 60
    assert (result.keypoints_confidence[list(GAP)] == 0).all()
    assert np.isnan(result.reprojection_error_px).nonzero()[0].tolist() == list(GAP)


def test_arms_stay_out_of_the_body(fitter):
    """Both hands touch the thighs, and keypoints are inexact."""
    pose = torch.zeros(12, 21, 3)
    for side, sign in (("left", -1), ("right", 1)):
        pose[:, BODY_JOINT_NAMES.index(f"{side}_shoulder"), 2] = sign * 1.6
    orient = axis_angle_to_matrix(torch.tensor([math.pi, 0.0, 0.0]).expand(12, 3))
    place = torch.tensor([0.0, 0.2, 4.0]).expand(12, 3)
    camera = Camera.for_image(*SIZE, FOCAL, batch=12)
    xy = camera.project(fitter.body.landmarks(orient, axis_angle_to_matrix(pose), None, place)).numpy()
    xy = xy + 3 * np.random.default_rng(1).normal(size=xy.shape)
    seen = TrackedKeypoints(Keypoints(xy, np.ones((12, 33)), "mediapipe"), np.arange(12), 30.0)
    depths = []
    for weights in (Weights(arms=0.0), Weights()):
        result = fit_clip(Fitter(fitter.body, fitter.prior, FitSettings(weights=weights)), seen, SIZE, focal=FOCAL)
        skeleton = PosedSkeleton.of(OrientedPose(axis_angle_to_matrix(torch.from_numpy(result.body_pose)), orient))
        depths.append(penetration(skeleton, ("left", "right")).amax(-1).mean().item())
    assert depths[1] < 0.5 * depths[0]


def test_smoothness_reduces_jitter(fitter, truth):
    seen = sightings(truth)
    smooth, rough = (fit_clip(fitter, seen, SIZE, focal=FOCAL, smoothness=smoothness) for smoothness in (1.0, 0.0))
    assert jitter_mm(smooth.joints, truth) < 0.3 * jitter_mm(rough.joints, truth)
    assert errors_mm(smooth.joints, truth).mean() < errors_mm(rough.joints, truth).mean() + 1


def test_joints_and_poses_are_those_of_the_parameters(fitter, result):
    values = (result.global_orient, result.body_pose, np.tile(result.betas, (len(result), 1)), result.transl)
    output = fitter.body(*(torch.from_numpy(value) for value in values))
    np.testing.assert_allclose(output.joints, result.joints, atol=1e-4)
    decoded = fitter.model.decode(torch.from_numpy(result.codes))
    assert geodesic_angle(axis_angle_to_matrix(torch.from_numpy(result.body_pose)), decoded).max() < 1e-3


def test_a_written_clip_is_read_back(result, tmp_path):
    result.write(tmp_path / "fit.npz")
    again = read_clip(tmp_path / "fit.npz")
    for name, value in vars(result).items():
        np.testing.assert_array_equal(getattr(again, name), value)
    assert read_poses(tmp_path / "fit.npz").shape == (FRAMES, 21, 3)


def test_the_motion_for_other_tools(result, tmp_path):
    result.write_amass(tmp_path / "motion.npz")
    motion = read_amass(tmp_path / "motion.npz")
    assert motion.fps == 30.0
    assert len(motion.frames) == FRAMES
    np.testing.assert_allclose(np.load(tmp_path / "motion.npz")["betas"][: len(result.betas)], result.betas)


@pytest.mark.parametrize("change", [{"frames": None}, {"extra": 1}])
def test_other_files_are_refused(tmp_path, result, change):
    if "frames" in change:
        np.savez(tmp_path / "fit.npz", body_pose=result.body_pose)
        with pytest.raises(ValueError, match=r"is not the fit of a clip: it lacks .*frames"):
            read_clip(tmp_path / "fit.npz")
    else:
        with pytest.raises(FileNotFoundError, match="there is no fit"):
            read_clip(tmp_path / "absent.npz")


def changed(result, percent, unseen=()):
    """The result with other errors, and some keypoints unseen."""
    error = np.where(result.detected, percent, np.nan) / 100 * result.person_height_px
    confidence = result.keypoints_confidence.copy()
    confidence[:, FORMATS[result.keypoints_format].indices(*unseen)] = 0.0
    return dataclasses.replace(result, reprojection_error_px=error, keypoints_confidence=confidence, track_notes=())


def test_warnings_of_errors_and_unseen_parts(result):
    assert changed(result, 2.9).warnings == ()
    assert changed(result, 3.0).warnings == ("2D error of 3.0 % of the person's height: the body may be wrong",)
    few = np.where(np.arange(FRAMES) < 2, 20.0, 1.0)
    assert changed(result, few).warnings == ()
    many = np.where(np.arange(FRAMES) < 3, 10.0, 1.0)
    assert changed(result, many).warnings == ("2D error of 3 % or more in 3 of 24 frames: the body may be wrong there",)
    ankles = ("left_ankle", "right_ankle")
    assert changed(result, 1.0, ankles).warnings == ("cut off or hidden, and guessed: ankles",)


def test_impossible_turns_give_warnings(result):
    orient = result.global_orient.copy()
    assert changed(result, 1.0).warnings == ()
    orient[7:9, :] = 0.0
    found = dataclasses.replace(changed(result, 1.0), global_orient=orient).warnings
    assert found == ("the body turns faster than 720 degrees a second in 2 frames, first in frame 107",)


@pytest.mark.parametrize("name", ["body_pose", "transl", "joints", "focal", "reprojection_error_px"])
def test_a_clip_has_only_finite_numbers(result, name):
    given = np.asarray(getattr(result, name))
    changed = np.where(np.arange(given.size).reshape(given.shape) == 0, np.nan, given)
    with pytest.raises(ValueError, match=rf"contains NaN or infinite values \({name}\)"):
        dataclasses.replace(result, **{name: changed})


def test_the_height_is_that_of_single_images(fitter, result):
    """If a body is too close to the camera, the height is that of the keypoints."""
    keypoints = Keypoints(result.keypoints_xy[:1], result.keypoints_confidence[:1], result.keypoints_format)
    seen = TrackedKeypoints(keypoints, np.arange(1), 30.0)
    orient = axis_angle_to_matrix(torch.from_numpy(result.global_orient[:1]))
    pose = fitter.space.encode(axis_angle_to_matrix(torch.from_numpy(result.body_pose[:1])))
    camera, betas = Camera.for_image(*SIZE, FOCAL), torch.from_numpy(result.betas)[None]
    heights = {}
    for times in (1.0, 4.0):
        transl, residual = torch.from_numpy(result.transl[:1]) / times, torch.zeros(1, 21, 3)
        moved = {"orient": orient, "transl": transl, "pose": pose, "residual": residual}
        heights[times] = clip_result(
            fitter, seen, SIZE, camera, betas, moved, 1.0, Standing(None, None)
        ).person_height_px[0]
    assert heights[1.0] == pytest.approx(result.person_height_px[0], rel=1e-3)
    assert heights[4.0] == pytest.approx(heights[1.0], rel=0.2)


@pytest.mark.usefixtures("quick")
class TestWithShortStages:
    def test_stages_are_short(self, fitter, truth):
        """The fixture shortens all stages of a clip."""
        seen, steps_seen = sightings(truth), []
        free = Fitter(fitter.body, fitter.prior, FitSettings(residual=True))
        fit_clip(free, seen, SIZE, focal=FOCAL, on_step=lambda: steps_seen.append(None))
        assert len(steps_seen) == 2 * (2 * len(clip_stages.STAGES) + 2 + 3)

    @pytest.mark.parametrize("fps", [15.0, 60.0])
    def test_smoothness_counts_accelerations_a_squared_second(self, fitter, truth, monkeypatch, fps):
        weights = defaultdict(set)

        def spy(*arguments):
            solver = ClipSolver(*arguments)
            if solver.standing is None:
                for term in solver.smoothness:
                    weights[seen.fps, term.unknown].add(term.weight)
            return solver

        monkeypatch.setattr(clip_stages, "ClipSolver", spy)
        for seen in (sightings(truth), dataclasses.replace(sightings(truth), fps=fps)):
            fit_clip(fitter, seen, SIZE, focal=FOCAL)
        for unknown, weight in clip_stages.ROUGHNESS.items():
            for rate in (30.0, fps):
                sparse = rate / round(rate / clip_stages.SPARSE_FPS)
                expected = [weight * (one / 30) ** 4 for one in (sparse, rate)]
                assert sorted(weights[rate, unknown]) == pytest.approx(expected)

    def test_chunks_fade_into_each_other(self, fitter, truth, monkeypatch):
        whole = fit_clip(fitter, sightings(truth), SIZE, focal=FOCAL)
        monkeypatch.setattr(clip_windows, "WINDOW", 14)
        monkeypatch.setattr(clip_windows, "OVERLAP", 6)
        cut = fit_clip(fitter, sightings(truth), SIZE, focal=FOCAL)
        assert cut.frames.tolist() == whole.frames.tolist()
        assert np.abs(cut.joints - whole.joints).max() < 0.1
        steps = np.linalg.norm(np.diff(cut.joints, axis=0), axis=-1).max(-1)
        assert steps.max() < 1.5 * np.linalg.norm(np.diff(whole.joints, axis=0), axis=-1).max()

    @pytest.mark.parametrize("frames", [[3], [3, 4], [3, 9], [0, 1, 2]])
    def test_few_frames_suffice(self, fitter, truth, frames):
        fit = fit_clip(fitter, sightings(truth, frames), SIZE, focal=FOCAL)
        assert fit.frames.tolist() == list(range(100 + frames[0], 101 + frames[-1]))
        assert np.isfinite(fit.joints).all()

    @pytest.mark.parametrize("chunk", [300, 14])
    def test_ticks_are_counted_beforehand(self, fitter, truth, monkeypatch, chunk):
        monkeypatch.setattr(clip_windows, "WINDOW", chunk)
        monkeypatch.setattr(clip_windows, "OVERLAP", 6)
        seen, steps_seen = sightings(truth), []
        fit_clip(fitter, seen, SIZE, focal=FOCAL, on_step=lambda: steps_seen.append(None))
        assert len(steps_seen) == ClipFit(fitter, seen, SIZE, FOCAL).steps

    def test_residual_rotations_come_after_the_codes_as_in_photos(self, fitter, truth):
        free = Fitter(fitter.body, fitter.prior, FitSettings(residual=True))
        seen, steps_seen = sightings(truth), []
        fit = fit_clip(free, seen, SIZE, focal=FOCAL, on_step=lambda: steps_seen.append(None))
        decoded = free.model.decode(torch.from_numpy(fit.codes))
        apart = geodesic_angle(axis_angle_to_matrix(torch.from_numpy(fit.body_pose)), decoded)
        assert len(steps_seen) == ClipFit(free, seen, SIZE, FOCAL).steps
        assert apart.amax(-1).min() > 1e-3
        assert apart.max() < 0.5

    def test_cached_work_is_not_repeated(self, fitter, truth):
        seen, made = sightings(truth), {}

        def keep(name, make):
            made[name] = made[name] if name in made else make()
            return made[name]

        first = fit_clip(fitter, seen, SIZE, focal=FOCAL, keep=keep)
        steps_seen = []
        second = fit_clip(fitter, seen, SIZE, focal=FOCAL, keep=keep, on_step=lambda: steps_seen.append(None))
        assert not steps_seen
        assert np.array_equal(first.joints, second.joints)

    def test_the_depth_cue_can_be_left_out(self, fitter, truth):
        plain = sightings(truth)
        reported = dataclasses.replace(
            plain, keypoints=dataclasses.replace(plain.keypoints, world=np.ones((FRAMES, 33, 3)))
        )
        without = Fitter(fitter.body, fitter.prior, FitSettings(depth_cue=False))
        cued, ignored, expected = (
            fit_clip(one, seen, SIZE, focal=FOCAL).joints
            for one, seen in ((fitter, reported), (without, reported), (without, plain))
        )
        assert np.array_equal(ignored, expected)
        assert not np.array_equal(cued, expected)


def test_stretches_cover_the_clip_and_overlap():
    for first, last in ((0, 0), (5, 304), (0, 300), (7, 1000), (0, 12345)):
        stretches = list(clip_windows.windows_of(first, last))
        assert stretches[0][0] == first
        assert stretches[-1][1] == last
        for (_, end), (begin, _) in pairwise(stretches):
            assert end - begin + 1 >= clip_windows.OVERLAP
        assert max(end - begin + 1 for begin, end in stretches) <= clip_windows.WINDOW


def test_rotations_unlike_those_around_become_usual():
    generator = torch.Generator().manual_seed(0)
    steady = axis_angle_to_matrix(0.05 * torch.randn(20, 3, 3, generator=generator))
    flipped = steady.clone()
    flipped[[4, 11, 12], 1] = axis_angle_to_matrix(torch.tensor([0.0, 3.0, 0.0]))
    found = rotation_median(flipped)
    assert geodesic_angle(found, torch.eye(3)).max() < 0.3
    assert any(torch.equal(found[5, 0], one) for one in steady[:, 0])


def test_between_sightings_everything_is_interpolated(fitter, truth):
    seen = sightings(truth, [2, 6])
    camera = Camera.for_image(*SIZE, FOCAL, batch=2)
    problem, estimate = initialize(fitter.body, fitter.space, fitter.regressor, seen.keypoints, camera)
    whole, every = interpolate_gaps(problem, estimate, torch.tensor([0, 4]))
    assert (whole.confidence.sum(-1) > 0).tolist() == [True, False, False, False, True]
    for unknown in ("transl", "pose"):
        first, last = getattr(estimate, unknown)
        torch.testing.assert_close(getattr(every, unknown)[1], 0.75 * first + 0.25 * last)
    angle = geodesic_angle(estimate.orient[0], estimate.orient[1])
    torch.testing.assert_close(geodesic_angle(every.orient[0], every.orient[1]), angle / 4, atol=1e-3, rtol=0)
    torch.testing.assert_close(every.orient[4], estimate.orient[1])


@pytest.mark.parametrize("smoothness", [0.0, 1.0])
def test_frames_between_those_fitted_first_follow_their_own_keypoints(fitter, truth, smoothness):
    """A wave of a hand between two of them is in the motion."""
    seen = sightings(truth)
    still = dataclasses.replace(seen, keypoints=seen.keypoints[[0] * len(seen.frames)])
    xy = still.keypoints.xy.copy()
    hand = [still.keypoints.names.index(f"left_{part}") for part in ("wrist", "thumb", "index", "pinky")]
    every = round(seen.fps / clip_stages.SPARSE_FPS)
    xy[every + 1 : 2 * every, hand, 1] -= 25
    waving = dataclasses.replace(still, keypoints=dataclasses.replace(still.keypoints, xy=xy))
    heights = [
        fit_clip(fitter, one, SIZE, focal=FOCAL, smoothness=smoothness, contact=False).joints[:, 20, 1]
        for one in (still, waving)
    ]
    middle = every + every // 2
    moved = heights[1] - heights[0]
    assert abs(moved[middle]) > 2 * np.abs(moved[[0, -1]]).max()
    assert abs(moved[middle]) > 0.02


def test_the_next_sightings_outside_a_stretch_are_known(truth):
    seen = sightings(truth, [0, 1, 5, 9, 10, 20])
    around = {(105, 109): [5, 9], (106, 108): [5, 9], (100, 101): [0, 1], (102, 119): [1, 5, 9, 10, 20]}
    for (first, last), expected in around.items():
        assert (seen.around(first, last).frames - 100).tolist() == expected


@pytest.mark.parametrize(("frames", "fps"), [([1, 1], 30.0), ([2, 1], 30.0), ([1], 30.0), ([1, 2], 0.0)])
def test_invalid_sightings_are_rejected(truth, frames, fps):
    keypoints = Keypoints(truth.xy[:2], np.ones((2, 33)), "mediapipe")
    with pytest.raises(ValueError, match=r"ascending frame numbers|frames per second"):
        TrackedKeypoints(keypoints, np.array(frames), fps)


def test_invalid_numbers_are_rejected(fitter, truth):
    with pytest.raises(ValueError, match="a focal length must be a positive number of pixels, not -1"):
        fit_clip(fitter, sightings(truth), SIZE, focal=-1.0)
    with pytest.raises(ValueError, match="smoothness must be a factor"):
        fit_clip(fitter, sightings(truth), SIZE, focal=FOCAL, smoothness=math.nan)
    child = Fitter(fitter.body, fitter.prior, FitSettings(age=6), regressor=fitter.regressor)
    with pytest.raises(ValueError, match="not fitted by the age"):
        fit_clip(child, sightings(truth), SIZE, focal=FOCAL)
