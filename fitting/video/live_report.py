"""Rate and latency of a live fit."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fitting.video.latest_frames import LiveFrame


@dataclass
class LiveReport:
    """What was fitted, and how long after the frame came."""

    latencies: list[float] = field(default_factory=list)
    """Seconds from the arrival of a frame until its body was shown."""
    missed: int = 0
    """Frames without a person."""
    first: LiveFrame | None = None
    last: LiveFrame | None = None
    ended: float = 0.0

    def add(self, frame: LiveFrame, shown: float, found: bool) -> None:
        """Count a frame.

        Args:
            frame: the frame.
            shown: when its body was shown, by the clock of the frames.
            found: whether it shows a person.
        """
        self.first, self.last, self.ended = self.first or frame, frame, shown
        self.latencies.append(shown - frame.seconds)
        self.missed += not found

    @property
    def source_fps(self) -> float | None:
        """Frames per second of the source; None if unknown."""
        if self.first is None or self.last is None or self.last.seconds <= self.first.seconds:
            return None
        return (self.last.number - self.first.number) / (self.last.seconds - self.first.seconds)

    @property
    def line(self) -> str:
        """A sentence."""
        if self.first is None or self.last is None:
            return "no frames"
        count, seconds = len(self.latencies), max(self.ended - self.first.seconds, 1e-9)
        middle, late = 1000 * np.percentile(self.latencies, (50, 95))
        dropped = self.last.number - self.first.number + 1 - count
        return (
            f"{count} frames, {count / seconds:.1f} a second, {self.missed} without a person, {dropped} dropped; "
            f"latency {middle:.0f} ms (median), {late:.0f} ms (95th percentile)"
        )
