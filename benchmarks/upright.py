"""Fits to photos of upright people: ``python -m benchmarks.upright --out docs/benchmarks``.

Angles of fits to photos of people with straight legs, and of people with bent legs as a control.
"""

from __future__ import annotations

from dataclasses import dataclass
from inspect import signature
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import tyro
from jaxtyping import Float
from rich.console import Console
from rich.progress import track
from scipy.spatial.transform import Rotation

from benchmarks.commands import command
from benchmarks.fit_pictures import fit_tile, write_fits
from benchmarks.intervals import mean_interval
from benchmarks.machine import machine
from benchmarks.tables import Table
from fitting.fit import Fitter
from fitting.inputs.detect import detect
from fitting.inputs.images import Photo, read_image
from fitting.inputs.keypoints import Keypoints
from fitting.output.fit_result import FitResult
from fitting.output.render import Picture
from fitting.video.frames import open_video
from qposer.body_pose.skeleton import JOINT_NAMES
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors

MOST_PEOPLE = 4
"""Maximum number of people to detect on a photo."""


@dataclass(frozen=True)
class Person:
    """A person on a photo or on a frame of a video."""

    file: str
    """Path relative to the folder of photos."""
    name: str
    at: tuple[float, float]
    """A point on the person's body, as fractions of the picture's width and height."""
    frame: int = 0
    """Of a video."""


UPRIGHT = (
    Person("walk_side.jpg", "woman walking", (0.712, 0.66)),
    Person("walk_two_people.jpg", "woman walking", (0.498, 0.70)),
    Person("basketball1.png", "man with a ball", (0.15, 0.55)),
    Person("people/couple_snow.jpg", "man", (0.40, 0.45)),
    Person("people/couple_snow.jpg", "woman", (0.575, 0.45)),
    Person("people/couple_and_dog.jpg", "woman", (0.45, 0.40)),
    Person("people/couple_and_dog.jpg", "man", (0.76, 0.40)),
    Person("people/pose_squats.mp4", "between squats", (0.52, 0.40), frame=22),
    Person("people/pose_squats.mp4", "between squats", (0.50, 0.40), frame=46),
)
"""People who stand or walk with straight, visible legs."""

BENT = (
    Person("people/pose.jpg", "yoga warrior", (0.46, 0.45)),
    Person("people/couple.jpg", "woman sitting on the ground", (0.40, 0.40)),
    Person("messi5.jpg", "sliding kick", (0.44, 0.45)),
    Person("people/pose_squats.mp4", "squat", (0.52, 0.55), frame=10),
    Person("people/pose_squats.mp4", "squat", (0.50, 0.55), frame=34),
)
"""People with one or both legs bent."""

COLUMNS = (
    "left knee",
    "right knee",
    "pelvis pitch",
    "pelvis to camera",
    "trunk to camera",
    "thighs to camera",
    "shins to camera",
    "2D error, %",
)

TEXT = """# People who stand upright

Angles in degrees of fits to photos. Focal lengths are assumed if the files do not contain them.

- *knee*: between thigh and shin of the fitted skeleton; 0 is a straight line; the T-pose of the open body
  has 9.
- *pelvis pitch*: angle of the pelvis' up axis to the image's vertical, within the body's sagittal plane; positive for a
  forward lean.
- *to camera*: lean towards the camera from the image's vertical, of the same axis, the trunk (mid hip to neck), the
  thighs (knee to hip) and the shins (ankle to knee), mean of both sides; negative if the upper end is farther from the
  camera. For a camera pitched down by 10 degrees, an upright person leans 10 degrees towards it.
- *2D error*: mean distance of the fit to the keypoints, in percent of the person's height.

*mean* and *mean absolute* are over people, with bootstrap 95 % intervals. Walking people never have both knees fully
straight.

{facts}

## Upright

{upright}

## Bent

These people have bent knees on the photos, and the fits must keep them bent.

{bent}
"""


def angles(result: FitResult) -> Float[np.ndarray, " columns"]:
    """Angles of a fit in degrees and its 2D error in percent, in the order of `COLUMNS`.

    Raises:
        ValueError: the result has no joints, for example because it was read from a file.
    """
    if result.joints is None:
        raise ValueError("this result has no joints: compute them from its parameters with a Body")
    at = dict(zip(JOINT_NAMES, np.asarray(result.joints, dtype=np.float64), strict=True))
    thighs, shins = (
        [at[f"{side}_{above}"] - at[f"{side}_{below}"] for side in ("left", "right")]
        for above, below in (("hip", "knee"), ("knee", "ankle"))
    )
    right, up, _ = Rotation.from_rotvec(result.global_orient).as_matrix().T
    trunk = at["neck"] - (at["left_hip"] + at["right_hip"]) / 2
    return np.array(
        [
            *(_between(thigh, shin) for thigh, shin in zip(thighs, shins, strict=True)),
            _pitch(right, up),
            _to_camera(up),
            _to_camera(trunk),
            np.mean([_to_camera(thigh) for thigh in thighs]),
            np.mean([_to_camera(shin) for shin in shins]),
            result.reprojection_error_percent,
        ]
    )


def _between(a: Float[np.ndarray, "3"], b: Float[np.ndarray, "3"]) -> float:
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)))


def _to_camera(up: Float[np.ndarray, "3"]) -> float:
    """Lean of an upward vector towards the camera in degrees (camera axes: y down, z forward)."""
    return float(np.degrees(np.arctan2(-up[2], -up[1])))


def _pitch(left: Float[np.ndarray, "3"], up: Float[np.ndarray, "3"]) -> float:
    """Forward lean of an up axis in degrees, given the body's left axis."""
    vertical = np.array([0.0, -1.0, 0.0])
    forward = np.cross(left, vertical)
    return float(np.degrees(np.arctan2(up @ forward / np.linalg.norm(forward), up @ vertical)))


def person_at(keypoints: Keypoints, point: Float[np.ndarray, "2"]) -> Keypoints:
    """The person whose keypoint box contains a point; of several, the one with the nearest box centre.

    Args:
        keypoints: keypoints of all people in a photo.
        point: x and y, pixels.

    Returns:
        The person's keypoints.

    Raises:
        ValueError: no box contains the point.
    """
    boxes = keypoints.boxes.reshape(-1, 2, 2)
    inside = ((boxes[:, 0] <= point) & (point <= boxes[:, 1])).all(-1)
    if not inside.any():
        raise ValueError(f"nobody was detected at {point.round().astype(int).tolist()} among {len(keypoints)} people")
    distance = np.linalg.norm(boxes.mean(1) - point, axis=-1)
    return keypoints[int(np.where(inside, distance, np.inf).argmin())]


def read_photo(folder: Path, person: Person) -> Photo:
    """Read the photo or video frame of a person.

    Args:
        folder: folder of photos and videos.
        person: person with the file name.

    Returns:
        The photo.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file cannot be read, or the video has no such frame.
    """
    path = folder / person.file
    if path.suffix != ".mp4":
        return read_image(path)
    frame = next(islice(open_video(path).frames(person.frame), 1), None)
    if frame is None:
        raise ValueError(f"{path} has no frame {person.frame}")
    return Photo(frame)


def tables(people: tuple[Person, ...], found: Float[np.ndarray, "people columns"], summary: bool) -> Table:
    """One row for each person, optionally with means over people.

    Args:
        people: people in the order of the rows.
        found: `angles` of each person.
        summary: add means, and means of absolute values.

    Returns:
        The table.
    """
    rows = [[_named(person), *(f"{value:.1f}" for value in row)] for person, row in zip(people, found, strict=True)]
    if summary:
        for name, values in (("mean", found), ("mean absolute", np.abs(found))):
            rows.append([name, *(f"{mean_interval(torch.from_numpy(column)):.1f}" for column in values.T)])
        knees = mean_interval(torch.from_numpy(found[:, :2].mean(1)))
        rows.append(["mean knee", f"{knees:.1f}", *[""] * (len(COLUMNS) - 1)])
    return Table(["", *COLUMNS], rows)


def _named(person: Person) -> str:
    frame = f", frame {person.frame}" if person.frame else ""
    return f"{Path(person.file).name}{frame}: {person.name}"


def main(photos: Path = Path("../shared/photos"), out: Path | None = None, pictures: Path | None = None) -> None:
    """Fit people on photos, print the angles, and write upright.md to ``out`` if given.

    Args:
        photos: folder of the photos.
        out: folder for upright.md.
        pictures: folder for contact sheets of the fits, upright.png and bent.png.
    """
    console = Console(width=180)
    with cli_errors("benchmarks.upright"):
        if not photos.is_dir():
            console.print(f"benchmarks.upright: skipped, there is no folder {photos}: give it with --photos")
            return
        fitter = Fitter()
        shown = {}
        for title, people in (("upright", UPRIGHT), ("bent", BENT)):
            found, tiles = _fitted(fitter, photos, people, console)
            shown[title] = tables(people, found, summary=title == "upright")
            console.print(shown[title].for_console(title))
            if pictures:
                write_fits(pictures / f"{title}.png", tiles)
        given = dict(zip(signature(main).parameters, (photos, out, pictures), strict=True))
        facts = f"- Command: `{command('benchmarks.upright', main, **given)}`\n- Machine: {machine()}."
        if out:
            out.mkdir(parents=True, exist_ok=True)
            with atomic_write(out / "upright.md") as temporary:
                text = TEXT.format(facts=facts, **{title: table.markdown() for title, table in shown.items()})
                temporary.write_text(text, encoding="utf-8")
            console.print(f"written: {out / 'upright.md'}")


def _fitted(
    fitter: Fitter, folder: Path, people: tuple[Person, ...], console: Console
) -> tuple[Float[np.ndarray, "people columns"], list[Picture]]:
    """Angles and pictures of all people."""
    found, tiles = [], []
    for person in track(people, "fitting", console=console, transient=True):
        photo = read_photo(folder, person)
        point = np.array(person.at) * (photo.width, photo.height)
        keypoints = person_at(detect(photo.rgb, MOST_PEOPLE), point)
        result = fitter.fit_photo(photo, keypoints=keypoints)[0]
        found.append(angles(result))
        tiles.append(fit_tile(photo, result))
    return np.stack(found), tiles


if __name__ == "__main__":
    tyro.cli(main)
