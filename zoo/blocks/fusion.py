"""How two images become one stack of features: one way of joining and its additions, as siamese+aligned.

concat      cat(bg, fg_bg) enters the stem; the way where only additions are named
difference  cat(bg, fg_bg, |fg_bg - bg|) enters the stem
siamese     one encoder sees each image; at every scale a 1 x 1 convolution joins cat(f, |f - f_bg|)

aligned     the plate enters registered, with where it has no pixels and where the photo is not explained
tolerant    least differences in a window, at strides 2, 4 and 8; siamese: of features, with correlations, too
signed      what became brighter and darker apart, log ratios and slopes; siamese: of features, too
"""

from collections.abc import Sequence
from typing import Annotated, cast

import torch
from torch import Tensor, nn

from registry import OptionError, nearest
from zoo.blocks import cues
from zoo.blocks.upsample import shrink
from zoo.blocks.window import shifts
from zoo.contract import Interface
from zoo.model import PairModel

WAYS = ("concat", "difference", "siamese")
ADDITIONS = ("aligned", "tolerant", "signed")
Fusion = Annotated[
    str,
    "how the pair is joined: concat, difference (with |fg_bg - bg|) or siamese (one encoder for both images); and added"
    " by +, for plates that moved: aligned, tolerant, signed",
]
REACH = cues.REACH
COMPARED = (2 * REACH + 1) ** 2 + 1  # channels of `compared`
COARSE = 3  # scales of a siamese network, from the coarsest up, whose features are compared in a window


def parts(fusion: str) -> tuple[str, tuple[str, ...]]:
    """The way of joining, and the additions in their order.

    >>> parts("siamese+tolerant+aligned"), parts("signed")
    (('siamese', ('aligned', 'tolerant')), ('concat', ('signed',)))
    """
    given = fusion.split("+")
    for word in given:
        if word not in WAYS + ADDITIONS:
            raise OptionError(
                f"fusion={fusion!r} is not accepted; it takes one of {', '.join(WAYS)}, and {', '.join(ADDITIONS)}"
                f" beside it, as siamese+aligned; {nearest(word, WAYS + ADDITIONS)}"
            )
    ways = [word for word in given if word in WAYS]
    if len(ways) > 1 or len(set(given)) < len(given):
        raise OptionError(f"fusion={fusion!r} is not accepted; it takes one of {', '.join(WAYS)}, and each word once")
    return (ways or ["concat"])[0], tuple(word for word in ADDITIONS if word in given)


class FusedModel(PairModel):
    """The base of architectures with a fusion: it registers the plate if asked to, and adds the cues as further
    channels; the rest is as in `PairModel`."""

    def __init__(self, face: Interface, fusion: str, *, stride: int = 1, pad_to: int | None = None, smallest: int = 0):
        super().__init__(face, stride=stride, pad_to=pad_to, smallest=smallest)
        self.additions = parts(fusion)[1]

    def plate(self, bg: Tensor, fg_bg: Tensor) -> Tensor:
        if not self.additions:
            return super().plate(bg, fg_bg)
        plate, found = cues.with_cues(self.additions, bg, fg_bg)
        return torch.cat([self.normalise(plate, 0), *found], 1)


def stem_channels(face: Interface, fusion: str) -> int:
    """The channels that the first layer of an encoder takes."""
    way, added = parts(fusion)
    if way != "concat" or added:
        face.require_plate(f"fusion={fusion}")
    if way == "siamese":
        return face.image_ch
    images = face.images if way == "concat" else 3
    return images * face.image_ch + cues.channels(added, face.image_ch)


class PairEncoder(nn.Module):
    """An encoder, image -> features of several scales, fed with a pair of images.

    net: takes `stem_channels(face, fusion)` channels; its `channels` are the widths of its features.
    composite_first: stack cat(fg_bg, bg), as one founding system did.
    """

    def __init__(self, face: Interface, fusion: str, net: nn.Module, *, composite_first: bool = False):
        super().__init__()
        self.way, added = parts(fusion)
        self.composite_first = composite_first
        self.net = net
        self.channels = cast("Sequence[int]", net.channels)
        self.join = None
        if self.way == "siamese":
            fine = len(self.channels) - COARSE
            self.join = nn.ModuleList(
                Join(c, cues.channels(added, face.image_ch), "signed" in added, "tolerant" in added and i >= fine)
                for i, c in enumerate(self.channels)
            )

    def forward(self, bg: Tensor | None, fg_bg: Tensor) -> list[Tensor]:
        """Two images (b, c, h, w), the plate with its cues as further channels -> features, finest first."""
        if bg is None:
            return self.net(fg_bg)
        c = fg_bg.shape[1]
        bg, found = bg[:, :c], bg[:, c:]
        if self.join is None:
            pair = [fg_bg, bg] if self.composite_first else [bg, fg_bg]
            if self.way == "difference":
                pair.append((fg_bg - bg).abs())
            return self.net(torch.cat([*pair, found], 1))
        both = self.net(torch.cat([fg_bg, bg]))  # (2b, c, h, w): one pass, so batch norms see both images
        return [join(feature, found) for join, feature in zip(self.join, both, strict=True)]


class Join(nn.Module):
    """Features of both images -> features of the pair; where the images agree, exactly those of one image.

    cues: channels of the pair's cues. signed: what grew and what shrank apart. window: compared there, too.
    """

    def __init__(self, c: int, cues: int = 0, signed: bool = False, window: bool = False):
        super().__init__()
        self.signed, self.window = signed, window
        self.own = nn.Conv2d(c, c, 1, bias=False)
        self.changed = nn.Conv2d(2 * c if signed else c, c, 1, bias=False)
        self.cues = nn.Conv2d(cues, c, 1, bias=False) if cues else None
        self.near = nn.Conv2d(COMPARED, c, 1, bias=False) if window else None
        nn.init.dirac_(self.own.weight)

    def forward(self, both: Tensor, found: Tensor) -> Tensor:
        """(2b, c, h, w), fg_bg's half first -> (b, c, h, w)."""
        f, f_bg = halves(both)
        change = torch.cat([(f - f_bg).relu(), (f_bg - f).relu()], 1) if self.signed else (f - f_bg).abs()
        joined = self.own(f) + self.changed(change)
        if self.cues is not None:
            joined = joined + self.cues(shrink(found, f))
        return joined if self.near is None else joined + self.near(compared(f, f_bg))


def halves(both: Tensor) -> tuple[Tensor, ...]:
    """(2b, ...) -> two of (b, ...), the same memory. `chunk` would ask for b, which an export leaves open."""
    return both.unflatten(0, (2, -1)).unbind()  # type: ignore[no-untyped-call]


def compared(f: Tensor, f_bg: Tensor) -> Tensor:
    """(b, (2 reach + 1)^2 + 1, h, w): correlations with the plate in a window, less those with the photo itself; then
    the least difference there. Where f and f_bg agree, 0."""
    unit, unit_bg = (x * (x.square().mean(1, keepdim=True) + 1e-6).rsqrt() for x in (f, f_bg))
    correlations = [(unit[:, :, None] * row).mean(1) for row in shifts(unit_bg - unit, REACH)]
    return torch.cat([*correlations, cues.least_difference(f_bg, f)], 1)
