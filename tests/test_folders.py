"""The founding layout: which files belong together, loose or in a zip, and what happens to those that are bad."""

import gc
import json
import os
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from registry import OptionError
from zoo.data import DataError, Sample, load
from zoo.data.archive import Zip, open_store
from zoo.data.figures import figures
from zoo.data.layout import read_layout
from zoo.data.naming import Template, natural, positions
from zoo.data.problems import Problems, summary
from zoo.data.sources.folders import resize, same_aspect

H, W = 16, 24


def write(path: Path, value: int, size: tuple[int, int] = (H, W), mode: str = "RGB") -> None:
    """A picture of one colour; its value tells which it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size, value, np.uint8)).convert(mode).save(path)


def dataset(root: Path, n_bg: int = 3, each: int = 2, suffix: str = "png") -> Path:
    """Background b has the value 10 b, picture i 100 + i, depth 200 + i; the mask is white."""
    for b in range(n_bg):
        write(root / f"bg/bg_{b + 1:03}.{suffix}", 10 * b)
    for i in range(n_bg * each):
        name = f"img_{i + 1:04}.{suffix}"
        write(root / "fg_bg" / name, 100 + i)
        write(root / "fg_bg_mask" / name, 255, mode="L")
        write(root / "fg_bg_depth" / name, 200 + i, mode="L")
    return root


def zipped(folder: Path, file: Path, *, inside: str = "", method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(file, "w", method) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, f"{inside}{path.relative_to(folder)}")
    return file


def value(image: torch.Tensor) -> int:
    assert image.min() == image.max()
    return round(float(image.max()) * 255)


def pairs(ds) -> list[tuple[int, int]]:
    return [(value(ds[i].bg), value(ds[i].fg_bg)) for i in range(len(ds))]


def same(one: Sample, other: Sample) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one[:5], other[:5], strict=True))


def test_samples_hold_the_four_maps(tmp_path: Path) -> None:
    ds = load(f"folders:{dataset(tmp_path)}", split="all")
    sample = ds[4]
    assert len(ds) == 6
    assert [tuple(x.shape) for x in sample[:5]] == [(3, H, W), (3, H, W), (1, H, W), (1, H, W), (1, H, W)]
    assert all(x.dtype == torch.float32 for x in sample[:5])
    assert [value(x) for x in sample[:5]] == [20, 104, 255, 204, 255]
    assert sample.meta == {
        "index": 4,
        "paths": {
            "bg": "bg/bg_003.png",
            "fg_bg": "fg_bg/img_0005.png",
            "mask": "fg_bg_mask/img_0005.png",
            "depth": "fg_bg_depth/img_0005.png",
        },
        "size": (H, W),
        "bg": "bg/bg_003.png",
    }
    assert ds.problems == {}
    assert ds.report() == ""


def test_backgrounds_by_place(tmp_path: Path) -> None:
    expected = [(0, 100), (0, 101), (10, 102), (10, 103), (20, 104), (20, 105)]
    path = str(dataset(tmp_path))
    assert pairs(load(path, split="all")) == expected
    assert pairs(load(path, split="all", per_background=2)) == expected
    few = [(0, 100), (0, 101), (0, 102), (0, 103), (10, 104), (10, 105)]
    assert pairs(load(path, split="all", per_background=4)) == few
    with pytest.raises(DataError, match=r"6 pictures with per_background=1 need 6 backgrounds, and there are 3"):
        load(path, split="all", per_background=1)


def test_equal_counts_pair_one_by_one_whatever_the_numbers(tmp_path: Path) -> None:
    dataset(tmp_path, n_bg=3, each=1)
    os.rename(tmp_path / "bg/bg_003.png", tmp_path / "bg/bg_017.png")
    assert pairs(load(str(tmp_path), split="all")) == [(0, 100), (10, 101), (20, 102)]


def test_a_lost_picture_moves_no_other(tmp_path: Path) -> None:
    dataset(tmp_path)
    (tmp_path / "fg_bg/img_0002.png").unlink()
    assert pairs(load(str(tmp_path), split="all")) == [(0, 100), (10, 102), (10, 103), (20, 104), (20, 105)]


def test_counts_that_do_not_fit_are_an_error(tmp_path: Path) -> None:
    dataset(tmp_path)
    (tmp_path / "fg_bg/img_0006.png").unlink()
    with pytest.raises(DataError, match=r"5 pictures over 3 backgrounds.*per_background=, template= .* or manifest="):
        load(str(tmp_path), split="all")


def test_numbers_sort_by_value(tmp_path: Path) -> None:
    dataset(tmp_path, n_bg=12, each=1)
    for path in list(tmp_path.rglob("*.png")):
        word, digits = path.stem.split("_")
        path.rename(path.with_name(f"{word}_{int(digits)}.png"))
    assert pairs(load(str(tmp_path), split="all")) == [(10 * i, 100 + i) for i in range(12)]


@pytest.mark.parametrize(
    "template",
    ["bg_{stem.split:_:3}", "{stem.split:_:3}", "{stem.split:_:-2}", r"bg_(?P<bg>[0-9]+)_", r"(?P<bg>bg_[0-9]+)"],
)
def test_backgrounds_by_name(tmp_path: Path, template: str) -> None:
    dataset(tmp_path, n_bg=2, each=1)
    for folder in ("fg_bg", "fg_bg_mask", "fg_bg_depth"):
        for i, name in enumerate(["fg_7_bg_002_1", "fg_9_bg_001_1"]):
            os.rename(tmp_path / folder / f"img_{i + 1:04}.png", tmp_path / folder / f"{name}.png")
    ds = load(str(tmp_path), split="all", template=template, objects="{stem.split:_:1}")
    assert pairs(ds) == [(10, 100), (0, 101)]
    assert [ds[i].meta["object"] for i in range(2)] == ["7", "9"]


def test_backgrounds_by_parent_folder(tmp_path: Path) -> None:
    write(tmp_path / "bg/street.png", 7)
    write(tmp_path / "bg/park.png", 8)
    for folder in ("fg_bg", "fg_bg_mask", "fg_bg_depth"):
        write(tmp_path / folder / "street/1.png", 50)
        write(tmp_path / folder / "park/1.png", 60)
    assert pairs(load(str(tmp_path), split="all", template="{parent}")) == [(8, 60), (7, 50)]


def test_a_template_that_finds_no_background_says_what_it_looked_for(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"img_0001\.png: its background is 'img' by .*there are bg_001, bg_002, bg_003"
    ):
        load(str(dataset(tmp_path)), split="all", template="{stem.split:_:0}")


@pytest.mark.parametrize("text", ["{name}", "plain", "{stem.split:_}", "{stem.split:_:x}", "{stem}{", "(?P<bg>["])
def test_a_wrong_template_is_refused(text: str) -> None:
    with pytest.raises(OptionError):
        Template(text, group="bg")


@given(st.lists(st.text("abcXYZ019-", min_size=1, max_size=5), min_size=1, max_size=5), st.data())
def test_split_finds_every_part(parts: list[str], data: st.DataObject) -> None:
    name = f"fg_bg/{'_'.join(parts)}.jpg"
    at = data.draw(st.integers(0, len(parts) - 1))
    assert Template(f"{{stem.split:_:{at}}}", group="bg")(name) == parts[at]
    assert Template(f"{{stem.split:_:{at - len(parts)}}}", group="bg")(name) == parts[at]
    assert Template("x{stem}y", group="bg")(name) == f"x{'_'.join(parts)}y"


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=20, unique=True), st.booleans())
def test_natural_order_is_the_order_of_numbers(numbers: list[int], padded: bool) -> None:
    names = [f"img_{n:013}.jpg" if padded else f"img_{n}.jpg" for n in numbers]
    assert sorted(names, key=natural) == [names[numbers.index(n)] for n in sorted(numbers)]


@given(st.lists(st.text(min_size=1, max_size=8), max_size=8))
def test_natural_order_takes_any_names(names: list[str]) -> None:
    assert sorted(sorted(names, key=natural)) == sorted(names)


@given(st.integers(2, 40), st.data())
def test_positions_survive_the_loss_of_files(n: int, data: st.DataObject) -> None:
    lost = data.draw(st.sets(st.integers(1, n - 1), max_size=(n - 1) // 3))
    left = [i for i in range(n) if i not in lost]
    assert positions([f"img_{i + 1:04}.png" for i in left]).tolist() == left


def test_names_without_numbering_have_their_rank() -> None:
    assert positions(["a7.png", "b9.png"]).tolist() == [0, 1]
    assert positions(["img_20260101.png", "img_20270101.png"]).tolist() == [0, 1]  # dates


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("place", ["loose", "zip"])
def test_a_manifest_names_the_files(tmp_path: Path, kind: str, place: str) -> None:
    root = dataset(tmp_path / "d")
    names = ("bg", "fg_bg", "mask", "depth")
    rows = [
        ["bg/bg_003.png", "fg_bg/img_0001.png", "fg_bg_mask/img_0002.png", "fg_bg_depth/img_0004.png"],
        ["bg/bg_001.png", "fg_bg/img_0006.png", "fg_bg_mask/img_0002.png", "fg_bg_depth/img_0005.png"],
    ]
    text = "\n".join([",".join(names), *map(",".join, rows)])
    if kind == "jsonl":
        text = "\n\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in rows)
    (root / f"m.{kind}").write_text(text)
    path = zipped(root, tmp_path / "d.zip") if place == "zip" else root
    ds = load(str(path), split="all", manifest=f"m.{kind}")
    assert pairs(ds) == [(20, 100), (0, 105)]
    assert [value(ds[i].depth) for i in range(2)] == [203, 204]
    outside = tmp_path / f"elsewhere.{kind}"
    shutil.copy(root / f"m.{kind}", outside)
    assert pairs(load(str(path), split="all", manifest=str(outside))) == pairs(ds)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bg,fg_bg,mask,depth\n", "no rows"),
        ("bg,fg_bg,mask\na.png,b.png,c.png\n", "line 2: no depth; leave a task out with tasks="),
        ("bg,fg_bg,mask,depth\na.png,,c.png,d.png\n", "line 2: no fg_bg"),
        ("bg,fg_bg,mask,depth\n../a.png,b.png,c.png,d.png\n", "'../a.png' leads out of it"),
        ("bg,fg_bg,mask,depth\na.png,/etc/b.png,c.png,d.png\n", "'/etc/b.png' leads out of it"),
    ],
)
def test_a_faulty_manifest_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        load(str(tmp_path), split="all", manifest="m.csv")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("inside", ["", "my data/"])
def test_a_zip_gives_the_same_samples(tmp_path: Path, method: int, inside: str) -> None:
    root = dataset(tmp_path / "d", suffix="jpg")
    (root / ".DS_Store").write_text("x")
    ds = load(str(zipped(root, tmp_path / "d.zip", inside=inside, method=method)), split="all")
    loose = load(str(root), split="all")
    assert len(ds) == len(loose) == 6
    assert all(same(ds[i], loose[i]) for i in range(6))
    again = pickle.loads(pickle.dumps(ds))
    assert same(again[3], loose[3])


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_read_the_zip(tmp_path: Path, start: str) -> None:
    root = dataset(tmp_path / "d", n_bg=4)
    ds = load(str(zipped(root, tmp_path / "d.zip")), split="all")
    workers = 2 if start == "fork" else 1  # a spawned one takes seconds to start
    loader = torch.utils.data.DataLoader(ds, batch_size=None, num_workers=workers, multiprocessing_context=start)
    assert [value(sample.fg_bg) for sample in loader] == [100 + i for i in range(8)]


@pytest.mark.parametrize("name", ["../evil.png", "/abs/evil.png", "bg/../../evil.png", "C:/evil.png", "..\\evil.png"])
def test_a_zip_that_climbs_out_is_refused(tmp_path: Path, name: str) -> None:
    path = zipped(dataset(tmp_path / "d"), tmp_path / "d.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(DataError, match=r"d\.zip: the path .*evil\.png' leads out of it"):
        load(str(path), split="all")


def test_a_zip_with_a_member_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bg/a.png", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("bg/a.png", b"2")
    with pytest.raises(DataError, match=r"holds bg/a\.png more than once"):
        list(open_store(str(path)).names())


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_damaged_zip_member_is_named(tmp_path: Path, method: int) -> None:
    path = zipped(dataset(tmp_path / "d"), tmp_path / "d.zip", method=method)
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("fg_bg/img_0001.png")
    with open(path, "r+b") as file:
        file.seek(info.header_offset + 30 + len(info.filename) + 20)
        file.write(bytes(8))
    with pytest.raises(DataError, match=r"d\.zip/fg_bg/img_0001\.png: "):
        open_store(str(path)).read("fg_bg/img_0001.png")
    assert Zip(str(path)).read("fg_bg/img_0002.png") == (tmp_path / "d/fg_bg/img_0002.png").read_bytes()


def test_a_file_cut_short_is_no_zip(tmp_path: Path) -> None:
    path = zipped(dataset(tmp_path / "d"), tmp_path / "d.zip")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"d\.zip: no readable zip"):
        load(str(path), split="all")


def test_a_zip_that_is_replaced_is_read_anew(tmp_path: Path) -> None:
    path = zipped(dataset(tmp_path / "a", n_bg=1), tmp_path / "d.zip")
    assert len(load(str(path), split="all")) == 2
    zipped(dataset(tmp_path / "b", n_bg=5), path)
    assert len(load(str(path), split="all")) == 10


def test_size_resizes_all_four(tmp_path: Path) -> None:
    root = dataset(tmp_path, n_bg=1, each=1)
    mask = np.zeros((H, W), np.uint8)
    mask[:, W // 2 :] = 255
    Image.fromarray(mask).save(root / "fg_bg_mask/img_0001.png")
    sample = load(str(root), split="all", size=(8, 12))[0]
    assert {tuple(x.shape[-2:]) for x in sample[:5]} == {(8, 12)}
    assert sample.mask.unique().tolist() == [0, 1]
    assert sample.mask[0, :, 6:].eq(1).all()
    assert sample.mask[0, :, :6].eq(0).all()
    assert sample.meta["size"] == (H, W)


def test_resizing_is_antialiased_and_keeps_soft_masks_soft() -> None:
    stripes = torch.tensor([0.0, 1.0]).repeat(16).expand(1, 32, 32)
    assert resize(stripes, (8, 8))[0, :, 1:-1].sub(0.5).abs().max() < 0.1
    assert set(resize(stripes, (8, 8), binary=True).unique().tolist()) <= {0.0, 1.0}
    soft = stripes * 0.5
    assert 0.1 < float(resize(soft, (8, 8), binary=True)[0, 4, 4]) < 0.4
    assert resize(stripes.mul(255).byte().expand(3, -1, -1), (8, 8)).dtype == torch.uint8


def test_sizes_must_agree_or_have_one_aspect_and_a_size(tmp_path: Path) -> None:
    root = dataset(tmp_path, n_bg=1, each=1)
    write(root / "bg/bg_001.png", 0, (2 * H, 2 * W))
    what = r"bg_001\.png is 32 x 48, and .*img_0001\.png is 16 x 24; size= resizes maps of one aspect"
    with pytest.raises(DataError, match=what):
        load(str(root), split="all", on_error="raise")[0]
    assert load(str(root), split="all", size=16)[0].bg.shape == (3, 16, 16)
    write(root / "bg/bg_001.png", 0, (W, H))
    with pytest.raises(DataError, match=r"is 24 x 16, and .* is 16 x 24$"):
        load(str(root), split="all", size=16, on_error="raise")[0]


@given(st.integers(8, 4000), st.integers(8, 4000), st.integers(1, 8))
def test_a_scaled_size_has_the_same_aspect(h: int, w: int, times: int) -> None:
    assert same_aspect((h, w), (h * times, w * times))
    assert same_aspect((round(h / times), round(w / times)), (h, w))
    assert not same_aspect((100, 100), (100, 110))


@pytest.mark.parametrize("size", [None, (H, W), (8, 12)])
def test_the_fast_decoder_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size) -> None:
    root = dataset(tmp_path, n_bg=1, each=1, suffix="jpg")
    for path in root.rglob("*.jpg"):
        mode = Image.open(path).mode
        noise = np.random.default_rng(len(str(path))).integers(0, 256, (H, W, 3), np.uint8)
        Image.fromarray(noise).convert(mode).save(path, quality=80)
    ds = load(str(root), split="all", size=size, depth="brighter-is-nearer")
    fast = ds[0]
    monkeypatch.setattr("zoo.data.fast_decode.decode", lambda *_: False)
    assert same(ds[0], fast)
    assert len(fast.depth.unique()) > 20


def test_depth_may_be_brighter_nearer(tmp_path: Path) -> None:
    path = str(dataset(tmp_path))
    assert value(load(path, split="all", depth="brighter-is-nearer")[3].depth) == 255 - 203


def test_a_task_may_be_left_out(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    shutil.rmtree(root / "fg_bg_depth")
    with pytest.raises(DataError, match=r"no images in fg_bg_depth/, where depth belongs.*tasks=mask"):
        load(str(root), split="all")
    sample = load(str(root), split="all", tasks="mask", depth="brighter-is-nearer")[1]
    assert value(sample.mask) == 255
    assert value(sample.depth) == 0


def test_folders_may_be_called_otherwise(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    for old, new in (("bg", "plates"), ("fg_bg", "x/pictures"), ("fg_bg_mask", "x/m"), ("fg_bg_depth", "x/z")):
        (root / new).parent.mkdir(exist_ok=True)
        os.rename(root / old, root / new)
    assert len(load(str(root), split="all", dirs=("plates", "x/pictures", "x/m", "x/z"))) == 6
    with pytest.raises(DataError, match=r"no images in bg/, where bg belongs; there are: plates, x\. .*dirs="):
        load(str(root), split="all")


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_empty_data_is_an_error(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "d"
    path.mkdir()
    path = zipped(path, tmp_path / "d.zip") if kind == "zip" else path
    with pytest.raises(DataError, match=r"no images in bg/, where bg belongs; there are: no folders"):
        load(str(path), split="all")
    with pytest.raises(DataError, match="no such folder or zip"):
        load(f"folders:{tmp_path}/nothing", split="all")


def test_two_files_of_one_name_are_an_error(tmp_path: Path) -> None:
    write(dataset(tmp_path) / "fg_bg_mask/img_0001.bmp", 0)
    with pytest.raises(DataError, match=r"img_0001\.(bmp|png) and .*img_0001\.(bmp|png) have one name"):
        load(str(tmp_path), split="all")


def test_other_files_and_suffixes_of_maps_do_not_matter(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    (root / "fg_bg/notes.txt").write_text("x")
    (root / "fg_bg/.hidden.png").write_text("x")
    for path in (root / "fg_bg_mask").iterdir():
        os.rename(path, path.with_suffix(".PNG"))
    assert len(load(str(root), split="all")) == 6


def spoiled(root: Path, *numbers: int) -> str:
    for i in numbers:
        (root / f"fg_bg/img_{i:04}.png").write_bytes(b"")
    return str(root)


def test_a_bad_sample_is_replaced_counted_and_named(tmp_path: Path) -> None:
    ds = load(spoiled(dataset(tmp_path), 2, 3), split="all", max_bad=0.5)
    assert [value(ds[i].fg_bg) for i in range(6)] == [100, 103, 103, 103, 104, 105]
    assert ds[1].meta["index"] == 3
    assert list(ds.problems) == [f"{tmp_path}/fg_bg/img_0002.png", f"{tmp_path}/fg_bg/img_0003.png"]
    assert ds.report().startswith("2 of 6 samples could not be used:\n")
    assert "img_0002.png: the file is empty" in ds.report()
    assert ds.batch([0, 1]).fg_bg.shape == (2, 3, H, W)


def test_the_last_sample_is_replaced_by_the_first(tmp_path: Path) -> None:
    ds = load(spoiled(dataset(tmp_path), 6), split="all")
    assert ds[5].meta["index"] == 0


def test_more_bad_samples_than_allowed_end_it(tmp_path: Path) -> None:
    path = spoiled(dataset(tmp_path), 2, 4)
    ds = load(path, split="all")
    ds[1]
    with pytest.raises(DataError, match=r"2 of 6 samples(.|\n)*more than max_bad allows \(1\).*zoo data check"):
        ds[3]
    with pytest.raises(DataError, match=r"allows \(0\)"):
        load(path, split="all", max_bad=0)[1]
    with pytest.raises(DataError, match=r"img_0002\.png: the file is empty"):
        load(path, split="all", on_error="raise")[1]
    with pytest.raises(OptionError, match="max_bad=2"):
        load(path, split="all", max_bad=2.0)


def test_a_missing_partner_is_left_out_and_named(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    (root / "fg_bg_depth/img_0003.png").unlink()
    ds = load(str(root), split="all")
    assert [value(ds[i].fg_bg) for i in range(len(ds))] == [100, 101, 103, 104, 105]
    assert pairs(ds)[2] == (10, 103)
    assert ds.problems == {f"{root}/fg_bg/img_0003.png": "no depth belongs to it"}
    with pytest.raises(DataError, match=r"fg_bg/img_0003\.png: no depth belongs to it"):
        load(str(root), split="all", on_error="raise")
    (root / "fg_bg_mask/img_0001.png").unlink()
    with pytest.raises(DataError, match=r"2 of 6 samples could not be used(.|\n)*no mask belongs to it"):
        load(str(root), split="all")


def test_problems_that_workers_meet_are_known_here(tmp_path: Path) -> None:
    ds = load(spoiled(dataset(tmp_path), 2, 5), split="all", max_bad=0.5)
    loader = torch.utils.data.DataLoader(ds, batch_size=None, num_workers=2, multiprocessing_context="fork")
    assert len(list(loader)) == 6
    assert len(ds.problems) == 2


def test_the_notes_of_problems_go_with_their_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    owner = Problems()
    copy = pickle.loads(pickle.dumps(owner))
    copy.add("x", "bad")
    copy.add("x", "bad")
    assert (owner.all(), owner.known("x"), copy.known("x")) == ({"x": "bad"}, False, True)
    del copy
    gc.collect()
    assert owner.all() == {"x": "bad"}
    assert len(list(tmp_path.iterdir())) == 1
    del owner
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_problems_are_kept_without_a_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nonexistent")
    problems = Problems()
    problems.add("x", "bad")
    assert problems.all() == {"x": "bad"}


def test_a_summary_shows_three(tmp_path: Path) -> None:
    lines = summary({f"{i}": "bad" for i in range(5)}, 100).splitlines()
    assert lines == ["5 of 100 samples could not be used:", "  0: bad", "  1: bad", "  2: bad", "  and 2 more"]


def test_splits_hold_out_whole_backgrounds(tmp_path: Path) -> None:
    path = str(dataset(tmp_path, n_bg=10, each=2))
    found = {split: load(path, split=split) for split in ("train", "val", "test")}
    groups = {split: {ds[i].meta["bg"] for i in range(len(ds))} for split, ds in found.items()}
    assert sum(map(len, found.values())) == 20
    assert sum(map(len, groups.values())) == len(set().union(*groups.values())) == 10
    assert "held-out backgrounds" in found["test"].split_note
    assert (tmp_path / "splits.json").exists()
    assert [load(path, split="test")[i].meta["paths"] for i in range(2)] == [
        found["test"][i].meta["paths"] for i in range(2)
    ]
    with pytest.raises(DataError, match="seed=1 is asked for"):
        load(path, split="test", split_seed=1)


def test_reading_names_opens_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = dataset(tmp_path)

    def refuse(*_: object) -> bytes:
        raise AssertionError("a file was read")

    monkeypatch.setattr("zoo.data.archive.Folder.read", refuse)
    assert len(load(str(root), split="all")) == len(read_layout(str(root))) == 6


def test_a_spec_with_every_option_loads_again(tmp_path: Path) -> None:
    ds = load(f"folders:{dataset(tmp_path)}", split="all")
    assert len(str(ds.spec)) > 255  # longer than a file's name may be
    assert len(load(str(ds.spec), split="all")) == len(ds)
    assert figures(str(ds.spec), split="all", workers=0)[1]["spec"] == str(ds.spec)
