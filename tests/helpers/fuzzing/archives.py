"""Zips of a data set: methods, names, sizes that a directory claims, members that unpack to a gigabyte, damage."""

import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

import zoo
from fuzzing.case import Case
from fuzzing.changes import NUMBERS, RARELY, damaged
from fuzzing.reading import read_all
from fuzzing.whole import pair_folder, zipped
from registry.vocabulary import SPLITS

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
NAMES = (
    *(
        "../out.png",
        "/etc/out.png",
        "C:/out.png",
        "bg\\out.png",
        "bg/../../out.png",
        "fg_bg/img_0001.png",
        "bg/",
        "bg//x.png",
    ),
    *(
        "__MACOSX/bg/x.png",
        ".hidden",
        "fg_bg/img_0001.jpg",
        "bg/" + "n" * 300 + ".png",
        "fg_bg/img_99999999999999999999.png",
    ),
    *("fg_bg/img_٣.png", "bg/x\0.png", "fg_bg/²³.png", "\udcff.png", ""),
)
ENTRY = b"PK\x01\x02"  # of the central directory
FIELDS = {
    "flags": (8, "<H"),
    "method": (10, "<H"),
    "crc": (16, "<I"),
    "packed": (20, "<I"),
    "size": (24, "<I"),
    "at": (42, "<I"),
}
GIGABYTE = 1 << 30
MEGABYTE = bytes(1 << 20)


@st.composite
def zips(draw: Callable[..., Any]) -> bytes:
    """A zip of the data set, some of whose names or members are others."""
    files: list[tuple[str, bytes]] = list(pair_folder().items())
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from(NAMES) | st.text(max_size=8).map("fg_bg/{}.png".format))
        if draw(st.booleans()):
            files.append((name, files[0][1]))
        else:
            files[draw(st.integers(0, len(files) - 1))] = (name, files[0][1])
    if draw(st.booleans()):
        files[draw(st.integers(0, len(files) - 1))] = (
            draw(st.sampled_from(sorted(pair_folder()))),
            draw(st.binary(max_size=30)),
        )
    prefix, method = draw(st.sampled_from(("", "", "data/", "fg_bg/"))), draw(st.sampled_from(METHODS))
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", method) as archive:
        warnings.simplefilter("ignore")  # of a name that comes twice
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(_writable(prefix + name)), content, method)
    return buffer.getvalue()


@st.composite
def lying(draw: Callable[..., Any]) -> bytes:
    """A zip whose directory claims something else of a member."""
    data = bytearray(draw(st.sampled_from((zipped(), zipped(zipfile.ZIP_DEFLATED)))))
    starts = [at for at in range(len(data)) if data[at : at + 4] == ENTRY]
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.sampled_from(starts))
        offset, form = FIELDS[draw(st.sampled_from(sorted(FIELDS)))]
        struct.pack_into(form, data, at + offset, draw(st.sampled_from(NUMBERS)) % (1 << 8 * struct.calcsize(form)))
    return bytes(data)


@st.composite
def cases(draw: Callable[..., Any]) -> Case:
    kind = draw(st.sampled_from(("zip", "zip", "lying", "damaged", "damaged")))
    if draw(RARELY):
        kind = "bomb"
    if kind == "damaged":
        data = draw(damaged(draw(st.sampled_from((zipped(), zipped(zipfile.ZIP_DEFLATED))))))
    elif kind == "bomb":
        data = bomb(draw(st.sampled_from(("bg/bg_001.png", "fg_bg/img_0001.png", "splits.json"))))
    else:
        data = draw({"zip": zips(), "lying": lying()}[kind])
    return Case({"data.zip": data}, (draw(st.sampled_from(SPLITS)), draw(st.sampled_from(("raise", "skip")))))


def run(folder: Path, split: str, on_error: str) -> None:
    given: Any = {"split": split, "on_error": on_error}
    read_all(zoo.data.load(str(folder / "data.zip"), **given))


@cache
def bomb(name: str) -> bytes:
    """A zip of a megabyte, one of whose members is a gigabyte of zeros."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    once = packer.compress(MEGABYTE) + packer.flush(zlib.Z_FULL_FLUSH)  # such blocks may follow each other
    end = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS).flush()
    packed, crc = once * (GIGABYTE // len(MEGABYTE)) + end, 0
    for _ in range(GIGABYTE // len(MEGABYTE)):
        crc = zlib.crc32(MEGABYTE, crc)
    return _spliced(name, packed, crc)


def _spliced(name: str, packed: bytes, crc: int) -> bytes:
    """The data set with a member that is packed already."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for other, content in pair_folder().items():
            if other != name:
                archive.writestr(zipfile.ZipInfo(other), content)
        info = zipfile.ZipInfo(name)
        info.compress_type, info.CRC, info.compress_size, info.file_size = (
            zipfile.ZIP_DEFLATED,
            crc,
            len(packed),
            GIGABYTE,
        )
        info.header_offset = archive.start_dir
        buffer.seek(archive.start_dir)
        buffer.write(info.FileHeader() + packed)
        archive.start_dir = buffer.tell()
        archive.filelist.append(info)
        archive.NameToInfo[name] = info
    return buffer.getvalue()


def _writable(name: str) -> str:
    return name.encode(errors="replace").decode()
