"""Train the regressor: ``python -m fitting.training.train_regressor --data poses.npz --out runs/start``.

The training data are projections of the training poses, mirrored and varied between rigs, by random cameras, with
simulated detector errors, noise and missing keypoints. To resume a killed run from its last checkpoint, run the same
command again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from rich.console import Console
from torch import Tensor

from fitting.body.body import Body
from fitting.optimise.regressor import Regressor, RegressorConfig
from fitting.training.synthetic_views import held_out_views, view_source
from qposer.body_pose.kinematics import forward_kinematics
from qposer.body_pose.skeleton import REST_JOINTS
from qposer.evaluation.metrics import pa_mpjpe
from qposer.training.config import SubjectsConfig, training_command
from qposer.training.distributed import share
from qposer.training.run import run


@dataclass(frozen=True)
class TrainConfig(SubjectsConfig):
    """Settings of a training run of a regressor."""

    steps: int = 20_000
    batch_size: int = 256
    device: str = "cpu"
    width: int = 512
    depth: int = 4


def train(config: TrainConfig, console: Console) -> Path:
    """Start or resume a training run.

    Args:
        config: settings of the run.
        console: console for the progress.

    Returns:
        The file with the best weights.

    Raises:
        FileNotFoundError: the file of poses does not exist.
        ValueError: the file of poses is invalid, or the folder belongs to a run with other settings.
        FloatingPointError: the loss is no longer finite.
    """
    data, generator = config.begin()
    body = Body.open()
    model = Regressor(RegressorConfig(config.width, config.depth)).to(config.device)
    draw = view_source(body, data.poses(config.subjects), config.batch_size, generator)

    def loss() -> dict[str, Tensor]:
        views = share(draw()).to(config.device)
        orient, body_pose = model(views.keypoints, views.confidence, views.format, views.camera)
        found, true = (_joints(*pose) for pose in ((orient, body_pose), (views.orient, views.body_pose)))
        joints = torch.linalg.vector_norm(found - true, dim=-1).mean()
        turned = (orient - views.orient).square().sum((-1, -2)).mean()
        rotations = (body_pose - views.body_pose).square().sum((-1, -2)).mean()
        return {"loss": 10 * joints + 0.1 * turned + rotations, "joints": joints, "orient": turned, "pose": rotations}

    held_out = [views.to(config.device) for views in held_out_views(body, data)]

    @torch.no_grad()
    def validate() -> dict[str, float]:
        errors, turns = [], []
        for views in held_out:
            orient, body_pose = model(views.keypoints, views.confidence, views.format, views.camera)
            found, true = (_joints(*pose) for pose in ((orient, body_pose), (views.orient, views.body_pose)))
            errors.append(pa_mpjpe(found, true).mean().item())
            turns.append(torch.linalg.vector_norm(found - true, dim=-1).mean().item())
        return {"validation_pa_mm": 1000 * sum(errors) / 2, "validation_mm": 1000 * sum(turns) / 2}

    return run(config, model, generator, loss, validate, lambda: None, console, config.subjects)


def _joints(
    orient: Float[Tensor, "people 3 3"], body_pose: Float[Tensor, "people 21 3 3"]
) -> Float[Tensor, "people 22 3"]:
    rest = torch.from_numpy(REST_JOINTS).to(body_pose)[:22]
    return forward_kinematics(torch.cat([orient[:, None], body_pose], dim=1), rest)[1]


def main() -> None:
    """Command line."""
    training_command(TrainConfig, train, __doc__)


if __name__ == "__main__":
    main()
