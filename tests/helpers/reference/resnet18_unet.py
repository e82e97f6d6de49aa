"""MaskDepthGenerator by its published names, on torchvision's ResNet-18."""

import torch.nn.functional as F
from torch import nn
from torchvision.models import resnet18


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        stock = resnet18(weights=None)
        self.conv1 = nn.Conv2d(6, 64, 3, padding=1, bias=False)
        self.bn1, self.maxpool = stock.bn1, stock.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = stock.layer1, stock.layer2, stock.layer3, stock.layer4

    def forward(self, x):
        x = self.maxpool(F.relu(self.bn1(self.conv1(x))))
        blocks = []
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            blocks.append(x)
        return blocks


class Projection(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(a, b, 5, padding=2, bias=False), nn.BatchNorm2d(b)
        self.conv1_2, self.bn1_2 = nn.Conv2d(b, b, 3, padding=1, bias=False), nn.BatchNorm2d(b)
        self.conv2, self.bn2 = nn.Conv2d(a, b, 5, padding=2, bias=False), nn.BatchNorm2d(b)

    def forward(self, x, size):
        x = F.interpolate(x, size, mode="bilinear", align_corners=True)
        main = self.bn1_2(self.conv1_2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(main + self.bn2(self.conv2(x)))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(512, 256, 1, bias=False), nn.BatchNorm2d(256)
        for i in (1, 2, 3, 4):
            self.add_module(f"up{i}", Projection(512 // 2**i, 256 // 2**i))

    def forward(self, blocks):
        finest = blocks[0].shape[2:]
        sizes = [blocks[2].shape[2:], blocks[1].shape[2:], finest, (2 * finest[0], 2 * finest[1])]
        x = F.relu(self.bn(self.conv(blocks[3])))
        for i, size in enumerate(sizes, 1):
            x = getattr(self, f"up{i}")(x, size)
        return x


class MaskDepthGenerator(nn.Module):
    def __init__(self):
        super().__init__()
        self.Encoder_backbone = Encoder()
        self.Decoder_mask, self.Decoder_depth = Decoder(), Decoder()
        self.last_conv_mask, self.last_conv_depth = (nn.Conv2d(16, 1, 5, padding=2) for _ in range(2))

    def forward(self, x):
        blocks = self.Encoder_backbone(x)
        return self.last_conv_depth(self.Decoder_depth(blocks)), self.last_conv_mask(self.Decoder_mask(blocks))
