"""What users may say of a fit: weights, and what they know of the person, the pose and the camera."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.body.body import Body
from fitting.inputs.keypoints import FormatName
from fitting.optimise.initialize import height_of_shape
from fitting.optimise.problem import Problem, Weights
from fitting.optimise.shape_prior import ShapePrior
from fitting.optimise.tilt import tilt
from fitting.terms.camera_height import CameraHeight
from fitting.terms.height import KnownHeight
from fitting.terms.hold import Hold
from fitting.terms.term import Term

HEIGHT_WEIGHT = 100.0
"""Assumes that a known height is accurate to about a centimetre."""

GROUND_WEIGHT = 700.0
"""Per square metre; a distance of 1 cm costs as much as a keypoint that is off by 0.6 % of the height."""

HOLD_WEIGHT = 2.0
"""Per square centimetre, or per 4 square degrees."""

SHORTEST, TALLEST = 0.4, 2.8
"""Metres."""

OLDEST = 120


@dataclass(frozen=True)
class FitSettings:
    """User settings of a fit."""

    residual: bool = False
    """Add a small rotation to each joint after decoding, for poses that the codes cannot represent."""
    depth_cue: bool = True
    """Use the depths that the detector estimates, if it does (MediaPipe's landmarks in metres)."""
    seed: int = 0
    height: float | None = None
    """Known standing height in metres; it sets the bodies' size and distance."""
    age: float | None = None
    """Known age in years, for a body of all ages; default: estimated from the proportions."""
    weights: Weights = field(default_factory=Weights)
    holds: tuple[str, ...] = ()
    """What is known of the pose, in the words of instructions: "left foot on the floor"."""
    camera_pitch: float = 0.0
    """Downward angle of the camera in degrees: people are upright unless keypoints say otherwise, and ``holds`` and
    ``camera_height`` are relative to it."""
    camera_height: float | None = None
    """Height of the camera above the ground in metres, if known: somebody stands on it, and nobody is below it."""
    shape: ShapePrior | None = None
    """What is known of the shape of all people; a fit then also says what it adds."""
    terms: tuple[Term, ...] = ()
    """Additional terms of the objective, in camera axes, for all people and stages (`fitting.terms`)."""

    def __post_init__(self) -> None:
        """Reject implausible heights and cameras.

        Raises:
            ValueError: a number is out of range.
        """
        if not -90 < self.camera_pitch < 90:
            raise ValueError(f"the camera's pitch must be between -90 and 90 degrees, not {self.camera_pitch}")
        if self.camera_height is not None and not 0 < self.camera_height < math.inf:
            raise ValueError(f"the camera's height must be positive, in metres, not {self.camera_height}")
        if self.age is not None and not 0 <= self.age <= OLDEST:
            raise ValueError(f"the age must be from 0 to {OLDEST} years, not {self.age}")
        if self.height is not None and not SHORTEST <= self.height <= TALLEST:
            raise ValueError(f"the height must be from {SHORTEST} to {TALLEST} metres, not {self.height}")

    def check_for_video(self) -> None:
        """Reject a known age, by which only photos are fitted.

        Raises:
            ValueError: an age is given.
        """
        if self.age is not None:
            raise ValueError("a video is not fitted by the age: give the height")

    def check_for_space(self) -> None:
        """Reject what is known of a photo's camera, for fits without one.

        Raises:
            ValueError: the settings have a pitch or a height of the camera, or additional terms, which are in its axes.
        """
        if self.terms or self.camera_height is not None or self.camera_pitch:
            raise ValueError("additional terms and the camera's pitch and height are for one photo: fit without them")

    def applied_to(self, problem: Problem, *, upright: bool = True) -> Problem:
        """The problem of a photo or video with these settings.

        Args:
            problem: keypoints and camera, with all depths.
            upright: whether people are assumed to be upright.

        Returns:
            The problem without depths that are not to be used, with the expected directions of people, and with the
            joints that ``holds`` tell of.
        """
        level = upright and self.weights.upright > 0
        return dataclasses.replace(
            problem,
            depths=problem.depths if self.depth_cue else None,
            up=expected_up(problem, math.radians(self.camera_pitch)) if level else None,
            told=None if self.hold is None else self.hold.joints.to(problem.keypoints.device),
        )

    def all_terms(self, body: Body, format: FormatName) -> list[Term]:
        """The terms that these settings add to those of every fit.

        Args:
            body: body model.
            format: format of the fitted keypoints.

        Returns:
            The terms.

        Raises:
            InstructionError: a hold is not understood, or two contradict each other.
            ValueError: the keypoints have none at the feet, for a known height of the camera, or an age is given and
                the body has no age groups, or the shape of a subject and it has some.
        """
        if self.age is not None and body.data.groups is None:
            raise ValueError("a known age needs the body of all ages, Body.ages()")
        if self.shape is not None and body.data.groups is not None:
            raise ValueError("shapes of subjects are those of adults: fit the body of all ages without a subject")
        terms = [*self.terms]
        if self.height is not None:
            terms.append(KnownHeight(HEIGHT_WEIGHT, self.height, *height_of_shape(body)))
        if self.camera_height is not None:
            terms.append(CameraHeight(GROUND_WEIGHT, format, self.camera_height, math.radians(self.camera_pitch)))
        return terms if self.hold is None else [*terms, self.hold]

    @cached_property
    def hold(self) -> Hold | None:
        """The term of ``holds``.

        Raises:
            InstructionError: a hold is not understood, or two contradict each other.
        """
        if not self.holds:
            return None
        from qposer.control.instructions import constraints_of  # loads a grammar, which few fits need

        return Hold(HOLD_WEIGHT, constraints_of(", ".join(self.holds)), math.radians(self.camera_pitch))

    @property
    def as_json(self) -> dict[str, Any]:
        """All settings as JSON values."""
        values = {
            one.name: getattr(self, one.name) for one in dataclasses.fields(self) if one.name not in ("terms", "shape")
        }
        further: dict[str, Any] = {"terms": [repr(term) for term in self.terms]} if self.terms else {}
        if self.shape is not None:
            further["shape"] = self.shape.fingerprint
        return values | {"holds": list(self.holds), "weights": dataclasses.asdict(self.weights)} | further


def expected_up(problem: Problem, pitch: float) -> Float[Tensor, "people 3"]:
    """Where the up axis of the pelvis is expected: against gravity, or as the torso is tilted in the image.

    Args:
        problem: keypoints and camera.
        pitch: downward angle of the camera in radians.

    Returns:
        Unit vectors in camera axes.
    """
    clockwise = tilt(problem.keypoints, problem.confidence, problem.format)
    flat = torch.stack([clockwise.sin(), -clockwise.cos(), clockwise.new_zeros(len(clockwise))], dim=-1)
    return math.cos(pitch) * flat - clockwise.new_tensor([0.0, 0.0, math.sin(pitch)])
