"""The hands that training did not see, in equal numbers from each source as far as there are as many."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from qposer.hands.dataset import HandDataset

MOST = 300
"""Poses of a source at most, evenly spaced."""
_BLOCK = 10
"""Frames of a clip that are resampled together for intervals; poses of a label are, too."""


class HeldOut(NamedTuple):
    """Held-out poses."""

    pose: Float[Tensor, "hands 15 3"]
    source: np.ndarray
    group: Int[Tensor, " hands"]
    """Numbers of the groups that are resampled together for intervals."""

    def of(self, source: str) -> HeldOut:
        """Those of one source."""
        member = torch.from_numpy(self.source == source)
        return HeldOut(self.pose[member], self.source[member.numpy()], self.group[member])


def held_out(data: HandDataset) -> HeldOut:
    """The poses of the test split.

    Args:
        data: recorded poses.

    Returns:
        At most `MOST` poses of each source.

    Raises:
        ValueError: there are none.
    """
    places: list[np.ndarray] = []
    for source in dict.fromkeys(data.source.tolist()):
        own = np.nonzero((data.source == source) & (data.split == "test"))[0]
        places.append(own[np.linspace(0, len(own) - 1, min(MOST, len(own))).round().astype(int)] if len(own) else own)
    chosen = np.concatenate(places)
    if not len(chosen):
        raise ValueError("no held-out poses: build the poses from all recordings")
    names = [
        f"{data.source[place]} {data.label[place]} {place // _BLOCK if data.label[place] == 'clip' else ''}"
        for place in chosen
    ]
    group = np.unique(names, return_inverse=True)[1]
    return HeldOut(data.pose[torch.from_numpy(chosen)], data.source[chosen], torch.from_numpy(group))
