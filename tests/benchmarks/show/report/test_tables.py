"""What the page's tables, ties and pictures make of records."""

import base64
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from records import changed, record
from report_records import GPU

from benchmarks.show.findings import Findings
from benchmarks.show.report import page
from benchmarks.show.report.gallery import gallery
from benchmarks.show.report.tables import tables as page_tables
from benchmarks.store.record import Look, Machine, Record, Tried


def tables(found: Sequence[Record]) -> dict[str, Any]:
    return page_tables(Findings(found))


def test_a_cell_measured_twice_stands_once_and_a_finished_one_stays() -> None:
    first = record("latency")
    later = changed(first, values=first.values | {"ms": 123.0})
    (entry,) = tables([first, later])["speed"]
    assert entry["latency"]["1"]["ms"] == 123.0
    stopped = changed(later, status="interrupted", values={})
    (entry,) = tables([later, stopped])["speed"]
    assert entry["latency"]["1"]["ms"] == 123.0


def test_machines_that_differ_in_one_fact_are_two() -> None:
    other = record("latency", machine={"threads": 1, "date": "2027-01-01"})
    assert len(tables([record("latency"), other])["speed"]) == 2
    again = record("latency", machine={"date": "2027-01-01", "commit": "fedcba9876543210", "dirty": True})
    data = tables([record("throughput"), again])
    assert len(data["speed"]) == 1
    assert data["machines"][0]["commits"] == ["0123456789", "fedcba9876 with changes"]


def test_a_machine_of_which_nothing_is_known_has_a_label() -> None:
    (machine,) = tables([record("latency", machine=Machine(device="cpu"))])["machines"]
    assert (machine["name"], machine["label"]) == ("unknown machine", "unknown machine")


def timed(name: str, factor: float, **cell: Any) -> Record:
    rounds = [[factor * (10 + wave)] * 3 for wave in (0.0, 1.0, 0.3, 0.6, 0.1, 0.9, 0.4, 0.7)]
    spans = {"ms": [10.1 * factor, 10.8 * factor]}
    return record("latency", name, raw={"rounds_ms": rounds}, values={"ms": 10.5 * factor}, intervals=spans, cell=cell)


def test_ties_are_paired_by_round_and_never_cross_machine_size_or_batch() -> None:
    found = [timed("a", 1.0), timed("b", 1.01), timed("c", 1.0), timed("d", 0.1, batch=8), timed("e", 0.1, size=(8, 8))]
    found.append(changed(timed("f", 0.1), machine=GPU))
    data = tables(found)
    names = [model["name"] for model in data["models"]]
    cells = {names[e["model"]]: next(iter(e["latency"].values())) for e in data["speed"]}
    assert {name: cell.get("place") for name, cell in cells.items()} == {
        "a": "best", "b": None, "c": "tie", "d": None, "e": None, "f": None,  # a network alone is not the best
    }  # fmt: skip
    assert cells["a"]["ties"] == ["c"]
    assert cells["b"]["ties"] == []  # 1 % slower in every round: their intervals overlap, their ratio's does not hold 1
    assert "rounds" not in cells["a"]


def test_the_faster_layout_is_marked_where_it_is_beyond_doubt() -> None:
    found = [timed("a", 1.0), timed("a", 0.9, layout="channels_last")]
    marks = {e["layout"]: e["latency"]["1"]["faster"] for e in tables(found)["speed"]}
    assert marks == {"contiguous": False, "channels_last": True}


def trained(name: str, values: list[float], seed: int = 0, **cell: Any) -> Record:
    pixels = 10_000  # of the union in each image
    right = [round(pixels * value) for value in values]
    sums = {"images": len(values), "rows": len(values), "mask_iou": [right, [pixels - n for n in right], 0, pixels]}
    mean = sum(values) / len(values)
    spans = {"mask_iou": [mean - 0.1, mean + 0.2]}
    cell = {"seed": seed, "test_images": 100, **cell}
    return record("accuracy", name, raw={"sums": sums}, values={"mask_iou": mean}, intervals=spans, cell=cell)


def test_seeds_are_averaged_and_the_interval_covers_each() -> None:
    (entry,) = tables([trained("a", [0.4, 0.6], seed) for seed in (1, 2)] + [trained("a", [0.8, 0.8], 3)])["accuracy"]
    assert entry["seeds"] == [1, 2, 3]
    mean, low, high, spread = entry["values"]["mask_iou"]
    assert spread == pytest.approx(0.1732, abs=1e-4)
    assert mean == pytest.approx(0.6)
    assert high - mean >= 4.303 * 0.1732 / 3**0.5  # three seeds, Student
    assert low < 0.4
    (two,) = tables([trained("a", [0.4, 0.6], 1), trained("a", [0.8, 0.8], 2)])["accuracy"]
    assert two["values"]["mask_iou"] == pytest.approx([0.65, 0.4, 1.0, 0.2121], abs=1e-4)  # from 0.5 - 0.1 to 0.8 + 0.2


def test_curves_over_seconds_stand_where_the_training_was_after_all_rates_were_tried() -> None:
    tried = (Tried(0.001, chosen=False, loss=0.9, seconds=30.0), Tried(0.003, chosen=True, loss=0.8, seconds=10.0))
    curve = (Look(100, 40.0, 0.8, 0.3, 0.2), Look(400, 70.0, 0.5, 0.6, 0.1))
    one = record("accuracy", cell={"recipe": "effort"}, raw={"curve": curve, "rates": tried})
    (entry,) = tables([one])["accuracy"]
    assert [[point[axis] for point in entry["curves"][0]] for axis in ("samples", "seconds")] == [[100, 400], [40, 70]]
    assert [(each["rate"], each["loss"], each["chosen"]) for each in entry["rates"][0]] == [
        (0.001, 0.9, False),
        (0.003, 0.8, True),
    ]
    assert "the seconds of all that were tried come first" in page(Findings([one]))
    (plain,) = tables([record("accuracy")])["accuracy"]
    assert plain["rates"] == [[]], "older records tell of none"


def test_accuracy_ties_are_paired_by_image_within_one_set() -> None:
    waves = [0.5 + 0.3 * math.sin(i) for i in range(40)]
    close = [value + 0.01 * math.cos(3 * i) for i, value in enumerate(waves)]
    found = [
        trained("a", waves), trained("b", close), trained("c", [value - 0.01 for value in waves]),
        trained("d", waves, samples=20), changed(trained("e", waves), machine=GPU),
    ]  # fmt: skip
    data = tables(found)
    place = {entry["name"]: entry["place"].get("mask_iou") for entry in data["accuracy"]}
    assert {place["a"], place["b"]} == {"best", "tie"}
    assert place["c"] is None  # worse by little, but on every image
    assert place["d"] is None  # alone with its samples
    assert {place["a"], place["e"]} <= {"best", "tie"}  # what was learned does not depend on the machine
    assert len(data["sets"]) == 2


def test_what_most_networks_were_trained_on_stands_first() -> None:
    few = [trained("d", [0.3], samples=20), trained("e", [0.4], samples=20)]
    data = tables([*few, *(trained(name, [0.9]) for name in "abc")])
    assert [s["samples"] for s in data["sets"]] == ["about 10,000 samples", "about 20 samples"]


def test_what_one_recipe_trained_on_the_hardest_data_stands_first() -> None:
    found = [trained("a", [0.9], data="easy"), trained("a", [0.1], recipe="own"), trained("a", [0.4], data="hard")]
    data = tables([*found, trained("b", [0.6], data="hard"), trained("b", [0.95], data="easy")])
    assert [(s["data"], s["recipe"]) for s in data["sets"][:2]] == [("hard", "equal"), ("easy", "equal")]
    assert data["sets"][2]["recipe"] == "own"
    assert [entry["set"] for entry in data["accuracy"]] == [0, 0, 1, 1, 2]


def test_own_recipes_are_one_set_if_their_samples_are_the_same() -> None:
    found = [trained("a", [0.5], recipe="one", precision="bf16"), trained("b", [0.6], recipe="two")]
    data = tables([*found, trained("a", [0.6], recipe="one", samples=900)])
    assert [s["recipe"] for s in data["sets"]] == ["own", "own"]
    assert [e["set"] for e in data["accuracy"]] == [0, 0, 1]
    assert [e["recipe"] for e in data["accuracy"]] == ["two", "one", "one"]  # the better mask first
    both = tables([trained("a", [0.5]), trained("a", [0.6], precision="bf16")])
    assert len(both["sets"]) == len(both["accuracy"]) == 2


def test_the_sheet_is_cut_into_the_tiles_it_was_made_of(tmp_path: Path) -> None:
    width, height = 5, 3
    sheet = Image.new("RGB", (6 * (width + 2), 2 * (height + 2)), "white")
    for row in range(2):
        for column in range(6):
            tile = Image.new("RGB", (width, height), (40 * column, 100 * row, 7))
            sheet.paste(tile, (column * (width + 2), row * (height + 2)))
    sheet.save(tmp_path / "sheet.png")
    one = record("accuracy", gallery="sheet.png", cell={"size": (height, width)})
    found = gallery(tables([one]), [tmp_path / "elsewhere", tmp_path])
    (scene,), (network,) = found["scenes"], found["networks"]

    def colour(uri: str) -> tuple[int, ...]:
        tile = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB")
        assert tile.size == (width, height)
        ((_, value),) = tile.getcolors()
        return value

    assert [[colour(uri) for uri in row] for row in scene["tiles"]] == [
        [(40 * column, 100 * row, 7) for column in (0, 1, 2, 4)] for row in range(2)
    ]
    assert [[colour(uri) for uri in row] for row in network["tiles"]] == [
        [(40 * column, 100 * row, 7) for column in (3, 5)] for row in range(2)
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gone.png", "missing"),
        ("../x.png", "outside"),
        ("text.png", "not a picture"),
        ("small.png", "cannot be cut into rows"),
        (".", ""),
    ],
)
def test_a_picture_that_cannot_be_shown_is_named(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "text.png").write_text("no picture")
    Image.new("RGB", (7, 7)).save(tmp_path / "small.png")
    found = gallery(tables([record("accuracy", gallery=name)]), [tmp_path])
    assert found["scenes"] == found["networks"] == []
    assert reason in found["problems"][0]
    assert name in found["problems"][0]


def test_memory_of_one_layout_stands_beside_the_others_by_name() -> None:
    found = [timed("a", 1.0, layout=layout) for layout in ("contiguous", "channels_last")]
    memory = record("memory", "a")
    entries = tables([*found, memory])["speed"]
    assert {e["layout"]: e["memory"]["1"].get("note") for e in entries} == {
        "contiguous": None,
        "channels_last": "eager, contiguous",
    }
    alone = tables([memory])["speed"]
    assert [e["memory"]["1"]["inference_bytes"] for e in alone] == [memory.values["inference_bytes"]]


def test_rounds_of_two_runs_are_no_pairs() -> None:
    data = tables([changed(timed("a", 1.0), run="1"), changed(timed("b", 1.01), run="2")])
    assert [e["latency"]["1"]["place"] for e in data["speed"]] == ["best", "tie"]  # their intervals overlap


def test_the_largest_batch_is_a_track_of_its_own() -> None:
    found = record("throughput", cell={"batch": None}, values={"images_per_s": 100.0, "batch": 32})
    (entry,) = tables([found])["speed"]
    assert entry["throughput"]["largest"]["batch"] == 32
