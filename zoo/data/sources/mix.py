"""Several sources as one: masks from where masks are, depth from where depth is true."""

from collections.abc import Iterable
from itertools import accumulate
from math import isfinite
from typing import Annotated, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from registry import Card, Limit, OptionError
from zoo.contract import TASKS, Sample
from zoo.data.dataset import BatchDataset, load, parse, rendered_on, sources
from zoo.data.scenes.draw import Draw

SHARES = Limit("numbers above 0, one for each source", lambda share: all(part > 0 and isfinite(part) for part in share))
LONGEST = 10_000_000  # samples; sources that are computed have more than anybody sees


@sources.register("mix", Card(summary="several sources as one, each with a share of the samples"))
class Mix(BatchDataset):
    """Each index belongs to one source, by a hash. What a source does not know is known nowhere in its samples."""

    def __init__(
        self,
        *,
        split: str,
        size: tuple[int, int] | None,
        of: Annotated[tuple[str, ...], 'specs of the sources, as "pairbench:hard"'],
        share: Annotated[tuple[float, ...] | None, "of the samples; None: equal", SHARES] = None,
        device: Annotated[str, "where scenes are rendered, if all sources compute theirs"] = "cpu",
    ):
        if len(of) < 2:
            raise OptionError(
                f'mix takes two sources or more, as mix("pairbench:hard", "collage(plates=DIR)"); got {of!r}'
            )
        share = (1.0,) * len(of) if share is None else share
        if len(share) != len(of):
            raise OptionError(f"share={share!r} is not accepted; mix of {len(of)} sources takes {len(of)} shares")
        self.device = device if all("device" in parse(spec)[0].options for spec in of) else "cpu"
        there = [rendered_on(torch.device(self.device), spec) for spec in of]
        self.parts = [load(spec, split=split, size=size, **where) for spec, where in zip(of, there, strict=True)]  # type: ignore[arg-type]
        sizes = {part.size for part in self.parts}
        if len(sizes) > 1 or None in sizes:
            raise OptionError(f"the sources of a mix have sizes {sorted(map(str, sizes))}; load it with size=")
        self.size, self.split = self.parts[0].size, split
        known = {task for part in self.parts for task in getattr(part, "tasks", TASKS)}
        self.tasks = tuple(task for task in TASKS if task in known)
        self.ends = [end / sum(share) for end in accumulate(share)]
        whole = min(len(part) * sum(share) / each for part, each in zip(self.parts, share, strict=True))
        self.length = min(int(whole), LONGEST)

    def __len__(self) -> int:
        return self.length

    @property
    def problems(self) -> dict[str, str]:
        return {name: reason for part in self.parts for name, reason in part.problems.items()}

    def report(self) -> str:
        return "\n".join(filter(None, (part.report() for part in self.parts)))

    def keep_split(self) -> None:
        for part in self.parts:
            part.keep_split()

    def _dealt(self, indices: np.ndarray) -> np.ndarray:
        """Which source each index belongs to."""
        number = Draw(f"mix {self.split}", indices).uniform(0, 1).double().numpy()
        return np.searchsorted(self.ends[:-1], number, side="right")

    def damaged(self, indices: Iterable[int]) -> dict[int, str]:
        asked, found = np.fromiter(indices, np.int64), dict[int, str]()
        for index, number in zip(asked.tolist(), self._dealt(asked), strict=True):
            part = self.parts[number]
            for why in part.damaged([index % len(part)]).values():
                found[index] = why
        return found

    def make(self, indices: NDArray[np.int64]) -> Sample:
        which, made = self._dealt(indices), list[Sample]()
        places = [np.nonzero(which == number)[0] for number in range(len(self.parts))]
        for part, here in zip(self.parts, places, strict=True):
            if len(here):
                batch = part.batch((indices[here] % len(part)).tolist())
                made.append(batch._replace(valid=torch.cat([batch.known(task) for task in TASKS], 1)))
        order = np.argsort(np.concatenate(places))
        bg, fg_bg, mask, depth, valid = (
            torch.cat(maps)[order] for maps in zip(*(one[:5] for one in made), strict=True)
        )
        metas = [meta for one in made for meta in cast("tuple[dict[str, Any], ...]", one.meta)]
        told = tuple(metas[place] | {"index": int(index)} for place, index in zip(order, indices, strict=True))
        return Sample(bg, fg_bg, mask, depth, valid, told)
