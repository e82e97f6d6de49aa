"""`zoo data check`: every fault is found and named, a clean data set has none, and the exit code says which."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from zoo import parallel
from zoo.__main__ import main
from zoo.data.files.layout import read_layout
from zoo.data.files.shards import Index, finished, shard_name, write_index, write_shard
from zoo.data.inspecting.checking import check

H, W, EACH = 48, 64, 2
Shown = pytest.CaptureFixture[str]


def scene(seed: int) -> Image.Image:
    """A background that is not like another."""
    cells = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(cells).resize((W, H), Image.Resampling.BICUBIC)


def disc(x: int) -> Image.Image:
    h, w = np.mgrid[:H, :W]
    return Image.fromarray((((h - 24) ** 2 + (w - x) ** 2 < 120) * 255).astype(np.uint8))


def dataset(root: Path, n_bg: int = 3) -> Path:
    """The founding layout, JPEG as it was."""
    for folder in ("bg", "fg_bg", "fg_bg_mask", "fg_bg_depth"):
        (root / folder).mkdir(parents=True)
    ramp = Image.fromarray(np.linspace(255, 60, H).astype(np.uint8).repeat(W).reshape(H, W))
    for b in range(n_bg):
        scene(b).save(root / f"bg/bg_{b + 1:03}.jpg", quality=65)
        for i in range(b * EACH, (b + 1) * EACH):
            mask, name = disc(16 + 5 * i), f"img_{i + 1:04}.jpg"
            picture = Image.composite(Image.new("RGB", (W, H), (200, 30, 60)), scene(b), mask)
            picture.save(root / "fg_bg" / name, quality=65)
            mask.save(root / "fg_bg_mask" / name, quality=65)
            Image.composite(Image.new("L", (W, H), 40), ramp, mask).save(root / "fg_bg_depth" / name, quality=65)
    return root


def record(root: Path, shown: Shown, *options: str) -> tuple[int, dict]:
    code = main(["data", "check", str(root), "--json", "--workers", "1", *options])
    return code, json.loads(shown.readouterr().out)


def test_a_clean_data_set_has_no_problems(tmp_path: Path, capsys: Shown) -> None:
    code, found = record(dataset(tmp_path), capsys)
    assert code == 0
    assert found["pictures"] == 6
    assert found["problems"] == found["notes"] == {}
    assert found["modes"] == {"bg": {"RGB": 3}, "depth": {"L": 6}, "fg_bg": {"RGB": 6}, "mask": {"L": 6}}
    assert found["sizes"] == {"48 x 64": 6}
    assert 0 < found["grey_share_of_masks"] < 0.1  # a JPEG's edges


def test_people_read_text(tmp_path: Path, capsys: Shown) -> None:
    root = dataset(tmp_path)
    assert main(["data", "check", str(root)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("6 pictures; height x width: 48 x 64 (6)\n")
    assert out.endswith("no problems\n")
    for name in ("img_0001", "img_0002", "img_0003", "img_0004", "img_0005"):
        (root / f"fg_bg/{name}.jpg").write_bytes(b"")
    assert main(["data", "check", str(root)]) == 1
    out = capsys.readouterr().out
    assert "problems:\n  unreadable: 5\n" in out
    assert out.count("the file is empty") == 3
    assert "    and 2 more" in out
    assert "no problems" not in out


def edit(change: Callable[[Image.Image], Image.Image]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        changed = change(Image.open(path).copy())
        path.unlink()
        changed.save(path.with_suffix(".png"))

    return apply


FAULTS: dict[str, tuple[str, Callable[[Path], None], str, str]] = {
    "cut": ("fg_bg", lambda path: path.write_bytes(path.read_bytes()[:-200]) and None, "unreadable", "cut short"),
    "text": ("fg_bg_mask", lambda path: path.write_text("x") and None, "unreadable", "not an image"),
    "empty": ("fg_bg_depth", lambda path: path.write_bytes(b"") and None, "unreadable", "the file is empty"),
    "lost mask": ("fg_bg_mask", Path.unlink, "missing partner", "img_0003.jpg: no mask belongs to it"),
    "lost depth": ("fg_bg_depth", Path.unlink, "missing partner", "img_0003.jpg: no depth belongs to it"),
    "lost picture": ("fg_bg", Path.unlink, "missing partner", "img_0003.jpg: no picture belongs to it"),
    "size": ("fg_bg_mask", edit(lambda image: image.resize((32, 24))), "size mismatch", "is 24 x 32, "),
    "soft": (
        "fg_bg_mask",
        edit(lambda image: image.filter(ImageFilter.GaussianBlur(9))),
        "soft mask",
        "of what it covers is grey",
    ),
    "grey": ("fg_bg_mask", edit(lambda image: image.point(lambda v: v // 2)), "soft mask", "is grey"),
    "flat": ("fg_bg_depth", edit(lambda image: Image.new("L", image.size, 9)), "constant depth", "from 0.035 to 0.035"),
    "colour map": (
        "fg_bg_depth",
        edit(lambda image: Image.merge("RGB", [image, image.point(lambda v: 255 - v), image])),
        "wrong kind of image",
        "coloured",
    ),
    "see-through": (
        "fg_bg",
        edit(lambda image: Image.merge("RGBA", [*image.split(), Image.new("L", image.size, 9)])),
        "wrong kind of image",
        "transparent",
    ),
    "another background": (
        "fg_bg",
        edit(lambda image: scene(77)),
        "another background",
        "does not match its background bg/bg_002.jpg",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_named(tmp_path: Path, capsys: Shown, fault: str) -> None:
    folder, spoil, kind, words = FAULTS[fault]
    root = dataset(tmp_path)
    spoil(root / folder / "img_0003.jpg")
    code, found = record(root, capsys)
    assert code == 1
    expected = {kind: 1} if fault != "lost picture" else {kind: 2}  # its mask and its depth lack it
    assert {name: what["count"] for name, what in found["problems"].items()} == expected
    assert all("img_0003" in example for example in found["problems"][kind]["examples"])
    assert words in found["problems"][kind]["examples"][0]


def test_a_bad_background_is_one_problem(tmp_path: Path, capsys: Shown) -> None:
    root = dataset(tmp_path)
    (root / "bg/bg_002.jpg").write_bytes(b"")
    code, found = record(root, capsys)
    assert code == 1
    assert {kind: what["count"] for kind, what in found["problems"].items()} == {"unreadable": 1}


@pytest.mark.parametrize(
    ("folder", "change", "note"),
    [
        ("fg_bg_mask", lambda image: Image.new("L", image.size), "empty mask"),
        ("fg_bg_mask", lambda image: image.point(lambda v: 255 - v), "mask of more than half the picture; inverted?"),
        ("fg_bg_depth", lambda image: Image.fromarray(np.asarray(image).astype(np.uint16) * 257), "16-bit depth"),
    ],
)
def test_what_is_odd_but_usable_is_noted(tmp_path: Path, capsys: Shown, folder: str, change, note: str) -> None:
    root = dataset(tmp_path)
    edit(change)(root / folder / "img_0004.jpg")
    code, found = record(root, capsys)
    assert code == 0
    assert {kind: what["count"] for kind, what in found["notes"].items()} == {note: 1}
    assert "img_0004.png" in found["notes"][note]["examples"][0]


def test_another_light_is_the_same_background(tmp_path: Path, capsys: Shown) -> None:
    root = dataset(tmp_path)
    for path in (root / "fg_bg").iterdir():
        edit(lambda image: image.point(lambda v: int(20 + 0.6 * v)))(path)
    assert record(root, capsys)[0] == 0


def test_wrong_pairing_shows(tmp_path: Path, capsys: Shown) -> None:
    code, found = record(dataset(tmp_path), capsys, "--per-background", "4")
    assert code == 1
    assert found["problems"]["another background"]["count"] == 4
    assert found["notes"]["background that no picture uses"]["count"] == 1


def test_masks_alone_can_be_checked(tmp_path: Path, capsys: Shown) -> None:
    root = dataset(tmp_path)
    shutil.rmtree(root / "fg_bg_depth")
    assert main(["data", "check", str(root)]) == 2
    assert "no images in fg_bg_depth/" in capsys.readouterr().err
    assert record(root, capsys, "--tasks", "mask")[0] == 0


def test_a_manifest_and_a_template_are_followed(tmp_path: Path, capsys: Shown) -> None:
    root = dataset(tmp_path, n_bg=1)
    (root / "m.csv").write_text(
        "bg,fg_bg,mask,depth\nbg/bg_001.jpg,fg_bg/img_0002.jpg,fg_bg_mask/img_0002.jpg,fg_bg_depth/lost.jpg\n"
    )
    code, found = record(root, capsys, "--manifest", "m.csv")
    assert (code, found["pictures"]) == (1, 1)
    assert "lost.jpg: no such file" in found["problems"]["missing partner"]["examples"][0]
    assert main(["data", "check", str(root), "--template", "{stem.split:_:2}"]) == 2
    assert "img_0001.jpg: its name has no {stem.split:_:2}" in capsys.readouterr().err
    (root / "bg/bg_002.jpg").write_bytes((root / "bg/bg_001.jpg").read_bytes())
    assert record(root, capsys, "--template", "{number}")[0] == 0


@pytest.mark.parametrize("path", ["nothing", "empty"])
def test_no_data_is_an_error_in_one_line(tmp_path: Path, capsys: Shown, path: str) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["data", "check", str(tmp_path / path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert path in err


def test_the_findings_do_not_depend_on_who_was_faster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = dataset(tmp_path, n_bg=6)
    for path in (root / "fg_bg").iterdir():
        path.write_bytes(b"")
    monkeypatch.setattr("zoo.data.inspecting.checking.PIECE", 2)
    layout = read_layout(str(root))
    expected = check(layout, workers=1).record()
    real = parallel.run

    def shuffled(function, items, *, workers):
        pairs = list(real(function, items, workers=1))
        random.Random(1).shuffle(pairs)
        return iter(pairs)

    monkeypatch.setattr(parallel, "run", shuffled)
    assert check(layout).record() == expected


@pytest.mark.slow
def test_several_processes_find_the_same(tmp_path: Path) -> None:
    layout = read_layout(str(dataset(tmp_path, n_bg=6)))
    assert check(layout, workers=2).record() == check(layout, workers=1).record()


def test_names_do_not_steer_the_terminal(tmp_path: Path, capsys: Shown) -> None:
    root = dataset(tmp_path / "d")
    (root / "fg_bg/img_0001.jpg").rename(root / "fg_bg/img\x1b[2J.jpg")
    assert main(["data", "check", str(root), "--workers", "1"]) == 1
    out = capsys.readouterr().out
    assert "img\\x1b[2J.jpg: no depth belongs to it" in out
    assert "\x1b" not in out


def test_the_shards_of_all_splits_are_the_whole_of_a_check(tmp_path: Path, capsys: Shown) -> None:
    sizes = {"train": 6, "val": 1}
    for split, shards in sizes.items():
        for number in range(shards):
            write_shard(tmp_path / shard_name(split, number), [("0", {"json": b"{}"})])
        found = [finished(tmp_path / shard_name(split, number)) for number in range(shards)]
        write_index(tmp_path, Index(split, tuple(filter(None, found)), {}))
    assert main(["data", "check", str(tmp_path)]) == 0
    told = capsys.readouterr().err
    assert "[ 14%] check train-000000.tar\n" in told
    assert told.endswith("[100%] check val-000000.tar\n")


def test_a_spec_is_read_as_load_reads_it(tmp_path: Path, capsys: Shown) -> None:
    root = dataset(tmp_path / "d")
    shutil.rmtree(root / "fg_bg_depth")
    for words in ([f"folders(path={root}, tasks=mask)"], [f"folders:{root}", "--tasks", "mask"]):
        assert main(["data", "check", *words, "--workers", "1", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["path"], found["pictures"], sorted(found["modes"])) == (str(root), 6, ["bg", "fg_bg", "mask"])
    assert main(["data", "check", f"folders(path={root}, tasks=mask)", "--tasks", "depth"]) == 2
    assert "tasks is given twice" in capsys.readouterr().err
    assert main(["data", "check", "pairbench:hard"]) == 2
    assert "pairbench:hard is not made of files" in capsys.readouterr().err
