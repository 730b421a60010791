"""Text encoder and pose encoder, trained contrastively to match texts and poses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from rich.progress import track
from torch import Tensor, nn

from qposer.body_pose.kinematics import body_joints, mirror_body_pose
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import REST_JOINTS
from qposer.control.sentence_encoder import SentenceEncoder
from qposer.data.dataset import PoseDataset
from qposer.io.weights import read_tensors, write_tensors
from qposer.training.train_text import Texts, described, descriptions_digest


class Evaluator(nn.Module):
    """Encoders of texts and poses into a joint embedding space."""

    def __init__(self, buckets: int = 4096, width: int = 384, out: int = 128) -> None:
        super().__init__()
        self.text = SentenceEncoder(buckets, 96, width, out)
        numbers = 21 * 6 + 22 * 3
        self.pose = nn.Sequential(
            nn.Linear(numbers, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, out)
        )
        self.sharpness = nn.Parameter(torch.tensor(2.0))

    def of_poses(self, matrices: Float[Tensor, "poses 21 3 3"]) -> Float[Tensor, "poses out"]:
        """Embed poses as unit vectors."""
        joints = body_joints(matrices, torch.from_numpy(REST_JOINTS)).flatten(1)
        return F.normalize(self.pose(torch.cat([matrices[..., :2].flatten(1), 2 * joints], dim=1)), dim=-1)

    def of_texts(self, texts: Sequence[str]) -> Float[Tensor, "texts out"]:
        """Embed texts as unit vectors."""
        return F.normalize(self.text.encode(texts), dim=-1)


def trained_evaluator(data: PoseDataset, folder: Path, steps: int, batch: int = 256) -> Evaluator:
    """Train an evaluator on the training subjects, or load its cached weights.

    Args:
        data: poses by split.
        folder: folder of the cached weights.
        steps: number of training steps.
        batch: batch size.

    Returns:
        The evaluator.
    """
    torch.manual_seed(1)
    evaluator = Evaluator()
    poses = data.body_pose("train")
    file = folder / f"evaluator-{steps}-{descriptions_digest(poses)[:16]}.safetensors"
    if file.exists():
        evaluator.load_state_dict(read_tensors(file)[0])
        return evaluator.eval()
    texts = Texts(described(poses, folder / "train.npz"), 12, evaluator.text.buckets, 1)
    with_text = np.flatnonzero(texts.counts > 0)
    optimizer = torch.optim.Adam(evaluator.parameters(), lr=1e-3)
    rng = np.random.default_rng(1)
    for step in track(range(steps), "training the evaluator"):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * 0.5 * (1 + np.cos(np.pi * step / steps))
        chosen, mirror = rng.choice(with_text, batch), rng.random(batch) < 0.5
        matrices = axis_angle_to_matrix(poses[torch.from_numpy(chosen)])
        matrices = torch.where(torch.from_numpy(mirror)[:, None, None, None], mirror_body_pose(matrices), matrices)
        found = F.normalize(evaluator.text(*texts.draw(chosen, mirror, 0.5, rng), batch), dim=-1)
        alike = evaluator.sharpness.exp() * evaluator.of_poses(matrices) @ found.mT
        truth = torch.arange(batch)
        loss = F.cross_entropy(alike, truth) + F.cross_entropy(alike.mT, truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    write_tensors(file, evaluator.state_dict(), {"loss": f"{loss.item():.3f}"})
    return evaluator.eval()
