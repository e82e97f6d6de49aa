"""A folder of photographs for the source `photos`, from packages of the operating system: downloaded, not installed."""

import csv
import io
import json
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
from PIL import Image

from zoo.data.dataset import DataError
from zoo.data.files.images import open_image
from zoo.files import replacing, write_bytes, write_text
from zoo.progress import Tick

CREDITS, PACK = "CREDITS.csv", "pack.zip"
LONGEST = {"backgrounds": 1600, "cutouts": 800}  # pixels of a side, in the folder
PACKED = {"backgrounds": 640, "cutouts": 256}  # and in the pack
PACK_BYTES = 30_000_000
COLOURS = 900  # of a cut-out at 64 x 64, from which on it is a photograph, and no drawing without shades
SECONDS = 900  # for a download


@dataclass(frozen=True)
class Package:
    """part: backgrounds or cutouts; photographs: a pattern of its files; excluded: patterns of those that are none."""

    name: str
    part: str
    photographs: str
    excluded: tuple[str, ...] = ()


KDE = (
    *("BytheWater", "ColdRipple", "ColorfulCups", "DarkestHour", "EveningGlow", "FallenLeaf", "Grey", "Kite"),
    *("OneStandsOut", "Path", "summer_1am"),
)
# Shaded drawings, seen by eye. No threshold on pixels tells them from smooth photographs: that on the share of equal
# neighbours, the best of those tried, finds 11 of these 30 and takes 3 photographs with them.
DRAWN = (
    *("*/cartoon/*", "*/easter/*", "*/christmas/Santa*", "*/clothes/button*", "*/planets/0_sun*"),
    *("*/roadsigns/give_way*", "*/roadsigns/toilets*", "*/roadsigns/xing_*"),
)
PACKAGES = (
    Package(
        "lomiri-wallpapers-16.04", "backgrounds", "usr/share/backgrounds/*_by_*.jpg", ("*/analogpattern*", "*/umang*")
    ),
    Package("lomiri-wallpapers-20.04", "backgrounds", "usr/share/backgrounds/Kleiber_by_*.jpg"),
    Package("mate-backgrounds", "backgrounds", "usr/share/backgrounds/mate/nature/*.jpg"),
    *(
        Package(
            "plasma-workspace-wallpapers", "backgrounds", f"usr/share/wallpapers/{name}/contents/images/2560x1600.*"
        )
        for name in KDE
    ),
    Package("tuxpaint-stamps-default", "cutouts", "usr/share/tuxpaint/stamps/*.png", DRAWN),
)


def gather(out: Path, tick: Tick) -> dict[str, int]:
    """Fill a folder with backgrounds/, cutouts/, their credits and a pack; how many of each there are."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise DataError(
                f"{tool} is not on this machine; put photos of your own into {out}/backgrounds, and cut-outs (RGBA)"
                f" into {out}/cutouts"
            )
    names = list(dict.fromkeys(package.name for package in PACKAGES))
    credits: dict[str, tuple[str, ...]] = {}  # by file; of two that are called the same the second is kept
    for done, name in enumerate(names):
        tick(f"downloading {name}", done, len(names) + 1)
        with tempfile.TemporaryDirectory(prefix="pairzoo-photos-") as scratch:
            root = _unpacked(name, Path(scratch))
            for file, part in _photographs(root, name):
                if kept := _kept(file, part, out):
                    credits[kept] = (name, *credit(root, name, file))
    tick("packing", len(names), len(names) + 1)
    table = io.StringIO()
    rows = [(file, *about) for file, about in sorted(credits.items())]
    csv.writer(table, lineterminator="\n").writerows([("file", "package", "author", "licence"), *rows])
    write_text(out / CREDITS, table.getvalue())
    _pack(out)
    tick("done", len(names) + 1, len(names) + 1)
    return {part: sum(file.startswith(part) for file in credits) for part in LONGEST}


def _unpacked(name: str, scratch: Path) -> Path:
    """A package's files, in a folder of their own."""
    root = scratch / name
    root.mkdir()
    _called(name, root, "apt-get", "download", "-q", name)
    _called(name, root, "dpkg-deb", "-x", str(next(root.glob("*.deb"))), "files")
    return root / "files"


def _called(name: str, folder: Path, *command: str) -> None:
    try:
        subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        why = next((line for line in reversed(said) if line.startswith("E:")), said[-1] if said else "no reason")
        raise DataError(f"{command[0]} {command[1]} of {name} failed: {why[:200]}; try `apt-get update`") from None


def _photographs(root: Path, name: str) -> Iterator[tuple[Path, str]]:
    """Files of a package that are photographs, and which part they are for."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    for package in (each for each in PACKAGES if each.name == name):
        for file in files:
            place = file.relative_to(root).as_posix()
            is_drawn = any(fnmatchcase(place, pattern) for pattern in package.excluded)
            if fnmatchcase(place, package.photographs) and not is_drawn:
                yield file, package.part


def _kept(file: Path, part: str, out: Path) -> str | None:
    """The name under which a photograph lies in the folder now; None for a drawing, and for what cannot be read."""
    try:
        image = open_image(file.read_bytes(), file.name)
    except DataError:
        return None
    if part == "cutouts":
        image = image.convert("RGBA")
        pixels = np.asarray(image.resize((64, 64), Image.Resampling.NEAREST)).reshape(-1, 4)
        is_cut = pixels[:, 3].min() == 0 < pixels[:, 3].max()
        if not is_cut or len(np.unique(pixels[pixels[:, 3] > 0], axis=0)) < COLOURS:
            return None
    stem = file.parents[2].name if file.parent.name == "images" else file.stem  # KDE's are named by their folder
    name = f"{part}/{file.parent.name}_{stem}.png" if part == "cutouts" else f"{part}/{stem}.jpg"
    (out / part).mkdir(parents=True, exist_ok=True)
    write_bytes(out / name, _encoded(image, LONGEST[part]))
    return name


def _encoded(image: Image.Image, longest: int) -> bytes:
    """A JPEG file, or a PNG where it is transparent, of at most so many pixels a side."""
    image = image if image.mode == "RGBA" else image.convert("RGB")
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "PNG" if image.mode == "RGBA" else "JPEG", quality=92)
    return buffer.getvalue()


def credit(root: Path, name: str, file: Path) -> tuple[str, str]:
    """Author and licence, as a file beside the photo says, else the package's copyright file (Debian's format 1.0)."""
    with suppress(OSError, ValueError, KeyError, IndexError):
        about = json.loads((file.parents[2] / "metadata.json").read_text("utf-8"))["KPlugin"]
        return about["Authors"][0]["Name"], about["License"]
    text = (root / f"usr/share/doc/{name}/copyright").read_text("utf-8", errors="replace")
    author, licence = "", ""
    for paragraph in text.split("\n\n"):
        fields, key = dict[str, str](), ""
        for line in paragraph.splitlines():
            if line[:1].isspace():
                fields[key] = f"{fields.get(key, '')} {line.strip()}"
            else:
                key, _, value = line.partition(":")
                fields[key] = value.strip()
        patterns = fields.get("Files", "").split()
        if any(fnmatchcase(file.name, Path(pattern).name) for pattern in patterns if not pattern.startswith("debian/")):
            author, licence = fields.get("Copyright", "").strip(), fields.get("License", "").strip()
    return author, licence.split(" ")[0]


def _pack(out: Path) -> None:
    """A zip of smaller copies with their credits, for machines without network; at most PACK_BYTES."""
    share = 1.0
    while True:
        with replacing(out / PACK) as draft:
            with zipfile.ZipFile(draft, "w") as pack:
                pack.write(out / CREDITS, CREDITS)
                for part, longest in PACKED.items():
                    for path in sorted((out / part).iterdir()):
                        image = open_image(path.read_bytes(), path.name)
                        pack.writestr(f"{part}/{path.name}", _encoded(image, round(longest * share)))
            size = draft.stat().st_size
        if size <= PACK_BYTES:
            return
        share *= 0.9 * (PACK_BYTES / size) ** 0.5
