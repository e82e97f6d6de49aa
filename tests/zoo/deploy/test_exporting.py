"""What leaves as a file of another program computes the same, says what it is, and comes back behind the contract."""

import dataclasses
import resource
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import zoo
from zoo.__main__ import main
from zoo.deploy import exporting, formats
from zoo.deploy.agreement import difference
from zoo.deploy.exporting import export
from zoo.deploy.formats import FORMATS, ExportError

SIDE = st.integers(8, 70)


def network(**options):
    """Two linear layers of numbers that show every mistake of axes, scale or order."""
    model = zoo.build("frame_difference", **options).eval()
    with torch.no_grad():
        for number, value in enumerate(model.parameters()):
            value.copy_(torch.linspace(-0.03, 0.05, value.numel()) + 0.01 * number)
    model.normalise.set([0.4] * model.face.image_ch, [0.3] * model.face.image_ch)
    return model


def images(h, w, b=1, c=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, b, c, h, w, generator=generator).unbind()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A network, and the file of it."""
    model = network()
    return model, export(model, tmp_path_factory.mktemp("made") / "model.pt2", format="pt2")


@pytest.fixture(scope="module")
def back(made):
    return zoo.load(made[1].path)


@settings(max_examples=20)
@given(h=SIDE, w=SIDE, b=st.integers(1, 3), seed=st.integers(0, 99))
def test_it_computes_the_same_at_every_size(made, back, h, w, b, seed):
    bg, fg_bg = images(h, w, b, seed=seed)
    with torch.no_grad():
        torch.testing.assert_close(back(bg, fg_bg), made[0](bg, fg_bg), rtol=1e-3, atol=1e-4)


def test_it_says_what_it_is(made, back):
    model, done = made
    assert (back.spec, back.face.tasks, back.face.in_ch) == (model.spec, ("mask", "depth"), 6)
    said = back.runtime.metadata
    assert "0 nearest, 1 farthest" in said["depth"]
    assert (said["licence"], said["size"], said["smallest_side"]) == ("MIT", "dynamic", "8")
    assert said["weights_sha256"] == zoo.model.fingerprint(model)
    assert done.bytes == done.path.stat().st_size
    assert str(done.furthest).startswith(f"{done.furthest.task} differs at ")


def test_two_files_are_two_networks(back, tmp_path):
    other = zoo.load(export(zoo.build("frame_difference"), tmp_path / "other.pt2", format="pt2").path)
    assert zoo.model.fingerprint(other) != zoo.model.fingerprint(back)


def test_evaluate_and_predict_take_it(made, back, tmp_path):
    data = zoo.data.load("pairbench:clean", split="val", size=24)
    one, two = (zoo.evaluate(model, data, samples=3) for model in (made[0], back))
    assert one.values == pytest.approx(two.values, abs=1e-4, nan_ok=True)
    bg, photo = (image[0] for image in images(31, 40))
    found, expected = zoo.predict(made[1].path, bg, photo), zoo.predict(made[0], bg, photo)
    torch.testing.assert_close(found.mask, expected.mask, rtol=0, atol=1e-4)
    assert found.at(0.4).save(tmp_path, "photo")


def test_what_cannot_be_done_with_it_is_said(back, made, tmp_path):
    with pytest.raises(zoo.ZooError, match="cannot be trained; train the network"):
        back.train()
    with pytest.raises(zoo.ZooError, match="copy the file itself"):
        zoo.save(back, tmp_path / "m.safetensors")
    with pytest.raises(zoo.ZooError, match="an exported file already"):
        export(made[1].path, tmp_path / "m.pt2", format="pt2")
    with pytest.raises(zoo.ZooError, match="holds frame_difference, not unet"):
        zoo.load(made[1].path, "unet")
    with pytest.raises(zoo.ZooError, match="is an exported network and no file of weights"):
        zoo.build("frame_difference", weights=made[1].path)


def test_one_size_alone(tmp_path):
    back = zoo.load(export(network(), tmp_path / "m.pt2", format="pt2", size=(24, 32), outputs="logits").path)
    assert back.trained_at == (24, 32)
    assert back.runtime.metadata["mask"].endswith("its sigmoid is the probability of object")
    with torch.no_grad():
        torch.testing.assert_close(back(*images(24, 32, 2)), network()(*images(24, 32, 2)), rtol=1e-3, atol=1e-4)
    with pytest.raises(zoo.ZooError, match="are 24 x 33 and this file was exported for 24x32 alone"):
        back(*images(24, 33))


def test_one_image_and_one_task(tmp_path):
    model = zoo.wrap(torch.nn.Conv2d(4, 1, 3, padding=1), order="fg_bg", outputs="mask", in_ch=4).eval()
    back = zoo.load(export(model, tmp_path / "m.pt2", format="pt2").path)
    photo = images(20, 30, c=4)[1]
    with torch.no_grad():
        torch.testing.assert_close(back(None, photo).mask, model(None, photo).mask, rtol=1e-3, atol=1e-4)
    assert back(None, photo).depth is None


# what goes wrong


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"format": "tflite"}, "format='tflite' is not accepted"),
        ({"format": "onnx_int8"}, "did you mean onnx-int8"),
        ({"format": "onnx"}, "m.pt2 does not end as files of format onnx do; name it m.onnx"),
        ({"size": 4}, "size=4 is not accepted; size takes 'dynamic', or pixels, 8 to 8192"),
        ({"size": "224"}, "size='224' is not accepted"),
        ({"outputs": "masks"}, "outputs='masks' is not accepted"),
        ({"path": "no/such/folder/m.pt2"}, "is not a folder that exists"),
        ({"model": torch.nn.Conv2d(3, 2, 1)}, "zoo.wrap gives one of your own its form"),
    ],
)
def test_bad_input_is_one_line(options, said, tmp_path):
    given = {"model": network(), "path": tmp_path / "m.pt2", "format": "pt2"} | options
    with pytest.raises(zoo.ZooError) as error:
        export(given.pop("model"), given.pop("path"), **given)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("format", "package"), [("onnx", "onnxscript"), ("openvino", "openvino")])
def test_a_missing_extra_is_named(format, package, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None if package == "onnxscript" else sys)
    monkeypatch.setitem(sys.modules, "onnx", sys)
    monkeypatch.setitem(sys.modules, package, None)
    path = tmp_path / f"m{FORMATS[format].suffix}"
    with pytest.raises(zoo.ZooError, match=rf"needs {package}.*pip install -e '\.\[{format}\]' in the checkout"):
        export(network(), path, format=format)
    path.write_bytes(b"x")
    path.with_suffix(".bin").touch()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(zoo.ZooError, match=rf"needs \w+, which is not installed; pip install -e '\.\[{format}\]'"):
        zoo.load(path)


def test_a_file_that_computes_something_else_gets_no_name(tmp_path, monkeypatch):
    def wrong(program, facts, pairs, path):
        formats._pt2(program, dataclasses.replace(facts, outputs="logits"), pairs, path)

    monkeypatch.setitem(formats.FORMATS, "pt2", dataclasses.replace(FORMATS["pt2"], write=wrong))
    (tmp_path / "m.pt2").write_text("before")
    with pytest.raises(ExportError, match=r"does not compute what the network does: mask differs at 8x8 by .* at row"):
        export(network(), tmp_path / "m.pt2", format="pt2")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


def test_values_that_are_no_numbers_never_agree():
    wanted, given = torch.zeros(1, 1, 8, 9), torch.zeros(1, 1, 8, 9)
    given[0, 0, 3, 4] = torch.nan
    found = difference("mask", wanted, given)
    assert found.at == (3, 4)
    assert not found.mean <= 1


def test_a_full_disk_leaves_the_old_file(made, tmp_path):
    (tmp_path / "m.pt2").write_text("before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, hard))  # the system refuses to write more, as a full disk does
    try:
        with pytest.raises(ExportError, match=r"m\.pt2 could not be written: File too large"):
            export(made[0], tmp_path / "m.pt2", format="pt2")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


def test_a_network_that_reads_its_values_is_refused_in_a_line(tmp_path):
    class Reads(torch.nn.Module):
        def forward(self, bg, fg_bg):
            return (bg + fg_bg if bg.mean() > 0.5 else bg)[:, :2]

    with pytest.raises(ExportError, match="torch cannot export Reads") as error:
        export(zoo.wrap(Reads()), tmp_path / "m.pt2", format="pt2")
    assert "\n" not in str(error.value)


# the command


def test_the_command_writes_beside_the_weights(tmp_path, capsys):
    weights = zoo.save(network(), tmp_path / "net.safetensors")
    assert main(["export", str(weights), "--format", "pt2", "--size", "16x24"]) == 0
    out, _ = capsys.readouterr()
    assert f"{tmp_path / 'net.pt2'}: torch.export, float32, " in out
    assert "differs at 16x24 by" in out
    assert main(["export", str(weights), "--format", "pt2"]) == 2
    assert "net.pt2: already exists" in capsys.readouterr().err
    assert (
        main(["evaluate", str(tmp_path / "net.pt2"), "--data", "pairbench:clean", "--size", "16x24", "--samples", "2"])
        == 0
    )


@pytest.mark.parametrize("typed", [["--format", "coreml"], ["--size", "7"], ["--size", "big"], ["--outputs", "x"]])
def test_slips_of_the_keyboard_are_a_line(typed, tmp_path, capsys):
    assert main(["export", str(tmp_path / "m.safetensors"), *typed]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_command_offers_every_format():
    from zoo.commands import export as command

    assert (tuple(FORMATS), exporting.DATA) == (command.FORMATS, command.DATA)
