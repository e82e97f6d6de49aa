"""People's own data in the founding layout, loose or in a zip, read lazily.

>>> ds = zoo.data.load("folders:my_data", split="train", size=224, template="{stem.split:_:3}")  # doctest: +SKIP
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from torch import Tensor

from registry import SHARE, Card
from registry.vocabulary import Split
from zoo.contract import TASKS, Sample, Task
from zoo.data.dataset import DamagedError, DataError, PairDataset, sources
from zoo.data.files.images import same_aspect
from zoo.data.files.layout import DIRS, Layout, read_layout
from zoo.data.files.maps import finish, read, sample_of
from zoo.data.sources.problems import Problems, summary
from zoo.data.splitting.splits import FRACTIONS, Kind, Splits, file_beside, keep, settled

ROUNDING = 1e-9  # 0.29 * 100 is 28.999999999999996

Farther = Literal["brighter-is-farther", "brighter-is-nearer"]
Lost = Literal["skip", "raise"]  # skip: whoever reads may leave a damaged sample out


@sources.register("folders", Card(summary="a folder or zip with bg/, fg_bg/, fg_bg_mask/ and fg_bg_depth/"))
@dataclass(kw_only=True, eq=False, repr=False)
class Folders(PairDataset):
    """Samples from files. One that cannot be read is a DamagedError where it is asked for, and named in `problems`.

    A map that is not among the tasks is zeros. Images are resized bilinearly with antialiasing, and so are soft masks
    (a JPEG's edges are soft); a mask of nothing but 0 and 1 takes its nearest pixels and stays so.
    """

    path: Annotated[str, "a folder, or a zip"]
    split: Split = "all"
    size: tuple[int, int] | None = None
    tasks: Annotated[tuple[Task, ...] | Task, "mask, depth, or both, as far as the data has them"] = TASKS
    per_background: Annotated[int | None, "pictures per background, in their order; None: divided evenly"] = None
    template: Annotated[str | None, "the part of a picture's name that names its background, as {stem.split:_:3}"] = (
        None
    )
    objects: Annotated[str | None, "the part of a picture's name that names its object; whole objects are held out"] = (
        None
    )
    manifest: Annotated[str | None, "a .csv or .jsonl with bg, fg_bg, mask, depth"] = None
    dirs: Annotated[tuple[str, str, str, str], "the folders of bg, fg_bg, mask, depth"] = DIRS
    depth: Annotated[Farther, "what bright means in the depth maps"] = "brighter-is-farther"
    on_error: Annotated[Lost, "what to do with a sample that cannot be read"] = "skip"
    max_bad: Annotated[
        float,
        "the largest accepted share of damaged samples; they are left out, in training replaced by the next",
        SHARE,
    ] = 0.2
    split_kind: Annotated[Kind, "what is held out"] = "held-out"
    split_seed: Annotated[int, "which groups are held out"] = 0
    fractions: Annotated[tuple[float, float, float], "of the groups: train, val, test"] = FRACTIONS

    def __post_init__(self) -> None:
        self.tasks = (self.tasks,) if isinstance(self.tasks, str) else self.tasks
        layout = read_layout(
            self.path,
            tasks=self.tasks,
            per_background=self.per_background,
            template=self.template,
            objects=self.objects,
            manifest=self.manifest,
            dirs=self.dirs,
        )
        self.total = len(layout)
        self.limit = int(self.max_bad * self.total + ROUNDING)
        self.problems_seen = Problems()
        self.splits: tuple[Path, Splits] | None = None  # decided here, and where they would be kept
        self.split_note = ""  # how the data was split, for records
        self.layout = self._of_split(layout).whole()
        for picture, reason in self.layout.missing.items():
            self._note(layout.store.label(picture), reason, None)
        if not len(self.layout):
            raise DataError(f"{self.path}: no sample is whole; {summary(self.problems, self.total)}")

    def __len__(self) -> int:
        return len(self.layout)

    @property
    def problems(self) -> dict[str, str]:
        """Of this process and of the workers that it started."""
        return self.problems_seen.all()

    def report(self) -> str:
        return summary(self.problems, self.total)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"splits": None}  # a million names, of which another process needs none

    def keep_split(self) -> None:
        if self.splits is not None:
            keep(*self.splits)

    def sample(self, index: int) -> Sample:
        names = self.layout.row(index)
        label, cause = self.layout.store.label(names["fg_bg"]), None
        reason = self.problems_seen.known(label)
        if reason is None:
            try:
                return self._read(index, names)
            except DataError as error:
                reason, cause = str(error).removeprefix(f"{label}: "), error
        self._note(label, reason, cause)
        raise DamagedError(f"{label}: {reason}") from cause

    def _read(self, index: int, names: dict[str, str]) -> Sample:
        """The sample of a row; a DataError names the file that is wrong."""
        store = self.layout.store
        maps = {name: read(name, store.read(file), store.label(file), self.size) for name, file in names.items()}
        self._check_sizes(names, maps)
        meta: dict[str, Any] = {"index": index, "paths": names, "size": tuple(maps["fg_bg"].shape[-2:])}
        meta["bg"] = names["bg"]
        if (named := self.layout.object(index)) is not None:
            meta["object"] = named
        is_nearer = self.depth == "brighter-is-nearer"
        return sample_of({name: finish(name, maps[name], self.size, is_nearer=is_nearer) for name in maps}, meta)

    def _check_sizes(self, names: dict[str, str], maps: dict[str, Tensor]) -> None:
        """All four are of one size, or of one aspect where they are resized anyway."""
        sizes = {name: (image.shape[-2], image.shape[-1]) for name, image in maps.items()}
        size, label = sizes["fg_bg"], self.layout.store.label
        for name, own in sizes.items():
            if own != size and not (self.size is not None and same_aspect(own, size)):
                one, other = ("{} is {} x {}".format(label(names[which]), *sizes[which]) for which in (name, "fg_bg"))
                hint = "" if self.size is not None else "; size= resizes maps of one aspect"
                raise DataError(f"{one}, and {other}{hint}")

    def _note(self, label: str, reason: str, error: DataError | None) -> None:
        """Note a sample that cannot be used; too many of them, or any where none is wanted, is an error."""
        if self.on_error == "raise":
            raise error or DataError(f"{label}: {reason}")
        self.problems_seen.add(label, reason)
        problems = self.problems
        if len(problems) > self.limit:
            raise DataError(
                f"{summary(problems, self.total)}\nthat is more than max_bad={self.max_bad:g} allows ({self.limit});"
                f" look at them with `zoo data check {self.layout.store.path}`"
            ) from error

    def _of_split(self, layout: Layout) -> Layout:
        """The rows of the split."""
        if self.split == "all":
            return layout
        backgrounds = [name or None for name in layout.column("bg")]
        objects = [name or None for name in layout.column("object")] if "object" in layout.columns else None
        names = layout.column("fg_bg")
        file = file_beside(Path(self.path))
        splits = settled(
            file,
            backgrounds,
            objects,
            seed=self.split_seed,
            fractions=self.fractions,
            kind=self.split_kind,
            names=names,
        )
        self.splits = None if file.exists() else (file, splits)
        self.split_note = splits.describe()
        return layout.take(splits.indices(backgrounds, objects, names=names)[self.split])
