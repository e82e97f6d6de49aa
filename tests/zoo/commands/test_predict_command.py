"""`zoo predict`: two files, folders of them, and everything that may be wrong with either."""

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import zoo
from zoo.__main__ import main
from zoo.commands.predict import _size as size_of
from zoo.deploy import Pair, many, pairs
from zoo.deploy.journal import FILE
from zoo.lock import locked
from zoo.trained import Trained

Shown = pytest.CaptureFixture[str]
KINDS = ("binary", "cutout", "depth", "depth_preview", "mask")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with weights, a plate, and three photos in which a square is brighter; we stand in it."""
    monkeypatch.chdir(tmp_path)
    zoo.save(zoo.build("frame_difference"), tmp_path / "w.safetensors")
    (tmp_path / "photos").mkdir()
    plate = np.random.default_rng(0).integers(0, 200, (16, 24, 3), dtype=np.uint8)
    Image.fromarray(plate).save(tmp_path / "bg.png")
    for number in range(1, 4):
        photo = plate.copy()
        photo[:4, : 4 * number] += np.uint8(51)
        Image.fromarray(photo).save(tmp_path / "photos" / f"p{number}.png")
    return tmp_path


def zoo_predict(*args: str) -> int:
    return main(["predict", "--weights", "w.safetensors", "--out", "out", "--device", "cpu", *args])


def written(folder: str = "out") -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def objects(stem: str) -> int:
    """Pixels of object in a binary mask."""
    return int((np.asarray(Image.open(f"out/{stem}_binary.png")) == 255).sum())


def test_two_files_become_five(place: Path, capsys: Shown) -> None:
    assert zoo_predict("bg.png", "photos/p1.png") == 0
    assert written() == [f"p1_{kind}.png" for kind in KINDS]
    assert {Image.open(path).size for path in Path("out").iterdir()} == {(24, 16)}
    assert objects("p1") == 16
    shown = capsys.readouterr()
    assert shown.out.startswith("1 of 1 photos in ")
    assert "  p1_cutout.png\n" in shown.out
    assert "note: training unknown" in shown.err


def test_outputs_that_were_never_trained_are_not_written(place: Path, capsys: Shown) -> None:
    model = zoo.build("frame_difference")
    model.trained = Trained("pairbench:hard", {"mask": 12_000})
    zoo.save(model, place / "w.safetensors")
    assert zoo_predict("bg.png", "photos/p1.png") == 0
    assert written() == ["p1_binary.png", "p1_cutout.png", "p1_mask.png"]
    said = "note: trained on pairbench:hard: mask 12,000 samples; depth was never trained, and is left out\n"
    assert said in capsys.readouterr().err


def test_a_folder_of_photos_with_one_plate(place: Path, capsys: Shown) -> None:
    assert zoo_predict("bg.png", "photos") == 0
    assert [objects(f"p{number}") for number in (1, 2, 3)] == [16, 32, 48]
    assert len(written()) == 15
    shown = capsys.readouterr()
    assert shown.out.startswith("3 of 3 photos in ")
    assert "predicting 3 photos" in shown.err


def test_folders_are_paired_by_name_and_the_rest_is_named(place: Path, capsys: Shown) -> None:
    plates = place / "plates"
    plates.mkdir()
    for name in ("p1.bmp", "p3.jpg.png", "other.png"):
        Image.open("bg.png").save(plates / name)
    Image.open("photos/p2.png").save(plates / "p2.png")  # the photo itself: nothing changed
    assert zoo_predict("plates", "photos") == 1
    assert [objects("p1"), objects("p2")] == [16, 0]
    assert len(written()) == 10
    shown = capsys.readouterr()
    assert shown.out.startswith("2 of 3 photos in ")
    assert f"left out: {Path('photos/p3.png')}: no plate with this name in plates\n" in shown.err


def test_one_broken_photo_stops_no_other(place: Path, capsys: Shown) -> None:
    whole = Path("photos/p2.png").read_bytes()
    Path("photos/p2.png").write_bytes(whole[: len(whole) // 2])
    Image.new("RGB", (24, 15)).save("photos/p4.png")
    assert zoo_predict("bg.png", "photos") == 1
    assert [objects("p1"), objects("p3")] == [16, 48]
    assert len(written()) == 11
    assert written()[0] == FILE  # so that --resume can do the rest
    shown = capsys.readouterr()
    assert shown.out.startswith("2 of 4 photos in ")
    told = [line for line in shown.err.splitlines() if line.startswith("left out: ")]
    assert len(told) == 2
    assert told[0].startswith("left out: photos/p2.png: damaged or cut short")
    assert told[1].startswith("left out: bg.png is 16 x 24 and photos/p4.png is 15 x 24 (height x width)")
    assert "--resize-plate" in told[1]
    assert "Traceback" not in shown.err


def test_a_plate_that_serves_all_must_be_readable(place: Path, capsys: Shown) -> None:
    Path("bg.png").write_bytes(b"no image")
    assert zoo_predict("bg.png", "photos") == 2
    assert capsys.readouterr().err.startswith("error: bg.png: not an image")
    assert written() == []


def test_a_plate_of_another_size_is_resized_if_allowed(place: Path) -> None:
    Image.open("bg.png").resize((48, 32), Image.Resampling.NEAREST).save("large.png")
    assert zoo_predict("large.png", "photos/p1.png") == 1
    assert zoo_predict("large.png", "photos/p1.png", "--resize-plate") == 0


def test_the_photo_s_own_size_can_be_asked_for() -> None:
    assert size_of("photo") is None
    assert size_of("trained") == "trained"
    assert size_of("32x48") == (32, 48)


def test_the_network_s_size_is_not_the_files(place: Path) -> None:
    assert zoo_predict("bg.png", "photos/p3.png", "--size", "8x12") == 0
    assert {Image.open(path).size for path in Path("out").iterdir()} == {(24, 16)}
    # along each side, the last pixel of object has (3/4)(7/8) + (1/4)(1/8) = 0.69 of the change after halving and
    # doubling: more than the half that the threshold asks for, but 0.47 in the corner
    assert objects("p3") == 4 * 12 - 1


def test_the_threshold_is_a_probability(place: Path, capsys: Shown) -> None:
    assert zoo_predict("bg.png", "photos/p1.png", "--threshold", "0.01") == 0
    assert objects("p1") == 16 * 24
    assert zoo_predict("bg.png", "photos", "--threshold", "2") == 2
    assert "threshold=2.0 is not accepted" in capsys.readouterr().err


def test_a_network_without_a_plate_takes_the_photo_alone(place: Path, capsys: Shown) -> None:
    torch.manual_seed(0)
    zoo.save(zoo.build("unet(width=4, plate=false, tasks=depth)"), "w.safetensors")
    assert zoo_predict("photos") == 0
    assert written() == [f"p{number}_{kind}.png" for number in (1, 2, 3) for kind in ("depth", "depth_preview")]
    capsys.readouterr()
    assert zoo_predict("missing.png", "photos/p1.png", "--overwrite") == 0
    assert "note: this network takes no plate, so missing.png is ignored" in capsys.readouterr().err


def test_weights_from_elsewhere_need_the_network_named(place: Path, capsys: Shown) -> None:
    torch.save(zoo.build("frame_difference").state_dict(), "w.pth")
    assert main(["predict", "--weights", "w.pth", "--out", "out", "bg.png", "photos/p1.png"]) == 2
    assert "does not say which network" in capsys.readouterr().err
    args = ["predict", "--weights", "w.pth", "--model", "frame_difference", "--device", "cpu"]
    assert main([*args, "--out", "out", "bg.png", "photos/p1.png"]) == 0
    assert objects("p1") == 16


def test_files_that_are_there_are_refused_before_any_work(place: Path, capsys: Shown) -> None:
    Path("out").mkdir()
    Path("out/p2_depth.png").write_text("old")
    assert zoo_predict("bg.png", "photos") == 2
    assert capsys.readouterr().err == (
        f"error: {Path('out/p2_depth.png')}: already exists; allow overwrite (--overwrite), or give another folder\n"
    )
    assert written() == ["p2_depth.png"]
    assert zoo_predict("bg.png", "photos", "--overwrite") == 0
    assert len(written()) == 15
    assert Image.open("out/p2_depth.png").size == (24, 16)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["photos/p1.png"], "this network compares a photo with its plate; give BG PHOTO"),
        (["a", "b", "c"], "3 paths given; give BG PHOTO"),
        (["missing.png", "photos"], "missing.png: no such file or folder"),
        (["bg.png", "empty"], "empty: no images in it; accepted are files that end in .jpg"),
        (["empty", "photos"], "empty: no images in it"),
        (["other", "photos"], "no plate in other has the name of a photo (plates: x; photos: p1, p2, p3)"),
        (["bg.png", "twice"], "a.png and a.bmp have one name"),
        (
            ["bg.png", "photos", "--out", "photos"],
            "photos holds the photos, and results there would be taken for photos",
        ),
        (["bg.png", "photos", "--out", "bg.png"], "bg.png: cannot be written to (File exists)"),
        (["bg.png", "photos", "--out", ""], "argument --out: the path is empty"),
        (["bg.png", "photos", "--resume"], "out holds nothing to resume: no prediction was begun, or all is done"),
        (["bg.png", "photos", "--resume", "--overwrite"], "not allowed with argument --resume"),
        (["bg.png", "photos", "--device", "abacus"], "device='abacus' is not accepted"),
        (["bg.png", "photos", "--size", "4"], "argument --size: '4' is not a size"),
        (["bg.png", "photos", "--weights", "none.safetensors"], "none.safetensors does not exist"),
        (
            ["bg.png", "photos", "--model", "unet"],
            "not unet; give that as --model, or none where the command takes it",
        ),
    ],
)
def test_what_a_user_gets_wrong_is_one_line(place: Path, args: list[str], message: str, capsys: Shown) -> None:
    for name in ("empty/inner", "other", "twice"):
        Path(name).mkdir(parents=True)
    for name in ("other/x.png", "twice/a.png", "twice/a.bmp", "empty/inner/a.png"):
        Image.open("bg.png").save(name)
    assert zoo_predict(*args) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("error: ")
    assert message in shown.err
    assert shown.err.count("\n") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder_is_said_before_any_work(place: Path, capsys: Shown) -> None:
    Path("out").mkdir(mode=0o500)
    assert zoo_predict("bg.png", "photos") == 2
    assert "out: cannot be written to (Permission denied)" in capsys.readouterr().err


def test_a_full_disk_ends_it_with_one_line(place: Path, capsys: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    assert zoo_predict("bg.png", "photos/p1.png") == 2
    assert capsys.readouterr().err.endswith("error: out/p1_mask.png: No space left on device\n")
    assert written() == []


def test_a_photo_alone_finds_its_plate_in_a_folder(place: Path) -> None:
    Path("plates").mkdir()
    for name in ("p2.png", "p10.png"):
        Image.open("bg.png").save(f"plates/{name}")
    plates = Path("plates")
    assert pairs(plates, Path("photos/p2.png")) == ([Pair(plates / "p2.png", Path("photos/p2.png"))], [])
    assert [pair.photo.name for pair in pairs(None, plates)[0]] == ["p2.png", "p10.png"]  # as people count


def test_without_weights_the_ones_that_ship_answer_beside_the_photo(place: Path, capsys: Shown) -> None:
    scene = zoo.data.load("pairbench:clean", split="val", size=128)[3]
    for picture, name in ((scene.bg, "plate.png"), (scene.fg_bg, "photos/cup.png")):
        pixels = (picture * 255).round().byte().permute(1, 2, 0).numpy()
        Image.fromarray(pixels).resize((512, 384)).save(name)
    assert main(["predict", "plate.png", "photos/cup.png", "--device", "cpu"]) == 0
    kinds = ("binary", "cutout", "depth", "depth_preview", "mask")
    assert [name for name in written("photos") if "cup_" in name] == [f"cup_{kind}.png" for kind in kinds]
    found = np.asarray(Image.open("photos/cup_binary.png").resize((128, 128))) > 127
    truth = scene.mask[0].numpy() > 0.5
    assert (found & truth).sum() / (found | truth).sum() > 0.7
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]
    assert len(told) == 1
    assert told[0].startswith("note: no --weights given, so this is pairnet-small; trained on ")
    assert main(["predict", "--model", "unet", "plate.png", "photos/cup.png"]) == 2
    assert "give --weights FILE too" in capsys.readouterr().err


def test_a_folder_s_files_lie_beside_it(place: Path) -> None:
    assert main(["predict", "--weights", "w.safetensors", "--device", "cpu", "bg.png", "photos"]) == 0
    assert len(written("photos_predicted")) == 15
    assert len(written("photos")) == 3


@pytest.fixture
def half_done(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Shown) -> list[str]:
    """A prediction that was interrupted at its second photo; from then on, the photos that are worked on."""
    predict = many.predict
    worked: list[str] = []

    def interrupted(*args: Any, **options: Any) -> Any:
        worked.append("")
        if len(worked) == 2:
            raise KeyboardInterrupt
        return predict(*args, **options)

    monkeypatch.setattr(many, "predict", interrupted)
    assert zoo_predict("bg.png", "photos", "--threshold", "0.4") == 130
    assert "to continue, run the same command with --resume" in capsys.readouterr().err
    assert written() == [FILE, *(f"p1_{kind}.png" for kind in KINDS)]
    worked[:] = ["", "", ""]
    return worked


def test_resume_goes_on_and_keeps_what_is_done(half_done: list[str], capsys: Shown) -> None:
    with Path("out", FILE).open("a") as file:
        file.write('{"photo": "p2.png", "of"')  # as a crash leaves it
    Path("out/p2_mask.png").write_text("of a photo that was not done")
    for name in ("p2_mask.png", FILE):
        Path(f"out/.{name}.0123abcd.part").touch()
    before = Path("out/p1_mask.png").stat().st_mtime_ns
    assert zoo_predict("bg.png", "photos", "--threshold", "0.4", "--resume") == 0
    assert len(half_done) == 3 + 2
    assert Path("out/p1_mask.png").stat().st_mtime_ns == before
    assert [objects(f"p{number}") for number in (1, 2, 3)] == [16, 32, 48]
    assert len(written()) == 15
    assert capsys.readouterr().out.startswith("3 of 3 photos (done before: 1) in ")


def test_resume_does_again_what_was_made_of_another_photo(half_done: list[str]) -> None:
    Image.open("photos/p3.png").save("photos/p1.png")
    Image.open("photos/p2.png").save("photos/p4.png")  # one that was not there
    assert zoo_predict("bg.png", "photos", "--threshold", "0.4", "--resume") == 0
    assert [objects(f"p{number}") for number in (1, 2, 3, 4)] == [48, 32, 48, 32]


def test_resume_refuses_other_settings_weights_and_files_of_others(half_done: list[str], capsys: Shown) -> None:
    assert zoo_predict("bg.png", "photos", "--resume") == 2
    assert "out was begun with other settings: threshold was 0.4, not 0.5. Give those again" in capsys.readouterr().err
    Image.open("photos/p2.png").save("photos/p4.png")
    Path("out/p4_mask.png").write_text("not ours")
    assert zoo_predict("bg.png", "photos", "--threshold", "0.4", "--resume") == 2
    assert "p4_mask.png: already exists" in capsys.readouterr().err
    model = zoo.build("frame_difference")
    with torch.no_grad():
        model.threshold += 1
    zoo.save(model, "w.safetensors")
    assert zoo_predict("bg.png", "photos", "--threshold", "0.4", "--resume") == 2
    assert "begun with other settings: network was" in capsys.readouterr().err
    Path("out", FILE).write_text("[]\n")
    assert zoo_predict("bg.png", "photos", "--resume") == 2
    assert f"{FILE} cannot be read" in capsys.readouterr().err
    assert zoo_predict("bg.png", "photos", "--overwrite") == 0


def test_two_predictions_of_folders_do_not_mix(place: Path, capsys: Shown) -> None:
    with locked(Path("out")):
        assert zoo_predict("bg.png", "photos") == 2
        assert "out is in use by another process" in capsys.readouterr().err
        assert zoo_predict("bg.png", "photos/p1.png") == 0  # one photo has its own names
    assert len(written()) == 5


def test_the_next_photo_is_read_meanwhile_and_no_more_than_that(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4, 9):
        Image.open("photos/p1.png").save(f"photos/p{number}.png")
    read, predict = many.read, many.predict
    begun: list[str] = []
    second, ahead = threading.Event(), []

    def noted_read(path: Path, name: str, **options: Any) -> Any:
        begun.append(path.name)
        if path.name == "p2.png":
            second.set()
        return read(path, name, **options)

    def slow_predict(*args: Any, **options: Any) -> Any:
        assert second.wait(120)  # the first is in work
        found = predict(*args, **options)
        ahead.append(len(begun) - 1 - len(ahead))  # photos begun, without the plate and those that were used before
        return found

    monkeypatch.setattr(many, "read", noted_read)
    monkeypatch.setattr(many, "predict", slow_predict)
    assert zoo_predict("bg.png", "photos") == 0
    assert begun == ["bg.png", *(f"p{number}.png" for number in range(1, 9))]
    assert len(ahead) == 8
    assert max(ahead) <= 2  # this one and the next
