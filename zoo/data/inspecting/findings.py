"""What a check of a data set found: counts and some examples of each kind, and how to show them.

Problems are what a training run would stumble over; notes are what a person may want to know.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

EXAMPLES = 3  # shown of each kind

Kinds = dict[str, list[str]]  # kind -> where it was found


@dataclass
class Findings:
    """What was found in a data set, or in a part of it."""

    problems: Kinds = field(default_factory=lambda: defaultdict(list))
    notes: Kinds = field(default_factory=lambda: defaultdict(list))
    modes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))  # map -> colour mode -> files
    sizes: Counter[str] = field(default_factory=Counter)  # of the pictures, as h x w
    pictures: int = 0
    masks: int = 0
    grey: float = 0.0  # the share of grey pixels, summed over the masks

    def add(self, other: "Findings") -> None:
        """Take in what another part of the data set gave."""
        for own, others in ((self.problems, other.problems), (self.notes, other.notes)):
            for kind, found in others.items():
                own[kind] += found
        for name, modes in other.modes.items():
            self.modes[name] += modes
        self.sizes += other.sizes
        self.pictures += other.pictures
        self.masks += other.masks
        self.grey += other.grey

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "pictures": self.pictures,
            "problems": _shown(self.problems),
            "notes": _shown(self.notes),
            "modes": {name: dict(modes.most_common()) for name, modes in sorted(self.modes.items())},
            "sizes": dict(self.sizes.most_common()),
            "grey_share_of_masks": self._grey_share(),
        }

    def text(self) -> str:
        """For people: what there is, then notes, then problems."""
        sizes = ", ".join(f"{size} ({count:,})" for size, count in self.sizes.most_common(EXAMPLES))
        more = f" and {len(self.sizes) - EXAMPLES} other sizes" if len(self.sizes) > EXAMPLES else ""
        lines = [f"{self.pictures:,} pictures; height x width: {sizes or 'none could be read'}{more}"]
        for name, modes in self.modes.items():
            lines.append(f"  {name:<6} " + ", ".join(f"{mode} ({count:,})" for mode, count in modes.most_common()))
        if self.masks:
            lines.append(f"  grey pixels in masks: {self._grey_share():.2%} on average")
        for title, kinds in (("notes", self.notes), ("problems", self.problems)):
            lines += [f"{title}:"] if kinds else []
            for kind, shown in _shown(kinds).items():
                examples, more = shown["examples"], shown["count"] - EXAMPLES
                lines += [f"  {kind}: {shown['count']:,}", *[f"    {example}" for example in examples]]
                lines += [f"    and {more:,} more"] if more > 0 else []
        return "\n".join(lines if self.problems else [*lines, "no problems"])

    def _grey_share(self) -> float:
        return self.grey / max(self.masks, 1)


def _shown(kinds: Kinds) -> dict[str, Any]:
    """The most frequent kind first."""
    kinds = dict(sorted(kinds.items(), key=lambda kind: -len(kind[1])))
    return {kind: {"count": len(found), "examples": found[:EXAMPLES]} for kind, found in kinds.items()}
