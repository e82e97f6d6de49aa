"""What a sweep takes: times laid out on machines, and a text of nothing but the records."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import changed, record

from benchmarks.store.record import Look, Raw, Record
from benchmarks.upkeep import scale

MACHINE = {"device_name": "A CPU", "cores": 4, "threads": 2}
SLOW, FAST = 0.5, 0.1  # seconds for a sample


def trained(model: str, each: float, **cell: Any) -> Record:
    """On a thousand samples."""
    found = measured("accuracy", model, 1.0, values={"seconds": each * 1000}, cell={"samples": 1000, **cell})
    return changed(found, raw={"samples": 1000})


def measured(measure: str, model: str, took: float, **more: Any) -> Record:
    values = {"weight_bytes": 10_000_000}
    return record(measure, model, **{"values": values, "took": took, "machine": MACHINE, "load": 2.0, **more})


@pytest.fixture(autouse=True)
def one_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "FEW", 1)


def page(records: list[Record]) -> str:
    """Without line breaks in sentences."""
    return re.sub(r"(?<=[a-z;])\n(?=[a-z])", " ", scale.page(records))


RECORDS = [
    measured("cost", "a", 0.25), measured("cost", "b", 0.75), measured("latency", "a", 9.0),
    trained("a", SLOW), trained("b", FAST), trained("a", 99.0, recipe="two-stream"),
]  # fmt: skip


def test_every_figure_follows_from_the_records() -> None:
    text = page(RECORDS)
    assert "| cost | A CPU, 2 threads, torch 2.x | 2 | 0.5 s | 0.75 s |" in text
    assert "| `b` | 10.0 | 27.8 |\n| `a` | 2.0 | 138.9 |" in text  # a million: 100,000 s and 500,000 s
    assert "2 trainings side by side" in text  # 4 cores, 2 threads each
    # 50 trainings of 500,000 s and 50 of 100,000 s on 2 places: 25 and 25 on each
    assert f"| 1 | {scale.in_words(25 * 600_000)} |" in text
    assert f"| longest training | {scale.in_words(500_000)} | {scale.in_words(100 * 500_000)} |" in text
    assert "take 16 min more on one machine" in text  # half a second and 9 s for each
    assert "the weights 1.0 GB" in text


def looks(*spans: float) -> dict[str, Any]:
    """A curve of looks, 100 samples apart."""
    return {"curve": tuple(Look(100 * n, sum(spans[:n])) for n in range(1, len(spans) + 1))}


def test_time_that_a_training_stood_still_is_not_its_own() -> None:
    whole = changed(trained("a", SLOW), raw=looks(*[50.0] * 10))
    spans = looks(*[50.0] * 6, 1270.0, *[50.0] * 3)
    stopped = changed(trained("a", SLOW + 1.22), raw=spans, took=1730.0)
    assert scale.seconds_for_a_sample([stopped]) == pytest.approx({"a": SLOW})
    assert scale.seconds(stopped) == pytest.approx(510.0)
    assert scale.seconds_for_a_sample([whole]) == pytest.approx({"a": SLOW})


def test_a_stage_of_larger_pictures_is_no_pause() -> None:
    assert Raw(**looks(10, 10, 10, 40, 40, 160)).paused == 0
    assert Raw(**looks(10, 90)).paused == Raw().paused == 0


def test_a_recipes_own_number_of_samples_is_what_its_curve_tells() -> None:
    one = changed(trained("a", SLOW, samples=None), raw=looks(*[50.0] * 10))
    assert scale.seconds_for_a_sample([one]) == pytest.approx({"a": SLOW})
    assert scale.seconds_for_a_sample([changed(one, raw=Raw())]) == {}


def test_there_is_no_text_without_a_training_that_all_share() -> None:
    assert scale.page([one for one in RECORDS if one.measure != "accuracy" or one.accuracy.recipe != "equal"]) == ""


def test_few_networks_are_no_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "FEW", 3)
    assert scale.page(RECORDS) == ""
    monkeypatch.setattr(scale, "FEW", 2)
    assert scale.page([changed(one, group="baseline") for one in RECORDS]) == ""


def test_machines_and_sizes_are_not_averaged() -> None:
    others = [
        changed(trained("a", 1e-6), machine={"device_name": "A GPU", "threads": 64}),
        trained("a", 1e-6, size=(224, 224)),
        changed(trained("a", 1), status="failed"),
    ]
    text = page([*RECORDS, *others])
    assert "| `a` | 2.0 | 138.9 |" in text
    assert "| accuracy | A GPU, 64 threads, torch 2.x | 1 |" in text
    assert "1 trainings side by side" in page([RECORDS[0], others[0]])


def test_a_training_that_was_resumed_took_all_of_its_time() -> None:
    assert scale.seconds(trained("a", SLOW)) == 500
    assert scale.seconds(measured("memory", "a", 8.0)) == 8


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=30), st.integers(1, 8))
def test_no_schedule_is_shorter_than_its_parts_or_much_longer(durations: list[float], slots: int) -> None:
    found = scale.makespan(durations, slots)
    least = max(sum(durations) / slots, *durations, 0)
    assert found >= least * (1 - 1e-9)
    assert found <= least * 4 / 3 + 1e-9 or found <= sum(durations) / slots + max(durations)
    assert scale.makespan(durations, 1) == pytest.approx(sum(durations))


def test_a_sweep_is_laid_out_for_the_cpu_where_it_was_measured() -> None:
    gpu = {"device": "cuda", "device_name": "A GPU", "threads": 16, "cores": 16}
    there = [changed(one, machine=gpu) for one in (*RECORDS, trained("c", 0.001))]
    text = page([*RECORDS, *there])
    assert "| `b` | 10.0 | 27.8 |" in text
    assert "2 trainings side by side on one machine with 4 cores, A CPU" in text
    assert "A GPU" in page(there)
