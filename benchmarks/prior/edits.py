"""Protocol 6: edits of parts: error to the donor inside the part, and drift outside."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.cache import Result
from benchmarks.prior.poses import Poses, drawn
from benchmarks.prior.qposer_prior import QPoserPrior
from qposer.body_pose.rotations import axis_angle_to_matrix, geodesic_angle
from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.control.edits import joints_of, swap
from qposer.prior.model import QPoser

PARTS = ("left_arm", "right_leg", "upper_body")


@dataclass(frozen=True)
class EditsSettings:
    """Of protocol 6."""

    pairs: int = 2000
    """Of a test pose and a donor, another one."""
    seed: int = 0


def measure(prior: QPoserPrior, poses: Poses, settings: EditsSettings) -> Result:
    """As ``angles``.

    Args:
        prior: prior with the autoencoder to edit with.
        poses: body poses by split.
        settings: settings of the protocol.

    Returns:
        Degrees by part.
    """
    return angles(prior.model, poses.test, settings)


@torch.no_grad()
def angles(model: QPoser, poses: Float[Tensor, "poses 21 3"], settings: EditsSettings) -> Result:
    """For each part, of every pair, mean angles in degrees: to the donor inside of the part, to the pose outside.

    The latter also without an edit: what a way through the codes alone does to these joints.

    Args:
        model: the autoencoder.
        poses: body poses, axis-angle in radians.
        settings: settings of the protocol.

    Returns:
        Degrees by part.
    """
    chosen = drawn(poses, settings.pairs, torch.Generator().manual_seed(settings.seed))
    pose, donor = axis_angle_to_matrix(chosen), axis_angle_to_matrix(chosen.roll(1, dims=0))
    unedited = model.reconstruct(pose)
    result: Result = {}
    for part in PARTS:
        joints = joints_of(part)
        outside = [joint for joint in range(NUM_BODY_JOINTS) if joint not in joints]
        edited = swap(pose, donor, part, model=model)
        result[part] = {
            "inside_deg": geodesic_angle(edited, donor)[:, joints].mean(-1).rad2deg().tolist(),
            "outside_deg": geodesic_angle(edited, pose)[:, outside].mean(-1).rad2deg().tolist(),
            "unedited_deg": geodesic_angle(unedited, pose)[:, outside].mean(-1).rad2deg().tolist(),
        }
    return result
