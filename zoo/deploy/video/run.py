"""A whole video: frames are read in one thread, understood in another, and written as they come."""

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from registry import OptionError, ZooError
from registry.vocabulary import LARGEST_PHOTO, PortablePrecision
from zoo.contract import InputError, Interface
from zoo.data.files.images import resize, to_bytes
from zoo.deploy.answer import interface
from zoo.deploy.colours import coloured
from zoo.deploy.inputs import fitted, read, same_size
from zoo.deploy.outputs import require_probability
from zoo.deploy.predict import Size, checked
from zoo.deploy.tiling.plates import unit
from zoo.deploy.tiling.rows import fitting
from zoo.deploy.video.following import Following
from zoo.deploy.video.frames import CutShortError, Frame, opened, written
from zoo.progress import Pace, Tick, duration

AHEAD = 4  # frames that are read before they are asked for
SIDE = 512  # pixels of a square that the network gets as many of, where nobody knows the size of its training


@dataclass(frozen=True)
class VideoSettings:
    """size, resize_plate, precision, max_pixels: as `zoo.predict` and `zoo.deploy.read` take them, but for tiles.

    over: a picture, or None for the mask alone as the video. smooth: the mask keeps to that of the frame before where
    the photo did not change. update_plate: the plate learns from the frames where nothing stands.
    """

    size: Size = "trained"
    resize_plate: bool = False
    precision: PortablePrecision = "fp32"
    max_pixels: int = LARGEST_PHOTO
    over: Path | None = None
    smooth: bool = True
    update_plate: bool = False
    threshold: float = 0.0  # probabilities below it are 0 in the composite

    def __post_init__(self) -> None:
        checked(self.size, self.precision)
        require_probability("threshold", self.threshold)
        if self.size == "tiles":
            raise OptionError("size='tiles' is not accepted for a video; give a size, or leave it away")


@dataclass(frozen=True)
class VideoReport:
    """flicker: the mean change of the mask where the photo did not change, before and after smoothing; stopped: whether
    the video was ended by Ctrl-C or by damage, and why."""

    frames: int
    seconds: float
    flicker: tuple[float, float]
    stopped: str = ""


def predict_video(
    model: nn.Module,
    video: Path,
    plate: Path | None,
    out: Path,
    settings: VideoSettings,
    *,
    overwrite: bool = False,
    tick: Tick = lambda *_: None,
) -> VideoReport:
    """The mask of each frame, or the object over another picture, as a video or a folder of frames.

    video: a file, a camera such as /dev/video0, or a folder of frames. A network without masks gives its depth.
    """
    _check_out(video, out, overwrite)
    start, count, stopped = time.monotonic(), 0, ""
    with opened(video, settings.max_pixels) as source:
        following: Following | None = None
        show = Showing(settings)
        try:
            with written(out, source.rate) as sink:
                pace = Pace()
                for frame in _ahead(source.frames):
                    seen = fitted(frame.image, interface(model).image_ch, str(video))
                    size = work_size(model, settings.size, (seen.shape[-2], seen.shape[-1]))
                    if following is None:
                        following = _begun(model, plate, seen, size, settings)
                    found = following(unit(resize(seen, size)).float())
                    sink.add(show(frame, found.mask, found.depth), frame)
                    count += 1
                    tick(_label(count, source.count, pace.at(count)), count, max(source.count, count))
        except (KeyboardInterrupt, CutShortError) as error:
            if not count:
                raise
            stopped = str(error) or "stopped by Ctrl-C"
    if following is None:
        raise InputError(f"{video}: no frame in it")
    return VideoReport(count, time.monotonic() - start, (following.raw.mean, following.smoothed.mean), stopped)


def work_size(model: nn.Module, size: Size, photo: tuple[int, int]) -> tuple[int, int]:
    """The size at which the network works, for all frames."""
    if size == "trained":
        trained_at: tuple[int, int] | None = getattr(model, "trained_at", None)
        return trained_at or fitting(photo, (SIDE, SIDE))
    wanted = checked(size, "fp32")
    return photo if wanted is None else wanted


def _begun(model: nn.Module, path: Path | None, photo: Tensor, size: tuple[int, int], how: VideoSettings) -> Following:
    """With the plate, which must fit the first frame."""
    face: Interface = interface(model)
    plate = None
    if face.plate:
        if path is None:
            raise InputError("this network compares each frame with the plate; give --plate PHOTO of the empty scene")
        plate = fitted(read(path, "the plate", max_pixels=how.max_pixels), face.image_ch, str(path))
        plate = same_size(plate, photo, (str(path), "the video"), resize_plate=how.resize_plate)
        plate = unit(resize(plate, size)).float()
    return Following(model, plate, precision=how.precision, smooth=how.smooth, update=how.update_plate)


@dataclass
class Showing:
    """What is shown of a frame: its mask, the object over a picture, or the depth."""

    settings: VideoSettings
    background: Tensor | None = None

    def __call__(self, frame: Frame, mask: Tensor | None, depth: Tensor | None) -> Tensor:
        """uint8 (1 or 3, h, w)."""
        size = frame.image.shape[-2], frame.image.shape[-1]
        if mask is None:
            if depth is None:
                raise ZooError("this network gives neither a mask nor a depth")
            return coloured(_at(depth, size))
        alpha = _at(mask, size)
        if self.settings.over is None:
            return to_bytes(alpha)
        if self.background is None:
            self.background = covering(read(self.settings.over, max_pixels=self.settings.max_pixels), size).float()
        alpha = alpha * (alpha >= self.settings.threshold)
        return (self.background + alpha * (frame.image - self.background)).round().clamp(0, 255).byte()


def covering(image: Tensor, size: tuple[int, int]) -> Tensor:
    """The middle of a picture (c, h, w), as large as it can be in the shape of a size, resized to it."""
    (h, w), (to_h, to_w) = image.shape[-2:], size
    part = min(h / to_h, w / to_w)
    rows, columns = max(1, round(to_h * part)), max(1, round(to_w * part))
    top, left = (h - rows) // 2, (w - columns) // 2
    return resize(image[:, top : top + rows, left : left + columns].contiguous(), size)


def _at(values: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(values.shape[-2:]) == size:
        return values
    return F.interpolate(values[None], size, mode="bilinear", align_corners=False)[0]


def _label(done: int, count: int, rate: float) -> str:
    if count < done:  # nobody knows
        return f"frame {done:,}, {rate:.2g}/s"
    return f"frame {done:,} of {count:,}, {rate:.2g}/s, {duration((count - done) / rate)} left"


def _check_out(video: Path, out: Path, overwrite: bool) -> None:
    if out.resolve() == video.resolve():
        raise ZooError(f"{out} is the video itself; give another --out")
    if out.exists() and not overwrite and (out.is_file() or any(out.iterdir())):
        raise ZooError(f"{out}: already exists; allow overwrite (--overwrite), or give another --out")


def _ahead(frames: Iterator[Frame]) -> Iterator[Frame]:
    """The same, read in a thread of their own, a few at a time."""
    waiting: queue.Queue[Frame | BaseException | None] = queue.Queue(AHEAD)
    is_over = threading.Event()

    def put(item: Frame | BaseException | None) -> bool:
        while not is_over.is_set():
            try:
                waiting.put(item, timeout=0.2)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for frame in frames:
                if not put(frame):
                    return
            put(None)
        except BaseException as error:  # told where it is waited for
            put(error)

    reader = threading.Thread(target=work, daemon=True)
    reader.start()
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        is_over.set()
        reader.join()
