"""Random changes of a batch, on its device: the same geometry for all maps, and faults of each camera.

>>> change = augment("flip, rotate(degrees=10), rgb_shift(limit=0.1), noise(std=0.02)", seed=3)
>>> batch = change(batch, step=120)  # doctest: +SKIP

The result depends on the batch, the seed and the step, on nothing else; the global random state is neither read nor
moved. Processes that see other samples should take other seeds: change(batch, step=step * ranks + rank).
"""

import math
from collections.abc import Callable
from hashlib import sha256
from typing import Annotated, Any

import torch
from torch import Tensor

from registry import Catalog, Entry, OptionError, Spec, UnknownNameError, nearest, require, split
from zoo.contract import InputError, Sample
from zoo.data.warp import each, move_all

SETS = {
    "founding": "flip, rotate, crop, rgb_shift, hsv, noise",  # what the five published systems trained with
    "wide": "plate_shift(limit=0.08, least=0.002), plate_turn(degrees=5.0, least=0.1), zoom, plate_parallax, relight,"
    " photo_shadow, noise(std=0.12), blur, motion, jpeg(quality=(20, 95))",  # the range that people meet
    "plate": "plate_shift, plate_turn, plate_gain, plate_gamma, plate_white_balance, noise, blur, motion, jpeg",
}

LIMITS = {  # of the options by name: a strength is not below 0, and not so large that nothing is left of the picture
    **dict.fromkeys(("p", "limit", "least", "std", "saturation", "value"), (0, 1)),
    **dict.fromkeys(("degrees", "hue"), (0, 180)),
    "share": (0.05, 1),
    "stretch": (0, 0.9),
    "sigma": (0, 50),
    "pixels": (1, 101),
    "quality": (1, 100),
}

P = Annotated[float, "share of the samples"]
Least = Annotated[float, "smallest; strengths are log-uniform from there. 0: all up to the largest are as likely"]


Rows = Tensor | slice  # of a batch


class BatchDraw:
    """The random numbers of one augmentation on one batch.

    What is drawn per sample is drawn on the CPU, so that every device draws the same; pixels' noise on the device.
    """

    def __init__(self, seed: int, like: Tensor):
        self.batch, self.like = len(like), like
        self.generator = torch.Generator().manual_seed(seed)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """(b, *shape), evenly between two bounds."""
        drawn = torch.rand(self.batch, *shape, generator=self.generator, dtype=torch.float64) * (high - low) + low
        return self._there(drawn.to(self.like.dtype))

    def strength(self, least: float, most: float) -> Tensor:
        """(b,) up to most: from 0 on each as likely, from a least above 0 log-uniform: small ones are common."""
        if not least:
            return self.uniform(0, most)
        return torch.exp(self.uniform(math.log(min(least, most)), math.log(most))) if most else self.uniform(0, 0)

    def sign(self) -> Tensor:
        """(b,) of 1 and -1."""
        return self.uniform(-1, 1).sign()

    def chosen(self, p: float) -> Tensor:
        """(b, 1, 1, 1) of truth values, each true with probability p."""
        return self._there(torch.rand(self.batch, 1, 1, 1, generator=self.generator) < p)

    def some(self, p: float, images: Tensor, change: Callable[[Rows], Tensor]) -> Tensor:
        """images (b, c, h, w), each with probability p as change gives it; rows: those that it is asked for.

        A CPU computes no others. An accelerator computes all: it would have to wait to know how many there are.
        """
        chosen = torch.rand(self.batch, 1, 1, 1, generator=self.generator) < p
        if images.device.type != "cpu":
            return torch.where(self._there(chosen), change(slice(None)), images)
        rows = chosen.flatten().nonzero().flatten()
        return images.index_copy(0, rows, change(rows)) if len(rows) else images

    def order(self) -> Tensor:
        """(b,) the batch's indices, shuffled."""
        return self._there(torch.randperm(self.batch, generator=self.generator))

    def _there(self, drawn: Tensor) -> Tensor:
        """On the device, which may still be at work on what came before: nobody waits for that."""
        return (drawn.pin_memory() if self.like.is_cuda else drawn).to(self.like.device, non_blocking=True)

    def normal(self, image: Tensor) -> Tensor:
        """One number per value of an image, mean 0 and standard deviation 1."""
        seed = int(torch.randint(2**62, (), generator=self.generator))
        generator = torch.Generator(image.device).manual_seed(seed)
        return torch.randn(image.shape, generator=generator, dtype=image.dtype, device=image.device)


# (batch, draw, *, options) -> batch; images may leave [0, 1], they are clamped. One whose card has the group GEOMETRY
# gives the matrices (b, 3, 3) that move all maps; several in a row are one movement, so that pixels are mixed once.
Augmentation = Callable[..., Any]
GEOMETRY = "geometry"

augmentations: Catalog[Augmentation] = Catalog(
    "augmentation", package="zoo.data.augmentations", group="zoo.augmentations"
)
names = augmentations.names


class Augment:
    """Augmentations in a row, each with all its options; made by `augment`."""

    def __init__(self, steps: tuple[tuple[Entry[Augmentation], dict[str, Any]], ...], seed: int):
        self.steps, self.seed = steps, seed

    def __str__(self) -> str:
        """The expression with every option, as a record keeps it."""
        return ", ".join(str(Spec(entry.name, options)) for entry, options in self.steps)

    def __call__(self, batch: Sample, step: int = 0) -> Sample:
        """The batch changed; shapes, dtypes, device and metas stay."""
        _check(batch)
        work = torch.float64 if batch.fg_bg.dtype == torch.float64 else torch.float32
        changed, matrix = each(lambda tensor: tensor.to(work), batch), None
        for position, (entry, options) in enumerate(self.steps):
            draw = BatchDraw(self._seed(step, position, entry.name), changed.bg)
            if entry.card.group == GEOMETRY:
                moved = entry.factory(changed, draw, **options)
                matrix = moved if matrix is None else moved @ matrix
                continue
            if matrix is not None:
                changed, matrix = move_all(changed, matrix), None
            changed = _in_range(entry.factory(changed, draw, **options), changed)
        changed = changed if matrix is None else move_all(changed, matrix)
        return each(lambda new, old: new.to(old.dtype), changed, batch)

    def _seed(self, step: int, position: int, name: str) -> int:
        digest = sha256(f"{self.seed}/{step}/{position}/{name}".encode())
        return int.from_bytes(digest.digest()[:8], "big") >> 1  # a generator takes 63 bits


def augment(expression: str, *, seed: int = 0) -> Augment:
    """Augmentations by name, in order: "flip, rotate(degrees=10)"; `founding`, `plate` and `wide` are whole sets."""
    require(isinstance(seed, int) and not isinstance(seed, bool), "seed", seed, "a whole number")
    specs = [Spec.parse(part) for part in split(expression)]
    return Augment(tuple(step for spec in specs for step in _resolve(spec)), seed)


def _resolve(spec: Spec) -> list[tuple[Entry[Augmentation], dict[str, Any]]]:
    if spec.name in SETS:
        if spec.options:
            raise OptionError(f"{spec.name} is a set and takes no options; write it out: {SETS[spec.name]}")
        return [step for part in split(SETS[spec.name]) for step in _resolve(Spec.parse(part))]
    if spec.name not in augmentations:
        hint = nearest(spec.name, [*augmentations.names(), *SETS])
        raise UnknownNameError(f"no augmentation is called {spec.name!r}; {hint}")
    entry, resolved = augmentations.resolve(spec)
    for name, value in resolved.items():
        low, high = LIMITS.get(name, (0, float("inf")))
        numbers = [
            number for number in (value if isinstance(value, tuple) else (value,)) if not isinstance(number, str)
        ]
        if not all(low <= number <= high for number in numbers):
            raise OptionError(f"{entry.name}({name}={value!r}) is not accepted; {name} takes {low} to {high}")
    return [(entry, resolved)]


def _in_range(new: Sample, old: Sample) -> Sample:
    """The new batch with values in [0, 1] where they are not the old ones."""
    bg, fg_bg = (now if now is before else now.clamp(0, 1) for now, before in zip(new[:2], old[:2], strict=True))
    return new._replace(bg=bg, fg_bg=fg_bg)


def _check(batch: Sample) -> None:
    if batch.fg_bg.dim() != 4:
        raise InputError(
            f"fg_bg has {batch.fg_bg.dim()} axes; augmentations take a batch (b, c, h, w), as ds.batch gives"
        )
    size = batch.fg_bg.shape[0], *batch.fg_bg.shape[2:]
    for name, tensor in zip(Sample._fields[:5], batch[:5], strict=True):
        if not tensor.is_floating_point():
            raise InputError(f"{name} is {tensor.dtype}; augmentations take floats in [0, 1]")
        if (tensor.shape[0], *tensor.shape[2:]) != size:
            raise InputError(
                f"{name} is {tuple(tensor.shape)} and fg_bg {tuple(batch.fg_bg.shape)}; b, h, w must agree"
            )
