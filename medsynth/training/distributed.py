"""Several processes that train one translator together, as `torchrun` starts them.

Every process (a rank) sees its own part of each batch; gradients are averaged
over ranks, so that the result does not depend on how many there are. Rank 0
alone reads the clock, decides when to stop and writes.
"""

import contextlib
import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn

from medsynth.errors import TrainingError


@dataclasses.dataclass(frozen=True)
class Ranks:
    """This process's place among those that train together.

    Attributes:
        rank: this process's number, from 0.
        size: number of processes.
        local_rank: number among the processes of this machine; its CUDA device.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def is_first(self) -> bool:
        """Tell whether this process writes and decides."""
        return self.rank == 0

    def share_of(self, batch: int) -> range:
        """Give the places of a batch that are this process's to compute.

        Args:
            batch: number of patches of each phase, over all processes.

        Raises:
            TrainingError: the batch cannot be split evenly. With uneven parts the mean of
                the ranks' gradients would not be the gradient of the batch's mean.
        """
        if batch % self.size:
            raise TrainingError(
                f"A batch of {batch} cannot be split over {self.size} processes. Expected a "
                f"multiple of {self.size}. Set train.batch, or start another number of processes."
            )
        part = batch // self.size
        return range(self.rank * part, (self.rank + 1) * part)


ALONE = Ranks()


def ranks_of_environment() -> Ranks:
    """Read this process's place from what `torchrun` sets; a plain start is alone."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return ALONE
    return Ranks(int(os.environ["RANK"]), size, int(os.environ.get("LOCAL_RANK", "0")))


@contextlib.contextmanager
def joined(ranks: Ranks) -> Iterator[None]:
    """Connect with the other processes until the block ends; alone, do nothing.

    Tensors on the processor travel by gloo, those on CUDA devices by nccl.
    """
    if ranks.size == 1:
        yield
        return
    with_cuda = torch.cuda.is_available() and torch.distributed.is_nccl_available()
    if with_cuda:
        torch.cuda.set_device(ranks.local_rank)
    torch.distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if with_cuda else "gloo", rank=ranks.rank, world_size=ranks.size
    )
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


def average_gradients(networks: Iterable[nn.Module], ranks: Ranks) -> None:
    """Replace each gradient by its mean over the processes, in one message.

    Every process must have gradients on the same parameters.

    Args:
        networks: whose parameters were just differentiated; gradients change in place.
        ranks: this process's place.
    """
    if ranks.size == 1:
        return
    gradients = [p.grad for network in networks for p in network.parameters() if p.grad is not None]
    bucket = torch.cat([gradient.flatten() for gradient in gradients])
    torch.distributed.all_reduce(bucket)
    bucket /= ranks.size
    start = 0
    for gradient in gradients:
        gradient.copy_(bucket[start : start + gradient.numel()].view_as(gradient))
        start += gradient.numel()


def averaged_losses(losses: Mapping[str, Tensor], ranks: Ranks) -> dict[str, float]:
    """Give each loss's mean over the processes; on a CUDA device this waits for it.

    Args:
        losses: name -> scalar tensor, the same names in the same order on each process.
        ranks: this process's place.
    """
    values = torch.stack([loss.detach().float() for loss in losses.values()])
    if ranks.size > 1:
        torch.distributed.all_reduce(values)
        values /= ranks.size
    return dict(zip(losses, values.tolist(), strict=True))


def as_first_rank(value: float, ranks: Ranks) -> float:
    """Give what the first process holds: clocks differ, and all must decide alike.

    Args:
        value: this process's number.
        ranks: this process's place.
    """
    if ranks.size == 1:
        return value
    agreed = torch.tensor([value], dtype=torch.float64)
    torch.distributed.broadcast(agreed, src=0)
    return float(agreed)


def text_of_first_rank(text: str, ranks: Ranks) -> str:
    """Give the first process's text on every process.

    Args:
        text: what the first process says; what the others pass does not matter.
        ranks: this process's place.
    """
    if ranks.size == 1:
        return text
    said = list(text.encode("utf-8"))
    length = int(as_first_rank(float(len(said)), ranks))
    content = torch.zeros(length, dtype=torch.uint8)
    if ranks.is_first:
        content = torch.tensor(said, dtype=torch.uint8)
    torch.distributed.broadcast(content, src=0)
    return bytes(content.tolist()).decode("utf-8")
