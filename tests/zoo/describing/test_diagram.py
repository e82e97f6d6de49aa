"""The picture of a network: what is where, and which way the lines go."""

from itertools import pairwise
from xml.etree import ElementTree

import pytest
import torch
from small_networks import Mask, Skips, conv
from torch import Tensor, nn

from zoo.describing import describe
from zoo.describing.diagram import draw
from zoo.describing.layout import layout
from zoo.describing.lines import _share, connect
from zoo.describing.stages import Flow, flow
from zoo.describing.trace import trace


def test_lines_of_different_ends_never_lie_on_each_other() -> None:
    for name in ("plain_cnn", "two_stream", "resunet", "unet"):
        about = describe(name, 64)
        lines = connect(layout(about.flow, about.size))
        for line in lines:
            others = [o for o in lines if o.source is not line.source and o.target is not line.target]
            theirs = [stretch for other in others for stretch in pairwise(other.corners)]
            assert not any(_share(a, b) for a in pairwise(line.corners) for b in theirs)


def test_a_line_goes_around_the_boxes_in_its_row() -> None:
    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = conv(3, 6, 6), conv(3, 6, 6), conv(3, 12, 1)

        def forward(self, x: Tensor) -> Tensor:
            x = self.a(x)
            return self.c(torch.cat([x, self.b(x)], 1))

    found = flow(trace(Mask(Around()).to("meta"), (16, 16)), (16, 16))
    around = next(line for line in connect(layout(found, (16, 16))) if line.target.column - line.source.column == 2)
    assert len(around.corners) == 6
    assert len({y for _, y in around.corners}) == 2


def test_a_u_shows_in_the_picture_of_a_unet() -> None:
    about = describe("unet(tasks=mask)", 64)
    plan = layout(about.flow, about.size)
    heights = [box.y for box in sorted(plan.boxes, key=lambda box: box.column) if not box.is_end]
    turn = heights.index(max(heights))
    assert heights[: turn + 1] == sorted(heights[: turn + 1])
    assert heights[turn:] == sorted(heights[turn:], reverse=True)
    assert 0 < turn < len(heights) - 1


@pytest.fixture(scope="module")
def skips() -> Flow:
    return flow(trace(Skips().to("meta"), (32, 48)), (32, 48))


def test_the_picture_escapes_what_it_writes(skips: Flow) -> None:
    picture = ElementTree.fromstring(draw(skips, (32, 48), title='a<b & "c"'))
    title = picture.find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert title.text == 'a<b & "c"'
    assert picture.get("aria-label") == 'a<b & "c"'


def test_the_picture_names_every_stage_and_its_shape(skips: Flow) -> None:
    words = list(ElementTree.fromstring(draw(skips, (32, 48), title="x")).itertext())
    for stage in skips.stages:
        assert stage.name in words
    assert "8\N{MULTIPLICATION SIGN}16\N{MULTIPLICATION SIGN}24" in words
