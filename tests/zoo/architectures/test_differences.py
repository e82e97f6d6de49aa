"""The baselines, by hand; and the registration that one of them stands on."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

import zoo
from zoo.architectures.differences import UNIT
from zoo.blocks.registration import register_plate, solved


def texture(h=96, w=128, seed=0):
    """A smooth random picture, (1, 3, h, w), with detail at four scales."""
    torch.manual_seed(seed)
    scales = [(s, torch.rand(1, 3, h // s + 2, w // s + 2)) for s in (4, 8, 16, 32)]
    total = sum(s * F.interpolate(x, size=(h, w), mode="bicubic") for s, x in scales)
    return (total - total.min()) / (total.max() - total.min())


def moved(image, shift, turn):
    """The image turned about its centre and shifted right and down, as an independent reference."""
    h, w = image.shape[-2:]
    cos, sin = torch.cos(torch.tensor(turn)), torch.sin(torch.tensor(turn))
    matrix = torch.tensor([[cos, sin * h / w, -2 * shift[0] / w], [-sin * w / h, cos, -2 * shift[1] / h]])
    grid = F.affine_grid(matrix[None], list(image.shape), align_corners=False)
    return F.grid_sample(image, grid, padding_mode="border", align_corners=False)


def test_frame_difference_by_hand():
    model = zoo.build("frame_difference")
    with torch.no_grad():
        model.threshold.copy_(torch.tensor([10.0, -2.0]) / UNIT)
        model.plane.copy_(torch.tensor([0.5, 1.0, -3.0]) / UNIT)
    bg, fg_bg = torch.zeros(1, 3, 9, 11), torch.zeros(1, 3, 9, 11)
    fg_bg[0, :, 4, 5] = torch.tensor([0.3, 0.6, 0.9])  # mean 0.6
    mask, depth = model(bg, fg_bg)
    assert mask[0, 0, 4, 5].item() == pytest.approx(10 * 0.6 - 2)
    assert mask[0, 0, 0, 0].item() == pytest.approx(-2)
    corners = [depth[0, 0, y, x].item() for y in (0, 8) for x in (0, 10)]
    assert corners == pytest.approx([0.5 - 1 + 3, 0.5 + 1 + 3, 0.5 - 1 - 3, 0.5 + 1 - 3])
    assert depth[0, 0, 4, 5].item() == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["frame_difference", "aligned_difference"])
def test_five_numbers_and_a_plate(name):
    assert sum(p.numel() for p in zoo.build(name).parameters()) == 5
    assert sum(p.numel() for p in zoo.build(name, tasks="mask").parameters()) == 2
    with pytest.raises(zoo.ZooError, match=f"{name} compares fg_bg with its plate"):
        zoo.build(name, in_ch=3)


@given(
    shift=st.tuples(st.floats(-2, 2), st.floats(-2, 2)),
    turn=st.floats(-0.017, 0.017),  # one degree
    gain=st.floats(0.8, 1.2),
    offset=st.floats(-0.05, 0.05),
)
def test_registration_explains_what_a_camera_does(shift, turn, gain, offset):
    bg = texture()
    photo = moved(bg, shift, turn) * gain + offset
    inside = torch.zeros_like(photo[:, :1])
    inside[..., 30:70, 40:70] = 1
    photo = photo * (1 - inside) + 0.9 * inside  # an object over a tenth of the picture
    aligned = register_plate(bg, photo)
    error = ((photo - aligned).abs().mean(1, keepdim=True) * (1 - inside)).sum() / (1 - inside).sum()
    assert error < 0.006


def test_alignment_beats_the_plain_difference_where_the_camera_moved():
    bg = texture()
    photo = moved(bg, (1.5, -1.0), 0.015) * 1.15 - 0.03
    plain, aligned = (
        zoo.build(name)(bg, photo).mask.sigmoid().mean() for name in ("frame_difference", "aligned_difference")
    )
    assert aligned < 0.1 < plain


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_pictures_without_texture_stay_finite(value):
    flat = torch.full((2, 3, 8, 8), value)
    assert register_plate(flat, flat).isfinite().all()
    assert zoo.build("aligned_difference")(flat, 1 - flat).mask.isfinite().all()


@given(seed=st.integers(0, 10**6), b=st.integers(1, 4), scale=st.floats(-3, 5))
def test_elimination_solves_positive_definite_equations(seed, b, scale):
    generator = torch.Generator().manual_seed(seed)
    factor = torch.randn(b, 5, 8, generator=generator, dtype=torch.float64)
    matrix = (factor @ factor.mT + 0.1 * torch.eye(5)) * 10**scale
    right = torch.randn(b, 5, 1, generator=generator, dtype=torch.float64)
    expected = torch.linalg.solve(matrix, right)[..., 0]
    torch.testing.assert_close(solved(matrix, right), expected, rtol=1e-6, atol=1e-9 / 10**scale)


@pytest.mark.parametrize("dynamo", [True, False], ids=["dynamo", "script"])
@pytest.mark.parametrize("name", ["frame_difference", "aligned_difference", "unet(width=4)"])
def test_both_of_torchs_exporters_take_it(name, dynamo, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    model, pair = zoo.build(name).eval(), (texture(seed=1), texture(seed=2))
    path, names = str(tmp_path / "model.onnx"), {"input_names": ["bg", "fg_bg"], "output_names": ["mask", "depth"]}
    torch.onnx.export(model, pair, path, dynamo=dynamo, verbose=False, **names)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    outputs = session.run(["mask", "depth"], dict(zip(names["input_names"], (x.numpy() for x in pair), strict=True)))
    with torch.no_grad():
        for ours, exported in zip(model(*pair), outputs, strict=True):
            torch.testing.assert_close(torch.from_numpy(exported), ours, rtol=1e-3, atol=5e-3)
