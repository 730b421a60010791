"""The request of a folder's run, before its models are loaded."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fitting.folders import FolderRun
from fitting.inputs.detect import Detector
from fitting.optimise.settings import FitSettings
from fitting.subjects import Who, fitter_of


@dataclass(frozen=True)
class FolderRequest:
    """A run before its models are loaded; it can be sent to another machine."""

    out: Path
    body: Path | None = None
    settings: FitSettings = field(default_factory=FitSettings)
    device: str = "cpu"
    detects: bool = True
    """Whether the detector is needed."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of `FolderRun`."""

    who: Who | None = None
    """The person in all images, whose shape is kept; only for a run on one machine."""

    def open(self, stack: ExitStack, *footage: Path) -> FolderRun:
        """Load the models; the detector is closed with the stack.

        Args:
            stack: closes the detector.
            footage: the images, if the person's shape is kept.

        Returns:
            The run.

        Raises:
            ValueError: an argument is invalid, or the body's file cannot be read.
        """
        who = self.who or Who(None, None, self.out, alone=False)
        fitter, subject = fitter_of(self.body, self.settings, self.device, who, *footage)
        run = FolderRun(fitter, self.out, subject=subject, **self.options)
        return replace(run, detector=stack.enter_context(Detector())) if self.detects else run
