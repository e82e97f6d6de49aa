"""How the lines of the picture run: level at a box's height, upright in the gutter between two columns.

Boxes and labels keep out of the gutters, so only a level stretch can meet a box. A line turns once, in the gutter of
its source or of its target, or takes a channel between two lanes. Each box has a track of its own in its gutters, so
lines share a stretch only where they leave one box or enter one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from zoo.describing.layout import MARGIN, PITCH, Box, Drawing

GUTTER = 28  # pixels for upright lines between two columns
Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """From one box to another, by way of corners."""

    source: Box
    target: Box
    corners: tuple[Point, ...]


def connect(plan: Drawing) -> list[Line]:
    """A line for every dependence; the shortest first, because they have the least choice."""
    pairs = [(source, box) for box in plan.boxes for source in box.sources]
    pairs.sort(key=lambda pair: (pair[1].column - pair[0].column, abs(pair[1].y - pair[0].y)))
    tracks = _tracks(plan.boxes)
    lines: dict[int, Line] = {}
    for place in [*range(len(pairs))] * 2:  # the second time round, each makes way for those that came after it
        source, target = pairs[place]
        others = [line for other, line in lines.items() if other != place]
        ways = [Line(source, target, way) for way in _ways(source, target, plan.channels, tracks, place)]
        lines[place] = min(ways, key=lambda line: _cost(line, plan.boxes, others))
    return list(lines.values())


def _tracks(boxes: list[Box]) -> dict[tuple[Box, int], float]:
    """Where a box's lines run upright: (it, the gutter) -> x. Gutter n lies left of column n.

    What leaves has its tracks on the left, what enters on the right, so that their ends do not meet.
    """
    users: dict[int, list[Box]] = {}
    for leaves in (1, 0):
        for box in sorted(boxes, key=lambda box: box.lane):
            users.setdefault(box.column + leaves, []).append(box)
    return {
        (box, gutter): MARGIN + gutter * PITCH + GUTTER * ((place + 0.5) / len(members) - 0.5)
        for gutter, members in users.items()
        for place, box in enumerate(members)
    }


def _ways(
    source: Box, target: Box, channels: list[float], tracks: dict[tuple[Box, int], float], count: int
) -> Iterator[tuple[Point, ...]]:
    start, end = (source.right, source.y), (target.left, target.y)
    if source.y == target.y:
        yield start, end
    out, into = tracks[source, source.column + 1], tracks[target, target.column]
    for x in (into, out):
        yield start, (x, source.y), (x, target.y), end
    for channel in channels:
        y = channel + (count % 5 - 2) * 4  # neighbours in a channel keep apart
        yield start, (out, source.y), (out, y), (into, y), (into, target.y), end


def _cost(line: Line, boxes: list[Box], placed: list[Line]) -> float:
    """Boxes run over count most, then stretches that would read as another line's, then length and corners."""
    cost = 30.0 * len(line.corners)
    for (x1, y1), (x2, y2) in pairwise(line.corners):
        cost += abs(x2 - x1) + abs(y2 - y1)
        for box in boxes:
            over_it = min(x1, x2) < box.right and max(x1, x2) > box.left and abs(y1 - box.y) <= box.height / 2
            cost += 1e6 * (y1 == y2 and over_it and box is not line.source and box is not line.target)
    for other in placed:
        if other.source is not line.source and other.target is not line.target:
            cost += 1e4 * sum(_share(a, b) for a in pairwise(line.corners) for b in pairwise(other.corners))
    return cost


def _share(a: tuple[Point, Point], b: tuple[Point, Point]) -> bool:
    """Whether two level or two upright stretches lie on each other."""
    for along, across in ((0, 1), (1, 0)):
        if a[0][across] == a[1][across] == b[0][across] == b[1][across]:
            low, high = (sorted((stretch[0][along], stretch[1][along])) for stretch in (a, b))
            if low[0] < high[1] and high[0] < low[1]:
                return True
    return False
