"""Outlines of masks, and what lies near them; (b, h, w) bool throughout.

Two pixels means two steps to the left, right, up or down, which are the 13 pixels within a distance of 2.
"""

from torch import Tensor


def grown(mask: Tensor, steps: int) -> Tensor:
    """The mask and the pixels at most so many steps from it."""
    for _ in range(steps):
        wider = mask.clone()
        wider[:, 1:] |= mask[:, :-1]
        wider[:, :-1] |= mask[:, 1:]
        wider[..., 1:] |= mask[..., :-1]
        wider[..., :-1] |= mask[..., 1:]
        mask = wider
    return mask


def outline(mask: Tensor, valid: Tensor) -> Tensor:
    """Pixels of the mask beside a valid pixel that is not; the picture's edge is no outline."""
    return mask & grown(valid & ~mask, 1)


def band(mask: Tensor, valid: Tensor, steps: int) -> Tensor:
    """Valid pixels at most so many steps from the other side of the mask's outline."""
    return valid & grown(mask & valid, steps) & grown(valid & ~mask, steps)
