"""The two-stream system by its published names, with the layer that it holds and never calls."""

import torch
import torch.nn.functional as F
from torch import nn


def unit(a, b, relu=True):
    return nn.Sequential(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), *[nn.ReLU()] * relu)


class Residual(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.conv1, self.conv2, self.conv3 = unit(a, b), unit(b, b), unit(b, b, relu=False)
        self.conv4 = unit(a, b, relu=False)

    def forward(self, x):
        return F.relu(self.conv3(self.conv2(self.conv1(x))) + self.conv4(x))


class Plain(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.conv1, self.conv2 = unit(a, b), unit(b, b)

    def forward(self, x):
        return self.conv2(self.conv1(x))


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = unit(256, 256), unit(256, 256)
        self.conv3 = nn.Sequential(nn.Conv2d(256, 1, 3, padding=1, bias=False))

    def forward(self, x):
        return self.conv3(self.conv2(self.conv1(x)))


class TwoStream(nn.Module):
    def __init__(self, image_ch=3):
        super().__init__()
        self.image_preplayer, self.bg_preplayer = unit(image_ch, 32), unit(image_ch, 32)
        self.resnetlayer1, self.resnetlayer2 = Residual(32, 64), Residual(64, 128)
        self.seqlayer1, self.seqlayer2 = Plain(32, 64), Plain(64, 128)
        self.midconv_layer = unit(256, 256)
        self.maskheadlayer, self.depthheadlayer = Head(), Head()

    def forward(self, bg, image):
        composite = self.resnetlayer2(self.resnetlayer1(self.image_preplayer(image)))
        background = self.seqlayer2(self.seqlayer1(self.bg_preplayer(bg)))
        both = torch.cat([composite, background], 1)
        return self.maskheadlayer(both), self.depthheadlayer(both)
