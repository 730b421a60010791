"""Positions of keypoints on people and bodies: ``python -m benchmarks.landmarks --photos photos --data poses.npz``.

Writes landmarks.md, which docs/notes/landmarks.md explains. Detections are cached.
"""

from __future__ import annotations

from inspect import signature
from pathlib import Path

import numpy as np
import torch
import tyro
from jaxtyping import Float
from rich.console import Console

from benchmarks.cache import Cache
from benchmarks.commands import command
from benchmarks.landmarks.offsets import moved, offsets
from benchmarks.landmarks.segments import AXIAL, BEFORE, IN_IMAGE, NAMES, leans, lengths, of_bodies
from benchmarks.landmarks.sources import Found, look
from benchmarks.machine import machine
from benchmarks.rendered.__main__ import look as look_at_rendered
from benchmarks.tables import Table
from fitting.body.body import Body
from fitting.body.landmarks import SHIFTS
from fitting.inputs.depth_bias import DEPTH_BIAS
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors

SHAPES = 500

TEXT = """# Keypoints on people and on the open body

Median distances between MediaPipe's keypoints, as fractions of the torso length (midpoint of the shoulders to midpoint
of the hips), which is in mm. [landmarks.md](../notes/landmarks.md) contains the conclusions.

- *image*: {standing} people who stand or walk upright in photos, measured in pixels; *metres*: the detector's positions
  in metres for {all_people} people with visible legs in photos.
- *four views*: one man, triangulated.
- *rendered*: the open body's landmarks, shifted by the mean offset of the detector's keypoints on {rendered} rendered
  people.
- *body before*, *body*: the mean shape in the T-pose, with landmarks chosen from rendered people only, and
  with those of `fitting/body/landmarks.py`; *5 %*, *95 %*: percentiles over {shapes} shapes.

{facts}

{lengths}

## Lean of the detector's positions in metres

Median lean towards the camera in degrees, between the midpoints of left and right keypoints, before and after the mean
depth error is subtracted (`fitting/inputs/depth_bias.py`). A person standing in front of a level camera does not lean,
except for the neck, measured from the shoulders to the ears. *true*: triangulated.

{leans}

## Keypoints on rendered people

Mean offset from the body's landmark to the detected keypoint in the rest pose, mm.

{offsets}
"""


def main(
    photos: Path,
    data: Path,
    out: Path | None = None,
    cache: Path = Path("runs/benchmarks"),
    number: int = 500,
    seed: int = 0,
) -> None:
    """Measure people, print the tables, and write landmarks.md to ``out`` if given.

    Args:
        photos: folder of photos, with a recording of several cameras in ``multiview``.
        data: poses.npz, written by ``python -m qposer.data.build``.
        out: folder for landmarks.md; by default, nothing is written.
        cache: folder of the cached detections.
        number: number of rendered people, in poses of test subjects.
        seed: seed of the scenes.
    """
    console = Console(width=160)
    with cli_errors("benchmarks.landmarks"):
        results = Cache(cache)
        found = look(photos, results)
        people, seen = look_at_rendered(data, "test", number, seed, results, console)
        on_rendered = offsets(people, seen)
        tables = {
            "lengths": length_table(Body.open(), found, on_rendered),
            "leans": lean_table(found),
            "offsets": Table(
                ["", "outward", "up", "forward"],
                [[name, *(f"{1000 * part:.0f}" for part in offset)] for name, offset in on_rendered.items()],
            ),
        }
        for name, table in tables.items():
            console.print(table.for_console(name))
        given = dict(zip(signature(main).parameters, (photos, data, out, cache, number, seed), strict=True))
        facts = f"Command: `{command('benchmarks.landmarks', main, **given)}`. Machine: {machine()}."
        counts = {"standing": len(found.image), "all_people": len(found.all_people), "rendered": len(seen.person)}
        if out:
            out.mkdir(parents=True, exist_ok=True)
            shown = {name: table.markdown() for name, table in tables.items()}
            with atomic_write(out / "landmarks.md") as temporary:
                temporary.write_text(TEXT.format(facts=facts, shapes=SHAPES, **counts, **shown), encoding="utf-8")
            console.print(f"written: {out / 'landmarks.md'}")


def length_table(body: Body, found: Found, on_rendered: dict[str, Float[np.ndarray, "3"]]) -> Table:
    """Compare lengths on people and on bodies.

    Args:
        body: the open body.
        found: keypoints of real people.
        on_rendered: offsets of keypoints on rendered people by kind, metres.

    Returns:
        Torso lengths in millimetres, and other lengths as fractions of them.
    """
    mean = torch.zeros(1, body.num_betas)
    betas = torch.randn(SHAPES, body.num_betas, generator=torch.Generator().manual_seed(0))
    now = of_bodies(body, mean, SHIFTS)
    shapes = np.percentile(lengths(of_bodies(body, betas, SHIFTS)), (5, 95), axis=0)
    columns = {
        "image": np.median(lengths(found.image), axis=0),
        "metres": np.median(lengths(found.all_people), axis=0),
        "four views": np.median(lengths(found.triangulated), axis=0),
        "rendered": lengths(moved(now[0], on_rendered)[None])[0],
        "body before": lengths(of_bodies(body, mean, BEFORE))[0],
        "body": lengths(now)[0],
        "5 %": shapes[0],
        "95 %": shapes[1],
    }
    columns["image"][[name not in IN_IMAGE for name in NAMES]] = np.nan
    rows = []
    for k, name in enumerate(NAMES):
        values = [column[k] for column in columns.values()]
        digits = 0 if k == 0 else 3
        rows.append([name, *("" if np.isnan(value) else f"{value:.{digits}f}" for value in values)])
    return Table(["", *columns], rows)


def lean_table(found: Found) -> Table:
    """Make the table of leans of the detector's positions, with and without the correction of depth."""
    bias = DEPTH_BIAS[:, None] * np.array([0.0, 0.0, 1.0])
    columns = {
        "photos before": found.standing + bias,
        "photos": found.standing,
        "four views before": found.seen + bias,
        "four views": found.seen,
        "four views, true": found.triangulated,
    }
    values = [np.median(leans(points), axis=0) for points in columns.values()]
    return Table(["", *columns], [[part, *(f"{value[k]:.0f}" for value in values)] for k, part in enumerate(AXIAL)])


if __name__ == "__main__":
    tyro.cli(main)
