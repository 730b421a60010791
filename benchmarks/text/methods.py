"""Methods that give a pose for each text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.text.evaluator import Evaluator
from benchmarks.text.nearest import Nearest
from benchmarks.text.tasks import Task
from qposer.body_pose.posed_skeleton import neutral_pose
from qposer.control.instructions import InstructionError, instruct
from qposer.control.text_prior import TextPrior
from qposer.data.dataset import PoseDataset
from qposer.prior.code_prior import CodePrior
from qposer.training.train_text import described

Method = Callable[[Task], Float[Tensor, "texts 21 3 3"]]


def methods(
    data: PoseDataset, folder: Path, evaluator: Evaluator, drawing: TextPrior, guidance: Sequence[float]
) -> dict[str, Method]:
    """List the compared methods, except for `instructed`.

    Args:
        data: poses by split; training poses are searched.
        folder: folder of the cached descriptions of training poses.
        evaluator: evaluator with the text embeddings that one method searches.
        drawing: text prior.
        guidance: guidance scales; each is a method.

    Returns:
        Methods by row name.
    """

    @cache
    def index() -> Nearest:
        train = data.body_pose("train")
        return Nearest(train, described(train, folder / "train.npz"))

    def draw(strength: float) -> Method:
        return lambda task: drawing.generate_each(task.texts, strength, generator=torch.Generator().manual_seed(0))

    found: dict[str, Method] = {
        "the pose itself": lambda task: task.poses,
        "training pose of the nearest text, TF-IDF": lambda task: index()(task.texts),
        "training pose of the nearest text, embeddings": lambda task: index().encoded(task.texts, evaluator),
    }
    return found | {f"drawn, guidance {strength:g}": draw(strength) for strength in guidance}


def instructed(prior: CodePrior, task: Task) -> Float[Tensor, "texts 21 3 3"]:
    """Follow each text as an instruction from the neutral posture.

    Args:
        prior: prior of the edits.
        task: texts.

    Returns:
        Body poses as rotation matrices relative to the parents; the neutral pose for texts that are not understood.
    """
    poses = []
    for text in task.texts:
        posture = neutral_pose()
        with suppress(InstructionError):
            posture = instruct(posture, text, generator=torch.Generator().manual_seed(0), prior=prior)[0].posture
        poses.append(posture.body_pose)
    return torch.stack(poses)
