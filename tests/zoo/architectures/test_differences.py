"""The baselines, by hand."""

import pytest
import torch
from textures import moved, texture

import zoo
from zoo.architectures.differences import UNIT


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
    assert zoo.build("aligned_difference")(flat, 1 - flat).mask.isfinite().all()


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
