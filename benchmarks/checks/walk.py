"""A video that is drawn: a camera that shakes, light that goes up and down, noise, an object that walks across."""

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from zoo.data.files.images import encode
from zoo.deploy.video.frames import Frame, written
from zoo.files import write_bytes

VIDEO, PLATE = "video.mp4", "plate.png"
RATE = 25  # frames a second
SHAKE = 1 / 45  # of the height: how far the camera shakes, at most
LIGHT = 0.2  # share by which it goes up and down
NOISE = 3.0  # standard deviation, of 255


def draw(folder: Path, size: tuple[int, int], count: int) -> None:
    """A video, and the plate of its scene."""
    scene = _scene(size)
    h, w = size
    edge = margin(size)
    write_bytes(folder / PLATE, encode(_tensor(scene[edge : edge + h, edge : edge + w])))
    with written(folder / VIDEO, Fraction(RATE)) as video:
        for number, image in enumerate(_frames(scene, size, count)):
            video.add(_tensor(image), Frame(torch.empty(0), Fraction(number, RATE), ""))


def margin(size: tuple[int, int]) -> int:
    """Pixels of the scene beyond each edge of the picture."""
    return max(2, round(SHAKE * size[0]))


def _frames(scene: NDArray[np.uint8], size: tuple[int, int], count: int) -> Iterator[NDArray[np.uint8]]:
    (h, w), rng, edge = size, np.random.default_rng(1), margin(size)
    grain = rng.normal(0, NOISE, (h + 64, w + 64, 3)).astype(np.float32)
    body = _body(h // 2)
    for number in range(count):
        at = number / RATE
        y, x = (round(edge * (math.sin(a * at) + math.sin(b * at + 1)) / 2) for a, b in ((5.1, 1.3), (4.3, 0.9)))
        image = scene[edge + y : edge + y + h, edge + x : edge + x + w].astype(np.float32)
        walked = min(max(number / count + 0.05 * math.sin(at), 0.0), 1.0)
        top, left = h // 3 - y, round(walked * (w - body.shape[1]) - x)
        left = min(max(left, 0), w - body.shape[1])
        image[top : top + body.shape[0], left : left + body.shape[1]][body] = (40 + 100 * walked, 60, 190)
        row, column = rng.integers(0, 64, 2)
        image = image * (1 + LIGHT * math.sin(at / 3)) + grain[row : row + h, column : column + w]
        yield image.clip(0, 255).astype(np.uint8)


def _scene(size: tuple[int, int]) -> NDArray[np.uint8]:
    """Clouds of several sizes, with room for the camera to shake."""
    h, w = (side + 2 * margin(size) for side in size)
    total = np.zeros((h, w, 3), np.float32)
    for number, step in enumerate((240, 60, 12)):
        coarse = np.random.default_rng(number).uniform(0, 1, (h // step + 3, w // step + 3, 3)).astype(np.float32)
        fine = Image.fromarray((coarse * 255).astype(np.uint8)).resize((w, h), Image.Resampling.BICUBIC)
        total += np.asarray(fine, np.float32) / 2 ** (number + 1)
    return (total * 0.7 + 20).clip(0, 255).astype(np.uint8)


def _body(h: int) -> NDArray[np.bool_]:
    """(h, h / 2): where an object with a head, a trunk and two legs is."""
    y, x = np.mgrid[:h, : h // 2] / h
    head = np.hypot(x - 0.25, y - 0.12) < 0.11
    trunk = (abs(x - 0.25) < 0.17) & (abs(y - 0.42) < 0.2)
    legs = (abs(abs(x - 0.25) - 0.09) < 0.06) & (y > 0.6)
    return np.asarray(head | trunk | legs)


def _tensor(image: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
