"""From a network and two photos to a mask and a depth map, at the photo's own size."""

from os import PathLike
from typing import Literal, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from registry import OptionError, Spec, either, require
from registry.vocabulary import LARGEST, PORTABLE_PRECISIONS, SMALLEST, PortablePrecision
from zoo.contract import TASKS, InputError, Interface, Prediction, Task, checked_size
from zoo.data.files.images import resize
from zoo.deploy.answer import answer, interface
from zoo.deploy.inputs import Photo, fitted, label, read, same_size
from zoo.deploy.memory import lacks_memory, place_of
from zoo.deploy.outputs import Predicted
from zoo.deploy.tiling.rows import Parts, fitting, joined
from zoo.deploy.tiling.spans import SMALLEST_TILE
from zoo.factory import build, is_own
from zoo.machine import choose
from zoo.model import PairModel
from zoo.progress import Tick
from zoo.saved import load
from zoo.weights.files import read as read_weights
from zoo.weights.located import located
from zoo.weights.ready import USUAL

Network = TypeVar("Network", bound=nn.Module)
Size = int | tuple[int, int] | Literal["trained", "tiles"] | None


def predict(
    model: nn.Module | str | PathLike[str],
    bg: Photo | None,
    fg_bg: Photo,
    *,
    size: Size = "trained",
    resize_plate: bool = False,
    device: str | torch.device | None = None,
    precision: PortablePrecision = "fp32",
) -> Predicted:
    """The mask and the depth of one photo, at its own size.

    >>> found = predict("frame_difference", torch.zeros(3, 32, 48), torch.ones(3, 32, 48))
    >>> found.mask.shape, found.mask.mean().item() > 0.99
    (torch.Size([1, 32, 48]), True)
    >>> found = predict("model.safetensors", "bg.jpg", "photo.jpg")  # doctest: +SKIP
    >>> found.save("out", "photo")  # doctest: +SKIP

    model: a network of the zoo, or a file of zoo.save, or the folder of a training. For many photos, load it once.
    bg, fg_bg: the scene and the photo, each as `zoo.deploy.read` takes it: a path, a PIL image, an array or a tensor.
        A network without a plate does not look at bg, which may be None.
    size: pixels, one number for a square or (h, w), at which the network works; its maps are resized back. A network
        finds best what has the size, in pixels, of what it was trained on, so the default is the size of its training
        where its file tells it, and the photo's own else. "tiles": at the size of its training first, and then nearer
        and nearer along the edges, up to the photo's own size. None: the photo's own; where the memory for that is
        not there, in tiles.
    resize_plate: allow a bg of another size; it is resized to the photo's.
    device: where to compute; a network that is given moves there and stays. None: where it is, and for a file a GPU if
        there is one.
    precision: fp32 for the weights' own dtype, bf16 or fp16 for autocast.

    A task that the network never learned, as far as its file or zoo.fit knows, is None in the answer.
    """
    work = checked(size, precision)
    if not isinstance(model, nn.Module):
        model = placed(network(model), device)
    elif device is not None:
        model = placed(model, device)
    photo, images = seen_by(interface(model), bg, fg_bg, resize_plate)
    parts = parted(model, images, size, precision)
    if parts.fine:
        found = joined(parts.rows())
        maps = Prediction(found.get("mask"), found.get("depth"))
    else:
        maps = _maps(model, images, getattr(model, "trained_at", None) if size == "trained" else work, precision)
    mask, depth = (getattr(maps, task) if task in trained_tasks(model) else None for task in TASKS)
    return Predicted(photo, mask, depth)


def parted(
    model: nn.Module, images: list[Tensor], size: Size, precision: PortablePrecision, tick: Tick = lambda *_: None
) -> Parts:
    """A photo as the network is to see it: as a whole, at a size, or with tiles after that."""
    work = checked(size, precision)
    trained_at: tuple[int, int] | None = getattr(model, "trained_at", None)
    h, w = images[-1].shape[-2:]
    parts = Parts(model, images, (h, w), fine=False, precision=precision, tick=tick)
    if size == "tiles":
        parts.coarse, parts.fine = trained_at or fitting((h, w), (parts.tile, parts.tile)), True
    elif size == "trained" and trained_at is not None:
        parts.coarse = trained_at
    elif work is not None:
        parts.coarse = work
    elif max(h, w) > SMALLEST_TILE and lacks_memory(model, (h, w), place_of(model).device, is_half=precision != "fp32"):
        parts.coarse, parts.fine = None, True
    return parts


def seen_by(face: Interface, bg: Photo | None, fg_bg: Photo, resize_plate: bool) -> tuple[Tensor, list[Tensor]]:
    """The photo as it is; and what the network sees, plate and photo or the photo alone, with its channels."""
    name = label(fg_bg, "fg_bg")
    photo = read(fg_bg, name, face.image_ch)
    seen = fitted(photo, face.image_ch, name)
    if not face.plate:
        return photo, [seen]
    if bg is None:
        raise InputError(
            f"bg is None, and this network was built to see the plate (in_ch={face.in_ch}); pass the photo of the"
            " scene without the object"
        )
    plate_name = label(bg, "bg")
    plate = read(bg, plate_name, face.image_ch)
    plate = same_size(plate, photo, (plate_name, name), resize_plate=resize_plate)
    return photo, [fitted(plate, face.image_ch, plate_name), seen]


def network(weights: str | PathLike[str] | None, spec: str | None = None) -> PairModel:
    """The network in a file of zoo.save or a training's folder, or that of weights that ship, by name; with a spec, the
    one it names, filled from any file. None: the one that needs no training.

    A spec such as my_net.py:Net names code of one's own, and a file of zoo.save is then of that very code.

    >>> network("u2net.pth", "u2net(in_ch=3, tasks=mask)")  # doctest: +SKIP

    weights: a file, a folder or a name. spec: a network of the catalog with options, or code of one's own.

    >>> network("frame_difference").trained_tasks
    ('mask',)
    """
    if weights is None and spec is not None:
        raise OptionError(f"--model {spec} names the network of a file of weights; give --weights FILE too, or neither")
    weights = located(USUAL if weights is None else weights)
    if spec is not None and not (is_own(Spec.parse(spec).name) and read_weights(weights).is_ours):
        return build(spec, weights=weights)
    return load(weights, spec)


def trained_tasks(model: nn.Module) -> tuple[Task, ...]:
    """The tasks whose outputs are shown, through torch.compile too."""
    tasks: tuple[Task, ...] = getattr(model, "trained_tasks", interface(model).tasks)
    return tasks


def placed(model: Network, device: str | torch.device | None = None) -> Network:
    """The network on a device; None: a GPU if there is one."""
    return model.to(choose(device or "auto", mps=True))


def checked(size: Size, precision: str) -> tuple[int, int] | None:
    """The size as (h, w), None where the network or the photo has it; after both were looked at."""
    require(precision in PORTABLE_PRECISIONS, "precision", precision, either(PORTABLE_PRECISIONS))
    if size is None or size in ("trained", "tiles"):
        return None
    return checked_size(size, f"pixels, {SMALLEST} to {LARGEST}, one number or (h, w), 'trained', 'tiles', or None")


def _maps(model: nn.Module, images: list[Tensor], size: tuple[int, int] | None, precision: str) -> Prediction:
    """Probabilities and depths, (1, h, w) each, of photos that fit the network."""
    h, w = images[-1].shape[-2:]
    logits = answer(model, [image if size is None else resize(image, size) for image in images], precision)
    return Prediction(*(None if x is None else _map(x, h, w) for x in logits))


def _map(logits: Tensor, h: int, w: int) -> Tensor:
    """(1, h, w) in [0, 1]; it is the logits that are resized, so that edges stay as sharp as the network drew them."""
    if tuple(logits.shape[-2:]) != (h, w):
        logits = F.interpolate(logits[None], (h, w), mode="bilinear", align_corners=False)[0]
    return logits.sigmoid().cpu()
