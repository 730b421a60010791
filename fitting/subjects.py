"""People whose shape is kept in a file, and improves with every photo and clip of them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from filelock import FileLock

from fitting.body.body import Body
from fitting.fit import Fitter
from fitting.inputs.images import is_image
from fitting.optimise.settings import FitSettings
from fitting.optimise.shape_prior import ShapeEvidence, ShapePrior
from qposer.io.atomic_files import atomic_write

SUBJECTS = "subjects"
"""Default folder, next to the output folder."""


@dataclass(frozen=True)
class Subject:
    """One person, of one body model. The file ``<folder>/<name>.json`` has the evidence of each footage."""

    folder: Path
    name: str
    body: str
    """Name of the body model."""
    shapes: int
    """Number of its shape components."""

    def __post_init__(self) -> None:
        """Check the name.

        Raises:
            ValueError: the name is not a file name.
        """
        if self.name in ("", ".", "..") or Path(self.name).name != self.name:
            raise ValueError(f"a subject cannot be named {self.name!r}: give a name without folders")

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / f"{self.name}.json"

    def prior(self, *without: Path) -> ShapePrior:
        """What is known of the shape.

        Args:
            without: photos and videos to leave out: those to be fitted, so that they do not count twice.

        Returns:
            The prior.

        Raises:
            ValueError: the file is damaged, or of another body model.
            FileNotFoundError: there is no such photo or video.
        """
        keys = {footage_key(path) for path in without}
        return self._combined({key: said for key, said in self._footage().items() if key not in keys})

    def add(self, path: Path, evidence: ShapeEvidence | None) -> None:
        """Store the evidence of some footage in place of what the same footage said before.

        Args:
            path: the photo or video.
            evidence: what it says; None changes nothing.

        Raises:
            ValueError: the file is damaged, or of another body model.
            OSError: the file cannot be written.
        """
        if evidence is None:
            return
        key = footage_key(path)
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / f".{self.name}.lock"):
            said = {"file": path.name, "information": evidence.information.tolist(), "vector": evidence.vector.tolist()}
            footage = dict(sorted({**self._footage(), key: said}.items()))
            prior = self._combined(footage)
            content = {"body": self.body, "betas": prior.mean.tolist(), "precision": prior.precision.tolist()}
            with atomic_write(self.path) as temporary:
                temporary.write_text(json.dumps({**content, "footage": footage}, indent=1) + "\n", encoding="utf-8")

    def _combined(self, footage: dict[str, Any]) -> ShapePrior:
        precision, vector = np.eye(self.shapes), np.zeros(self.shapes)
        for said in footage.values():
            evidence = self._evidence(said)
            precision, vector = precision + evidence.information, vector + evidence.vector
        return ShapePrior(np.linalg.solve(precision, vector), precision)

    def _footage(self) -> dict[str, Any]:
        """What the file has of each footage."""
        if not self.path.is_file():
            return {}
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            body, footage = str(content["body"]), dict(content["footage"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ValueError(f"{self.path} is not the file of a subject: delete it, or give another name") from None
        if body != self.body:
            raise ValueError(f"{self.path} is a shape of {body}, and the body is {self.body}: give another name")
        return footage

    def _evidence(self, stored: Any) -> ShapeEvidence:
        try:
            information, vector = (np.array(stored[name], dtype=float) for name in ("information", "vector"))
            right = information.shape == (self.shapes, self.shapes) and vector.shape == (self.shapes,)
            if not (right and np.isfinite(vector).all() and np.linalg.eigvalsh(information).min() > -1e-6):
                raise ValueError
        except (ValueError, KeyError, TypeError, np.linalg.LinAlgError):
            raise ValueError(
                f"{self.path} does not hold the shape of a body of {self.shapes} components: delete it"
            ) from None
        return ShapeEvidence(information, vector)


@dataclass(frozen=True)
class Who:
    """The person that a command fits."""

    name: str | None
    folder: Path | None
    """Folder of people; default: ``subjects`` next to ``out``."""
    out: Path
    """Output folder."""
    alone: bool
    """Whether a single person is fitted."""

    def of(self, body: Body) -> Subject | None:
        """The person, with a body model.

        Args:
            body: body model.

        Returns:
            The person; None if no name is given.

        Raises:
            ValueError: a folder without a name, an invalid name, or several people are fitted.
        """
        if self.name is None:
            if self.folder is not None:
                raise ValueError("a folder of subjects needs the name of one: give --subject as well")
            return None
        if not self.alone:
            raise ValueError("a subject is one person: give --subject without --people")
        return Subject(self.folder or self.out.absolute().parent / SUBJECTS, self.name, body.name, body.num_betas)


def fitter_of(
    body: Literal["ages"] | Path | None, settings: FitSettings, device: str, who: Who, *footage: Path
) -> tuple[Fitter, Subject | None]:
    """A fitter, with what is known of the shape of a person.

    Args:
        body: file of the body model, or "ages", the open body of children and adults; default: the open body.
        settings: settings of the fit.
        device: where the optimisation runs.
        who: the person.
        footage: what will be fitted.

    Returns:
        The fitter and the person.
    """
    model = Body.ages() if body == "ages" else Body.load(body) if body else Body.open()
    subject = who.of(model)
    if subject is not None:
        settings = dataclasses.replace(settings, shape=subject.prior(*footage))
    return Fitter(model, settings=settings, device=device), subject


def footage_key(path: Path) -> str:
    """SHA-256 of the content of a file, or of all images of a folder in the order of their names.

    Args:
        path: photo, video, or folder of frames.

    Returns:
        Hexadecimal digits.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}: check the path")
    files = sorted(one for one in path.iterdir() if one.is_file() and is_image(one)) if path.is_dir() else [path]
    sums = []
    for file in files:
        with file.open("rb") as opened:
            sums.append(hashlib.file_digest(opened, "sha256").hexdigest())
    return sums[0] if not path.is_dir() else hashlib.sha256("".join(sums).encode()).hexdigest()
