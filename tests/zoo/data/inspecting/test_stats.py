"""Figures of data: against numpy in one piece, hand-made cases, parts merged, and the command as a person sees it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from folder_data import dataset
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from registry import Card, Spec
from zoo.__main__ import main
from zoo.contract import Sample
from zoo.data import DataError, PairDataset
from zoo.data.dataset import sources
from zoo.data.feeding.order import spread
from zoo.data.inspecting.figures import collect, figures
from zoo.data.inspecting.stats import LEVELS, Moments, Stats
from zoo.data.inspecting.stats_picture import CELL, GAP, LINE

Shown = pytest.CaptureFixture[str]


class Tiny(PairDataset):
    """Scenes of noise; sample 0 is empty; the object is brighter than the plate by its index + 1 tenths."""

    def __init__(
        self,
        *,
        split: str,
        size: tuple[int, int] | None,
        path: str = "x",
        only: Literal["shift", "gain"] | None = None,
        kind: str = "same",
        n: int = 7,
    ):
        n = int(Path(path).read_text()) if Path(path).is_file() else n
        self.split, self.size, self.n, self.only, self.kind = split, size, n, only, kind
        self.perturbations = ("shift", "gain") if kind == "perturbed" and only is None else ()
        self.spec = Spec("tiny_for_test")

    def __len__(self) -> int:
        return self.n

    def sample(self, index: int) -> Sample:
        if self.kind == "broken" and index == 5:
            raise DataError("photo5.jpg is truncated")
        if self.kind == "interrupted" and index == 5:
            raise KeyboardInterrupt
        h, w = self.size or (16, 20 + (index if self.kind == "sizes" else 0))
        generator = torch.Generator().manual_seed(index)
        bg, mask = torch.rand(3, h, w, generator=generator) * 0.3, torch.zeros(1, h, w)
        mask[:, 2:10, 3:7] = float(index > 0)
        depth = torch.rand(1, h, w, generator=generator)
        fg_bg = bg + 0.1 * (index + 1) * mask * (0 if self.only == "gain" else 1)
        if self.kind == "nan" and index == 5:
            depth[0, 0, 0] = float("nan")
        valid = torch.ones(1, h, w)
        valid[:, :, :2] = 0
        return Sample(bg, fg_bg, mask, depth, valid, {"index": index})


@pytest.fixture
def _tiny() -> Iterator[None]:
    sources.register("tiny_for_test", Card(summary="noise"))(Tiny)
    yield
    del sources._entries["tiny_for_test"]


def tiny(kind: str = "same", size: tuple[int, int] | None = None) -> Tiny:
    return Tiny(split="all", size=size, kind=kind)


def test_moments_agree_with_numpy_over_valid_pixels() -> None:
    dataset = tiny()
    stats = collect(dataset, range(3)).merge(collect(dataset, range(3, 7)))
    whole = dataset.batch(range(7))
    for name in ("bg", "fg_bg", "mask", "depth"):
        values = np.moveaxis(getattr(whole, name)[..., 2:].double().numpy(), 1, 0).reshape(-1, 7 * 16 * 18)
        if name in ("mask", "depth"):
            values = getattr(whole, name)[..., 2:].double().numpy().reshape(1, -1)
        moments = stats.moments[name]
        assert moments.count == 7 * 16 * 18
        np.testing.assert_allclose(moments.mean, values.mean(1), rtol=1e-12)
        np.testing.assert_allclose(moments.std, values.std(1), rtol=1e-10)
        np.testing.assert_array_equal(moments.least, values.min(1))
        np.testing.assert_array_equal(moments.most, values.max(1))


def test_moments_stay_exact_far_from_zero() -> None:
    values = torch.tensor([1e6, 1e6 + 1, 1e6 + 2, 1e6 + 3], dtype=torch.float64).view(4, 1, 1, 1)
    parts = [Moments.of(value[None], torch.ones(1, 1, 1, 1, dtype=torch.bool)) for value in values]
    merged = Moments()
    for _ in range(1000):
        for part in parts:
            merged = merged.merge(part)
    assert merged.mean[0] == pytest.approx(1e6 + 1.5, abs=1e-8)
    assert merged.std[0] == pytest.approx(np.sqrt(1.25), rel=1e-9)  # of 0, 1, 2, 3


@given(st.lists(st.integers(0, 6), min_size=1, max_size=12), st.integers(0, 12))
def test_parts_merge_to_the_whole_in_any_order(indices: list[int], cut: int) -> None:
    dataset = tiny()
    whole = Stats.of(dataset.batch(indices)).to_dict()
    parts = [Stats.of(dataset.batch(part)) for part in (indices[cut:], indices[:cut]) if part]
    merged = Stats()
    for part in parts:
        merged = merged.merge(part)
    other = merged.to_dict()
    for name, figures_ in whole.pop("maps").items():
        for key, value in figures_.items():
            assert other["maps"][name][key] == pytest.approx(value, abs=2e-6), (name, key)
    assert {key: other[key] for key in whole} == whole


def test_the_threshold_is_the_best_there_is() -> None:
    dataset = tiny()
    constant, iou = collect(dataset, range(7)).best_threshold()
    whole = dataset.batch(range(7))
    change, mask = (whole.fg_bg - whole.bg).abs().mean(1, keepdim=True)[..., 2:], whole.mask[..., 2:] > 0.5
    ious = [((change >= t) & mask).sum() / ((change >= t) | mask).sum() for t in np.arange(LEVELS) / LEVELS]
    assert iou == pytest.approx(max(map(float, ious)), abs=1e-6)
    assert 0 < constant <= 0.2  # the plates are equal, and the faintest object differs by 0.2
    assert iou == 1


def test_a_threshold_by_hand() -> None:
    # four pixels: object 0.5 and 0.1, ground 0.3 and 0.0; at 0.5: 1 of 2; from 0.1: 2 of 3; from 0: 2 of 4
    zero, fg = torch.zeros(1, 3, 2, 2), torch.tensor([0.5, 0.1, 0.3, 0.0]).view(1, 1, 2, 2).expand(1, 3, 2, 2)
    mask, one = torch.tensor([1.0, 1.0, 0.0, 0.0]).view(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    stats = Stats.of(Sample(zero, fg, mask, one, one, ({},)))
    constant, iou = stats.best_threshold()
    assert iou == pytest.approx(2 / 3)
    assert 0 < constant <= 0.1
    assert stats.change.sum() == 4
    half = one.clone()
    half[0, 0, 1, 0] = 0  # the misleading pixel is not valid
    assert Stats.of(Sample(zero, fg, mask, one, half, ({},))).best_threshold()[1] == 1


def test_the_mean_of_the_images_iou_by_hand() -> None:
    """One object that changed by .6, found by constants up to that; an empty image that changed by .4."""
    bg, one = torch.zeros(2, 3, 2, 2), torch.ones(2, 1, 2, 2)
    fg_bg, mask = bg.clone(), torch.zeros(2, 1, 2, 2)
    fg_bg[0, :, 0, 0], mask[0, 0, 0, 0], fg_bg[1, :, 0, 0] = 0.6, 1, 0.4
    known = torch.ones(2, 2, 2, 2)
    whole = Stats.of(Sample(bg, fg_bg, mask, one, known, ({}, {})))
    parts = [
        Stats.of(Sample(bg[i : i + 1], fg_bg[i : i + 1], mask[i : i + 1], one[:1], known[:1], ({},))) for i in range(2)
    ]
    for stats in (whole, parts[0].merge(parts[1])):
        assert stats.found[int(0.5 * 1024)] == 2  # the object whole, and nothing in the empty one
        assert stats.found[int(0.3 * 1024)] == 1  # the object whole, and a false one
        assert stats.found[int(0.7 * 1024)] == 1  # nothing at all: right for the empty one
        assert stats.threshold()["iou_image"] == 1


def test_coverage_depth_and_empty_scenes() -> None:
    stats = collect(tiny(), range(7))
    assert stats.empty == 1
    share = 8 * 4 / (16 * 18)  # of the valid pixels
    assert stats.coverage.tolist() == [1 if i == 0 else 6 if i == int(share * 100) else 0 for i in range(100)]
    assert stats.depth.sum() == 7 * 16 * 18
    assert stats.depth[0] > 0
    assert stats.depth[-1] > 0


def test_change_is_the_mean_of_the_channels() -> None:
    zero, one = torch.zeros(1, 3, 2, 2), torch.ones(1, 1, 2, 2)
    fg = zero.clone()
    fg[:, 0] = 0.75
    change = Stats.of(Sample(zero, fg, one, one, one, ({},))).change
    assert change[1].nonzero()[0].tolist() == [LEVELS // 4]


def test_an_object_outside_the_valid_part_is_none() -> None:
    zero, one = torch.zeros(1, 3, 2, 2), torch.ones(1, 1, 2, 2)
    assert Stats.of(Sample(zero, zero, one, one, one, ({},))).empty == 0
    corner = one.clone()
    corner[..., 1:] = 0
    assert Stats.of(Sample(zero, zero, 1 - corner, one, corner, ({},))).empty == 1


def test_nothing_valid_is_nothing_counted() -> None:
    batch = tiny().batch([1, 2])
    stats = Stats.of(batch._replace(valid=torch.zeros_like(batch.valid)))
    assert stats.moments["depth"].count == 0
    assert stats.depth.sum() == 0
    merged = stats.merge(Stats.of(batch))
    assert merged.samples == 4
    assert np.isfinite(merged.mean_image("bg")).all()
    assert json.loads(json.dumps(merged.to_dict()))["maps"]["bg"]["mean"] == merged.to_dict()["maps"]["bg"]["mean"]


def test_mean_images_are_means() -> None:
    batch = tiny(size=(96, 96)).batch([1, 2, 3])
    mean = Stats.of(batch).mean_image("fg_bg")
    np.testing.assert_allclose(mean[..., 2:], batch.fg_bg.double().mean(0)[..., 2:].numpy(), atol=1e-12)
    assert mean[..., :2].sum() == 0  # not valid anywhere


def test_files_of_different_sizes_are_read_one_by_one() -> None:
    stats = collect(tiny("sizes"), range(7))
    assert stats.samples == 7
    assert len(stats.sizes) == 7
    assert stats.moments["bg"].count == sum(16 * (18 + i) for i in range(7))


def test_broken_samples_are_named() -> None:
    with pytest.raises(DataError, match=r"photo5\.jpg is truncated"):
        collect(tiny("broken"), range(7))
    with pytest.raises(DataError, match=r"depth of \{'index': 5\} holds values that are not finite"):
        collect(tiny("nan", size=(16, 16)), range(7))


@given(st.integers(1, 500), st.integers(1, 600))
def test_a_limit_spreads_over_the_whole(length: int, limit: int) -> None:
    chosen = spread(length, limit)
    assert len(chosen) == len(set(chosen)) == min(length, limit)
    assert chosen == sorted(chosen)
    assert chosen[0] == 0
    assert length - chosen[-1] <= length / len(chosen) + 1


@pytest.mark.usefixtures("_tiny")
def test_each_perturbation_alone_has_a_row() -> None:
    stats, record = figures("tiny_for_test(kind=perturbed)", size=16)
    rows = {row["only"]: row["iou"] for row in record["perturbations"]}
    assert rows["shift"] == record["threshold"]["iou"] == 1
    assert 0 < rows["gain"] < 0.2  # no difference at all: everything is called object
    assert stats.samples == record["samples"] == record["of"] == 7
    assert record["split"] == "all"


@pytest.mark.usefixtures("_tiny")
def test_the_command_prints_text_within_100_columns(capsys: Shown, tmp_path: Path) -> None:
    picture = tmp_path / "stats.png"
    code = main(["data", "stats", "tiny_for_test(kind=perturbed, n=40)", "--size", "24", "--out", str(picture)])
    shown = capsys.readouterr()
    assert code == 0
    assert max(map(len, shown.out.splitlines())) <= 100
    assert "split all: 40 samples, 24 x 24" in shown.out
    assert "1 samples have none" in shown.out
    assert "shift alone" in shown.out
    assert "[100%]" in shown.err or "[ 33%]" in shown.err or "stats of" in shown.err
    with Image.open(picture) as image:
        assert image.format == "PNG"
        assert len(image.convert("RGB").getcolors(1 << 20) or []) > 20
    assert [path.name for path in tmp_path.iterdir()] == ["stats.png"]


@pytest.mark.usefixtures("_tiny")
def test_data_that_changed_is_read_anew(tmp_path: Path) -> None:
    (tmp_path / "n").write_text("3")
    spec = str(Spec("tiny_for_test", {"path": str(tmp_path / "n")}))
    assert figures(spec)[1]["of"] == 3
    (tmp_path / "n").write_text("4")
    assert figures(spec)[1]["of"] == 4


@pytest.mark.usefixtures("_tiny")
def test_the_command_prints_json(capsys: Shown) -> None:
    assert main(["data", "stats", "tiny_for_test", "--limit", "3", "--split", "train", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["samples"], record["of"], record["split"], record["schema"]) == (3, 7, "train", 1)
    assert record["sizes"] == [[16, 20]]
    assert Spec.parse(record["spec"]).options["n"] == 7
    assert record["perturbations"] == []


@pytest.mark.usefixtures("_tiny")
@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (["--limit", "0"], "--limit: '0' is not accepted"),
        (["--size", "4"], "--size: '4' is not accepted"),
        (["--out", "stats.jpg"], "ends in .png"),
        (["--split", "tset"], "invalid choice"),
    ],
)
def test_wrong_calls_are_one_line(wrong: list[str], says: str, capsys: Shown) -> None:
    assert main(["data", "stats", "tiny_for_test", *wrong]) == 2
    shown = capsys.readouterr()
    assert says in shown.err
    assert shown.out == ""
    assert len(shown.err.splitlines()) <= 2


@pytest.mark.usefixtures("_tiny")
@pytest.mark.parametrize(("kind", "code"), [("interrupted", 130), ("broken", 2)])
def test_what_stops_half_way_prints_and_writes_nothing(kind: str, code: int, capsys: Shown, tmp_path: Path) -> None:
    picture = tmp_path / "stats.png"
    assert main(["data", "stats", f"tiny_for_test(kind={kind}, n=80)", "--out", str(picture)]) == code
    assert capsys.readouterr().out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_tiny")
def test_an_empty_set_is_an_error(capsys: Shown) -> None:
    assert main(["data", "stats", "tiny_for_test(n=0)"]) == 2
    assert "has no samples in split all" in capsys.readouterr().err


def test_computed_data_has_a_default_limit_and_split() -> None:
    class Endless(Tiny):
        def __init__(self, *, split: str, size: tuple[int, int] | None):
            super().__init__(split=split, size=size or (8, 8), n=10**6)

    sources.register("endless_for_test", Card(summary="noise", group="computed"))(Endless)
    try:
        stats, record = figures("endless_for_test")
        assert (stats.samples, record["of"], record["split"]) == (500, 10**6, "test")
    finally:
        del sources._entries["endless_for_test"]


@pytest.mark.slow
def test_two_processes_give_the_same_figures() -> None:
    one = figures("pairbench:clean", size=32, limit=80)[1]
    two = figures("pairbench:clean", size=32, limit=80, workers=2)[1]
    assert one == two


def test_a_damaged_sample_is_left_out_and_named(tmp_path: Path, capsys: Shown) -> None:
    root = dataset(tmp_path, n_bg=1, each=6)
    (root / "fg_bg/img_0001.png").write_bytes(b"")
    (root / "fg_bg_depth/img_0006.png").unlink()
    record = figures(f"folders(path={root}, max_bad=0.5)")[1]
    assert (record["samples"], record["of"]) == (4, 5)
    assert record["maps"]["fg_bg"]["min"][0] == pytest.approx(101 / 255, abs=1e-6)
    assert main(["data", "stats", f"folders(path={root}, max_bad=0.5)"]) == 0
    out = capsys.readouterr().out
    assert "4 of 5 samples" in out
    assert "2 samples that could not be used are left out:" in out
    assert f"  {root}/fg_bg/img_0001.png: the file is empty\n" in out
    assert f"  {root}/fg_bg/img_0006.png: no depth belongs to it\n" in out


@pytest.mark.parametrize(("task", "other"), [("mask", "depth"), ("depth", "mask")])
def test_a_task_that_the_data_does_not_know_is_neither_told_nor_drawn(
    tmp_path: Path, capsys: Shown, task: str, other: str
) -> None:
    spec = f"folders(path={dataset(tmp_path / 'data', n_bg=1, each=2)}, tasks={task})"
    assert main(["data", "stats", spec, "--out", str(tmp_path / "one.png")]) == 0
    out = capsys.readouterr().out
    assert f"\n{task} " in out
    assert f"\n{other} " not in out
    assert ("share of the picture that is object" in out) == ("reaches the best constant" in out) == (task == "mask")
    assert ("depth of the pixels" in out) == (task == "depth")
    assert list(figures(spec)[1]["maps"]) == ["bg", "fg_bg", task]
    assert main(["data", "stats", f"folders:{tmp_path}/data", "--out", str(tmp_path / "both.png")]) == 0
    one, both = (np.asarray(Image.open(tmp_path / f"{name}.png").convert("L")) for name in ("one", "both"))
    fourth = slice(4 * LINE, CELL), slice(GAP + 3 * (CELL + GAP), GAP + 4 * (CELL + GAP))  # of the mean images
    assert one[fourth].min() == 255
    assert both[fourth].min() < 255
