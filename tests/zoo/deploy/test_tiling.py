"""Photos in tiles: nothing is lost between them, no seam shows, and the answer is that of the whole."""

from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from textures import moved, texture
from torch import Tensor

import zoo
from zoo.blocks.registration import Registered, register_plate, registered_as, registration
from zoo.contract import InputError, Prediction
from zoo.deploy import predict
from zoo.deploy.predict import parted
from zoo.deploy.tiling import rows as tiled
from zoo.deploy.tiling.fusing import enlarged
from zoo.deploy.tiling.plates import Part, registered_part
from zoo.deploy.tiling.rows import Parts, joined
from zoo.deploy.tiling.spans import MARGIN, OVERLAP, RAMP, SMALLEST_TILE, STEP, sizes, spans

SIDES = st.integers(SMALLEST_TILE // STEP, 40).map(lambda n: n * STEP)


@given(length=st.integers(8, 6000), side=SIDES)
def test_the_weights_of_tiles_sum_to_one_and_rise_slowly(length: int, side: int) -> None:
    total, every = torch.zeros(length), spans(length, side)
    for span in every:
        weight, (first, last) = span.weight(), span.kept
        total[first:last] += weight
        assert span.start % STEP == 0
        assert span.end - span.start < side + STEP
        assert bool((weight.diff().abs() <= 1 / RAMP + 1e-6).all())
        assert 1 / RAMP < 0.01
        assert span.start == 0 or first - span.start >= MARGIN
        assert span.end == length or span.end - last >= MARGIN
        assert bool((weight >= 0).all())
    torch.testing.assert_close(total, torch.ones(length))
    assert len(every) <= max(1, -(-length // (side - OVERLAP - STEP)))


@given(h=st.integers(8, 5000), w=st.integers(8, 5000), coarse=st.integers(32, 600))
def test_sizes_grow_in_even_steps_to_the_photo_s_own(h: int, w: int, coarse: int) -> None:
    found = sizes((h, w), (coarse, coarse))
    assert found[0] == (coarse, coarse)
    assert found[-1] == ((h, w) if h * w > coarse * coarse else (coarse, coarse))
    areas = [a * b for a, b in found]
    assert all(a < b <= 17.5 * a for a, b in pairwise(areas))  # 16, but for rounding


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 90), st.integers(1, 90), st.data())
def test_rows_and_columns_of_an_enlarged_map(h: int, w: int, to_h: int, to_w: int, data: Any) -> None:
    small = torch.rand(1, h, w)
    whole = F.interpolate(small[None], (to_h, to_w), mode="bilinear", align_corners=False)[0]
    top, left = data.draw(st.integers(0, to_h - 1)), data.draw(st.integers(0, to_w - 1))
    found = enlarged(small, (to_h, to_w), (top, to_h), (left, to_w))
    torch.testing.assert_close(found, whole[:, top:, left:], atol=1e-4, rtol=0)


def test_a_part_of_a_registered_plate_is_what_the_whole_gives_there() -> None:
    bg = texture()
    photo = moved(bg, (3.0, -5.0), 0.05) * 0.9 + 0.05
    whole = register_plate(bg, photo)
    found, (h, w) = registration(bg, photo), bg.shape[-2:]
    for part in (Part(0, h, 0, w), Part(0, 16, 0, 24), Part(h - 20, h, w - 31, w), Part(10, 40, 20, 50)):
        for some, all_of_it in zip(registered_part(bg[0], found, part), whole, strict=True):
            torch.testing.assert_close(some, part.of(all_of_it), atol=1e-4, rtol=0)


def test_a_plate_that_is_registered_is_not_registered_again() -> None:
    bg, photo = texture(), moved(texture(), (6.0, 0.0), 0.0)
    known = Registered(bg, torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4))
    with registered_as(known):
        found = register_plate(bg, photo)
    assert found.plate is bg
    assert found.valid is known.valid
    assert not torch.equal(register_plate(bg, photo).plate, bg)


def pair(h: int, w: int) -> tuple[Tensor, Tensor]:
    """A smooth plate, and a photo of it with a rectangle in it."""
    generator = torch.Generator().manual_seed(0)
    small = torch.rand(1, 3, 9, 9, generator=generator)
    bg = F.interpolate(small, (h, w), mode="bicubic", align_corners=False)[0].clamp(0, 1)
    fg_bg = bg.clone()
    fg_bg[:, h // 3 : h // 2, w // 4 : w // 2] = 1 - fg_bg[:, h // 3 : h // 2, w // 4 : w // 2].round()
    return bg, fg_bg


@pytest.mark.parametrize("spec", ["unet(width=2, depth=3)", "frame_difference(tasks=mask)"])
def test_every_tile_together_is_the_whole(spec: str) -> None:
    """Networks that see no further than a tile's margin."""
    torch.manual_seed(0)
    model, images = zoo.build(spec).eval(), list(pair(450, 640))
    whole = predict(model, *images, size=None)
    found = joined(Parts(model, images, None, side=384).rows())
    for task, values in found.items():
        torch.testing.assert_close(values, getattr(whole, task), atol=1e-5, rtol=0)


class Contradicting(zoo.PairModel):
    """Says 1 of a part and 0 of the next."""

    calls = 0

    def forward(self, bg: Any = None, fg_bg: Any = None, sides: bool = False) -> Any:
        self.calls += 1
        return Prediction(torch.full_like(fg_bg[:, :1], 50.0 * (-1) ** self.calls), None)


@pytest.mark.parametrize("coarse", [None, (32, 32)])
def test_no_seam_shows_whatever_the_tiles_say(coarse: tuple[int, int] | None) -> None:
    model = Contradicting(zoo.Interface(tasks=("mask",)))
    found = joined(Parts(model, list(pair(400, 1300)), coarse, side=384).rows())["mask"]
    assert found.shape == (1, 400, 1300)
    assert (found.max() - found.min()) > 0.99 or coarse is not None
    assert found.diff(dim=2).abs().max() < 0.01
    assert found.diff(dim=1).abs().max() < 0.01


def test_tiles_find_the_edges_that_a_small_look_blurs_and_are_computed_near_them_alone() -> None:
    model, images = zoo.build("frame_difference"), pair(900, 1300)
    model.trained_at = (64, 64)
    seen: list[tuple[int, ...]] = []
    model.register_forward_pre_hook(lambda _, given: seen.append(tuple(given[1].shape[-2:])))
    fine = predict(model, *images, size=None).mask
    coarse = predict(model, *images).mask
    seen.clear()
    parts = parted(model, list(images), "tiles", "fp32")
    parts.side = 384
    found = joined(parts.rows())["mask"]
    assert fine is not None
    assert coarse is not None
    assert seen[0] == (64, 64)
    assert 1 < len(seen) < len(spans(900, 384)) * len(spans(1300, 384))
    away = [(mask - fine).abs().mean() for mask in (coarse, found)]
    assert away[1] < 0.25 * away[0]


def test_depth_keeps_to_the_look_at_the_whole() -> None:
    """The plane of frame_difference goes over the whole picture; in a tile it would begin anew."""
    model, images = zoo.build("frame_difference"), pair(800, 900)
    model.trained_at = (64, 64)
    found, plain = predict(model, *images, size="tiles").depth, predict(model, *images).depth
    assert found is not None
    assert plain is not None
    assert (found - plain).abs().max() < 0.02
    assert found[0, 0, 0] > found[0, -1, 0] + 0.3


def test_tiles_know_the_registration_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    bg = F.interpolate(texture(), (520, 700), mode="bicubic", align_corners=False).clamp(0, 1)
    photo = moved(bg, (14.0, -9.0), 0.03)
    photo[:, :, 150:500, 200:650] = 0.1  # much of some tiles
    model = zoo.load("aligned_difference")
    whole = predict(model, bg[0], photo[0], size=None).mask
    found = joined(Parts(model, [bg[0], photo[0]], None, side=384).rows())["mask"]
    assert whole is not None
    assert ((found > 0.5) == (whole > 0.5)).float().mean() > 0.995


def test_a_photo_whose_pass_does_not_fit_is_computed_in_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model, images = zoo.build("unet(width=2, depth=3)").eval(), pair(450, 640)
    whole = predict(model, *images, size=None).mask
    monkeypatch.setitem(parted.__globals__, "lacks_memory", lambda *_, **__: 10**12)
    monkeypatch.setattr(tiled, "tile_side", lambda *_: 384)
    found = predict(model, *images, size=None).mask
    assert found is not None
    assert whole is not None
    torch.testing.assert_close(found, whole, atol=1e-5, rtol=0)


def test_tiles_are_as_large_as_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    model = zoo.build("unet(width=2, depth=3)")
    assert tiled.tile_side(model, "fp32") == tiled.LARGEST_TILE
    monkeypatch.setattr(tiled, "needed", lambda *_: tiled.BUDGET)
    assert (tiled.tile_side(model, "fp32"), tiled.tile_side(model, "bf16")) == (512, 704)
    assert tiled.tile_side(model, "bf16", 600_000_000) == 512  # large photos leave less for a tile
    assert tiled.tile_side(model, "fp32", 10**10) == 384
    monkeypatch.setattr(tiled, "needed", lambda *_: None)
    assert tiled.tile_side(model, "fp32") == 512
    monkeypatch.setattr(tiled, "needed", lambda *_: tiled.BUDGET)
    monkeypatch.setattr(tiled, "free", lambda *_: 1000)
    with pytest.raises(InputError, match=r"tiles of 384 x 384 pixels take more memory than cpu has free"):
        tiled.tile_side(model, "fp32")


@pytest.mark.parametrize("size", [(96, 120), (300, 260)])
def test_a_photo_smaller_than_the_training_s_size_needs_no_tile(size: tuple[int, int]) -> None:
    model, images = zoo.build("frame_difference"), pair(*size)
    model.trained_at = (320, 320)
    assert torch.allclose(predict(model, *images, size="tiles").mask, predict(model, *images).mask, atol=1e-5)  # type: ignore[arg-type]
