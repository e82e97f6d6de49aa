"""Axes of a picture: where a value stands, and which values are written beside it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

TICKS = 6  # about as many
MARGIN = 0.06  # of the range, so that no point lies on the frame


@dataclass(frozen=True)
class Axis:
    """From values to pixels."""

    at: Callable[[float], float]
    ticks: list[tuple[float, str]]


def linear(values: Sequence[float], start: float, end: float) -> Axis:
    """An even axis with round ticks.

    >>> [text for _, text in linear([0.0, 1.0], 0, 100).ticks]
    ['0', '0.2', '0.4', '0.6', '0.8', '1']
    """
    low, high = min(values), max(values)
    pad = MARGIN * (high - low) or abs(high) * MARGIN or 1.0
    low, high = low - pad, high + pad
    rough = (high - low) / TICKS
    unit = 10.0 ** math.floor(math.log10(rough))
    step = unit * next(factor for factor in (1, 2, 5, 10) if factor * unit >= rough)
    ticks = [step * number for number in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return Axis(lambda value: start + (value - low) / (high - low) * (end - start), [(v, f"{v:.6g}") for v in ticks])


def logarithmic(values: Sequence[float], start: float, end: float) -> Axis:
    """An axis of ratios for positive values, with ticks at 1, 2 and 5 times powers of ten.

    >>> [text for _, text in logarithmic([1.0, 100.0], 0, 100).ticks]
    ['1', '2', '5', '10', '20', '50', '100']
    >>> [text for _, text in logarithmic([25.0, 36.0], 0, 100).ticks]
    ['25', '30', '35']
    """
    known = [math.log10(value) for value in values if value > 0]
    low, high = min(known), max(known)
    pad = MARGIN * (high - low) or 0.3
    low, high = low - pad, high + pad
    powers = range(math.floor(low), math.ceil(high) + 1)
    factors = (1, 2, 5) if high - low < TICKS / 2 else (1,)
    ticks = [v for power in powers for factor in factors if low <= math.log10(v := factor * 10.0**power) <= high]
    if len(ticks) < 2:  # a narrow range: round numbers of an even axis
        ticks = [
            value for value, _ in linear([10**low, 10**high], start, end).ticks if low <= math.log10(value) <= high
        ]

    def at(value: float) -> float:
        place = math.log10(value) if value > 0 else low
        return start + (place - low) / (high - low) * (end - start)

    return Axis(at, [(v, f"{v:g}") for v in ticks])
