"""Train the prior of poses given texts: ``python -m qposer.training.train_text --data poses.npz --out runs/text``.

The texts are descriptions of the training poses with rig variation, with sentences omitted, shuffled and
paraphrased. Training starts from the weights of the code prior's denoiser, on which a text initially has no
effect. Run the same command again to resume from the last checkpoint.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from rich.console import Console
from rich.progress import track
from torch import Tensor

from qposer.body_pose import posed_skeleton
from qposer.body_pose.kinematics import mirror_body_pose
from qposer.body_pose.posed_skeleton import OrientedPose
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.control import anatomy, constraints, description_rules, descriptions, measures
from qposer.control.descriptions import relations
from qposer.control.sentence_encoder import Bags, bags
from qposer.control.text_prior import TextPriorConfig, TextPriorNetwork
from qposer.io.npz import read_npz, write_npz
from qposer.prior.code_prior import CodePrior
from qposer.prior.denoiser import denoising_error
from qposer.prior.diffusion import SIGMA_MAX, SIGMA_MIN
from qposer.training.averaging import ExponentialMovingAverage
from qposer.training.batches import varied
from qposer.training.config import SubjectsConfig, training_command
from qposer.training.distributed import main_process_first, share
from qposer.training.latents import encoded
from qposer.training.paraphrases import mirrored, paraphrase
from qposer.training.run import run


@dataclass(frozen=True)
class TrainConfig(SubjectsConfig):
    """Settings of a training run of a prior of poses given texts."""

    out: Path
    """Folder of the run: best.safetensors, checkpoints, log, and the descriptions of the poses."""
    steps: int = 8000
    batch_size: int = 512
    noise_log_mean: float = -0.2
    noise_log_std: float = 1.3
    """Log-normal noise levels, higher than the code prior's, because a text describes the whole pose."""
    untold: float = 0.1
    """Share of each batch without text."""
    whole: float = 0.5
    """Share of each batch with complete descriptions; from others a random number of sentences is omitted."""
    paraphrases: int = 8
    """Number of paraphrases of each sentence."""
    averaging: float = 0.999


VALIDATION_LEVELS = (0.5, 1.0, 3.0)
VARIATIONS = 2
"""Number of rig variations of each training pose, described separately."""


class Texts:
    """Descriptions of poses as sentence indices, and the paraphrases of each sentence."""

    def __init__(self, described: Sequence[Sequence[str]], paraphrases: int, buckets: int, seed: int) -> None:
        """Collect the sentences and their mirrored versions, each with paraphrases; the first is the original."""
        sentences = sorted({sentence for of_pose in described for sentence in of_pose})
        sentences = sorted({*sentences, *(mirrored(sentence) for sentence in sentences)})
        number = {sentence: index for index, sentence in enumerate(sentences)}
        self.mirror = np.array([number[mirrored(sentence)] for sentence in sentences])
        self.counts = np.array([len(of_pose) for of_pose in described])
        self.starts = np.concatenate([[0], self.counts.cumsum()[:-1]])
        self.ids = np.array([number[sentence] for of_pose in described for sentence in of_pose])
        rng = random.Random(seed)
        self.paraphrases = paraphrases
        said = [text for s in sentences for text in (s, *(paraphrase(s, rng) for _ in range(paraphrases - 1)))]
        every = bags(said, buckets)
        ends = torch.cat([every.offsets[1:], torch.tensor([len(every.rows)])])
        self._lengths = (ends - every.offsets).numpy()
        self._offsets = every.offsets.numpy()
        self._rows, self._weights = every.rows, every.weights

    def draw(
        self, poses: np.ndarray, is_mirrored: np.ndarray, whole: float, rng: np.random.Generator
    ) -> tuple[Bags, Tensor]:
        """Texts of poses with omitted and paraphrased sentences, and the pose of each sentence.

        Args:
            poses: indices of the poses.
            is_mirrored: whether each pose is mirrored.
            whole: share of texts with all sentences.
            rng: random generator.

        Returns:
            The sentences, and for each the position of its pose in this process's share of ``poses``.
        """
        counts = self.counts[poses]
        owner = np.repeat(np.arange(len(poses)), counts)
        within = np.arange(len(owner)) - np.repeat(counts.cumsum() - counts, counts)
        ids = self.ids[self.starts[poses][owner] + within]
        ids = np.where(is_mirrored[owner], self.mirror[ids], ids)
        part = np.where(rng.random(len(poses)) < whole, 1.0, rng.random(len(poses)))
        kept = rng.random(len(owner)) < part[owner]
        first = np.zeros(len(poses), dtype=bool)
        first[owner[kept]] = True
        kept |= (within == 0) & ~first[owner]
        ids, owner = ids[kept], owner[kept]
        said = ids * self.paraphrases + rng.integers(self.paraphrases, size=len(ids))
        position = np.full(len(poses), -1)
        own = share(np.arange(len(poses)))
        position[own] = np.arange(len(own))
        owner = position[owner]
        return self._bags(said[owner >= 0]), torch.from_numpy(owner[owner >= 0])

    def _bags(self, said: np.ndarray) -> Bags:
        """Paraphrases of sentences as bags of features."""
        lengths = self._lengths[said]
        offsets = lengths.cumsum() - lengths
        places = torch.from_numpy(np.arange(lengths.sum()) + np.repeat(self._offsets[said] - offsets, lengths))
        return Bags(self._rows[places], self._weights[places], torch.from_numpy(offsets))


def descriptions_digest(poses: Float[Tensor, "poses 21 3"]) -> str:
    """Digest of the poses and of the code that describes them."""
    digest = hashlib.sha256(poses.contiguous().numpy().tobytes())
    for module in (anatomy, constraints, measures, description_rules, descriptions, posed_skeleton):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()


def described(poses: Float[Tensor, "poses 21 3"], file: Path) -> list[list[str]]:
    """Descriptions of poses, cached in a file, which is rewritten if the poses or the code changed.

    Args:
        poses: axis-angle in radians.
        file: path of the cache.

    Returns:
        Sentences of each pose.

    Raises:
        ValueError: the file is not an archive of arrays.
    """
    digest = descriptions_digest(poses)
    kept = read_npz(file) if file.exists() else {}
    if str(kept.get("follows_from")) != digest or kept.get("text", np.array(0)).shape != poses.shape[:1]:
        texts: list[str] = []
        for part in track(poses.split(512), "describing"):
            texts += ["\n".join(r.text for r in found) for found in relations(OrientedPose.upright(part))]
        kept = {"text": np.array(texts, dtype=str), "follows_from": np.array(digest)}
        write_npz(file, kept)
    return [text.split("\n") if text else [] for text in kept["text"].tolist()]


@torch.no_grad()
def initialize_from(network: TextPriorNetwork, prior: CodePrior) -> None:
    """Copy the code prior's denoiser and scales, and set the new weights of the text to zero.

    Args:
        network: network to initialise.
        prior: source of the weights.
    """
    network.mean.copy_(prior.network.mean)
    network.scale.copy_(prior.network.scale)
    own = dict(network.denoiser.named_parameters())
    for name, given in prior.network.denoiser.named_parameters():
        if own[name].shape == given.shape:
            own[name].copy_(given)
        else:
            own[name].zero_()
            own[name][:, : given.shape[1]] = given


def train(config: TrainConfig, console: Console) -> Path:
    """Start or resume a training run; returns the file of the weights with the lowest validation error.

    Args:
        config: settings of the run.
        console: console for the progress.

    Returns:
        Path of the weights.

    Raises:
        FileNotFoundError: the file of poses does not exist.
        ValueError: the file of poses has another layout, or the folder belongs to a run with other settings.
        FloatingPointError: the loss is not finite.
    """
    data, generator = config.begin()
    prior = CodePrior.from_pretrained()
    known = prior.network.config
    sizes = TextPriorConfig(known.joints, known.latent_dim, known.width, known.depth)
    networks = ExponentialMovingAverage(TextPriorNetwork(sizes))
    for each in (networks.live, networks.average):
        initialize_from(each, prior)

    recorded, held_out = data.body_pose(config.subjects), data.body_pose("validation")[::4]
    poses = torch.cat([varied(recorded, generator) for _ in range(VARIATIONS)])
    config.out.mkdir(parents=True, exist_ok=True)
    with main_process_first():
        descriptions = described(poses, config.out / "train.npz")
        held_descriptions = described(held_out, config.out / "validation.npz")
    texts = Texts(descriptions, config.paraphrases, sizes.buckets, config.seed)
    held_texts = Texts(held_descriptions, config.paraphrases, sizes.buckets, 1)

    def latents(matrices: Tensor) -> Tensor:
        return prior.network.standardise(encoded(prior.model, matrices)[1])

    matrices = axis_angle_to_matrix(poses)
    clean = torch.stack([latents(matrices), latents(mirror_body_pose(matrices))])
    held_clean = latents(axis_angle_to_matrix(held_out))

    def loss() -> dict[str, Tensor]:
        rng = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
        size = config.batch_size
        chosen, mirror = rng.integers(len(poses), size=size), rng.random(size) < 0.5
        given = clean[torch.from_numpy(mirror).long(), torch.from_numpy(chosen)]
        said = texts.draw(chosen, mirror, config.whole, rng)
        untold = share(torch.rand(size, generator=generator) < config.untold)
        has_text = torch.zeros_like(untold)
        has_text[said[1]] = True
        untold |= ~has_text
        level = (config.noise_log_mean + config.noise_log_std * torch.randn(size, 1, generator=generator)).exp()
        level = level.clamp(SIGMA_MIN, SIGMA_MAX)
        noisy = given + level[..., None] * torch.randn(given.shape, generator=generator)
        given, level, noisy = map(share, (given, level, noisy))
        denoised = networks.live.denoiser(noisy, level, _context(networks.live, said, untold))
        return {"loss": denoising_error(denoised, given, level).mean()}

    @torch.no_grad()
    def validate() -> dict[str, float]:
        drawn, rng = torch.Generator().manual_seed(0), np.random.default_rng(0)
        every = np.arange(len(held_out))
        said = held_texts.draw(every, np.zeros(len(every), dtype=bool), 1.0, rng)
        untold = torch.from_numpy(held_texts.counts == 0)
        errors = {}
        for level in VALIDATION_LEVELS:
            noise = torch.randn(held_clean.shape, generator=drawn)
            levels = held_clean.new_full((len(held_clean), 1), level)
            shown = _context(networks.average, said, untold)
            denoised = networks.average.denoiser(held_clean + level * noise, levels, shown)
            errors[f"validation_{level}"] = denoising_error(denoised, held_clean, levels).mean().item()
        return {"validation": sum(errors.values()) / len(errors), **errors}

    return run(
        config, networks, generator, loss, validate, lambda: networks.follow(config.averaging), console, config.subjects
    )


def _context(network: TextPriorNetwork, said: tuple[Bags, Tensor], untold: Tensor) -> Tensor:
    """Context vectors for the denoiser; poses without a text share one vector."""
    known = network.encoder(*said, len(untold))
    return torch.where(untold[:, None], network.no_text, known)


def main() -> None:
    """Command line."""
    training_command(TrainConfig, train, __doc__)


if __name__ == "__main__":
    main()
