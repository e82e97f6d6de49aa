"""How two images become one stack of features.

concat      cat(bg, fg_bg) enters the stem
difference  cat(bg, fg_bg, |fg_bg - bg|) enters the stem
siamese     one encoder sees each image; at every scale a 1 x 1 convolution joins cat(f, |f - f_bg|)
"""

from collections.abc import Sequence
from typing import Annotated, Literal, cast

import torch
from torch import Tensor, nn

from zoo.contract import Interface

FusionKind = Literal["concat", "difference", "siamese"]
Fusion = Annotated[
    FusionKind,
    "how the pair is joined: stacked, stacked with |fg_bg - bg|, or one shared encoder for both images",
]


def stem_channels(face: Interface, fusion: FusionKind) -> int:
    """The channels that the first layer of an encoder takes."""
    if fusion != "concat":
        face.require_plate(f"fusion={fusion}")
    return {"concat": face.images, "difference": 3, "siamese": 1}[fusion] * face.image_ch


class PairEncoder(nn.Module):
    """An encoder, image -> features of several scales, fed with a pair of images.

    net: takes `stem_channels(face, fusion)` channels; its `channels` are the widths of its features.
    composite_first: stack cat(fg_bg, bg), as one founding system did.
    """

    def __init__(self, fusion: FusionKind, net: nn.Module, *, composite_first: bool = False):
        super().__init__()
        self.fusion, self.composite_first = fusion, composite_first
        self.net = net
        self.channels = cast("Sequence[int]", net.channels)
        self.join = nn.ModuleList(Join(c) for c in self.channels) if fusion == "siamese" else None

    def forward(self, bg: Tensor | None, fg_bg: Tensor) -> list[Tensor]:
        """Two images (b, c, h, w) -> features, finest first."""
        if bg is None:
            return self.net(fg_bg)
        if self.join is None:
            pair = [fg_bg, bg] if self.composite_first else [bg, fg_bg]
            if self.fusion == "difference":
                pair.append((fg_bg - bg).abs())
            return self.net(torch.cat(pair, 1))
        both = self.net(torch.cat([fg_bg, bg]))  # (2b, c, h, w): one pass, so batch norms see both images
        return [join(feature) for join, feature in zip(self.join, both, strict=True)]


class Join(nn.Module):
    """Features of both images -> features of the pair; where the images agree, exactly those of one image."""

    def __init__(self, c: int):
        super().__init__()
        self.own = nn.Conv2d(c, c, 1, bias=False)
        self.changed = nn.Conv2d(c, c, 1, bias=False)
        nn.init.dirac_(self.own.weight)

    def forward(self, both: Tensor) -> Tensor:
        """(2b, c, h, w), fg_bg's half first -> (b, c, h, w)."""
        f, f_bg = both.chunk(2)
        return self.own(f) + self.changed((f - f_bg).abs())
