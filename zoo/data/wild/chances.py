"""How often each difference between plate and photo occurs; alone, one always does and no other ever."""

from collections.abc import Mapping

PROBABILITY: Mapping[str, float] = {
    "shift": 0.75,  # by a step, by a turn of the camera, or both
    "turn": 0.5,
    "zoom": 0.4,
    "light": 0.35,  # clouds; half as often its direction, seldom all of it
    "exposure": 0.6,
    "colour": 0.6,
    "wind": 1.0,
    "blur": 0.4,
    "smear": 0.12,
    "noise": 0.7,
    "compression": 0.9,
    "wrong_plate": 0.02,
}


def chances(only: str | None) -> Mapping[str, float]:
    """The probabilities; only: this one always and no other."""
    return PROBABILITY if only is None else {name: float(name == only) for name in PROBABILITY}
