"""The base of every architecture: it checks, normalises, pads, crops and names; tiny networks show each on its own."""

import copy
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from registry import OptionError
from zoo import Interface, PairModel, Prediction
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


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("autocast", [False, True])
def test_an_identity_link_stays_finite_in_short_floats(dtype, autocast):
    fg_bg = torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0, 1.0, 1.0, 1.0]).expand(1, 3, 8, 8)
    model = Probe(Interface(link="identity", tasks="mask"))
    with torch.autocast("cpu", dtype, enabled=autocast):
        mask, _ = model(fg_bg.to(dtype), fg_bg.to(dtype))
    assert mask.dtype == dtype
    expected = torch.tensor([-9.21, -9.21, 0, 9.21, 9.21, 9.21, 9.21, 9.21]).expand(1, 1, 8, 8)
    torch.testing.assert_close(mask.float(), expected, rtol=5e-3, atol=0)  # as fine as the dtype is


@pytest.mark.parametrize("stride", [0, -1, 2.5, True, None])
def test_strides_are_whole_numbers_from_1_up(stride):
    with pytest.raises(OptionError, match=f"stride={stride} is not accepted; stride takes a whole number from 1 up"):
        Probe(Interface(), stride=stride)


def test_an_architecture_without_logits_is_told_what_to_define():
    with pytest.raises(NotImplementedError, match=r"PairModel must define logits\(bg, fg_bg\)"):
        PairModel(Interface())(*pair())


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
