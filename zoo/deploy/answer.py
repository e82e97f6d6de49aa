"""What a network answers to images of one size, on the device that it is on."""

import torch
from torch import Tensor, nn

from registry import OptionError
from zoo.contract import InputError, Interface, Prediction
from zoo.deploy.memory import place_of, require_memory
from zoo.machine import memory_or
from zoo.model import in_mode
from zoo.precision import float32, half


def interface(model: nn.Module) -> Interface:
    """What a network takes and gives, through torch.compile too."""
    face = getattr(model, "face", None)
    if not isinstance(face, Interface):
        raise OptionError(
            f"a {type(model).__name__} is not a network of the zoo; zoo.wrap makes one of your own module"
        )
    return face


def answer(model: nn.Module, images: list[Tensor], precision: str) -> Prediction:
    """Logits, float32 (1, h, w), where the network is, of plate and photo or the photo alone, (c, h, w)."""
    weight = place_of(model)
    require_memory(model, images[-1].shape[-2:], weight.device, is_half=precision != "fp32")
    at = " x ".join(map(str, images[-1].shape[-2:]))
    with memory_or(
        lambda: InputError(f"{weight.device} does not have enough memory for {at} pixels; give a size (--size 512)")
    ):
        batch = [image[None].to(weight.device) for image in images]  # (1, c, h, w)
        batch = [(x / 255 if x.dtype == torch.uint8 else x).to(weight.dtype) for x in batch]
        plate = batch[0] if len(batch) == 2 else None
        with torch.no_grad(), in_mode(model), float32(), half(weight.device, precision):
            logits: Prediction = model(plate, batch[-1])
        return Prediction(*(None if x is None else _numbers(x, task) for task, x in logits._asdict().items()))


def _numbers(logits: Tensor, task: str) -> Tensor:
    logits = logits[0].float()
    if bool(logits.isnan().any()):
        raise InputError(
            f"the network's {task} has values that are not numbers: its weights are broken, or they need precision fp32"
        )
    return logits
