"""The files of a folder or of a zip, by relative names with / between the parts; a zip is read without unpacking.

A store keeps no file open, so that it may be forked and pickled.
"""

import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from os import PathLike
from pathlib import Path

import numpy as np

from registry.vocabulary import LARGEST_PHOTO
from zoo.data.dataset import DataError
from zoo.data.files.images import BYTES, SUFFIXES, TooLargeError

HEADER = 30  # bytes of a zip's local header before the name; the lengths of name and extra field stand at its end
BIGGEST = BYTES * LARGEST_PHOTO  # bytes of a file; a hostile zip may claim anything
ENCRYPTED = 0x1  # of a member's flags


@dataclass(frozen=True)
class Named:
    """What folders and zips share."""

    path: str

    def label(self, name: str) -> str:
        """The name as messages show it."""
        return f"{self.path}/{name}"


class Folder(Named):
    """Loose files."""

    def names(self, under: str = "") -> Iterator[str]:
        """Every file below a folder, hidden ones left out, in any order."""
        root = Path(self.path)
        if not (root / under).is_dir():
            return
        for folder, folders, files in os.walk(root / under, onerror=_refuse, followlinks=True):
            folders[:] = [name for name in folders if not name.startswith(".")]
            inside = Path(folder).relative_to(root).as_posix()
            yield from (name if inside == "." else f"{inside}/{name}" for name in files if not name.startswith("."))

    def folders(self) -> list[str]:
        return sorted(path.name for path in Path(self.path).iterdir() if path.is_dir() and path.name[0] != ".")

    def read(self, name: str) -> bytes:
        return read_file(self.label(inside(name, self.path)))

    def __contains__(self, name: str) -> bool:
        return (Path(self.path) / inside(name, self.path)).is_file()


@dataclass(frozen=True)
class Zip(Named):
    """The members of a zip, stored or deflated."""

    state: tuple[int, int]  # when it was changed, and its size

    def names(self, under: str = "") -> Iterator[str]:
        return (name for name in _index(self)[0] if name.startswith(f"{under}/" if under else ""))

    def folders(self) -> list[str]:
        return sorted({name.split("/")[0] for name in _index(self)[0] if "/" in name})

    def read(self, name: str) -> bytes:
        rows, members = _index(self)
        if name not in rows:
            raise DataError(f"{self.label(name)}: no such member")
        offset, packed, size, crc, method, flags = map(int, members[rows[name]])
        if flags & ENCRYPTED or method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or max(size, packed) > BIGGEST:
            why = "encrypted" if flags & ENCRYPTED else f"method {method}, {max(size, packed):,} bytes"
            raise DataError(
                f"{self.label(name)}: {why}; stored and deflated members of up to {BIGGEST:,} bytes are read"
            )
        try:
            with open(self.path, "rb") as file:
                file.seek(offset)
                header = file.read(HEADER)
                lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
                file.seek(lengths, os.SEEK_CUR)
                data = file.read(packed)
            if method == zipfile.ZIP_DEFLATED:
                data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, size + 1)
        except (OSError, zlib.error) as error:
            raise DataError(f"{self.label(name)}: {error}") from None
        if len(data) != size or zlib.crc32(data) != crc:
            raise DataError(f"{self.label(name)}: damaged or cut short inside the zip")
        return data

    def __contains__(self, name: str) -> bool:
        return name in _index(self)[0]


@cache  # per process, since the list may be long
def _index(store: Zip) -> tuple[dict[str, int], np.ndarray]:
    """Name -> row, and the rows: offset, packed size, size, checksum, method, flags. 48 bytes a member."""
    try:
        with zipfile.ZipFile(store.path) as file:
            infos = [info for info in file.infolist() if not info.filename or not info.is_dir()]
        infos = [info for info in infos if not _hidden(inside(info.filename, store.path))]
        facts = [
            (info.header_offset, info.compress_size, info.file_size, info.CRC, info.compress_type, info.flag_bits)
            for info in infos
        ]
        members = np.array(facts, np.int64).reshape(-1, 6)
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError, OverflowError) as error:
        raise DataError(f"{store.path}: no readable zip ({error})") from None
    rows = {info.filename: row for row, info in enumerate(infos)}
    if len(rows) != len(infos):
        twice = next(info.filename for row, info in enumerate(infos) if rows[info.filename] != row)
        raise DataError(f"{store.path}: holds {twice} more than once; pack it again")
    return rows, members


Store = Folder | Zip


def read_file(path: str | PathLike[str], most: int = BIGGEST) -> bytes:
    """What is in a regular file of at most so many bytes: pipes and devices may have no end."""
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):  # a folder is refused as it is opened
            raise DataError(f"{path}: not a regular file; pipes and devices are not read")
        if found.st_size > most:
            raise TooLargeError(f"{path}: {found.st_size:,} bytes are too many; at most {most:,} are read")
        with open(path, "rb") as file:
            return file.read(most)
    except (OSError, ValueError) as error:  # a ValueError where no file can have such a name
        raise DataError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def images(store: Store, under: str = "") -> list[str]:
    """The files below a folder whose names say that they are pictures."""
    return [name for name in store.names(under) if name.lower().endswith(SUFFIXES)]


def folder_of_images(folder: str) -> tuple[Folder, list[str]]:
    """A folder and the images in it; an error where there is none."""
    if not os.path.isdir(folder):
        raise DataError(f"{folder}: no such folder; give a folder of images")
    store = Folder(folder)
    names = images(store)
    if not names:
        raise DataError(f"{folder}: no images in it; accepted are files that end in {' '.join(SUFFIXES)}")
    return store, names


def open_store(path: str) -> Store:
    """The files at a path."""
    if os.path.isdir(path):
        return Folder(path)
    try:
        stat = os.stat(path)
    except (OSError, ValueError):  # a ValueError where no file can have such a name
        raise DataError(f"{path}: no such folder or zip") from None
    return Zip(path, (stat.st_mtime_ns, stat.st_size))


def inside(name: str, where: str) -> str:
    """The name, unless it would lead out of the folder or zip it belongs to."""
    if leads_out(name):
        raise DataError(f"{where}: the path {name!r} leads out of it; such files are not read")
    return name


def leads_out(name: str) -> bool:
    """Whether a relative name is none: it is absolute, or goes up."""
    parts = name.replace("\\", "/").split("/")
    return not parts[0] or parts[0].endswith(":") or ".." in parts  # a Windows drive ends with a colon


def _refuse(error: OSError) -> None:
    raise DataError(f"{error.filename}: {error.strerror}") from None


def _hidden(name: str) -> bool:
    return name.startswith("__MACOSX/") or any(part.startswith(".") for part in name.split("/"))
