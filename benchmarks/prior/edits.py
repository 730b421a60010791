"""Protocol 6: edits of parts, with their error inside the part and their drift outside it."""

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
    """Settings of protocol 6."""

    pairs: int = 2000
    """Number of pairs of a test pose and a donor pose."""
    seed: int = 0


def measure(prior: QPoserPrior, poses: Poses, settings: EditsSettings) -> Result:
    """Measure edits of test poses with a prior's autoencoder.

    Args:
        prior: prior with the autoencoder.
        poses: body poses by split.
        settings: settings of the protocol.

    Returns:
        Angles in degrees, as `angles` returns them.
    """
    return angles(prior.model, poses.test, settings)


@torch.no_grad()
def angles(model: QPoser, poses: Float[Tensor, "poses 21 3"], settings: EditsSettings) -> Result:
    """Measure edits that replace a part of each pose by that of a donor.

    Args:
        model: the autoencoder.
        poses: body poses, axis-angle in radians.
        settings: settings of the protocol.

    Returns:
        For each part, a value for each pair in degrees: ``inside_deg`` (mean angle to the donor inside the part),
        ``outside_deg`` (mean angle to the pose outside it) and ``unedited_deg`` (the latter after encoding and decoding
        without an edit).
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
