"""What is left of a network's masks as pairs are perturbed more and more: one small chart for each perturbation."""

import math
from collections.abc import Iterator, Sequence

from benchmarks.measures.sensitivity import PERTURBATIONS
from benchmarks.show.scores import HARDNESS, Score
from benchmarks.store.names import BASELINE
from benchmarks.upkeep.site.writing import attribute

WIDTH, HEIGHT, GAP, ACROSS = 180, 120, 44, 3  # pixels of a chart and around it; charts in a row
STYLE = """
text { font: 11px system-ui, sans-serif; fill: #59636e; }
.name { font-weight: 600; fill: #1f2328; }
.rule { stroke: #d1d9e0; }
.line { fill: none; stroke-width: 1.2; stroke: #c4c9ce; }
.base { stroke: #fb8f44; stroke-dasharray: 4 3; }
.own { stroke: #0969da; stroke-width: 2.4; }
@media (prefers-color-scheme: dark) {
  text { fill: #9198a1; }
  .name { fill: #e6edf3; }
  .rule { stroke: #30363d; }
  .line { stroke: #4a525b; }
  .base { stroke: #db6d28; }
  .own { stroke: #58a6ff; }
}
"""


def draw(group: Sequence[Score], spec: str, name: str) -> str:
    """The network in colour, the baselines dashed, the others pale."""
    known = [each for each in PERTURBATIONS if any(score.perturbation == each for score in group)]
    rows = math.ceil(len(known) / ACROSS)
    width, height = ACROSS * (WIDTH + GAP) + GAP, rows * (HEIGHT + GAP + 14) + GAP
    title = attribute(f"Mask IoU of {name} under {len(known)} perturbations, over their strength")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' role="img" aria-label="{title}"><title>{title}</title><style>{STYLE}</style>'
    ]
    for number, perturbation in enumerate(known):
        x, y = GAP + number % ACROSS * (WIDTH + GAP), GAP // 2 + number // ACROSS * (HEIGHT + GAP + 14)
        parts.append(f'<g transform="translate({x} {y})">')
        parts += _chart([score for score in group if score.perturbation == perturbation], spec, perturbation)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def _chart(scores: Sequence[Score], spec: str, perturbation: str) -> Iterator[str]:
    most = max(score.strengths[-1] for score in scores) or 1
    yield f'<text class="name" x="0" y="10">{perturbation}</text>'
    for value in (0, 0.5, 1):
        y = _y(value)
        yield f'<line class="rule" x1="0" x2="{WIDTH}" y1="{y}" y2="{y}"/>'
        yield f'<text x="-6" y="{y + 4}" text-anchor="end">{value:g}</text>'
    for score in sorted(scores, key=lambda score: _rank(score, spec)):
        points = zip(score.strengths, score.means(HARDNESS), strict=True)
        path = " ".join(f"{x / most * WIDTH:.1f},{_y(y):.1f}" for x, y in points if math.isfinite(y))
        style = ("line", "line base", "line own")[_rank(score, spec)]
        yield f'<polyline class="{style}" points="{path}"><title>{attribute(score.network.name)}</title></polyline>'
    yield f'<text x="0" y="{HEIGHT + 30}">0</text>'
    unit = attribute(f"{most:.3g} {PERTURBATIONS[perturbation].unit}")
    yield f'<text x="{WIDTH}" y="{HEIGHT + 30}" text-anchor="end">{unit}</text>'


def _y(value: float) -> float:
    return 18 + (1 - value) * (HEIGHT - 4)


def _rank(score: Score, spec: str) -> int:
    """What is drawn later, above the others, has the higher number."""
    return 2 if score.network.spec == spec else int(score.network.group == BASELINE)
