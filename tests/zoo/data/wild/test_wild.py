"""PairBench's tier wild: a world with true depth, seen by two cameras; families that splits hold out."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import zoo.data
from zoo.data.scenes.draw import Draw
from zoo.data.wild import bank, chances, layouts, parts, shade, stage
from zoo.data.wild.parts import SLOTS, Parts
from zoo.data.wild.raster import Shown, Solids, meet
from zoo.data.wild.render import render
from zoo.data.wild.things import Things
from zoo.data.wild.views import Camera, Light
from zoo.data.wild.world import World

SPLITS = ["train", "val", "test"]
PIXELS = 64


def world():
    """Open land, one."""
    drawn = World.draw(Draw("a world", np.array([0])), "train")
    drawn.ceiling[:] = drawn.side[:] = drawn.back[:] = layouts.NONE
    return drawn


def camera(x=0.0, y=1.5, pitch=0.0):
    number = torch.zeros(1)
    return Camera(torch.tensor([[x, y, 0.0]]), number, number + pitch, number, number + 1)


def solids(x, y, z, part):
    """Things of one part each and one metre high, standing at places."""
    draw = Draw("things", np.arange(len(x)))
    number = torch.zeros(len(x))
    shape = Parts.draw(draw, [lambda _: [part]], number.long())
    at = [torch.tensor(each) for each in (x, y, z)]
    return Solids.of(
        Things(number.long(), shape, *at, number + 1, number, number, torch.zeros(15, len(x) * SLOTS), number > 0),
        SLOTS,
    )


def seen(camera, found, flipped=False):
    """What one camera sees: metres and things, (PIXELS, PIXELS) each."""
    grids = camera.grids((PIXELS, PIXELS), torch.tensor([flipped]))
    what = shade.room(grids, world(), torch.tensor([0]))
    n = torch.arange(len(found.world))
    shade.stand(what, meet(grids, found, Shown(n, 0 * n, found.centre), what.t.view(-1)), found)
    return what.t.view(PIXELS, PIXELS), what.thing.view(PIXELS, PIXELS)


MARKER = parts.ball(0.0, 0.5, 0.0, 0.12, 0.12, 0.12)


@pytest.mark.parametrize("z", [2.0, 4.0, 9.0])
def test_a_markers_parallax_agrees_with_its_depth(z):
    """A step to the right moves what is z metres away by step / z to the left, in units of the focal length."""
    marker = solids([0.2], [1.0], [z], MARKER)
    places = []
    for x in (0.0, 0.2):
        depth, thing = seen(camera(x=x), marker)
        here = thing == 0
        places.append(here.nonzero().float().mean(0)[1].item())
        assert z - 0.125 < depth[here].min() < z - 0.06
    assert places[0] - places[1] == pytest.approx(PIXELS * 0.2 / z, abs=0.35)
    assert places[0] == pytest.approx(PIXELS * 0.2 / z + PIXELS / 2 - 0.5, abs=0.35)


@pytest.mark.parametrize("part", [parts.box(0.0, 0.5, 0.0, 0.3, 0.5, 0.2), parts.post(0.0, 0.0, 1.0, 0.0, 0.3)])
def test_boxes_and_bodies_are_as_large_as_they_are_said_to_be(part):
    depth, thing = seen(camera(y=0.5), solids([0.0], [0.0], [4.0], part))
    rows, columns = (thing == 0).nonzero().unbind(1)
    front = 3.8 if part[0] == parts.BOX else 3.7
    assert depth[thing == 0].min().item() == pytest.approx(front, abs=0.03)
    assert columns.max() - columns.min() + 1 == pytest.approx(PIXELS * 0.6 / front, abs=2)
    assert rows.max() - rows.min() + 1 == pytest.approx(PIXELS * 1.0 / front, abs=2)


def test_what_is_near_hides_what_is_far_and_the_ground():
    depth, thing = seen(camera(), solids([0.0, 0.0], [0.0, 0.0], [6.0, 3.0], parts.box(0.0, 0.5, 0.0, 0.3, 0.5, 0.2)))
    assert set(thing.unique().tolist()) == {-1, 0, 1}
    assert depth[thing == 1].max() < depth[thing == 0].min()
    bare, _ = seen(camera(), solids([0.0], [-9.0], [3.0], MARKER))
    assert (depth <= bare).all()
    assert torch.equal(depth[thing < 0], bare[thing < 0])


def test_a_ring_is_seen_through():
    _, thing = seen(camera(y=0.5), solids([0.0], [0.0], [2.0], parts.wheel(0.0, 0.5, 0.0, 0.4, 0.7)))
    assert thing[32, 32] == -1
    assert (thing[32] == 0).sum() >= 4


def test_the_ground_mirrors_what_stands_on_it():
    """A ball's image is as far under the ground as the ball is above it."""
    marker, pitch = solids([0.0], [0.5], [4.0], MARKER), 0.1
    for flipped, over in ((False, 0.4), (True, -1.6)):  # metres from the eye's height to the ball's or its image's
        _, thing = seen(camera(y=0.6, pitch=pitch), marker, flipped=flipped)
        row = (thing == 0).nonzero().float().mean(0)[0].item()
        slope = (over * np.cos(pitch) + 4 * np.sin(pitch)) / (4 * np.cos(pitch) - over * np.sin(pitch))
        assert row == pytest.approx(PIXELS / 2 - 0.5 - PIXELS * slope, abs=0.5)


def test_shadows_fall_away_from_the_sun():
    """The sun stands at the left, half way up: a box darkens the ground at its right and not at its left."""
    found = solids([0.0], [0.0], [4.0], parts.box(0.0, 0.5, 0.0, 0.3, 0.5, 0.3))
    place, n = world(), torch.arange(1)
    light = Light.draw(Draw("light", np.array([0])), place)
    light.to_sun = torch.tensor([[-(0.5**0.5), 0.5**0.5, 0.0]])
    place.eye[:], place.pitch[:], place.yaw[:] = 1.5, 0.3, 0.0
    grids, t = shade.shadows(
        found, Shown(n, 0 * n, found.centre), light, place, torch.tensor([[0.0], [1.5], [0.0]]), 96
    )
    spots = torch.tensor([[0.7, 0.0, 4.0], [-0.7, 0.0, 4.0], [1.8, 0.0, 4.0], [0.7, 0.0, 5.0]]).T[:, None]
    assert shade.lit(spots, grids, t)[0].tolist() == pytest.approx([0, 1, 1, 1], abs=0.02)


def test_splits_hold_out_textures_shapes_and_layouts():
    families = {split: [family for family, _ in bank.SPLITS[split]] for split in SPLITS}
    for held in (families, layouts.LAYOUTS):
        seen = [each for split in SPLITS for each in held[split]]
        assert len(seen) == len(set(seen))
    assert not any(
        set(parts.SPLITS[one]) & set(parts.SPLITS[two])
        for one, two in (("train", "val"), ("train", "test"), ("val", "test"))
    )
    kinds = {split: {meta["layout"] for meta in load(split).batch(range(40)).meta} for split in SPLITS}
    assert all(kinds[split] <= set(layouts.LAYOUTS[split]) for split in SPLITS)
    assert kinds["test"] == set(layouts.LAYOUTS["test"])


def load(split="train", size=16):
    return zoo.data.load("pairbench:wild", split=split, size=size)


def test_masks_are_where_the_objects_are_and_some_scenes_are_empty():
    scenes = load(size=32).batch(range(240))
    empty = torch.tensor([meta["objects"] == 0 for meta in scenes.meta])
    assert 0.05 < empty.float().mean() < 0.16
    assert (scenes.mask[empty] == 0).all()
    largest = scenes.mask[~empty].flatten(1).mean(1)
    assert (largest > 0.5).any()  # objects that fill the picture
    assert ((largest > 0) & (largest < 0.01)).any()  # and specks
    assert max(meta["objects"] for meta in scenes.meta) == stage.MOST
    binary = F.max_pool2d(scenes.mask, 3, 1, 1) == -F.max_pool2d(-scenes.mask, 3, 1, 1)
    assert set(scenes.mask[binary].unique().tolist()) <= {0.0, 1.0} | {scenes.mask.max().item()}


def test_the_camera_sees_depth_and_not_the_picture_taken_later(monkeypatch):
    """Depth is the photo's; where there is no object it is that of the empty scene."""
    scenes = render("train", np.arange(12), (48, 48), torch.device("cpu"))
    monkeypatch.setattr(stage, "EMPTY", 2.0)
    bare = render("train", np.arange(12), (48, 48), torch.device("cpu"))
    assert (bare.mask == 0).all()
    for i in range(12):
        z, behind = (metres(each.depth[i], each.meta[i]) for each in (scenes, bare))
        known = (scenes.depth[i] < 1) & (bare.depth[i] < 1)
        outside, inside = known & (scenes.mask[i] == 0), known & (scenes.mask[i] == 1)
        torch.testing.assert_close(z[outside], behind[outside], rtol=2e-2, atol=2e-2)
        assert (z[inside] < behind[inside] * 1.01 + 0.01).all()


@pytest.mark.parametrize("only", chances.PROBABILITY)
def test_each_difference_alone_changes_the_plate_and_not_the_truth(only):
    """Where nothing differs, plates and photos of empty scenes are the same; each alone makes some differ."""
    indices = np.arange(16)
    alone, nothing = (render("train", indices, (32, 32), torch.device("cpu"), each) for each in (only, "nothing"))
    if only != "wind":  # leaves hide what is behind them
        torch.testing.assert_close(alone.mask, nothing.mask)
    empty = (nothing.mask.flatten(1).amax(1) == 0).nonzero()[:, 0]
    assert len(empty)
    torch.testing.assert_close(nothing.bg[empty], nothing.fg_bg[empty], atol=1e-4, rtol=0)
    assert max((a - b).abs().max() for a, b in zip(alone[:2], nothing[:2], strict=True)) > 0.01


def metres(depth, meta):
    """Depth z from relative depth."""
    near, far = meta["near"], meta["far"]
    return 1 / (1 / near - depth * (1 / near - 1 / far))


def test_tiles_repeat_without_a_seam_and_fade_with_distance():
    sheet = bank.atlas("train", torch.device("cpu"))
    tile = torch.full((200,), float(bank.kinds("train", bank.GROUND)[3]))
    at, v = torch.linspace(0, 1, 200), torch.linspace(0, 2, 200)
    near, far = (bank.look(sheet, tile, at, v, torch.full((200,), size)) for size in (1e-3, 0.2))
    again = bank.look(sheet, tile, at + 3, v - 2, torch.full((200,), 1e-3))
    torch.testing.assert_close(near, again, atol=2e-3, rtol=0)
    assert (near[:, 0] - near[:, -1]).abs().max() < 0.2
    assert (far.std(1) <= 0.5 * near.std(1)).all()
