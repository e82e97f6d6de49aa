"""Figures of a data set as a picture: mean images above, histograms below."""

from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from zoo.data.inspecting.sheet import fit, thumbnail
from zoo.data.inspecting.stats import LEVELS, MAPS, Stats

CELL, GAP, LINE = 192, 16, 16  # pixels
WIDE = (4 * CELL + 3 * GAP - 2 * GAP) // 3  # of a histogram: three under four images
TALL = 120
INK, PALE, OBJECT, REST = (32, 32, 32), (225, 225, 225), (200, 60, 40), (60, 90, 160)


def draw(stats: Stats, record: dict[str, Any]) -> Image.Image:
    """Mean bg, fg_bg, mask and depth; coverage, depth, and the change inside and outside the object; where known."""
    there = [name for name in MAPS if stats.moments[name].count]
    width, top = 4 * CELL + 5 * GAP, GAP + 2 * LINE + GAP
    below = top + CELL + LINE + 2 * GAP
    page = Image.new("RGB", (width, below + TALL + 2 * LINE + GAP), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    title = f"{record['spec']}, split {record['split']}"
    pen.text((GAP, GAP), fit(pen, font, title, width - 2 * GAP), INK, font)
    facts = (
        f"{stats.samples:,} samples, {stats.empty:,} without an object; threshold IoU {record['threshold']['iou']:.3f}"
    )
    pen.text((GAP, GAP + LINE), facts, INK, font)
    for column, name in enumerate(there):
        left = GAP + column * (CELL + GAP)
        page.paste(thumbnail(torch.from_numpy(stats.mean_image(name)), (CELL, CELL)), (left, top))
        pen.text((left, top + CELL + 2), f"mean {name}", INK, font)
    change = stats.change.reshape(2, -1, LEVELS // 64).sum(2)[:, :32]  # to half of the range, where it happens
    shares = change / np.maximum(change.sum(1, keepdims=True), 1)
    panels = [
        ("mask", "share of object, 0 to 1", [(stats.coverage, REST)]),
        ("depth", "depth, 0 to 1", [(stats.depth, REST)]),
        ("mask", "change, 0 to 0.5: object red", [(shares[0], REST), (shares[1], OBJECT)]),
    ]
    for column, (_, caption, series) in enumerate(panel for panel in panels if panel[0] in there):
        left = GAP + column * (WIDE + GAP)
        pen.rectangle((left, below, left + WIDE, below + TALL), outline=PALE)
        for values, colour in series:
            _steps(pen, values, max(float(np.max(v)) for v, _ in series), (left, below), colour)
        pen.text((left, below + TALL + 2), caption, INK, font)
    return page


def _steps(
    pen: ImageDraw.ImageDraw, values: np.ndarray, most: float, corner: tuple[int, int], colour: tuple[int, int, int]
) -> None:
    """A histogram's outline, filled to the bottom where it is alone."""
    left, top = corner
    edges = left + np.arange(len(values) + 1) * WIDE / len(values)
    heights = top + TALL - np.asarray(values) / max(most, 1e-12) * (TALL - 4)
    points = [(x, y) for i, y in enumerate(heights) for x in (edges[i], edges[i + 1])]
    pen.line(points, colour, 2)
