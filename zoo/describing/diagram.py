"""The data flow as an SVG that stands alone: no script, no font, no tool; dark where its viewer is dark."""

from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from zoo.describing.layout import MARGIN, Box, layout
from zoo.describing.lines import Line, Point, connect
from zoo.describing.stages import Flow

STYLE = """
text { font: 11px system-ui, sans-serif; fill: #1f2328; }
.paper { fill: #ffffff; }
.shape, .row, .key { fill: #59636e; }
.title { font-size: 14px; font-weight: 600; }
.label { paint-order: stroke; stroke: #ffffff; stroke-width: 3px; stroke-linejoin: round; }
.line { fill: none; stroke: #8c959f; stroke-width: 1.3; }
.rule { stroke: #d1d9e0; stroke-dasharray: 2 5; }
.box { stroke: #1f2328; stroke-width: 1; fill: #afb8c1; }
.mask { fill: #54aeff; }
.depth { fill: #fb8f44; }
.end { fill: #ffffff; stroke-width: 1.6; }
.head { fill: #8c959f; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .paper, .end { fill: #0d1117; }
  .shape, .row, .key { fill: #9198a1; }
  .label { stroke: #0d1117; }
  .line { stroke: #767f89; }
  .rule { stroke: #30363d; }
  .box { stroke: #e6edf3; fill: #59636e; }
  .mask { fill: #1f6feb; }
  .depth { fill: #bd561d; }
  .box.end { fill: #0d1117; }
  .head { fill: #767f89; }
}
"""
TIMES = "\N{MULTIPLICATION SIGN}"
ROUND = 8  # pixels: the radius of a corner
LETTERS = 16  # of a label's line, so that labels of neighbouring columns keep apart


def draw(flow: Flow, size: tuple[int, int], *, title: str) -> str:
    """The picture of a flow."""
    plan = layout(flow, size)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {plan.width:.0f} {plan.height:.0f}"'
        f' width="{plan.width:.0f}" height="{plan.height:.0f}" role="img" aria-label={quoteattr(title)}>',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        '<defs><marker id="head" viewBox="0 0 6 6" refX="6" refY="3" markerWidth="6" markerHeight="6" orient="auto">'
        '<path class="head" d="M0 0 6 3 0 6z"/></marker></defs>',
        f'<rect class="paper" width="{plan.width:.0f}" height="{plan.height:.0f}"/>',
        f'<text class="title" x="16" y="26">{escape(title)}</text>',
    ]
    for halvings, y in plan.rows.items():
        parts.append(f'<line class="rule" x1="{MARGIN - 20}" y1="{y:.1f}" x2="{plan.width - 20:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text class="row" x="16" y="{y + 4:.1f}">{"full size" if halvings == 0 else f"1/{2**halvings}"}</text>'
        )
    parts += map(_line, connect(plan))
    parts += map(_box, plan.boxes)
    parts += _legend([box for box in plan.boxes if not box.is_end], plan.height)
    return "\n".join([*parts, "</svg>", ""])


def _line(line: Line) -> str:
    """A path with rounded corners."""
    points = [corner for corner, _ in groupby(line.corners)]  # two may lie on each other
    path = f"M{_at(points[0])}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        path += f" L{_at(_towards(corner, before))} Q{_at(corner)} {_at(_towards(corner, after))}"
    return f'<path class="line" d="{path} L{_at(points[-1])}" marker-end="url(#head)"/>'


def _towards(corner: Point, other: Point) -> Point:
    """The point where a corner's rounding begins: never past the middle of its stretch."""
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    share = min(ROUND / max(abs(dx) + abs(dy), 1e-9), 0.5)
    return corner[0] + share * dx, corner[1] + share * dy


def _at(point: Point) -> str:
    return f"{point[0]:.1f} {point[1]:.1f}"


def _box(box: Box) -> str:
    x, y = box.x - box.width / 2, box.y - box.height / 2
    kind = "end" if box.is_end else _role(box)
    below = box.y + box.height / 2
    labels = [(text, "label") for text in _name(box.name)]
    if box.shape:
        labels.append((TIMES.join(map(str, box.shape)), "label shape"))
    rows = "".join(
        f'<text class="{style}" x="{box.x:.1f}" y="{below + 13 * row:.1f}" text-anchor="middle">{escape(text)}</text>'
        for row, (text, style) in enumerate(labels, start=1)
    )
    return (
        f'<g><title>{escape(box.about)}</title><rect class="box {kind}" x="{x:.1f}" y="{y:.1f}" rx="3"'
        f' width="{box.width:.1f}" height="{box.height:.1f}"/>{rows}</g>'
    )


def _role(box: Box) -> str:
    """The task a box works for; nothing where it works for all."""
    return box.serves[0] if len(box.serves) == 1 else ""


def _name(path: str) -> list[str]:
    """A module's path on two lines at most, cut at a dot; what does not fit is left out in front.

    >>> _name("decoders.mask.stages.0"), _name("stem_bg")
    (['decoders', 'mask.stages.0'], ['stem_bg'])
    """
    if len(path) <= LETTERS:
        return [path]
    parts = path.split(".")
    cuts = [(".".join(parts[:i]), ".".join(parts[i:])) for i in range(1, len(parts))] or [("", path)]
    first, second = min(cuts, key=lambda cut: max(map(len, cut)))
    return [_short(text) for text in (first, second) if text]


def _short(text: str) -> str:
    return text if len(text) <= LETTERS else f"…{text[1 - LETTERS :]}"


def _legend(boxes: list[Box], height: float) -> list[str]:
    names = {"": "for both tasks", "mask": "for the mask", "depth": "for the depth"}
    roles = [role for role in names if role in {_role(box) for box in boxes}]
    parts, x, y = [], 16.0, height - 16
    for role in roles if len(roles) > 1 else ():
        parts.append(f'<rect class="box {role}" x="{x}" y="{y - 9}" width="11" height="11" rx="2"/>')
        parts.append(f'<text class="key" x="{x + 17}" y="{y}">{names[role]}</text>')
        x += 110
    parts.append(
        f'<text class="key" x="{x}" y="{y}">taller: finer; wider: more channels; left to right as it is computed</text>'
    )
    return parts
