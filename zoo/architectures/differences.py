"""The baselines: what a threshold on the difference of the two images achieves.

Any comparison that lacks them flatters every network in it.
"""

import torch
from torch import Tensor, nn

from registry import Card
from zoo.architectures import register
from zoo.blocks.registration import register_plate
from zoo.blocks.window import around
from zoo.contract import Interface
from zoo.model import PairModel
from zoo.precision import no_autocast

UNIT = 10.0  # of a learned number: an optimizer's step of 0.001 then moves what it stands for by 0.01


class Difference(PairModel):
    """mask = scale * |difference| + offset; depth = a plane over the pixel's position. Five numbers in all.

    They are kept in units in which the step sizes that suit networks move them far enough to be learned, too.
    """

    def __init__(self, face: Interface, name: str, *, stride: int = 1):
        face.require_plate(name)
        super().__init__(face, stride=stride)
        if "mask" in face.tasks:
            self.threshold = nn.Parameter(torch.tensor([40.0, -4.0]) / UNIT)  # scale, offset: even odds at 0.1
        if "depth" in face.tasks:
            self.plane = nn.Parameter(torch.tensor([0.0, 0.0, -1.0]) / UNIT)  # constant, x, y: lower is nearer

    def difference(self, bg: Tensor, fg_bg: Tensor) -> Tensor:
        """How much each pixel changed, (b, 1, h, w)."""
        return (fg_bg - bg).abs().mean(1, keepdim=True)

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        assert bg is not None  # the interface was checked
        outputs = {}
        if "mask" in self.computed:
            scale, offset = UNIT * self.threshold
            outputs["mask"] = scale * self.difference(bg, fg_bg) + offset
        if "depth" in self.computed:
            outputs["depth"] = self._plane(fg_bg)
        return outputs

    def _plane(self, image: Tensor) -> Tensor:
        """(b, 1, h, w) over positions from -1 (left, top) to 1 (right, bottom)."""
        b, _, h, w = image.shape
        constant, by_x, by_y = UNIT * self.plane
        x = torch.arange(w, device=image.device, dtype=image.dtype) * (2 / (w - 1)) - 1
        y = torch.arange(h, device=image.device, dtype=image.dtype) * (2 / (h - 1)) - 1
        return (constant + by_x * x + by_y * y[:, None]).expand(b, 1, h, w)


@register(
    "frame_difference",
    Card(
        summary="baseline: a threshold on |fg_bg - bg|, a plane for depth",
        group="baseline",
        notes=("five learnable numbers: scale and offset of the difference, three of the plane",),
    ),
)
class FrameDifference(Difference):
    def __init__(self, face: Interface):
        super().__init__(face, "frame_difference")


@register(
    "aligned_difference",
    Card(
        summary="baseline: plate registered, gain fitted, difference blurred",
        group="baseline",
        notes=(
            "per image: a homography registered, gain and offset of each channel fitted, both robustly",
            "the same five learnable numbers as frame_difference",
        ),
    ),
)
class AlignedDifference(Difference):
    additions = ("aligned",)  # as a fusion has them: it registers the plate

    def __init__(self, face: Interface):
        super().__init__(face, "aligned_difference")

    def difference(self, bg: Tensor, fg_bg: Tensor) -> Tensor:
        with no_autocast(bg.device):  # normal equations need all the digits
            aligned = register_plate(bg.detach().float(), fg_bg.detach().float()).plate  # nothing in it is learned
        change = (fg_bg - aligned.to(fg_bg.dtype)).abs().mean(1, keepdim=True)
        return around(change, 1)
