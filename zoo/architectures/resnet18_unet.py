"""ResNet-18 whose decoders take only sizes from the encoder: four up-projections per task, no skip is concatenated."""

import torch.nn.functional as F
from torch import Tensor, nn

from registry import Card, Published
from zoo.architectures import register
from zoo.blocks.conv import ConvBNReLU, conv
from zoo.blocks.encoders import EncoderName, EncoderWeights, Stem, features, pairing
from zoo.blocks.fusion import FusedModel, Fusion, PairEncoder
from zoo.blocks.pretrained import load_encoder
from zoo.blocks.prune import drop_unused
from zoo.contract import Interface


@register(
    "resnet18_unet",
    Card(
        summary="ResNet-18 encoder, up-projection decoders",
        group="founding",
        origin="MaskDepthGenerator",
        paper="He et al. 2016, arXiv:1512.03385; up-projections: Laina et al. 2016, arXiv:1606.00373",
        published={"resnet18_unet": Published(16_181_090, 36.496)},
        notes=(
            "stacks cat(fg_bg, bg): this system put the composite first",
            "the published system starts bn1 and layer1..4 from ImageNet: encoder_weights=imagenet",
            "another encoder= keeps its own stem; what it then lacks in resolution is resized at the end",
        ),
    ),
)
class ResNet18UNet(FusedModel):
    def __init__(
        self,
        face: Interface,
        *,
        encoder: EncoderName = "resnet18",
        encoder_weights: EncoderWeights = None,
        fusion: Fusion = "concat",
    ):
        own = encoder == "resnet18"
        super().__init__(face, fusion, stride=16 if own else 32, pad_to=2 if own else None)
        self.min_export_size = 2 * self.stride
        stem = Stem(face, fusion, encoder_weights)
        with pairing("resnet18_unet", encoder):
            net = ResNet18(stem) if own else features(encoder, stem)
            self.encoder = PairEncoder(face, fusion, net, composite_first=True)
            self.decoders = nn.ModuleDict({task: Decoder(self.encoder.channels[-1]) for task in face.tasks})
            stem.normalise(self)
            if not own:
                drop_unused(self)

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        blocks = self.encoder(bg, fg_bg)[-4:]
        size = fg_bg.shape[-2:]
        return {task: self.decoders[task](blocks, size) for task in self.computed}


class ResNet18(nn.Module):
    """ResNet-18 behind a 3 x 3 stem of stride 1: (b, c, h, w) -> layer1..4 at strides 2, 4, 8, 16."""

    channels = (64, 128, 256, 512)

    def __init__(self, stem: Stem):
        super().__init__()
        from timm import create_model

        stock = create_model("resnet18", num_classes=0, zero_init_last=False)  # as torchvision's, which was published
        if stem.weights:
            load_encoder(stock, "resnet18", stem.weights)
            stem.learn_statistics(stock)
        self.conv1 = conv(3, stem.in_ch, 64)
        self.bn1 = stock.bn1
        self.layer1, self.layer2, self.layer3, self.layer4 = stock.layer1, stock.layer2, stock.layer3, stock.layer4

    def forward(self, x: Tensor) -> list[Tensor]:
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        blocks = [self.layer1(F.max_pool2d(x, 3, 2, 1))]
        for layer in (self.layer2, self.layer3, self.layer4):
            blocks.append(layer(blocks[-1]))
        return blocks


class Decoder(nn.Module):
    """Four features, finest first -> (b, 1, h, w)."""

    def __init__(self, c: int):
        super().__init__()
        self.enter = ConvBNReLU(1, c, c // 2)
        self.up = nn.ModuleList(UpProjection(c // 2**i, c // 2 ** (i + 1)) for i in (1, 2, 3, 4))
        self.out = conv(5, c // 32, 1, bias=True)

    def forward(self, blocks: list[Tensor], size: tuple[int, int]) -> Tensor:
        x = self.enter(blocks[-1])
        h, w = blocks[0].shape[-2:]
        sizes = [*(block.shape[-2:] for block in reversed(blocks[:-1])), (2 * h, 2 * w)]
        for up, (h, w) in zip(self.up, sizes, strict=True):
            x = up(F.interpolate(x, size=(h, w), mode="bilinear", align_corners=True))
        x = self.out(x)
        return x if x.shape[-2:] == size else F.interpolate(x, size=size, mode="bilinear", align_corners=False)


class UpProjection(nn.Module):
    """Two branches over a resized feature, 5 x 5 then 3 x 3 beside one 5 x 5; ReLU after their sum."""

    def __init__(self, a: int, b: int):
        super().__init__()
        self.main = nn.Sequential(ConvBNReLU(5, a, b), conv(3, b, b), nn.BatchNorm2d(b))
        self.shortcut = nn.Sequential(conv(5, a, b), nn.BatchNorm2d(b))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.main(x) + self.shortcut(x), inplace=True)
