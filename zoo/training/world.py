"""One process or many: the launcher (torchrun) says which this is; without it, there is one.

Several processes share each batch equally, and end with the same weights as one process with the whole batch, within
rounding, as long as nothing looks across a batch: batch norms that are live see their own process's part alone, so they
train as with the smaller batch. norms = "frozen" in a stage, or sync_norms on GPUs, make the two the same. Augmentation
and dropout draw other numbers for each process.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from registry import OptionError
from zoo.machine import choose
from zoo.parallel import cores

CPU = torch.device("cpu")


@dataclass(frozen=True)
class World:
    """This process among all of a training."""

    rank: int = 0
    size: int = 1
    device: torch.device = CPU

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def any(self, flag: bool) -> bool:
        """Whether it holds in any process; all of them must call this."""
        if self.size == 1:
            return flag
        value = torch.tensor(float(flag), device=self.device)
        dist.all_reduce(value, dist.ReduceOp.MAX)
        return bool(value)

    def mean(self, values: Tensor) -> Tensor:
        """The mean over the processes, of a tensor that each of them has."""
        if self.size == 1:
            return values
        total = values.detach().clone()
        dist.all_reduce(total)
        return total / self.size

    def barrier(self) -> None:
        if self.size > 1:
            dist.barrier()


def share() -> int:
    """Processes that make data, where nothing is said: the cores of this process among its machine's, less itself."""
    return max(1, cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")) - 1)


@contextlib.contextmanager
def joined(device: str | torch.device = "auto") -> Iterator[World]:
    """This process's place, with the others reachable while it lasts."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        chosen = choose(device)
        if chosen.index is not None:  # whose random numbers are drawn, saved and taken up again
            torch.cuda.set_device(chosen)
        yield World(device=chosen)
        return
    if "RANK" not in os.environ:
        raise OptionError(
            f"WORLD_SIZE={size} says that there are more processes; start them with torchrun, or unset it"
        )
    rank, local = int(os.environ["RANK"]), int(os.environ.get("LOCAL_RANK", "0"))
    chosen = choose(device)
    if chosen.type == "cuda":
        if local >= torch.cuda.device_count():
            raise OptionError(f"process {local} of this machine has no GPU of its own; start as many as there are GPUs")
        chosen = torch.device("cuda", local)
        torch.cuda.set_device(chosen)
    begun = not dist.is_initialized()
    if begun:
        dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield World(rank, size, chosen)
        if begun:
            dist.barrier()  # without it some runs abort at their end: a process is gone while another still talks
    finally:
        if begun:
            dist.destroy_process_group()
