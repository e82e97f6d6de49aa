"""Many large pictures are more than a processor's cache holds: they are worked on a few at a time."""

import torch

HELD = 1 << 19  # numbers of one map, of which several are in use at once


def few_at_once(count: int, numbers: int, device: torch.device) -> list[slice]:
    """Slices of so many things, of so many numbers each, that a processor's cache holds; other devices take all."""
    step = max(1, HELD // numbers) if device.type == "cpu" else max(1, count)
    return [slice(start, start + step) for start in range(0, count, step)]
