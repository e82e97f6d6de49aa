"""Walking a whole data set and saying what is wrong with its files, before a training run finds out."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import NamedTuple, TypeVar

import numpy as np
from PIL import Image

from zoo import parallel
from zoo.data.dataset import DataError
from zoo.data.files.archive import Store
from zoo.data.files.images import WIDE, map_of, open_image
from zoo.data.files.layout import Layout
from zoo.data.inspecting.findings import Findings

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

Row = dict[str, str]  # map -> file
Item = TypeVar("Item")


class Plate(NamedTuple):
    """What the pictures over a background are compared with."""

    size: tuple[int, int]  # h, w
    small: np.ndarray  # float (GRID, GRID), grey


def check(
    layout: Layout, *, workers: int | None = None, tick: Callable[[str, float, float], None] | None = None
) -> Findings:
    """Everything that is found in a data set; each file is decoded once."""
    backgrounds = sorted({name for name in layout.column("bg") if name})
    n, done = len(backgrounds) + len(layout), 0
    workers = 1 if workers is None and n < FEW else workers
    plates: dict[str, Plate] = {}
    found: dict[tuple[int, int], Findings] = {}
    first = partial(_check_backgrounds, layout.store)
    for (piece, names), (findings, some) in parallel.run(first, _pieces(iter(backgrounds)), workers=workers):
        found[0, piece], done = findings, done + len(names)
        plates |= some
        if tick:
            tick("backgrounds checked", done, n)
    rows = map(layout.row, range(len(layout)))
    pairs = ((row, plates.get(row.get("bg", ""))) for row in rows)
    second = partial(_check_rows, layout.store)
    for (piece, items), findings in parallel.run(second, _pieces(pairs), workers=workers):
        found[1, piece], done = findings, done + len(items)
        if tick:
            tick("pictures checked", done, n)
    total = _partners(layout)
    for place in sorted(found):  # so that the examples do not depend on which process was faster
        total.add(found[place])
    return total


def _partners(layout: Layout) -> Findings:
    """What the names alone tell."""
    findings, label = Findings(pictures=len(layout)), layout.store.label
    for picture, reason in layout.missing.items():
        findings.problem("missing partner", f"{label(picture)}: {reason}")
    for name, files in layout.unused.items():
        for file in files:
            if name == "bg":
                findings.note("background that no picture uses", label(file))
            else:
                findings.problem("missing partner", f"{label(file)}: no picture belongs to it")
    return findings


def _pieces(items: Iterator[Item]) -> Iterator[tuple[int, tuple[Item, ...]]]:
    """Items numbered and by the handful."""
    piece = 0
    while some := tuple(islice(items, PIECE)):
        yield piece, some
        piece += 1


def _check_backgrounds(store: Store, item: tuple[int, tuple[str, ...]]) -> tuple[Findings, dict[str, Plate]]:
    findings, plates = Findings(), {}
    for name in item[1]:
        image = _open(store, name, "bg", findings)
        if image is not None and _means("bg", image, store.label(name), findings) is not None:
            plates[name] = Plate((image.height, image.width), _small(image))
    return findings, plates


def _check_rows(store: Store, item: tuple[int, tuple[tuple[Row, Plate | None], ...]]) -> Findings:
    findings = Findings()
    for row, plate in item[1]:
        images = {name: _open(store, file, name, findings) for name, file in row.items() if name != "bg"}
        values = {
            name: _means(name, image, store.label(row[name]), findings) if image is not None else None
            for name, image in images.items()
        }
        sizes = {name: (image.height, image.width) for name, image in images.items() if image is not None}
        if plate is not None:
            sizes["bg"] = plate.size
        picture = images["fg_bg"]
        if picture is not None:
            findings.sizes["{} x {}".format(*sizes["fg_bg"])] += 1
            _compare(sizes, {name: store.label(file) for name, file in row.items()}, findings)
        if (mask := values.get("mask")) is not None:
            _check_mask(mask, store.label(row["mask"]), findings)
        if (depth := values.get("depth")) is not None:
            _check_depth(images["depth"], depth, store.label(row["depth"]), findings)
        if picture is not None and values["fg_bg"] is not None and plate is not None and mask is not None:
            alike = _likeness(plate.small, _small(picture), mask)
            if alike < ALIKE:
                what = f"{store.label(row['fg_bg'])} does not lie over {row['bg']} (correlation {alike:.2f})"
                findings.problem("another background", what)
    return findings


def _open(store: Store, file: str, name: str, findings: Findings) -> Image.Image | None:
    """The picture of a file, its colour mode counted; None, and a problem, where it cannot be had."""
    if file not in store:
        findings.problem("missing partner", f"{store.label(file)}: no such file")
        return None
    try:
        image = open_image(store.read(file), store.label(file))
    except DataError as error:
        findings.problem("unreadable", str(error))
        return None
    mode = "1-bit" if image.mode == "1" else image.mode
    findings.modes.setdefault(name, Counter())[mode] += 1
    return image


def _means(name: str, image: Image.Image, label: str, findings: Findings) -> np.ndarray | None:
    """The values of a map, (c, h, w); None, and a problem, where the picture does not hold such a map."""
    try:
        return map_of(name, image, label).numpy()
    except DataError as error:
        findings.problem("wrong kind of image", str(error))
        return None


def _compare(sizes: dict[str, tuple[int, int]], labels: Row, findings: Findings) -> None:
    h, w = sizes["fg_bg"]
    for name, (own_h, own_w) in sizes.items():
        if (own_h, own_w) != (h, w):
            findings.problem("size mismatch", f"{labels[name]} is {own_h} x {own_w}, {labels['fg_bg']} is {h} x {w}")


def _check_mask(mask: np.ndarray, label: str, findings: Findings) -> None:
    half, covered = int(((mask > EDGE) & (mask < 1 - EDGE)).sum()), int((mask >= EDGE).sum())
    findings.masks += 1
    findings.grey += float(((mask > NEAR) & (mask < 1 - NEAR)).mean())
    if covered > SMALL and half > SOFT * covered:
        findings.problem("soft mask", f"{label}: {half / covered:.0%} of what it covers is grey")
    if not covered:
        findings.note("empty mask", label)
    elif covered > HALF * mask.size:
        findings.note("mask of more than half the picture; inverted?", f"{label}: {covered / mask.size:.0%}")


def _check_depth(image: Image.Image | None, depth: np.ndarray, label: str, findings: Findings) -> None:
    low, high = float(depth.min()), float(depth.max())
    if high - low <= FLAT:
        findings.problem("constant depth", f"{label}: from {low:.3f} to {high:.3f}")
    if image is not None and image.mode in WIDE:
        findings.note("16-bit depth", label)


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
