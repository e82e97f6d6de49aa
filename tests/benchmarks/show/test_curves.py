"""The table of perturbations: every number from the records, at strength 0 and where each is strongest."""

from collections.abc import Sequence
from typing import Any

from records import changed, failed, sensitivity

from benchmarks.show import curves
from benchmarks.show.results import Results
from benchmarks.show.table import Table
from benchmarks.store.record import Record


def tables(records: Sequence[Record]) -> list[Table]:
    return curves.tables(Results(records).curves)


def curve(
    model: str,
    name: str,
    iou: Sequence[float | None],
    rmse: Sequence[float | None],
    *,
    group: str = "founding",
    **cell: Any,
) -> Record:
    found = sensitivity(model, name, iou, rmse, group=group)
    return changed(found, cell={"samples": 1000, **cell})


RECORDS = [
    curve("weak", "shift", [0.5, 0.4, 0.3], [0.20, 0.21, 0.22]),
    curve("weak", "noise", [0.5, 0.3, 0.1], [0.20, 0.20, 0.20]),
    curve("strong", "shift", [0.9, 0.5, 0.2], [0.30, 0.40, 0.50]),
    curve("strong", "shift", [0.7, 0.5, 0.4], [0.30, 0.40, 0.50], seed=1),
    curve("plain", "shift", [0.6, 0.6, 0.6], [0.25, 0.25, 0.25], group="baseline"),
]


def test_the_ends_of_the_curves_stand_in_the_table_the_best_first_and_the_baselines_last() -> None:
    masks, depths = tables(RECORDS)
    assert masks.head == ["model", "none 0", "shift 2", "noise 2"]
    assert masks.body == [
        ["strong", "0.800", "0.300", "-"],  # of two seeds the mean
        ["weak", "0.500", "0.300", "0.100"],
        ["plain", "0.600", "0.600", "-"],
    ]
    assert [row[0] for row in depths.body] == ["weak", "strong", "plain"], "lower is better"
    assert "128 scenes" in masks.notes[0]
    assert "share of the width" in masks.notes[1]
    assert masks.title in Results(RECORDS).to_markdown()


def test_networks_trained_otherwise_stand_in_tables_of_their_own() -> None:
    other = curve("weak", "shift", [0.5, 0.4, 0.3], [0.2, 0.2, 0.2], data="pairbench:clean")
    assert [table.title for table in tables([*RECORDS, other])] == [
        "mask IoU under perturbations, equal, about 1,000 samples of pairbench:hard",
        "depth RMSE under perturbations, equal, about 1,000 samples of pairbench:hard",
        "mask IoU under perturbations, equal, about 1,000 samples of pairbench:clean",
        "depth RMSE under perturbations, equal, about 1,000 samples of pairbench:clean",
    ]


def test_columns_stand_at_the_greatest_strength_that_all_have_seen() -> None:
    """Records of older releases stop earlier."""
    newer = curve("new", "shift", [0.5, 0.4, 0.3, 0.1], [0.2, 0.2, 0.2, 0.2])
    masks, _ = tables([RECORDS[0], newer])
    assert masks.head == ["model", "none 0", "shift 2"]
    assert masks.body == [["weak", "0.500", "0.300"], ["new", "0.500", "0.300"]]


def test_false_positives_have_a_table_of_their_own() -> None:
    found = changed(curve("a", "swapped", [], []), values={"strength": [0, 1], "mask_false_area": [0.01, 0.2]})
    masks, _, false = tables([RECORDS[0], found])
    assert masks.head == ["model", "none 0", "shift 2"]
    assert false.title.startswith("false-positive area under perturbations")
    assert (false.head, false.body) == (["model", "none 0", "swapped 1"], [["a", "0.010", "0.200"]])
    assert "lower is better" in false.notes[0]
    assert "no object" in false.notes[1]


def test_what_failed_or_predicts_one_task_has_no_line_of_its_own() -> None:
    lost = failed(curve("a", "shift", [], []))
    blind = curve("b", "shift", [0.5, 0.4, 0.3], [])
    assert tables([lost]) == []
    (only,) = tables([lost, blind])
    assert only.body == [["b", "0.500", "0.300"]]


def test_other_recipes_precisions_and_weights_are_rows_of_their_own() -> None:
    own = [
        curve("weak", "shift", [0.9, 0.9, 0.9], [0.1, 0.1, 0.1], recipe="resunet-dice"),
        curve("weak", "shift", [0.1, 0.1, 0.1], [0.3, 0.3, 0.3], recipe="resunet-dice", precision="bf16"),
    ]
    masks = [table for table in tables([*own, RECORDS[-1]]) if table.title.startswith("mask")]
    assert [table.title for table in masks] == [
        "mask IoU under perturbations, recipes of their own, about 1,000 samples of pairbench:hard"
    ]
    assert masks[0].body == [
        ["weak", "resunet-dice", "0.900", "0.900"],
        ["weak", "resunet-dice, bf16", "0.100", "0.100"],
        ["plain", "equal", "0.600", "0.600"],  # no networks: with those that have a recipe of their own
    ]
    ready = [
        curve("weak", "shift", [value] * 3, [0.1] * 3, recipe="weights:w.pt", samples=None, weights=digest)
        for value, digest in ((0.9, "a"), (0.5, "b"))
    ]
    assert [row[1] for row in tables(ready)[0].body] == ["0.900", "0.500"]


def test_a_metric_without_a_value_is_a_gap() -> None:
    undefined = curve("a", "shift", [0.5, 0.4, None], [0.2, 0.2, 0.2])
    unknown = curve("b", "shift", [None, None, None], [0.2, 0.2, 0.2])
    masks, depths = tables([undefined, unknown])
    assert masks.body == [["a", "0.500", "-"]]
    assert [row[0] for row in depths.body] == ["a", "b"]
