"""The page on timing: nothing but what the recorded controls say."""

from dataclasses import replace
from pathlib import Path

from records import control as record

from benchmarks.store import committed, files
from benchmarks.upkeep import trust


def test_the_page_shows_the_last_control_of_each_kind(tmp_path: Path) -> None:
    for found in (record(1, 2), record(39, 40), record(36, 37, [["a", "b"]])):
        files.append(tmp_path / "cpu-2-cores.jsonl", found)
    text = trust.page(committed.controls(tmp_path))
    calm, loaded = text.split("\n## ")[1:]
    assert calm.startswith(
        "In calm, 2 s a run\n\nunet at 16 x 24, 2 s a run; A CPU, 2 threads, torch 2.x, load 1.5; 2026-01-02."
    )
    assert "| a twin's interval holds 1, goal 87.5% | 39 of 40 | 1.0000, 0.9700 to 1.0000 |" in calm
    assert "| 3% planted and found, goal 90.0% | 40 of 40 |" in calm
    assert "network" not in calm
    assert loaded.startswith("One core kept busy, 2 s a run\n")
    assert "| 7 of 9 | turned: a and b; a tie under load: b and c |" in loaded
    assert "| `a` | 1.00 | 1.50 |\n| `b` | 20.0 | 31.0 |" in loaded


def test_controls_of_other_lengths_stay_by_length(tmp_path: Path) -> None:
    short_one = record(39, 40)
    long = replace(short_one, cell=replace(short_one.cell, seconds=24.0))
    for found in (long, record(23, 40)):
        files.append(tmp_path / "cpu-2-cores.jsonl", found)
    short, longer = trust.page(committed.controls(tmp_path)).split("\n## ")[1:]
    assert short.startswith("In calm, 2 s a run\n")
    assert "| 23 of 40 |" in short
    assert longer.startswith("In calm, 24 s a run\n")
    assert "| 39 of 40 |" in longer


def test_machines_are_told_apart(tmp_path: Path) -> None:
    one = record(38, 38)
    other = replace(one, machine=replace(one.machine, device_name="Another CPU"))
    files.append(tmp_path / "one.jsonl", record(39, 40))
    files.append(tmp_path / "two.jsonl", other)
    text = trust.page(committed.controls(tmp_path))
    assert text.count("## In calm") == 2
    assert "Another CPU" in text


def test_nothing_recorded_gives_no_page(tmp_path: Path) -> None:
    assert trust.page(committed.controls(tmp_path)) == ""
