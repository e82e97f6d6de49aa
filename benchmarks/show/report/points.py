"""The points of accuracy against latency: of the one machine, setting and set that most networks share."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.store.names import EQUAL, OWN, READY

METRIC = "mask_iou"
NAMED = 3  # networks that are named where many are left out
RECIPES = {OWN: "recipes of their own", READY: "ready-made weights"}


@dataclass(frozen=True)
class Point:
    """One network: milliseconds, and the accuracy it reaches."""

    name: str
    group: str
    x: float
    y: float
    x_interval: tuple[float, ...]  # two numbers, or none
    y_interval: tuple[float, ...]


@dataclass(frozen=True)
class Choice:
    """What is drawn, and in words what it was measured on."""

    points: list[Point]
    about: tuple[str, ...]  # a line each


def choose(data: Mapping[str, Any]) -> Choice:
    """The points that may be compared, each network in its fastest layout: those that one recipe has trained, and of
    such choices the largest."""
    trained: dict[tuple[Any, ...], dict[int, Mapping[str, Any]]] = defaultdict(dict)
    for entry in data["accuracy"]:
        if entry["values"].get(METRIC, [None])[0] is not None:
            trained[entry["set"], entry["size"]][entry["model"]] = entry
    timed: dict[tuple[Any, ...], dict[int, Mapping[str, Any]]] = defaultdict(dict)
    for entry in data["speed"]:
        for batch, cell in entry["latency"].items():
            if cell.get("ms") is None:
                continue
            found = timed[entry["machine"], entry["size"], entry["engine"], entry["precision"], batch]
            before = found.get(entry["model"])
            if before is None or cell["ms"] < before["ms"]:
                found[entry["model"]] = cell
    pairs = [(fast, good) for fast in timed for good in trained]
    if not pairs:
        return Choice([], ())
    fast, good = max(
        pairs,
        key=lambda pair: (
            _is_equal(data, pair),
            pair[0][0] == data["here"],
            len(timed[pair[0]].keys() & trained[pair[1]].keys()),
            _alike(pair),
        ),
    )
    points = [
        _point(data["models"][model], timed[fast][model], trained[good][model])
        for model in sorted(timed[fast].keys() & trained[good].keys())
    ]
    lacking = [data["models"][model]["name"] for model in sorted(timed[fast].keys() - trained[good].keys())]
    return Choice(points, (*_about(data, fast, good), *_lacking(lacking)))


def _lacking(names: Sequence[str]) -> list[str]:
    """A line for networks that were timed and not trained so."""
    more = [f"{len(names) - NAMED} more"] * (len(names) > NAMED)
    return [f"Timed, but not trained so: {', '.join([*names[:NAMED], *more])}"] if names else []


def front(points: Iterable[Point]) -> list[Point]:
    """Those that no other beats or equals in both, from the fastest on.

    >>> a, b, c = (Point("", "", x, y, (), ()) for x, y in ((1, 0.5), (2, 0.4), (3, 0.9)))
    >>> front([a, b, c]) == [a, c]
    True
    """
    best: list[Point] = []
    for point in sorted(points, key=lambda point: (point.x, -point.y)):
        if not best or point.y > best[-1].y:
            best.append(point)
    return best


def _point(model: Mapping[str, Any], cell: Mapping[str, Any], entry: Mapping[str, Any]) -> Point:
    value, low, high = entry["values"][METRIC]
    return Point(model["name"], model["group"], cell["ms"], value, _pair(cell["interval"]), _pair((low, high)))


def _pair(interval: Sequence[float | None] | None) -> tuple[float, ...]:
    known = tuple(edge for edge in interval or () if edge is not None and abs(edge) < float("inf"))
    return known if len(known) == 2 else ()


def _is_equal(data: Mapping[str, Any], pair: tuple[tuple[Any, ...], tuple[Any, ...]]) -> bool:
    """Whether one recipe has trained all."""
    return bool(data["sets"][pair[1][0]]["recipe"] == EQUAL)


def _alike(pair: tuple[tuple[Any, ...], tuple[Any, ...]]) -> bool:
    """Whether both are of one size."""
    fast, good = pair
    return bool(fast[1] == good[1])


def _about(data: Mapping[str, Any], fast: tuple[Any, ...], good: tuple[Any, ...]) -> tuple[str, ...]:
    machine, (height, width), engine, precision, batch = fast
    group = data["sets"][good[0]]
    samples = f", {group['samples']:,} samples each" if group["samples"] else ""
    samples += "" if group["recipe"] == EQUAL else f", {RECIPES[group['recipe']]}"
    tested = "" if good[1] == (height, width) else " at {} x {} pixels".format(*good[1])
    where = data["machines"][machine]["label"]
    return (
        f"Latency: {height} x {width} pixels, batch {batch}, {precision}, {engine}, {where}",
        f"IoU: {group['data']}{samples}{tested}",
    )
