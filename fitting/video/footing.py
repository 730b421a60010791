"""From a clip's fit to the ground and to feet that stand, and to the terms that keep them there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fitting.inputs.keypoints import FORMATS
from fitting.models import FittingModels
from fitting.optimise.problem import Problem
from fitting.terms.contact import StandingFeet
from fitting.terms.ground import FeetOnGround
from fitting.terms.term import Term
from fitting.video.clip_output import ROWS, Standing
from fitting.video.contact import foot_points, lowest_around, standing_probability
from fitting.video.ground import Evidence, Ground, estimate_up, ground_below
from fitting.video.tracked_keypoints import TrackedKeypoints
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import JOINT_NAMES

STANDING_WEIGHT = 2e4
"""Of the squared displacement (metres in a frame, of 30 per second) of a foot that surely stands. A keypoint of a foot
weighs about 20."""

STANDING_RHO = 0.9
"""Metres per second: feet that move much faster do not stand, whatever was found before."""

GROUND_WEIGHT = 300.0
"""Of the squared height (metres) of a foot that stands or is below the ground."""

MOVING_CAMERA = "the camera moves: there are no ground and no world axes, and feet may slide"
UNSURE_CAMERA = "the background shows too little to tell whether the camera moves: it is taken to stand"


@torch.no_grad()
def foot_evidence(
    models: FittingModels,
    seen: TrackedKeypoints,
    betas: Float[Tensor, "1 shapes"],
    motion: dict[str, Tensor],
) -> Evidence:
    """Where the feet are, and which way people stand.

    Args:
        models: body and prior.
        seen: keypoints of the person.
        betas: shape.
        motion: parameters of every frame.

    Returns:
        Evidence in camera axes.
    """
    body, format = models.body, seen.keypoints.format
    places = list(FORMATS[format].indices(*foot_points(format)))
    shape = betas.to(models.device)
    points, upright = [], []
    for chunk in torch.arange(len(motion["transl"])).split(ROWS):
        orient, transl, pose, residual = (
            motion[name][chunk].to(models.device) for name in ("orient", "transl", "pose", "residual")
        )
        body_pose = models.space.decode(pose) @ axis_angle_to_matrix(residual)
        landmarks, joints, _ = body.posed_landmarks(orient, body_pose, shape, transl, format=format)
        ankles = joints[:, [JOINT_NAMES.index("left_ankle"), JOINT_NAMES.index("right_ankle")]].mean(1)
        points.append(landmarks[:, places].cpu().numpy())
        upright.append((joints[:, JOINT_NAMES.index("head")] - ankles).cpu().numpy())
    rest = shape.new_zeros(1, 22, 3)
    flat = body.landmarks(rest[:, 0], rest[:, 1:], shape, format=format)[0, places, 1]
    lowest = body(rest[:, 0], rest[:, 1:], shape).vertices[..., 1].amin()
    weight = np.zeros((len(motion["transl"]), len(places)))
    weight[seen.frames - seen.frames[0]] = (seen.keypoints.confidence * seen.keypoints.seen)[:, places]
    soles = (flat - lowest).cpu().numpy()
    return Evidence(np.concatenate(points), soles, np.concatenate(upright), weight, seen.fps)


def standing_people(
    evidence: Sequence[Evidence | None], seen: Sequence[TrackedKeypoints], given: Ground | None
) -> list[Standing]:
    """Which feet of each person stand, and on which ground.

    Args:
        evidence: of each person; None where there are no contacts to find.
        seen: keypoints of each person.
        given: the ground, if known.

    Returns:
        Contacts, ground, and the reason where there is none.
    """
    known = [one for one in evidence if one is not None]
    first = [
        (one, standing_probability(one.points, _above_lowest(one, one.direction), one.seen, one.fps)) for one in known
    ]
    up = None if given is not None or not known else estimate_up(first)
    if up is not None:
        first = [(one, standing_probability(one.points, _above_lowest(one, up), one.seen, one.fps)) for one in known]
        up = estimate_up(first)
    found = iter([_standing(one, stands, up, given) for one, stands in first])
    return [
        _unknown(track) if one is None else _noted(next(found), track)
        for one, track in zip(evidence, seen, strict=True)
    ]


def _unknown(seen: TrackedKeypoints) -> Standing:
    return Standing(None, None, MOVING_CAMERA if seen.camera_moves else "")


def _noted(standing: Standing, seen: TrackedKeypoints) -> Standing:
    notes = (standing.note, UNSURE_CAMERA if seen.camera_moves is None else "")
    return Standing(standing.contact, standing.ground, "; ".join(note for note in notes if note))


def _standing(
    evidence: Evidence,
    stands: Float[np.ndarray, "frames points"],
    up: Float[np.ndarray, "3"] | None,
    given: Ground | None,
) -> Standing:
    ground, reason = (given, "") if given is not None or up is None else ground_below(evidence, stands, up)
    if ground is None:
        return Standing(stands, None, f"there are no ground and no world axes: {reason}")
    heights = evidence.points @ np.array(ground.up) + ground.camera_height - evidence.soles
    stands = standing_probability(evidence.points, heights, evidence.seen, evidence.fps)
    if given is None and up is not None:  # once more, with the heights above this ground
        again, _ = ground_below(evidence, stands, up)
        ground = again or ground
    return Standing(stands, ground)


def _above_lowest(evidence: Evidence, up: Float[np.ndarray, "3"]) -> Float[np.ndarray, "frames points"]:
    """Heights above the lowest point around each frame."""
    heights = evidence.points @ up - evidence.soles
    return np.asarray(heights - lowest_around(heights, evidence.fps)[:, None])


def contact_terms(
    standing: Standing, inside: slice, evidence: Evidence, seen: TrackedKeypoints, problem: Problem
) -> tuple[list[Term], StandingFeet]:
    """The terms for some frames.

    Args:
        standing: contacts and ground of the whole clip.
        inside: rows of the frames.
        evidence: heights of the soles.
        seen: keypoints of the person.
        problem: of these frames.

    Returns:
        Terms of single frames, and the term that couples them.
    """
    assert standing.contact is not None
    format = seen.keypoints.format
    places = FORMATS[format].indices(*foot_points(format))
    sure = np.clip(2 * standing.contact[inside] - 1, 0.0, 1.0)  # zero where nothing is known
    stands = torch.from_numpy(sure).to(problem.keypoints)
    both = torch.minimum(stands[1:], stands[:-1])
    feet = StandingFeet(STANDING_WEIGHT * seen.fps / 30, places, both, STANDING_RHO / seen.fps)
    if standing.ground is None:
        return [], feet
    up = torch.tensor(standing.ground.up).to(stands)
    level = torch.from_numpy(evidence.soles).to(stands) - standing.ground.camera_height
    return [FeetOnGround(GROUND_WEIGHT, places, stands, up, level)], feet
