"""The request of a folder's run, before its models are loaded."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fitting.body.body import Body
from fitting.fit import Fitter
from fitting.folders import FolderRun
from fitting.inputs.detect import Detector
from fitting.optimise.schedule import FitSettings


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

    def open(self, stack: ExitStack) -> FolderRun:
        """Load the models; the detector is closed with the stack.

        Raises:
            ValueError: an argument is invalid, or the body's file cannot be read.
        """
        fitter = Fitter(Body.load(self.body) if self.body else None, settings=self.settings, device=self.device)
        run = FolderRun(fitter, self.out, **self.options)
        return replace(run, detector=stack.enter_context(Detector())) if self.detects else run
