"""Errors of positions and of keypoints relative to the truth of a recording."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from benchmarks.intervals import mean_interval
from benchmarks.multiview.recording import View
from benchmarks.tables import Table
from qposer.body_pose.skeleton import JOINT_NAMES, MIRROR
from qposer.evaluation.metrics import mpjpe, pa_mpjpe

COLUMNS = ("", "MPJPE, mm", "PA-MPJPE, mm", "2D error, %")
FIGURES = ("mpjpe", "pa_mpjpe", "percent_2d")


@dataclass
class Errors:
    """Errors of one method, a value for each moment of each view."""

    moment: list[int] = field(default_factory=list)
    mpjpe: list[float] = field(default_factory=list)
    pa_mpjpe: list[float] = field(default_factory=list)
    percent_2d: list[float] = field(default_factory=list)

    def add(
        self,
        view: View,
        names: tuple[str, ...],
        moments: Int[np.ndarray, " chosen"],
        points: Float[np.ndarray, "chosen joints 3"],
        xy: Float[np.ndarray, "chosen joints 2"],
    ) -> None:
        """Add the errors of some moments of a view.

        Args:
            view: view with the true positions.
            names: joint names.
            moments: indices of the moments.
            points: joint positions in camera axes, metres.
            xy: joint positions in the image, pixels.
        """
        found, true = (torch.from_numpy(np.asarray(side, dtype=np.float64)) for side in (points, view.truth[moments]))
        hips = [names.index("left_hip"), names.index("right_hip")]
        rooted = [side - side[:, hips].mean(1, keepdim=True) for side in (found, true)]
        self.moment += moments.tolist()
        self.mpjpe += (1000 * mpjpe(*rooted)).tolist()
        self.pa_mpjpe += (1000 * pa_mpjpe(found, true)).tolist()
        distance = np.linalg.norm(xy - view.projected[moments], axis=-1).mean(-1)
        self.percent_2d += (100 * distance / view.height[moments]).tolist()


def swapped(
    xy: Float[np.ndarray, "people joints 2"], truth: Float[np.ndarray, "people joints 2"], names: tuple[str, ...]
) -> Bool[np.ndarray, " people"]:
    """Test whether keypoints are closer to the truth with left and right of the whole body swapped.

    Args:
        xy: detected keypoints, pixels.
        truth: true positions, pixels.
        names: joint names of both sides.

    Returns:
        True for each person with left and right swapped.
    """
    mirror = [names.index(JOINT_NAMES[MIRROR[JOINT_NAMES.index(name)]]) for name in names]
    direct, exchanged = (np.linalg.norm(found - truth, axis=-1).mean(-1) for found in (xy, xy[:, mirror]))
    return np.asarray(exchanged < direct)


def table(rows: dict[str, Errors]) -> Table:
    """Make a table of mean errors with intervals over moments."""
    cells = []
    for name, errors in rows.items():
        moment = torch.tensor(errors.moment)
        values = (torch.tensor(getattr(errors, figure), dtype=torch.float64) for figure in FIGURES)
        cells.append([name, *(f"{mean_interval(value, moment):.1f}" for value in values)])
    return Table(COLUMNS, cells)
