"""Where the boxes of the picture go: columns as they are computed, rows as resolution falls."""

from collections import defaultdict
from dataclasses import dataclass
from itertools import count
from math import log2

from zoo.describing.stages import Flow

PITCH, MARGIN, TOP = 132, 78, 64  # pixels: from column to column; left of the first; above the first row
TALLEST, LABEL, GAP = 46, 40, 30  # pixels: the box at full resolution; the label below a box; between two lanes


@dataclass(eq=False)
class Box:
    """One stage, image or output."""

    name: str
    about: str  # the tooltip
    shape: tuple[int, ...]
    halvings: int
    branch: str
    serves: tuple[str, ...]
    sources: tuple["Box", ...] = ()
    is_end: bool = False  # an image or an output
    column: int = 0
    lane: int = 0  # counted from the top of the whole picture
    x: float = 0.0  # centre
    y: float = 0.0

    @property
    def width(self) -> float:
        """The more channels, the wider."""
        channels = self.shape[0] if len(self.shape) == 3 else self.shape[-1] if self.shape else 1
        return 16 + 5 * log2(max(channels, 1))

    @property
    def height(self) -> float:
        """The finer, the taller."""
        return max(TALLEST - 6 * self.halvings, 14)

    @property
    def left(self) -> float:
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        return self.x + self.width / 2


@dataclass
class Drawing:
    boxes: list[Box]
    rows: dict[int, float]  # halvings -> height of the row's first lane
    channels: list[float]  # heights between the lanes, where no box and no label is
    width: float
    height: float


def layout(flow: Flow, size: tuple[int, int]) -> Drawing:
    """Boxes in a grid, no two in one cell, each with its label below it."""
    boxes = _boxes(flow, size)
    for box in boxes:  # in call order: sources come first
        box.column = 1 + max((source.column for source in box.sources), default=-1)
    last = max(box.column for box in boxes)
    for output in boxes[-len(flow.outputs) :]:
        output.column = last
    firsts = _lanes(boxes)
    pitch = TALLEST + LABEL + GAP
    for box in boxes:
        box.x, box.y = MARGIN + (box.column + 0.5) * PITCH, TOP + box.lane * pitch + TALLEST / 2
    lanes = 1 + max(box.lane for box in boxes)
    channels = [TOP - GAP / 2 + lane * pitch for lane in range(lanes + 1)]
    rows = {halvings: TOP + lane * pitch + TALLEST / 2 for halvings, lane in firsts.items()}
    return Drawing(boxes, rows, channels, 2 * MARGIN + (last + 1) * PITCH, TOP + lanes * pitch + GAP)


def _boxes(flow: Flow, size: tuple[int, int]) -> list[Box]:
    """Images, stages in call order, outputs; an image in line with its first reader, an output with its source."""
    tasks = tuple(flow.outputs)
    images = [Box(name, f"{name}: an image", (), 0, name, tasks, is_end=True) for name in ("bg", "fg_bg")]
    named = {image.name: image for image in images}
    for place, stage in enumerate(flow.stages):
        sources = tuple(named[source] for source in stage.sources)
        halvings = stage.halvings
        if halvings is None:  # a vector: drawn where its values come from
            halvings = max((source.halvings for source in sources), default=0)
        about = f"{stage.name}: {stage.kind}, {stage.params:,} parameters"
        branch = stage.branch or f"alone {place}"
        for image in images:
            if image in sources and image.branch == image.name and branch not in [other.branch for other in images]:
                image.branch = branch
        named[f"#{place}"] = Box(stage.name, about, stage.shape, halvings, branch, stage.serves, sources)
    is_split = len(set(flow.outputs.values())) > 1
    for task, found in flow.outputs.items():
        sources = tuple(named[source] for source in found)
        branch = sources[0].branch if len(sources) == 1 and is_split else task
        named[task] = Box(task, f"{task}: logits", (1, *size), 0, branch, (task,), sources, is_end=True)
    used = {source for box in named.values() for source in box.sources}
    return [box for box in named.values() if box in used or box not in images]


def _lanes(boxes: list[Box]) -> dict[int, int]:
    """Give every box a lane; branches that run side by side get lanes of their own. Returns each row's first lane."""
    firsts: dict[int, int] = {}
    lane = 0
    for halvings in sorted({box.halvings for box in boxes}):
        firsts[halvings] = lane
        taken: defaultdict[int, dict[int, str]] = defaultdict(dict)  # per lane of this row: column -> branch
        branches: dict[str, list[Box]] = {}
        for box in sorted((box for box in boxes if box.halvings == halvings), key=lambda box: box.is_end):
            branches.setdefault(box.branch, []).append(box)
        for branch, members in branches.items():
            columns = range(min(box.column for box in members), max(box.column for box in members) + 1)
            first = next(i for i in count(lane) if all(taken[i].get(column, branch) == branch for column in columns))
            for box in members:
                box.lane = first
                while box.column in taken[box.lane]:
                    box.lane += 1
                taken[box.lane][box.column] = branch
            taken[first] = dict.fromkeys(columns, branch) | taken[first]
        lane += len(taken)
    return firsts
