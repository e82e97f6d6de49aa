"""Weights of large networks drawn quickly: torch makes one random number after the other, and 60 million take a second.

Here a tensor of many numbers takes them from a pool of a million, from a place on that torch's generator draws: they
follow the same distribution, a seed decides them, and no two layers begin alike.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

POOL = 1 << 20
MANY = 1 << 17  # numbers of a tensor from which on it pays


@contextmanager
def quick_draws() -> Iterator[None]:
    """Let uniform_ and normal_ take the numbers of large tensors from a pool."""
    uniform, normal = Tensor.uniform_, Tensor.normal_
    generator = torch.Generator().manual_seed(0)
    flat = torch.rand(POOL, generator=generator) * 2 - 1
    bell = torch.randn(POOL, generator=generator)

    def draw_uniform(self: Tensor, low: float = 0.0, high: float = 1.0, **more: Any) -> Tensor:
        if is_large(self) and more.get("generator") is None:
            return fill(self, flat, (high - low) / 2, (high + low) / 2)
        return uniform(self, low, high, **more)

    def draw_normal(self: Tensor, mean: float = 0.0, std: float = 1.0, **more: Any) -> Tensor:
        if is_large(self) and more.get("generator") is None:
            return fill(self, bell, std, mean)
        return normal(self, mean, std, **more)

    Tensor.uniform_, Tensor.normal_ = draw_uniform, draw_normal  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        Tensor.uniform_, Tensor.normal_ = uniform, normal  # type: ignore[method-assign]


def is_large(tensor: Tensor) -> bool:
    plain = type(tensor) in (Tensor, torch.nn.Parameter) and tensor.device.type == "cpu"
    return plain and tensor.dtype == torch.float32 and tensor.numel() >= MANY and tensor.is_contiguous()


def fill(tensor: Tensor, pool: Tensor, scale: float, shift: float) -> Tensor:
    """Scaled numbers of the pool, round and round from a drawn place on."""
    numbers, start, done = tensor.view(-1), int(torch.randint(POOL, (), device="cpu")), 0
    while done < len(numbers):
        part = pool[start : start + len(numbers) - done]
        torch.mul(part, scale, out=numbers[done : done + len(part)])
        start, done = 0, done + len(part)
    return tensor.add_(shift) if shift else tensor
