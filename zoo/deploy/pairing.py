"""Which photo has which plate."""

from dataclasses import dataclass
from pathlib import Path

from registry import listed
from zoo.data.dataset import DataError
from zoo.data.files.images import SUFFIXES
from zoo.data.files.naming import natural

SHOWN = 5  # names in one message


@dataclass(frozen=True)
class Pair:
    """A photo and its plate; None where the network takes none.

    >>> Pair(None, Path("photo.png")).photo.stem
    'photo'
    """

    bg: Path | None
    photo: Path


def pairs(bg: Path | None, photo: Path) -> tuple[list[Pair], list[str]]:
    """Every photo with its plate, and what had to be left out, a line each.

    bg: a file, which serves every photo, or a folder, whose file of the photo's name (without suffix) does.
    photo: a file, or a folder; folders inside it are not entered.

    >>> for name in ("desk.png", "photo.png"):
    ...     Path(name).touch()
    >>> found, left_out = pairs(Path("desk.png"), Path("photo.png"))
    >>> found[0].photo.name, left_out
    ('photo.png', [])
    """
    photos = _pictures(photo)
    if bg is None or not bg.is_dir():
        if bg is not None and not bg.exists():
            raise DataError(f"{bg}: no such file or folder")
        return [Pair(bg, path) for path in photos.values()], []
    plates = _pictures(bg)
    found = [Pair(plates[stem], path) for stem, path in photos.items() if stem in plates]
    lone = [path for stem, path in photos.items() if stem not in plates]
    if not found:
        theirs, own = (listed(list(names), SHOWN, ", ") for names in (plates, photos))
        raise DataError(
            f"no plate in {bg} has the name of a photo (plates: {theirs}; photos: {own}); give them the"
            " same names, or give one plate for all photos"
        )
    return found, [f"{path}: no plate with this name in {bg}" for path in lone]


def _pictures(path: Path) -> dict[str, Path]:
    """Stem -> file, in natural order."""
    if not path.is_dir():
        return {path.stem: path}
    found: dict[str, Path] = {}
    for file in sorted(path.iterdir(), key=lambda file: natural(file.name)):
        if file.suffix.lower() not in SUFFIXES or file.name.startswith(".") or not file.is_file():
            continue
        if file.stem in found:
            raise DataError(f"{file} and {found[file.stem].name} have one name; remove or rename one of them")
        found[file.stem] = file
    if not found:
        raise DataError(f"{path}: no images in it; accepted are files that end in {' '.join(SUFFIXES)}")
    return found
