"""Records as a type: what older versions wrote is read, what none wrote is refused, and what makes two of one cell."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from records import MACHINE, accuracy, changed, control, cost, failed, latency, record, sensitivity

from benchmarks.store import committed, files, identity
from benchmarks.store.control import Control
from benchmarks.store.fields import plain
from benchmarks.store.files import ResultsError
from benchmarks.store.names import EQUAL, OWN, READY
from benchmarks.store.record import SETTINGS, Look, Raw, Record, TrainedAs

OLD = Path(__file__).parent / "old"  # lines as they were committed, their long lists cut short


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_form_that_was_ever_committed_is_read() -> None:
    found = files.read(OLD / "schema2.jsonl")
    assert {each.measure for each in found} == {*SETTINGS} - {"throughput"}
    assert {bool(each.clocks) for each in found} == {True, False}, "older ones have none"
    assert {each.raw.trained is None for each in found if each.measure == "accuracy"} == {True, False}
    assert all(each.machine.torch and each.run and each.took for each in found)
    calm, loaded = files.read_as(Control, OLD / "control2.jsonl")
    assert (calm.order, calm.cell.loaded, calm.values.held) == (None, False, 39)
    assert loaded.order is not None
    assert loaded.order.pairs == 27


@pytest.mark.parametrize("path", [OLD / "schema2.jsonl", *committed.FOLDER.glob("*.jsonl")], ids=lambda path: path.name)
def test_a_key_is_made_of_the_cell_as_it_is_written(path: Path) -> None:
    """So that what was measured by an older version is not measured again."""
    for line, found in zip(lines(path), files.read(path), strict=True):
        assert identity.key_of(found) == json.dumps([line["measure"], line["spec"], line["cell"]], sort_keys=True)
        assert Record.from_json(json.loads(json.dumps(plain(found)))) == found


def test_a_control_comes_back_as_it_went() -> None:
    for found in (control(39, 38), control(39, 38, [["a", "b"]]), *committed.controls()):
        assert Control.from_json(json.loads(json.dumps(plain(found)))) == found


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"mood": 1}, "record has 'mood', which no version of pairzoo wrote"),
        ({"cell": {"size": [8, 8], "colour": "red"}}, "cell has 'colour'"),
        ({"cell": {}}, "cell lacks size"),
        ({"cell": {"size": 8}}, "size is '8', and should be two values"),
        ({"cell": {"size": [8, 8, 8]}}, "size is '[8, 8, 8]', and should be two values"),
        ({"measure": "latency"}, "cell lacks batch, precision, layout, engine, device"),
        ({"measure": "mood"}, "measure 'mood' is not known; known are cost, latency"),
        ({"machine": {"os": "x"}}, "machine has 'os'"),
        ({"machine": {"cores": "two"}}, "cores is 'two', and should be a whole number"),
        ({"model": None}, "model is 'None', and should be text"),
        ({"model": [3]}, "model is '[3]', and should be text"),
        ({"took": True}, "took is 'True', and should be a number"),
        ({"values": 3}, "values is '3', and should be named fields"),
        ({"values": {"params": "many"}}, "values.params is 'many', and should be a number"),
        ({"values": {"params": {"add": 1}}}, "values.params is \"{'add': 1}\", and should be a number"),
        ({"values": {"uncounted": {"add": "1"}}}, "values.uncounted.add is '1', and should be a whole number"),
        ({"intervals": {"ms": [1]}}, "intervals.ms is '[1]', and should be two values"),
        ({"intervals": {"ms": [1, "2"]}}, "intervals.ms is '2', and should be a number"),
        ({"clocks": {"stolen": []}}, "stolen is '[]', and should be a number"),
        ({"clocks": {"throttled": 1}}, "throttled is '1', and should be a list"),
        ({"raw": {"rounds_ms": [1.5]}}, "rounds_ms is '1.5', and should be a list"),
        ({"raw": {"warm_up": []}}, "warm_up is '[]', and should be named fields"),
        ({"machine": "mine"}, "machine is 'mine', and should be named fields"),
        ({"raw": [1]}, "raw is '[1]', and should be named fields"),
        ({"raw": {"warm_up": {"calls": 1}}}, "warm_up lacks seconds, drift, settled"),
        ({"raw": {"curve": [{"seconds": 1}]}}, "curve lacks samples"),
    ],
)
def test_what_no_version_wrote_is_refused_with_its_line(change: dict[str, Any], says: str, tmp_path: Path) -> None:
    line = files.line(cost())
    path = tmp_path / "r.jsonl"
    path.write_text(line + json.dumps(json.loads(line) | change) + "\n")
    with pytest.raises(ResultsError, match=r"r\.jsonl, line 2: ") as caught:
        files.read(path)
    assert says in str(caught.value)


def test_what_was_not_given_is_not_written() -> None:
    cells = [json.loads(files.line(record(measure)))["cell"] for measure in ("throughput", "accuracy")]
    assert list(cells[0]) == ["size", "batch", "precision", "layout", "engine", "device"]
    assert list(cells[1]) == ["size", "data", "recipe", "samples", "seed", "test_images"]
    ready = accuracy(cell={"recipe": "weights:here", "samples": None, "seed": None, "weights": "0123"})
    assert json.loads(files.line(ready))["cell"]["samples"] is None
    largest = record("throughput", cell={"batch": None})
    assert json.loads(files.line(largest))["cell"]["batch"] is None


def test_a_cell_is_narrowed_to_its_kind() -> None:
    assert latency().timed.layout == "contiguous"
    assert sensitivity("a", "gain", [0.5], [0.1]).accuracy.recipe == "equal"
    assert sensitivity("a", "gain", [0.5], [0.1]).sensitivity.perturbation == "gain"
    with pytest.raises(AssertionError, match="cost is of no training"):
        _ = cost().accuracy


def test_how_networks_were_trained() -> None:
    equal = accuracy().accuracy
    own, ready = replace(equal, recipe="zoo-quick"), replace(equal, recipe="weights:here")
    assert [each.trained_as.kind for each in (equal, own, ready)] == [EQUAL, OWN, READY]
    assert replace(own, precision="bf16").trained_as == own.trained_as, "a recipe of its own has its own precision"
    assert replace(equal, precision="bf16").trained_as == TrainedAs(EQUAL, 10_000, "bf16", 500)
    assert own.trained_as.takes_in(equal.trained_as)
    assert not equal.trained_as.takes_in(own.trained_as)
    assert not own.trained_as.takes_in(replace(equal, samples=1).trained_as)
    file = replace(equal, recipe="my/own.toml", content="0123456789abcdef")
    assert [equal.recipe_title, file.recipe_title] == ["equal", "own.toml@01234567"]
    assert replace(equal, seed=3).unseeded == equal.unseeded


def test_a_pause_is_what_its_neighbours_do_not_have() -> None:
    def curve(*seconds: float) -> Raw:
        return Raw(curve=tuple(Look(100 * (n + 1), each) for n, each in enumerate(seconds)))

    assert curve(10, 20, 30, 40).paused == 0
    assert curve(10, 20, 1020, 1030).paused == pytest.approx(990)
    assert Raw().paused == 0


def test_what_was_interrupted_hides_nothing_that_was_finished() -> None:
    whole, again = cost(values={"params": 1}), cost(values={"params": 2})
    half = cost(status="interrupted")
    assert identity.latest([whole, half]) == [whole]
    assert identity.latest([half, whole]) == [whole]
    assert identity.latest([whole, half, again]) == [again]
    assert identity.latest([half]) == [half]


@pytest.mark.parametrize("measure", SETTINGS)
def test_the_latest_record_is_that_of_each_machine(measure: str) -> None:
    first, other = record(measure), record(measure, machine={"threads": 1})
    again = record(measure, machine={"date": "2027-01-01", "commit": None}, took=9.0)
    found = identity.latest([first, other, again])
    assert found == ([again] if measure == "cost" else [again, other]), "a count is of no machine"


def test_what_is_done_is_not_measured_again() -> None:
    elsewhere = replace(MACHINE, device_name="Another CPU")
    for measure in SETTINGS:
        one = record(measure)
        assert identity.done([one], MACHINE) == {identity.key_of(one)}
        assert bool(identity.done([one], elsewhere)) == (measure not in ("latency", "throughput", "memory"))
        assert identity.done([one], None) == {identity.key_of(one)}
        assert identity.done([changed(one, status="interrupted")], None) == set()
        assert bool(identity.done([failed(one)], None)) == (measure != "sensitivity"), "it may have wanted a training"
