"""Depth by name: the plane by hand, maps and networks of one's own, and what each refuses."""

import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import zoo
from registry import OptionError, UnknownNameError
from zoo.data.dataset import DataError
from zoo.data.making.compose import compose
from zoo.data.making.composition import ComposeSettings
from zoo.data.making.depth_sources import Scene, build, depth_sources, relative, stand
from zoo.parallel import Workers


def scene(h=10, w=6, rows=(), columns=(), photo="a.jpg", photo_size=None):
    solid = torch.zeros(1, h, w, dtype=torch.bool)
    for row in rows:
        solid[0, row, list(columns)] = True
    torch.manual_seed(0)
    return Scene(torch.rand(3, h, w), torch.rand(3, h, w), solid, photo, photo_size or (h, w))


def test_the_plane_falls_from_the_horizon_to_the_lower_edge():
    depth = build("plane(horizon=0.5)").depth(scene())
    expected = [1, 1, 1, 1, 1, 0.9, 0.7, 0.5, 0.3, 0.1]
    assert depth[0, :, 0].tolist() == pytest.approx(expected, abs=1e-6)  # 1 less something: as exact as float32 is at 1
    z = 1 / (1 - depth[0, 5:, 0])  # far is infinite and near 1, so depth is 1 - 1/z
    below_horizon = torch.arange(5) + 0.5
    assert torch.allclose(z * below_horizon, z[0] * below_horizon[0].expand(5), rtol=1e-4)  # as on level ground


def test_an_object_stands_at_the_depth_of_its_foot():
    depth = build("plane(horizon=0.5)").depth(scene(rows=range(2, 8), columns=(1, 2)))
    assert depth[0, 2:8, 1:3].unique().tolist() == pytest.approx([0.5])
    assert depth[0, 2:8, 0].tolist() == pytest.approx([1, 1, 1, 0.9, 0.7, 0.5])


@given(st.integers(0, 2**32 - 1))
def test_nothing_stands_behind_what_it_hides(seed):
    generator = torch.Generator().manual_seed(seed)
    behind = torch.rand(1, 7, 7, generator=generator)
    solid = torch.rand(1, 7, 7, generator=generator) < 0.2
    depth = stand(behind, solid)
    assert (depth <= behind).all()
    assert torch.equal(depth[~solid], behind[~solid])
    assert len(depth[solid].unique()) <= 1


def test_relative_depth_of_metres_and_of_inverse_depth():
    metres = torch.tensor([[[1.0, 2.0, 4.0]]])
    assert relative(metres, is_metric=True)[0, 0].tolist() == pytest.approx([0, 2 / 3, 1])
    assert torch.allclose(relative(3 / metres - 1, is_metric=False), relative(metres, is_metric=True))
    assert relative(torch.full((1, 1, 2), 5.0), is_metric=False).tolist() == [[[1, 1]]]


def test_maps_are_found_by_name_and_seen_as_the_photo_is(tmp_path):
    values = np.tile(np.repeat(np.array([10, 90, 170, 250], np.uint8), 2), (4, 1))  # half the photo's resolution
    Image.fromarray(values).save(tmp_path / "a.png")
    source = build(f"folder:{tmp_path}")
    depth = source.depth(scene(8, 8, photo_size=(8, 16)))  # the photo is twice as wide as the picture
    assert depth[0, 3].tolist() == pytest.approx([v / 255 for v in (50, 70, 90, 90, 170, 170, 190, 210)], abs=0.08)
    assert (depth[0].diff(dim=1) >= 0).all()
    assert source.digest_of("a.jpg") == build(f"folder(path={str(tmp_path)!r})").digest_of("a.jpg") != ""
    with pytest.raises(DataError, match=r"no depth map for b.jpg; it should be called b.png"):
        source.digest_of("b.jpg")


def test_a_saved_network_gives_depth_from_both_pictures(tmp_path):
    model = zoo.build("frame_difference").eval()
    path = zoo.save(model, tmp_path / "with space.safetensors")
    source, seen = build(f"model:{path}"), scene(16, 16)
    with torch.inference_mode():
        wanted = model(seen.bg[None], seen.fg_bg[None]).depth[0].sigmoid()
    assert torch.equal(source.depth(seen), wanted)
    assert source.digest()
    zoo.save(zoo.build("frame_difference", tasks=("mask",)), tmp_path / "mask.safetensors")
    with pytest.raises(DataError, match="gives no depth"):
        build(f"model:{tmp_path / 'mask.safetensors'}")


def test_a_network_of_transformers_is_run_from_its_folder(tmp_path):
    transformers = pytest.importorskip("transformers")
    config = transformers.DPTConfig(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=16,
        backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8,
    )  # fmt: skip
    transformers.DPTForDepthEstimation(config).save_pretrained(tmp_path)
    transformers.DPTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    depth = build(f"transformers:{tmp_path}").depth(scene(20, 30))
    assert depth.shape == (1, 20, 30)
    assert depth.min() == 0
    assert depth.max() == 1


def test_without_transformers_it_says_what_to_install(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"no config\.json in it"):
        build(f"transformers:{tmp_path}")
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(DataError, match="pip install transformers"):
        build(f"transformers:{tmp_path}")


def test_wrong_sources_are_refused_with_what_is_accepted(tmp_path):
    assert depth_sources.names() == ["folder", "model", "plane", "transformers"]
    for text, error, said in (
        ("plain", UnknownNameError, "did you mean plane"),
        ("plane:x", OptionError, "plane reads no file"),
        ("plane(horizont=0.3)", OptionError, "has no option 'horizont'; did you mean horizon"),
        ("plane(horizon=1)", OptionError, "horizon takes 0 to 0.9"),
        ("plane(horizon=low)", OptionError, "horizon takes a number"),
        ("folder", OptionError, "needs a path, as in folder:PATH"),
        (f"folder:{tmp_path}/gone", DataError, "no such folder"),
    ):
        with pytest.raises(error, match=said.replace("(", r"\(")):
            build(text)


def test_a_background_without_its_map_stops_the_work_before_it_begins(tmp_path):
    for folder in ("bg", "fg", "maps"):
        (tmp_path / folder).mkdir()
    for name in ("a.jpg", "b.jpg"):
        Image.new("RGB", (16, 16)).save(tmp_path / "bg" / name)
    Image.new("L", (16, 16), 99).save(tmp_path / "maps" / "a.png")
    cutout = Image.new("RGBA", (8, 8))
    cutout.paste((1, 2, 3, 255), (2, 2, 6, 6))
    cutout.save(tmp_path / "fg" / "c.png")
    recipe = ComposeSettings(per_pair=1, size=(16, 16), depth=f"folder:{tmp_path / 'maps'}")
    folders = [tmp_path / name for name in ("bg", "fg", "out")]
    with pytest.raises(DataError, match=r"no depth map for b\.jpg"):
        compose(*folders, recipe, workers=Workers(1))
    Image.new("L", (16, 16), 200).save(tmp_path / "maps" / "b.png")
    assert compose(*folders, recipe, workers=Workers(1)).made == 2
    values = [np.asarray(Image.open(path)) for path in sorted((tmp_path / "out" / "fg_bg_depth").iterdir())]
    assert [np.unique(value).tolist() for value in values] == [[99], [200]]
