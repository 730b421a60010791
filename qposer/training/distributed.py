"""Data-parallel training by several processes, which ``torchrun`` starts.

All processes draw the same batch with the same random numbers, and each computes the loss of its share.
DistributedDataParallel averages the gradients, so the result does not depend on the number of processes, up to
rounding. Without ``torchrun`` nothing here has an effect.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

Loss = Callable[[], dict[str, Tensor]]

_SHARING = ContextVar("sharing", default=False)
"""Whether a training loss is being computed by several processes."""


@runtime_checkable
class Sliceable(Protocol):
    """What has one entry for each member of a batch: a tensor, an array, a range."""

    def __len__(self) -> int:
        """Number of members."""

    def __getitem__(self, members: slice, /) -> Any:
        """Some of the members."""


Batch = TypeVar("Batch", bound=Sliceable)


@contextmanager
def process_group(device: str) -> Iterator[None]:
    """Connect the processes if ``torchrun`` started this one: by NCCL on GPUs, one for each process, else by Gloo.

    Args:
        device: device of the network.
    """
    if not (dist.is_available() and dist.is_torchelastic_launched()):
        yield
        return
    if torch.device(device).type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("cpu:gloo,cuda:nccl")
    else:
        dist.init_process_group("gloo")
    yield
    dist.destroy_process_group()


def processes() -> int:
    """Number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def is_main() -> bool:
    """Whether this process validates and writes the files."""
    return processes() == 1 or dist.get_rank() == 0


@contextmanager
def main_process_first() -> Iterator[None]:
    """Run the block in the main process first; the other processes run it afterwards and find the files it wrote."""
    if not is_main():
        dist.barrier()
    yield
    if is_main() and processes() > 1:
        dist.barrier()


def share(batch: Batch) -> Batch:
    """This process's share of a batch in a training loss: every n-th member. Elsewhere, the whole batch.

    Args:
        batch: members in the first dimension, the same in all processes.

    Returns:
        The share.

    Raises:
        ValueError: the members cannot be divided evenly, so a mean over shares would not be that of the batch.
    """
    if not _SHARING.get():
        return batch
    if len(batch) % processes():
        raise ValueError(
            f"{len(batch)} poses of a batch cannot be divided evenly among {processes()} processes: "
            "change --batch-size, or torchrun's --nproc-per-node"
        )
    own: Batch = batch[dist.get_rank() :: processes()]
    return own


def gathered(shares: Tensor) -> Tensor:
    """The whole batch, from the shares of all processes, in a training loss; the inverse of `share`, with gradients.

    Args:
        shares: this process's share.

    Returns:
        The whole batch, the same in all processes.
    """
    batch: Tensor = _Gather.apply(shares) if _SHARING.get() else shares  # type: ignore[no-untyped-call]
    return batch


@contextmanager
def data_parallel(model: nn.Module, loss: Loss) -> Iterator[Loss]:
    """Let each process compute a loss of its share of the batch; gradients are averaged over the processes.

    Batch normalisation and dropout remain those of the whole batch.

    Args:
        model: network in training, which receives the main process's weights. All parameters that require a gradient
            must get one.
        loss: terms of the loss by name, the total first, as means over members chosen by `share`.

    Yields:
        The loss of the share; with one process, ``loss`` itself.
    """
    if processes() == 1:
        yield loss
        return
    with ExitStack() as stack:
        for module in model.modules():
            if isinstance(module, _BatchNorm):
                module.forward = partial(_normalised, module.forward)  # type: ignore[method-assign]
            elif isinstance(module, nn.Dropout):
                module.forward = partial(_dropped, module)  # type: ignore[method-assign]
            else:
                continue
            stack.callback(delattr, module, "forward")
        yield DistributedDataParallel(_LossOfShare(model, loss))


def averaged(terms: dict[str, Tensor]) -> dict[str, Tensor]:
    """Terms of a loss, averaged over the processes, without gradients.

    Args:
        terms: scalars by name.

    Returns:
        The averages by name.
    """
    if processes() == 1:
        return terms
    values = torch.stack([term.detach() for term in terms.values()])
    dist.all_reduce(values)
    return dict(zip(terms, values / processes(), strict=True))


def follow_main_process(generator: torch.Generator) -> None:
    """Wait for the main process and take over the states of its random generators.

    Args:
        generator: random generator of the training steps.
    """
    if processes() == 1:
        return
    for each in (generator, torch.default_generator):
        state = each.get_state()
        dist.broadcast(state, src=0)
        each.set_state(state)


class _LossOfShare(nn.Module):
    """A loss as the module that DistributedDataParallel needs."""

    def __init__(self, model: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self) -> dict[str, Tensor]:
        before = _SHARING.set(True)
        try:
            return self.loss()
        finally:
            _SHARING.reset(before)


class _Gather(torch.autograd.Function):
    """Interleaves the shares of all processes."""

    @staticmethod
    def forward(ctx: Any, shares: Tensor) -> Tensor:
        parts = [torch.empty_like(shares) for _ in range(processes())]
        dist.all_gather(parts, shares.contiguous())
        return torch.stack(parts, dim=1).flatten(0, 1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(gradient)
        return gradient[dist.get_rank() :: processes()]


def _normalised(forward: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """Batch normalisation by the statistics of the whole batch."""
    return share(forward(gathered(inputs)))


def _dropped(module: nn.Dropout, inputs: Tensor) -> Tensor:
    """Dropout by a share of the whole batch's mask."""
    if not _SHARING.get():
        return F.dropout(inputs, module.p, module.training)
    mask = F.dropout(inputs.new_ones(processes() * len(inputs), *inputs.shape[1:]), module.p, module.training)
    return inputs * share(mask)
