"""What every architecture must do: driven by the catalog, so a new entry is tested as soon as it is registered."""

import copy

import pytest
import torch
from halves import ratios, well_scaled
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.export import Dim

import zoo
from zoo.architectures import architectures
from zoo.blocks.fusion import ADDITIONS, WAYS
from zoo.model import computing

NAMES = zoo.names()
FOUNDING = [entry.name for entry in architectures if entry.card.group == "founding"]
SIDE = st.integers(8, 97)
TASKS = st.sampled_from([("mask",), ("depth",), ("mask", "depth")])
FUSIONS = st.builds(
    lambda way, more: "+".join([way, *more]), st.sampled_from(WAYS), st.lists(st.sampled_from(ADDITIONS), unique=True)
)
LOST = 2.0  # times the error that bf16 makes at one product; 1.0 to 1.7 over the catalog, and alike on every CPU tried


@pytest.fixture(scope="module", params=NAMES)
def model(request):
    """Each entry once, and all its tests in a row: a default model that no test changes."""
    return default(request.param)


def default(name):
    """A default model with batch norms that are not at their start, so that eval mode is put to the test."""
    torch.manual_seed(0)
    model = zoo.build(name)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.8, 1.2)
    return model.eval()


@pytest.fixture(scope="module")
def pair(model):
    """Two pairs of no size that a stride divides: what most tests look at."""
    return images(model, b=2, h=40, w=33)


@pytest.fixture(scope="module")
def sides(model, pair):
    """What the model answers to them, once for all its tests."""
    with torch.no_grad():
        return model(*pair, sides=True)


def images(model, b=1, h=64, w=64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    c = model.face.image_ch
    bg, fg_bg = (torch.rand(b, c, h, w, generator=generator) for _ in range(2))
    return (bg if model.face.plate else None), fg_bg


def given_maps(predictions):
    return [value for prediction in predictions for value in prediction if value is not None]


@st.composite
def options(draw, name):
    """Any combination of options that the entry has."""
    entry = architectures.get(name)
    needs_plate = entry.card.group == "baseline"
    chosen = {"in_ch": draw(st.sampled_from([6, 8] if needs_plate else [3, 6, 8])), "tasks": draw(TASKS)}
    for option in ("fusion", "decoders", "depth"):
        if option in entry.options:
            alone = option == "fusion" and chosen["in_ch"] == 3  # one image: nothing to fuse
            values = FUSIONS if option == "fusion" else st.sampled_from(entry.options[option].annotation.__args__)
            chosen[option] = "concat" if alone else draw(values)
    return chosen


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=4)
@given(data=st.data(), b=st.integers(1, 3), h=SIDE, w=SIDE, sides=st.booleans())
def test_outputs_have_the_contracts_shape(name, data, b, h, w, sides):
    chosen = data.draw(options(name))
    model = zoo.build(name, **chosen).eval()
    with torch.no_grad():
        out = model(*images(model, b, h, w), sides=sides)
    assert isinstance(out, tuple if sides else zoo.Prediction)
    for prediction in out if sides else [out]:
        for task, value in zip(("mask", "depth"), prediction, strict=True):
            if task not in chosen["tasks"]:
                assert value is None
            else:
                assert value.shape == (b, 1, h, w)
                assert value.isfinite().all()


def test_the_final_output_comes_first(model, pair, sides):
    with torch.no_grad():
        final = model(*pair)
    for one, other in zip(final, sides[0], strict=True):
        assert torch.equal(one, other)
    assert [type(side) for side in sides] == [zoo.Prediction] * len(sides)


def test_a_task_that_nobody_asks_for_is_not_computed(model, pair, sides):
    called = {}
    for task in model.face.tasks:
        names = set()
        hooks = [
            part.register_forward_hook(lambda *_, name=name, names=names: names.add(name))
            for name, part in model.named_modules()
        ]
        with torch.no_grad(), computing(model, (task,)):
            found = model(*pair, sides=True)
        for hook in hooks:
            hook.remove()
        called[task] = names
        for one, both in zip(found, sides, strict=True):
            assert [name for name in model.face.tasks if getattr(one, name) is not None] == [task]
            assert torch.equal(getattr(one, task), getattr(both, task)), "bit for bit"
    with torch.no_grad():
        assert None not in model(*pair), "and both again"
    heads = {name for name, _ in model.named_modules() if name in ("decoders.mask", "heads.mask")}
    assert not heads & called["depth"]
    assert heads <= called["mask"]


def test_gradient_reaches_every_parameter(model):
    model = copy.deepcopy(model)
    for module in list(model.modules()):
        for key, child in module.named_children():
            if isinstance(child, torch.nn.ReLU):  # at so small a size one may be dead by chance
                setattr(module, key, torch.nn.LeakyReLU(0.1))
    maps = given_maps(model(*images(model, b=2, h=model.min_size, w=model.min_size + 13), sides=True))
    torch.manual_seed(1)
    sum((value * torch.randn_like(value)).sum() for value in maps).backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, f"{key} is no part of any output"
        assert parameter.grad.isfinite().all(), key
        assert parameter.grad.abs().max() > 0, f"{key} gets no gradient"


def test_trains_from_64_pixels_and_batch_2_with_as_many_sides(model, sides):
    model = copy.deepcopy(model).train()
    predictions = model(*images(model, b=2), sides=True)
    assert [type(side) for side in predictions] == [zoo.Prediction] * len(sides)
    maps = given_maps(predictions)
    assert all(value.shape == (2, 1, 64, 64) and value.isfinite().all() for value in maps)
    sum(value.mean() for value in maps).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@settings(max_examples=1)
@given(h=SIDE, w=SIDE)
def test_batch_mates_do_not_matter_in_eval(model, h, w):
    bg, fg_bg = images(model, 3, h, w)
    with torch.no_grad():
        together, alone = model(bg, fg_bg), model(bg[1:2], fg_bg[1:2])
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one[1:2], other, rtol=1e-3, atol=1e-4)


def test_copies_and_files_compute_the_same(model, tmp_path):
    model.normalise.set((0.4,) * model.face.image_ch, (0.2,) * model.face.image_ch)
    pair = images(model, h=40, w=40)
    try:
        back = zoo.load(zoo.save(model, tmp_path / "model.safetensors")).eval()
        (tmp_path / "model.safetensors").unlink()  # nothing is read from it later
        with torch.no_grad():
            first, second, third = model(*pair), copy.deepcopy(model)(*pair), back(*pair)
    finally:
        model.normalise.set((0.0,) * model.face.image_ch, (1.0,) * model.face.image_ch)
    assert type(back) is type(model)
    assert back.spec == model.spec
    assert str(back.spec) == str(model.spec)
    assert back.loaded.is_plain
    for one, two, three in zip(first, second, third, strict=True):
        assert torch.equal(one, two)
        assert torch.equal(one, three)


@pytest.mark.numeric
def test_bf16_autocast_loses_no_more_than_bf16_must(model):
    assert lost(model) < LOST


@pytest.mark.numeric
@pytest.mark.parametrize("name", ["unet", "resunet"])
def test_digits_lost_in_a_decoders_sum_are_found(name):
    model = zoo.build(name).eval()
    for decoder in model.decoders.values():
        decoder.out = RunningSum(decoder.out)
    assert lost(model) > LOST


def lost(model):
    """The most that is lost at one product, in units of what bf16 must lose there."""
    pair = images(model, b=2, h=40, w=33)
    return max(ratios(well_scaled(model, pair), pair))


class RunningSum(torch.nn.Module):
    """A 1 x 1 convolution to one channel, summed one channel after the other in the input's own dtype."""

    def __init__(self, conv):
        super().__init__()
        self.conv = conv

    def forward(self, x):
        weight, total = self.conv.weight.to(x.dtype), torch.zeros_like(x[:, :1])
        for c in range(x.shape[1]):
            total = total + x[:, c : c + 1] * weight[:, c : c + 1]
        bias = self.conv.bias
        return total if bias is None else total + bias.to(x.dtype)[:, None, None]


def test_channels_last(model, pair, sides):
    last = copy.deepcopy(model).to(memory_format=torch.channels_last)
    with torch.no_grad():
        other = last(*(image.contiguous(memory_format=torch.channels_last) for image in pair))
    for one, two in zip(sides[0], other, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_exports_with_any_size_from_its_smallest(model):
    least = model.min_export_size
    h, w = Dim("h", min=least, max=1024), Dim("w", min=least, max=1024)
    program = torch.export.export(
        model,
        images(model, h=least + 16, w=least + 40),
        dynamic_shapes=({2: h, 3: w}, {2: h, 3: w}),
        prefer_deferred_runtime_asserts_over_guards=True,  # what the solver cannot prove is checked when it runs
    )
    for size in ((least, least), (least + 5, least + 33)):
        pair = images(model, 1, *size, seed=1)
        with torch.no_grad():
            for one, two in zip(model(*pair), program.module()(*pair), strict=True):
                torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", FOUNDING)
def test_compiles_without_a_break(name):
    torch.compiler.reset()
    model = default(name)
    compiled = torch.compile(copy.deepcopy(model), fullgraph=True)
    pair = images(model, h=72, w=64)
    with torch.no_grad():
        for one, two in zip(model(*pair), compiled(*pair), strict=True):
            torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-3)
        for one, two in zip(model(*pair, sides=True), compiled(*pair, sides=True), strict=True):
            torch.testing.assert_close(one.mask, two.mask, rtol=1e-3, atol=1e-3)
