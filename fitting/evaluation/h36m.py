"""Evaluate the fitter on Human3.6M: cameras, views of recordings, and errors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitting.fit import Fitter
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import Keypoints
from fitting.optimise.problem import Estimate
from qposer import __version__
from qposer.body_pose.rotations import matrix_to_axis_angle
from qposer.data.h36m import JOINTS_14, JOINTS_17, Recording, read_positions
from qposer.evaluation.metrics import mpjpe, pa_mpjpe
from qposer.io.npz import read_npz, write_npz

FOCAL = 1145.0
CENTRE = (500.0, 500.0)
"""Principal point of synthetic cameras in pixels, similar to the dataset's, whose pictures are 1000 pixels wide and
high."""

MADE_UP_PLACES = ((2.0, 4.5), (2.0, -4.5), (-2.0, 4.5), (-2.0, -4.5))
"""Positions of the four synthetic cameras on the floor, in metres from the centre of a recording, at a distance of 4.9
m."""

MADE_UP_RISE = 0.7
"""Height of the synthetic cameras above the pelvis in metres."""

NEAREST = 0.3
"""Minimum distance of joints in front of a camera, in metres."""

ANKLES, HEAD = [3, 6], 10  # among the 17 joints


@dataclass(frozen=True)
class RoomCamera:
    """A pinhole camera in a room: ``x = R X + t`` maps world to camera coordinates in metres."""

    name: str
    R: Float[np.ndarray, "3 3"]
    t: Float[np.ndarray, "3"]
    focal: float
    centre: tuple[float, float]

    @classmethod
    def at_origin(cls, name: str, focal: float = FOCAL, centre: tuple[float, float] = CENTRE) -> RoomCamera:
        """A camera whose coordinates are the world's.

        Args:
            name: name of the camera.
            focal: focal length in pixels.
            centre: principal point in pixels.

        Returns:
            The camera.
        """
        return cls(name, np.eye(3), np.zeros(3), focal, centre)


@dataclass(frozen=True)
class View:
    """One camera's view of some frames of a recording."""

    recording: Recording
    camera: RoomCamera
    frames: Int[np.ndarray, " frames"]
    joints: Float[np.ndarray, "frames 17 3"]
    """In the camera's space, metres."""

    @property
    def name(self) -> str:
        """Name of the recording and the camera."""
        return f"{self.recording.name.removesuffix(f'.{self.camera.name}')}.{self.camera.name}"


@dataclass(frozen=True)
class Scores:
    """Errors of fits to one view in millimetres, after pelvis (MPJPE) or Procrustes (PA) alignment, and the bodies."""

    frames: Int[np.ndarray, " frames"]
    mpjpe_14: Float[np.ndarray, " frames"]
    pa_mpjpe_14: Float[np.ndarray, " frames"]
    mpjpe_17: Float[np.ndarray, " frames"]
    pa_mpjpe_17: Float[np.ndarray, " frames"]
    energy: Float[np.ndarray, " frames"]
    """Energies of the fitted poses: 0 is the median of recorded poses, 1 their 95th percentile (`CodePrior.energy`)."""
    global_orient: Float[np.ndarray, "frames 3"]
    body_pose: Float[np.ndarray, "frames 21 3"]
    betas: Float[np.ndarray, "frames betas"]
    transl: Float[np.ndarray, "frames 3"]


FIGURES = ("mpjpe_14", "pa_mpjpe_14", "mpjpe_17", "pa_mpjpe_17", "energy")
"""Scores with one number per fit."""


def read_cameras(path: Path) -> dict[str, list[RoomCamera]]:
    """Read the cameras of each subject from a JSON file in one of two layouts, with millimetres and pixels.

    - ``{"S9": {"54138969": {"R": 3 x 3, "t": 3, "focal": f or [fx, fy], "centre": [cx, cy]}, ...}, ...}``
    - the common calibration file of the dataset: ``{"extrinsics": {"S9": {"54138969": {"R", "t"}}}, "intrinsics":
      {"54138969": {"calibration_matrix"}}}``.

    ``x = R X + t`` maps world to camera coordinates; a camera at ``T`` has ``t = -R T``. Two focal lengths, which
    differ by a thousandth, are averaged, and distortion is ignored because no pictures are used.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is not JSON or is incomplete.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no camera file {path}: check the path")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        intrinsics = content.get("intrinsics")
        subjects = content if intrinsics is None else content["extrinsics"]
        return {
            subject: [
                _camera(name, given, intrinsics[name] if intrinsics else given) for name, given in cameras.items()
            ]
            for subject, cameras in subjects.items()
        }
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        what = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise ValueError(
            f"{path}: expected JSON of each subject's cameras with R, t, focal and centre, or extrinsics and "
            f"intrinsics ({what})"
        ) from None


def _camera(name: str, place: dict[str, Any], lens: dict[str, Any]) -> RoomCamera:
    R, t = (np.array(place[key], dtype=np.float64) for key in ("R", "t"))
    if "calibration_matrix" in lens:
        matrix = np.array(lens["calibration_matrix"], dtype=np.float64)
        focal, centre = matrix[[0, 1], [0, 1]], matrix[:2, 2]
    else:
        focal, centre = np.atleast_1d(np.array(lens["focal"], np.float64)), np.array(lens["centre"], np.float64)
    if R.shape != (3, 3) or not np.allclose(R @ R.T, np.eye(3), atol=1e-3) or np.linalg.det(R) < 0:
        raise ValueError(f"R of camera {name} is not a rotation")
    if t.size != 3 or centre.shape != (2,) or not np.isfinite([*t.flat, *centre]).all() or not (focal > 0).all():
        raise ValueError(f"camera {name} needs t with three numbers, centre with two, and a positive focal length")
    return RoomCamera(name, R, t.reshape(3) / 1000, float(focal.mean()), (float(centre[0]), float(centre[1])))


def synthetic_cameras(joints: Float[np.ndarray, "frames 17 3"]) -> list[RoomCamera]:
    """Four synthetic cameras around a recording, placed like those of the dataset, that look at its centre.

    The up axis is the axis of the file along which heads are highest above ankles on average.
    """
    rise = (joints[:, HEAD] - joints[:, ANKLES].mean(axis=1)).mean(axis=0)
    axis = int(np.abs(rise).argmax())
    up = np.sign(rise[axis]) * np.eye(3)[axis]
    east = np.roll(np.eye(3)[axis], 1)
    north = np.cross(up, east)
    middle = np.median(joints[:, 0], axis=0)
    cameras = []
    for number, (x, y) in enumerate(MADE_UP_PLACES, start=1):
        place = middle + x * east + y * north + MADE_UP_RISE * up
        forward = (middle - place) / np.linalg.norm(middle - place)
        right = np.cross(forward, up)
        right /= np.linalg.norm(right)
        R = np.stack([right, np.cross(forward, right), forward])
        cameras.append(RoomCamera(f"view{number}", R, -R @ place, FOCAL, CENTRE))
    return cameras


def views(recording: Recording, cameras: dict[str, list[RoomCamera]] | None, every: int) -> Iterator[View]:
    """Views of every ``every``-th frame of a recording by each camera.

    A recording in camera coordinates has only the view of that camera.

    Args:
        recording: read when the first view is requested.
        cameras: cameras of each subject; None for synthetic ones.
        every: 1 for all frames; 64 is common.

    Yields:
        A view for each camera.

    Raises:
        FileNotFoundError: the recording's file does not exist.
        ValueError: the recording cannot be read, it has no camera, or the person is not in front of a camera.
    """
    positions = read_positions(recording.path)
    frames = np.arange(0, len(positions), every)
    joints = positions[frames][:, list(JOINTS_17)]
    for camera in _cameras_of(recording, cameras, joints):
        seen = joints @ camera.R.T + camera.t
        hidden = int((seen[..., 2] < NEAREST).any(axis=1).sum())
        if hidden:
            raise ValueError(
                f"{recording.path}: in {hidden} of {len(frames)} frames the person is not in front of camera "
                f"{camera.name}: x = R X + t must map the file's world to camera coordinates, t in millimetres"
            )
        yield View(recording, camera, frames, seen)


def _cameras_of(
    recording: Recording, cameras: dict[str, list[RoomCamera]] | None, joints: Float[np.ndarray, "frames 17 3"]
) -> list[RoomCamera]:
    if cameras is None:
        return synthetic_cameras(joints) if recording.camera is None else [RoomCamera.at_origin(recording.camera)]
    known = cameras.get(recording.subject)
    if not known:
        raise ValueError(f"{recording.path}: the camera file has no camera for {recording.subject}")
    if recording.camera is None:
        return known
    own = [camera for camera in known if camera.name == recording.camera]
    if not own:
        raise ValueError(f"{recording.path}: the camera file has no camera {recording.camera} for {recording.subject}")
    return [RoomCamera.at_origin(camera.name, camera.focal, camera.centre) for camera in own]


def evaluate(
    fitter: Fitter, view: View, batch: int = 64, on_step: Callable[[int], None] = lambda people: None
) -> Scores:
    """Fit bodies to the projected joints of a view, each frame independently, and compare them with the recording.

    The fitter gets the camera and 17 exact keypoints per frame. Errors are in 3D, over the same points of the fitted
    body.

    Args:
        fitter: body, prior and settings.
        view: the view to fit.
        batch: number of frames per batch; it does not affect results.
        on_step: called after every step with the number of people in the batch.

    Returns:
        The errors of each frame.
    """
    truth = torch.from_numpy(view.joints).to(fitter.device, fitter.dtype)
    parts = [_evaluated(fitter, part, view.camera, on_step) for part in truth.split(batch)]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Scores(frames=view.frames, **joined)


def _evaluated(
    fitter: Fitter, truth: Float[Tensor, "people 17 3"], room: RoomCamera, on_step: Callable[[int], None]
) -> dict[str, np.ndarray]:
    people = len(truth)
    camera = Camera(truth.new_full((people,), room.focal), truth.new_tensor(room.centre).expand(people, 2))
    xy = camera.project(truth).cpu().numpy()
    keypoints = Keypoints(xy, np.ones(xy.shape[:2]), "h36m", noise_floor=0.0)
    _, estimate = fitter.solve(keypoints, camera, lambda: on_step(people))
    with torch.no_grad():
        return {name: value.cpu().numpy() for name, value in _scores(fitter, truth, estimate).items()}


def _scores(fitter: Fitter, truth: Float[Tensor, "people 17 3"], estimate: Estimate) -> dict[str, Tensor]:
    body_pose = fitter.body_pose(estimate)
    joints = fitter.body.landmarks(estimate.orient, body_pose, estimate.betas, estimate.transl, format="h36m")
    chosen = list(JOINTS_14)
    found, true = (points - points[:, :1] for points in (joints, truth))
    return {
        "mpjpe_14": 1000 * mpjpe(found[:, chosen], true[:, chosen]),
        "pa_mpjpe_14": 1000 * pa_mpjpe(found[:, chosen], true[:, chosen]),
        "mpjpe_17": 1000 * mpjpe(found, true),
        "pa_mpjpe_17": 1000 * pa_mpjpe(found, true),
        "energy": fitter.prior.energy(body_pose),
        "global_orient": matrix_to_axis_angle(estimate.orient),
        "body_pose": matrix_to_axis_angle(body_pose),
        "betas": estimate.betas,
        "transl": estimate.transl,
    }


def digest_of(fitter: Fitter) -> str:
    """Hash of everything that determines the fits: version, settings, weights and body."""
    content = hashlib.sha256(f"{__version__} {fitter.settings.as_json}".encode())
    for module in (fitter.model, fitter.prior.network, fitter.regressor, fitter.body):
        for _, tensor in sorted([*module.named_parameters(), *module.named_buffers()]):
            content.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return content.hexdigest()


def write_scores(path: Path, scores: Scores, view: View, digest: str) -> None:
    """Write the scores of a view, with their inputs, atomically.

    Args:
        path: the file to write.
        scores: scores of the view.
        view: the fitted view.
        digest: digest of the fitter.
    """
    write_npz(path, {**vars(scores), "of": np.array(_origin(view, digest))})


def read_scores(path: Path, view: View, digest: str) -> Scores:
    """Read stored scores.

    Args:
        path: a file written by `write_scores`.
        view: the fitted view.
        digest: digest of the fitter.

    Returns:
        The scores.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is invalid, or has other positions, another camera or another fitter.
    """
    names = [field.name for field in fields(Scores)]
    arrays = read_npz(path, [*names, "of"])
    if str(arrays.pop("of", "")) != _origin(view, digest) or arrays.keys() != set(names):
        raise ValueError(
            f"{path} belongs to other frames, cameras, weights or settings: give another --out, or delete it"
        )
    return Scores(**arrays)


def _origin(view: View, digest: str) -> str:
    content = hashlib.sha256(digest.encode())
    for array in (view.frames, view.joints, np.array([view.camera.focal, *view.camera.centre])):
        content.update(array.tobytes())
    return content.hexdigest()
