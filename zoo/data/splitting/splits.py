"""Splits of people's own data: whole backgrounds and whole objects are held out, so that a test set is new.

A sample is in test only if its background and its object both are test's; one that mixes train's background with test's
object would leak either way, so it is in no split, and counted. Which group goes where depends on its name and the
seed, never on the order of the samples. A training keeps the decision in a file
beside the data, from which it is read from then on.

>>> splits = decide(["a", "a", "b", "c"], seed=1)
>>> {name: indices.tolist() for name, indices in splits.indices(["a", "a", "b", "c"]).items()}
{'train': [2], 'val': [3], 'test': [0, 1]}
"""

import json
import math
import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from itertools import repeat
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from registry import is_count, require, require_each
from zoo.begun import differences
from zoo.data.dataset import DataError, NoSplitError
from zoo.data.splitting.dealing import NAMES, deal, deal_islands
from zoo.files import from_json, sweep_of, write_text

Kind = Literal["held-out", "backgrounds", "objects", "random"]  # held-out: both where both are known
KINDS: tuple[Kind, ...] = get_args(Kind)
FRACTIONS = (0.8, 0.1, 0.1)
SCHEMA = 1

Groups = Sequence[Hashable | None]  # one per sample, told apart by its text; None: not known, or none in the picture


@dataclass(frozen=True)
class Splits:
    """Which group belongs to which split; `indices` applies it to a list of samples."""

    kind: Kind
    seed: int
    fractions: tuple[float, ...]
    groups: Mapping[str, Mapping[str, str]]  # backgrounds, objects, or samples -> group -> split
    digest: str  # of every group's name
    notes: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)  # samples per split when it was decided, and left out

    def indices(
        self, backgrounds: Groups, objects: Groups | None = None, *, names: Groups | None = None
    ) -> dict[str, Any]:
        """Split -> the indices of its samples, ascending; a sample that mixes splits is in none."""
        given = _given(self.kind, backgrounds, objects, names)
        columns = [self._splits_of(factor, given[factor]) for factor in self.groups]
        rows = list(zip(*columns, strict=True))
        belongs = {row: "/".join({split for split in row if split}) or "train" for row in set(rows)}
        found = np.array([belongs[row] for row in rows])  # train/val and the like are no split
        return {name: np.flatnonzero(found == name) for name in NAMES}

    def _splits_of(self, factor: str, groups: Sequence[str | None]) -> list[str | None]:
        try:
            return [group if group is None else self.groups[factor][group] for group in groups]
        except KeyError as error:
            raise DataError(f"{error} is in no split: it was not among the {factor} when they were split") from None

    def describe(self) -> str:
        """One line for a record: how the data was split, and what that left out."""
        how = {
            "held-out": f"held-out {' and '.join(self.groups)}",
            "random": "RANDOM split: test shares backgrounds and objects with train",
        }.get(self.kind, f"held-out {self.kind}")
        sizes = ", ".join(f"{name} {count:,}" for name, count in self.counts.items())
        return "; ".join([f"{how}, seed {self.seed}", sizes, *self.notes, f"groups {self.digest[:12]}"])

    def save(self, path: Path) -> None:
        """Write it, whole or not at all; a draft that a killed process left goes."""
        sweep_of([path])
        write_text(path, json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1) + "\n")


def decide(
    backgrounds: Groups,
    objects: Groups | None = None,
    *,
    seed: int = 0,
    fractions: Sequence[float] = FRACTIONS,
    kind: Kind = "held-out",
    names: Groups | None = None,
) -> Splits:
    """Which groups belong to which split.

    backgrounds, objects: one group per sample. names: one per sample, for a random split; without, its position.
    fractions: of the groups, for train, val and test; a split whose fraction is not 0 gets at least one group.
    """
    shares = _checked(fractions, seed, kind)
    given = _given(kind, backgrounds, objects, names)
    distinct = {factor: sorted({group for group in groups if group is not None}) for factor, groups in given.items()}
    needed = sum(share > 0 for share in shares)
    held = {factor: groups for factor, groups in distinct.items() if len(groups) >= needed}
    if not held:
        few = ((len(groups), factor) for factor, groups in distinct.items())
        there = " and ".join(f"{count} {factor.removesuffix('s' * (count == 1))}" for count, factor in few)
        raise NoSplitError(
            f"{there} cannot be held out: {needed} splits need {needed} of them or more."
            ' Take all of it (split="all", --split all), or split it by sample (split_kind=random)'
        )
    notes = tuple(f"{len(distinct[factor])} {factor}: not held out" for factor in distinct if factor not in held)
    dealt = {factor: deal(groups, seed, shares, factor) for factor, groups in held.items()}
    if len(held) == 2:
        dealt = deal_islands(given, seed, shares) or dealt
    splits = Splits(kind, seed, shares, dealt, _digest(distinct), notes)
    counts = {name: len(found) for name, found in splits.indices(backgrounds, objects, names=names).items()}
    empty = [name for name, share in zip(NAMES, shares, strict=True) if share > 0 and not counts[name]]
    if empty:
        raise DataError(
            f"holding out backgrounds and objects together leaves {' and '.join(empty)} empty: no sample has two"
            " held-out ones. Hold out one of them with split_kind=backgrounds or split_kind=objects"
        )
    mixed = len(next(iter(given.values()))) - sum(counts.values())
    return replace(splits, counts={**counts, "left out (mixed)": mixed})


def settled(
    file: Path,
    backgrounds: Groups,
    objects: Groups | None = None,
    *,
    seed: int = 0,
    fractions: Sequence[float] = FRACTIONS,
    kind: Kind = "held-out",
    names: Groups | None = None,
) -> Splits:
    """The splits kept in a file; decided where there is none. Refused where the data or the wish is another."""
    if not file.exists():
        return decide(backgrounds, objects, seed=seed, fractions=fractions, kind=kind, names=names)
    saved = read(file)
    asked = {"split_kind": kind, "split_seed": seed, "fractions": _checked(fractions, seed, kind)}
    before = {"split_kind": saved.kind, "split_seed": saved.seed, "fractions": saved.fractions}
    if different := differences(before, asked):
        raise DataError(
            f"{file} was made with other settings: {different}. Ask for what it holds, or delete it to split again;"
            " results before and after cannot be compared"
        )
    given = _given(kind, backgrounds, objects, names)
    distinct = {factor: sorted({group for group in groups if group is not None}) for factor, groups in given.items()}
    if _digest(distinct) != saved.digest:
        raise DataError(
            f"{file} was made for other data: {_regrouped(saved.groups, distinct)}. Put the data back, read it as it"
            " was read then (a manifest or a template tells other groups), or delete the file to split anew; results"
            " before and after cannot be compared"
        )
    return saved


def keep(file: Path, splits: Splits) -> None:
    """Write what was decided, unless it is there; a disk that cannot be written is a warning."""
    try:
        if not file.exists():
            splits.save(file)
    except OSError as error:  # the same splits come out next time
        warnings.warn(f"the splits are not saved, {file}: {error.strerror}", stacklevel=2)


def read(file: Path) -> Splits:
    """Splits as they were saved."""
    try:
        content = from_json(file.read_text(encoding="utf-8"))
        if content.pop("schema") != SCHEMA:
            raise DataError(f"{file} has another schema than {SCHEMA}; delete it to split again")
        splits = Splits(**content | {name: tuple(content[name]) for name in ("fractions", "notes")})
        _require_whole(splits)
    except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        raise DataError(f"{file} cannot be read as splits ({error}); delete it to split again") from error
    return splits


def _require_whole(splits: Splits) -> None:
    """Raise ValueError where a file holds something else than what `Splits.save` writes."""
    if any(split not in NAMES for groups in splits.groups.values() for split in groups.values()):
        raise ValueError(f"splits are {', '.join(NAMES)}")
    _checked(splits.fractions, splits.seed, splits.kind)
    if not {*splits.groups} <= {*_factors(splits.kind)}:
        raise ValueError(f"its groups are no {' and '.join(_factors(splits.kind))}")
    counts = splits.counts.values()
    if not all(map(is_count, counts, repeat(0))) or not all(isinstance(t, str) for t in (splits.digest, *splits.notes)):
        raise ValueError("its counts are whole numbers, and its digest and notes are text")


def file_beside(data: Path) -> Path:
    """Where the splits of a folder or of a file are kept."""
    return data / "splits.json" if data.is_dir() else data.with_name(f"{data.name}.splits.json")


def _checked(fractions: Sequence[float], seed: int, kind: str) -> tuple[float, ...]:
    shares = tuple(float(share) for share in fractions)
    is_whole = len(shares) == len(NAMES) and math.isclose(sum(shares), 1, abs_tol=1e-6)
    accepted = "three numbers for train, val and test, none below 0, train's above 0, that sum to 1"
    require(is_whole and min(shares) >= 0 and shares[0] > 0, "fractions", tuple(fractions), accepted)
    require_each("split_kind", kind, (kind,), KINDS)
    require(isinstance(seed, int) and not isinstance(seed, bool), "seed", seed, "a whole number")
    return shares


def _given(
    kind: Kind, backgrounds: Groups, objects: Groups | None, names: Groups | None
) -> dict[str, list[str | None]]:
    """What splits by what: factor -> one group per sample, as text."""
    samples = range(len(backgrounds)) if names is None else names
    known = {"samples": samples, "backgrounds": backgrounds, "objects": objects}
    factors = {factor: groups for factor in _factors(kind) if (groups := known[factor]) is not None}
    if not factors:
        raise DataError("the objects of this data are not known, so split_kind=objects cannot hold them out")
    for factor, groups in factors.items():
        if len(groups) != len(backgrounds):
            raise DataError(f"{len(backgrounds)} samples have backgrounds, and {len(groups)} have {factor}")
    return {factor: [None if g is None else str(g) for g in groups] for factor, groups in factors.items()}


def _factors(kind: str) -> tuple[str, ...]:
    """What a kind of splits goes by."""
    return {"held-out": ("backgrounds", "objects"), "random": ("samples",)}.get(kind, (kind,))


def _digest(distinct: Mapping[str, Sequence[str]]) -> str:
    return sha256(json.dumps(distinct, sort_keys=True).encode()).hexdigest()


def _regrouped(then: Mapping[str, Mapping[str, str]], now: Mapping[str, Sequence[str]]) -> str:
    """Which groups are gone and which are new."""
    before = {factor: dict.fromkeys(groups) for factor, groups in then.items()}
    after = {factor: dict.fromkeys(now.get(factor, ())) for factor in then}
    return differences(before, after) or "the groups are others"
