"""Pictures: modes, formats, sizes that a header claims, damage; as each map of a sample, as a photo, as a cut-out."""

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image

import zoo
from fuzzing.case import Case
from fuzzing.changes import damaged
from fuzzing.reading import read_all
from fuzzing.whole import H, W, picture
from zoo.data.making.compose import compose
from zoo.data.making.composition import ComposeSettings
from zoo.parallel import Workers

MODES = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK", "YCbCr"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I", "I;16", "F"),
    "BMP": ("1", "L", "P", "RGB"),
    "GIF": ("L", "P", "RGB"),
    "WEBP": ("L", "RGB", "RGBA"),
    "PPM": ("1", "L", "RGB", "I"),
}
SUFFIXES = {"JPEG": "jpg", "TIFF": "tif", "PPM": "ppm"}
SIDES = (0, 1, 7, 4000, 65_500, 100_000, (1 << 31) - 1, (1 << 32) - 1)
DIRS = {"bg": "bg", "fg_bg": "fg_bg", "mask": "fg_bg_mask", "depth": "fg_bg_depth"}
HEADS = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0",
    b"GIF89a",
    b"BM",
    b"II*\0",
    b"MM\0*",
    b"RIFF\0\0\0\0WEBP",
    b"P6 ",
    b"P5 ",
    b"Pf",
)


@st.composite
def whole(draw: Callable[..., Any], suffix: bool = False) -> bytes:
    """A picture that a program might have written."""
    format = draw(st.sampled_from(sorted(MODES)))
    mode = draw(st.sampled_from(MODES[format]))
    h, w = (H, W) if draw(st.booleans()) else (draw(st.integers(1, 40)), draw(st.integers(1, 40)))
    values = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 256, (h, w, 3), dtype=np.uint8)
    image = Image.fromarray(values)
    image = (
        image.convert("I").convert("I;16")
        if mode == "I;16"
        else image.convert("L" if mode in "IF" else "RGB").convert(mode)
    )
    options: dict[str, Any] = {}
    if draw(st.booleans()):
        exif = Image.Exif()
        exif[0x0112] = draw(st.integers(0, 9))
        options["exif"] = exif
    if format == "JPEG":
        options["progressive"] = draw(st.booleans())
    if format in ("GIF", "TIFF", "WEBP") and draw(st.booleans()):
        options |= {"save_all": True, "append_images": [image]}
    buffer = io.BytesIO()
    image.save(buffer, format, **({} if format in ("BMP", "PPM", "GIF") and "exif" in options else options))
    return buffer.getvalue()


@st.composite
def claiming(draw: Callable[..., Any]) -> bytes:
    """A small file whose header claims any size."""
    w, h = draw(st.sampled_from(SIDES)), draw(st.sampled_from(SIDES))
    format = draw(st.sampled_from(("PNG", "BMP", "GIF", "JPEG", "PPM")))
    data = bytearray(picture(format=format))
    if format == "PNG":
        data[16:24] = struct.pack(">II", w, h)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    elif format == "BMP":
        data[18:26] = struct.pack("<II", w, h)
    elif format == "GIF":
        data[6:10] = struct.pack("<HH", w & 0xFFFF, h & 0xFFFF)
    elif format == "JPEG":
        at = data.index(b"\xff\xc0")
        data[at + 5 : at + 9] = struct.pack(">HH", h & 0xFFFF, w & 0xFFFF)
    else:
        kind = draw(st.sampled_from((b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"Pf", b"PF")))
        data = bytearray(b"%s %d %d %d\n" % (kind, w, h, draw(st.sampled_from((0, 1, 255, 65_535, 10**9)))))
    return bytes(data)


@st.composite
def contents(draw: Callable[..., Any]) -> bytes:
    match draw(st.sampled_from(("whole", "damaged", "damaged", "claiming", "rubbish"))):
        case "whole":
            data = draw(whole())
        case "damaged":
            data = draw(damaged(draw(whole())))
        case "claiming":
            data = draw(claiming())
        case _:
            data = draw(st.sampled_from(HEADS)) + draw(st.binary(max_size=200))
    return bytes(data)


@st.composite
def cases(draw: Callable[..., Any]) -> Case:
    place = draw(st.sampled_from((*DIRS, "photo", "cutout")))
    suffix = draw(st.sampled_from(("png", "jpg", "tif", "webp", "gif", "ppm")))
    return Case({f"given.{suffix}": draw(contents())}, (place, draw(st.sampled_from(("", "16")))))


def run(folder: Path, place: str, size: str) -> None:
    """Read the one file as what it is to be."""
    given = next(folder.iterdir())
    if place == "photo":
        zoo.predict(baseline(), given, given, resize_plate=True, size=int(size) if size else None)
    elif place == "cutout":
        _compose(folder, given)
    else:
        for which, name in DIRS.items():
            (folder / name).mkdir()
            content = given.read_bytes() if which == place else picture("RGB" if "bg" in which else "L")
            (folder / name / f"a{given.suffix}").write_bytes(content)
        options: Any = {"split": "all", "size": int(size) if size else None, "on_error": "raise"}
        read_all(zoo.data.load(str(folder), dirs=tuple(DIRS.values()), **options))


def _compose(folder: Path, given: Path) -> None:
    for name in ("bg", "fg"):
        (folder / name).mkdir()
    (folder / "bg" / "a.png").write_bytes(picture())
    given.rename(folder / "fg" / given.name)
    recipe = ComposeSettings(per_pair=1, size=(16, 16))
    compose(folder / "bg", folder / "fg", folder / "out", recipe, workers=Workers(1))


@cache
def baseline() -> zoo.PairModel:
    """A network without weights."""
    return zoo.build("frame_difference").eval()
