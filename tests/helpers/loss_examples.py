"""Noise to compare, and holes in it, for the tests of losses."""

import torch
from torch import Tensor

from zoo.losses.catalog import Truth


def truth_of(target: Tensor, valid: Tensor | None = None, image: Tensor | None = None) -> Truth:
    valid = torch.ones_like(target) if valid is None else valid
    return Truth(target, valid, torch.zeros_like(target).expand(-1, 3, -1, -1) if image is None else image)


def example(h: int = 16, w: int = 19, b: int = 2, seed: int = 0, dtype: torch.dtype = torch.float64):
    """Logits of noise, and a truth of noise that is all valid."""
    draw = torch.Generator().manual_seed(seed)
    logits, target = torch.randn(2, b, 1, h, w, generator=draw, dtype=dtype)
    return logits, truth_of(target.sigmoid(), image=torch.rand(b, 3, h, w, generator=draw, dtype=dtype))


def holes(truth: Truth, seed: int = 3) -> Truth:
    """A tenth of the pixels invalid, and a block of them."""
    valid = (torch.rand(truth.valid.shape, generator=torch.Generator().manual_seed(seed)) > 0.1).to(truth.valid)
    valid[..., 2:6, 3:9] = 0
    return truth._replace(valid=valid)
