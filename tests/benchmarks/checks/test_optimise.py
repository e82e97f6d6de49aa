"""What zoo.optimise finds is recorded, and held to the goal of such a processor."""

import json

import pytest
import torch

import zoo
from benchmarks.checks import optimise
from benchmarks.checks.optimise import features
from benchmarks.networks.entrants import own
from benchmarks.show.optimised import goal, mean, tables, to_markdown
from benchmarks.store import committed
from benchmarks.store.fields import RecordError
from benchmarks.store.files import line
from benchmarks.store.optimised import OptimisedRecord
from zoo.deploy.optimise import OptimiseSettings
from zoo.deploy.optimising import candidates
from zoo.deploy.optimising.report import AS_IT_IS, Tried


@pytest.fixture
def record(monkeypatch, tmp_path, capsys):
    """Of a small network in torch's own eager ways, kept."""
    monkeypatch.setattr(committed, "OPTIMISED", tmp_path)
    monkeypatch.setitem(candidates.EVERY, "cpu", candidates.EVERY["cpu"][:2])
    code = optimise.run("unet(width=4)", (24, 24), 1, seconds=1e-3, keep=True)
    (found,) = committed.optimised(tmp_path)
    assert code == int(found.report.times < (goal(features()) or 0))
    assert "of the processor" in capsys.readouterr().out
    return found


def written(record):
    """Its line, as it is read."""
    return {name: value for name, value in json.loads(line(record)).items() if name != "schema"}


def test_what_was_found_is_kept_and_shown(record):
    assert (record.model, record.trained, record.size, record.clock) == ("unet(width=4)", False, (24, 24), "cpu")
    assert OptimisedRecord.from_json(written(record)) == record
    (table,) = tables([record])
    assert [row[1] for row in table.body] == [AS_IT_IS, *map(str, candidates.EVERY["cpu"])]
    assert [row[-1] for row in table.body].count("chosen") == 1
    text = to_markdown([record, record])
    assert "Weights drawn at random: `unet(width=4)`" in text
    assert "Geometric mean of what was chosen: " in text


def test_records_that_no_report_is_in_are_refused(record):
    found = written(record)
    for report in ({}, {**found["found"], "chosen": "magic"}, {**found["found"], "tried": [{"speed": 1}]}):
        with pytest.raises(RecordError, match="is no report of"):
            OptimisedRecord.from_json({**found, "found": report})


def test_goals_are_of_what_the_processor_can(tmp_path):
    path = tmp_path / "cpuinfo"
    path.write_text("model name : A\nflags : fpu avx2 avx512_vnni amx_bf16x\n")
    assert features(path) == ("avx512_vnni", "avx2")
    assert features(tmp_path / "none") == ()
    assert [goal(names) for names in (("amx_bf16", "avx2"), ("avx512_vnni", "avx2"), ("avx2",), ())] == [
        4,
        2.5,
        1.5,
        None,
    ]
    assert mean([1, 2, 4]) == pytest.approx(2)
    assert Tried("x").ms is None


def test_a_comparison_takes_what_was_optimised(monkeypatch):
    monkeypatch.setitem(candidates.EVERY, "cpu", candidates.EVERY["cpu"][:1])
    how = OptimiseSettings(cache=False, seconds=1e-3)
    fast = zoo.optimise(zoo.build("frame_difference"), size=24, settings=how)
    made = own("fast", fast).make()
    pair = torch.rand(2, 1, 3, 24, 24)
    torch.testing.assert_close(made(*pair), fast(*pair))
