"""Encoders of segmentation-models-pytorch and timm, fed with the pair, pretrained on request only."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from registry import OptionError, ZooError, first_line, nearest
from zoo.blocks.fusion import parts, stem_channels
from zoo.blocks.pretrained import load_encoder
from zoo.contract import Interface
from zoo.machine import weightless
from zoo.model import PairModel
from zoo.weights import IMAGENET_MEAN, IMAGENET_STD, inflate_stem, statistics

EncoderName = Annotated[str, "an encoder of smp (resnet34, mit_b1) or timm (convnextv2_tiny); tu-NAME forces timm"]
EncoderWeights = Annotated[
    str | None,
    "None: random; a local file; package: from an installed one; or a published set, as imagenet, which is downloaded",
]
CNNS = ("resnet34", "efficientnet_b0", "mobilenetv4_conv_small", "convnextv2_tiny")
SWIN, MIT = "swin_tiny_patch4_window7_224", "mit_b0"
ANY = (*CNNS, SWIN, MIT)  # encoders that work with most decoders, for messages that refuse another
OTHER_STATISTICS = {  # smp encoders that were not trained with the usual ones
    "inception": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "xception": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "dpn": ((0.4863, 0.4588, 0.4078), (0.2348, 0.2348, 0.2348)),
}


class Stem:
    """What the first layer of an encoder must take, and where its weights and image statistics come from."""

    def __init__(self, face: Interface, fusion: str, weights: str | None):
        self.weights = weights
        self.image_ch = face.image_ch
        self.images = 1 if parts(fusion)[0] == "siamese" else face.images
        self.in_ch = stem_channels(face, fusion)
        self.built_ch = 3 if weights else self.in_ch  # pretrained weights come first, inflation after
        self.statistics: tuple[Sequence[float], Sequence[float]] | None = None

    def inflate(self, encoder: nn.Module) -> None:
        """Widen the 3-channel stem to the pair, so that the response to (x, x) is the original's to x."""
        if self.in_ch == 3 and self.image_ch == 3:
            return
        for layer in encoder.modules():
            if isinstance(layer, nn.Conv2d) and layer.in_channels == 3 and layer.groups == 1:
                weight = inflate_stem(
                    layer.weight.detach(), self.images, self.image_ch, extra=self.in_ch - self.images * self.image_ch
                )
                layer.in_channels, layer.weight = self.in_ch, nn.Parameter(weight)

    def learn_statistics(self, encoder: nn.Module, name: str = "") -> None:
        """Take the mean and deviation that the pretrained encoder saw: timm's own, else what its family uses."""
        config = _published(name, self.weights or "") or getattr(encoder, "pretrained_cfg", None) or {}
        family = next((value for key, value in OTHER_STATISTICS.items() if name.startswith(key)), None)
        usual = (config["mean"], config["std"]) if "mean" in config else (IMAGENET_MEAN, IMAGENET_STD)
        self.statistics = family or usual

    def normalise(self, model: PairModel) -> None:
        """Set the model's normalisation to what the pretrained encoder saw."""
        if self.statistics is not None:
            model.normalise.set(*statistics(self.image_ch, *self.statistics))


def _published(library: str, tag: str) -> dict[str, Any] | None:
    """timm's facts of one published set of weights: the encoder that is built knows those of the usual set."""
    import timm

    try:
        config = timm.get_pretrained_cfg(f"{library.removeprefix('tu-')}.{tag}")
    except RuntimeError:  # timm has the encoder, and no such set: a file, or a name of smp's
        return None
    return None if config is None else config.to_dict()


class Features(nn.Module):
    """An smp encoder as (b, c, h, w) -> features, finest first; a ViT's prefix tokens follow as maps (b, c, n, 1)."""

    def __init__(self, encoder: nn.Module):
        super().__init__()
        self.encoder = encoder
        widths: Sequence[int] = encoder.out_channels  # type: ignore[assignment]
        self.is_vit = hasattr(encoder, "has_prefix_tokens")
        self.maps = tuple(widths) if self.is_vit else tuple(width for width in widths[1:] if width)
        self.channels = self.maps * 2 if self.is_vit and encoder.has_prefix_tokens else self.maps

    def forward(self, x: Tensor) -> list[Tensor]:
        if self.is_vit:
            maps, tokens = self.encoder(x)
            return [*maps, *(token.transpose(1, 2)[..., None] for token in tokens if token is not None)]
        return [f for f in self.encoder(x)[1:] if f.shape[1]]  # the first is x, a width of 0 stands for a missing scale


def features(name: str, stem: Stem) -> Features:
    """An encoder with five (or, where it starts at stride 4, four) scales, ready for the pair."""
    from segmentation_models_pytorch.encoders import get_encoder

    library, options = resolve_encoder(name)
    encoder = get_encoder(library, in_channels=stem.built_ch, depth=5, weights=None, **options)
    pretrain(encoder, library, stem)
    return Features(encoder)


def pretrain(encoder: nn.Module, library: str, stem: Stem) -> None:
    """Load the weights the stem asks for, then fit the first layer and the statistics to them."""
    encoder.to(torch.get_default_device())  # smp makes a widened first layer on the CPU, whatever the default
    if stem.weights:
        load_encoder(encoder, library, stem.weights)
        stem.learn_statistics(getattr(encoder, "model", encoder), library)
        stem.inflate(encoder)


def resolve_encoder(name: str) -> tuple[str, dict[str, Any]]:
    """The encoder's name as smp knows it, and the options that let a timm one take any size."""
    import timm
    from segmentation_models_pytorch.encoders import encoders

    if name in encoders:
        return name, {}
    bare = name.removeprefix("tu-")
    if not timm.is_model(bare):
        known = [*encoders, *timm.list_models()]
        raise OptionError(f"no encoder is called {name!r}, neither in smp nor in timm; {nearest(bare, known)}")
    for options in ({"dynamic_img_size": True}, {"strict_img_size": False}):  # ViTs; Swins
        try:
            with weightless():
                timm.create_model(bare, **options)
        except TypeError:  # an option that this family does not have
            continue
        except RuntimeError:  # it has the option, and reads values while it is built, which meta tensors have not
            pass
        return f"tu-{bare}", options
    return f"tu-{bare}", {}


@contextmanager
def pairing(who: str, encoder: str, work: Sequence[str] = ANY) -> Iterator[None]:
    """Turn whatever goes wrong while an encoder is fitted into one line that names encoders which work."""
    try:
        yield
    except (ZooError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # smp and timm refuse in many ways: ValueError, RuntimeError, AttributeError, ...
        reason = first_line(error)
        if torch.get_default_device().type == "meta":  # some encoders read values while they are built
            raise OptionError(
                f"{who} with encoder {encoder!r} cannot be built on the meta device ({reason}); build it on the CPU,"
                " then move it: model.to('meta')"
            ) from error
        raise OptionError(
            f"{who} does not work with encoder {encoder!r} ({reason}); encoders that work: {', '.join(work)}"
        ) from error
