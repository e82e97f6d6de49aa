"""DenseDepth's PyTorch port by its published names, on torchvision's DenseNet-169; its output is half size."""

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import densenet169


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.original_model = densenet169(weights=None)

    def forward(self, x):
        maps = {}
        for name, layer in self.original_model.features.named_children():
            x = layer(x)
            maps[name] = x
        return maps


class UpSample(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.convA, self.convB = nn.Conv2d(a, b, 3, padding=1), nn.Conv2d(b, b, 3, padding=1)

    def forward(self, x, skip):
        x = F.interpolate(x, skip.shape[2:], mode="bilinear", align_corners=True)
        return F.leaky_relu(self.convB(self.convA(torch.cat([x, skip], 1))), 0.2)  # none after convA


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv2 = nn.Conv2d(1664, 1664, 1)
        for i, (a, b) in enumerate(((1664 + 256, 832), (832 + 128, 416), (416 + 64, 208), (208 + 64, 104)), 1):
            self.add_module(f"up{i}", UpSample(a, b))
        self.conv3 = nn.Conv2d(104, 1, 3, padding=1)

    def forward(self, maps):
        x = self.conv2(F.relu(maps["norm5"]))
        for i, name in enumerate(("transition2", "transition1", "pool0", "relu0"), 1):
            x = getattr(self, f"up{i}")(x, maps[name])
        return self.conv3(x)


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()

    def forward(self, x):
        return self.decoder(self.encoder(x))
