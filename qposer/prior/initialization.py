"""Random initial weights for training."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def scaled_normal(*size: int, fan_in: int) -> Float[Tensor, "..."]:
    """Normal samples with variance ``1 / fan_in``.

    On the meta device, where tensors have only a size (`qposer.io.weights.load_module`), nothing is sampled, because
    sampling would load torch._dynamo.

    Args:
        size: size of the tensor.
        fan_in: number of weights summed by an output.

    Returns:
        The weights.
    """
    weights = torch.empty(*size)
    return weights if weights.is_meta else weights.normal_(std=fan_in**-0.5)
