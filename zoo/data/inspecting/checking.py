"""Walking a whole data set and saying what is wrong with its files, before a training run finds out."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from zoo import parallel
from zoo.data.dataset import DataError
from zoo.data.files.archive import Store
from zoo.data.files.images import WIDE, map_of, open_image
from zoo.data.files.layout import Layout
from zoo.data.inspecting.findings import Findings
from zoo.progress import Tick

PIECE = 32  # files, or pictures with their maps, checked at a time
FEW = 500  # files below which starting processes takes longer than the work
NEAR = 5 / 255  # of black and white; what lies between is grey, as a JPEG makes it along every edge
EDGE = 0.25  # from here to 1 - EDGE a mask is half object; a JPEG's ringing stays outside, and true edges are thin
SOFT = 0.5  # of what is covered; a mask with more of it half object is soft
SMALL = 64  # pixels; an object that small is mostly edge
FLAT = 2 / 255  # between nearest and farthest; a JPEG of a constant map has no more
GRID = 16  # cells a side of the small grey pictures by which backgrounds are compared
VARIED = 3.0  # of 255, the deviation below which the details of a small picture are nothing to compare
ALIKE = 0.6  # correlation of details; on real streets one place has 0.97 and more, two places have 0.29 and less
HALF = 0.5  # of the picture; a mask of more may be inverted, and says nothing about what lies beside the object
BESIDE = 0.05  # coverage below which a cell shows the background

Result = TypeVar("Result")
Plate = tuple[tuple[int, int], np.ndarray]  # a background's h and w, and itself small and grey, float (GRID, GRID)


def check(layout: Layout, *, workers: int | None = None, tick: Tick = lambda *_: None) -> Findings:
    """Everything that is found in a data set; each file is decoded once."""
    backgrounds = sorted({name for name in layout.column("bg") if name})
    workers = 1 if workers is None and len(backgrounds) + len(layout) < FEW else workers
    total = _partners(layout)
    plates: dict[str, Plate] = {}
    for findings, some in _over(partial(_check_backgrounds, layout.store), backgrounds, workers, "backgrounds", tick):
        total.add(findings)
        plates |= some
    for findings in _over(partial(_check_rows, layout, plates), range(len(layout)), workers, "pictures", tick):
        total.add(findings)
    return total


def _partners(layout: Layout) -> Findings:
    """What the names alone tell."""
    findings, label = Findings(pictures=len(layout)), layout.store.label
    for picture, reason in layout.missing.items():
        findings.problems["missing partner"].append(f"{label(picture)}: {reason}")
    for name, files in layout.unused.items():
        for file in map(label, files):
            if name == "bg":
                findings.notes["background that no picture uses"].append(file)
            else:
                findings.problems["missing partner"].append(f"{file}: no picture belongs to it")
    return findings


def _over(
    function: Callable[[Any], Result], items: Sequence[Any], workers: int | None, what: str, tick: Tick
) -> list[Result]:
    """A function of items by the handful, in their order: the examples do not depend on which process was faster."""
    found: dict[Any, Result] = {}
    pieces = (items[start : start + PIECE] for start in range(0, len(items), PIECE))
    for piece, result in parallel.run(function, pieces, workers=workers):
        found[piece[0]] = result
        tick(f"{what} checked", min(len(found) * PIECE, len(items)), len(items))
    return [found[first] for first in sorted(found)]


def _check_backgrounds(store: Store, names: Sequence[str]) -> tuple[Findings, dict[str, Plate]]:
    findings, plates = Findings(), {}
    for name in names:
        image, values = _look(store, name, "bg", findings)
        if image is not None and values is not None:
            plates[name] = (image.height, image.width), _small(image)
    return findings, plates


def _check_rows(layout: Layout, plates: dict[str, Plate], rows: Sequence[int]) -> Findings:
    findings, store = Findings(), layout.store
    for row in map(layout.row, rows):
        plate = plates.get(row.get("bg", ""))
        labels = {name: store.label(file) for name, file in row.items()}
        seen = {name: _look(store, file, name, findings) for name, file in row.items() if name != "bg"}
        images = {name: image for name, (image, _) in seen.items() if image is not None}
        values = {name: found for name, (_, found) in seen.items() if found is not None}
        sizes = {name: (image.height, image.width) for name, image in images.items()}
        if "fg_bg" in images:
            findings.sizes["{} x {}".format(*sizes["fg_bg"])] += 1
            _compare(sizes | ({"bg": plate[0]} if plate else {}), labels, findings)
        if "mask" in values:
            _check_mask(values["mask"], labels["mask"], findings)
        if "depth" in values:
            _check_depth(images["depth"], values["depth"], labels["depth"], findings)
        if plate and {"fg_bg", "mask"} <= values.keys():
            alike = _likeness(plate[1], _small(images["fg_bg"]), values["mask"])
            if alike < ALIKE:
                what = f"{labels['fg_bg']} does not match its background {row['bg']} (correlation {alike:.2f})"
                findings.problems["another background"].append(what)
    return findings


def _look(store: Store, file: str, name: str, findings: Findings) -> tuple[Image.Image | None, np.ndarray | None]:
    """The picture of a file and the map in it, (c, h, w); None, and a problem, where there is none."""
    label, image, kind = store.label(file), None, "unreadable"
    if file not in store:
        findings.problems["missing partner"].append(f"{label}: no such file")
        return None, None
    try:
        image = open_image(store.read(file), label)
        findings.modes[name]["1-bit" if image.mode == "1" else image.mode] += 1
        kind = "wrong kind of image"
        return image, map_of(name, image, label).numpy()
    except DataError as error:
        findings.problems[kind].append(str(error))
        return image, None


def _compare(sizes: dict[str, tuple[int, int]], labels: dict[str, str], findings: Findings) -> None:
    size = "{} x {}".format(*sizes["fg_bg"])
    for name, own in sizes.items():
        if own != sizes["fg_bg"]:
            what = f"{labels[name]} is {own[0]} x {own[1]}, {labels['fg_bg']} is {size}"
            findings.problems["size mismatch"].append(what)


def _check_mask(mask: np.ndarray, label: str, findings: Findings) -> None:
    half, covered = int(((mask > EDGE) & (mask < 1 - EDGE)).sum()), int((mask >= EDGE).sum())
    findings.masks += 1
    findings.grey += float(((mask > NEAR) & (mask < 1 - NEAR)).mean())
    if covered > SMALL and half > SOFT * covered:
        findings.problems["soft mask"].append(f"{label}: {half / covered:.0%} of what it covers is grey")
    if not covered:
        findings.notes["empty mask"].append(label)
    elif covered > HALF * mask.size:
        what = f"{label}: {covered / mask.size:.0%}"
        findings.notes["mask of more than half the picture; inverted?"].append(what)


def _check_depth(image: Image.Image, depth: np.ndarray, label: str, findings: Findings) -> None:
    low, high = float(depth.min()), float(depth.max())
    if high - low <= FLAT:
        findings.problems["constant depth"].append(f"{label}: from {low:.3f} to {high:.3f}")
    if image.mode in WIDE:
        findings.notes["16-bit depth"].append(label)


def _small(image: Image.Image) -> np.ndarray:
    """A grey picture of a few cells, float (GRID, GRID)."""
    grey = image if image.mode in ("L", "RGB") else image.convert("RGB")
    return np.asarray(grey.resize((GRID, GRID), Image.Resampling.BOX).convert("L"), np.float32)


def _likeness(bg: np.ndarray, fg_bg: np.ndarray, mask: np.ndarray) -> float:
    """The correlation of two small pictures' details beside the object; 1 where there is too little to compare."""
    coverage = np.asarray(Image.fromarray(mask[0]).resize((GRID, GRID), Image.Resampling.BOX))
    beside = coverage < BESIDE
    one, other = _details(bg)[beside], _details(np.where(beside, fg_bg, bg))[beside]
    if beside.mean() < HALF or min(one.std(), other.std()) < VARIED:
        return 1.0
    return float(np.corrcoef(one, other)[0, 1])


def _details(small: np.ndarray) -> np.ndarray:
    """Each cell less the mean of its four neighbours: without what many scenes share, a bright sky over a dark road."""
    return small - sum(np.roll(small, step, axis) for axis in (0, 1) for step in (-1, 1)) / 4
