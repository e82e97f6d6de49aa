"""First layers that were trained on one image, widened to what a network of the zoo takes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from zoo.weights.files import WeightsError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def inflate_stem(weight: Tensor, images: int, image_ch: int, extra: int = 0) -> Tensor:
    """A pretrained first layer for several images, so that the same image in all of them gives the old response.

    (out, 3, k, k) -> (out, images * image_ch + extra, k, k); the extra channels (a difference) start at zero.
    A grey image takes the sum over RGB; channels beyond RGB start at zero. A layer that was trained on image_ch
    channels, whatever they are, keeps them.

    >>> inflate_stem(torch.ones(1, 3, 1, 1), images=2, image_ch=3, extra=3).flatten().tolist()
    [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.0, 0.0, 0.0]

    weight: of the layer. images: how many there are. image_ch: channels of each. extra: channels beside them.
    """
    out, given, *kernel = weight.shape
    if given == image_ch:
        one = weight
    elif given == 3 and image_ch == 1:
        one = weight.sum(1, keepdim=True)
    elif given == 3 and image_ch > 3:
        one = torch.cat([weight, weight.new_zeros(out, image_ch - 3, *kernel)], 1)
    else:
        raise WeightsError(
            f"a first layer trained on {given} channels cannot serve images of {image_ch}; it can serve {given}"
            f"{', 1, or more than 3' if given == 3 else ''} channels per image"
        )
    return torch.cat([one / images] * images + [weight.new_zeros(out, extra, *kernel)], 1)


def fit_stem(weight: Tensor, wanted: int, image_ch: int) -> Tensor:
    """A file's first layer for one that takes `wanted` channels: one image, a pair, or a pair and its difference."""
    images = min(wanted // image_ch, 2)
    extra = wanted - images * image_ch
    if weight.shape[1] == 2 * image_ch:  # it was trained on a pair itself
        if images == 1:
            raise WeightsError(
                f"its first layer takes a pair, {2 * image_ch} channels together, and this network's takes {wanted};"
                " build it with the plate, and fusion=concat or difference"
            )
        return torch.cat([weight, weight.new_zeros(len(weight), extra, *weight.shape[2:])], 1)
    return inflate_stem(weight, images, image_ch, extra)


def statistics(
    image_ch: int, mean: Sequence[float] = IMAGENET_MEAN, std: Sequence[float] = IMAGENET_STD
) -> tuple[Sequence[float], Sequence[float]]:
    """RGB's mean and deviation for an image: averaged where it is not RGB; nothing for channels beyond RGB.

    image_ch: channels of one image. mean, std: of each of RGB.

    >>> statistics(1, (0.25, 0.5, 0.75))[0]
    [0.5]
    """
    if image_ch < 3:
        return [sum(mean) / 3] * image_ch, [sum(std) / 3] * image_ch
    more = image_ch - 3
    return [*mean, *[0.0] * more], [*std, *[1.0] * more]
