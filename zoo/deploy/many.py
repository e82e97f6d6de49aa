"""One network over many photos: the next is read while one is worked on, and a failure stops no other."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor, nn

from registry import ZooError
from registry.vocabulary import LARGEST_PHOTO, PortablePrecision
from zoo.contract import Task
from zoo.data.dataset import DataError
from zoo.deploy.answer import interface
from zoo.deploy.inputs import Photo, read, same_size
from zoo.deploy.journal import FILE, Journal, look
from zoo.deploy.memory import size_of
from zoo.deploy.outputs import Predicted, files, preview_of, refuse_existing, require_probability
from zoo.deploy.pairing import Pair
from zoo.deploy.predict import Size, checked, parted, predict, seen_by, trained_tasks
from zoo.deploy.tiling.saving import save, save_preview
from zoo.files import sweep_of
from zoo.lock import locked
from zoo.model import fingerprint
from zoo.progress import Pace, Tick, duration

Item = TypeVar("Item")
Result = TypeVar("Result")
Images = tuple[Tensor | None, Tensor]  # plate and photo

IN_ROWS = 1 << 22  # pixels of a photo from which its maps are made and written in rows
ALONE = 1 << 24  # pixels of a photo from which the next one is not read meanwhile


@dataclass(frozen=True)
class PredictSettings:
    """How every photo is read and predicted, as `predict`, `read` and `Predicted.at` take it.

    size, resize_plate, precision: as in `predict`. threshold: the probability from which a pixel is object.
    max_pixels: of a photo.

    >>> PredictSettings(threshold=0.3).precision
    'fp32'
    """

    size: Size = "trained"
    resize_plate: bool = False
    precision: PortablePrecision = "fp32"
    threshold: float = 0.5
    max_pixels: int = LARGEST_PHOTO
    preview: bool = False  # a file of a quarter of the size first

    def __post_init__(self) -> None:
        checked(self.size, self.precision)
        require_probability("threshold", self.threshold)

    def predict(self, model: nn.Module, bg: Photo | None, fg_bg: Photo) -> Predicted:
        """What the network finds in one photo."""
        found = predict(model, bg, fg_bg, size=self.size, resize_plate=self.resize_plate, precision=self.precision)
        return found.at(self.threshold)

    def save(
        self,
        model: nn.Module,
        bg: Photo | None,
        fg_bg: Photo,
        out: tuple[Path, str],
        *,
        overwrite: bool,
        tick: Tick = lambda *_: None,
    ) -> tuple[Path, ...]:
        """The same in files, as `Predicted.save` writes them; of a large photo in rows. out: folder and stem."""
        photo, images = seen_by(interface(model), bg, fg_bg, self.resize_plate)
        parts, tasks = parted(model, images, self.size, self.precision, tick), trained_tasks(model)
        if not (parts.fine or self.preview or photo[0].numel() > IN_ROWS):
            return self.predict(model, bg, fg_bg).save(*out, overwrite=overwrite)
        first = preview_of(*out) if self.preview else ()
        refuse_existing(() if overwrite else first)
        for path in first:
            save_preview(photo, parts, path, threshold=self.threshold, tasks=tasks)
        return first + save(photo, parts, out, threshold=self.threshold, tasks=tasks, overwrite=overwrite)

    def files(self, folder: Path, stem: str, tasks: Sequence[Task]) -> list[Path]:
        """Every file that `save` may write."""
        return [*(preview_of(folder, stem) if self.preview else ()), *files(folder, stem, tasks)]


@dataclass(frozen=True)
class PredictReport:
    """What was written, and what could not be done, a line each."""

    files: tuple[Path, ...]
    photos: int
    failures: tuple[str, ...]
    seconds: float
    kept: int = 0  # of the photos: done before, with the same settings, and so not done again


def predict_many(
    model: nn.Module,
    pairs: Sequence[Pair],
    out: Path,
    settings: PredictSettings,
    *,
    overwrite: bool = False,
    resume: bool = False,
    tick: Tick = lambda *_: None,
) -> PredictReport:
    """Predict every pair, and save it in `out` under the photo's name.

    model: a network of the zoo.
    pairs: of photos and their plates.
    settings: how each is read and predicted.
    overwrite: as in `Predicted.save`.
    resume: go on with what was begun there.
    tick: called with what is done, how much of it is done, and how much there is.

    A photo that cannot be read or does not fit its plate is a line of the report. A plate that serves all photos is
    read once, and must be readable; so must `out` be writable. While there is more than one photo to do, no other
    process may do the same there.

    >>> from PIL import Image
    >>> from zoo import load
    >>> for name in ("plate.png", "photo.png"):
    ...     Image.new("RGB", (32, 24)).save(name)
    >>> one = Pair(Path("plate.png"), Path("photo.png"))
    >>> report = predict_many(load("frame_difference"), [one], Path("found"), PredictSettings())
    >>> report.photos, report.failures, len(report.files) > 0
    (1, (), True)
    """
    has_plate = bool(interface(model).plate)
    _prepare(out)
    wanted = {pair: settings.files(out, pair.photo.stem, trained_tasks(model)) for pair in pairs}
    plates = {pair.bg for pair in pairs if has_plate and pair.bg is not None}
    shared = {path: read(path, "bg", max_pixels=settings.max_pixels) for path in plates} if len(plates) == 1 else {}
    load = partial(_load, shared=shared, has_plate=has_plate, settings=settings)
    work = partial(_predict, partial(settings.save, model), load, out=out, tick=tick)
    if len(pairs) == 1 and not resume:
        sweep_of(wanted[pairs[0]])
        refuse_existing(() if overwrite else wanted[pairs[0]])
        return work(pairs, overwrite=overwrite)
    begun = _begun(model, settings)
    with locked(out):
        sweep_of([out / FILE, *(path for paths in wanted.values() for path in paths)])
        journal = Journal.read(out, begun) if resume else Journal(out / FILE, begun)
        left = [pair for pair in pairs if not _is_done(journal, pair, wanted[pair])]
        new = [pair for pair in left if pair.photo.name not in journal.photos]
        refuse_existing(() if overwrite else (path for pair in new for path in wanted[pair]))
        journal.begin([pair.photo.name for pair in pairs])
        report = work(left, overwrite=overwrite or resume, is_done=partial(_note, journal))
        if not report.failures:
            journal.path.unlink()
    return replace(report, photos=len(pairs) - len(report.failures), kept=len(pairs) - len(left))


def _begun(model: nn.Module, settings: PredictSettings) -> dict[str, Any]:
    """What the files depend on."""
    chosen = {name: value for name, value in asdict(settings).items() if name not in ("max_pixels", "preview")}
    network = f"{getattr(model, 'spec', '')} {fingerprint(model)}"
    return {**chosen, "network": network, "tasks": trained_tasks(model)}


def _is_done(journal: Journal, pair: Pair, wanted: Sequence[Path]) -> bool:
    return journal.done.get(pair.photo.name) == _made_from(pair) and all(path.exists() for path in wanted)


def _note(journal: Journal, pair: Pair) -> None:
    journal.add(pair.photo.name, _made_from(pair))


def _made_from(pair: Pair) -> list[list[int] | None]:
    return [look(pair.bg), look(pair.photo)]


def _predict(
    work: Callable[..., tuple[Path, ...]],
    load: Callable[[Pair], Images],
    pairs: Sequence[Pair],
    *,
    out: Path,
    tick: Tick,
    overwrite: bool,
    is_done: Callable[[Pair], None] = lambda pair: None,
) -> PredictReport:
    """Predict and save every pair; is_done is told of each whose files are written."""
    written: list[Path] = []
    failures: list[str] = []
    start, pace = time.monotonic(), Pace()
    tick(f"predicting {len(pairs):,} photos", 0, len(pairs))
    for done, (pair, coming) in enumerate(_ahead(load, pairs, _is_large), start=1):
        try:
            within = partial(_within, tick, pair.photo.name) if len(pairs) == 1 else lambda *_: None
            written += work(*coming.result(), (out, pair.photo.stem), overwrite=overwrite, tick=within)
            is_done(pair)
        except ZooError as error:
            failures.append(str(error) if str(pair.photo) in str(error) else f"{pair.photo}: {error}")
        rate = pace.at(done)
        left = duration((len(pairs) - done) / rate)
        tick(f"predicting {done:,} of {len(pairs):,}, {rate:.2g}/s, {left} left", done, len(pairs))
    return PredictReport(tuple(written), len(pairs) - len(failures), tuple(failures), time.monotonic() - start)


def _within(tick: Tick, name: str, label: str, done: float, total: float) -> None:
    """How far one photo is."""
    tick(f"predicting {name}, {label}", done, total)


def _load(pair: Pair, shared: Mapping[Path, Tensor], has_plate: bool, settings: PredictSettings) -> Images:
    """Plate and photo of a pair. shared: the plate of all pairs, read already."""
    photo = read(pair.photo, "fg_bg", max_pixels=settings.max_pixels)
    if not has_plate or pair.bg is None:
        return None, photo
    plate = shared[pair.bg] if shared else read(pair.bg, "bg", max_pixels=settings.max_pixels)
    return same_size(plate, photo, (str(pair.bg), str(pair.photo)), resize_plate=settings.resize_plate), photo


def _is_large(pair: Pair) -> bool:
    h, w = size_of(pair.photo)
    return h * w > ALONE


def _prepare(out: Path) -> None:
    """Make the folder, and make sure that files can be written there, before any work is done."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out).close()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise DataError(f"{out}: cannot be written to ({reason}); give another --out") from None


def _ahead(
    function: Callable[[Item], Result], items: Sequence[Item], is_alone: Callable[[Item], bool] = lambda item: False
) -> Iterator[tuple[Item, Future[Result]]]:
    """Each item and its result, which is worked out in another thread while the one before is in use, unless either
    of them is to be alone in memory."""
    with ThreadPoolExecutor(1) as reader:
        waiting: list[tuple[Item, Future[Result]]] = []
        for item in items:
            if waiting and (is_alone(item) or is_alone(waiting[0][0])):
                yield waiting.pop()
            waiting.append((item, reader.submit(function, item)))
            if len(waiting) == 2:
                yield waiting.pop(0)
        yield from waiting
