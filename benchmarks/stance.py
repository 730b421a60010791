"""Upright stance in each source of poses: ``python -m benchmarks.stance --data poses.npz --out docs/benchmarks``.

Motion capture rigs have different zero poses, so the same upright person has different rotations on each rig. The most
upright frames show the difference, because all people stand similarly. Angles of pelvis, spine, legs and head in these
frames are compared across rigs, and with SMPL poses from other sources; ``--before`` adds poses of an earlier build.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from inspect import signature
from pathlib import Path

import numpy as np
import torch
import tyro
from jaxtyping import Float
from PIL import Image
from rich.console import Console
from scipy.spatial.transform import Rotation
from torch import Tensor

from benchmarks.commands import command
from benchmarks.foreign.poses import FOREIGN_FILE
from benchmarks.tables import Table
from fitting.output.sheets import Figure, draw_sheet
from qposer.body_pose.rotations import axis_angle_to_matrix, turn_about
from qposer.body_pose.skeleton import JOINT_NAMES, NUM_BODY_JOINTS
from qposer.data.dataset import PoseDataset, split
from qposer.data.smpl_poses import read_smpl
from qposer.data.stance import UPRIGHT_SHARE, upright_frames
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors
from qposer.prior.code_prior import CodePrior

Angles = dict[str, Float[np.ndarray, " frames"]]


def stance_angles(pose: Float[np.ndarray, "frames 24 3"]) -> Angles:
    """Compute rotations about x of the joints that make up a stance; those of the legs are means over both sides.

    ``pelvis`` is the pitch relative to the vertical, in the direction that the body faces. ``spine`` combines the three
    spine joints. Pelvis, spine, ``neck`` and ``head`` are positive forward, ``hip`` is negative for a raised thigh,
    ``knee`` positive for a bent knee, and ``ankle`` negative for raised toes.

    Args:
        pose: SMPL poses, axis-angle in radians, y up.

    Returns:
        For each joint, the angles of all frames in degrees.
    """
    rotation = _rotations(pose)
    sides = {joint: [rotation[f"{side}_{joint}"] for side in ("left", "right")] for joint in ("hip", "knee", "ankle")}
    forward = rotation["pelvis"][..., :, 2]
    yaw = torch.atan2(forward[:, 0], forward[:, 2])
    facing = axis_angle_to_matrix(torch.stack([0 * yaw, yaw, 0 * yaw], dim=-1))
    angles = {
        "pelvis": _about_x(facing.mT @ rotation["pelvis"]),
        "spine": _about_x(_spine(rotation)),
        **{joint: (_about_x(left) + _about_x(right)) / 2 for joint, (left, right) in sides.items()},
        "neck": _about_x(rotation["neck"]),
        "head": _about_x(rotation["head"]),
    }
    return {name: angle.numpy() for name, angle in angles.items()}


def _rotations(pose: Float[np.ndarray, "frames 24 3"]) -> dict[str, Float[Tensor, "frames 3 3"]]:
    matrices = axis_angle_to_matrix(torch.from_numpy(np.asarray(pose, dtype=np.float64)))
    return dict(zip(JOINT_NAMES, matrices.unbind(1), strict=True))


def _spine(rotation: dict[str, Float[Tensor, "frames 3 3"]]) -> Float[Tensor, "frames 3 3"]:
    return rotation["spine1"] @ rotation["spine2"] @ rotation["spine3"]


def _about_x(rotation: Float[Tensor, "frames 3 3"]) -> Float[Tensor, " frames"]:
    """Degrees in (-180, 180] of the twist about x (swing-twist decomposition)."""
    angle = torch.rad2deg(turn_about(rotation, rotation.new_tensor([1.0, 0.0, 0.0])))
    return 180.0 - torch.remainder(180.0 - angle, 360.0)


TEXT = """# Upright stance by mocap rig

Rotations about x in degrees in the most upright frames of each subject: of the frames whose pelvis and chest are
within 30 degrees of the vertical, those with the straightest hips and knees ({percent:g} % of all frames).
Subjects who only walk are never fully upright, as one leg swings.

Pelvis: pitch relative to the vertical, positive forward; spine: its three joints combined; hips: negative for raised
thighs; knees: positive if bent; ankles: negative for raised toes; neck and head: positive if bent forward. Each figure
is the median over subjects of their medians, with the lowest and the highest subject in brackets. A last row without a
number of subjects shows SMPL poses from other sources, fitted to videos and treated as one subject.

{facts}

{table}

![{caption}](images/stance.png)
"""


CAPTION = "Upright frames of one subject of each rig and split"

SHEET_YAW = -32.0
"""Yaw of bodies in `fitting.output.sheets`, relative to the front, in degrees."""


@dataclass(frozen=True)
class Subject:
    """The most upright frames of one person on one rig."""

    group: str
    """Rig and split."""
    name: str
    pose: Float[np.ndarray, "chosen 24 3"]
    """Axis-angle in radians, y up."""
    keys: list[tuple[str, int]]
    """Sequence and frame number of each pose."""

    def medians(self) -> dict[str, float]:
        """Medians of `stance_angles` by joint, in degrees."""
        return {joint: float(np.median(angle)) for joint, angle in stance_angles(self.pose).items()}


def subjects_of(data: PoseDataset, share: float) -> list[Subject]:
    """Find the upright frames of all subjects on each of their rigs.

    Args:
        data: poses of several subjects.
        share: share of frames, as in `upright_frames`.

    Returns:
        Subjects sorted by rig, then by training, validation and test split.
    """
    found = []
    for source in np.unique(data.source).tolist():
        for side in ("train", "validation", "test"):
            members = [name for name in np.unique(data.subject[data.source == source]).tolist() if split(name) == side]
            for name in members:
                own = np.flatnonzero((data.source == source) & (data.subject == name))
                pose = data.pose[torch.from_numpy(own)].numpy()
                chosen = upright_frames(pose, share)
                keys = [(str(data.sequence[row]), int(data.frame[row])) for row in own[chosen]]
                found.append(Subject(f"{source}, {side}", name, pose[chosen], keys))
    return found


def stance_table(versions: dict[str, list[Subject]], theirs: Subject | None) -> Table:
    """Make a table with a row for each group and version, and one for SMPL poses from other sources.

    Args:
        versions: subjects by the name of the build, such as before and after.
        theirs: SMPL poses from other sources, if available.

    Returns:
        Medians in degrees, with the lowest and the highest subject.
    """
    groups = dict.fromkeys(subject.group for subjects in versions.values() for subject in subjects)
    rows = []
    for group in groups:
        for version, subjects in versions.items():
            medians = [subject.medians() for subject in subjects if subject.group == group]
            if medians:
                rows.append([f"{group}, {version}" if version else group, str(len(medians)), *_cells(medians)])
    if theirs is not None:
        rows.append([theirs.group, "", *_cells([theirs.medians()])])
    return Table(["", "subjects", *ANGLES], rows)


ANGLES = ("pelvis", "spine", "hip", "knee", "ankle", "neck", "head")


def _cells(medians: list[dict[str, float]]) -> list[str]:
    cells = []
    for joint in ANGLES:
        values = [one[joint] for one in medians]
        spread = f" [{round(min(values))}, {round(max(values))}]" if len(values) > 1 else ""
        cells.append(f"{round(float(np.median(values)))}{spread}")
    return cells


def drawn_frames(subjects: list[Subject], earlier: PoseDataset | None, prior: CodePrior) -> list[Figure]:
    """Draw an upright frame of one subject of each group, from the front and from the left.

    The subject is the one who stands straightest; the frame is the straightest that the earlier build also contains.

    Args:
        subjects: subjects; one of each group is drawn.
        earlier: poses of an earlier build; the same frames are drawn for comparison.
        prior: prior for the energies in the captions.

    Returns:
        Two figures for each group, or four with an earlier build.

    Raises:
        ValueError: the earlier build has none of these frames.
    """
    figures = []
    for group in dict.fromkeys(subject.group for subject in subjects):
        subject = min((one for one in subjects if one.group == group), key=_bend)
        angles = stance_angles(subject.pose)
        order = np.argsort(np.abs(angles["hip"]) + np.abs(angles["knee"]), kind="stable").tolist()
        versions = {"": subject.pose[order[0]]}
        if earlier is not None:
            index, before = next(_matching_frames(earlier, subject, order), (None, None))
            if index is None or before is None:
                raise ValueError(
                    f"the earlier poses have no upright frame of {group}, {subject.name}: build both from the same "
                    "recordings at the same --fps"
                )
            versions = {"before": before, "after": subject.pose[index]}
        for version, pose in versions.items():
            body_pose = torch.from_numpy(pose[1 : NUM_BODY_JOINTS + 1]).float()
            energy = prior.energy(body_pose).item()
            for view, degrees in (("front", 0.0), ("side", -90.0)):
                caption = " ".join(word for word in (group, subject.name, version, view) if word)
                figures.append(Figure(caption, body_pose, energy, orient=_facing(pose[0], degrees)))
    return figures


def _bend(subject: Subject) -> float:
    medians = subject.medians()
    return abs(medians["hip"]) + abs(medians["knee"])


def _matching_frames(
    data: PoseDataset, subject: Subject, order: list[int]
) -> Iterator[tuple[int, Float[np.ndarray, "24 3"]]]:
    """Indices of a subject's upright frames, in the given order, that other data also contain, with the poses there."""
    source = subject.group.partition(",")[0]
    own = np.flatnonzero((data.source == source) & (data.subject == subject.name))
    rows = {(str(data.sequence[row]), int(data.frame[row])): row for row in own.tolist()}
    for index in order:
        if subject.keys[index] in rows:
            yield index, data.pose[rows[subject.keys[index]]].numpy()


def _facing(root: Float[np.ndarray, "3"], degrees: float) -> Float[Tensor, "3"]:
    """Rotate a pelvis about the vertical so that the sheet shows it from the front, plus some degrees."""
    pelvis = Rotation.from_rotvec(root)
    x, _, z = pelvis.apply([0.0, 0.0, 1.0])
    turn = Rotation.from_euler("y", degrees - SHEET_YAW - np.degrees(np.arctan2(x, z)), degrees=True)
    return torch.from_numpy((turn * pelvis).as_rotvec()).float()


def main(
    data: Path,
    before: Path | None = None,
    foreign: Path = FOREIGN_FILE,
    share: float = UPRIGHT_SHARE,
    out: Path | None = None,
) -> None:
    """Measure stances, print the table, and write the document and its picture to ``out`` if given.

    Args:
        data: poses.npz, written by ``python -m qposer.data.build``.
        before: poses.npz of an earlier build from the same recordings, to compare with.
        foreign: npz of SMPL poses from other sources: pose (frames, 24, 3), sequence (frames,); skipped if missing.
        share: share of each subject's frames that count as the most upright ones.
        out: folder for stance.md and images/stance.png; by default, nothing is written.
    """
    console = Console(width=160)
    with cli_errors("benchmarks.stance"):
        now, earlier = PoseDataset.load(data), None if before is None else PoseDataset.load(before)
        subjects = subjects_of(now, share)
        versions = {"": subjects} if earlier is None else {"before": subjects_of(earlier, share), "after": subjects}
        theirs = None
        if foreign.is_file():
            pose, _ = read_smpl(foreign)
            theirs = Subject(foreign.resolve().parent.name, "", pose[upright_frames(pose, share)], [])
        else:
            console.print(f"SMPL poses from other sources are skipped: there is no {foreign}")
        shown = stance_table(versions, theirs)
        console.print(shown.for_console("most upright frames, degrees about x"))
        if out is None:
            return
        (out / "images").mkdir(parents=True, exist_ok=True)
        sheet = draw_sheet(drawn_frames(subjects, earlier, CodePrior.from_pretrained()), CAPTION)
        with atomic_write(out / "images" / "stance.png") as temporary:
            Image.fromarray(sheet).save(temporary, format="PNG")
        given = dict(zip(signature(main).parameters, (data, before, foreign, share, out), strict=True))
        facts = f"Command: `{command('benchmarks.stance', main, **given)}`."
        text = TEXT.format(percent=100 * share, facts=facts, table=shown.markdown(), caption=CAPTION)
        with atomic_write(out / "stance.md") as temporary:
            temporary.write_text(text, encoding="utf-8")
        console.print(f"written: {out / 'stance.md'}")


if __name__ == "__main__":
    tyro.cli(main)
