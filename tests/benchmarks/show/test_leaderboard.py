"""Records to tables: what is marked, how rows are sorted, and what fits."""

import csv
import io
import math
import re
from typing import Any

import pytest
from leaderboard_records import COST, FASTER, MACHINE, STEADY, accuracy, cost, latency

from benchmarks.show import choice, leaderboard, rows


def only(records: list[dict[str, Any]]) -> leaderboard.Table:
    (table,) = leaderboard.tables(records)
    return table


def test_the_faster_layout_is_marked_and_both_are_reported() -> None:
    text = leaderboard.markdown([cost("a"), latency("a", "contiguous", STEADY), latency("a", "channels_last", FASTER)])
    assert "| founding | `a` | 1.235 | 10.000 | 10.0 (9.83-10.2) | 8.00 (7.83-8.17)\\* |" in text


@pytest.mark.parametrize(
    ("other", "fastest"),
    [
        (latency("a", "channels_last", FASTER), "channels_last"),
        (latency("a", "channels_last", STEADY[::-1]), "tie"),
        (latency("a", "channels_last", FASTER, run="another day"), ""),
    ],
)
def test_a_star_needs_rounds_of_one_run(other: dict[str, Any], fastest: str) -> None:
    records = [latency("a", "contiguous", STEADY), other]
    (row,) = rows.rows(records, rows.settings(records)[0])
    assert row.fastest == fastest


def test_rows_are_by_group_and_then_by_the_better_layout() -> None:
    records = [
        latency("slow", "contiguous", STEADY),
        latency("fast", "contiguous", [[99.0]]),
        latency("fast", "channels_last", FASTER),
        latency("base", "contiguous", [[1.0]], group="baseline"),
        latency("broken", "contiguous", STEADY, status="failed", failed="failed: X", values={}, intervals={}, raw={}),
    ]
    table = only(records)
    assert [texts[0] for texts in table.body] == ["fast", "slow", "broken", "base"]
    assert table.ends == [2]
    assert table.body[2][-1] == "failed"
    assert "broken: latency failed: X" in table.notes


def test_each_setting_has_its_table_and_machines_are_not_mixed() -> None:
    other = MACHINE | {"device_name": "Another CPU"}
    records = [latency("a", "contiguous", STEADY), latency("a", "contiguous", FASTER, machine=other)]
    found = leaderboard.tables(records)
    assert [table.body[0][-1] for table in found] == ["10.0 (9.83-10.2)", "8.00 (7.83-8.17)"]
    assert "Another CPU" in found[1].notes[0]
    assert "Another CPU" not in found[0].notes[0]


def test_tables_say_what_they_were_measured_on_and_when_it_was_busy() -> None:
    quiet = only([latency("a", "contiguous", STEADY)])
    assert quiet.title == "224 x 224, fp32, eager"
    assert quiet.notes[0].startswith("A CPU, 2 threads, torch 2.x. Latency: batch 1, median")
    assert not any("busy" in note for note in quiet.notes)
    busy = only([latency("a", "contiguous", STEADY, load=7.0)])
    assert any("load 7.0 on 2 cores" in note for note in busy.notes)
    slowed = only([latency("a", "contiguous", STEADY, clocks={"stolen": 0.08})])
    assert "The host took 8 % of the cores at worst." in slowed.notes


def test_ties_are_of_neighbours_in_one_group_whether_or_not_a_run_was_resumed() -> None:
    def column(*records: dict[str, Any]) -> list[str]:
        return [row[-1] for row in only([*records]).body]

    near = [[ms + 0.01] for (ms,) in STEADY[::-1]]
    assert column(latency("a", "contiguous", STEADY), latency("b", "contiguous", near))[1].endswith(")=")
    assert column(latency("a", "contiguous", STEADY), latency("b", "contiguous", near, run="two"))[1].endswith(")=")
    assert column(latency("a", "contiguous", FASTER), latency("b", "contiguous", STEADY, run="two"))[1].endswith(")")
    assert column(latency("a", "contiguous", STEADY), latency("b", "contiguous", near, group="family"))[1][-1] == ")"
    assert column(latency("a", "contiguous", FASTER), latency("b", "contiguous", STEADY))[1].endswith(")")
    table = only([latency("a", "contiguous", STEADY), latency("b", "contiguous", near)])
    assert any(note.startswith("= a tie with the network above: the interval of their paired") for note in table.notes)


def test_notes_say_how_well_a_median_is_known_and_what_is_in_doubt() -> None:
    wide = [[9.0], [10.0], [11.0], [10.0], [9.0], [11.0]]
    restless = {"rounds_ms": wide, "warm_up": {"calls": 9, "seconds": 2.0, "drift": 0.3, "settled": False}}
    many = [row * 4 for row in STEADY]
    notes = only([latency("a", "contiguous", many), latency("b", "contiguous", wide, raw=restless)]).notes
    assert "Medians are known to within 6.0 % (95 %), half of them; b to within 10.0 %." in notes
    assert "From fewer than 20 calls, of which percentiles say little: b." in notes
    assert "Still drifting when their warm-up's time was over: b." in notes


def test_what_is_not_known_comes_last() -> None:
    names = [("a", 0.5), ("depth_only", math.nan), ("b", 0.9)]
    table = only([accuracy(name, iou, 0.1) for name, iou in names])
    assert [row[0] for row in table.body] == ["b", "a", "depth_only"]
    assert table.body[2][1] == "-"


def test_accuracy_is_sorted_by_the_hardest_data_and_says_how_sure_it_is() -> None:
    table = only(
        [
            accuracy("weak", 0.9, 0.2, tier="clean"),
            accuracy("weak", 0.5, 0.3),
            accuracy("strong", 0.8, 0.1, tier="clean"),
            accuracy("strong", 0.7, 0.15),
        ]
    )
    assert table.head == ["model", "IoU clean", "IoU hard", "RMSE clean", "RMSE hard"]
    assert table.body[0] == [
        "strong",
        "0.800 (.790-.810)",
        "0.700 (.690-.710)*",
        "0.100 (.095-.105)*",
        "0.150 (.145-.155)*",
    ]
    assert table.body[1][1] == "0.900 (.890-.910)*"
    assert any(note.startswith("* the best; = a tie with it") for note in table.notes)


def test_networks_trained_in_different_ways_stand_in_different_tables() -> None:
    alike = [accuracy("a", 0.6, 0.2), accuracy("b", 0.7, 0.2)]
    own = [accuracy("a", 0.8, 0.2), accuracy("a", 0.9, 0.2), accuracy("b", 0.5, 0.2)]
    for found, recipe in zip(own, ("zoo-quick", "zoo-best", "resunet-dice"), strict=True):
        found["cell"]["recipe"] = recipe
    first, second = leaderboard.tables([own[0], *alike, *own[1:]])
    assert (first.title, first.head[1]) == ("accuracy, one recipe for all, 10,000 samples", "IoU hard")
    assert [texts[0] for texts in first.body] == ["b", "a"]
    assert (second.title, second.head[1]) == ("accuracy, recipes of their own, 10,000 samples", "recipe")
    assert [texts[:2] for texts in second.body] == [["a", "zoo-best"], ["a", "zoo-quick"], ["b", "resunet-dice"]]
    assert [texts[2][-1] for texts in second.body] == ["*", ")", ")"]
    timed = latency("a", "contiguous", [[4.0]])
    said = choice.sentence([timed, *own, *alike], [], milliseconds=9, want="mask")
    assert "mask IoU 0.600" in said  # of the one recipe: what may be compared


def test_rows_that_are_no_networks_stand_beside_networks_with_recipes_of_their_own() -> None:
    own, plain = accuracy("a", 0.8, 0.2), accuracy("d", 0.5, 0.3, group="baseline")
    own["cell"] |= {"recipe": "resunet-dice", "precision": "bf16"}
    table = only([own, plain])
    assert (table.title, table.head[1]) == ("accuracy, recipe resunet-dice, 10,000 samples", "IoU hard")
    assert [texts[0] for texts in table.body] == ["a", "d"]
    assert "The rows that are no networks have no recipe of their own, and learned by equal." in table.notes
    assert "In bf16, whatever their recipe says: a." in table.notes
    assert only([plain]).title == "accuracy, one recipe for all, 10,000 samples"


def test_what_two_tasks_bring_stands_in_a_table_of_its_own() -> None:
    def trained(iou: int, rmse: float, spec: str) -> dict[str, Any]:
        sums = {"images": 2, "rows": 2, "mask_iou": [iou, 100 - iou, 0, [7, 8]], "depth_rmse": [64 * rmse**2, 64]}
        return accuracy("unet", iou / 100, rmse, spec=spec, raw={"sums": sums})

    two = trained(60, 0.25, "unet(tasks=(mask, depth), link=(logit, logit))")
    mask = trained(50, 0.9, "unet(tasks=(mask,), link=(logit,))")
    table = leaderboard.tables([two, mask])[-1]
    assert table.title == "two tasks at once"
    assert table.body == [["unet", "hard", "+20.0 (+20.0 to +20.0)", "-", "-"]]
    assert [table.title for table in leaderboard.tables([two])] == ["accuracy, one recipe for all, 10,000 samples"]
    assert leaderboard.tables([cost("a")], [two, mask])[-1].title == "two tasks at once"


def test_what_cannot_be_told_from_the_best_is_a_tie() -> None:
    near, far = accuracy("near", 0.695, 0.3), accuracy("far", 0.5, 0.3)
    table = only([accuracy("best", 0.7, 0.1), near, far])
    assert [texts[1][-1] for texts in table.body] == ["*", "=", ")"]
    assert any("10,000 samples" in note and "one seed" in note for note in table.notes)


def test_seeds_are_averaged_and_their_intervals_joined() -> None:
    (score,) = rows.scores([accuracy("a", 0.6, 0.2), accuracy("a", 0.8, 0.2, seed=1)])
    assert score.value("mask_iou") == pytest.approx(0.7)
    assert score.interval("mask_iou") == pytest.approx((0.59, 0.81))
    (again,) = rows.scores([accuracy("a", 0.6, 0.2), accuracy("a", 0.9, 0.2)])
    assert again.value("mask_iou") == 0.9  # the same cell measured later takes the place of the earlier


def test_committed_accuracy_stands_in_only_where_none_was_measured() -> None:
    here, kept = accuracy("a", 0.6, 0.2), accuracy("b", 0.7, 0.2)
    assert [t.body[0][0] for t in leaderboard.tables([cost("a")], [kept])] == ["a", "b"]
    assert [t.body[0][0] for t in leaderboard.tables([cost("a"), here], [kept])] == ["a", "a"]


def test_the_terminal_table_fits_in_100_columns(capsys: pytest.CaptureFixture[str]) -> None:
    big = COST | {"params": 123_456_789, "flops": 320_632 * 10**6}
    rounds = [[1234.0 + n] for n in range(6)]
    timed = [latency("aligned_difference", layout, rounds) for layout in ("contiguous", "channels_last")]
    scored = [accuracy("aligned_difference", 0.5, 0.2, tier=tier) for tier in ("clean", "hard")]
    leaderboard.show([cost("aligned_difference", big), *timed, *scored])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert sum(line.strip().startswith("aligned_difference ") for line in lines) == 2, "no line is broken"


@pytest.mark.parametrize("columns", [40, 60, 100, 200])
def test_names_and_numbers_stay_whole_at_any_width(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("FORCE_COLOR", "1")  # as a terminal
    monkeypatch.setenv("NO_COLOR", "1")
    rounds = [[1234.0 + n] for n in range(6)]
    leaderboard.show([latency("aligned_difference", layout, rounds) for layout in ("contiguous", "channels_last")])
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    rows = [line for line in lines if line.strip().startswith("aligned_difference ")]
    assert sum(row.count("1236 (1234-1239)") for row in rows) == 2
    assert len(rows) == 1 or columns < 100
    assert max(map(len, lines)) <= min(columns, 100)


class Gone(io.StringIO):
    """A pipe whose reader has seen enough."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_reader_that_has_seen_enough_is_the_callers_affair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", Gone())
    with pytest.raises(BrokenPipeError):
        leaderboard.show([latency("a", "contiguous", STEADY)])


def test_the_csv_survives_commas_and_quotes() -> None:
    text = leaderboard.to_csv([latency('unet(depth=4, x="a")', "contiguous", STEADY), cost("b")])
    timed, counted = csv.DictReader(text.splitlines())
    assert timed["model"] == 'unet(depth=4, x="a")'
    assert (timed["ms"], timed["layout"], timed["size"], timed["flops"]) == ("10.0", "contiguous", "224x224", "")
    assert (counted["flops"], counted["ms"]) == ("10000000000", "")


def test_small_counts_are_not_nothing() -> None:
    table = only([cost("five", {"params": 5, "macs": 0, "flops": 0})])
    assert table.body[0][1:] == ["<0.001", "0.000"]


def test_what_could_not_be_trained_says_why() -> None:
    lost = accuracy("a", 0.5, 0.2, status="failed", failed="failed: it learned nothing", values={}, intervals={})
    table = leaderboard.tables([cost("a"), lost])[-1]
    assert (table.title, table.body) == ("failed", [["a", "accuracy on hard"]])
    assert table.notes == ["a: accuracy on hard failed: it learned nothing"]


def test_tables_of_the_library_say_so() -> None:
    found = leaderboard.tables([cost("a")], [accuracy("a", 0.5, 0.2)])
    assert found[-1].title == "from the library's records: accuracy, one recipe for all, 10,000 samples"
