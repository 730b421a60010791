"""Retrieval of the training poses with the nearest descriptions."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.text.evaluator import Evaluator
from qposer.body_pose.kinematics import mirror_body_pose
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.control.sentence_encoder import features_of
from qposer.training.paraphrases import mirrored


class Nearest:
    """Nearest-neighbour search among the descriptions of training poses and their mirror images.

    Texts are compared by the cosine similarity of TF-IDF features or of an evaluator's embeddings.
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
        """Find the pose with the nearest description for each text, by TF-IDF features."""
        asked = self._weighted(self._counts([text.split(". ") for text in texts]))
        return self._poses([int((self._index @ row.T).toarray().argmax()) for row in asked])

    def encoded(self, texts: Sequence[str], evaluator: Evaluator) -> Float[Tensor, "texts 21 3 3"]:
        """Find the pose with the nearest description for each text, by an evaluator's embeddings.

        Args:
            texts: texts to search for.
            evaluator: evaluator that embeds them.

        Returns:
            Body poses as rotation matrices relative to the parents.
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
        """Counts of hashed features by text: the texts' sentences times the sentences' features."""
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
