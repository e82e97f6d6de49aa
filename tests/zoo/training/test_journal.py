"""The log of a run: each line once, in JSON and in tables."""

import csv
import json
from pathlib import Path

import pytest

from zoo.training.journal import Journal, read


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_lines_are_on_the_disk_at_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write("train", 10, {"stage": "1, 64 px", "loss": 0.123456789})
    journal.write("validation", 10, {"loss": float("nan"), "mask_iou": 0.5})
    assert read(tmp_path / "log.jsonl") == [
        {"kind": "train", "step": 10, "stage": "1, 64 px", "loss": 0.123457},
        {"kind": "validation", "step": 10, "loss": None, "mask_iou": 0.5},
    ]
    assert rows(tmp_path / "log.csv") == [{"step": "10", "stage": "1, 64 px", "loss": "0.123457"}]
    assert rows(tmp_path / "validation.csv") == [{"step": "10", "loss": "", "mask_iou": "0.5"}]
    for line in (tmp_path / "log.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_a_stage_with_other_losses_gets_its_columns(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write("train", 1, {"loss": 1.0, "depth/l1": 2.0})
    journal.write("train", 2, {"loss": 3.0, "mask/bce": 4.0})
    journal.write("train", 3, {"mask/bce": 6.0, "loss": 5.0})
    assert rows(tmp_path / "log.csv") == [
        {"step": "1", "loss": "1.0", "depth/l1": "2.0", "mask/bce": ""},
        {"step": "2", "loss": "3.0", "depth/l1": "", "mask/bce": "4.0"},
        {"step": "3", "loss": "5.0", "depth/l1": "", "mask/bce": "6.0"},
    ]


def test_lines_after_the_checkpoint_are_taken_away(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for step in (10, 20, 30):
        journal.write("train", step, {"loss": step})
    journal.write("validation", 30, {"loss": 1})
    resumed = Journal(tmp_path, upto=20)
    assert [line["step"] for line in read(tmp_path / "log.jsonl")] == [10, 20]
    assert [row["step"] for row in rows(tmp_path / "log.csv")] == ["10", "20"]
    assert not (tmp_path / "validation.csv").exists()
    resumed.write("train", 30, {"loss": 31})
    assert [row["loss"] for row in rows(tmp_path / "log.csv")] == ["10", "20", "31"]


def test_a_torn_line_is_passed_over_and_mended(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write("train", 10, {"loss": 1})
    with open(tmp_path / "log.jsonl", "a") as file:
        file.write('{"kind": "train", "step": 20, "lo')
    assert len(read(tmp_path / "log.jsonl")) == 1
    Journal(tmp_path, upto=20).write("train", 20, {"loss": 2})
    assert [line["loss"] for line in read(tmp_path / "log.jsonl")] == [1, 2]


def test_bytes_that_are_no_text_are_a_torn_line_too(tmp_path: Path) -> None:
    Journal(tmp_path).write("train", 10, {"loss": 1})
    with open(tmp_path / "log.jsonl", "ab") as file:
        file.write(b"\xff\x00\xfe\n42\n")
    assert [line["step"] for line in read(tmp_path / "log.jsonl")] == [10]


def test_no_log_is_an_empty_one(tmp_path: Path) -> None:
    assert read(tmp_path / "log.jsonl") == []


def test_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    journal = Journal(tmp_path, tensorboard=True)
    journal.write("train", 10, {"loss": 0.5, "stage": "1, 64 px", "nothing": float("nan")})
    journal.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert events.Tags()["scalars"] == ["train/loss"]
    assert [(event.step, event.value) for event in events.Scalars("train/loss")] == [(10, 0.5)]


def test_a_line_that_nests_without_end_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"kind": "train"}\n' + "[" * 100_000 + "\n")
    assert read(tmp_path / "log.jsonl") == [{"kind": "train"}]
