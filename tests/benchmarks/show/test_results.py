"""Results: the best, the front, and the same numbers whichever way they are written."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from records import FASTER, STEADY, accuracy, changed, cost, failed, latency, record, sensitivity
from report_records import CPU, GPU, records

from benchmarks.show.report.tables import tables
from benchmarks.show.results import FILES, Results
from benchmarks.show.table import Table, latex, latex_text, markdown
from benchmarks.store.record import Record
from registry import OptionError

SLOWER = [[30.0], [30.2], [29.9], [30.1], [30.0], [29.8]]


def network(name: str, rounds: list[list[float]], iou: float, rmse: float = 0.2) -> list[Record]:
    return [latency(name, rounds=rounds), accuracy(name, iou, rmse)]


FAST, GOOD, POOR = network("fast", FASTER, 0.5), network("good", SLOWER, 0.9, 0.1), network("poor", SLOWER, 0.4)
NEAR = network("near", STEADY, 0.895)


def test_the_best_are_those_that_nothing_shows_to_be_worse() -> None:
    results = Results([*FAST, *GOOD, *POOR, *NEAR, cost("fast"), cost("good", values={"params": 5, "flops": 9})])
    assert sorted(results.best("mask_iou")) == ["good", "near"]
    assert results.best("depth_rmse") == ["good"]
    assert results.best("latency_ms") == ["fast"]
    assert results.best("params") == ["good"]
    with pytest.raises(OptionError, match="latency_ms"):
        results.best("latency")


def test_a_lone_row_is_no_best() -> None:
    results = Results([*FAST, latency("fast", "channels_last", STEADY), cost("fast")])
    assert [results.best(name) for name in ("mask_iou", "latency_ms", "params")] == [[], [], []]
    assert "0.500 (.490-.510) |" in results.to_markdown()
    data = tables(results)
    assert all("place" not in cell for entry in data["speed"] for cell in entry["latency"].values())
    assert [entry["place"] for entry in data["accuracy"]] == [{}]


def test_the_front_is_what_nothing_beats_or_equals_in_both() -> None:
    results = Results([*FAST, *GOOD, *POOR, *NEAR])
    assert results.front("latency_ms", "mask_iou") == results.front() == ["fast", "near", "good"]
    assert results.front("mask_iou", "latency_ms") == ["good", "near", "fast"]
    assert results.front("latency_ms", "depth_rmse") == ["fast", "good"]
    assert Results(FAST[:1]).front() == Results([]).front() == []


def test_times_of_here_come_before_those_of_more_networks() -> None:
    there = [changed(one, machine={"device_name": "Another CPU"}) for one in (FAST[0], GOOD[0], POOR[0])]
    timed = [latency("fast", rounds=SLOWER), latency("good", rounds=FASTER)]
    found = [*there, *timed, *(one for each in (FAST, GOOD, POOR) for one in each[1:])]
    assert Results(found).front() == ["fast", "good"]
    assert Results(found, here=timed[0].machine).front() == ["good"]


def test_committed_accuracy_is_lent_to_times() -> None:
    results = Results([FAST[0], GOOD[0]], [FAST[1], GOOD[1], POOR[1]])
    assert results.best("mask_iou") == ["good"]
    assert results.front() == ["fast", "good"]
    assert [score.network.name for score in results.scores] == ["good", "fast", "poor"]
    assert len(list(csv.DictReader(io.StringIO(results.to_csv())))) == 2, "records of its own alone"
    assert tables(results)["records"] == 5, "the page shows all"


def test_baselines_are_lent_to_recipes_of_their_own_and_stand_nowhere_alone() -> None:
    plain = accuracy("plain", 0.3, 0.3, group="baseline")
    own = accuracy("own", 0.6, 0.2, cell={"recipe": "zoo-quick"})
    other = accuracy("other", 0.6, 0.2, cell={"samples": 20})
    boards = Results([plain, own, other]).boards
    assert [[score.network.name for score in board.scores] for board in boards] == [["other"], ["own", "plain"]]
    assert [len(board.scores) for board in Results([plain]).boards] == [1]
    curve = record("sensitivity", "own", cell={"recipe": "zoo-quick"})
    lent = record("sensitivity", "plain", group="baseline")
    (group,) = Results([lent, curve]).curves
    assert [each.network.name for each in group] == ["own", "plain"], "of curves too"


def test_of_two_specs_asked_for_by_one_name_the_name_is_the_spec() -> None:
    two = [latency("a", rounds=FASTER), changed(latency("a", rounds=SLOWER), spec="a(width=9)")]
    results = Results([*two, cost("b")])
    assert [row[0] for row in results.tables[0].body] == ["a(in_ch=6)", "a(width=9)", "b"]
    assert [one["name"] for one in tables(results)["models"]] == ["a(in_ch=6)", "a(width=9)", "b"]
    assert results.best("latency_ms") == ["a(in_ch=6)"]


def test_memory_of_another_engine_stands_beside_times_and_says_so() -> None:
    timed = [latency(name, cell={"engine": "compile"}) for name in "ab"]
    results = Results([*timed, record("memory", "a")])
    (table,) = results.tables
    assert (table.title, table.body[0][-2:], table.body[1][-2:]) == (
        "224 x 224, fp32, compile",
        ["40", "160"],
        ["-", "-"],
    )
    assert any("batch 1, engine eager:" in note for note in table.notes)
    notes = {cell["note"] for entry in tables(results)["speed"] for cell in entry["memory"].values()}
    assert notes == {"eager, contiguous"}


def test_latex_has_the_best_in_bold_marks_ties_and_escapes_what_it_must() -> None:
    table = Table(
        "50 % of a_b & c", ["model", "IoU"], [["a_b{1}", "0.7*"], ["c\\d~e^f", "0.6="]], ["* the best"], ["x", "y"]
    )
    lines = latex(table).splitlines()
    assert lines[2] == r"\caption{50 \% of a\_b \& c}"
    assert lines[3] == r"\begin{tabular}{lr}"
    assert [line for line in lines if line.endswith("rule")] == [r"\toprule", r"\midrule", r"\midrule", r"\bottomrule"]
    assert r"a\_b\{1\} & \textbf{0.7} \\" in lines
    assert r"c\textbackslash{}d\textasciitilde{}e\textasciicircum{}f & 0.6$^{=}$ \\" in lines
    assert r"\par\footnotesize Bold: the best" in lines
    assert latex_text("#$<>±") == r"\#\$\textless{}\textgreater{}$\pm$"


def test_markdown_escapes_what_it_must() -> None:
    assert r"| `a` | 1\~\*\|x |" in markdown(Table("t", ["model", "ms"], [["a", "1~*|x"]]))


def test_the_csv_gives_back_every_number() -> None:
    found = records(networks=3, seeds=2)
    rows = list(csv.DictReader(io.StringIO(Results(found).to_csv())))
    assert len(rows) == len(found)
    for one, row in zip(found, rows, strict=True):
        assert (row["spec"], row["measure"], row["size"]) == (one.spec, one.measure, "64x64")
        for name, value in one.values.items():
            if isinstance(value, int | float):
                assert float(row[name]) == value
            elif isinstance(value, list):
                assert [float(part) for part in row[name].split()] == value
        for name, span in one.intervals.items():
            assert [float(row[f"{name}_low"]), float(row[f"{name}_high"])] == span


def numbers(text: str) -> set[str]:
    return set(re.findall(r"\d*\.\d+", text))


def test_the_same_numbers_stand_in_all_renderers(tmp_path: Path) -> None:
    results = Results(records(networks=6, seeds=2, machines=(CPU, GPU)))
    wanted = {text for table in results.tables for row in table.body for cell in row for text in numbers(cell)}
    assert len(wanted) > 100
    out = io.StringIO()
    results.show(out)
    assert repr(results) == out.getvalue()
    for text in (out.getvalue(), results.to_markdown(), results.to_latex(), results._repr_html_()):
        assert wanted <= numbers(text)
    data = tables(results)
    for score in results.scores:
        (entry,) = (one for one in data["accuracy"] if one["name"] == score.network.name)
        low, high = score.interval("mask_iou")
        value = [score.value("mask_iou"), low, high, score.spread("mask_iou")]
        assert entry["values"]["mask_iou"] == pytest.approx(value)
        shown = (
            f"{value[0]:.3f} ({low:.3f}-{high:.3f}) ±{value[3]:.3f}".replace("(0", "(")
            .replace("-0", "-")
            .replace("±0", "±")
        )
        assert shown in results.to_markdown()
    for row in (row for rows in results.rows.values() for row in rows):
        assert row.ms in [cell["ms"] for entry in data["speed"] for cell in entry["latency"].values()]


def test_it_is_saved_in_every_form(tmp_path: Path) -> None:
    results = Results(records(networks=3))
    folder = tmp_path / "new" / "folder"
    results.save(folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert (folder / "compare.tex").read_text() == results.to_latex()
    data: Any = json.loads(re.findall(r'id="data"[^>]*>(.*?)</script>', (folder / "compare.html").read_text())[0])
    assert data["records"] == len(results.records)


def test_a_notebook_and_a_terminal_show_tables() -> None:
    results = Results([*FAST, *GOOD])
    html = results._repr_html_()
    assert html.count("<table>") == html.count("</table>") == 2
    assert "<b>0.900 (.890-.910)*</b>" in html
    assert "accuracy, one recipe for all" in repr(results)
    assert repr(Results([])) == ""


def test_what_was_measured_is_told_and_not_what_was_asked_for() -> None:
    few = accuracy("unet", cell={"samples": 100, "test_images": 500}, raw={"samples": 96, "images": 3})
    lost = failed(accuracy("u2netp", cell={"samples": 100, "test_images": 500}))
    curve = sensitivity("unet", "shift", [0.8, 0.4], [0.1, 0.2], cell={"test_images": 500})
    results = Results([few, lost, curve])
    text = results.to_markdown()
    assert "over 3 scenes of the test split" in text
    assert "accuracy, one recipe for all, 96 samples" in text
    assert "500" not in text
    assert "100 samples" not in text
    rows = [*csv.DictReader(io.StringIO(results.to_csv()))]
    assert [(row["samples"], row["test_images"]) for row in rows] == [("96", "3"), ("", ""), ("", "128")]
    page = tables(results)
    assert (page["sets"][0]["images"], page["sets"][0]["samples"]) == ("3", "96 samples")
    assert [(entry["samples"], entry["test_images"]) for entry in page["accuracy"]] == [(96, 3), (None, None)]
