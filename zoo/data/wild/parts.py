"""Things made of parts: boxes and round bodies, each between two ends; families that splits hold out whole.

A thing stands on y = 0, is about one unit tall and faces -z. A part is (kind, ax, ay, az, bx, by, bz, wide, deep,
taper, round, hole, slot): it reaches from a to b, is so wide and deep to each side there, gets thinner towards b by
`taper` and towards both ends by `round`, and has the material of a slot. A disc with a hole is a ring.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.data.scenes import shapes
from zoo.data.scenes.draw import Draw
from zoo.data.scenes.shapes import Number

PARTS, SLOTS = 16, 4
BOX, BODY = 0.0, 1.0
Part = tuple[Number, ...]
NOTHING = (BOX, *[0.0] * 12)
LIMBS = (0, 0, 1, 2, 2, 3, 3, 1)  # slots of trunk, head, and limbs in turn
Family = Callable[[Draw], "Sequence[Part] | Tensor"]  # parts, or their table (n, PARTS, 13)


def box(x: Number, y: Number, z: Number, wide: Number, high: Number, deep: Number, slot: int = 0) -> Part:
    """An upright box about (x, y, z); all are halves."""
    return (BOX, x, y - high, z, x, y + high, z, wide, deep, 0.0, 0.0, 0.0, slot)


def ball(x: Number, y: Number, z: Number, wide: Number, high: Number, deep: Number, slot: int = 0) -> Part:
    return (BODY, x, y - high, z, x, y + high, z, wide, deep, 0.0, 1.0, 0.0, slot)


def post(x: Number, low: Number, high: Number, z: Number, r: Number, taper: Number = 0.0, slot: int = 0) -> Part:
    """Upright and round, as a bottle or a pole."""
    return (BODY, x, low, z, x, high, z, r, r, taper, 0.02, 0.0, slot)


def wheel(x: Number, y: Number, z: Number, r: Number, hole: Number = 0.0, slot: int = 0) -> Part:
    return (BODY, x, y, z - 0.03, x, y, z + 0.03, r, r, 0.0, 0.0, hole, slot)


def flat(family: Callable[[Draw], shapes.Made]) -> Family:
    """A family of drawn silhouettes, given depth: each stroke a limb, and the sheet that they are in bent."""

    def made(draw: Draw) -> Tensor:
        strokes, _, _, _ = family(draw)
        table = shapes.table(strokes, shapes.NOWHERE, PARTS, draw)  # (n, PARTS, 6)
        ends, radii = table.view(len(draw), PARTS, 2, 3)[..., :2], table[..., 2::3]
        bend, phase = draw.uniform(0.02, 0.16)[:, None, None], draw.uniform(0, 6.28)[:, None, None]
        z = torch.sin(9 * ends[..., 0] + 4 * ends[..., 1] + phase) * bend
        start, end = torch.cat([ends, z[..., None]], 3).unbind(2)  # (n, PARTS, 3) each
        thick = radii.amax(2)
        along = end - start
        long = (along * along).sum(2).sqrt().clamp(min=1e-3)
        start, end = (at + sign * along * (0.8 * thick / long)[..., None] for at, sign in ((start, -1), (end, 1)))
        end[..., 1] += 1e-3
        rounding = (2.2 * thick / (long + 2 * thick)).clamp(0.1, 0.96)
        taper = 0.8 * (radii[..., 0] - radii[..., 1]) / thick
        slot = torch.tensor(LIMBS * 2, device=draw.device).expand_as(thick)
        rest = [thick, thick, taper, rounding, 0 * thick, slot]
        return torch.cat([torch.full_like(start[..., :1], BODY), start, end, torch.stack(rest, 2)], 2)

    return made


def vehicle(draw: Draw) -> list[Part]:
    long, high, cabin = draw.uniform(0.7, 1.3), draw.uniform(0.18, 0.32), draw.uniform(0.16, 0.34)
    r, at, wide = draw.uniform(0.13, 0.2), draw.uniform(-0.3, 0.3), draw.uniform(0.3, 0.45)
    body = r + high
    parts = [box(0.0, body, 0.0, long, high, wide, 0), box(long * 0.98, r + high * 0.7, 0.0, 0.06, 0.05, wide * 0.8, 3)]
    parts += [box(at, body + high + cabin * 0.8, 0.0, long * 0.5, cabin, wide * 0.9, 1)]
    parts += [box(at, body + high + cabin * 1.9, 0.0, long * 0.46, 0.04, wide * 0.92, 0)]
    parts += [wheel(x * long, r, z * wide, r, 0.0, 2) for x in (-0.6, 0.6) for z in (-1.0, 1.0)]
    parts += [wheel(x * long, r, -wide - 0.04, r * 0.5, 0.0, 3) for x in (-0.6, 0.6)]
    return parts


def cartons(draw: Draw) -> list[Part]:
    parts: list[Part] = []
    top: Number = 0.0
    for i in range(3):
        half, x = draw.uniform(0.08, 0.24), draw.uniform(-0.1, 0.1)
        parts.append(
            box(x, top + half, draw.uniform(-0.1, 0.1), draw.uniform(0.15, 0.45), half, draw.uniform(0.1, 0.3), i)
        )
        top = top + 2 * half
    parts.append(box(draw.uniform(-0.7, 0.7), 0.12, -0.3, 0.16, 0.12, 0.14, 3))
    return parts


def bottle(draw: Draw) -> list[Part]:
    r, neck, high = draw.uniform(0.12, 0.3), draw.uniform(0.04, 0.12), draw.uniform(0.4, 0.7)
    parts = [post(0.0, 0.0, high, 0.0, r, 0.0, 0), ball(0.0, high, 0.0, r, r * draw.uniform(0.5, 1.0), r, 0)]
    parts += [post(0.0, high, 0.95, 0.0, neck, 0.0, 0), post(0.0, 0.92, 1.0, 0.0, neck * 1.2, 0.0, 1)]
    low = draw.uniform(0.08, 0.2)
    return [*parts, post(0.0, low, low + draw.uniform(0.1, 0.25), 0.0, r * 1.02, 0.0, 2)]


def assembly(draw: Draw) -> list[Part]:
    """Nine bodies of any kind, each touching the one before."""
    parts: list[Part] = []
    x, y, z = (draw.uniform(-0.1, 0.1) for _ in range(3))
    y = y + 0.3
    for i in range(9):
        step = [draw.uniform(-0.25, 0.25) for _ in range(3)]
        nx, nz = (x + step[0]).clamp(-0.5, 0.5), (z + step[1]).clamp(-0.4, 0.4)
        ny = (y + step[2] + 0.05).clamp(0.08, 0.95)
        kind = draw.chance(0.6).float()
        wide, deep = draw.uniform(0.02, 1.0) ** 2 * 0.26 + 0.03, draw.uniform(0.03, 0.22)
        parts.append(
            (
                kind,
                x,
                y,
                z,
                nx,
                ny + 0.02,
                nz,
                wide,
                deep,
                draw.uniform(-0.5, 0.5),
                draw.uniform(0.05, 0.95),
                0.0,
                i % 4,
            )
        )
        x, y, z = nx, ny, nz
    return parts


def fruit(draw: Draw) -> list[Part]:
    """Round things in a heap, with leaves."""
    parts: list[Part] = []
    for i in range(6):
        r = draw.uniform(0.1, 0.26)
        x = draw.uniform(-0.4, 0.4)
        parts.append(
            ball(x, r + (0.3 if i > 3 else 0.0), draw.uniform(-0.3, 0.3), r, r * draw.uniform(0.7, 1.1), r, i % 3)
        )
    for _ in range(3):
        x, y = draw.uniform(-0.3, 0.3), draw.uniform(0.4, 0.6)
        tip = draw.uniform(-0.35, 0.35)
        parts.append((BODY, x, y, 0.0, x + tip, y + draw.uniform(0.05, 0.3), -0.1, 0.07, 0.02, 0.0, 0.98, 0.0, 3))
    return parts


def furniture(draw: Draw) -> list[Part]:
    """A table, a bench, a shelf."""
    wide, deep, thin, top = (
        draw.uniform(0.3, 0.7),
        draw.uniform(0.15, 0.35),
        draw.uniform(0.02, 0.05),
        draw.uniform(0.4, 0.8),
    )
    parts = [box(0.0, top, 0.0, wide, thin, deep, 0)]
    parts += [
        box(x * wide * 0.92, top / 2, z * deep * 0.85, thin, top / 2, thin, 1) for x in (-1.0, 1.0) for z in (-1.0, 1.0)
    ]
    back = draw.chance(0.5) * draw.uniform(0.1, 0.3)
    parts += [box(0.0, top + back, deep * 0.95, wide * back.sign(), back, thin * 0.7, 2)]
    parts += [box(draw.uniform(-0.6, 0.6) * wide, top + 0.1, 0.0, 0.08, 0.1, 0.07, 3)]
    return [*parts, box(0.0, top * 0.35, 0.0, wide * 0.9, thin * 0.6, deep * 0.8, 0)]


def cup(draw: Draw) -> list[Part]:
    r, high, side = draw.uniform(0.22, 0.4), draw.uniform(0.5, 0.9), 0.2
    parts = [
        post(0.0, 0.02, high, 0.0, r, draw.uniform(-0.4, 0.2), 0),
        post(0.0, high - 0.02, high + 0.02, 0.0, r * 1.03, 0.0, 1),
    ]
    parts += [wheel(r + side * 0.6, high * 0.55, 0.0, side, 0.7, 0), post(0.0, 0.0, 0.05, 0.0, r * 1.5, 0.0, 2)]
    return [*parts, box(0.0, high * 0.5, -r * 0.7, r * 0.5, high * 0.2, r * 0.3, 3)]


def bicycle(draw: Draw) -> list[Part]:
    r, apart, thin = draw.uniform(0.28, 0.36), draw.uniform(0.42, 0.52), draw.uniform(0.014, 0.024)
    joints = ((-apart, r), (-0.05, r * 0.9), (-0.18, 0.74), (apart * 0.75, 0.78), (apart, r))
    parts = [wheel(x, r, 0.0, r, draw.uniform(0.8, 0.9), 1) for x in (-apart, apart)]
    for a, b in ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (3, 4)):
        parts.append((BODY, *joints[a], 0.0, *joints[b], 0.0, thin, thin, 0.0, 0.02, 0.0, 0))
    parts += [
        ball(-0.2, 0.84, 0.0, 0.13, 0.035, 0.07, 2),
        (BODY, -0.18, 0.72, 0.0, -0.2, 0.84, 0.0, thin, thin, 0.0, 0.0, 0.0, 0),
    ]
    parts += [(BODY, apart * 0.75, 0.78, 0.0, apart * 0.7, 0.98, 0.0, thin, thin, 0.0, 0.0, 0.0, 0)]
    return [*parts, (BODY, apart * 0.7, 0.98, -0.24, apart * 0.7, 0.981, 0.24, thin, thin, 0.0, 0.1, 0.0, 2)]


def teapot(draw: Draw) -> list[Part]:
    wide, high = draw.uniform(0.3, 0.42), draw.uniform(0.24, 0.36)
    parts = [ball(0.0, high, 0.0, wide, high, wide, 0), ball(0.0, 2 * high, 0.0, wide * 0.55, 0.07, wide * 0.55, 1)]
    parts += [
        ball(0.0, 2 * high + 0.1, 0.0, 0.05, 0.05, 0.05, 2),
        wheel(-wide * 1.15, high * 1.1, 0.0, high * 0.7, 0.75, 3),
    ]
    return [*parts, (BODY, wide * 0.7, high * 0.8, 0.0, wide * 1.6, high * 1.9, 0.0, 0.09, 0.08, 0.7, 0.1, 0.0, 0)]


def tree(draw: Draw) -> list[Part]:
    """A trunk under clumps of leaves."""
    trunk, r, slim = draw.uniform(0.2, 0.5), draw.uniform(0.02, 0.045), draw.uniform(0.5, 1.1)
    parts = [post(0.0, 0.0, trunk + 0.25, 0.0, r, 0.4, 1)]
    for i in range(14):
        x, z = (draw.uniform(-0.3, 0.3) * slim for _ in range(2))
        y = trunk + (1 - trunk) * draw.uniform(0.05, 0.9)
        size = draw.uniform(0.07, 0.17)
        parts.append(ball(x, y, z, size * slim, size * 0.8, size * slim, 0 if i % 3 else 2))
    return parts


def bush(draw: Draw) -> list[Part]:
    return [
        ball(draw.uniform(-0.6, 0.6), draw.uniform(0.15, 0.65), draw.uniform(-0.3, 0.3), r, r * 0.8, r, i % 3)
        for i, r in enumerate(draw.uniform(0.14, 0.32, 12).unbind(1))
    ]


def hill(draw: Draw) -> list[Part]:
    return [
        ball(draw.uniform(-3, 3), 0.0, draw.uniform(0, 1), draw.uniform(1.5, 5.0), draw.uniform(0.3, 1.0), 1.0, i)
        for i in range(3)
    ]


def house(draw: Draw) -> list[Part]:
    wide, deep, high = draw.uniform(0.3, 1.2), draw.uniform(0.3, 0.8), draw.uniform(0.25, 0.45)
    parts = [
        box(0.0, high, 0.0, wide, high, deep, 0),
        box(0.0, 2 * high + 0.02, 0.0, wide * 1.06, 0.025, deep * 1.06, 1),
    ]
    parts += [box(draw.uniform(-0.6, 0.6) * wide, 2 * high + 0.1, 0.0, 0.06, 0.1, 0.06, 2)]
    return [*parts, box(draw.uniform(-0.8, 0.8) * wide, 0.12, -deep, 0.06, 0.12, 0.02, 3)]


def pole(draw: Draw) -> list[Part]:
    r, arm = draw.uniform(0.006, 0.03), draw.uniform(-0.2, 0.2)
    parts = [post(0.0, 0.0, 1.0, 0.0, r, 0.2, 0), (BODY, 0.0, 0.97, 0.0, arm, 1.0, 0.0, r, r, 0.0, 0.0, 0.0, 0)]
    return [*parts, box(0.0, draw.uniform(0.5, 0.9), -r, draw.uniform(0.02, 0.12), draw.uniform(0.02, 0.1), 0.01, 1)]


def rock(draw: Draw) -> list[Part]:
    return [
        ball(
            draw.uniform(-0.6, 0.6),
            draw.uniform(0.0, 0.3),
            draw.uniform(-0.3, 0.3),
            wide,
            draw.uniform(0.15, 0.5),
            wide,
            i % 3,
        )
        for i, wide in enumerate(draw.uniform(0.15, 0.5, 6).unbind(1))
    ]


SPLITS: dict[str, tuple[Family, ...]] = {
    "train": (
        *(flat(family) for family in (shapes.figure, shapes.quadruped, shapes.chair, shapes.blob, shapes.lamp)),
        *(vehicle, cartons, bottle, assembly, assembly, assembly, fruit),
    ),
    "val": (flat(shapes.bird), flat(shapes.plant), furniture, cup),
    "test": (flat(shapes.star), flat(shapes.statue), bicycle, teapot),
}
SCENERY: tuple[Family, ...] = (tree, bush, hill, house, pole, rock)
TREE, BUSH, HILL, HOUSE, POLE, ROCK = range(len(SCENERY))


@dataclass
class Parts:
    """n things of PARTS parts each."""

    is_body: Tensor  # (n, PARTS)
    start: Tensor  # (n, PARTS, 3)
    end: Tensor
    half: Tensor  # (n, PARTS, 2) wide and deep
    curve: Tensor  # (n, PARTS, 2): the square of its radius is 1 + curve[0] y + curve[1] y^2, y from -1 to 1
    hole: Tensor  # (n, PARTS) share of the radius
    slot: Tensor  # (n, PARTS)

    @classmethod
    def draw(cls, draw: Draw, families: Sequence[Family], which: Tensor) -> "Parts":
        """which (n,): the family of each."""
        rows = torch.arange(len(draw), device=draw.device)
        unique = list(dict.fromkeys(families))
        place = torch.tensor([unique.index(family) for family in families], device=draw.device)[which]
        made = [
            found if isinstance(found := family(draw), Tensor) else shapes.table(found, NOTHING, PARTS, draw)
            for family in unique
        ]
        table = torch.stack(made)[place, rows]
        taper, rounding = table[..., 9], table[..., 10]
        squared = torch.stack([-taper, -rounding * (1 - taper.abs()).clamp(min=0)], -1)
        half = table[..., 7:9]
        return cls(
            table[..., 0] > 0.5, table[..., 1:4], table[..., 4:7], half, squared, table[..., 11], table[..., 12].long()
        )
