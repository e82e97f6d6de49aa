"""Shards: samples in uncompressed tar files, in WebDataset's naming, and beside them what makes them readable by index.

    train-000000.tar            KEY.bg.jpg KEY.fg_bg.jpg KEY.mask.png KEY.depth.png KEY.json, then the next sample;
                                KEY.valid.png where something is not known, KEY.valid_mask.png and KEY.valid_depth.png
                                where that is not the same for both
    train-000000.offsets.json   where each sample starts, how many bytes there are, and their sha256
    train.index.json            the shards of the split; written last, so that without it they are unfinished

A sample lies in one piece, so that one read fetches it; names and sizes stand in its own tar headers.
"""

import contextlib
import hashlib
import json
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

from registry import is_count, listed, shown
from zoo.contract import TASKS
from zoo.data.dataset import DataError
from zoo.files import from_json, replacing, write_text

VERSION = 1
BLOCK = 512  # bytes; tar puts every header and every file's start on a multiple
END = bytes(2 * BLOCK)  # what a tar file ends with
NAME, SIZE, MAGIC = slice(0, 100), slice(124, 136), slice(257, 262)  # fields of a header (POSIX.1-1988, ustar)
SHOWN = 100  # characters of what is no shard
OCTAL = re.compile(rb"[0-7]+")
INDEX, OFFSETS = ".index.json", ".offsets.json"

Files = Mapping[str, bytes]  # "bg.jpg" -> what is in it


@dataclass(frozen=True)
class Shard:
    """One tar file."""

    name: str
    samples: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Index:
    """The shards of one split. source: what was packed, and how its files are to be read."""

    split: str
    shards: tuple[Shard, ...]
    source: Mapping[str, Any]

    @property
    def samples(self) -> int:
        return sum(shard.samples for shard in self.shards)


def shard_name(split: str, number: int) -> str:
    """The file of a shard."""
    return f"{split}-{number:06d}.tar"


def write_shard(path: Path, samples: Iterable[tuple[str, Files]]) -> Shard:
    """Write samples (key, files) as one shard with its offsets; whole or not at all."""
    digest, offsets = hashlib.sha256(), [0]
    with replacing(path) as draft, open(draft, "wb") as file:
        for key, files in samples:
            for suffix, content in files.items():
                for part in (_header(f"{key}.{suffix}", len(content)), content, bytes(-len(content) % BLOCK)):
                    file.write(part)
                    digest.update(part)
            offsets.append(file.tell())
        file.write(END)
        digest.update(END)
    shard = Shard(path.name, len(offsets) - 1, offsets[-1] + len(END), digest.hexdigest())
    write_text(offsets_file(path), json.dumps({"version": VERSION, **asdict(shard), "offsets": offsets}) + "\n")
    return shard


def read_files(sample: bytes, name: str) -> dict[str, bytes]:
    """The files of one sample, from its bytes in the shard: "bg.jpg" -> content."""
    files, at, key = {}, 0, None
    while at < len(sample):
        header = sample[at : at + BLOCK]
        member = header[NAME].rstrip(b"\0").decode("utf-8", "replace")
        stem, dot, suffix = member.partition(".")
        size = header[SIZE].rstrip(b" \0")
        start = at + BLOCK
        if header[MAGIC] != b"ustar" or not OCTAL.fullmatch(size) or not dot or key not in (None, stem):
            raise DataError(
                f"{name}: no sample where the offsets say there is one; the shard was altered; pack it again"
            )
        end = start + int(size, 8)
        if end > len(sample):
            raise DataError(f"{name}: {member} is cut short; the shard was altered; pack it again")
        files[suffix], key = sample[start:end], stem
        at = end + -end % BLOCK
    return files


def offsets_file(shard: Path) -> Path:
    """Where the offsets of a shard stand."""
    return shard.with_name(f"{shard.stem}{OFFSETS}")


def read_offsets(shard: Path) -> tuple[Shard, list[int]]:
    """What a shard holds, and where its samples start; the last number is where they end."""
    path = offsets_file(shard)
    with _reading(path) as content:
        found = _shard({name: content[name] for name in ("name", "samples", "bytes", "sha256")})
        offsets = content["offsets"]
        rises = all(map(is_count, offsets, repeat(0))) and offsets == sorted(offsets)
        fits = len(offsets) == found.samples + 1 and offsets[0] == 0 and offsets[-1] + len(END) == found.bytes
        if found.name != shard.name or not (rises and fits):
            raise ValueError(f"it is not what version {VERSION} writes for {shard.name}")
    return found, offsets


def finished(path: Path) -> Shard | None:
    """A shard that is whole and has its offsets; None while it is not."""
    if not path.exists() or not offsets_file(path).exists():
        return None
    shard, _ = read_offsets(path)
    return None if _wrong_size(path.parent, shard) else shard


def write_index(folder: Path, index: Index) -> None:
    """Declare a split finished."""
    content = {"version": VERSION, "split": index.split, "samples": index.samples, "source": index.source}
    shards = ",\n".join(json.dumps(asdict(shard)) for shard in index.shards)
    head = json.dumps(content, indent=1, ensure_ascii=False)[:-2]
    write_text(folder / f"{index.split}{INDEX}", f'{head},\n "shards": [\n{shards}\n]}}\n')


def read_index(path: Path) -> Index:
    """The index of a split."""
    with _reading(path) as content:
        index = Index(content["split"], tuple(map(_shard, content["shards"])), dict(content["source"]))
        if index.samples != content["samples"] or path.name != f"{index.split}{INDEX}":
            raise ValueError("its counts or its name do not fit what it lists")
        if not {*index.source.get("reading", {}).get("tasks", ())} <= {*TASKS}:
            raise ValueError(f"its tasks are others than {' and '.join(TASKS)}")
    return index


def _shard(found: Mapping[str, Any]) -> Shard:
    """What an index or offsets tell of a shard; a ValueError where no shard can be so."""
    shard = Shard(**found)
    is_name = isinstance(shard.name, str) and shard.name.isprintable() and Path(shard.name).name == shard.name
    if not is_name or not is_count(shard.samples, 0) or not is_count(shard.bytes, 0):
        raise ValueError(f"{str(found)[:SHOWN]} describes no shard")
    return shard


def check_sizes(folder: Path, index: Index) -> None:
    """Raise where a shard is missing or has another size than it was written with."""
    problems = [problem for shard in index.shards if (problem := _wrong_size(folder, shard))]
    if problems:
        raise DataError(f"{listed(problems)}. Copy the shards again, or pack them again")


def verify(folder: Path, index: Index) -> Iterator[tuple[Shard, str]]:
    """Every shard, read in full, and what is wrong with it: nothing, "" where it is as it was written."""
    for shard in index.shards:
        yield shard, _wrong_size(folder, shard) or _wrong_content(folder, shard)


def _wrong_size(folder: Path, shard: Shard) -> str:
    path = folder / shard.name
    try:
        size = path.stat().st_size
    except OSError as error:
        return f"{path}: {error.strerror}"
    return "" if size == shard.bytes else f"{path}: {size:,} bytes where {shard.bytes:,} were written"


def _wrong_content(folder: Path, shard: Shard) -> str:
    with open(folder / shard.name, "rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    if digest.hexdigest() != shard.sha256:
        return f"{folder / shard.name}: its bytes are not those that were written (sha256 differs)"
    try:
        described, _ = read_offsets(folder / shard.name)
    except DataError as error:
        return str(error)
    return "" if described == shard else f"{offsets_file(folder / shard.name)}: belongs to other shards than the index"


def _header(name: str, size: int) -> bytes:
    """A tar header without time, owner or anything else that differs from machine to machine."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.USTAR_FORMAT)


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[dict[str, Any]]:
    """What an index or its like says; whatever a damaged one may raise becomes one error that names it."""
    try:
        content = from_json(path.read_text(encoding="utf-8"))
        if content["version"] != VERSION:
            raise ValueError(f"version {shown(content['version'])} is not {VERSION}, which this pairzoo reads")
        yield content
    except FileNotFoundError:
        raise DataError(f"{path}: it is missing; copy the shards again, with all their files") from None
    except (ValueError, KeyError, TypeError, OSError, AttributeError, IndexError) as error:
        raise DataError(f"{path} cannot be read ({error}); copy it again, or pack the data again") from error
