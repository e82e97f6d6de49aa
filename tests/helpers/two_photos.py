"""Two photos that differ in their right half, and a network whose answer to them is known."""

from typing import Any

import numpy as np

import zoo
from zoo.model import PairModel

H, W = 12, 20
CHANGED = slice(10, 20)  # the columns where the object is


def known(**options: Any) -> PairModel:
    """A network whose answer is known: mask = sigmoid(40 * change - 4), depth = sigmoid(-y)."""
    return zoo.build("frame_difference", **options).eval()


def photos(change: int = 51) -> tuple[np.ndarray, np.ndarray]:
    """bg and fg_bg, uint8 (h, w, 3): the right half is brighter by `change` of 255."""
    bg = np.random.default_rng(0).integers(0, 200, (H, W, 3), dtype=np.uint8)
    fg_bg = bg.copy()
    fg_bg[:, CHANGED] += np.uint8(change)
    return bg, fg_bg
