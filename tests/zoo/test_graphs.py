"""The base of every architecture leaves a network that compiles to one graph and exports with open sizes."""

import pytest
import torch
from torch import nn

from zoo import Interface, PairModel


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


def test_weights_may_be_loaded_on_the_meta_device_first():
    with torch.device("meta"):
        model = Small(Interface())
    source = Small(Interface())
    source.normalise.set([0.5] * 3, [0.25] * 3)
    model.load_state_dict(source.state_dict(), assign=True)
    assert model.normalise.active
    bg, fg_bg = pair(9, 10)
    assert torch.equal(model(bg, fg_bg).mask, source(bg, fg_bg).mask)
