"""What every network of the zoo takes and returns; names and ranges mean the same everywhere.

Axes: b batch, c channels, h w pixels.

bg, fg_bg   (b, c, h, w) float in [0, 1]: the scene, and the same scene with an object in it
mask        (b, 1, h, w) logits: sigmoid(mask) is the probability of object
depth       (b, 1, h, w) logits: sigmoid(depth) is relative depth, 0 nearest, 1 farthest or sky;
            (1/near - 1/z) / (1/near - 1/far) where near and far are known

Values are the caller's: nothing looks at them, because looking would cost a pass over every image (and, on a GPU, a
wait). Axes, sizes, channels and dtypes are checked, since those are known without touching a pixel: any floating
dtype, the same for both images and the network's weights; under autocast, one that it takes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, NamedTuple, cast

from torch import Tensor

from registry import OptionError, ZooError, is_count, nearest, require, require_each
from registry.vocabulary import LARGEST, SMALLEST

Task = Literal["mask", "depth"]
Link = Literal["logit", "identity"]
TASKS: tuple[Task, ...] = ("mask", "depth")
LINKS: tuple[Link, ...] = ("logit", "identity")


class InputError(ZooError, ValueError):
    """Images or other input that a network cannot take."""


class Prediction(NamedTuple):
    """Logits of both tasks, (b, 1, h, w) each; None for a task the network was built without.

    >>> import torch
    >>> mask, depth = Prediction(torch.zeros(1, 1, 8, 8), None)
    >>> mask.sigmoid().mean().item(), depth
    (0.5, None)
    """

    mask: Tensor | None
    depth: Tensor | None


class Sample(NamedTuple):
    """One example, or a batch of them with a leading b and a tuple of metas.

    bg, fg_bg (c, h, w) in [0, 1]; mask (1, h, w) in [0, 1], 1 is object; depth (1, h, w) in [0, 1] as in the contract;
    valid (2, h, w), mask and depth: 1 where the truth is known, 0 where geometry left none or a sample has none; of
    (1, h, w), as data of one's own may give, the one serves both; meta: where it came from, and near and far in metres
    where they are known.

    >>> import torch
    >>> one = torch.zeros(1, 8, 8)
    >>> sample = Sample(one.expand(3, 8, 8), one.expand(3, 8, 8), one, one, torch.ones(2, 8, 8), {"index": 0})
    >>> sample.mask.shape, sample.meta["index"]
    (torch.Size([1, 8, 8]), 0)
    """

    bg: Tensor
    fg_bg: Tensor
    mask: Tensor
    depth: Tensor
    valid: Tensor
    meta: dict[str, Any] | tuple[dict[str, Any], ...]

    def known(self, task: Task) -> Tensor:
        """(..., 1, h, w): where the truth of a task is known."""
        channel = TASKS.index(task) if self.valid.shape[-3] == len(TASKS) else 0
        return self.valid[..., channel : channel + 1, :, :]


@dataclass(frozen=True, kw_only=True)
class Interface:
    """The options that every architecture has, checked and completed.

    >>> Interface(in_ch=3, tasks="mask")
    Interface(in_ch=3, tasks=('mask',), plate=False, link=('logit',))
    """

    in_ch: Annotated[int, "channels of both images together; an odd number means fg_bg alone"] = 6
    tasks: Annotated[tuple[Task, ...], "mask, depth or both; one alone drops the other's decoder"] = TASKS
    plate: Annotated[bool | None, "whether the network sees bg; None: yes if in_ch is even"] = None
    link: Annotated[
        tuple[Link, ...], "per task: logit if the head gives logits, identity if it gives values in [0, 1]"
    ] = ("logit",)

    def __post_init__(self) -> None:
        require(is_count(self.in_ch), "in_ch", self.in_ch, "a whole number from 1 up")
        given = words("tasks", self.tasks, "mask, depth, or both")
        require_each("tasks", self.tasks, given, TASKS)
        require(0 < len(given) == len(set(given)), "tasks", self.tasks, "mask, depth, or both, once each")
        tasks = tuple(task for task in TASKS if task in given)
        plate = self.in_ch % 2 == 0 if self.plate is None else self.plate
        require(isinstance(plate, bool), "plate", plate, "True, False or None")
        if plate and self.in_ch % 2:
            raise OptionError(
                f"in_ch={self.in_ch} cannot be split over two images; in_ch counts bg and fg_bg together (6 = two RGB"
                " images). Give an even number, or plate=False for fg_bg alone"
            )
        object.__setattr__(self, "tasks", tasks)
        object.__setattr__(self, "plate", plate)
        object.__setattr__(self, "link", self._links(self.link, given, tasks))

    @staticmethod
    def _links(link: Any, given: tuple[str, ...], tasks: tuple[Task, ...]) -> tuple[Link, ...]:
        """One link per task: from one word for all, a tuple in the order tasks were given in, or a mapping."""
        accepted = f"logit or identity, for {' and '.join(given)}"
        if isinstance(link, Mapping):
            by_task = dict.fromkeys(given, "logit") | dict(link)
        else:
            each = words("link", link, accepted)
            each = each * len(given) if len(each) == 1 else each
            require(len(each) == len(given), "link", link, f"one word, or one for each of {', '.join(given)}")
            by_task = dict(zip(given, each, strict=True))
        require(set(by_task) == set(given), "link", link, accepted)
        for word in by_task.values():
            require(word in LINKS, "link", link, f"{accepted}; {nearest(str(word), LINKS)}")
        return cast("tuple[Link, ...]", tuple(by_task[task] for task in tasks))

    @property
    def images(self) -> int:
        """How many images the network sees: 2, or 1 without the plate."""
        return 2 if self.plate else 1

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the images that the network sees."""
        return ("bg", "fg_bg") if self.plate else ("fg_bg",)

    @property
    def image_ch(self) -> int:
        """Channels of one image."""
        return self.in_ch // self.images

    def options(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def require_plate(self, who: str) -> None:
        if not self.plate:
            raise OptionError(
                f"{who} compares fg_bg with its plate, so it needs bg; in_ch={self.in_ch}, plate={self.plate} leaves"
                " bg out. Give an even in_ch and no plate=False"
            )


def checked_size(size: Any, accepted: str, largest: int = LARGEST) -> tuple[int, int]:
    """Height and width in pixels; one number stands for both."""
    pair = tuple(size) if isinstance(size, tuple | list) else (size, size)
    fits = all(is_count(side, SMALLEST) and side <= largest for side in pair)
    require(len(pair) == 2 and fits, "size", size, accepted)
    return pair[0], pair[1]


def words(option: str, value: Any, accepted: str) -> tuple[Any, ...]:
    """The items of an option that is one word, words with commas between them, or a tuple of words."""
    require(isinstance(value, Iterable), option, value, accepted)
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else tuple(value)


def check_images(bg: Tensor | None, fg_bg: Tensor, face: Interface) -> None:
    """Raise InputError unless the images fit. It looks at shapes and dtypes only, takes microseconds, and adds
    nothing to a graph."""
    _check_image("fg_bg", fg_bg, face)
    if not face.plate:
        return
    if bg is None:
        raise InputError(
            f"bg is None, and this network was built to see the plate (in_ch={face.in_ch}); pass bg, or build it with"
            f" in_ch={face.image_ch}, plate=False"
        )
    _check_image("bg", bg, face)
    if bg.shape != fg_bg.shape:
        raise InputError(f"bg is {_shape(bg)} and fg_bg is {_shape(fg_bg)}; both must have the same b, c, h and w")
    if bg.dtype != fg_bg.dtype:
        raise InputError(f"bg is {bg.dtype} and fg_bg is {fg_bg.dtype}; both must have the same dtype")


def _check_image(name: str, image: Tensor, face: Interface) -> None:
    if not isinstance(image, Tensor):
        raise InputError(f"{name} is a {type(image).__name__}; pass a float tensor (b, c, h, w) with values in [0, 1]")
    if image.dim() != 4:
        hint = f"; add the batch axis: {name}[None]" if image.dim() == 3 else ""
        raise InputError(f"{name} is {_shape(image)}; expected four axes (b, c, h, w){hint}")
    if not image.is_floating_point():
        raise InputError(f"{name} is {image.dtype}; expected floats in [0, 1], for 8-bit images {name}.float() / 255")
    if image.shape[1] != face.image_ch:
        of = f"in_ch={face.in_ch}, two images" if face.plate else f"in_ch={face.in_ch}, fg_bg alone"
        raise InputError(
            f"{name} is {_shape(image)} with {image.shape[1]} channels; this network was built for {face.image_ch} per"
            f" image ({of})"
        )
    if image.shape[2] < SMALLEST or image.shape[3] < SMALLEST:
        raise InputError(f"{name} is {_shape(image)}; height and width must be {SMALLEST} pixels or more")


def _shape(image: Tensor) -> str:
    return " x ".join(map(str, image.shape)) or "a single number"
