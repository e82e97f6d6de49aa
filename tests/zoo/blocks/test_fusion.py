"""How a pair is joined: what each cue says of pairs that are known, and what a fusion is made of."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from textures import texture

import zoo
from zoo.blocks import cues
from zoo.blocks.fusion import ADDITIONS, WAYS, Join, compared, parts, stem_channels

ALL = tuple(ADDITIONS)
SIDE = st.integers(8, 70)


def pair(h, w, seed=0, b=2):
    return torch.rand(2, b, 3, h, w, generator=torch.Generator().manual_seed(seed))


@given(way=st.sampled_from(["", *WAYS]), more=st.permutations(ADDITIONS), n=st.integers(0, 3))
def test_a_fusion_is_a_way_and_what_is_added(way, more, n):
    words = [*([way] if way else []), *more[:n]]
    if words:
        assert parts("+".join(words)) == (way or "concat", tuple(word for word in ADDITIONS if word in more[:n]))


@pytest.mark.parametrize("fusion", ["", "early", "concat+siamese", "aligned+aligned", "aligned+"])
def test_what_is_no_fusion_is_refused(fusion):
    with pytest.raises(zoo.ZooError, match="it takes one of concat, difference, siamese"):
        zoo.build("unet", fusion=fusion)


@pytest.mark.parametrize("fusion", ["aligned", "concat+signed", "siamese"])
def test_without_a_plate_there_is_nothing_to_fuse(fusion):
    with pytest.raises(zoo.ZooError, match=r"needs bg"):
        zoo.build("unet", in_ch=3, fusion=fusion)


@given(h=SIDE, w=SIDE, image_ch=st.sampled_from([1, 3, 4]))
def test_equal_images_show_no_change(h, w, image_ch):
    x = torch.rand(1, image_ch, h, w, generator=torch.Generator().manual_seed(h))
    plate, found = cues.with_cues(ALL, x, x)
    assert sum(cue.shape[1] for cue in found) == cues.channels(ALL, image_ch)
    torch.testing.assert_close(plate, x, rtol=0, atol=1e-3)
    assert all(cue.shape[-2:] == (h, w) for cue in found)
    assert max(cue.abs().max().item() for cue in found) < 2e-3


@given(x=st.sampled_from([-4, -2, 0, 2, 4]), y=st.sampled_from([-4, -2, 0, 2, 4]))
def test_a_shift_within_the_window_is_no_change(x, y):
    """Away from the border, of colours: their difference at stride 2 reaches 4 pixels."""
    wide = F.avg_pool2d(texture(80, 96), 5, 1, 2)
    plate, photo = wide[..., 8:72, 8:88], wide[..., 8 + y : 72 + y, 8 + x : 88 + x]
    assert cues.tolerant(plate, photo)[:, 0, 8:-8, 8:-8].max() < 1e-5


def test_an_object_is_a_change_at_every_stride():
    plate = texture(64, 64)
    photo = plate.clone()
    photo[..., 16:48, 16:48] = 1 - photo[..., 16:48, 16:48].round()
    found = cues.tolerant(plate, photo)
    inside = found[..., 24:40, 24:40].mean((2, 3))
    outside = torch.cat([found[..., :8], found[..., -8:]], -1).mean((2, 3))
    assert (inside[:, ::2] > 5 * outside[:, ::2] + 0.2).all()  # of colours
    assert (inside[:, 1::2] > 2 * outside[:, 1::2]).all()  # of what is left of them without the light, seen from afar


@given(gain=st.floats(0.5, 2.0))
def test_another_brightness_does_not_show_in_the_ratios(gain):
    plate = 0.3 + 0.2 * texture(40, 48)
    brighter, darker, ratio, _ = cues.signed(plate, gain * plate).split([3, 3, 3, 1], 1)
    assert ratio.abs().max() < 0.05
    assert (brighter.max() > 0) == (gain > 1)
    assert (darker.max() > 0) == (gain < 1)


def test_signed_by_hand():
    plate, photo = torch.full((1, 1, 8, 8), 0.45), torch.full((1, 1, 8, 8), 0.45)
    photo[..., 2, 3] = 0.95
    brighter, darker, ratio, slope = cues.signed(plate, photo)[0]
    assert (brighter[2, 3], darker.abs().max()) == (pytest.approx(0.5), 0)
    assert (ratio[2, 3] - ratio[0, 0]).item() == pytest.approx(torch.tensor(2.0).log().item())  # 1.0 over 0.5
    assert (slope[2, 3], slope[2, 2], slope[1, 3], slope[3, 3]) == pytest.approx((1.0, 0.5, 0.5, 0.0))


def test_correlations_are_those_with_the_plate_less_those_with_oneself():
    f, f_bg = torch.randn(2, 1, 8, 12, 12, generator=torch.Generator().manual_seed(0))
    assert compared(f, f).abs().max() == 0
    found = compared(f, f_bg)
    assert found.shape == (1, 26, 12, 12)
    unit, unit_bg = (F.normalize(x, dim=1) for x in (f, f_bg))
    expected = (unit[0, :, 5, 6] @ unit_bg[0, :, 3, 7]) - (unit[0, :, 5, 6] @ unit[0, :, 3, 7])  # 2 up, 1 right
    assert found[0, 3, 5, 6].item() == pytest.approx(expected.item(), abs=1e-4)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("window", [False, True])
def test_a_join_of_equal_features_gives_those_of_one(signed, window):
    torch.manual_seed(0)
    f = torch.randn(2, 6, 9, 7)
    joined = Join(6, 4, signed, window)(torch.cat([f, f]), torch.zeros(2, 4, 33, 20))
    torch.testing.assert_close(joined, f)


@pytest.mark.parametrize("fusion", ["siamese+aligned+tolerant+signed", "difference+aligned+tolerant+signed"])
def test_all_of_it_learns(fusion):
    model = zoo.build("unet", width=2, fusion=fusion, tasks="mask")
    model(*pair(24, 32)).mask.mean().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()] == []
    assert stem_channels(model.face, fusion) == (3 if "siamese" in fusion else 9 + 2 + 6 + 10)
