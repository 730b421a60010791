"""A small encoder of short texts about poses, trained with the model that uses it."""

from __future__ import annotations

import itertools
import math
import string
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from qposer.prior.initialization import scaled_normal

LONGEST_TEXT = 2000
"""Characters."""

_BREAKS = ("and", "then", "while", "but")
_STEP = 5.0  # spacing of numbers with their own embeddings; others are interpolated
_LETTERS_WEIGHT = 0.3


class Bags(NamedTuple):
    """Sentences as bags of features: rows of an embedding and their weights."""

    rows: Int[Tensor, " features"]
    weights: Float[Tensor, " features"]
    offsets: Int[Tensor, " sentences"]
    """Start of each sentence."""


def sentences_of(text: str) -> list[str]:
    """The sentences of a text, in lower case and without punctuation; separated by full stops, commas, or "and"."""
    cleaned = "".join(letter if letter.isalnum() or letter in " .,;:!?\n'-" else " " for letter in text.lower())
    for mark in ".,;:!?\n":
        cleaned = cleaned.replace(mark, " , ")
    sentences: list[list[str]] = [[]]
    for word in cleaned.split():
        if word == "," or word in _BREAKS:
            sentences.append([])
        elif word.strip(string.punctuation):
            sentences[-1].append(word.strip(string.punctuation))
    return [" ".join(words) for words in sentences if words]


def bags(sentences: Sequence[str], buckets: int) -> Bags:
    """Words, pairs of neighbouring words, triples of letters, and numbers of each sentence, hashed.

    Args:
        sentences: sentences in English.
        buckets: number of different hashes.

    Returns:
        The features of all sentences, one after the other.
    """
    rows: list[int] = []
    weights: list[float] = []
    offsets: list[int] = []
    for sentence in sentences:
        offsets.append(len(rows))
        for feature, weight in features_of(sentence.split()):
            rows.append(zlib.crc32(feature.encode()) % buckets)
            weights.append(weight)
    return Bags(torch.tensor(rows), torch.tensor(weights), torch.tensor(offsets))


def features_of(words: list[str]) -> list[tuple[str, float]]:
    """The features of a sentence and their weights."""
    features: list[tuple[str, float]] = []
    plain = ["#" if _number(word) is not None else word for word in words]
    for word in words:
        number = _number(word)
        if number is None:
            features.append((word, 1.0))
            padded = f"<{word}>"
            features += [(f"~{padded[i : i + 3]}", _LETTERS_WEIGHT) for i in range(len(padded) - 2)]
        else:
            below = math.floor(number / _STEP)
            part = number / _STEP - below
            features += [(f"#{below}", 1.0 - part), (f"#{below + 1}", part)]
    return features + [(f"{first} {second}", 1.0) for first, second in itertools.pairwise(plain)]


def _number(word: str) -> float | None:
    try:
        value = float(word)
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) < 1e4 else None


class SentenceEncoder(nn.Module):
    """A text as one vector: each sentence by its bag of features, the text by the sum over its sentences.

    A sum, because the order of the sentences does not matter.
    """

    def __init__(self, buckets: int, embedding: int, width: int, out: int) -> None:
        super().__init__()
        self.buckets = buckets
        self.embed = nn.EmbeddingBag.from_pretrained(
            scaled_normal(buckets, embedding, fan_in=1), freeze=False, mode="sum"
        )
        self.sentence = nn.Sequential(
            nn.LayerNorm(embedding), nn.Linear(embedding, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        )
        self.text = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, out))

    def forward(self, sentences: Bags, owner: Int[Tensor, " sentences"], texts: int) -> Float[Tensor, "texts out"]:
        """Encode.

        Args:
            sentences: sentences of all texts.
            owner: index of the text of each sentence.
            texts: number of texts.

        Returns:
            Features of the texts, each computed from the sum over its sentences.
        """
        encoded = self.sentence(self.embed(sentences.rows, sentences.offsets, sentences.weights))
        summed = encoded.new_zeros(texts, encoded.shape[-1]).index_add(0, owner, encoded)
        encoded_text: Tensor = self.text(summed)
        return encoded_text

    def encode(self, texts: Sequence[str]) -> Float[Tensor, "texts out"]:
        """Encode texts.

        Raises:
            ValueError: there are no texts, or a text has no words, or too many characters.
        """
        if not texts:
            raise ValueError("there are no texts: give at least one")
        sentences: list[str] = []
        owner: list[int] = []
        for number, text in enumerate(texts):
            if len(text) > LONGEST_TEXT:
                raise ValueError(f"a text must have at most {LONGEST_TEXT} characters, not {len(text)}")
            found = sentences_of(text)
            if not found:
                raise ValueError("the text has no words: describe a pose")
            sentences += found
            owner += [number] * len(found)
        device = self.embed.weight.device
        found_bags = Bags(*(part.to(device) for part in bags(sentences, self.buckets)))
        features: Tensor = self(found_bags, torch.tensor(owner, device=device), len(texts))
        return features
