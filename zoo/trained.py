"""What is known of a network's training. Its file keeps it, so that an untrained task is not shown as a result."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from registry import Spec, ZooError
from zoo.contract import TASKS, Task
from zoo.files import from_json

UNKNOWN = "training unknown: neither zoo.fit nor a file of it says on what this network was trained"


@dataclass(frozen=True)
class Trained:
    """By zoo.fit: on which data, and how many samples each task's losses saw; a task without is not in it."""

    data: str
    samples: Mapping[Task, int]

    def to_text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str | None) -> "Trained | None":
        """None where nothing is said, or nothing that can be read."""
        try:
            given = from_json(text or "null")
            samples: dict[Task, int] = {task: int(given["samples"][task]) for task in TASKS if task in given["samples"]}
            return cls(str(given["data"]), samples)
        except (TypeError, KeyError, ValueError, OverflowError):
            return None

    def after(self, earlier: "Trained | None") -> "Trained":
        """This training as going on from another.

        >>> Trained("my_photos", {"mask": 100}).after(Trained("pairbench", {"mask": 900, "depth": 900})).samples
        {'mask': 1000, 'depth': 900}
        """
        if earlier is None:
            return self
        samples: dict[Task, int] = {
            task: earlier.samples.get(task, 0) + self.samples.get(task, 0)
            for task in TASKS
            if task in earlier.samples or task in self.samples
        }
        is_more = earlier.data.split(", then ")[-1] == self.data  # of the same
        return Trained(earlier.data if is_more else f"{earlier.data}, then {self.data}", samples)

    def short(self) -> str:
        """How many samples of which sources, without their options.

        >>> Trained('mix(of=(pairbench:wild, "collage(plates=photos)"), share=(0.6, 0.4))', {"mask": 4_000}).short()
        '4,000 samples of pairbench:wild, collage'
        """
        return f"{max(self.samples.values(), default=0):,} samples of {self._named}"

    def story(self, tasks: tuple[Task, ...]) -> str:
        """The training of a network with these tasks in a line, and what is left out for want of it.

        >>> Trained("pairbench:hard", {"mask": 12_000}).story(TASKS)
        'trained on pairbench:hard: mask 12,000 samples; depth was never trained, and is left out'
        """
        seen = ", ".join(f"{task} {count:,} samples" for task, count in self.samples.items())
        missing = [task for task in tasks if task not in self.samples]
        left_out = f"; {' and '.join(missing)} was never trained, and is left out" if missing else ""
        return f"trained on {self._named}: {seen or 'nothing'}{left_out}"

    @property
    def _named(self) -> str:
        """What it was trained on, without options."""
        return ", then ".join(dict.fromkeys(map(_sources, self.data.split(", then "))))


def _sources(data: str) -> str:
    """The names of what was mixed, or of the one source."""
    try:
        parts = Spec.parse(data).options.get("of")
    except ZooError:
        return data
    return ", ".join(_sources(str(part)) for part in parts) if isinstance(parts, tuple) else data.partition("(")[0]
