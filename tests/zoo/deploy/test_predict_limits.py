"""What is refused before it is read or computed: files without end, pictures that are too large, no memory."""

import os
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import zoo
from zoo.__main__ import main
from zoo.data import DataError
from zoo.data.files.archive import BIGGEST, open_store, read_file
from zoo.data.files.images import open_image
from zoo.deploy import memory, predict, read

GB = 10**9


def png(width: int, height: int) -> bytes:
    """The beginning of a PNG of a size, whose pixels are not there."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [header, b"IDAT"]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks
    )


@pytest.mark.parametrize("kind", ["device", "pipe", "sparse"])
def test_files_without_end_are_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "big.jpg"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "sparse":
        with path.open("wb") as file:
            file.truncate(30 * GB)
    path = Path("/dev/zero") if kind == "device" else path
    message = r"30,000,000,000 bytes are too many; at most 268,435,456" if kind == "sparse" else "not a regular file"
    with pytest.raises(DataError, match=message):
        read_file(path)
    with pytest.raises(DataError, match=message):
        predict(zoo.build("frame_difference"), path, np.zeros((16, 16, 3), np.uint8))


def test_a_large_member_of_a_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("a.png", b"")
        info = zipfile.ZipInfo("fg_bg/b.png")
        archive.writestr(info, b"")
        info.file_size = BIGGEST + 1  # as the directory at its end says it
    with pytest.raises(DataError, match=r"268,435,457 bytes; stored and deflated members of up to 268,435,456"):
        open_store(str(path)).read("fg_bg/b.png")


@pytest.mark.parametrize("side", [9000, 100_000])
def test_a_header_of_too_many_pixels_is_refused_by_our_limit(tmp_path: Path, side: int) -> None:
    path = tmp_path / "wide.png"
    path.write_bytes(png(side, side))
    remedy = r"zoo\.deploy\.read\(PHOTO, max_pixels=N\), or --max-pixels N, reads more"
    with pytest.raises(DataError, match=rf"pixels(.*) at most 67,108,864 are read\. {remedy}"):
        predict(zoo.build("frame_difference"), path, path)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_the_limit_of_pixels_can_be_widened_and_narrowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)  # Pillow refuses twice as many
    path = tmp_path / "photo.png"
    Image.new("RGB", (24, 16)).save(path)
    net = zoo.build("frame_difference")
    with pytest.raises(DataError, match=r"24 x 16 pixels are too many; at most 383 are read"):
        read(path, max_pixels=383)
    assert predict(net, *[read(path, max_pixels=384)] * 2).photo.shape == (3, 16, 24)
    assert Image.MAX_IMAGE_PIXELS == 50
    image = Image.new("RGB", (24, 16))
    with pytest.raises(DataError, match="the photo: 24 x 16 pixels are too many"):
        read(image, max_pixels=383)
    zoo.save(net, tmp_path / "w.safetensors")
    command = ["predict", str(path), str(path), "--weights", str(tmp_path / "w.safetensors"), "--device", "cpu"]
    assert main([*command, "--out", str(tmp_path / "few"), "--max-pixels", "383"]) == 2
    assert main([*command, "--out", str(tmp_path / "all"), "--max-pixels", "384"]) == 0


def test_what_a_network_takes_is_reckoned_in_proportion_and_leaves_it_as_it_is() -> None:
    net = zoo.build("unet(width=2, depth=3)")
    before = {name: value.clone() for name, value in net.state_dict().items()}
    one, four = (memory.needed(net, (side, side)) or 0 for side in (64, 128))
    assert four == pytest.approx(4 * one, rel=0.01)
    assert one > 64 * 64 * 4 * (6 + 2 * 2)  # its images and the first features at least
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert memory.needed(torch.compile(net), (64, 64)) == one
    assert memory.needed(torch.nn.Identity(), (64, 64)) is None


def test_more_than_is_free_is_refused_before_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(memory, "SMALL", 100)
    monkeypatch.setattr(memory, "at_hand", lambda: 10_000)
    path = tmp_path / "photo.png"
    Image.new("RGB", (24, 16)).save(path)
    net = zoo.build("frame_difference")
    zoo.save(net, tmp_path / "w.safetensors")
    takes = memory.needed(net, (16, 24)) or 0
    assert takes > 10_000
    with pytest.raises(zoo.contract.InputError, match=r"16 x 24 pixels take about 1 MB .* give a size"):
        predict(net, path, path, size=None)
    assert predict(net, path, path, size=8).photo.shape == (3, 16, 24)
    command = ["predict", str(path), str(path), "--weights", str(tmp_path / "w.safetensors"), "--device", "cpu"]
    assert main([*command, "--out", str(tmp_path / "out"), "--size", "photo"]) == 1
    told = capsys.readouterr().err
    assert "note: the largest photo, 16 x 24, takes about 1 MB of memory\n" in told
    assert "left out:" in told


def test_a_picture_of_the_data_has_the_same_limit() -> None:
    with pytest.raises(DataError, match=r"x\.png: 9,000 x 9,000 pixels are too many; at most 67,108,864 are read$"):
        open_image(png(9000, 9000), "x.png")
