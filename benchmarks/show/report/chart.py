"""Accuracy against latency as an SVG that stands alone: for a README, and where scripts are off."""

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from benchmarks.show.findings import Findings
from benchmarks.show.points import Point, about, front, points
from benchmarks.show.report.axes import Axis, linear, logarithmic

WIDTH, HEIGHT = 860, 552
LEFT, RIGHT, TOP, BOTTOM = 66, 24, 98, 78
LETTER = 6.1  # pixels: the mean width of a letter at 11 px
LINE = 13  # pixels
ASIDE = (28, 44, 60, 76)  # pixels from a point to a name that found no room beside it
SHAPES = {
    "founding": "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z",
    "variant": "M-5.5-4h11L0 6z",
    "family": "M-4.5-4.5h9v9h-9z",
    "baseline": "M0-6 6 0 0 6-6 0z",
    "community": "M0-6 5.5 4.5h-11z",
    "yours": "M-2-6h4v4h4v4h-4v4h-4v-4h-4v-4h4z",
}
STYLE = """
text { font: 11px system-ui, sans-serif; fill: #1f2328; }
.paper { fill: #ffffff; }
.title { font-size: 15px; font-weight: 600; }
.soft { fill: #59636e; }
.label { paint-order: stroke; stroke: #ffffff; stroke-width: 3px; stroke-linejoin: round; }
.grid { stroke: #e3e7ec; }
.front { fill: none; stroke: #59636e; stroke-width: 1.4; stroke-dasharray: 5 4; }
.leader { stroke: #8c959f; stroke-width: .8; }
.bar { stroke: currentColor; stroke-opacity: .5; stroke-width: 1.3; }
.point { fill: currentColor; stroke: #ffffff; stroke-width: 1.2; }
.founding, .variant { color: #0969da; } .family { color: #1a7f4b; } .baseline { color: #9a6700; }
.community { color: #8250df; } .yours { color: #cf2f6b; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .paper { fill: #0d1117; }
  .soft { fill: #9198a1; }
  .label, .point { stroke: #0d1117; }
  .grid { stroke: #262c36; }
  .front { stroke: #9198a1; }
  .leader { stroke: #6e7681; }
  .founding, .variant { color: #58a6ff; } .family { color: #4cc38a; } .baseline { color: #e3b341; }
  .community { color: #bc8cff; } .yours { color: #ff7eb6; }
}
"""

Box = tuple[float, float, float, float]  # left, top, right, bottom


def chart(found: Findings, *, title: str = "Mask IoU against latency") -> str:
    """The picture of the largest set of networks that were measured and trained alike."""
    drawn = points(found.chosen, found.networks)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        f' role="img" aria-label={quoteattr(_plain(title))}>',
        f"<title>{escape(_plain(title))}</title><style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>',
        f'<text class="title" x="16" y="27">{escape(_plain(title))}</text>',
    ]
    if not drawn:
        return "\n".join([*parts, '<text x="16" y="52">No network has both a latency and an accuracy.</text></svg>\n'])
    for line, text in enumerate(about(found.chosen, found.networks)):
        parts.append(f'<text class="soft" x="16" y="{46 + 16 * line}">{escape(_plain(text))}</text>')
    x = logarithmic([v for p in drawn for v in (p.x.value, *p.x.interval)], LEFT, WIDTH - RIGHT)
    y = linear([v for p in drawn for v in (p.y.value, *p.y.interval)], HEIGHT - BOTTOM, TOP)
    parts += _grid(x, y)
    best = front(drawn)
    steps = "".join(f" H{x.at(p.x.value):.1f} V{y.at(p.y.value):.1f}" for p in best[1:])
    parts.append(f'<path class="front" d="M{x.at(best[0].x.value):.1f} {y.at(best[0].y.value):.1f}{steps}"/>')
    parts += [_point(point, x, y) for point in drawn]
    parts += _labels(best, drawn, x, y)
    return "\n".join([*parts, *_legend(drawn), "</svg>", ""])


def _grid(x: Axis, y: Axis) -> list[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for value, text in x.ticks:
        at = x.at(value)
        parts.append(f'<path class="grid" d="M{at:.1f} {TOP}V{bottom}"/>')
        parts.append(f'<text class="soft" x="{at:.1f}" y="{bottom + 17}" text-anchor="middle">{text}</text>')
    for value, text in y.ticks:
        at = y.at(value)
        parts.append(f'<path class="grid" d="M{LEFT} {at:.1f}H{right}"/>')
        parts.append(f'<text class="soft" x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{text}</text>')
    middle = (LEFT + right) / 2
    parts.append(f'<text x="{middle}" y="{bottom + 36}" text-anchor="middle">latency, ms (lower is better)</text>')
    turned = (TOP + bottom) / 2
    parts.append(
        f'<text transform="translate(18 {turned}) rotate(-90)" text-anchor="middle">mask IoU (higher is better)</text>'
    )
    return parts


def _point(point: Point, x: Axis, y: Axis) -> str:
    at, to = x.at(point.x.value), y.at(point.y.value)
    bars = ""
    if point.x.interval:
        low, high = map(x.at, point.x.interval)
        bars += f'<path class="bar" d="M{low:.1f} {to:.1f}H{high:.1f}"/>'
    if point.y.interval:
        low, high = map(y.at, point.y.interval)
        bars += f'<path class="bar" d="M{at:.1f} {low:.1f}V{high:.1f}"/>'
    kind = _kind(point)
    about = f"{point.network.name}: {point.x.value:.3g} ms, IoU {point.y.value:.3f}"
    return (
        f'<g class="{kind}"><title>{escape(_plain(about))}</title>{bars}'
        f'<path class="point" transform="translate({at:.1f} {to:.1f})" d="{SHAPES[kind]}"/></g>'
    )


def _labels(best: Sequence[Point], drawn: Sequence[Point], x: Axis, y: Axis) -> list[str]:
    """A name beside each point or led to it; the front's names first, what finds no room has its tooltip."""
    places = [(x.at(point.x.value), y.at(point.y.value)) for point in drawn]
    taken: list[Box] = [(at - 6, to - 6, at + 6, to + 6) for at, to in places]
    parts = []
    for point in [*best, *(p for p in drawn if p not in best)]:
        at, to, wide = x.at(point.x.value), y.at(point.y.value), LETTER * len(point.network.name)
        for right, down, anchor in _places():
            left, base = at + right, to + down
            start = left - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
            box = (start, base - LINE + 3, start + wide, base + 3)
            inside = box[0] > LEFT and box[2] < WIDTH - 2 and box[1] > TOP - LINE and box[3] < HEIGHT - BOTTOM
            if inside and not any(_meet(box, other) for other in taken):
                taken.append(box)
                if abs(down) >= ASIDE[0]:
                    end = base + 3 if down < 0 else base - LINE + 3
                    begin = to + (7 if down > 0 else -7)
                    parts.append(f'<path class="leader" d="M{at:.1f} {begin:.1f}L{left:.1f} {end:.1f}"/>')
                parts.append(
                    f'<text class="label" x="{left:.1f}" y="{base:.1f}" text-anchor="{anchor}">'
                    f"{escape(_plain(point.network.name))}</text>"
                )
                break
    return parts


def _places() -> list[tuple[float, float, str]]:
    """Where a name may stand from its point: right and down in pixels, and the side of it that lies there."""
    places = [(9.0, 4.0, "start"), (-9.0, 4.0, "end"), (0.0, -10.0, "middle"), (0.0, 18.0, "middle")]
    for far in ASIDE:
        for down in (-far, far + LINE - 3):
            places += [(0.0, down, "middle"), (0.5 * far, down, "start"), (-0.5 * far, down, "end")]
    return places


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _kind(point: Point) -> str:
    return point.network.group if point.network.group in SHAPES else "yours"


def _legend(drawn: Sequence[Point]) -> list[str]:
    parts, left, base = [], 16.0, HEIGHT - 16
    for group, kind in {point.network.group: _kind(point) for point in drawn}.items():
        place = f"translate({left + 6} {base - 4})"
        parts.append(f'<g class="{kind}"><path class="point" transform="{place}" d="{SHAPES[kind]}"/></g>')
        parts.append(f'<text class="soft" x="{left + 17}" y="{base}">{escape(_plain(group))}</text>')
        left += 36 + LETTER * len(group)
    text = "dashed: nothing here is both faster and more accurate; bars: 95 % intervals"
    return [*parts, f'<text class="soft" x="{left}" y="{base}">{text}</text>']


def _plain(text: str) -> str:
    """Without the letters that XML cannot hold."""
    return "".join(letter if letter >= " " and not "\ud800" <= letter <= "\udfff" else "\ufffd" for letter in text)
