"""Composing: the same bytes whoever makes them and however often it is stopped; one at a time; clear refusals."""

import contextlib
import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torch.nn.functional import max_pool2d

import zoo.data
from zoo.__main__ import main
from zoo.data.dataset import DataError
from zoo.data.making.compose import compose
from zoo.data.making.composition import ComposeSettings
from zoo.data.making.outlets import ShardSettings
from zoo.lock import LOCK, LockedError, locked
from zoo.parallel import Workers

HERE = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[4])}
SMALL = ComposeSettings(per_pair=2, flip=True, size=(32, 48))


@pytest.fixture
def photos(tmp_path):
    """Folders bg, with 3 backgrounds, and fg, with 2 cut-outs in see-through surroundings."""
    for name in ("bg", "fg"):
        (tmp_path / name).mkdir()
    rng = np.random.default_rng(0)
    for name in ("b.png", "a.jpg", "c.png"):
        Image.fromarray(rng.integers(0, 255, (40, 60, 3), dtype=np.uint8)).save(tmp_path / "bg" / name)
    for name, shape in (("disc.png", (10, 10, 50, 30)), ("bar.webp", (20, 5, 25, 38))):
        image = Image.new("RGBA", (60, 40))
        ImageDraw.Draw(image).ellipse(shape, fill=(250, 20, 20, 255))
        image.save(tmp_path / "fg" / name, lossless=True)
    return tmp_path


def make(photos, out="out", recipe=SMALL, *, shards=False, workers=1, tick=lambda *_: None, **how):
    kind = ShardSettings(**how) if shards else None
    folders = (photos / name for name in ("bg", "fg", out))
    return compose(*folders, recipe, shards=kind, workers=Workers(workers), tick=tick)


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_object_stands_on_every_background_as_often_as_asked_mirrored_and_not(photos):
    report = make(photos)
    assert (report.made, report.found, report.backgrounds, report.cutouts) == (3 * 2 * 2 * 2, 0, 3, 2)
    rows = [json.loads(line) for line in (photos / "out" / "manifest.jsonl").read_text().splitlines()]
    found = [(row["photo"], row["object"], row["placement"]["flip"]) for row in rows]
    wanted = [
        (photo, cutout, flip)
        for photo in ("a.jpg", "b.png", "c.png")
        for cutout in ("bar.webp", "disc.png")
        for flip in (False, True, False, True)
    ]
    assert found == wanted
    assert len({json.dumps(row["placement"]) for row in rows}) == len(rows)
    assert rows[8]["bg"] == "bg/bg_0000002.jpg"
    assert rows[8]["fg_bg"] == "fg_bg/img_0000009.jpg"
    assert rows[8]["mask"] == "fg_bg_mask/img_0000009.png"
    assert {name.split("/")[0] for name in contents(photos / "out")} == {
        "bg", "fg_bg", "fg_bg_mask", "fg_bg_depth", "manifest.jsonl", "compose.json"
    }  # fmt: skip


def test_the_folders_are_read_back_by_place_and_by_manifest(photos):
    make(photos)
    by_place = zoo.data.load(f"folders:{photos / 'out'}", split="all")
    by_manifest = zoo.data.load(f"folders:{photos / 'out'}", split="all", manifest="manifest.jsonl")
    assert len(by_place) == len(by_manifest) == 24
    for index in (0, 8, 23):
        one, other = by_place[index], by_manifest[index]
        assert one.fg_bg.shape == (3, 32, 48)
        assert all(torch.equal(*pair) for pair in zip(one[:5], other[:5], strict=True))
        outside = one.mask == 0
        assert 0 < outside.float().mean() < 1
        blocks = max_pool2d(one.mask, 16).repeat_interleave(16, 1).repeat_interleave(16, 2)  # JPEG's, colour halved
        far = (max_pool2d(blocks, 5, 1, 2) == 0).expand(3, -1, -1)  # and colour is smoothed over their edges
        assert torch.equal(one.fg_bg[far], one.bg[far])


def test_the_files_depend_on_the_seed_and_not_on_who_makes_them(photos):
    make(photos, "one")
    make(photos, "two", workers=2)
    assert contents(photos / "one") == contents(photos / "two")
    make(photos, "other", ComposeSettings(per_pair=2, flip=True, size=(32, 48), seed=1))
    masks = [contents(photos / name / "fg_bg_mask") for name in ("one", "other")]
    assert masks[0].keys() == masks[1].keys()
    assert masks[0] != masks[1]


def test_more_placements_leave_the_first_ones_of_a_pair_of_folders_as_they_were(photos):
    for name in ("b.png", "c.png"):
        (photos / "bg" / name).unlink()
    (photos / "fg" / "disc.png").unlink()
    make(photos, "few", ComposeSettings(per_pair=2, size=(32, 48)))
    make(photos, "many", ComposeSettings(per_pair=5, size=(32, 48)))
    few, many = (contents(photos / name / "fg_bg") for name in ("few", "many"))
    assert few == {name: many[name] for name in few}


def test_masks_are_soft_or_binary_and_maps_jpeg_on_request(photos):
    make(photos, "soft")
    make(photos, "hard", ComposeSettings(per_pair=2, flip=True, size=(32, 48), mask="binary", depth_format="jpeg"))
    soft, hard = (np.asarray(Image.open(photos / name / "fg_bg_mask" / "img_0000001.png")) for name in ("soft", "hard"))
    assert set(np.unique(hard)) == {0, 255}
    assert len(np.unique(soft)) > 2
    assert np.array_equal(hard == 255, soft >= 128)
    assert Image.open(photos / "hard" / "fg_bg_depth" / "img_0000001.jpg").format == "JPEG"


def working(session):
    """Whether processes of a session live; those that nobody has waited for are dead. Linux alone tells."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has gone meanwhile
            state, _, _, its, *_ = path.read_text().rpartition(")")[2].split()
            if int(its) == session and state not in "ZX":
                return True
    return False


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_a_killed_run_goes_on_and_ends_as_if_it_had_not_been_killed(photos, workers):
    recipe = ComposeSettings(per_pair=20, size=(64, 64))
    command = [sys.executable, "-m", "zoo", "data", "compose", "--bg", "bg", "--fg", "fg", "--out", "killed"]
    command += ["--per-pair", "20", "--size", "64", "--workers", workers]
    with subprocess.Popen(command, cwd=photos, env=HERE, stderr=subprocess.DEVNULL, start_new_session=True) as run:
        until = time.monotonic() + 300
        while not (photos / "killed" / "fg_bg" / "img_0000020.jpg").exists():
            assert time.monotonic() < until, "it did not begin"
            assert run.poll() is None, "it ended early"
            time.sleep(0.002)
        run.kill()
    until = time.monotonic() + 300
    while working(run.pid):  # its workers see for themselves that it has gone, a little later
        assert time.monotonic() < until, "its workers live on"
        time.sleep(0.02)
    killed = contents(photos / "killed")
    assert "manifest.jsonl" not in killed
    for name, data in killed.items():  # never half written under its own name
        if name.startswith("fg_bg/") and "/." not in name:
            assert data.endswith(b"\xff\xd9")
    (photos / "killed" / "fg_bg" / ".img_0000021.jpg.0123.part").write_bytes(b"half")
    report = make(photos, "killed", recipe)
    assert report.found >= 15
    assert report.made == 120 - report.found
    make(photos, "whole", recipe)
    assert contents(photos / "killed") == contents(photos / "whole")
    again = make(photos, "killed", recipe)
    assert (again.made, again.found) == (0, 120)


def test_one_composer_at_a_time_and_a_dead_one_does_not_count(photos):
    with locked(photos / "out"), pytest.raises(LockedError, match=r"in use by another process \(process \d+ on "):
        make(photos)
    assert not (photos / "out").exists()
    (photos / "out").mkdir()
    (photos / "out" / LOCK).write_text("process 4194304 on elsewhere")  # as kill -9 leaves it
    assert make(photos).made == 24
    assert not (photos / "out" / LOCK).exists()


def test_other_settings_are_refused_by_name(photos):
    make(photos)
    before = contents(photos / "out")
    with pytest.raises(DataError, match=r"seed was 0, not 3"):
        make(photos, recipe=ComposeSettings(per_pair=2, flip=True, size=(32, 48), seed=3))
    (photos / "bg" / "a.jpg").rename(photos / "bg" / "d.jpg")
    with pytest.raises(DataError, match=r"backgrounds: 1 gone \(a.jpg\), 1 new \(d.jpg\)"):
        make(photos)
    (photos / "bg" / "d.jpg").rename(photos / "bg" / "a.jpg")
    (photos / "fg" / "bar.webp").write_bytes((photos / "fg" / "disc.png").read_bytes())
    with pytest.raises(DataError, match=r"cutouts: 1 changed \(bar.webp\)"):
        make(photos)
    assert contents(photos / "out") == before


def test_a_folder_with_other_things_is_left_alone(photos):
    (photos / "out").mkdir()
    (photos / "out" / "thesis.tex").write_text("years of work")
    with pytest.raises(DataError, match=r"holds other things \(thesis.tex\)"):
        make(photos)
    assert list(contents(photos / "out")) == ["thesis.tex"]
    with pytest.raises(DataError, match="would be taken for input"):
        make(photos, "bg/out")


@pytest.mark.parametrize("shards", [False, True])
def test_a_full_disk_is_said_loses_nothing_and_is_gone_on_from(photos, shards):
    make(photos, "whole", shards=shards, hold_out="none", per_shard=8)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(label, done, total):
        if done >= 8 and label.startswith("composing"):  # from here on, no file grows beyond some bytes
            resource.setrlimit(resource.RLIMIT_FSIZE, (300, limit[1]))

    try:
        with pytest.raises(DataError, match=r"8 of 24 samples are finished\s+and kept; make room") as caught:
            make(photos, tick=fill, shards=shards, hold_out="none", per_shard=8)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert caught.value.__cause__.errno == errno.EFBIG
    whole, cut = contents(photos / "whole"), contents(photos / "out")
    assert set(cut.items()) < set(whole.items())
    report = make(photos, shards=shards, hold_out="none", per_shard=8)
    assert (report.made, report.found) == (16, 8)
    assert contents(photos / "out") == whole


def test_files_that_a_power_cut_left_empty_are_made_again(photos):
    make(photos)
    whole = contents(photos / "out")
    for name in ("fg_bg/img_0000003.jpg", "bg/bg_0000001.jpg"):
        assert (photos / "out" / name).read_bytes()
        (photos / "out" / name).write_bytes(b"")
    assert make(photos).made >= 1
    assert contents(photos / "out") == whole


def test_what_cannot_be_used_is_left_out_by_name(photos):
    Image.new("RGB", (20, 20)).save(photos / "fg" / "opaque.png")
    Image.new("RGBA", (20, 20), (9, 9, 9, 60)).save(photos / "fg" / "ghost.png")
    (photos / "fg" / "cut.png").write_bytes((photos / "fg" / "disc.png").read_bytes()[:80])
    with pytest.warns(UserWarning, match="3 of 5 cut-outs left out") as caught:
        assert make(photos).cutouts == 2
    for name, why in (("opaque", "no transparent"), ("ghost", "transparent everywhere"), ("cut", "cut short")):
        assert any(f"{name}.png" in part and why in part for part in str(caught[0].message).split("; "))


def test_nothing_to_work_with_is_an_error(photos):
    (photos / "empty").mkdir()
    with pytest.raises(DataError, match="no images in it"):
        compose(photos / "empty", photos / "fg", photos / "out", SMALL, workers=Workers(1))
    with pytest.raises(DataError, match="no such folder"):
        compose(photos / "bg", photos / "gone", photos / "out", SMALL, workers=Workers(1))
    with pytest.raises(DataError, match=r"none of the 3 images in \S+bg can be used.*no transparent pixels"):
        compose(photos / "bg", photos / "bg", photos / "out", SMALL, workers=Workers(1))
    assert not (photos / "out").exists()


def test_shards_hold_out_backgrounds_and_objects(photos):
    for number in range(4):
        Image.open(photos / "fg" / "disc.png").crop((0, 0, 60, 32 + number)).save(photos / "fg" / f"disc{number}.png")
    make(photos, shards=True, per_shard=7)
    seen = {"bg": [], "object": []}
    for split in ("train", "val", "test"):
        data = zoo.data.load(str(photos / "out"), split=split)
        for key, groups in seen.items():
            groups.append({data[index].meta[key] for index in range(len(data))})
    for train, val, test in seen.values():
        assert train
        assert val
        assert test
        assert not train & val | train & test | val & test


def test_shards_hold_what_the_folders_hold(photos):
    make(photos)
    make(photos, "shards", shards=True, hold_out="none", per_shard=7)
    folder = zoo.data.load(f"folders:{photos / 'out'}", split="all")
    shards = zoo.data.load(str(photos / "shards"), split="all")
    assert len(shards) == len(folder) == 24
    for index in (0, 7, 23):
        one, other = folder[index], shards[index]
        assert other.meta["index"] == index
        assert all(torch.equal(*pair) for pair in zip(one[:5], other[:5], strict=True))


def test_the_command_says_what_it_did_and_how_to_read_it(photos, capsys, monkeypatch):
    monkeypatch.chdir(photos)
    command = ["data", "compose", "--bg", "bg", "--fg", "fg", "--out", "out", "--workers", "1", "--per-pair", "2"]
    assert main([*command, "--size", "16x24"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("12 samples of 2 objects on 3 backgrounds (0 were there already)")
    spec = printed.split('zoo.data.load("')[1].split('")')[0]
    assert zoo.data.load(spec, split="all")[0].fg_bg.shape == (3, 16, 24)
    for wrong, said in (
        (["--size", "16x"], "--size: '16x' is not a size"),
        (["--share", "0.5", "0.2"], "share takes two shares"),
        (["--quality", "0"], "quality takes 1 to 100"),
        (["--depth", "plain"], "no depth source is called 'plain'; did you mean plane"),
    ):
        assert main([*command, *wrong]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert "Traceback" not in error


def test_ctrl_c_stops_says_so_and_leaves_whole_files(photos):
    command = [sys.executable, "-m", "zoo", "data", "compose", "--bg", "bg", "--fg", "fg", "--out", "out"]
    command += ["--per-pair", "2000", "--size", "64", "--workers", "1"]
    with subprocess.Popen(command, cwd=photos, env=HERE, stderr=subprocess.PIPE, text=True) as run:
        until = time.monotonic() + 300
        while not (photos / "out" / "fg_bg" / "img_0000005.jpg").exists():
            assert time.monotonic() < until, "it did not begin"
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        assert run.wait(300) == 130
        assert run.stderr.read().endswith("finished samples are kept; the same command continues\ninterrupted\n")
    assert not [name for name in contents(photos / "out") if name.endswith(".part") or LOCK in name]
