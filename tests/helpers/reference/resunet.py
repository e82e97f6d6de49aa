"""The ResUNet system by its published names: d_ decodes depth, s_ the mask, which listens to every depth stage."""

import torch.nn.functional as F
from torch import nn


class Double(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        layers = []
        for c in (a, b):
            layers += [nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, b, 3, padding=1, bias=False)]
        self.double_conv = nn.Sequential(*layers)

    def forward(self, x):
        return self.double_conv(x)


def point(a, b):
    return nn.Conv2d(a, b, 1, bias=False)


class Down(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.double_conv = Double(a, b)
        self.proj_layer = nn.Sequential(point(a, b), nn.BatchNorm2d(b))

    def forward(self, x):
        return self.double_conv(x) + self.proj_layer(x)


class Up(nn.Module):
    def __init__(self, a, b, skip, dense=None):
        super().__init__()
        self.pre_conv, self.skip_conv = point(a, 4 * a), point(skip, a)
        if dense:
            self.dense_conv = point(dense, a)
        self.double_conv = Double(a, b)
        self.proj_layer = nn.Sequential(point(a, b), nn.BatchNorm2d(b))

    def forward(self, x, skip, dense=None):
        x = F.pixel_shuffle(self.pre_conv(x), 2) + self.skip_conv(skip)
        if dense is not None:
            x = x + self.dense_conv(dense)
        return self.double_conv(x) + self.proj_layer(x)


class ResUNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.init_conv = nn.Conv2d(6, 32, 5, padding=2, bias=False)
        widths = (32, 64, 128, 256, 512)
        for i in (1, 2, 3, 4):
            self.add_module(f"res_down{i}", Down(widths[i - 1], widths[i]))
        self.bridge = Double(512, 512)
        depth = {4: (512, 256, 512), 3: (256, 128, 256), 2: (128, 64, 128), 1: (64, 16, 64)}
        mask = {4: (512, 64, 512, 256), 3: (64, 64, 256, 128), 2: (64, 32, 128, 64), 1: (32, 16, 64, 16)}
        for i in (4, 3, 2, 1):
            self.add_module(f"d_res_up{i}", Up(*depth[i]))
            self.add_module(f"s_res_up{i}", Up(*mask[i]))
        self.depth_output, self.segment_output = point(16, 1), point(16, 1)

    def forward(self, x):
        x, skips = self.init_conv(x), {}
        for i in (1, 2, 3, 4):
            skips[i] = getattr(self, f"res_down{i}")(x)
            x = F.max_pool2d(skips[i], 2)
        d = s = self.bridge(x)
        for i in (4, 3, 2, 1):
            d = getattr(self, f"d_res_up{i}")(d, skips[i])
            s = getattr(self, f"s_res_up{i}")(s, skips[i], d)
        return self.depth_output(d), self.segment_output(s)
