"""The pictures of the page: each network's sheet of test scenes, cut into tiles that stand in the page itself.

A sheet has a row of six tiles per scene (bg, fg_bg, true mask, predicted mask, true depth, predicted depth), each
followed by a white gap to its right and below.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

GAP = 2  # pixels
TILES = 6
GIVEN = (0, 1, 2, 4)  # bg, fg_bg, true mask, true depth: the same in every sheet of a set
PREDICTED = (3, 5)
MASKS = (2, 3)
SCENES = 12  # at most: the page must stay light
SMALL = 128 * 128  # pixels of a tile up to which every tile is kept exactly

Data = dict[str, Any]


def gallery(data: Mapping[str, Any], folders: Sequence[Path]) -> Data:
    """{"scenes": [{"set", "size", "tiles"}], "networks": [{"entry", "tiles"}], "problems": [...]} of all entries.

    Scenes hold bg, fg_bg, mask and depth of each scene; networks the predicted mask and depth; tiles are data URIs.
    """
    scenes, networks, problems = list[Data](), list[Data](), list[str]()
    for number, entry in enumerate(data["accuracy"]):
        if not entry["gallery"]:
            continue
        try:
            rows = _rows(_found(entry["gallery"], folders), entry["size"])
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            is_other = isinstance(error, UnidentifiedImageError)
            reason = "it is not a picture" if is_other else getattr(error, "strerror", None) or error
            problems.append(f"{entry['name']}: {entry['gallery']}: {reason}")
            continue
        key = {"set": entry["set"], "size": entry["size"]}
        if key not in [{name: scene[name] for name in key} for scene in scenes]:
            scenes.append({**key, "tiles": _tiles(rows, GIVEN)})
        networks.append({"entry": number, "tiles": _tiles(rows, PREDICTED)})
    return {"scenes": scenes, "networks": networks, "problems": problems}


def _found(name: str, folders: Sequence[Path]) -> Path:
    """The first file of that name in the folders, and never one outside of them."""
    paths = [path for folder in folders if (path := (folder / name).resolve()).is_relative_to(folder.resolve())]
    if not paths:
        raise ValueError("it lies outside the folder of the records")
    if not any(path.exists() for path in paths):
        raise ValueError("the picture is missing")
    return next(path for path in paths if path.exists())


def _rows(path: Path, size: tuple[int, int]) -> list[list[Image.Image]]:
    """The tiles of a sheet, a row per scene."""
    height, width = size
    with Image.open(path) as file:
        sheet = file.convert("RGB")
    count = sheet.height // (height + GAP)
    if sheet.width != TILES * (width + GAP) or sheet.height != count * (height + GAP) or not count:
        raise ValueError(
            f"{sheet.width} x {sheet.height} pixels cannot be cut into rows of {TILES} tiles of {width} x {height}"
        )
    return [
        [
            sheet.crop((left, top, left + width, top + height))
            for left in range(0, sheet.width, width + GAP)
        ]
        for top in range(0, min(count, SCENES) * (height + GAP), height + GAP)
    ]  # fmt: skip


def _tiles(rows: Sequence[Sequence[Image.Image]], which: Sequence[int]) -> list[list[str]]:
    """Some tiles of each row as text: exact where they are small or masks, else as a JPEG of quality 90."""
    exact = rows[0][0].width * rows[0][0].height <= SMALL
    return [[_uri(row[i], "png" if exact or i in MASKS else "jpeg") for i in which] for row in rows]


def _uri(tile: Image.Image, kind: str) -> str:
    red, green, blue = tile.split()
    picture = red if red.tobytes() == green.tobytes() == blue.tobytes() else tile
    out = io.BytesIO()
    picture.save(out, kind, optimize=kind == "png", quality=90, subsampling=0)
    return f"data:image/{kind};base64,{base64.b64encode(out.getvalue()).decode()}"
