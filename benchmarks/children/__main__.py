"""Heights and poses of children, by body: ``python -m benchmarks.children``."""

from __future__ import annotations

import torch
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.children.people import AGES, CHILDREN, Photographed, photographed
from benchmarks.fitting.people import observed, people
from benchmarks.machine import machine
from benchmarks.prior.poses import Poses
from fitting.body.body import Body
from fitting.fit import Fitter
from fitting.inputs.keypoints import Keypoints
from fitting.optimise.initialize import stature
from fitting.optimise.settings import FitSettings
from qposer.evaluation.metrics import mpjpe, pa_mpjpe

ADULTS = 60

VIEWS = 5
"""Pictures of each child with errors like those of a detector: the errors of single pictures differ much."""


def main() -> None:
    """Fit children with the body of adults and with that of all ages, without and with their age, and adults."""
    torch.set_num_threads(1)
    bodies = {"open": Body.open(), "ages": Body.ages()}
    table = Table(title=f"{CHILDREN} children of each age, {ADULTS} adults; {machine()}")
    for column in ("people", "keypoints", "body", "height", "in 8 %", "median", "PA-MPJPE", "MPJPE"):
        table.add_column(column, justify="right")

    def add(who: str, what: str, name: str, age: float | None, truth: Photographed) -> None:
        keypoints, camera, height, joints = truth
        fitter = Fitter(bodies[name], settings=FitSettings(age=age))
        with torch.no_grad():
            _, found = fitter.solve(keypoints, camera)
            ours = fitter.body(found.orient, fitter.body_pose(found), found.betas).joints[:, :22]
        off = stature(fitter.body, found.betas) / height - 1
        joints = joints[:, :22]
        errors = pa_mpjpe(ours, joints), mpjpe(ours - ours[:, :1], joints - joints[:, :1])
        table.add_row(
            *(who, what, name if age is None else f"{name}, age known"),
            f"{100 * off.median():+.1f} %",
            f"{100 * (off.abs() < 0.08).float().mean():.0f} %",
            f"{100 * off.abs().median():.1f} %",
            *(f"{1000 * error.mean():.1f} mm" for error in errors),
        )

    conditions = {
        "exact": (False, False, 1),
        "exact, with metres": (False, True, 1),
        "detector-like": (True, False, VIEWS),
    }
    for what, (errors, metres, views) in conditions.items():
        for age in AGES:
            truth = photographed(age, errors, metres=metres, views=views)
            for name, known in (("open", None), ("ages", None), ("ages", float(age))):
                add(f"{age} years", what, name, known, truth)
    generator = torch.Generator().manual_seed(0)
    adults = people(bodies["open"], Poses.quick().test, ADULTS, generator)
    joints = bodies["open"](adults.orient, adults.body_pose, adults.betas).joints
    for condition in ("clean", "noise"):
        xy, confidence = observed(adults, condition, generator)
        keypoints = Keypoints(xy.numpy(), confidence.numpy(), "mediapipe")
        truth = Photographed(keypoints, adults.camera, stature(bodies["open"], adults.betas), joints)
        for name, known in (("open", None), ("ages", None), ("ages", 40.0)):
            add("adults", condition, name, known, truth)
    Console(width=120).print(table)


if __name__ == "__main__":
    tyro.cli(main)
