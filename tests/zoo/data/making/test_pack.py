"""Packing: kill and go on, a full disk, two at once, other options, files that cannot be read, computed data."""

import json
import multiprocessing
import os
import resource
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import zoo.data
from registry import Card, Entry, ZooError
from zoo.__main__ import main
from zoo.contract import Sample
from zoo.data import DataError, PairDataset
from zoo.data.dataset import sources
from zoo.data.feeding.loader import Loader
from zoo.data.making import packing
from zoo.data.making.packing import Plan, pack
from zoo.lock import LockedError, locked
from zoo.parallel import Workers

N = 9


class Made(PairDataset):
    """Samples from numbers: every third has an empty mask and places that are not valid."""

    def __init__(self, *, split: str, size: tuple[int, int] | None, soft: bool = False):
        self.soft, self.shape = soft, size or (16, 24)

    def __len__(self) -> int:
        return N

    def sample(self, index: int) -> Sample:
        seed = torch.Generator().manual_seed(index)
        h, w = self.shape
        photos = torch.rand(2, 3, h, w, generator=seed)
        mask = torch.full((1, h, w), 1 / 255) if self.soft else (torch.rand(1, h, w, generator=seed) > 0.5).float()
        valid = torch.ones(1, h, w)
        valid[..., : index % 3] = 0
        depth = torch.rand(1, h, w, generator=seed)
        return Sample(*photos, mask, depth, valid, {"near": 0.5, "far": torch.tensor(9.0), "index": index})


@pytest.fixture(autouse=True)
def made():
    sources.get("folders")  # the catalog is loaded before an entry is added to it
    sources.register("made", Card(summary="for tests"))(Made)
    yield
    sources._entries.pop("made")


@pytest.fixture
def loose(tmp_path: Path) -> Path:
    folder = tmp_path / "loose"
    random = np.random.default_rng(0)
    for i in range(N):
        for name in ("bg", "fg_bg", "fg_bg_mask", "fg_bg_depth"):
            (folder / name).mkdir(parents=True, exist_ok=True)
            array = random.integers(0, 255, (32, 32, 3) if name.endswith("bg") else (32, 32), np.uint8)
            Image.fromarray(array).save(folder / name / f"{i}.jpg")
    return folder


def plan(spec: object, out: Path, **options: object) -> Plan:
    return Plan(**{"spec": str(spec), "split": "all", "folder": out, "per_shard": 2, **options})


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_computed_data_comes_back_within_rounding(tmp_path: Path) -> None:
    list(pack(plan("made", tmp_path, pictures="png")))
    one, other = Made(split="all", size=None), zoo.data.load(str(tmp_path), split="all")
    for i in range(N):
        for field, step in (("bg", 255), ("fg_bg", 255), ("mask", 255), ("valid", 255), ("depth", 65535)):
            error = (getattr(one[i], field) - getattr(other[i], field)).abs().max()
            assert error <= 0.5001 / step, field
        assert other[i].meta == {"near": 0.5, "far": 9.0, "index": i}
    batch = next(iter(Loader(other, range(N), batch=N, workers=1)))
    assert all(torch.equal(batch[k][i], other[i][k]) for k in range(5) for i in range(N))


class Masks(Made):
    """Of every sample the mask is known, and not in its first row; the depth nowhere."""

    tasks = ("mask",)

    def sample(self, index: int) -> Sample:
        found = super().sample(index)
        valid = torch.stack([found.valid[0], torch.zeros_like(found.valid[0])])
        valid[0, :1] = 0
        return found._replace(valid=valid, depth=torch.zeros_like(found.depth), meta={"index": index})


def test_what_each_sample_knows_comes_back_task_by_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sources._entries, "masks", Entry("masks", Masks, Card(summary="for tests"), "here"))
    spec = 'mix("made", "masks")'
    list(pack(plan(spec, tmp_path / "mix", pictures="png", size=(16, 24))))
    one = zoo.data.load(spec, split="all", size=(16, 24))
    other = zoo.data.load(str(tmp_path / "mix"), split="all")
    batch = next(iter(Loader(other, range(len(one)), batch=len(one), workers=0)))
    depths = set()
    for i in range(len(one)):
        for task in ("mask", "depth"):
            assert torch.equal(one[i].known(task), other[i].known(task)), (i, task)
        assert torch.equal(other[i].valid, batch.valid[i])
        assert (one[i].depth - other[i].depth).abs().max() < 1e-4
        depths.add(float(one[i].known("depth").max()))
    assert depths == {0.0, 1.0}
    list(pack(plan("masks", tmp_path / "masks")))
    alone = zoo.data.load(str(tmp_path / "masks"), split="all")
    assert alone.tasks == ("mask",)
    assert torch.equal(alone[2].valid, Masks(split="all", size=None)[2].valid)
    assert not [name for name in alone._files(0)[0] if name.startswith("depth")]


def test_a_barely_covered_mask_is_not_read_as_labels(tmp_path: Path) -> None:
    list(pack(plan("made(soft=True)", tmp_path)))
    assert zoo.data.load(str(tmp_path), split="all")[0].mask.max() < 0.01


def test_photos_as_jpeg_and_fewer_of_them(tmp_path: Path) -> None:
    list(pack(plan("made", tmp_path, samples=3, size=(32, 32), quality=100)))
    found = zoo.data.load(str(tmp_path), split="all")
    assert len(found) == 3
    assert found[0].bg.shape == (3, 32, 32)
    assert {path.name for path in tmp_path.iterdir()} == {
        "all-000000.tar", "all-000000.offsets.json", "all-000001.tar", "all-000001.offsets.json", "all.index.json",
    }  # fmt: skip


def test_killed_and_run_again_it_is_the_same(loose: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    list(pack(plan(loose, tmp_path / "whole")))
    whole = packing.sample_files

    def never_done(plan: Plan, index: int) -> object:
        while index == 5:  # half way through the third shard
            time.sleep(1)
        return whole(plan, index)

    out = tmp_path / "killed"
    monkeypatch.setattr(packing, "sample_files", never_done)
    child = multiprocessing.get_context("fork").Process(target=lambda: list(pack(plan(loose, out))), daemon=True)
    child.start()
    until = time.monotonic() + 120
    while not ((out / "all-000001.offsets.json").exists() and list(out.glob(".all-000002*.part"))):
        assert time.monotonic() < until
        time.sleep(0.005)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert list(out.glob("*.part"))
    with pytest.raises(DataError, match="not finished"):
        zoo.data.load(f"shards:{out}", split="all")
    kept = (out / "all-000000.tar").stat().st_mtime_ns
    monkeypatch.setattr(packing, "sample_files", whole)
    first, *_ = pack(plan(loose, out))
    assert first == (4, N)  # two shards of two were there
    assert (out / "all-000000.tar").stat().st_mtime_ns == kept
    assert contents(out) == contents(tmp_path / "whole")


def test_a_full_disk_leaves_whole_shards_only(loose: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, command = tmp_path / "out", ["data", "pack", str(loose), "--split", "all", "--per-shard", "4", "--out"]
    assert main([*command, str(tmp_path / "whole")]) == 0
    smallest = min(path.stat().st_size for path in (tmp_path / "whole").glob("*.tar"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (smallest, hard))  # only the last shard, of one sample, fits
    try:
        assert main([*command, str(out)]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error == f"error: {out}/all-000000.tar: File too large"
    assert [path.name for path in out.iterdir()] == [".all.plan.json"]
    assert main([*command, str(out)]) == 0
    assert contents(out) == contents(tmp_path / "whole")


def test_two_packers_on_one_folder(loose: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with locked(out), pytest.raises(LockedError, match="another process"):
        list(pack(plan(loose, out)))
    running = pack(plan(loose, out))
    next(running)
    with pytest.raises(LockedError, match="another process"):
        list(pack(plan(loose, out)))
    running.close()
    assert [*pack(plan(loose, out))][-1] == (N, N)


def test_other_options_are_refused_before_and_after_the_end(loose: Path, tmp_path: Path) -> None:
    running = pack(plan(loose, tmp_path / "out"))
    next(running)
    running.close()
    for _ in range(2):
        with pytest.raises(DataError, match="per_shard was 2, not 5"):
            list(pack(plan(loose, tmp_path / "out", per_shard=5)))
        list(pack(plan(loose, tmp_path / "out")))
    (loose / "fg_bg/8.jpg").unlink()
    with pytest.raises(DataError, match="samples was 9, not 8"):
        list(pack(plan(f"folders(path={loose}, per_background=1)", tmp_path / "out")))


def test_what_cannot_be_read_is_left_out(loose: Path, tmp_path: Path) -> None:
    (loose / "fg_bg_mask/3.jpg").write_bytes(b"nothing")
    out = tmp_path / "out"
    assert main(["data", "pack", str(loose), "--split", "all", "--out", str(out), "--per-shard", "2"]) == 0
    found = zoo.data.load(str(out), split="all")
    assert [found[i].meta["index"] for i in range(len(found))] == [0, 1, 2, 4, 5, 6, 7, 8]
    assert found.counts == [2, 1, 2, 2, 1]


def test_processes_write_the_same(loose: Path, tmp_path: Path) -> None:
    list(pack(plan(loose, tmp_path / "one")))
    list(pack(plan(loose, tmp_path / "two"), workers=Workers(2)))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_splits_are_packed_one_by_one_and_read_together(loose: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["data", "pack", str(loose), "--out", str(out), "--per-shard", "3"]) == 0
    parts = {split: zoo.data.load(str(out), split=split) for split in ("train", "val", "test")}
    together = zoo.data.load(str(out), split="all")
    assert len(together) == sum(map(len, parts.values())) == N
    assert {together[i].meta["index"] for i in range(len(parts["train"]))} == set(range(len(parts["train"])))
    note = json.loads((out / "train.index.json").read_text())["source"]["split_note"]
    assert "held-out" in note


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--per-shard", "0"], "--per-shard: '0'"),
        (["--quality", "101"], "from 1 to 100"),
        (["--size", "4"], "from 8 up"),
        (["--samples", "0"], "--samples: '0'"),
        (["--split", "valid"], "invalid choice"),
    ],
)
def test_wrong_options(options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "pack", "made", "--out", str(tmp_path / "out"), *options]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_nothing_to_pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Made, "__len__", lambda self: 0)
    for spec in ("made", tmp_path / "missing", f"folders:{tmp_path}"):
        with pytest.raises(ZooError):
            list(pack(plan(spec, tmp_path / "out")))
    assert not (tmp_path / "out").exists()
