"""The command that stands beside a figure measures the cell that it is of."""

import shlex
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest

from benchmarks.compare import arguments
from benchmarks.plan.comparison import PHOTOS, Options
from benchmarks.run.leaderboard import prepared
from benchmarks.show import again
from benchmarks.store import committed
from benchmarks.store.identity import key

NEWER = ("code", "metrics")  # digests of code, which go on
RECORDS = committed.records()


def planned(command):
    """The cells that a command measures."""
    *start, module = (words := shlex.split(command))[:3]
    assert (start, module) == (["python", "-m"], "benchmarks.compare")
    args = arguments().parse_args(words[3:])
    with prepared(args.models, {name: getattr(args, name) for name in Options.__annotations__}) as (_, cells):
        return {key(cell.measure, cell.entrant.spec, cell.settings, without=NEWER) for cell in cells}


def groups():
    """One record of each measure, recipe and data, and all of one network's that were timed."""
    timed = [record for record in RECORDS if record.measure in again.TIMED and record.model == "u2netp"]
    others = sorted((record for record in RECORDS if record.measure not in again.TIMED), key=sort)
    return [timed, *([next(same)] for _, same in groupby(others, key=sort))]


def sort(record):
    cell = record.accuracy
    return record.measure, cell.recipe, cell.data, str(cell.samples)


@pytest.mark.parametrize("records", groups(), ids=lambda records: f"{records[0].measure} {len(records)}")
def test_it_plans_the_cells_of_its_records(records):
    if records[0].measure not in again.TIMED and f"{PHOTOS}/" in records[0].accuracy.data and not Path(PHOTOS).is_dir():
        pytest.skip("the photographs of make photos are not here")
    measured = {key(record.measure, record.spec, record.cell, without=NEWER) for record in records}
    assert measured <= planned(again.command(records))


def test_seeds_come_together():
    one = next(record for record in RECORDS if record.measure == "accuracy")
    assert again.command([one, one]) == again.command([one])
    assert "--seeds 0" in again.command([one])


def test_a_figure_of_a_file_has_a_revision_and_no_command():
    one = next(record for record in RECORDS if record.measure == "accuracy")
    of_file = replace(one, cell=replace(one.accuracy, content="0123456789abcdef"))
    assert again.command([of_file]) == ""
    assert again.of([of_file]) == ("", again.revision(one))
    assert again.of([]) == ("", "")
    changed = replace(one, machine=replace(one.machine, dirty=True))
    assert again.revision(changed) == f"{again.revision(one)} with changes"
