"""The fastest form of a network answers what the network answers, or is not taken; and it is remembered."""

import copy
import errno
import tempfile
import time
from functools import partialmethod
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from small_networks import Mask
from torch import nn

import zoo
from zoo.__main__ import main
from zoo.contract import Prediction
from zoo.deploy import optimise as optimising
from zoo.deploy.optimise import OptimiseSettings
from zoo.deploy.optimising import candidates, choices, choosing, racing
from zoo.deploy.optimising.agreement import agreement
from zoo.deploy.optimising.candidates import Candidate, Made
from zoo.deploy.optimising.folding import FoldError, folded
from zoo.deploy.optimising.report import AS_IT_IS, Report

SIZE = (24, 32)


@pytest.fixture(autouse=True)
def _quick(monkeypatch, tmp_path):
    """A folder of its own for choices, and no more time than the rounds take."""
    monkeypatch.setenv(choices.FOLDER, str(tmp_path / "cache"))
    monkeypatch.setattr(OptimiseSettings, "__init__", partialmethod(OptimiseSettings.__init__, seconds=0.0))
    monkeypatch.setattr(racing, "BURST", 0.0)


def network(**options):
    torch.manual_seed(0)
    return with_statistics(zoo.build("unet(width=4)", **options))


def with_statistics(model):
    """As if it were trained: norms that do something."""
    with torch.no_grad():
        for norm in (module for module in model.modules() if isinstance(module, nn.BatchNorm2d)):
            norm.running_mean.normal_(0, 0.3)
            norm.running_var.uniform_(0.3, 2)
            norm.weight.uniform_(0.5, 1.5)
            norm.bias.normal_(0, 0.2)
    return model.eval()


def images(h, w, b=1, seed=0):
    return torch.rand(2, b, 3, h, w, generator=torch.Generator().manual_seed(seed)).unbind()


def only(monkeypatch, *made):
    """Candidates that are these functions of the network, in the order of their names."""
    known = dict(zip([Candidate("eager", each) for each in candidates.NUMBERS], made, strict=False))
    monkeypatch.setattr(optimising, "wanted", lambda *_: list(known))
    monkeypatch.setattr(choosing, "make", lambda candidate, model, plain, *_: known[candidate](plain))


def slow(model):
    def call(*pair):
        time.sleep(0.05)
        return model(*pair)

    return Made(call, call)


def known_answer(model, answer):
    """At once, and whatever the images are."""
    return Made(lambda bg, fg_bg: answer, None)


# batch norms


class Uses(nn.Module):
    """A convolution and its norm, and how else its output is used."""

    def __init__(self, conv, more):
        super().__init__()
        self.conv, self.norm, self.more = conv, nn.BatchNorm2d(4), more
        self.last = nn.Conv2d(4, 1, 1)

    def forward(self, x):
        y = self.conv(x)
        return self.last(self.norm(y).relu() + (y if self.more else 0))


def convolution(kind, bias):
    if kind == "transposed":
        return nn.ConvTranspose2d(6, 4, 3, padding=1, bias=bias)
    return nn.Conv2d(6, 4, 3, padding=1, bias=bias, groups=2 if kind == "groups" else 1)


@settings(max_examples=20)
@given(
    kind=st.sampled_from(["plain", "groups", "transposed"]),
    bias=st.booleans(),
    h=st.integers(8, 20),
    w=st.integers(8, 20),
    seed=st.integers(0, 99),
)
def test_folded_networks_compute_the_same(kind, bias, h, w, seed):
    torch.manual_seed(seed)
    model = with_statistics(Mask(Uses(convolution(kind, bias), more=False)))
    made, count = folded(model, images(h, w))
    assert count == 1
    assert isinstance(model.net.norm, nn.BatchNorm2d)
    with torch.no_grad():
        torch.testing.assert_close(made(*images(11, 9, seed=1)).mask, model(*images(11, 9, seed=1)).mask)


def test_what_is_used_twice_is_not_folded():
    with pytest.raises(FoldError, match="with its batch norms folded its logits differ by"):
        folded(with_statistics(Mask(Uses(convolution("plain", bias=True), more=True))), images(8, 8))


def test_every_norm_behind_a_convolution_is_folded():
    model = network()
    made, count = folded(model, images(*SIZE))
    assert count == sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    assert not any(isinstance(module, nn.BatchNorm2d) for module in made.modules())


# what is given back


@pytest.fixture
def fast():
    return zoo.optimise(network(), size=SIZE, engine="eager", settings=OptimiseSettings(tolerance=0.02))


@pytest.mark.parametrize(("h", "w", "b"), [(*SIZE, 1), (9, 40, 1), (*SIZE, 3)])
def test_it_answers_at_every_size(fast, h, w, b):
    pair = images(h, w, b)
    with torch.no_grad():
        for one, other in zip(fast(*pair), network()(*pair), strict=True):
            assert (one.sigmoid() - other.sigmoid()).abs().mean() < 0.02
        assert [side.mask.shape for side in fast(*pair, sides=True)] == [(b, 1, h, w)]


def test_evaluate_and_predict_take_it(fast):
    data = zoo.data.load("pairbench:clean", split="val", size=SIZE)
    one, two = (zoo.evaluate(model, data, samples=2, resamples=0) for model in (fast, network()))
    assert one.values["depth_rmse"] == pytest.approx(two.values["depth_rmse"], abs=0.02)
    bg, photo = (image[0] for image in images(31, 40))
    assert zoo.predict(fast, bg, photo, size=SIZE).mask.shape == (1, 31, 40)


def test_a_copy_answers_the_same(fast):
    torch.testing.assert_close(copy.deepcopy(fast)(*images(*SIZE)), fast(*images(*SIZE)))


def test_photos_are_predicted_by_it(monkeypatch, tmp_path, capsys):
    only(monkeypatch, slow)
    zoo.save(network(), tmp_path / "m.safetensors")
    for name in ("bg", "photo"):
        Image.new("RGB", (40, 31), "gray").save(tmp_path / f"{name}.png")
    given = [str(tmp_path / name) for name in ("bg.png", "photo.png")]
    words = ["predict", "--weights", str(tmp_path / "m.safetensors"), *given, "--out", str(tmp_path / "found")]
    assert main([*words, "--optimise", "--size", "24x32"]) == 0
    assert "note: as it is, 1.00 times as fast" in capsys.readouterr().err
    assert (tmp_path / "found" / "photo_mask.png").exists()
    for slip in (["--size", "tiles"], ["--size", "photo"], ["--size", "24", "--precision", "bf16"]):
        assert main([*words, "--optimise", *slip]) == 2
        assert "--optimise" in capsys.readouterr().err


def test_what_cannot_be_done_with_it_is_said(fast, tmp_path):
    with pytest.raises(zoo.ZooError, match="cannot be trained; train the one it was made of"):
        fast.train()
    with pytest.raises(zoo.ZooError, match="save or export the network that it was made of"):
        zoo.save(fast, tmp_path / "m.safetensors")
    with pytest.raises(zoo.ZooError, match="save or export the network that it was made of"):
        zoo.export(fast, tmp_path / "m.pt2", format="pt2")


def test_the_report_is_a_table(fast):
    lines = str(fast.report).splitlines()
    assert lines[0].startswith("unet, 1 of 24 x 32, ")
    assert [line.split("  ")[0] for line in lines[2:6]] == [AS_IT_IS, *map(str, candidates.EVERY["cpu"][:3])]
    assert sum(line.endswith("  chosen") for line in lines) == 1
    assert Report.from_json(fast.report.to_json()).tried == fast.report.tried


# the choice


def test_what_answers_something_else_is_refused(monkeypatch):
    other = Prediction(torch.full((1, 1, *SIZE), 9.0), torch.zeros(1, 1, *SIZE))
    broken = Prediction(torch.full((1, 1, *SIZE), torch.nan), torch.zeros(1, 1, *SIZE))
    only(monkeypatch, lambda model: known_answer(model, other), lambda model: known_answer(model, broken))
    report = zoo.optimise(network(), size=SIZE).report
    assert (report.chosen, report.times) == (AS_IT_IS, 1.0)
    assert all("IoU with the network's is" in each.refused for each in report.tried[1:])
    assert all(each.ms is not None for each in report.tried)
    assert "stays as it is" in str(report)


def test_the_fastest_that_agrees_is_chosen(monkeypatch):
    torch.manual_seed(1)
    model = with_statistics(zoo.build("unet(width=4, depth=4)"))
    quick = {}

    def remembered(model):
        def call(*pair):
            key = pair[1].sum().item()
            if key not in quick:
                quick[key] = model(*pair)
            return quick[key]

        return Made(call, None)

    only(monkeypatch, slow, remembered)
    fast = zoo.optimise(model, size=SIZE)
    assert fast.report.chosen == "eager, bf16"
    assert fast.report.times > 1
    assert fast.report.agreement.mask == 1


def test_failures_of_one_leave_the_others(monkeypatch):
    def broken(_):
        raise RuntimeError("no such thing\nat all")

    only(monkeypatch, broken, slow)
    report = zoo.optimise(network(), size=SIZE).report
    assert [each.refused for each in report.tried] == ["", "no such thing", ""]


def test_what_is_not_installed_is_said(monkeypatch):
    def absent(name):
        raise ImportError(name=name)

    monkeypatch.setattr("zoo.deploy.formats.import_module", absent)
    report = zoo.optimise(network(), size=SIZE, engine="openvino").report
    assert "is not installed" in report.tried[1].refused
    assert report.chosen == AS_IT_IS


def test_agreement_is_over_all_pixels():
    def maps(*rows):
        return [{"mask": torch.tensor([[[row]]]), "depth": torch.tensor([[[row]]])} for row in rows]

    found = agreement(maps([0.9, 0.8, 0.1], [0.2, 0.1, 0.6]), maps([0.9, 0.3, 0.1], [0.2, 0.1, 0.6]))
    assert found.mask == pytest.approx(2 / 3)
    assert found.depth == pytest.approx(0.5 / 6)
    assert agreement(maps([0.1]), maps([0.2])).mask == 1  # no object, and none found


def test_rounds_are_shared_and_counted_in_one_clock():
    now, calls = [0.0], []

    def call(name, seconds):
        calls.append(name)
        now[0] += seconds

    found = racing.race(
        {"a": lambda: call("a", 0.002), "b": lambda: call("b", 0.001)},
        torch.device("cpu"),
        seconds=0.0,
        clock=lambda: now[0],
    )
    assert found == {"a": pytest.approx(2), "b": pytest.approx(1)}
    assert calls.count("a") == calls.count("b") >= racing.ROUNDS


# what is remembered


def test_a_choice_is_remembered_for_these_weights_alone(monkeypatch):
    only(monkeypatch, slow)
    assert not zoo.optimise(network(), size=SIZE).report.cached
    monkeypatch.setattr(optimising, "wanted", lambda *_: [])  # nothing could be tried now
    again = zoo.optimise(network(), size=SIZE)
    assert again.report.cached
    assert again(*images(*SIZE)).mask.shape == (1, 1, *SIZE)
    other = network()
    with torch.no_grad():
        next(other.parameters()).add_(0.1)
    assert not zoo.optimise(other, size=SIZE).report.cached
    assert not zoo.optimise(network(), size=(24, 40)).report.cached


@pytest.mark.parametrize("text", ["[" * 100_000, '{"tried": []}'])
def test_a_broken_memory_is_none(text, monkeypatch):
    only(monkeypatch, slow)
    zoo.optimise(network(), size=SIZE)
    for path in choices.folder().iterdir():
        path.write_text(text)
    assert not zoo.optimise(network(), size=SIZE).report.cached


def test_a_full_disk_is_a_sentence(monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    only(monkeypatch, slow)
    monkeypatch.setattr(choices, "write_text", full)
    found = zoo.optimise(network(), size=SIZE)
    assert "not kept for the next time: No space left on device" in str(found.report)
    assert found(*images(*SIZE)).mask.shape == (1, 1, *SIZE)


def test_stopping_it_leaves_nothing(monkeypatch, tmp_path):
    def stopped(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    only(monkeypatch, stopped)
    with pytest.raises(KeyboardInterrupt):
        zoo.optimise(network(), size=SIZE)
    assert [path for path in Path(tmp_path).rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": 4}, "4"),
        ({}, "size is missing"),
        ({"size": SIZE, "engine": "tensorrt"}, "engine 'tensorrt' is not accepted|tensorrt"),
        ({"size": SIZE, "precision": "fp8"}, "fp8"),
        ({"size": SIZE, "precision": "int8", "engine": "compile"}, "does not compute in 'int8'"),
        ({"size": SIZE, "device": "tpu"}, "tpu"),
    ],
)
def test_bad_input_is_a_line(options, said):
    with pytest.raises(zoo.ZooError, match=said) as found:
        zoo.optimise(network(), **options)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("options", [{"tolerance": -1}, {"tolerance": "little"}, {"batch": 0}])
def test_bad_settings_are_a_line(options):
    with pytest.raises(zoo.ZooError, match=next(iter(options))):
        OptimiseSettings(**options)


# slow: what other engines make of it


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["compile", "onnxruntime", "openvino"])
def test_every_engine_answers_the_same(engine):
    if engine != "compile":
        pytest.importorskip(engine)
    model = network()
    fast = zoo.optimise(model, size=SIZE, engine=engine, precision="fp32")
    row = fast.report.tried[1]
    assert row.refused == ""
    assert row.mask > 0.995
    pair = images(*SIZE)
    with torch.no_grad():
        assert (fast(*pair).mask - model(*pair).mask).abs().max() < 1e-2
