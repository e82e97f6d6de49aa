"""Places by kind: how wide and high, where the camera stands, what stands around; and which of them a split may see."""

from zoo.data.wild.parts import BUSH, HILL, HOUSE, POLE, ROCK, SCENERY, TREE

FAR = 60.0  # metres; beyond, everything is sky
NONE = 1e4  # metres to a wall that is not there
PROP, VOID = len(SCENERY), len(SCENERY) + 1  # a thing like those that come and go; nothing
LAYOUTS: dict[str, tuple[str, ...]] = {
    "train": ("street", "room", "yard", "field", "table", "court"),
    "val": ("corner", "park"),
    "test": ("hall", "alley", "terrace"),
}
KINDS = tuple(name for names in LAYOUTS.values() for name in names)
INDOOR = ("room", "table", "corner", "hall")
OPEN, ROOF = (NONE, NONE), (10.0, 10.0)
# least and most of: ceiling; metres to the sides; to the back; height of walls; pitch; height of the camera; turn
RANGES = {
    "street": (OPEN, (3.5, 9.0), OPEN, (4.0, 14.0), (-0.12, 0.15), (1.2, 3.0), (-0.35, 0.35)),
    "room": ((2.4, 3.2), (1.8, 4.0), (3.5, 8.0), ROOF, (0.0, 0.35), (1.0, 1.9), (-0.5, 0.5)),
    "yard": (OPEN, (5.0, 12.0), (6.0, 16.0), (1.2, 5.0), (0.0, 0.35), (1.2, 3.0), (-0.5, 0.5)),
    "field": (OPEN, OPEN, OPEN, ROOF, (-0.15, 0.2), (0.8, 3.0), (0.0, 0.0)),
    "table": ((3.5, 5.0), (3.0, 7.0), (3.0, 8.0), ROOF, (0.25, 0.9), (1.2, 2.2), (-0.8, 0.8)),
    "court": (OPEN, OPEN, (9.0, 25.0), (3.0, 8.0), (0.4, 1.2), (2.5, 5.0), (-0.5, 0.5)),
    "corner": ((2.4, 3.4), (2.6, 4.0), (2.6, 4.5), ROOF, (0.0, 0.35), (1.0, 1.9), (0.5, 0.95)),
    "park": (OPEN, OPEN, OPEN, ROOF, (-0.1, 0.3), (1.0, 3.0), (0.0, 0.0)),
    "hall": ((3.0, 5.0), (4.0, 7.0), (10.0, 20.0), ROOF, (-0.05, 0.25), (1.2, 2.2), (-0.35, 0.35)),
    "alley": (OPEN, (1.3, 2.6), (14.0, 40.0), (3.0, 9.0), (-0.1, 0.2), (1.2, 2.2), (-0.25, 0.25)),
    "terrace": (OPEN, (6.0, 14.0), (5.0, 10.0), (0.5, 1.1), (0.05, 0.5), (1.4, 2.6), (-0.6, 0.6)),
}
STOCK = {  # what stands around, each as likely as the others
    "street": (HOUSE, TREE, TREE, POLE, POLE, PROP, PROP, BUSH, VOID, HILL),
    "room": (PROP, PROP, PROP, PROP, PROP, BUSH, VOID, VOID, POLE, PROP),
    "yard": (TREE, TREE, BUSH, BUSH, BUSH, PROP, PROP, ROCK, HOUSE, POLE),
    "field": (TREE, TREE, TREE, BUSH, HILL, HILL, ROCK, ROCK, HOUSE, PROP),
    "table": (PROP, PROP, PROP, PROP, ROCK, VOID, BUSH, PROP, VOID, PROP),
    "court": (PROP, PROP, TREE, BUSH, ROCK, POLE, VOID, VOID, PROP, BUSH),
    "corner": (PROP, PROP, PROP, BUSH, VOID, PROP, PROP, POLE, VOID, PROP),
    "park": (TREE, TREE, TREE, TREE, BUSH, BUSH, ROCK, POLE, PROP, HILL),
    "hall": (PROP, PROP, POLE, POLE, PROP, BUSH, VOID, PROP, PROP, POLE),
    "alley": (PROP, POLE, BUSH, PROP, VOID, VOID, PROP, POLE, PROP, TREE),
    "terrace": (BUSH, BUSH, PROP, PROP, TREE, HILL, HILL, ROCK, VOID, POLE),
}
# least and most height and distance of what stands around, metres; in the order of SCENERY, then PROP and VOID
HEIGHTS = ((2.5, 8.0), (0.4, 2.0), (3.0, 11.0), (3.0, 11.0), (2.0, 7.0), (0.3, 1.5), (0.3, 2.2), (0.1, 0.1))
AWAY = ((4.0, 28.0), (3.0, 20.0), (36.0, 58.0), (14.0, 45.0), (3.0, 25.0), (2.4, 16.0), (2.2, 12.0), (9.0, 9.0))
