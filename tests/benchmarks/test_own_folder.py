"""`zoo compare NETWORKS --data FOLDER`: people's own photos, with nothing else said."""

import json
import shutil
from pathlib import Path

import pytest
from folder_data import H, W, dataset, write, zipped

from benchmarks import compare
from benchmarks.plan.own_folder import SAMPLES, fitting, settled
from benchmarks.plan.presets import PRESETS
from benchmarks.show.sets import shares_plates, short
from registry import OptionError
from zoo.__main__ import main
from zoo.data import DataError, load
from zoo.data.inspecting.recognise import recognise


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Six photos of one plate with masks alone, in folders that are called as people call them."""
    root = tmp_path / "my desk"
    write(root / "plate" / "plate.png", 20)
    for number in range(6):
        write(root / "Photos" / f"p{number}.png", 100 + number)
        write(root / "masks" / f"p{number}.png", 255 * (number % 2), mode="L")
    (root / "notes").mkdir()
    return root


def test_one_command_says_what_it_assumed_and_heads_its_table(
    desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    asked = ["compare", "frame_difference", "--data", desk, "--samples", 32, "--seconds", 0.01, "--out", out]
    assert main([*map(str, asked), "--device", "cpu", "--threads", "1", "--workers", "0"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"6 photos of 1 plate, {H} x {W} pixels (height x width), with mask" in shown
    assert "split by photo, because 1 plate cannot be held out" in shown
    assert "learns from 32 samples of 16 x 32 pixels by the recipe equal" in shown
    assert "this takes about" in shown
    assert "same plate in training and test" in (out / "compare.md").read_text()
    records = [json.loads(line) for line in (out / "compare.jsonl").read_text().splitlines()]
    assert {record["measure"] for record in records} == {"cost", "latency", "accuracy"}
    trained = [record for record in records if record["measure"] == "accuracy"]
    assert {record["status"] for record in trained} == {"done"}
    assert all("mask_iou" in record["values"] and "depth_rmse" not in record["values"] for record in trained)


def test_what_is_given_stands_in_place_of_what_is_assumed(desk: Path) -> None:
    plain = settled("unet", {"data": str(desk)}, PRESETS, "cpu")
    assert (plain.samples, plain.train_size, plain.sizes) == (SAMPLES, (16, 32), ((16, 32),))
    given = settled("unet", {"data": [str(desk)], "samples": 64, "train_size": 64, "seeds": (0, 1)}, PRESETS, "cpu")
    assert (given.samples, given.train_size, given.sizes, given.seeds) == (64, (64, 64), ((64, 64),), (0, 1))
    told = settled("unet", {"data": str(desk), "measure": "accuracy"}, PRESETS, "cpu")
    assert (told.data, told.assumed) == ((str(desk),), ())
    with pytest.raises(OptionError, match="add --measure accuracy"):
        settled("unet", {"data": "pairbench:hard"}, PRESETS, "cpu")


def test_a_folder_is_read_as_it_is(tmp_path: Path) -> None:
    founding = recognise(str(dataset(tmp_path / "founding", n_bg=3, each=2)))
    assert (founding.photos, founding.plates, founding.tasks) == (6, 3, ("mask", "depth"))
    assert not founding.shares_plates
    assert set(founding.spec.options) == {"path", "tasks"}
    paired = tmp_path / "paired"
    for name in ("a", "b", "c", "d"):
        for folder, value in (("plates", 10), ("images", 100), ("mask", 255)):
            write(paired / folder / f"{name}.png", value, mode="L" if folder == "mask" else "RGB")
    write(paired / "plates" / "spare.png", 10)  # by their order they would not divide
    found = recognise(str(paired))
    assert (found.plates, found.spec.options["template"]) == (4, "{stem}")
    data = load(str(found.spec), split="all")
    assert [Path(data[i].meta["bg"]).stem for i in range(4)] == ["a", "b", "c", "d"]
    shutil.rmtree(tmp_path / "founding" / "fg_bg_depth")
    packed = recognise(str(zipped(tmp_path / "founding", tmp_path / "packed.zip", inside="all/")))
    assert packed.tasks == ("mask",)
    assert len(load(str(packed.spec), split="all")) == 6


def test_a_folder_that_is_none_says_what_belongs_there(tmp_path: Path) -> None:
    write(tmp_path / "photos" / "a.png", 1)
    with pytest.raises(DataError, match=r"bg: bg, plate, plates.* mask: .*; it has photos"):
        recognise(str(tmp_path))


@pytest.mark.parametrize(
    ("size", "small"), [((3000, 4000), (96, 128)), ((16, 24), (16, 32)), ((4000, 3000), (128, 96))]
)
def test_a_fitting_size(size: tuple[int, int], small: tuple[int, int]) -> None:
    assert fitting(size) == small


def test_specs_in_tables() -> None:
    assert shares_plates("folders(path=mydesk, split_kind=random)")
    assert not any(map(shares_plates, ("folders(path=mydesk)", "pairbench:hard", "my desk/of photos")))
    assert short('folders(path="data/my desk", tasks=(mask,))') == "my desk"
    assert short("data/photos") == "photos"


def test_networks_are_given_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main(["unet", "--models", "u2netp"]) == 2
    assert "networks are given both with and without" in capsys.readouterr().err
