"""PairBench: a pure function of (version, split, index, size), with true depth, in three tiers."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import zoo.data
from registry import OptionError
from zoo.data.scenes import layouts, render, shapes, textures
from zoo.data.scenes.camera import Camera
from zoo.data.scenes.draw import Draw, lattice
from zoo.data.scenes.faults import PROBABILITY
from zoo.data.scenes.jpeg import jpeg
from zoo.data.scenes.layouts import FAR
from zoo.data.scenes.trace import trace
from zoo.data.sources.pairbench import VERSIONS

GOLDEN = Path(__file__).parent / "golden"
TIERS = ["clean", "hard", "wild"]
SPLITS = ["train", "val", "test"]
MAPS = ("bg", "fg_bg", "mask", "depth")


def load(tier="clean", split="train", size=32, **options):
    return zoo.data.load(f"pairbench:{tier}", split=split, size=size, **options)


def summary(sample):
    """What a picture looks like from far away: means over a 4 x 4 grid of every map."""
    return {name: F.adaptive_avg_pool2d(getattr(sample, name), 4).flatten().tolist() for name in MAPS}


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("split", SPLITS)
def test_the_pictures_are_those_of_this_version(tier, split):
    """If this fails, the pictures have changed: raise the tier's version and write new golden values."""
    golden = json.loads((GOLDEN / f"pairbench{VERSIONS[tier]}.json").read_text())[f"{tier} {split}"]
    for index, expected in golden.items():
        found = summary(load(tier, split, 48)[int(index)])
        for name in MAPS:
            np.testing.assert_allclose(found[name], expected[name], atol=0.004, err_msg=f"{index} {name}")


@settings(max_examples=8)
@given(st.data(), st.sampled_from(TIERS), st.sampled_from(SPLITS), st.integers(0, 9_999))
def test_a_scene_does_not_depend_on_its_batch(data, tier, split, index):
    others = data.draw(st.lists(st.integers(0, 9_999), max_size=3))
    ds = load(tier, split)
    alone, among = ds[index], ds.batch([*others, index])
    for name in MAPS:
        torch.testing.assert_close(getattr(alone, name), getattr(among, name)[-1], atol=2e-2, rtol=0)
        assert (getattr(alone, name) - getattr(among, name)[-1]).abs().mean() < 1e-3
    assert alone.meta == among.meta[-1]


@settings(max_examples=8)
@given(st.sampled_from(TIERS), st.sampled_from(SPLITS), st.integers(0, 9_000), st.integers(16, 70), st.integers(16, 70))
def test_ranges_shapes_and_meta(tier, split, index, h, w):
    s = load(tier, split, (h, w)).batch([index, index + 1])
    for name, channels in (("bg", 3), ("fg_bg", 3), ("mask", 1), ("depth", 1), ("valid", 2)):
        value = getattr(s, name)
        assert value.shape == (2, channels, h, w)
        assert value.isfinite().all()
        assert 0 <= value.min() <= value.max() <= 1
    for meta in s.meta:
        assert 0.5 < meta["near"] < meta["far"] <= FAR
    assert (s.valid == 1).all()


def metres(depth, meta):
    """Depth z from relative depth."""
    near, far = meta["near"], meta["far"]
    return 1 / (1 / near - depth * (1 / near - 1 / far))


def without_camera(monkeypatch):
    monkeypatch.setattr(render, "photograph", lambda plate, photo, faults, seed: (plate, photo))


@pytest.mark.parametrize("split", SPLITS)
def test_objects_hide_only_what_is_behind_them_and_change_nothing_else(split, monkeypatch):
    without_camera(monkeypatch)
    indices = range(24)
    scenes = load("clean", split, 64).batch(indices)
    monkeypatch.setattr(render, "EMPTY", 2.0)
    monkeypatch.setattr(render, "SECOND", -1.0)
    bare = load("clean", split, 64).batch(indices)
    assert (bare.mask == 0).all()
    torch.testing.assert_close(bare.bg, bare.fg_bg)
    torch.testing.assert_close(scenes.bg, bare.bg)
    reach = F.max_pool2d(scenes.mask, 3, 1, 1)  # a lens spreads an edge by a pixel
    assert ((scenes.fg_bg - scenes.bg).abs() * (reach == 0)).max() < 1e-5
    assert scenes.mask.amax((1, 2, 3)).gt(0.9).float().mean() > 0.6
    for i in indices:
        here = (scenes.mask[i] > 0.5) & (bare.depth[i] < 1)
        front, back = metres(scenes.depth[i], scenes.meta[i]), metres(bare.depth[i], bare.meta[i])
        assert (front <= back * 1.001 + 1e-3)[here].all()
        outside = (scenes.mask[i] == 0) & (bare.depth[i] < 1)
        torch.testing.assert_close(front[outside], back[outside], rtol=2e-2, atol=1e-2)


def test_about_one_scene_in_ten_is_empty():
    masks = load(size=16).batch(range(400)).mask
    share = (masks.amax((1, 2, 3)) == 0).float().mean()
    assert 0.06 < share < 0.2  # those whose object is hidden or out of sight count too


def test_splits_hold_out_textures_shapes_and_layouts():
    for held in (textures.SPLITS, shapes.SPLITS, layouts.LAYOUTS):
        seen = [name for split in SPLITS for name in held[split]]
        assert len(seen) == len(set(seen))
    assert set(seen) == set(layouts.KINDS)
    kinds = {split: {meta["layout"] for meta in load(split=split, size=16).batch(range(30)).meta} for split in SPLITS}
    assert kinds["val"] == {"corner"}
    assert not kinds["train"] & kinds["test"]


def test_empty_scenes_of_the_clean_tier_are_the_same_but_for_nothing():
    scenes = load(size=32).batch(range(60))
    empty = scenes.mask.amax((1, 2, 3)) == 0
    assert empty.any()
    assert torch.equal(scenes.bg[empty], scenes.fg_bg[empty])


@pytest.mark.parametrize("only", PROBABILITY)
def test_each_perturbation_alone_changes_pictures_and_not_the_truth(only):
    plain, changed = load(size=48).batch(range(12)), load("hard", size=48, only=only).batch(range(12))
    assert torch.equal(plain.mask, changed.mask)
    assert torch.equal(plain.depth, changed.depth)
    assert not torch.equal(plain.bg, changed.bg) or not torch.equal(plain.fg_bg, changed.fg_bg)


def test_ground_depth_by_hand():
    """A level camera 2 m up with focal length 1: a pixel that looks down by y sees the ground at 2 / y metres."""
    one = torch.ones(1)
    camera = Camera(height=2 * one, pitch=0 * one, roll=0 * one, focal=one)
    rays = camera.rays(8, 8)
    assert rays[:, 0, 7, 4].tolist() == pytest.approx([0.5 / 8, -3.5 / 8, 1.0])
    draw = Draw("x", np.array([0]))
    layout = layouts.Layout.draw(draw, "train")
    layout.walls[..., 1], layout.ceiling[:] = torch.inf, torch.inf
    layout.boxes[..., 2:5], layout.cylinders[..., 2] = 0, 0

    hits = trace(camera, layout, rays, torch.tensor([[0.0, 1.0, 0.0]]))
    assert hits.z[0, 7, 4].item() == pytest.approx(2 / (3.5 / 8))
    assert hits.z[0, 0, 0].item() == FAR


def test_jpeg_is_what_pillow_makes_of_it():
    torch.manual_seed(0)
    picture = F.interpolate(torch.rand(1, 3, 12, 12), size=(96, 80), mode="bicubic").clamp(0, 1)
    for quality in (40, 65, 95):
        data = io.BytesIO()
        pixels = (picture[0] * 255).round().byte().permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(data, "JPEG", quality=quality, subsampling=2)
        theirs = torch.from_numpy(np.array(Image.open(data))).permute(2, 0, 1) / 255
        ours = jpeg(picture, torch.tensor([float(quality)]))[0]
        lost, lost_here = ((each - picture[0]).abs().mean().item() for each in (theirs, ours))
        assert (ours - theirs).abs().mean() < 0.4 * lost
        assert lost_here == pytest.approx(lost, rel=0.03)


def test_draws_depend_on_stream_index_and_position_only():
    one, two = Draw("a", np.array([5, 6])), Draw("a", np.array([6]))
    first = one.uniform(0, 1, 1000)
    assert torch.equal(first[1:], two.uniform(0, 1, 1000))
    assert first.min() >= 0
    assert first.max() < 1
    assert abs(first.mean() - 0.5) < 0.03
    assert not torch.equal(Draw("b", np.array([6])).uniform(0, 1, 1000), first[1:])
    normal = one.normal(5000)
    assert abs(normal.mean()) < 0.05
    assert abs(normal.std() - 1) < 0.05


def test_lattice_numbers_are_even():
    x = torch.arange(256, dtype=torch.int32)
    values = lattice(x, x[:, None], torch.tensor(7, dtype=torch.int32))
    assert 0 <= values.min() <= values.max() < 1
    assert torch.histc(values, 16).sub(4096).abs().max() < 400
    assert torch.corrcoef(torch.stack([values[:, 1:].flatten(), values[:, :-1].flatten()]))[0, 1].abs() < 0.02


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "all"}, "holds out"),
        ({"only": "shift", "tier": "clean"}, "only='shift' is not accepted"),
        ({"tier": "hard", "only": "fog"}, "only takes shift"),
        ({"tier": "easy"}, "tier takes clean, hard or wild"),
        ({"version": 99}, "version 99"),
        ({"version": 1, "tier": "wild"}, "it renders 2"),
        ({"tierr": 3}, "did you mean tier"),
    ],
)
def test_what_does_not_fit_is_said(options, message):
    with pytest.raises(zoo.ZooError, match=message):
        zoo.data.load("pairbench", **{"split": "train", **options})


def test_indices_out_of_range():
    ds = load(split="val")
    with pytest.raises(IndexError):
        ds[len(ds)]
    with pytest.raises(IndexError):
        ds.batch([0, len(ds)])
    assert ds[-1].meta["index"] == len(ds) - 1


def test_the_spec_says_all_of_it():
    assert str(load("hard").spec) == "pairbench(tier=hard, only=None, version=1, device=cpu)"
    assert str(load("wild").spec) == "pairbench(tier=wild, only=None, version=2, device=cpu)"
    with pytest.raises(OptionError, match="given twice"):
        zoo.data.load("pairbench:hard", split="train", tier="clean")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_renders_the_same():
    for tier in TIERS:
        here, there = load(tier, size=64).batch(range(16)), load(tier, size=64, device="cuda").batch(range(16))
        for name in MAPS:
            assert (getattr(here, name) - getattr(there, name).cpu()).abs().mean() < 2e-3


@pytest.mark.slow
def test_a_threshold_solves_the_clean_tier_and_not_the_hard_one():
    from zoo.data.inspecting.figures import collect

    def best(tier, only=None):
        return collect(load(tier, "test", 128, only=only), range(500)).best_threshold()[1]

    assert best("clean") >= 0.9
    assert best("hard") <= 0.6
    assert all(best("hard", only) >= 0.3 for only in PROBABILITY)


def test_one_object_before_another_leaves_no_seam(monkeypatch):
    """Where a near object's soft edge lies on a far object, the pixel is object through and through."""
    from zoo.data.scenes import objects

    whole = objects.Figures.stand

    def stand(self, *args):
        seen = whole(self, *args)
        seen.cover = torch.full_like(seen.cover, 0.5)
        return seen

    monkeypatch.setattr(objects.Figures, "stand", stand)
    monkeypatch.setattr(render, "SECOND", 1.0)
    masks = load(size=64).batch(range(8)).mask
    assert set(masks.unique().tolist()) <= {0.0, 0.5, 0.75}
    assert (masks == 0.75).any()


@pytest.mark.parametrize("index", [slice(0, 2), 1.5, "a", None])
def test_an_index_is_one_whole_number(index):
    with pytest.raises(OptionError, match=r"is not an index; give one whole number, or several to batch"):
        load(split="val")[index]
