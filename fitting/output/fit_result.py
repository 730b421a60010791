"""Result of a fit for one person: the body, how well it agrees with the keypoints, and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int

from fitting.inputs.keypoints import Keypoints
from fitting.inputs.starts import StartBodies
from fitting.optimise.agreement import warnings_of
from fitting.optimise.risk import FAR_OFF, RISKY
from fitting.optimise.shape_prior import ShapeEvidence
from fitting.output.body_result import BodyResult
from fitting.shapes import check_shapes
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import JOINT_NAMES

ARRAYS = {
    **{"global_orient": "3", "body_pose": "21 3", "betas": "shapes", "transl": "3", "codes": "21 heads"},
    **{"centre": "2", "image_size": "2"},
}
"""Names and shapes of the arrays."""

AMBIGUOUS = (
    "the detector finds other keypoints where the photo is cropped differently: they may mix two people, or be nobody's"
)

SWAPPED = "the body fits if left and right of the keypoints are swapped"

NUMBERS = ("focal", "reprojection_error_px", "person_height_px")
"""Names of the numbers."""

Verdict = Literal["good", "doubtful", "failed"]

FAILED = 10.0
"""Error in percent of the person's height above which the fit has failed."""

FACING_DOUBT = 0.1
"""Probability of the other facing from which a result is doubtful."""

UNCERTAIN = 140.0
"""Mean standard deviation of the joints in millimetres from which a result without a known risk is doubtful: 5 % of the
plain fits to detected rendered people that are less than 150 mm off state more, and some 40 % of the others
(`benchmarks.evidence.calibration`)."""

UNCERTAIN_ADVICE = "a known height, more views or a clearer picture help"


@dataclass(frozen=True)
class FitResult(BodyResult):
    """One person's body in camera axes (x right, y down, z forward)."""

    focal: float
    """Focal length in pixels of the photo."""
    centre: Float[np.ndarray, "2"]
    """Principal point in pixels of the photo."""
    image_size: Int[np.ndarray, "2"]
    """Width and height of the photo in pixels."""
    keypoints: Keypoints
    """The fitted keypoints of this person."""
    reprojection_error_px: float
    """Mean distance of the body's landmarks to the keypoints, weighted by confidence, in pixels of the photo."""
    person_height_px: float
    """Height of the person in the photo in pixels, the reference for the error."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the fit, as JSON values."""
    vertices: Float[np.ndarray, "vertices 3"] | None = None
    """In camera space, metres; not stored in ``fit.npz``."""
    faces: Int[np.ndarray, "faces 3"] | None = None
    joints: Float[np.ndarray, "24 3"] | None = None
    """In camera space, metres; not stored in ``fit.npz``."""
    joint_covariance: Float[np.ndarray, "22 3 3"] | None = None
    """Covariances of the joints' positions relative to the pelvis, in camera axes, square metres; calibrated so that 90
    % regions contain 9 of 10 joints (docs/benchmarks/evidence.md)."""
    keypoint_shares: Float[np.ndarray, " joints"] | None = None
    """Weight of each keypoint at the end of the fit, with a sum of 1; about 0 for rejected outliers."""
    guessed_joints: tuple[str, ...] = ()
    """Joints that no visible keypoint determines; the prior fills them in."""
    moved: Mapping[str, float] = field(default_factory=dict)
    """Rotation of joints relative to a given start in degrees, largest first; not stored in ``fit.npz``."""
    probability: float = 1.0
    """Share of this body among the hypotheses for the person."""
    swapped: bool = False
    """Whether the body is fitted to the keypoints with left and right exchanged, as in ``keypoints``."""
    risk: float | None = None
    """Probability that the joints are more than 15 cm off on average; None if unknown. Known for keypoints with a
    detector's positions in metres, if several hypotheses were asked for."""
    alternatives: tuple[FitResult, ...] = ()
    """Other bodies that explain the keypoints, the most probable first; empty unless asked for."""
    shape_evidence: ShapeEvidence | None = None
    """What the photo says about the shape, if the settings hold a prior of it; not stored in ``fit.npz``."""
    notes: tuple[str, ...] = ()
    """Deviations from the photo's metadata; not stored in ``fit.npz``."""

    def __post_init__(self) -> None:
        """Reject NaN and infinite values.

        Raises:
            ValueError: a value is NaN or infinite, or an array has a wrong shape.
        """
        shapes = ARRAYS | ({} if self.joint_covariance is None else {"joint_covariance": "22 3 3"})
        check_shapes({name: np.asarray(getattr(self, name)) for name in shapes}, shapes)
        for name in (*ARRAYS, *NUMBERS, "vertices", "joints", "joint_covariance"):
            values = getattr(self, name)
            if values is not None and not np.isfinite(values).all():
                raise ValueError(
                    f"the fit contains NaN or infinite values ({name}): check the keypoints and the camera"
                )

    @property
    def as_start(self) -> StartBodies:
        """This body as the start of another fit."""
        start = StartBodies(self.body_pose[None], self.global_orient[None], self.betas[None], self.body)
        if self.hands is None:
            return start
        return replace(start, hand_pose=self.hands.both[None], hands_found=self.hands.found[None])

    @property
    def reprojection_error_percent(self) -> float:
        """The 2D error as a percentage of the person's height in the photo."""
        return 100.0 * self.reprojection_error_px / self.person_height_px

    @property
    def joint_std_mm(self) -> dict[str, float]:
        """Standard deviations of the joints' positions relative to the pelvis in millimetres; empty if unknown."""
        if self.joint_covariance is None:
            return {}
        variance = np.trace(self.joint_covariance, axis1=-2, axis2=-1)
        return dict(zip(JOINT_NAMES[1:], (1000 * np.sqrt(variance[1:])).round().tolist(), strict=False))

    @property
    def verdict(self) -> Verdict:
        """``failed`` if the body is far from the keypoints, ``doubtful`` if there are warnings, otherwise ``good``."""
        if self.reprojection_error_percent >= FAILED:
            return "failed"
        return "doubtful" if self.warnings else "good"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What of the fit deserves a look: a large error, unseen parts, ambiguous keypoints, notes."""
        seen = self.keypoints.seen[0]
        doubts = [AMBIGUOUS] if self.keypoints.ambiguous is not None and self.keypoints.ambiguous[0] else []
        alike = [other for other in self.alternatives if other.swapped == self.swapped]
        around = sum(other.probability for other in alike if _facing(other) @ _facing(self) < 0)
        if around >= FACING_DOUBT:
            doubts.append(f"the body may face the other way, with a probability of {around:.0%}: both facings fit")
        if self.swapped:
            doubts.append(SWAPPED)
        deviation = fmean(self.joint_std_mm.values()) if self.joint_std_mm else 0.0
        if self.risk is not None and self.risk >= RISKY:
            far = f"more than {100 * FAR_OFF:.0f} cm off on average"
            doubts.append(f"the joints are {far}, with a probability of {self.risk:.0%}: {UNCERTAIN_ADVICE}")
        elif self.risk is None and deviation >= UNCERTAIN:
            doubts.append(f"the joints are uncertain by {deviation / 10:.0f} cm: {UNCERTAIN_ADVICE}")
        return (*warnings_of(self.keypoints.names, seen, self.reprojection_error_percent), *doubts, *self.notes)


def _facing(result: FitResult) -> Float[np.ndarray, "3"]:
    """The direction that the pelvis faces."""
    facing: np.ndarray = axis_angle_to_matrix(torch.from_numpy(np.array(result.global_orient)))[:, 2].numpy()
    return facing


def with_alternatives(hypotheses: Sequence[FitResult]) -> FitResult:
    """The first of several hypotheses for one person, with the others as its alternatives.

    Its covariances become those of the mixture about it, so that they include the difference between hypotheses for the
    same keypoints.

    Args:
        hypotheses: bodies with joints, covariances and probabilities.

    Returns:
        The answer.
    """
    answer = hypotheses[0]
    spread = np.zeros_like(np.asarray(answer.joint_covariance))
    alike = [body for body in hypotheses if body.swapped == answer.swapped]
    total = sum(body.probability for body in alike)
    for body in alike:
        apart = _from_pelvis(body) - _from_pelvis(answer)
        spread += body.probability / total * (np.asarray(body.joint_covariance) + apart[:, :, None] * apart[:, None, :])
    return replace(answer, joint_covariance=spread, alternatives=tuple(hypotheses[1:]))


def _from_pelvis(result: FitResult) -> Float[np.ndarray, "22 3"]:
    joints = np.asarray(result.joints)[:22]
    relative: np.ndarray = joints - joints[:1]
    return relative
