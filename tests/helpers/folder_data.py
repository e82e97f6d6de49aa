"""Small data sets in the founding layout, whose pictures tell by their value which they are."""

import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from zoo.data import Sample

H, W = 16, 24


def write(path: Path, value: int, size: tuple[int, int] = (H, W), mode: str = "RGB") -> None:
    """A picture of one colour; its value tells which it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size, value, np.uint8)).convert(mode).save(path)


def dataset(root: Path, n_bg: int = 3, each: int = 2, suffix: str = "png") -> Path:
    """Background b has the value 10 b, picture i 100 + i, depth 200 + i; the mask is white."""
    for b in range(n_bg):
        write(root / f"bg/bg_{b + 1:03}.{suffix}", 10 * b)
    for i in range(n_bg * each):
        name = f"img_{i + 1:04}.{suffix}"
        write(root / "fg_bg" / name, 100 + i)
        write(root / "fg_bg_mask" / name, 255, mode="L")
        write(root / "fg_bg_depth" / name, 200 + i, mode="L")
    return root


def zipped(folder: Path, file: Path, *, inside: str = "", method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(file, "w", method) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, f"{inside}{path.relative_to(folder)}")
    return file


def value(image: torch.Tensor) -> int:
    assert image.min() == image.max()
    return round(float(image.max()) * 255)


def pairs(ds) -> list[tuple[int, int]]:
    return [(value(ds[i].bg), value(ds[i].fg_bg)) for i in range(len(ds))]


def same(one: Sample, other: Sample) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one[:5], other[:5], strict=True))
