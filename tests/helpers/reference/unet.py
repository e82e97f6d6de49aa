"""U-Net by its usual names: the classic one, and the founding system's of three levels with a second decoder."""

import torch
import torch.nn.functional as F
from torch import nn


class DoubleConv(nn.Module):
    def __init__(self, a, b, mid):
        super().__init__()
        layers = []
        for c, d in ((a, mid), (mid, b)):
            layers += [nn.Conv2d(c, d, 3, padding=1), nn.BatchNorm2d(d), nn.ReLU()]
        self.double_conv = nn.Sequential(*layers)

    def forward(self, x):
        return self.double_conv(x)


class Down(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConv(a, b, b))

    def forward(self, x):
        return self.maxpool_conv(x)


class Up(nn.Module):
    def __init__(self, a, b, bilinear=True):
        super().__init__()
        if not bilinear:
            self.up = nn.ConvTranspose2d(a, a // 2, 2, stride=2)
        self.conv = DoubleConv(a, b, a // 2)

    def forward(self, x, skip):
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        dy, dx = skip.shape[2] - x.shape[2], skip.shape[3] - x.shape[3]
        x = F.pad(x, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])
        return self.conv(torch.cat([skip, x], 1))


class OutConv(nn.Module):
    def __init__(self, a, classes):
        super().__init__()
        self.conv = nn.Conv2d(a, classes, 1)

    def forward(self, x):
        return self.conv(x)


class UNet(nn.Module):
    def __init__(self, in_ch, depth, endings=("",), bilinear=True, classes=1):
        super().__init__()
        widths = [64 * 2**i for i in range(depth)]
        bottom = widths[-1]
        self.depth, self.endings = depth, endings
        self.inc = DoubleConv(in_ch, 64, 64)
        for i, (a, b) in enumerate(zip(widths, [*widths[1:], bottom], strict=True), 1):
            self.add_module(f"down{i}", Down(a, b))
        for ending in endings:
            for i in range(1, depth + 1):
                skip = widths[-i]
                self.add_module(f"up{i}{ending}", Up(2 * skip, 64 if i == depth else skip // 2, bilinear))
            self.add_module(f"outc{ending}", OutConv(64, classes))

    def forward(self, x):
        skips = [self.inc(x)]
        for i in range(1, self.depth + 1):
            skips.append(getattr(self, f"down{i}")(skips[-1]))
        results = []
        for ending in self.endings:
            y = skips[-1]
            for i in range(1, self.depth + 1):
                y = getattr(self, f"up{i}{ending}")(y, skips[-1 - i])
            results.append(getattr(self, f"outc{ending}")(y))
        return results


def founding():
    return UNet(6, 3, ("", "_Depth"))
