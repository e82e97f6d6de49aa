"""The decoders of segmentation-models-pytorch, each under its own name, with any encoder of smp or timm."""

import copy
from typing import Annotated, Any, Literal

from torch import Tensor, nn

from registry import Card
from zoo.architectures import register
from zoo.blocks.encoders import (
    ANY,
    CNNS,
    MIT,
    SWIN,
    EncoderName,
    EncoderWeights,
    Features,
    Stem,
    pairing,
    pretrain,
    resolve_encoder,
)
from zoo.blocks.fusion import FusedModel, Fusion, PairEncoder
from zoo.blocks.prune import drop_unused
from zoo.contract import Interface

Decoders = Annotated[
    Literal["split", "shared"], "a decoder per task, or one decoder whose last layer gives every task a channel"
]


class Family(FusedModel):
    """An smp network taken apart: encoder, then decoder and head once per task."""

    smp_class: str
    encoders: tuple[str, ...] = ANY  # some that work, for the message that refuses another
    smallest = 0  # pixels, where two strides are not enough for the decoder's own pooling
    smallest_export = 0
    stride_factor = 1
    smp_initialises = True  # whether the smp class draws its decoder's weights itself; else PyTorch's default stays

    def __init__(
        self,
        face: Interface,
        *,
        encoder: EncoderName = "resnet18",
        encoder_weights: EncoderWeights = None,
        fusion: Fusion = "concat",
        decoders: Decoders = "split",
    ):
        import segmentation_models_pytorch as smp

        library, options = resolve_encoder(encoder)
        stem = Stem(face, fusion, encoder_weights)
        classes = len(face.tasks) if decoders == "shared" else 1
        with pairing(f"{self.smp_class} of smp", encoder, self.encoders):
            whole = getattr(smp, self.smp_class)(
                library, encoder_weights=None, in_channels=stem.built_ch, classes=classes, **options
            )
            pretrain(whole.encoder, library, stem)
            super().__init__(
                face, fusion, stride=whole.encoder.output_stride * self.stride_factor, smallest=self.smallest
            )
            self.min_export_size = max(self.min_size, self.smallest_export)
            self.encoder = PairEncoder(face, fusion, Features(whole.encoder))
            self.decoders = nn.ModuleDict()
            for name in ("shared",) if decoders == "shared" else face.tasks:
                if self.decoders:
                    redraw(whole, self.smp_initialises)
                self.decoders[name] = (TokenDecoder if self.smp_class == "DPT" else Decoder)(whole)
            stem.normalise(self)
            drop_unused(self)

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        features = self.encoder(bg, fg_bg)
        if "shared" not in self.decoders:
            return {task: self.decoders[task](fg_bg, features) for task in self.computed}
        both = self.decoders["shared"](fg_bg, features)
        return dict(zip(self.face.tasks, both.chunk(len(self.face.tasks), dim=1), strict=True))


def redraw(whole: Any, smp_initialises: bool) -> None:
    """Give an smp network a decoder and a head of its own, with weights drawn anew as smp draws them."""
    whole.decoder, whole.segmentation_head = copy.deepcopy((whole.decoder, whole.segmentation_head))
    for module in (*whole.decoder.modules(), *whole.segmentation_head.modules()):
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    if smp_initialises:
        whole.initialize()


class Decoder(nn.Module):
    """An smp decoder with its head: features, finest first -> (b, classes, h, w)."""

    def __init__(self, whole: Any):
        super().__init__()
        self.decoder: Any
        self.head: Any
        self.decoder, self.head = whole.decoder, whole.segmentation_head
        self.has_gap = 0 in whole.encoder.out_channels

    def forward(self, image: Tensor, features: list[Tensor]) -> Tensor:
        if self.has_gap:  # an encoder that starts at stride 4: smp's decoders expect a feature of width 0 at stride 2
            b, _, h, w = image.shape
            features = [image.new_empty(b, 0, h // 2, w // 2), *features]
        return self.head(self.decoder([image, *features]))


class TokenDecoder(Decoder):
    """The same for a ViT: maps, then as many prefix tokens written as maps (b, c, n, 1), or none."""

    def forward(self, image: Tensor, features: list[Tensor]) -> Tensor:
        scales = len(self.decoder.reassemble_blocks)
        maps = features[:scales]
        tokens: list[Tensor | None] = [
            token[..., 0].transpose(1, 2) for token in features[scales:]
        ]  # (b, c, n, 1) -> (b, n, c)
        return self.head(self.decoder(maps, tokens or [None] * scales))


def card(summary: str, paper: str, *notes: str) -> Card:
    return Card(summary=summary, group="family", origin="segmentation-models-pytorch", paper=paper, notes=notes)


@register("encoder_unet", card("U-Net decoder, any encoder", "arXiv:1505.04597"))
class EncoderUnet(Family):
    smp_class = "Unet"


@register("unetplusplus", card("U-Net++, nested skips", "arXiv:1807.10165"), aliases=("unet++",))
class UnetPlusPlus(Family):
    smp_class = "UnetPlusPlus"
    encoders = CNNS


@register("manet", card("MA-Net, attention over channels and positions", "doi:10.1109/ACCESS.2020.3025372"))
class MANet(Family):
    smp_class = "MAnet"


@register("linknet", card("LinkNet, added skips, made for speed", "arXiv:1707.03718"))
class LinkNet(Family):
    smp_class = "Linknet"
    encoders = CNNS


@register("fpn", card("feature pyramid, summed at stride 4", "arXiv:1612.03144"))
class FPN(Family):
    smp_class = "FPN"


@register("pspnet", card("pyramid pooling at stride 8, no finer skip", "arXiv:1612.01105"))
class PSPNet(Family):
    smp_class = "PSPNet"
    encoders = (*CNNS, SWIN)


@register("pan", card("pyramid attention", "arXiv:1805.10180"))
class PAN(Family):
    smp_class = "PAN"
    encoders = (*CNNS, MIT)
    smallest = 128  # its attention pools three times below stride 16
    smallest_export = 256  # where that leaves more than one pixel: a side of 1 is a graph of its own


@register("deeplabv3", card("atrous pyramid at stride 8", "arXiv:1706.05587"))
class DeepLabV3(Family):
    smp_class = "DeepLabV3"
    encoders = CNNS
    smp_initialises = False


@register("deeplabv3plus", card("atrous pyramid, one fine skip", "arXiv:1802.02611"), aliases=("deeplabv3+",))
class DeepLabV3Plus(Family):
    smp_class = "DeepLabV3Plus"
    encoders = (*CNNS, MIT)
    smp_initialises = False


@register("upernet", card("pyramid pooling over a feature pyramid", "arXiv:1807.10221"))
class UPerNet(Family):
    smp_class = "UPerNet"


@register("segformer", card("all scales by 1 x 1 convolutions, SegFormer's head", "arXiv:2105.15203"))
class SegFormer(Family):
    smp_class = "Segformer"


@register("dpt", card("dense prediction transformer, for ViTs of patch 16", "arXiv:2103.13413"))
class DPT(Family):
    smp_class = "DPT"
    encoders = ("vit_tiny_patch16_224", "vit_small_patch16_224", "deit3_small_patch16_224", SWIN)
    stride_factor = 2  # its coarsest scale is made by halving the ViT's, so the patch alone is not enough

    def __init__(
        self,
        face: Interface,
        *,
        encoder: EncoderName = "vit_tiny_patch16_224",
        encoder_weights: EncoderWeights = None,
        fusion: Fusion = "concat",
        decoders: Decoders = "split",
    ):
        super().__init__(face, encoder=encoder, encoder_weights=encoder_weights, fusion=fusion, decoders=decoders)
