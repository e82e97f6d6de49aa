"""Whole files that the kinds damage: made once, small."""

import io
import zipfile
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from folder_data import dataset
from PIL import Image

import zoo
from zoo.data.making.packing import Plan, pack

H, W = 16, 24
TINY = "unet(depth=3, width=2)"


def picture(mode: str = "RGB", format: str = "PNG", size: tuple[int, int] = (H, W), seed: int = 0) -> bytes:
    """A picture of noise as a file."""
    h, w = size
    noise = np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(buffer, format)
    return buffer.getvalue()


def cutout(seed: int = 0) -> bytes:
    """A square that is solid, on nothing."""
    values = np.zeros((H, H, 4), np.uint8)
    values[4:12, 4:12] = 255 - seed
    values[4:12, 4:12, 3] = 255
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    return buffer.getvalue()


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by relative name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@cache
def pair_folder() -> dict[str, bytes]:
    """A data set of three backgrounds and six pictures."""
    with TemporaryDirectory() as name:
        return contents(dataset(Path(name) / "data"))


@cache
def zipped(method: int = zipfile.ZIP_STORED) -> bytes:
    """The same in a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in pair_folder().items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


@cache
def packed() -> dict[str, bytes]:
    """The same as shards of four samples."""
    with TemporaryDirectory() as name:
        data, out = dataset(Path(name) / "data"), Path(name) / "out"
        for _ in pack(Plan(spec=str(data), split="all", folder=out, per_shard=4)):
            pass
        return {name: content.replace(str(data).encode(), b"data") for name, content in contents(out).items()}


@cache
def weights(spec: str = TINY) -> bytes:
    """A file of zoo.save."""
    with TemporaryDirectory() as name:
        path = Path(name) / "model.safetensors"
        torch.manual_seed(0)
        zoo.save(zoo.build(spec), path)
        return path.read_bytes()
