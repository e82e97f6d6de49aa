"""What a check of a data set found: counts and some examples of each kind, and how to show them.

Problems are what a training run would stumble over; notes are what a person may want to know.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

EXAMPLES = 3


@dataclass
class Findings:
    """Counts, and some examples of each."""

    problems: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    modes: dict[str, Counter[str]] = field(default_factory=dict)  # map -> colour mode -> files
    sizes: Counter[str] = field(default_factory=Counter)  # of the pictures, as h x w
    pictures: int = 0
    masks: int = 0
    grey: float = 0.0  # the share of grey pixels, summed over the masks

    def problem(self, kind: str, example: str) -> None:
        self.problems[kind] += 1
        self._keep(kind, example)

    def note(self, kind: str, example: str) -> None:
        self.notes[kind] += 1
        self._keep(kind, example)

    def _keep(self, kind: str, *examples: str) -> None:
        shown = self.examples.setdefault(kind, [])
        shown += examples[: EXAMPLES - len(shown)]

    def add(self, other: "Findings") -> None:
        """Take in what another part of the data set gave."""
        self.problems += other.problems
        self.notes += other.notes
        self.sizes += other.sizes
        self.pictures += other.pictures
        self.masks += other.masks
        self.grey += other.grey
        for name, modes in other.modes.items():
            self.modes.setdefault(name, Counter()).update(modes)
        for kind, examples in other.examples.items():
            self._keep(kind, *examples)

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "pictures": self.pictures,
            "problems": self._kinds(self.problems),
            "notes": self._kinds(self.notes),
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
            for kind, count in kinds.most_common():
                examples = self.examples[kind]
                lines.append(f"  {kind}: {count:,}")
                lines += [f"    {example}" for example in examples]
                lines += [f"    and {count - len(examples):,} more"] if count > len(examples) else []
        return "\n".join(lines if self.problems else [*lines, "no problems"])

    def _grey_share(self) -> float:
        return self.grey / max(self.masks, 1)

    def _kinds(self, counts: Counter[str]) -> dict[str, Any]:
        return {kind: {"count": n, "examples": self.examples[kind]} for kind, n in counts.most_common()}
