"""Records to tables: what is marked, how rows are sorted, and what fits."""

import csv
import io
import math
import re
from collections.abc import Sequence
from typing import Any

import pytest
from records import COST, FASTER, STEADY, accuracy, changed, cost, failed, latency

from benchmarks.show import choice
from benchmarks.show.results import Results
from benchmarks.show.table import Table
from benchmarks.store.record import Raw, Record, Tried, WarmUp

CLEAN = {"data": "pairbench:clean"}
ANOTHER_CPU = {"device_name": "Another CPU"}


def tables(records: Sequence[Record], committed: Sequence[Record] = ()) -> list[Table]:
    return Results(records, committed).tables


def only(records: Sequence[Record]) -> Table:
    (table,) = tables(records)
    return table


def test_the_faster_layout_is_marked_and_both_are_reported() -> None:
    timed = [latency("a", "contiguous", STEADY), latency("a", "channels_last", FASTER)]
    text = Results([cost("a"), *timed]).to_markdown()
    assert "| founding | `a` | 1.235 | 10.000 | 10.0 (9.83-10.2) | 8.00 (7.83-8.17)\\* |" in text


@pytest.mark.parametrize(
    ("other", "fastest"),
    [
        (latency("a", "channels_last", FASTER), "channels_last"),
        (latency("a", "channels_last", STEADY[::-1]), "tie"),
        (latency("a", "channels_last", FASTER, run="another day"), ""),
    ],
)
def test_a_star_needs_rounds_of_one_run(other: Record, fastest: str) -> None:
    records = [latency("a", "contiguous", STEADY), other]
    ((row,),) = Results(records).rows.values()
    assert row.fastest == fastest


def test_rows_are_by_group_and_then_by_the_better_layout() -> None:
    records = [
        latency("slow", "contiguous", STEADY),
        latency("fast", "contiguous", [[99.0]]),
        latency("fast", "channels_last", FASTER),
        latency("base", "contiguous", [[1.0]], group="baseline"),
        failed(latency("broken"), "failed: X"),
    ]
    table = only(records)
    assert [texts[0] for texts in table.body] == ["fast", "slow", "broken", "base"]
    assert table.ends == [2]
    assert table.body[2][-1] == "failed"
    assert "broken: latency failed: X" in table.notes


def test_each_setting_has_its_table_and_machines_are_not_mixed() -> None:
    records = [latency("a", "contiguous", STEADY), latency("a", "contiguous", FASTER, machine=ANOTHER_CPU)]
    found = tables(records)
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
    def column(*records: Record) -> list[str]:
        return [row[-1] for row in only([*records]).body]

    near = [[ms + 0.01] for (ms,) in STEADY[::-1]]
    assert column(latency("a", "contiguous", STEADY), latency("b", "contiguous", near))[1].endswith(")=")
    assert column(latency("a", "contiguous", STEADY), latency("b", "contiguous", near, run="two"))[1].endswith(")=")
    assert column(latency("a", "contiguous", FASTER), latency("b", "contiguous", STEADY, run="two"))[1].endswith(")")
    assert column(latency("a", "contiguous", STEADY), latency("b", "contiguous", near, group="family"))[1][-1] == ")"
    assert column(latency("a", "contiguous", FASTER), latency("b", "contiguous", STEADY))[1].endswith(")")
    table = only([latency("a", "contiguous", STEADY), latency("b", "contiguous", near)])
    assert any(note.startswith("= a tie with the network above: the 95 % interval of their") for note in table.notes)


def test_notes_say_how_well_a_median_is_known_and_what_is_in_doubt() -> None:
    wide = [[9.0], [10.0], [11.0], [10.0], [9.0], [11.0]]
    restless = Raw(rounds_ms=wide, warm_up=WarmUp(9, 2.0, 0.3, settled=False))
    many = [row * 4 for row in STEADY]
    notes = only([latency("a", "contiguous", many), latency("b", "contiguous", wide, raw=restless)]).notes
    half = "Half of the medians are known to within 6.0 % (95 % intervals)"
    assert f"{half}; the least certain, of b, to within 10.0 %." in notes
    assert "Timed with fewer than 20 calls, so percentiles say little: b." in notes
    assert "Still drifting after the warm-up: b." in notes


def test_what_is_not_known_comes_last() -> None:
    names = [("a", 0.5), ("depth_only", math.nan), ("b", 0.9)]
    table = only([accuracy(name, iou, 0.1) for name, iou in names])
    assert [row[0] for row in table.body] == ["b", "a", "depth_only"]
    assert table.body[2][1] == "-"


def test_accuracy_is_sorted_by_the_hardest_data_and_says_how_sure_it_is() -> None:
    table = only(
        [
            accuracy("weak", 0.9, 0.2, cell=CLEAN),
            accuracy("weak", 0.5, 0.3),
            accuracy("strong", 0.8, 0.1, cell=CLEAN),
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


def test_data_without_depth_has_no_column_of_it_and_a_training_its_own_day_and_machine() -> None:
    then = {"date": "2025-05-05T10:00:00+00:00", "device": "cuda", "device_name": "A GPU", "torch": "2.x"}
    found = accuracy("a", 0.6, values={"mask_iou": 0.6}, cell={"data": "folders(path=my/desk, tasks=mask)"})
    (table,) = tables([changed(found, raw={"trained": then})])
    assert table.head == ["model", "IoU desk"]
    assert any(note.endswith("one seed; A GPU, torch 2.x, 2025-05-05.") for note in table.notes), table.notes


def test_networks_trained_in_different_ways_stand_in_different_tables() -> None:
    alike = [accuracy("a", 0.6, 0.2), accuracy("b", 0.7, 0.2)]
    own = [
        accuracy(name, iou, 0.2, cell={"recipe": recipe})
        for name, iou, recipe in (("a", 0.8, "zoo-quick"), ("a", 0.9, "zoo-best"), ("b", 0.5, "resunet-dice"))
    ]
    first, second = tables([own[0], *alike, *own[1:]])
    assert (first.title, first.head[1]) == ("accuracy, one recipe for all, 10,000 samples", "IoU hard")
    assert [texts[0] for texts in first.body] == ["b", "a"]
    assert (second.title, second.head[1]) == ("accuracy, recipes of their own, 10,000 samples", "recipe")
    assert [texts[:2] for texts in second.body] == [["a", "zoo-best"], ["a", "zoo-quick"], ["b", "resunet-dice"]]
    assert [texts[2][-1] for texts in second.body] == ["*", ")", ")"]
    timed = latency("a", "contiguous", [[4.0]], cell={"size": (64, 64)})
    said = choice.sentence(Results([timed, *own, *alike]), milliseconds=9, want="mask")
    assert "mask IoU 0.600" in said  # of the one recipe: what may be compared


def test_baselines_stand_beside_networks_with_recipes_of_their_own() -> None:
    own = accuracy("a", 0.8, 0.2, cell={"recipe": "resunet-dice", "precision": "bf16"})
    plain = accuracy("d", 0.5, 0.3, group="baseline")
    table = only([own, plain])
    assert (table.title, table.head[1]) == ("accuracy, recipe resunet-dice, 10,000 samples", "IoU hard")
    assert [texts[0] for texts in table.body] == ["a", "d"]
    assert "The baselines have no recipe of their own: they were trained by the recipe equal." in table.notes
    assert "Trained in bf16 instead of the recipe's precision: a." in table.notes
    assert only([plain]).title == "accuracy, one recipe for all, 10,000 samples"


def test_a_founding_recipe_that_finds_no_mask_so_early_says_so_in_its_own_table_alone() -> None:
    def cell(samples: int, recipe: str) -> dict[str, Any]:
        return {"recipe": recipe, "samples": samples}

    early = [("u2netp", 0.02, "u2net-multi-bce"), ("resunet", 0.3, "resunet-dice"), ("plain_cnn", 0.02, "zoo-quick")]
    own = [accuracy(name, iou, 0.2, cell=cell(10_000, recipe)) for name, iou, recipe in early]
    equal = accuracy("u2netp", 0.02, 0.2)
    first, second = tables([*own, equal])
    assert first.body == [["u2netp", "0.020 (.010-.030)", "0.200 (.195-.205)"]], "of one recipe nobody is let off"
    found = {texts[0]: texts[2:] for texts in second.body}
    assert found["u2netp"] == ["not enough samples", "0.200 (.195-.205)="], "the depth is told as ever"
    assert found["resunet"][0].startswith("0.300"), "a bad mask is a mask"
    assert found["plain_cnn"][0].startswith("0.020"), "the recipe is not its own"
    (told,) = (note for note in second.notes if note.startswith("Not enough samples"))
    assert "u2netp has seen 10,000 samples, and its recipe asks for 4,200,000" in told
    assert "IoU 0.020 on hard" in told
    late = accuracy("u2netp", 0.02, 0.2, cell=cell(4_000_000, "u2net-multi-bce"))
    assert "not enough" not in str(only([late]).body), "who had its samples has failed"


def test_a_table_of_equal_effort_comes_first_and_tells_the_rates() -> None:
    tried = tuple(Tried(rate, rate == 0.001, loss) for rate, loss in ((0.001, 0.5), (0.003, None)))
    chosen = accuracy("a", 0.8, 0.2, cell={"recipe": "effort"}, raw={"rates": tried})
    first, second = tables([accuracy("a", 0.9, 0.2), chosen])
    assert [first.title, second.title] == [
        f"accuracy, {how}, 10,000 samples" for how in ("equal effort", "one recipe for all")
    ]
    assert "Learning rates, chosen among 0.001, 0.003 by the loss on the validation split: a 0.001." in first.notes
    assert "rates, chosen" not in str(second.notes)


def test_what_two_tasks_bring_stands_in_a_table_of_its_own() -> None:
    def trained(iou: int, rmse: float, spec: str) -> Record:
        sums = {"images": 2, "rows": 2, "mask_iou": [iou, 100 - iou, 0, [7, 8]], "depth_rmse": [64 * rmse**2, 64]}
        return accuracy("unet", iou / 100, rmse, spec=spec, raw={"sums": sums})

    two = trained(60, 0.25, "unet(tasks=(mask, depth), link=(logit, logit))")
    mask = trained(50, 0.9, "unet(tasks=(mask,), link=(logit,))")
    table = tables([two, mask])[-1]
    assert table.title == "two tasks at once"
    assert table.body == [["unet", "hard", "+20.0 (+20.0 to +20.0)", "-", "-"]]
    assert [table.title for table in tables([two])] == ["accuracy, one recipe for all, 10,000 samples"]
    assert tables([cost("a")], [two, mask])[-1].title == "two tasks at once"


def test_what_cannot_be_told_from_the_best_is_a_tie() -> None:
    near, far = accuracy("near", 0.695, 0.3), accuracy("far", 0.5, 0.3)
    table = only([accuracy("best", 0.7, 0.1), near, far])
    assert [texts[1][-1] for texts in table.body] == ["*", "=", ")"]
    assert any("10,000 samples" in note and "one seed" in note for note in table.notes)


def test_seeds_are_averaged_and_their_intervals_joined() -> None:
    (score,) = Results([accuracy("a", 0.6, 0.2), accuracy("a", 0.8, 0.2, cell={"seed": 1})]).scores
    assert score.value("mask_iou") == pytest.approx(0.7)
    assert score.interval("mask_iou") == pytest.approx((0.59, 0.81))
    (again,) = Results([accuracy("a", 0.6, 0.2), accuracy("a", 0.9, 0.2)]).scores
    assert again.value("mask_iou") == 0.9  # the same cell measured later takes the place of the earlier


def test_the_spread_over_seeds_stands_beside_the_interval() -> None:
    table = only([accuracy("a", 0.6, 0.2), accuracy("a", 0.8, 0.2, cell={"seed": 1}), accuracy("b", 0.5, 0.3)])
    assert table.body[0] == ["a, 2 seeds", "0.700 (.590-.810) ±.141*", "0.200 (.195-.205) ±.000*"]
    assert table.body[1][1] == "0.500 (.490-.510)"
    assert any("± the standard deviation over seeds" in note for note in table.notes)


def test_one_seed_trained_on_two_machines_counts_once() -> None:
    found = Results([accuracy("a", 0.6, 0.2), accuracy("a", 0.9, 0.2, machine=ANOTHER_CPU)])
    assert len(found.records) == 2
    (score,) = found.scores
    assert (score.value("mask_iou"), len(score.records)) == (0.9, 1)  # the later


def test_committed_accuracy_stands_in_only_where_none_was_measured() -> None:
    here, kept = accuracy("a", 0.6, 0.2), accuracy("b", 0.7, 0.2)
    assert [t.body[0][0] for t in tables([cost("a")], [kept])] == ["a", "b"]
    assert [t.body[0][0] for t in tables([cost("a"), here], [kept])] == ["a", "a"]


def test_the_terminal_table_fits_in_100_columns(capsys: pytest.CaptureFixture[str]) -> None:
    big = COST | {"params": 123_456_789, "flops": 320_632 * 10**6}
    rounds = [[1234.0 + n] for n in range(6)]
    timed = [latency("aligned_difference", layout, rounds) for layout in ("contiguous", "channels_last")]
    scored = [accuracy("aligned_difference", 0.5, 0.2, cell=cell) for cell in ({}, CLEAN)]
    Results([cost("aligned_difference", values=big), *timed, *scored]).show()
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
    Results([latency("aligned_difference", layout, rounds) for layout in ("contiguous", "channels_last")]).show()
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
        Results([latency("a", "contiguous", STEADY)]).show()


def test_the_csv_survives_commas_and_quotes() -> None:
    text = Results([latency('unet(depth=4, x="a")', "contiguous", STEADY), cost("b")]).to_csv()
    timed, counted = csv.DictReader(text.splitlines())
    assert timed["model"] == 'unet(depth=4, x="a")'
    assert (timed["ms"], timed["layout"], timed["size"], timed["flops"]) == ("10.0", "contiguous", "224x224", "")
    assert (counted["flops"], counted["ms"]) == ("10000000000", "")


def test_small_counts_are_not_nothing() -> None:
    table = only([cost("five", values={"params": 5, "macs": 0, "flops": 0})])
    assert table.body[0][1:] == ["<0.001", "0.000"]


def test_what_could_not_be_trained_says_why() -> None:
    lost = failed(accuracy("a", 0.5, 0.2), "failed: it learned nothing")
    table = tables([cost("a"), lost])[-1]
    assert (table.title, table.body) == ("failed", [["a", "accuracy on hard"]])
    assert table.notes == ["a: accuracy on hard failed: it learned nothing"]


def test_tables_of_the_library_say_so() -> None:
    found = tables([cost("a")], [accuracy("a", 0.5, 0.2)])
    assert found[-1].title == "from the library's records: accuracy, one recipe for all, 10,000 samples"
