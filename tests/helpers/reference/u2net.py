"""U2-Net by its published names: one decoder (official), or one each for depth and segmentation (Single Network)."""

import torch
import torch.nn.functional as F
from torch import nn


class REBNCONV(nn.Module):
    def __init__(self, a, b, dirate=1):
        super().__init__()
        self.conv_s1 = nn.Conv2d(a, b, 3, padding=dirate, dilation=dirate)
        self.bn_s1 = nn.BatchNorm2d(b)

    def forward(self, x):
        return F.relu(self.bn_s1(self.conv_s1(x)))


class Block(nn.Module):
    """A block of `levels` levels; `rates` are its dilations on the way down, `pooled` whether it pools between."""

    def __init__(self, levels, a, mid, b, pooled=True):
        super().__init__()
        rates = [1] * (levels - 1) + [2] if pooled else [1, 2, 4, 8]
        self.levels, self.pooled = levels, pooled
        self.rebnconvin = REBNCONV(a, b)
        for i, rate in enumerate(rates, 1):
            self.add_module(f"rebnconv{i}", REBNCONV(b if i == 1 else mid, mid, rate))
        for i, rate in enumerate(rates[:-1], 1):
            self.add_module(f"rebnconv{i}d", REBNCONV(2 * mid, b if i == 1 else mid, rate))

    def forward(self, x):
        first = self.rebnconvin(x)
        down = [self.rebnconv1(first)]
        for i in range(2, self.levels + 1):
            below = down[-1]
            if self.pooled and i < self.levels:
                below = F.max_pool2d(below, 2, stride=2, ceil_mode=True)
            down.append(getattr(self, f"rebnconv{i}")(below))
        up = down.pop()
        for i in range(self.levels - 1, 0, -1):
            skip = down.pop()
            up = getattr(self, f"rebnconv{i}d")(torch.cat((like(up, skip), skip), 1))
        return up + first


def like(x, target):
    return x if x.shape[2:] == target.shape[2:] else F.interpolate(x, target.shape[2:], mode="bilinear")


LEVELS = (7, 6, 5, 4, None, None)  # None: the dilated block of four
FULL = (
    ((32, 64), (32, 128), (64, 256), (128, 512), (256, 512), (256, 512)),
    (
        (16, 64),
        (32, 64),
        (64, 128),
        (128, 256),
        (256, 512),
    ),
)
SMALL = ((16, 64),) * 6, ((16, 64),) * 5


def block(levels, a, mid, b):
    return Block(levels or 4, a, mid, b, pooled=levels is not None)


class U2NET(nn.Module):
    """branches: the prefix of each decoder's names -> the name of its fusion."""

    def __init__(self, in_ch, widths, branches):
        super().__init__()
        encoder, decoder = widths
        a = in_ch
        for i, (mid, b) in enumerate(encoder, 1):
            self.add_module(f"stage{i}", block(LEVELS[i - 1], a, mid, b))
            a = b
        outs = [b for _, b in decoder] + [a]
        for prefix, fuse in branches.items():
            for i, (mid, b) in enumerate(decoder, 1):
                self.add_module(f"{prefix}stage{i}d", block(LEVELS[i - 1], encoder[i - 1][1] + outs[i], mid, b))
            for i, out in enumerate(outs, 1):
                self.add_module(f"{prefix}side{i}", nn.Conv2d(out, 1, 3, padding=1))
            self.add_module(fuse, nn.Conv2d(6, 1, 1))
        self.branches = branches

    def forward(self, x):
        """Per branch: fused, side 1 to side 6."""
        skips = [self.stage1(x)]
        for i in range(2, 7):
            skips.append(getattr(self, f"stage{i}")(F.max_pool2d(skips[-1], 2, stride=2, ceil_mode=True)))
        results = []
        for prefix, fuse in self.branches.items():
            maps = [skips[5]]
            for i in range(5, 0, -1):
                up = like(maps[0], skips[i - 1])
                maps.insert(0, getattr(self, f"{prefix}stage{i}d")(torch.cat((up, skips[i - 1]), 1)))
            sides = [getattr(self, f"{prefix}side{i}")(m) for i, m in enumerate(maps, 1)]
            sides = [like(side, sides[0]) for side in sides]
            results.append([getattr(self, fuse)(torch.cat(sides, 1)), *sides])
        return results


def official(widths, in_ch=3):
    return U2NET(in_ch, widths, {"": "outconv"})


def single_network(in_ch=6):
    return U2NET(in_ch, SMALL, {"depth_": "depth_out", "seg_": "seg_out"})
