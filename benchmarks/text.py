"""Poses generated from texts: ``python -m benchmarks.text --data poses.npz --out docs/benchmarks``.

Texts are descriptions of poses of people that training did not see. Each method gives one pose a text. An evaluator,
two encoders that were trained on the training people to tell which text belongs to which pose, says how often the text
is the first, or among the first three, of 32 (R-precision: Guo et al., CVPR 2022); and the described relations are
measured.
"""

from __future__ import annotations

import hashlib
import random
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache as cache_calls
from functools import partial
from pathlib import Path

import numpy as np
import scipy.sparse
import torch
import torch.nn.functional as F
import tyro
from jaxtyping import Float
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn

import qposer
from benchmarks.cache import Cache
from benchmarks.commands import command
from benchmarks.intervals import mean_interval
from benchmarks.machine import machine
from benchmarks.prior.poses import file_digest
from benchmarks.tables import Table
from qposer.body_pose.kinematics import body_joints, mirror_body_pose
from qposer.body_pose.posed_skeleton import OrientedPose, PosedSkeleton, neutral_pose
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import REST_JOINTS
from qposer.control.descriptions import Relation, relations
from qposer.control.instructions import InstructionError, instruct
from qposer.control.sentence_encoder import SentenceEncoder, features_of
from qposer.control.text_prior import GUIDANCE, WEIGHTS, TextPrior
from qposer.data.dataset import PoseDataset, Split
from qposer.io.assets import asset
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors
from qposer.io.weights import read_tensors, write_tensors
from qposer.prior.code_prior import CodePrior
from qposer.training.paraphrases import mirrored, reworded
from qposer.training.train_text import Texts, described, descriptions_follow_from

TEXT = """# Poses drawn from texts

{number} {split} poses are described (`qposer.control.descriptions`), and each method gives one pose for each
description. An evaluator, an encoder of texts and one of poses, trained on the training people alone to tell which
belong together, says how often a pose's own text is the nearest of 32, or among the nearest three (R-precision); beside
it the part of the described relations that hold of the pose, and how many poses have an energy up to 1.

- *The pose itself* is what was described: what the evaluator can tell.
- *Training pose of the nearest text*: of all training poses and their mirror images, in whose descriptions nothing was
  reworded. TF-IDF weighted words and pairs of words, or, which favours it, the vectors that the evaluator itself
  judges by.
- *Drawn*: `qposer.control.text_prior`. The guidance that ships was chosen on validation poses.
- *Followed*: what is used where the weights are missing; it knows no people, and measures what it is asked.

Square brackets hold bootstrap 95 % intervals over texts.

Command: `{command}`.
Machine: {machine}.

{tables}

## What they say

- On descriptions of people that training did not see, what is drawn is recognised more often than the nearest training
  pose, and more of what was said holds, in other words, too. The evaluator recognises drawn poses about as often as
  the described ones: it knows the training people's way, and so does the prior.
- Not all that was said holds to within 10 degrees or 5 cm. Descriptions have several sentences, and a draw takes
  liberties with some. What must hold is for `instruct`.
- Guidance of 4 exaggerates: more poses have an energy above 1, and fewer relations hold.
"""

POOL = 32
TOPS = (1, 3)


@dataclass(frozen=True)
class Task:
    """Texts, and what is measured of poses that shall go with them."""

    texts: Sequence[str]
    relations: Sequence[Sequence[Relation]]
    poses: Float[Tensor, "texts 21 3 3"]
    """Those that were described."""


Method = Callable[[Task], Float[Tensor, "texts 21 3 3"]]


class Evaluator(nn.Module):
    """Encoders of texts and of poses into one space, in which a text is near to the poses that it is true of."""

    def __init__(self, buckets: int = 4096, width: int = 384, out: int = 128) -> None:
        super().__init__()
        self.text = SentenceEncoder(buckets, 96, width, out)
        numbers = 21 * 6 + 22 * 3
        self.pose = nn.Sequential(
            nn.Linear(numbers, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, out)
        )
        self.sharpness = nn.Parameter(torch.tensor(2.0))

    def of_poses(self, matrices: Float[Tensor, "poses 21 3 3"]) -> Float[Tensor, "poses out"]:
        """Unit vectors of poses."""
        joints = body_joints(matrices, torch.from_numpy(REST_JOINTS)).flatten(1)
        return F.normalize(self.pose(torch.cat([matrices[..., :2].flatten(1), 2 * joints], dim=1)), dim=-1)

    def of_texts(self, texts: Sequence[str]) -> Float[Tensor, "texts out"]:
        """Unit vectors of texts."""
        return F.normalize(self.text.encode(texts), dim=-1)


def trained_evaluator(data: PoseDataset, folder: Path, steps: int, batch: int = 256) -> Evaluator:
    """An evaluator trained on the training subjects, kept in a file.

    Args:
        data: poses by split.
        folder: where the file is.
        steps: of the training.
        batch: poses in a step.

    Returns:
        The evaluator.
    """
    torch.manual_seed(1)
    evaluator = Evaluator()
    poses = data.body_pose("train")
    file = folder / f"evaluator-{steps}-{descriptions_follow_from(poses)[:16]}.safetensors"
    if file.exists():
        evaluator.load_state_dict(read_tensors(file)[0])
        return evaluator.eval()
    texts = Texts(described(poses, folder / "train.npz"), 12, evaluator.text.buckets, 1)
    told = np.flatnonzero(texts.counts > 0)
    optimizer = torch.optim.Adam(evaluator.parameters(), lr=1e-3)
    rng = np.random.default_rng(1)
    for step in track(range(steps), "training the evaluator"):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * 0.5 * (1 + np.cos(np.pi * step / steps))
        chosen, mirror = rng.choice(told, batch), rng.random(batch) < 0.5
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


def make_task(poses: Float[Tensor, "poses 21 3"], number: int, other_words: bool, seed: int = 0) -> Task:
    """Descriptions of poses, in their own words or in others; those of which nothing is remarkable are left out.

    Args:
        poses: axis-angle in radians.
        number: how many at most.
        other_words: whether the sentences are reworded.
        seed: of the choice and of the wordings.

    Returns:
        Texts with their poses.
    """
    generator = torch.Generator().manual_seed(seed)
    chosen = poses[torch.randperm(len(poses), generator=generator)[: 2 * number]]
    found = relations(OrientedPose.upright(chosen))
    told = [index for index, of_pose in enumerate(found) if of_pose][:number]
    rng = random.Random(seed)
    texts = []
    for index in told:
        sentences = [relation.text for relation in found[index]]
        if other_words:
            rng.shuffle(sentences)
            sentences = [reworded(sentence, rng) for sentence in sentences]
        texts.append(". ".join(sentences))
    return Task(texts, [found[index] for index in told], axis_angle_to_matrix(chosen[told]))


class Nearest:
    """The training poses, mirrored ones included, found by their descriptions: cosines of TF-IDF weighted words.

    Or of vectors of an encoder of texts.
    """

    def __init__(self, poses: Float[Tensor, "poses 21 3"], descriptions: Sequence[Sequence[str]]) -> None:
        """Index all descriptions."""
        self.poses = poses
        self._texts = [*descriptions, *([mirrored(sentence) for sentence in text] for text in descriptions)]
        self._vectors: tuple[Tensor, list[int]] | None = None
        counts = self._counts(self._texts)
        self._rarity = np.log(len(self._texts) / (1 + np.asarray((counts > 0).sum(0)).ravel()))
        self._index = self._weighted(counts)

    def __call__(self, texts: Sequence[str]) -> Float[Tensor, "texts 21 3 3"]:
        """For each text the pose whose description is nearest."""
        asked = self._weighted(self._counts([text.split(". ") for text in texts]))
        return self._poses([int((self._index @ row.T).toarray().argmax()) for row in asked])

    def encoded(self, texts: Sequence[str], evaluator: Evaluator) -> Float[Tensor, "texts 21 3 3"]:
        """The same, with the cosines of the evaluator's vectors of texts.

        Args:
            texts: the descriptions.
            evaluator: encodes them.

        Returns:
            Rotation matrices relative to the parents.
        """
        with torch.no_grad():
            if self._vectors is None:
                known = [index for index, sentences in enumerate(self._texts) if sentences]
                every = [". ".join(self._texts[index]) for index in known]
                parts = [evaluator.of_texts(every[start : start + 2048]) for start in range(0, len(every), 2048)]
                self._vectors = torch.cat(parts), known
            vectors, known = self._vectors
            return self._poses([known[index] for index in (evaluator.of_texts(texts) @ vectors.mT).argmax(1).tolist()])

    def _poses(self, best: Sequence[int]) -> Float[Tensor, "texts 21 3 3"]:
        matrices = axis_angle_to_matrix(self.poses[torch.tensor(best) % len(self.poses)])
        turned = (torch.tensor(best) >= len(self.poses))[:, None, None, None]
        return torch.where(turned, mirror_body_pose(matrices), matrices)

    @staticmethod
    def _counts(texts: Sequence[Sequence[str]], buckets: int = 2**16) -> scipy.sparse.csr_matrix:
        """How often each hashed feature is in each text: which sentences a text has, times what a sentence has."""
        number = {sentence: index for index, sentence in enumerate(dict.fromkeys(s for text in texts for s in text))}
        entries = [
            (row, zlib.crc32(name.encode()) % buckets, weight)
            for sentence, row in number.items()
            for name, weight in [*features_of(sentence.split()), (sentence, 1.0)]
        ]
        rows, columns, values = zip(*entries, strict=True)
        of_sentences = scipy.sparse.csr_matrix((values, (rows, columns)), shape=(len(number), buckets))
        ids = [number[sentence] for text in texts for sentence in text]
        ends = np.cumsum([0, *(len(text) for text in texts)])
        return scipy.sparse.csr_matrix((np.ones(len(ids)), ids, ends), shape=(len(texts), len(number))) @ of_sentences

    def _weighted(self, counts: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
        weighted = counts.multiply(self._rarity).tocsr()
        length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(1)).ravel()).clip(1e-9)
        return scipy.sparse.diags(1 / length) @ weighted


def score(
    task: Task, poses: Float[Tensor, "texts 21 3 3"], evaluator: Evaluator, prior: CodePrior
) -> dict[str, list[float]]:
    """For each text: ranks of the text among 32, the part of its relations that hold, and the pose's energy.

    Args:
        task: the texts.
        poses: the answers.
        evaluator: ranks the texts.
        prior: gives the energies.

    Returns:
        Figures by name.
    """
    with torch.no_grad():
        told, shown = evaluator.of_texts(task.texts), evaluator.of_poses(poses)
        energy = prior.energy(poses)
    generator = torch.Generator().manual_seed(0)
    ranks, held = [], []
    figures = PosedSkeleton.of(OrientedPose.upright(poses))
    for index, of_pose in enumerate(task.relations):
        others = torch.randperm(len(told) - 1, generator=generator)[: POOL - 1]
        others = others + (others >= index)
        own = shown[index] @ told[index]
        ranks.append(float((shown[index] @ told[others].mT >= own).sum()))
        figure = PosedSkeleton(*(part[index] for part in figures))
        held.append(float(np.mean([bool(relation.holds(figure)) for relation in of_pose])))
    return {"rank": ranks, "held": held, "energy": energy.tolist()}


def instructed(prior: CodePrior, task: Task) -> Float[Tensor, "texts 21 3 3"]:
    """Each text followed as an instruction from the neutral posture, which stays where it is not understood.

    Args:
        prior: of the edits.
        task: the texts.

    Returns:
        Rotation matrices relative to the parents.
    """
    poses = []
    for text in task.texts:
        posture = neutral_pose()
        with suppress(InstructionError):
            posture = instruct(posture, text, generator=torch.Generator().manual_seed(0), prior=prior)[0].posture
        poses.append(posture.body_pose)
    return torch.stack(poses)


def main(
    data: Path,
    runs: Path = Path("runs/text-benchmark"),
    weights: Path | None = None,
    out: Path | None = None,
    guidance: tuple[float, ...] = (1.0, GUIDANCE, 4.0),
    number: int = 500,
    followed: int = 100,
    evaluator_steps: int = 3000,
    split: Split = "test",
) -> None:
    """Compare, print the tables, and write them where --out says.

    Args:
        data: poses.npz, written by ``python -m qposer.data.build``.
        runs: folder for the evaluator, the descriptions, and the results that are kept.
        weights: of the text prior; the shipped ones if left out.
        out: folder for text.md.
        guidance: of the draws.
        number: of texts.
        followed: how many of them are followed as instructions, too, which takes a second each.
        evaluator_steps: of its training.
        split: whose poses are described; the guidance was chosen on validation.
    """
    console = Console(width=140)
    with cli_errors("benchmarks.text"):
        torch.set_num_threads(1)
        poses, kept = PoseDataset.load(data), Cache(runs)
        same = {"evaluator": evaluator_steps, "trained on": descriptions_follow_from(poses.body_pose("train"))}
        same |= {"weights": _digest(_weights(weights)), "code": _digest(_code())}
        evaluator = trained_evaluator(poses, runs, evaluator_steps)
        drawing = TextPrior.from_pretrained(weights)

        @cache_calls
        def index() -> Nearest:
            train = poses.body_pose("train")
            return Nearest(train, described(train, runs / "train.npz"))

        def draw(strength: float) -> Method:
            return lambda task: drawing.generate_each(task.texts, strength, generator=torch.Generator().manual_seed(0))

        methods: dict[str, Method] = {
            "the pose itself": lambda task: task.poses,
            "training pose of the nearest text, TF-IDF": lambda task: index()(task.texts),
            "the same, evaluator's vectors of texts": lambda task: index().encoded(task.texts, evaluator),
        }
        methods |= {f"drawn, guidance {strength:g}": draw(strength) for strength in guidance}
        tables = {}
        for words, other_words in (("in the words of `describe`", False), ("in other words", True)):
            task = make_task(poses.body_pose(split), number, other_words)
            first = Task(task.texts[:followed], task.relations[:followed], task.poses[:followed])
            asked = [(name, method, task) for name, method in methods.items()]
            if not other_words and followed:
                asked.append(
                    (f"followed by `instruct` (the first {followed})", partial(instructed, drawing.prior), first)
                )
            rows = []
            for name, method, given in asked:
                depends = {**same, "texts": given.texts, "method": name}
                measure = partial(_scored, method, given, evaluator, drawing.prior)
                scored = kept.result(f"{split} {words} {name}", depends, measure)
                rows.append([name, *(f"{mean_interval(values):.1f}" for values in _figures(scored))])
            tops = [f"R-precision, top {top} of {POOL}, %" for top in TOPS]
            tables[words] = Table(["", *tops, "relations that hold, %", "energy <= 1, %"], rows)
            console.print(tables[words].for_console(words))
        if out:
            asked_for = command(
                "benchmarks.text",
                main,
                data=data,
                runs=runs,
                weights=weights,
                out=out,
                guidance=guidance,
                number=number,
                followed=followed,
                evaluator_steps=evaluator_steps,
                split=split,
            )
            sections = [f"## Texts {words}\n\n{table.markdown()}" for words, table in tables.items()]
            out.mkdir(parents=True, exist_ok=True)
            with atomic_write(out / "text.md") as temporary:
                facts = {"number": number, "split": split, "command": asked_for, "machine": machine()}
                temporary.write_text(TEXT.format(**facts, tables="\n\n".join(sections)), encoding="utf-8")


def _figures(scored: dict[str, list[float]]) -> list[Tensor]:
    """Percentages, by text: first among 32, among the first three, relations that hold, energies up to 1."""
    ranks, held, energy = (torch.tensor(scored[key]) for key in ("rank", "held", "energy"))
    return [*(100 * (ranks < top).float() for top in TOPS), 100 * held, 100 * (energy <= 1).float()]


def _weights(text: Path | None) -> list[Path]:
    """Files of the weights that draw, follow and judge."""
    return [text or asset(WEIGHTS.name), *(asset(name) for name in ("qposer.safetensors", "codeprior.safetensors"))]


def _code() -> list[Path]:
    """Files of the code that draws, follows, judges and measures."""
    package = Path(str(qposer.__file__)).parent
    rooms = [package / room for room in ("body_pose", "prior", "control", "io")]
    files = [file for room in rooms for file in room.rglob("*.*") if file.suffix in (".py", ".lark")]
    return [Path(__file__), *sorted(files), package / "training" / "paraphrases.py"]


def _digest(files: Sequence[Path]) -> str:
    return hashlib.sha256("".join(map(file_digest, files)).encode()).hexdigest()


def _scored(method: Method, task: Task, evaluator: Evaluator, prior: CodePrior) -> dict[str, list[float]]:
    return score(task, method(task), evaluator, prior)


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
