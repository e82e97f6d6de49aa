"""The base of every architecture: it checks, normalises, pads, crops and names; tiny networks show each on its own."""

import copy
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from registry import OptionError, ZooError
from zoo import InputError, Interface, PairModel, Prediction
from zoo.model import CLAMP

TASKS = ("mask", "depth")
sizes = st.integers(8, 97)
strides = st.sampled_from([1, 2, 3, 8, 14, 16, 32])


class Probe(PairModel):
    """Keeps what it was shown; the mask is the first channel of fg_bg, the depth is all zeros."""

    def logits(self, bg, fg_bg):
        self.seen = bg, fg_bg
        maps = {"mask": fg_bg[:, :1], "depth": torch.zeros_like(fg_bg[:, :1])}
        return {task: maps[task] for task in self.face.tasks}


class Deep(Probe):
    """Three outputs, the first the final one."""

    def all_logits(self, bg, fg_bg):
        final = self.logits(bg, fg_bg)
        return [final, *({task: value + n for task, value in final.items()} for n in (1, 2))]


class Small(PairModel):
    """A network that can be compiled and exported: down by a stride of 4, and back."""

    def __init__(self, face, smallest=0):
        super().__init__(face, stride=4, smallest=smallest)
        self.down = nn.Conv2d(face.in_ch, 8, 4, stride=4)
        self.up = nn.ConvTranspose2d(8, len(face.tasks), 4, stride=4)

    def logits(self, bg, fg_bg):
        x = self.up(self.down(fg_bg if bg is None else torch.cat([bg, fg_bg], 1)).relu())
        return dict(zip(self.face.tasks, x.split(1, 1), strict=True))


def pair(h=16, w=16, c=3, b=1):
    return torch.rand(b, c, h, w), torch.rand(b, c, h, w)


@settings(max_examples=80, deadline=None)
@given(sizes, sizes, strides, st.integers(1, 3), st.booleans())
def test_networks_see_whole_strides_and_callers_get_their_size_back(h, w, stride, b, training):
    model = Probe(Interface(), stride=stride).train(training)
    bg, fg_bg = pair(h, w, b=b)
    mask, depth = model(bg, fg_bg)
    for given_image, seen in zip((bg, fg_bg), model.seen, strict=True):
        height, width = seen.shape[-2:]
        for size, padded in ((h, height), (w, width)):
            assert padded % stride == 0
            assert padded >= max(2 * stride, 8)
            assert padded - size < stride or padded == model.min_size  # no more than is needed
        rows = torch.arange(height).clamp(max=h - 1)
        columns = torch.arange(width).clamp(max=w - 1)
        assert torch.equal(seen, given_image[..., rows, :][..., columns])  # the border replicated, right and bottom
    assert torch.equal(mask, fg_bg[:, :1])  # cropped back from the same corner
    assert torch.equal(depth, torch.zeros(b, 1, h, w))


@pytest.mark.parametrize(
    ("stride", "smallest", "least"),
    [(1, 0, 8), (3, 0, 9), (4, 0, 8), (8, 0, 16), (14, 0, 28), (32, 0, 64), (8, 33, 40), (32, 65, 96), (1, 11, 11)],
)
def test_the_smallest_size_that_is_not_padded(stride, smallest, least):
    model = Probe(Interface(), stride=stride, smallest=smallest)
    assert model.min_size == least
    for size, padded in ((least, least), (8, least)):
        bg, fg_bg = pair(size, size)
        model(bg, fg_bg)
        assert model.seen[1].shape[-2:] == (padded, padded)
    model(*pair(least, least))
    assert model.seen[0].shape[-1] == least


def test_an_image_of_whole_strides_is_not_copied():
    model = Probe(Interface(), stride=8)
    bg, fg_bg = pair(16, 24)
    model(bg, fg_bg)
    assert model.seen[0] is bg
    assert model.seen[1] is fg_bg


def test_the_output_is_a_named_pair():
    prediction = Probe(Interface())(*pair())
    assert type(prediction) is Prediction
    assert prediction._fields == TASKS


@pytest.mark.parametrize("task", TASKS)
def test_one_task_leaves_none_in_the_others_place(task):
    prediction = Probe(Interface(tasks=task))(*pair())
    assert [getattr(prediction, name) is not None for name in TASKS] == [name == task for name in TASKS]


@pytest.mark.parametrize("training", [True, False])
def test_sides_are_a_tuple_the_final_output_first(training):
    bg, fg_bg = pair(11, 13)
    shallow = Probe(Interface(), stride=8).train(training)(bg, fg_bg, sides=True)
    assert (type(shallow), len(shallow)) == (tuple, 1)
    deep = Deep(Interface(tasks="mask"), stride=8).train(training)
    outputs = deep(bg, fg_bg, sides=True)
    assert (type(outputs), len(outputs)) == (tuple, 3)
    for n, output in enumerate(outputs):
        assert torch.equal(output.mask, fg_bg[:, :1] + n)
        assert output.depth is None
    assert torch.equal(deep(bg, fg_bg).mask, outputs[0].mask)


def test_a_network_without_a_plate_never_sees_one():
    model = Probe(Interface(in_ch=3))
    fg_bg = torch.rand(1, 3, 9, 9)
    for bg in (None, torch.rand(1, 3, 9, 9), torch.rand(2, 5)):  # what it does not look at is not checked either
        assert torch.equal(model(bg, fg_bg).mask, fg_bg[:, :1])
        assert model.seen[0] is None


def test_an_identity_link_turns_a_raw_output_into_its_logit():
    fg_bg = torch.tensor([0.0, 1e-5, 0.25, 0.5, 0.9, 1.0, 7.0, -3.0]).expand(1, 3, 8, 8)
    model = Probe(Interface(link={"mask": "identity"}))
    mask, depth = model(fg_bg, fg_bg)
    edge = 9.21024  # ln((1 - 1e-4) / 1e-4)
    expected = torch.tensor([-edge, -edge, -1.098612, 0.0, 2.197225, edge, edge, -edge])
    torch.testing.assert_close(mask, expected.expand(1, 1, 8, 8), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(mask.sigmoid(), fg_bg[:, :1].clamp(CLAMP, 1 - CLAMP))
    assert torch.equal(depth, torch.zeros(1, 1, 8, 8))  # the other task keeps its logits


def test_an_architecture_without_logits_is_told_what_to_define():
    with pytest.raises(NotImplementedError, match=r"PairModel must define logits\(bg, fg_bg\)"):
        PairModel(Interface())(*pair())


# Wrong calls: each message says what arrived, and what to do.

GOOD = torch.rand(2, 3, 16, 16)
WRONG = {
    "list": (GOOD, [1, 2], "fg_bg is a list; pass a float tensor (b, c, h, w) with values in [0, 1]"),
    "numpy": (GOOD.numpy(), GOOD, "bg is a ndarray; pass a float tensor"),
    "none": (GOOD, None, "fg_bg is a NoneType; pass a float tensor"),
    "no plate": (None, GOOD, "bg is None, and this network was built to see the plate (in_ch=6); pass bg, or build"),
    "3-D": (GOOD, GOOD[0], "fg_bg is 3 x 16 x 16; expected four axes (b, c, h, w); add the batch axis: fg_bg[None]"),
    "3-D plate": (GOOD[0], GOOD, "bg is 3 x 16 x 16; expected four axes (b, c, h, w); add the batch axis: bg[None]"),
    "2-D": (GOOD, GOOD[0, 0], "fg_bg is 16 x 16; expected four axes (b, c, h, w)"),
    "5-D": (GOOD, GOOD[None], "fg_bg is 1 x 2 x 3 x 16 x 16; expected four axes"),
    "0-D": (GOOD, torch.tensor(1.0), "fg_bg is a single number; expected four axes"),
    "uint8": (
        GOOD,
        GOOD.byte(),
        "fg_bg is torch.uint8; expected floats in [0, 1], for 8-bit images fg_bg.float() / 255",
    ),
    "uint8 plate": (
        GOOD.byte(),
        GOOD,
        "bg is torch.uint8; expected floats in [0, 1], for 8-bit images bg.float() / 255",
    ),
    "long": (GOOD, GOOD.long(), "fg_bg is torch.int64; expected floats"),
    "bool": (GOOD, GOOD > 0, "fg_bg is torch.bool; expected floats"),
    "complex": (GOOD, GOOD + 0j, "fg_bg is torch.complex64; expected floats"),
    "RGBA": (GOOD, torch.rand(2, 4, 16, 16), "fg_bg is 2 x 4 x 16 x 16 with 4 channels; this network was built for 3"),
    "grey plate": (GOOD[:, :1], GOOD, "bg is 2 x 1 x 16 x 16 with 1 channels; this network was built for 3 per image"),
    "stacked": (
        GOOD,
        torch.cat([GOOD, GOOD], 1),
        "fg_bg is 2 x 6 x 16 x 16 with 6 channels; this network was built fo",
    ),
    "channels last": (GOOD, GOOD.permute(0, 2, 3, 1), "fg_bg is 2 x 16 x 16 x 3 with 16 channels; this network was"),
    "low": (GOOD, torch.rand(2, 3, 7, 16), "fg_bg is 2 x 3 x 7 x 16; height and width must be 8 pixels or more"),
    "narrow": (GOOD, torch.rand(2, 3, 16, 7), "fg_bg is 2 x 3 x 16 x 7; height and width must be 8 pixels or more"),
    "height": (GOOD, torch.rand(2, 3, 17, 16), "bg is 2 x 3 x 16 x 16 and fg_bg is 2 x 3 x 17 x 16; both must have th"),
    "width": (torch.rand(2, 3, 16, 17), GOOD, "bg is 2 x 3 x 16 x 17 and fg_bg is 2 x 3 x 16 x 16; both must have th"),
    "batch": (GOOD[:1], GOOD, "bg is 1 x 3 x 16 x 16 and fg_bg is 2 x 3 x 16 x 16; both must have the same b, c, h a"),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("sides", [False, True])
def test_wrong_images(case, sides):
    bg, fg_bg, message = WRONG[case]
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        Probe(Interface())(bg, fg_bg, sides=sides)
    assert isinstance(caught.value, ZooError)
    assert "\n" not in str(caught.value)


def test_wrong_channels_without_a_plate():
    with pytest.raises(InputError, match=re.escape("built for 3 per image (in_ch=3, fg_bg alone)")):
        Probe(Interface(in_ch=3))(None, torch.rand(1, 6, 16, 16))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_any_float_is_taken_and_kept(dtype):
    mask, _ = Probe(Interface(), stride=8)(*(image.to(dtype) for image in pair(9, 9)))
    assert mask.dtype == dtype


def test_values_are_the_callers():
    fg_bg = torch.full((1, 3, 8, 8), torch.nan)
    assert Probe(Interface())(fg_bg, fg_bg).mask.isnan().all()


# Normalisation


def test_each_image_may_have_its_own_statistics():
    model = Probe(Interface(in_ch=4))
    bg, fg_bg = pair(8, 8, c=2)
    model.normalise.set([[0.5, 0.25], [0.0, 1.0]], [[2.0, 4.0], [1.0, 0.5]])
    model(bg, fg_bg)
    expected_bg = torch.stack([(bg[:, 0] - 0.5) / 2, (bg[:, 1] - 0.25) / 4], 1)
    expected_fg_bg = torch.stack([fg_bg[:, 0], (fg_bg[:, 1] - 1) * 2], 1)
    torch.testing.assert_close(model.seen[0], expected_bg)
    torch.testing.assert_close(model.seen[1], expected_fg_bg)


@pytest.mark.parametrize("face", [Interface(in_ch=6), Interface(in_ch=3)])
def test_one_row_of_statistics_serves_every_image(face):
    model = Probe(face)
    bg, fg_bg = pair(8, 8)
    model.normalise.set((0.5, 0.4, 0.3), torch.tensor([0.1, 0.2, 0.4]))
    model(bg, fg_bg)
    for image, seen in zip((bg, fg_bg), model.seen, strict=True):
        if seen is not None:
            torch.testing.assert_close(seen[:, 2], (image[:, 2] - 0.3) / 0.4)


def test_padding_replicates_the_normalised_border():
    model = Probe(Interface(), stride=16)
    model.normalise.set([0.5] * 3, [0.5] * 3)
    model(*pair(9, 9))
    seen = model.seen[1]
    assert torch.equal(seen[..., 9:, :9], seen[..., 8:9, :9].expand(-1, -1, 23, -1))


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        ([0.5] * 3, [0.5, 0.0, 0.5], "finite means and positive deviations"),
        ([0.5] * 3, [-1.0] * 3, "finite means and positive deviations"),
        ([torch.nan] * 3, [1.0] * 3, "finite means and positive deviations"),
        ([0.5] * 3, [torch.inf] * 3, "finite means and positive deviations"),
        ([0.5] * 4, [1.0] * 3, "does not fit; this network takes (3,) or (2, 3)"),
        ([0.5] * 3, [1.0] * 2, "does not fit; this network takes (3,) or (2, 3)"),
        ([[0.5] * 3] * 3, [1.0] * 3, "does not fit; this network takes (3,) or (2, 3)"),
    ],
)
def test_statistics_that_do_not_fit_change_nothing(mean, std, message):
    model = Probe(Interface())
    model.normalise.set([0.1] * 3, [0.2] * 3)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(OptionError, match=re.escape(message)):
        model.normalise.set(mean, std)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.normalise.active


def test_identity_statistics_cost_nothing_and_come_and_go_with_the_weights():
    plain, other = Probe(Interface()), Probe(Interface())
    other.normalise.set([0.5] * 3, [0.25] * 3)
    assert (plain.normalise.active, other.normalise.active) == (False, True)
    bg, fg_bg = pair()
    normalised = other(bg, fg_bg).mask
    assert not torch.equal(normalised, fg_bg[:, :1])
    identity = copy.deepcopy(plain.state_dict())

    plain.load_state_dict(other.state_dict())
    assert plain.normalise.active
    assert torch.equal(plain(bg, fg_bg).mask, normalised)
    assert torch.equal(copy.deepcopy(plain)(bg, fg_bg).mask, normalised)

    plain.load_state_dict(identity)
    assert not plain.normalise.active
    plain(bg, fg_bg)
    assert plain.seen[1] is fg_bg  # not even subtracted from

    other.normalise.set([0.0] * 3, [1.0] * 3)
    assert not other.normalise.active


def test_weights_may_be_loaded_on_the_meta_device_first():
    with torch.device("meta"):
        model = Small(Interface())
    source = Small(Interface())
    source.normalise.set([0.5] * 3, [0.25] * 3)
    model.load_state_dict(source.state_dict(), assign=True)
    assert model.normalise.active
    bg, fg_bg = pair(9, 10)
    assert torch.equal(model(bg, fg_bg).mask, source(bg, fg_bg).mask)


# Graphs


@pytest.mark.parametrize("sides", [False, True])
@pytest.mark.parametrize("face", [Interface(), Interface(in_ch=3, tasks="depth", link="identity")], ids=["pair", "one"])
def test_compiles_to_one_graph(face, sides):
    model = Small(face).eval()
    model.normalise.set([0.5] * 3, [0.25] * 3)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    for h, w in ((16, 16), (17, 23)):
        bg, fg_bg = pair(h, w)
        expected, got = model(bg, fg_bg, sides=sides), compiled(bg, fg_bg, sides=sides)
        assert type(got) is type(expected)
        torch.testing.assert_close(got, expected)
    torch.compiler.reset()


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("example", [(17, 22), (16, 16)], ids=["padded", "whole"])
@pytest.mark.parametrize("face", [Interface(), Interface(in_ch=3, tasks="mask", link="identity")], ids=["pair", "one"])
def test_exports_with_any_batch_height_and_width(face, example, strict):
    model = Small(face).eval()
    model.normalise.set([0.5] * 3, [0.25] * 3)
    least = model.min_size
    axes = {0: torch.export.Dim("b"), 2: torch.export.Dim("h", min=least), 3: torch.export.Dim("w", min=least)}

    def inputs(h, w, b):
        bg, fg_bg = pair(h, w, b=b)
        return bg if face.plate else None, fg_bg

    shapes = (axes if face.plate else None, axes)
    program = torch.export.export(model, inputs(*example, 2), dynamic_shapes=shapes, strict=strict).module()
    for size in ((8, 8, 1), (9, 31, 3), (64, 16, 2)):  # whole, padded and half padded, whatever the example was
        images = inputs(*size)
        torch.testing.assert_close(program(*images), model(*images))


def test_an_export_below_the_smallest_size_is_refused():
    model = Small(Interface(), smallest=16).eval()
    axes = {2: torch.export.Dim("h", min=8)}
    with pytest.raises(Exception, match=r"Not all values of h = L\['bg'\]\.size\(\)\[2\] .* satisfy"):
        torch.export.export(model, pair(33, 32), dynamic_shapes=(axes, axes))
