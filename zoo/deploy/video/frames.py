"""Videos, cameras and folders of frames, read one frame after the other; and videos and folders, written so.

Videos need PyAV, the extra `video`. Sound is left out.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from registry import ZooError
from zoo.data.dataset import DataError
from zoo.data.files.images import SUFFIXES, TooLargeError, encode
from zoo.data.files.naming import natural
from zoo.deploy.inputs import read
from zoo.files import replacing, write_bytes

VIDEOS = (".mp4", ".mov", ".mkv", ".m4v", ".avi", ".webm")
WRITTEN = (".mp4", ".mov", ".mkv")
RATE = Fraction(25)  # frames a second, of a folder
QUALITY = "16"  # crf of x264: what a mask's edges need
CODECS = ("libx264", "libopenh264", "mpeg4")  # the first that PyAV was built with


@dataclass(frozen=True)
class Frame:
    """image: uint8 (3, h, w); at: seconds from the first, None where nobody knows; name: of the file, or the number."""

    image: Tensor
    at: Fraction | None
    name: str


@dataclass(frozen=True)
class Source:
    """Frames in their order; rate: a second; count: how many, 0 where nobody knows."""

    frames: Iterator[Frame]
    rate: Fraction
    count: int


class Sink(Protocol):
    def add(self, image: Tensor, frame: Frame) -> None: ...


@contextmanager
def opened(path: Path, max_pixels: int) -> Iterator[Source]:
    """A video file, a camera such as /dev/video0, or a folder of frames, by natural order of their names."""
    if path.is_dir():
        files = [file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")]
        if not files:
            raise DataError(f"{path}: no images in it; accepted are files that end in {' '.join(SUFFIXES)}")
        files.sort(key=lambda file: natural(file.name))
        yield Source((Frame(read(f, max_pixels=max_pixels), None, f.stem) for f in files), RATE, len(files))
        return
    is_camera = _is_camera(path)
    av = library()
    with ExitStack() as stack:
        try:
            how: dict[str, Any] = {"format": "v4l2"} if is_camera else {}
            container = stack.enter_context(av.open(str(path), **how))
            stream = container.streams.video[0]
        except (av.FFmpegError, IndexError, OSError) as error:
            raise DataError(f"{path}: no video that can be read ({error})") from None
        if stream.width * stream.height > max_pixels:
            raise TooLargeError(
                f"{path}: frames of {stream.width:,} x {stream.height:,} pixels are too many; at most {max_pixels:,}"
                " are read; --max-pixels N reads more"
            )
        stream.thread_type = "AUTO"
        rate = stream.average_rate or stream.base_rate or RATE
        count = stream.frames or (int(float(stream.duration * stream.time_base) * rate) if stream.duration else 0)
        yield Source(_decoded(av, container, path), Fraction(rate), count)


def _is_camera(path: Path) -> bool:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if stat.S_ISCHR(mode) and path.name.startswith("video"):
        return True
    if not stat.S_ISREG(mode):
        raise DataError(f"{path}: a pipe, a device or the like; video files, /dev/videoN and folders are read")
    return False


def _decoded(av: ModuleType, container: Any, path: Path) -> Iterator[Frame]:
    number, first = 0, None
    try:
        for frame in container.decode(video=0):
            array = frame.to_ndarray(format="rgb24")
            turns = round(-(getattr(frame, "rotation", 0) or 0) / 90) % 4
            array = np.rot90(array, -turns) if turns else array
            at = None if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base
            first = at if first is None else first
            number += 1
            image = torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))
            yield Frame(image, None if at is None or first is None else at - first, f"{number:06}")
    except av.FFmpegError as error:
        if not number:
            raise DataError(f"{path}: damaged, or cut short ({error})") from None
        raise CutShortError(f"{path}: damaged after {number:,} frames ({error}); what came before is written") from None


class CutShortError(DataError):
    """A video that ends in damage."""


@contextmanager
def written(path: Path, rate: Fraction) -> Iterator[Sink]:
    """A video where the name ends in .mp4, .mov or .mkv, else a folder of PNG files.

    A video is finished whatever happens after its first frame, Ctrl-C too: what there is can be played.
    """
    if path.suffix.lower() not in WRITTEN:
        if path.suffix.lower() in VIDEOS:
            raise ZooError(f"{path}: videos are written as {', '.join(WRITTEN)}; or give a folder")
        path.mkdir(parents=True, exist_ok=True)
        yield Folder(path)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    stopped: BaseException | None = None
    with replacing(path) as draft:
        video = Video(draft, path.suffix[1:].lower(), rate)
        try:
            yield video
        except (KeyboardInterrupt, CutShortError) as error:
            if not video.count:
                raise
            stopped = error
        finally:
            video.close()
    if stopped is not None:
        raise stopped


@dataclass(frozen=True)
class Folder:
    folder: Path

    def add(self, image: Tensor, frame: Frame) -> None:
        write_bytes(self.folder / f"{frame.name}.png", encode(image), lasting=False)


class Video:
    """One stream, H.264 where it can be, as most players take it; odd sides are one pixel longer in it."""

    def __init__(self, draft: Path, kind: str, rate: Fraction):
        self.av = library()
        self.container = self.av.open(str(draft), "w", format={"mkv": "matroska"}.get(kind, kind))
        self.rate, self.count, self.last = rate, 0, -1
        self.stream: Any = None
        self.base = Fraction(1, 90_000)

    def add(self, image: Tensor, frame: Frame) -> None:
        h, w = image.shape[-2:]
        array = image.expand(3, -1, -1).permute(1, 2, 0).numpy()
        array = np.pad(array, ((0, h % 2), (0, w % 2), (0, 0)), mode="edge")
        if self.stream is None:
            self.stream = self._begun(*array.shape[:2])
        picture = self.av.VideoFrame.from_ndarray(np.ascontiguousarray(array), format="rgb24")
        at = Fraction(self.count) / self.rate if frame.at is None else frame.at
        self.last = max(int(at / self.base), self.last + 1)
        picture.pts, picture.time_base = self.last, self.base
        self.container.mux(self.stream.encode(picture))
        self.count += 1

    def _begun(self, h: int, w: int) -> Any:
        codec = next(name for name in CODECS if name in self.av.codecs_available)
        options = {"crf": QUALITY, "preset": "veryfast"} if codec == "libx264" else {}
        stream = self.container.add_stream(codec, rate=self.rate, options=options)
        stream.width, stream.height, stream.pix_fmt = w, h, "yuv420p"
        stream.codec_context.time_base = self.base
        return stream

    def close(self) -> None:
        try:
            if self.stream is not None:
                self.container.mux(self.stream.encode(None))
        finally:
            self.container.close()


def library() -> ModuleType:
    try:
        import av
    except ImportError:
        raise ZooError(
            "videos need PyAV; install it with: pip install 'pairzoo[video]', or give a folder of frames"
        ) from None
    return av
