"""Poses drawn from texts, beside the nearest training pose: ``python -m benchmarks.text --data poses.npz --out docs``.

Texts are descriptions of poses of people that training did not see. Each method gives one pose a text. An evaluator,
two encoders that were trained on the training people to tell which text belongs to which pose, says how often the text
is the first, or among the first three, of 32 (R-precision: Guo et al., CVPR 2022); and the described relations are
measured.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Sequence
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

from benchmarks.cache import Cache
from benchmarks.intervals import mean_interval
from benchmarks.machine import machine
from benchmarks.tables import Table
from qposer.assets import ASSETS
from qposer.codeprior import CodePrior
from qposer.data.dataset import PoseDataset
from qposer.descriptions import Relation, relations
from qposer.errors import told_in_one_line
from qposer.figure import Figure, Posture
from qposer.kinematics import body_joints, mirror_body_pose
from qposer.rotations import axis_angle_to_matrix
from qposer.sentences import SentenceEncoder, features_of
from qposer.skeleton import REST_JOINTS
from qposer.text import TextPrior
from qposer.training.train_text import Texts, described
from qposer.training.wordings import mirrored, reworded
from qposer.weights import read_tensors, write_tensors

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
    """An evaluator trained on the training subjects, kept in a file."""
    torch.manual_seed(1)
    evaluator = Evaluator()
    file = folder / f"evaluator-{steps}.safetensors"
    if file.exists():
        evaluator.load_state_dict(read_tensors(file)[0])
        return evaluator.eval()
    poses = data.body_pose("train")
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
    """Descriptions of poses, in their own words or in others; those of which nothing is remarkable are left out."""
    generator = torch.Generator().manual_seed(seed)
    chosen = poses[torch.randperm(len(poses), generator=generator)[: 2 * number]]
    found = relations(Posture.upright(chosen))
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
        """The same, with the cosines of the evaluator's vectors of texts."""
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
    """For each text: ranks of the text among 32, the part of its relations that hold, and the pose's energy."""
    with torch.no_grad():
        told, shown = evaluator.of_texts(task.texts), evaluator.of_poses(poses)
        energy = prior.energy(poses)
    generator = torch.Generator().manual_seed(0)
    ranks, held = [], []
    figures = Figure.of(Posture.upright(poses))
    for index, of_pose in enumerate(task.relations):
        others = torch.randperm(len(told) - 1, generator=generator)[: POOL - 1]
        others = others + (others >= index)
        own = shown[index] @ told[index]
        ranks.append(float((shown[index] @ told[others].mT >= own).sum()))
        figure = Figure(*(part[index] for part in figures))
        held.append(float(np.mean([bool(relation.holds(figure)) for relation in of_pose])))
    return {"rank": ranks, "held": held, "energy": energy.tolist()}


def main(
    data: Path,
    runs: Path = Path("runs/text-benchmark"),
    weights: Path | None = None,
    out: Path | None = None,
    guidance: tuple[float, ...] = (1.0, 2.0, 3.0),
    number: int = 1000,
    evaluator_steps: int = 3000,
    split: str = "test",
) -> None:
    """Compare, and write benchmarks-text.md.

    Args:
        data: poses.npz.
        runs: folder for the evaluator and the results that are kept.
        weights: of the text prior; the shipped ones if left out.
        out: folder for benchmarks-text.md; only printed if left out.
        guidance: of the draws.
        number: of texts.
        evaluator_steps: of its training.
        split: whose poses are described; the guidance was chosen on validation.
    """
    console = Console(width=140)
    with told_in_one_line("benchmarks.text"):
        poses = PoseDataset.load(data)
        cache = Cache(runs)
        evaluator = trained_evaluator(poses, runs, evaluator_steps)
        drawing = TextPrior.from_pretrained(weights)
        file = weights or ASSETS / "text.safetensors"

        @cache_calls
        def index() -> Nearest:
            train = poses.body_pose("train")
            return Nearest(train, described(train, runs / "train.npz"))

        def draw(strength: float) -> Method:
            return lambda task: drawing.generate_each(task.texts, strength, generator=torch.Generator().manual_seed(0))

        methods: dict[str, Method] = {
            "the pose itself": _itself,
            "training pose of the nearest text, TF-IDF": lambda task: index()(task.texts),
            "training pose of the nearest text, evaluator's vectors": lambda task: index().encoded(
                task.texts, evaluator
            ),
        }
        methods |= {f"drawn, guidance {strength:g}": draw(strength) for strength in guidance}
        weights_digest = f"{zlib.crc32(file.read_bytes()):08x}"
        sections = []
        for words, other_words in (("in the words of `describe`", False), ("in other words", True)):
            task = make_task(poses.body_pose(split), number, other_words)  # type: ignore[arg-type]
            rows = []
            digest = zlib.crc32("\n".join(task.texts).encode())
            for name, method in methods.items():
                depends = {"texts": digest, "evaluator": evaluator_steps, "method": name}
                depends["weights"] = weights_digest if name.startswith("drawn") else ""
                scored = cache.result(
                    f"{split} {words} {name}", depends, partial(_scored, method, task, evaluator, drawing.prior)
                )
                ranks, held, energy = (torch.tensor(scored[key]) for key in ("rank", "held", "energy"))
                figures = [*((ranks < top).float() for top in TOPS), held, (energy <= 1).float()]
                rows.append([name, *(f"{mean_interval(100 * values):.1f}" for values in figures)])
            columns = [
                "",
                *(f"R-precision, top {top} of {POOL}, %" for top in TOPS),
                "relations that hold, %",
                "energy <= 1, %",
            ]
            table = Table(columns, rows)
            sections.append(f"Texts {words}\n\n{table.markdown()}\n")
            console.print(table.for_console(words))
        console.print(machine())
        if out:
            (out / "benchmarks-text.md").write_text("\n".join(sections))


def _itself(task: Task) -> Tensor:
    return task.poses


def _scored(method: Method, task: Task, evaluator: Evaluator, prior: CodePrior) -> dict[str, list[float]]:
    return score(task, method(task), evaluator, prior)


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
