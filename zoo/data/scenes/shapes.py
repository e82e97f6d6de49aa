"""Object shapes: a few tapered strokes with holes, standing on y = 0; families that splits hold out whole."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.data.scenes.draw import Draw
from zoo.data.scenes.textures import taken

Number = Tensor | float
Stroke = tuple[Number, Number, Number, Number, Number, Number]  # x, y, radius of one end, then of the other
Hole = tuple[Number, Number, Number, Number]  # centre and radii of an ellipse
STROKES, HOLES = 13, 3
FAR_OFF = 1e3  # heights
NOWHERE = (0.0, -99.0, -1.0, 0.0, -99.0, -1.0)


@dataclass
class Shapes:
    """One shape per scene, one unit tall: strokes (b, STROKES, 6), the first `pierced` of which have the holes."""

    strokes: Tensor
    holes: Tensor  # (b, HOLES, 4)
    pierced: Tensor  # (b,) how many strokes, from the first, the holes go through
    height: Tensor  # (b,) metres

    @classmethod
    def draw(cls, draw: Draw, split: str) -> "Shapes":
        made = [family(draw) for family in SPLITS[split]]
        which = draw.choice(tuple(range(len(made))))
        rows = torch.arange(len(draw), device=which.device)
        flip = torch.where(draw.chance(0.5), -1.0, 1.0)[:, None]
        strokes = torch.stack([table(strokes, NOWHERE, STROKES, draw) for strokes, *_ in made])[which, rows]
        holes = torch.stack([table(holes, (0.0, -99.0, 1.0, 1.0), HOLES, draw) for _, holes, *_ in made])[which, rows]
        strokes[..., 0::3] *= flip[..., None]
        holes[..., 0] *= flip
        return cls(
            strokes,
            holes,
            torch.tensor([pierced for *_, pierced, _ in made], device=which.device)[which],
            torch.stack([height for *_, height in made])[which, rows],
        )

    @classmethod
    def joined(cls, parts: "Sequence[Shapes]") -> "Shapes":
        """One after the other."""
        return cls(*(torch.cat([getattr(part, name) for part in parts]) for name in vars(parts[0])))

    @property
    def reach(self) -> tuple[Tensor, Tensor]:
        """How far the shape goes to a side and up, (b,) each, with a little room for a pixel."""
        x, y, radius = (self.strokes[..., k::3] for k in (0, 1, 2))
        return (x.abs() + radius).flatten(1).amax(1) + 0.03, (y + radius).flatten(1).amax(1) + 0.03

    def distance(self, x: Tensor, y: Tensor, which: Tensor) -> Tensor:
        """How far places of shapes, in units of the height, are outside; negative inside. (n, ...), or which (n, 1)."""
        ax, ay, ra, bx, by, rb = self.strokes.permute(2, 1, 0)  # (STROKES, b) each
        ex, ey = bx - ax, by - ay
        square = (ex * ex + ey * ey).clamp(min=1e-6)
        table = torch.stack([ax, ay, ex, ey, ex / square, ey / square, ra, rb - ra], 1)  # (STROKES, 8, b)
        (pierced,) = taken(self.pierced[None], which)
        outside, solid = torch.full_like(x, 9.0), torch.full_like(x, 9.0)
        for i, numbers in enumerate(table):
            ax, ay, ex, ey, along_x, along_y, ra, grow = taken(numbers, which)
            px, py = x - ax, y - ay
            along = (px * along_x).add_(along_y * py).clamp_(0, 1)
            px.sub_(ex * along)
            py.sub_(ey * along)
            d = px.mul_(px).add_(py.mul_(py)).sqrt_().sub_((grow * along).add_(ra))
            solid = torch.minimum(solid, d + FAR_OFF * (pierced > i))
            outside = torch.minimum(outside, d.add_(FAR_OFF * (pierced <= i)))
        here = (pierced.view(-1) > 0).nonzero()[:, 0]
        x, y, which, rest = (each.index_select(0, here) for each in (x, y, which, outside))
        for i in range(HOLES if len(here) else 0):
            cx, cy, rx, ry = taken(self.holes[:, i].T.contiguous(), which)
            along_x, along_y = (x - cx).div_(rx), (y - cy).div_(ry)
            away = along_x.mul_(along_x).add_(along_y.mul_(along_y)).sqrt_().sub_(1)
            rest = torch.maximum(rest, away.mul_(-torch.minimum(rx, ry)))
        return torch.minimum(outside.index_copy_(0, here, rest), solid)


def table(rows: Sequence[Sequence[Number]], empty: Sequence[float], n: int, draw: Draw) -> Tensor:
    """(b, n, columns) of numbers or (b,) tensors, filled up with rows that are nowhere."""
    given = [value for row in rows for value in row]
    drawn = [i for i, value in enumerate(given) if isinstance(value, Tensor)]
    known = [0.0 if isinstance(value, Tensor) else value for value in given] + [*empty] * (n - len(rows))
    numbers = torch.tensor(known, device=draw.device).expand(len(draw), -1).clone()
    if drawn:
        numbers[:, drawn] = torch.stack([given[i] for i in drawn], 1)  # type: ignore[misc]
    return numbers.view(len(draw), n, len(empty))


Made = tuple[list[Stroke], list[Hole], int, Tensor]


def figure(draw: Draw) -> Made:
    """A person: head, trunk, arms and legs of two parts each."""
    hip, neck, lean = 0.48, 0.82, draw.uniform(-0.06, 0.06)
    wide, arm, leg = draw.uniform(0.065, 0.11), draw.uniform(0.022, 0.034), draw.uniform(0.03, 0.05)
    strokes: list[Stroke] = [
        (0.0, hip, wide * 0.8, lean, neck - 0.06, wide),
        (lean, neck, 0.03, lean, 0.9, 0.035),
        (lean, 0.925, 0.062, lean, 0.945, 0.06),
    ]
    for side in (-1.0, 1.0):
        swing, bend = draw.uniform(-1.2, 1.2), draw.uniform(-1.3, 1.3)
        shoulder_x, shoulder_y = lean + side * wide, neck - 0.03
        elbow_x = shoulder_x + 0.17 * torch.sin(swing + 0.3 * side)
        elbow_y = shoulder_y - 0.17 * torch.cos(swing + 0.3 * side)
        hand_x, hand_y = elbow_x + 0.17 * torch.sin(swing + bend), elbow_y - 0.17 * torch.cos(swing + bend)
        step = draw.uniform(0.02, 0.16) * side
        knee_x, knee_y = step * 0.7 + draw.uniform(-0.02, 0.04), 0.26
        strokes += [
            (shoulder_x, shoulder_y, arm * 1.2, elbow_x, elbow_y, arm),
            (elbow_x, elbow_y, arm, hand_x, hand_y, arm * 0.8),
            (side * 0.04, hip, leg * 1.3, knee_x, knee_y, leg),
            (knee_x, knee_y, leg, step, leg * 0.6, leg * 0.6),
            (step, 0.02, 0.02, step + 0.06, 0.018, 0.018),
        ]
    return strokes, [], 0, draw.uniform(1.4, 2.0)


def quadruped(draw: Draw) -> Made:
    """A dog, a horse, something between."""
    back, long = draw.uniform(0.55, 0.72), draw.uniform(0.32, 0.5)
    deep, leg = draw.uniform(0.11, 0.17), draw.uniform(0.022, 0.04)
    head_x, head_y = long + draw.uniform(0.12, 0.24), back + draw.uniform(0.05, 0.24)
    strokes: list[Stroke] = [
        (-long, back - deep / 2, deep * 0.9, long, back - deep / 2, deep),
        (long * 0.95, back, deep * 0.7, head_x, head_y, 0.06),
        (head_x, head_y, 0.075, head_x + 0.13, head_y - 0.05, 0.04),
        (head_x - 0.02, head_y + 0.05, 0.02, head_x - 0.04, head_y + 0.12, 0.008),
        (-long, back, 0.03, -long - draw.uniform(0.08, 0.3), back + draw.uniform(-0.3, 0.2), 0.012),
    ]
    for x in (-1.0, -0.72, 0.72, 1.0):
        foot = x * long + draw.uniform(-0.1, 0.1)
        knee = (x * long + foot) / 2 + 0.02
        strokes += [(x * long * 0.95, back - deep, leg * 1.7, knee, 0.25, leg), (knee, 0.25, leg, foot, leg, leg * 0.8)]
    return strokes, [], 0, draw.uniform(0.9, 1.7)


def chair(draw: Draw) -> Made:
    """A chair or a table: a plate on thin legs, perhaps a back of rails."""
    seat, half, thin = draw.uniform(0.42, 0.6), draw.uniform(0.24, 0.36), draw.uniform(0.02, 0.042)
    back = torch.where(draw.chance(0.75), draw.uniform(0.85, 0.98), seat)
    drawn = half * draw.uniform(0.5, 0.75)
    rails = (seat + share * (back - seat) for share in (0.3, 0.55, 0.8))
    strokes: list[Stroke] = [
        (-half, seat, thin * 1.8, half, seat, thin * 1.8),
        (-half, seat, thin, -half * 1.05, thin, thin),
        (half, seat, thin, half * 1.05, thin, thin),
        (-drawn, seat, thin, -drawn, 0.1, thin),
        (drawn, seat, thin, drawn, 0.1, thin),
        (-half, seat, thin, -half, back, thin),
        (half, seat, thin, half, back, thin),
        (-half, back, thin, half, back, thin),
        *((-half, y, thin * 0.8, half, y, thin * 0.8) for y in rails),
        (-half, seat * 0.4, thin * 0.7, half, seat * 0.4, thin * 0.7),
    ]
    return strokes, [], 0, draw.uniform(0.95, 1.5)


def blob(draw: Draw) -> Made:
    """A free form with holes."""
    strokes: list[Stroke] = []
    x, y = torch.zeros(len(draw), device=draw.device), draw.uniform(0.2, 0.3)
    for _ in range(6):
        nx = (x + draw.uniform(-0.28, 0.28)).clamp(-0.45, 0.45)
        ny = (y + draw.uniform(-0.1, 0.3)).clamp(0.16, 0.85)
        strokes.append((x, y, draw.uniform(0.07, 0.2), nx, ny, draw.uniform(0.05, 0.16)))
        x, y = nx, ny
    strokes.append((0.0, 0.25, 0.14, draw.uniform(-0.1, 0.1), 0.06, 0.07))
    holes: list[Hole] = [
        (draw.uniform(-0.25, 0.25), draw.uniform(0.25, 0.7), draw.uniform(0.03, 0.13), draw.uniform(0.03, 0.11))
        for _ in range(HOLES)
    ]
    return strokes, holes, len(strokes), draw.uniform(0.9, 1.9)


def lamp(draw: Draw) -> Made:
    """A thin pole on a foot, with an arm, a head and a sign."""
    thin, top, reach = draw.uniform(0.015, 0.032), draw.uniform(0.8, 0.93), draw.uniform(-0.2, 0.2)
    strokes: list[Stroke] = [
        (0.0, 0.0, thin, 0.0, top, thin),
        (-0.09, 0.012, 0.015, 0.09, 0.012, 0.015),
        (0.0, top, thin, reach, top + 0.02, thin),
        (reach - 0.05, top - 0.02, 0.03, reach + 0.05, top - 0.02, 0.03),
        (reach, top, 0.05, reach, top - draw.uniform(0.0, 0.08), draw.uniform(0.06, 0.12)),
        (-0.09, top * 0.55, draw.uniform(0.05, 0.13), 0.09, top * 0.55, draw.uniform(0.05, 0.13)),
    ]
    return strokes, [], 0, draw.uniform(1.4, 2.4)


def bird(draw: Draw) -> Made:
    """A long-legged bird."""
    body, lift = draw.uniform(0.45, 0.6), draw.uniform(-0.1, 0.45)
    strokes: list[Stroke] = [
        (-0.16, body, 0.08, 0.1, body + 0.04, 0.12),
        (0.12, body + 0.06, 0.05, 0.2, 0.84, 0.03),
        (0.2, 0.88, 0.055, 0.21, 0.9, 0.05),
        (0.24, 0.88, 0.022, 0.36, 0.86, 0.004),
        (-0.02, body + 0.05, 0.07, -0.25, body + lift, 0.02),
        (-0.25, body + lift, 0.05, -0.45, body + lift * 1.4, 0.008),
        (-0.2, body, 0.04, -0.38, body - 0.06, 0.015),
        (-0.02, body, 0.02, draw.uniform(-0.08, 0.02), 0.02, 0.012),
        (0.06, body, 0.02, draw.uniform(0.02, 0.14), 0.02, 0.012),
    ]
    return strokes, [], 0, draw.uniform(1.0, 1.8)


def plant(draw: Draw) -> Made:
    """A stem with leaves in a pot."""
    bend = draw.uniform(-0.1, 0.1)
    strokes: list[Stroke] = [
        (-0.1, 0.04, 0.05, 0.1, 0.04, 0.05),
        (0.0, 0.1, 0.09, 0.0, 0.16, 0.11),
        (0.0, 0.15, 0.018, bend, 0.75, 0.012),
    ]
    for i in range(9):
        y, side = 0.3 + 0.07 * i, 1.0 if i % 2 else -1.0
        tip = draw.uniform(0.12, 0.34) * side
        strokes.append((bend * y, y, 0.012, bend * y + tip, y + draw.uniform(0.0, 0.2), draw.uniform(0.04, 0.09)))
    return strokes, [], 0, draw.uniform(1.0, 1.9)


def bicycle(draw: Draw) -> Made:
    """Two wheels one sees through, a frame, a saddle and bars."""
    r, apart, rim = draw.uniform(0.28, 0.36), draw.uniform(0.42, 0.52), draw.uniform(0.05, 0.09)
    holes: list[Hole] = [(-apart, r, r - rim, r - rim), (apart, r, r - rim, r - rim)]
    thin = draw.uniform(0.025, 0.045)
    joints = ((-apart, r), (-0.05, r * 0.9), (-0.18, 0.72), (apart * 0.75, 0.75), (apart, r))
    frame = ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (3, 4))
    strokes: list[Stroke] = [
        (-apart, r, r, -apart, r, r),
        (apart, r, r, apart, r, r),
        *((*joints[a], thin, *joints[b], thin) for a, b in frame),
        (-0.18, 0.72, thin, -0.2, 0.86, thin),
        (-0.28, 0.88, 0.03, -0.12, 0.88, 0.02),
        (apart * 0.75, 0.75, thin, apart * 0.7, 0.96, thin),
        (apart * 0.7, 0.96, thin, apart * 0.5, 0.97, thin * 1.5),
    ]
    return strokes, holes, 2, draw.uniform(1.0, 1.5)


def star(draw: Draw) -> Made:
    """Arms around a pierced hub, on a stand."""
    strokes: list[Stroke] = [(0.0, 0.58, draw.uniform(0.16, 0.26), 0.0, 0.58, 0.1)]
    turn, arms = draw.uniform(0, 6.28), 8
    for i in range(arms):
        reach, a = draw.uniform(0.22, 0.4), turn + 6.2832 * i / arms
        strokes.append((0.0, 0.58, 0.07, reach * torch.sin(a), 0.58 + reach * torch.cos(a), draw.uniform(0.02, 0.06)))
    stand: list[Stroke] = [(0.0, 0.5, 0.03, 0.0, 0.03, 0.035), (-0.12, 0.02, 0.02, 0.12, 0.02, 0.02)]
    size = draw.uniform(0.03, 0.09)
    return strokes + stand, [(0.0, 0.58, size, size)], len(strokes), draw.uniform(1.0, 1.9)


def teapot(draw: Draw) -> Made:
    """A large vessel with a spout, a lid and a handle one sees through."""
    wide, high, side = draw.uniform(0.2, 0.3), draw.uniform(0.3, 0.42), 0.16
    strokes: list[Stroke] = [
        (-0.04, high, wide, 0.04, high, wide),
        (-0.02, high * 0.35, wide * 0.8, 0.02, high * 0.35, wide * 0.75),
        (-wide - side, high, side, -wide - side, high, side),
        (wide * 0.7, high * 0.8, 0.09, wide + 0.28, high + draw.uniform(0.1, 0.3), 0.035),
        (0.0, high + wide, draw.uniform(0.08, 0.14), 0.0, high + wide + 0.06, 0.07),
        (0.0, high + wide + 0.1, 0.04, 0.0, high + wide + 0.13, 0.04),
        (-0.12, 0.05, 0.05, 0.12, 0.05, 0.05),
    ]
    gap = side * draw.uniform(0.5, 0.7)
    return strokes, [(-wide - side, high, gap, gap)], 3, draw.uniform(0.9, 1.6)


def statue(draw: Draw) -> Made:
    """A heavy body on a plinth, an arm raised."""
    waist, bulk = draw.uniform(0.42, 0.5), draw.uniform(0.13, 0.19)
    strokes: list[Stroke] = [
        (-0.16, 0.08, 0.08, 0.16, 0.08, 0.08),
        (-0.13, 0.2, 0.06, 0.13, 0.2, 0.06),
        (0.0, 0.26, bulk * 0.9, draw.uniform(-0.05, 0.05), waist, bulk * 0.8),
        (0.0, waist, bulk * 0.85, 0.0, 0.68, bulk),
        (0.0, 0.78, 0.05, 0.0, 0.84, 0.07),
        (0.0, 0.88, 0.075, 0.0, 0.92, 0.07),
        (bulk, 0.7, 0.05, bulk + draw.uniform(0.08, 0.22), draw.uniform(0.75, 1.0), 0.035),
        (-bulk, 0.7, 0.05, -bulk - 0.06, 0.5, 0.045),
    ]
    return strokes, [], 0, draw.uniform(1.3, 2.3)


Family = Callable[[Draw], Made]
SPLITS: dict[str, tuple[Family, ...]] = {
    "train": (figure, quadruped, chair, blob, lamp),
    "val": (bird, plant),
    "test": (bicycle, star, teapot, statue),
}
