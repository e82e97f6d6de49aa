"""Records and tables on disk: whole or not at all, and readable after a crash."""

import errno
import json
import os
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from records import cost, record

from benchmarks.store import files
from benchmarks.store.files import ResultsError, append, prepare, read, write_text
from benchmarks.store.record import SETTINGS
from registry import ZooError
from zoo import machine

numbers = st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = {
    **dict.fromkeys(SETTINGS, numbers),
    "sensitivity": st.lists(numbers, min_size=3, max_size=3),
}
measured = st.sampled_from([*SETTINGS]).flatmap(
    lambda measure: st.tuples(
        st.just(measure), st.lists(st.dictionaries(st.text(min_size=1), values[measure]), max_size=3)
    )
)


@settings(max_examples=30)
@given(measured, st.text(), st.text())
def test_records_come_back_as_they_went(
    tmp_path: Path, found: tuple[str, list[dict[str, Any]]], name: str, why: str
) -> None:
    measure, several = found
    path = tmp_path / "r.jsonl"
    path.write_text("")
    over = {"strength": [0, 1, 2]} if measure == "sensitivity" else {}
    records = [record(measure, name, values=each | over, failed=why) for each in several]
    for each in records:
        append(path, each)
    assert read(path) == records
    assert path.read_bytes().count(b"\n") == len(records)


@pytest.mark.parametrize("cut", [1, 5, 20, 30])
def test_a_torn_last_line_costs_one_record_and_no_more(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "r.jsonl"
    for n in (1, 2):
        append(path, cost(str(n)))
    path.write_bytes(path.read_bytes()[:-cut])
    whole = [1, 2] if cut == 1 else [1]  # without its line end only, the record is all there
    assert [int(record.model) for record in read(path)] == whole
    append(path, cost("3"))
    assert [int(record.model) for record in read(path)] == [*whole, 3]


@pytest.mark.parametrize(
    "text", ["hello\n", '{"n": 1}\n', "[1]\n", '{"schema": 99}\n', "\x00\x01\n", '{"schema": 2, "measure": "mood"}\n']
)
def test_a_foreign_file_is_refused_in_a_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(text)
    with pytest.raises(ResultsError, match=r"line 1") as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_numbers_that_are_none_do_not_enter_a_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        append(tmp_path / "r.jsonl", cost(values={"params": float("nan")}))
    assert not (tmp_path / "r.jsonl").exists()


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.jsonl"
    append(path, cost())
    before, write = path.read_bytes(), os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:7]))  # seven bytes were left
    with pytest.raises(ResultsError, match="No space left") as caught:
        append(path, cost())
    assert str(path) in str(caught.value)
    assert "--out" in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_device(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.symlink_to("/dev/full")
    with pytest.raises(ResultsError, match="No space left"):
        append(path, cost())


def test_a_table_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.md"
    write_text(path, "old ü\n")
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode  # what this user's files get
    (tmp_path / "plain").unlink()

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ResultsError, match="No space left"):
            write_text(path, "new\n")
    assert path.read_text(encoding="utf-8") == "old ü\n"
    assert os.listdir(tmp_path) == ["t.md"]
    write_text(path, "new\n")
    assert path.read_text() == "new\n"


def test_a_folder_is_proved_before_it_is_needed(tmp_path: Path) -> None:
    folder = prepare(tmp_path / "a" / "b")
    assert os.listdir(folder) == []
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ResultsError, match=f"^{file} is a file; give a folder with --out$"):
        prepare(file)
    with pytest.raises(ResultsError, match=f"kept in {file / 'inside'}: Not a directory"):
        prepare(file / "inside")


def test_writers_do_not_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"

    def many(who: int) -> None:
        for n in range(20):
            append(path, cost(str(who), values={"n": n}, failed="x" * 5000))

    threads = [threading.Thread(target=many, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = sorted((int(record.model), record.values["n"]) for record in read(path))
    assert found == [(who, n) for who in range(4) for n in range(20)]


def test_an_error_becomes_one_short_line() -> None:
    assert files.one_line(RuntimeError("first\nsecond")) == "RuntimeError: first"
    assert files.one_line(KeyboardInterrupt()) == "KeyboardInterrupt"
    assert len(files.one_line(ValueError("x" * 999))) == 200
    assert files.one_line(ValueError("x" * 999)).endswith("xxx...")
    words = files.one_line(ValueError("seven letters " * 99))
    assert words.endswith((" seven...", " letters..."))
    assert 180 < len(words) <= 200
    assert files.one_line(ValueError("y" * 188)) == "ValueError: " + "y" * 188  # 200: all of it


def test_of_an_error_the_remedy_is_kept_and_its_place_and_no_escape() -> None:
    ours = files.one_line(ZooError(f"{'a long story ' * 30}\n{'of two lines ' * 5}; do this"))
    assert ours.endswith("of two lines ; do this")
    report = RuntimeError("\x1b[96mThis is step 1/3\x1b[0m of\tit\a")
    assert files.one_line(report) == "RuntimeError: This is step 1/3 of it"
    with pytest.raises(ValueError, match="Expecting") as caught:
        json.loads("{")  # raised in Python's own library, for a line of this file
    assert re.match(r"JSONDecodeError \(test_files.py, line \d+\): Expecting", files.one_line(caught.value))


def test_the_machine_is_described_in_json() -> None:
    import torch

    facts = machine.describe(torch.device("cpu"))
    assert json.loads(json.dumps(facts)) == facts
    assert facts["torch"] == torch.__version__
    assert facts["threads"] == torch.get_num_threads()
    assert facts["cpu"]
    assert facts["cores"] >= 1
    assert facts["commit"] is None or (len(facts["commit"]) == 40 and isinstance(facts["dirty"], bool))


def test_no_commit_is_claimed_outside_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "HERE", tmp_path / "machine.py")
    assert machine.commit() == {"commit": None, "dirty": None}


def test_what_a_killed_comparison_left_half_written_goes_and_nothing_else(tmp_path: Path) -> None:
    ours = [".compare.html.0123abcd.part", "..probe.0123abcd.part", "trained/a/.gallery.png.0123abcd.part"]
    others = [".film.mkv.part", "compare.html", "trained/.compare.html.0123abcd.part"]
    for name in (*ours, *others):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    prepare(tmp_path)
    assert [name for name in ours if (tmp_path / name).exists()] == []
    assert all((tmp_path / name).exists() for name in others)
