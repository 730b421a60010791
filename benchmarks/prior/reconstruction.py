"""Protocol 1: error and speed of encoding and decoding."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.cache import Result
from benchmarks.prior.contenders import Reconstructs
from benchmarks.prior.poses import Poses, drawn
from benchmarks.prior.protocol import in_chunks, joints_mm
from benchmarks.prior.qposer_prior import QPoserPrior
from fitting.body.body import Body
from qposer.evaluation.metrics import mpjpe
from qposer.prior.quantizer import perplexity


@dataclass(frozen=True)
class ReconstructionSettings:
    """Settings of protocol 1."""

    poses: int = 25_000
    """Maximum number of test poses for errors of joints."""
    meshes: int = 1000
    """Number of these poses for errors of vertices."""
    seed: int = 0


@torch.no_grad()
def measure(prior: Reconstructs, poses: Poses, settings: ReconstructionSettings) -> Result:
    """Measure root-relative errors of every pose on the mean shape; for QPoser, also the usage of the codes.

    Args:
        prior: prior to encode and decode with.
        poses: body poses by split.
        settings: settings of the protocol.

    Returns:
        ``mpjpe_mm`` and ``mpvpe_mm`` (millimetres, one for each pose); for QPoser also ``bits`` and ``perplexity`` (by
        head, as a fraction of the codebook's size).
    """
    truth = drawn(poses.test, settings.poses, torch.Generator().manual_seed(settings.seed))
    decoded = in_chunks(prior.reconstruct, truth)
    meshes = slice(settings.meshes)
    result: Result = {
        "mpjpe_mm": mpjpe(joints_mm(decoded), joints_mm(truth)).tolist(),
        "mpvpe_mm": _vertex_errors(decoded[meshes], truth[meshes]).tolist(),
    }
    if isinstance(prior, QPoserPrior):
        config = prior.model.config
        codes = in_chunks(prior.model.encode, truth)
        result |= {
            "bits": round(codes[0].numel() * math.log2(config.codes)),
            "used": [len(head.unique()) / config.codes for head in codes.flatten(0, 1).T],
            "perplexity": (perplexity(codes, config.codes) / config.codes).tolist(),
        }
    return result


def _vertex_errors(decoded: Float[Tensor, "poses 21 3"], truth: Float[Tensor, "poses 21 3"]) -> Float[Tensor, " poses"]:
    """Mean distances of the open body's vertices in millimetres; the pelvis does not move."""
    body = Body.open()

    def errors(pair: Float[Tensor, "poses 2 21 3"]) -> Tensor:
        upright = pair.new_zeros(len(pair), 3)
        found, true = (body(upright, side).vertices for side in pair.unbind(1))
        return 1000 * mpjpe(found, true)

    return in_chunks(errors, torch.stack([decoded, truth], dim=1), size=64)


@dataclass(frozen=True)
class SpeedSettings:
    """Settings of the timing."""

    batch: int = 256
    rounds: int = 30
    seed: int = 0


@torch.no_grad()
def measure_speed(priors: Mapping[str, Reconstructs], poses: Poses, settings: SpeedSettings) -> Result:
    """Time encoding and decoding on one thread; the priors alternate in every round.

    Args:
        priors: priors by name.
        poses: body poses by split.
        settings: settings of the protocol.

    Returns:
        Poses per second by name of the prior, the median over rounds.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    batch = drawn(poses.test, settings.batch, torch.Generator().manual_seed(settings.seed))
    seconds: dict[str, list[float]] = {name: [] for name in priors}
    for _ in range(settings.rounds):
        for name, prior in priors.items():
            started = time.perf_counter()
            prior.reconstruct(batch)
            seconds[name].append(time.perf_counter() - started)
    torch.set_num_threads(threads)
    return {name: len(batch) / statistics.median(times) for name, times in seconds.items()}
