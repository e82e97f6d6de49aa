"""The base every architecture extends: it checks, normalises, pads, calls the network, crops, and names the outputs.

An architecture writes `logits`; one that is deeply supervised writes `all_logits` too. Inside, images are
already normalised. Only where a network refuses a size are they padded: to a multiple of `pad_to`, which is `stride`
unless the network says otherwise, at least two of them long.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, overload

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from registry import OptionError, Spec, is_count, require
from registry.vocabulary import SMALLEST
from zoo.contract import InputError, Interface, Prediction, Task, check_images
from zoo.trained import UNKNOWN, Trained

if TYPE_CHECKING:
    from zoo.weights.report import LoadReport

CLAMP = 1e-4  # identity links: raw outputs are held this far inside (0, 1) before their logit is taken


class PairModel(nn.Module):
    """Two images in, two maps of logits out: `mask, depth = model(bg, fg_bg)`.

    face: what goes in and comes out.
    stride: of the network.
    pad_to: sides are padded to a multiple of it; None: of the stride.
    smallest: the smallest side that it computes.

    An architecture derives from it and defines `logits`; CONTRIBUTING shows one. `zoo.wrap` is for other networks.

    >>> class Darker(PairModel):
    ...     def logits(self, bg, fg_bg):
    ...         return {"mask": 10 * (bg - fg_bg).mean(1, keepdim=True)}
    >>> mask, depth = Darker(Interface(tasks="mask"))(*torch.rand(2, 1, 3, 16, 24))
    >>> mask.shape, depth
    (torch.Size([1, 1, 16, 24]), None)
    """

    spec: Spec  # name and every resolved option; set by the factory, kept in files and records
    trained_at: tuple[int, int] | None = None  # (h, w) of the last pictures it was trained on, where that is known
    trained: Trained | None = None  # by zoo.fit, in this process or in its file; None: nobody knows
    unsavable: str = ""  # why zoo.save does not write it
    loaded: "LoadReport | None" = None  # what zoo.build(weights=...) or zoo.load took from a file

    def __init__(self, face: Interface, *, stride: int = 1, pad_to: int | None = None, smallest: int = 0):
        """pad_to: the multiple of pixels that it takes, 1 for every size; smallest: the least side that it takes."""
        super().__init__()
        require(is_count(stride), "stride", stride, "a whole number from 1 up")
        self.face = face
        self.computed = face.tasks  # `computing` narrows it
        self.stride = stride
        self.pad_to = stride if pad_to is None else pad_to
        least = max(2 * self.pad_to, smallest, SMALLEST)
        self.min_size = least + missing(least, self.pad_to, least)  # computed without padding from here up
        self.min_export_size = self.min_size  # the smallest side of an export that leaves the size open
        self.normalise = Normalise(face)

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        """The final logits, (b, 1, h, w) for each of `self.computed`; of other tasks nobody looks at them. bg is None
        for a network without a plate."""
        raise NotImplementedError(f"{type(self).__name__} must define logits(bg, fg_bg)")

    def all_logits(self, bg: Tensor | None, fg_bg: Tensor) -> list[dict[str, Tensor]]:
        """Every output a deep-supervised loss may use, the final one first."""
        return [self.logits(bg, fg_bg)]

    def plate(self, bg: Tensor, fg_bg: Tensor) -> Tensor:
        """What the network gets of the plate, images as they came: (b, c, h, w), and more channels if it has cues."""
        return self.normalise(bg, 0)

    @property
    def trained_tasks(self) -> tuple[Task, ...]:
        """The tasks whose outputs mean something: all, except those that are known to be untrained."""
        return tuple(task for task in self.face.tasks if self.trained is None or task in self.trained.samples)

    @property
    def training_story(self) -> str:
        """In one line, what the network was trained on, as far as that is known."""
        return UNKNOWN if self.trained is None else self.trained.story(self.face.tasks)

    def forward(
        self, bg: Tensor | None = None, fg_bg: Tensor | None = None, sides: bool = False
    ) -> Prediction | tuple[Prediction, ...]:
        face = self.face
        if fg_bg is None:  # the default is there so that one image alone is answered with this line
            raise InputError(
                f"fg_bg is missing; this network is called as model({'bg' if face.plate else None}, fg_bg)"
            )
        if isinstance(sides, Tensor) and torch.onnx.is_in_onnx_export():
            sides = bool(sides)  # torch.onnx.export(dynamo=False) hands every default over as a tensor
        if not isinstance(sides, bool):
            raise InputError(
                f"sides is a {type(sides).__name__}; it takes True or False, as model(bg, fg_bg, sides=True)"
            )
        check_images(bg, fg_bg, face)
        self._check_dtype(fg_bg)
        h, w = fg_bg.shape[-2:]
        plate = None if bg is None or not face.plate else self._fit(self.plate(bg, fg_bg))
        scene = self._fit(self.normalise(fg_bg, -1))
        outputs = self.all_logits(plate, scene) if sides else [self.logits(plate, scene)]
        predictions = tuple(self._prediction(output, h, w) for output in outputs)
        return predictions if sides else predictions[0]

    if TYPE_CHECKING:

        @overload
        def __call__(self, bg: Tensor | None, fg_bg: Tensor, sides: Literal[False] = False) -> Prediction: ...
        @overload
        def __call__(self, bg: Tensor | None, fg_bg: Tensor, sides: Literal[True]) -> tuple[Prediction, ...]: ...
        def __call__(self, bg: Tensor | None, fg_bg: Tensor, sides: bool = False) -> Any: ...

    def _check_dtype(self, image: Tensor) -> None:
        """Raise InputError if the images and the weights differ in dtype and autocast does not handle it."""
        weight = next(self.parameters(), image)
        if image.dtype == weight.dtype or image.is_meta or not weight.is_floating_point():
            return
        if image.dtype == torch.float64 or not torch.is_autocast_enabled(image.device.type):
            raise InputError(
                f"the images are {image.dtype} and this network's weights are {weight.dtype}; convert the images, as"
                f" bg.to({weight.dtype}), or the network, as model.to({image.dtype})"
            )

    def _fit(self, image: Tensor) -> Tensor:
        """Replicate the right and bottom border up to a size that the network takes."""
        h, w = image.shape[-2:]
        right, bottom = (missing(size, self.pad_to, self.min_size) for size in (w, h))
        if not torch.compiler.is_exporting() and right == 0 and bottom == 0:
            return image  # an export pads always, by nothing where nothing is missing: one graph for every size
        return F.pad(image, (0, right, 0, bottom), mode="replicate")

    def _prediction(self, logits: dict[str, Tensor], h: int, w: int) -> Prediction:
        maps: dict[str, Tensor | None] = {"mask": None, "depth": None}
        for task, link in zip(self.face.tasks, self.face.link, strict=True):
            if task in self.computed:
                value = crop(logits[task], h, w)
                maps[task] = value if link == "logit" else logit(value)
        return Prediction(**maps)


def unwrapped(model: object) -> object:
    """The network inside the modules that torch.compile, DistributedDataParallel and averages put around it."""
    while isinstance(model, nn.Module) and not isinstance(model, PairModel):
        inner = getattr(model, "_orig_mod", None) or getattr(model, "module", None)
        if not isinstance(inner, nn.Module):
            break
        model = inner
    return model


def fingerprint(model: nn.Module) -> str:
    """SHA-256 over all weights and buffers, in the order of their names."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


@contextmanager
def in_mode(model: nn.Module, *, training: bool = False) -> Iterator[None]:
    """Put the network into eval or training mode within the block; afterwards each module has its former mode."""
    before = [(module, module.training) for module in model.modules()]
    model.train(training)
    try:
        yield
    finally:
        for module, was_training in before:
            module.training = was_training


@contextmanager
def computing(model: PairModel, tasks: tuple[Task, ...]) -> Iterator[None]:
    """Within the block, compute only these tasks and return None for the others."""
    before = model.computed
    model.computed = tasks
    try:
        yield
    finally:
        model.computed = before


def logit(value: Tensor) -> Tensor:
    """The logit of raw values in [0, 1], finite in every dtype: below single precision 1 - CLAMP rounds to 1."""
    wide = value.to(torch.promote_types(value.dtype, torch.float32))
    return torch.logit(wide.clamp(CLAMP, 1 - CLAMP)).to(value.dtype)


def missing(size: int, multiple: int, smallest: int) -> int:
    """Pixels to add to a side.

    >>> [missing(size, 32, 64) for size in (8, 64, 65, 96)]
    [56, 0, 31, 0]
    """
    padded = (size + multiple - 1) // multiple * multiple
    return (padded if padded >= smallest else smallest) - size  # max() asks for >, which no Dim(min=smallest) settles


def crop(x: Tensor, h: int, w: int) -> Tensor:
    """The top left h x w."""
    if torch.compiler.is_exporting():  # a slice compares the sizes, and would tie the graph to one case
        return F.pad(x, (0, w - x.shape[-1], 0, h - x.shape[-2]))
    return x if x.shape[-2:] == (h, w) else x[..., :h, :w]


class Normalise(nn.Module):
    """(x - mean) / std with one row of statistics per image (bg, fg_bg), saved with the weights; nothing at identity.

    Whether there is anything to do is decided when the statistics change, not when an image passes.
    """

    mean: Tensor  # (images, c)
    std: Tensor

    def __init__(self, face: Interface):
        super().__init__()
        self.register_buffer("mean", torch.zeros(face.images, face.image_ch))
        self.register_buffer("std", torch.ones(face.images, face.image_ch))
        self.active = False

    def set(self, mean: Sequence[float] | Tensor, std: Sequence[float] | Tensor) -> None:
        """Take the statistics of one image (c,) for both, or (2, c) for bg and fg_bg."""
        rows = [torch.as_tensor(row, dtype=torch.float32) for row in (mean, std)]
        if any(not row.isfinite().all() for row in rows) or not (rows[1] > 0).all():
            raise OptionError(f"normalisation takes finite means and positive deviations, not {mean!r} and {std!r}")
        try:
            rows = [row.expand_as(self.mean) for row in rows]  # both, before either is taken
        except RuntimeError:
            raise OptionError(
                f"normalisation of shapes {' and '.join(str(tuple(row.shape)) for row in rows)} does not fit; this"
                f" network takes ({self.mean.shape[1]},) or {tuple(self.mean.shape)}"
            ) from None
        self.mean.copy_(rows[0])
        self.std.copy_(rows[1])
        self.active = bool((rows[0] != 0).any() or (rows[1] != 1).any())

    def forward(self, image: Tensor, row: int) -> Tensor:
        if not self.active:
            return image
        return (image - self.mean[row, :, None, None]) / self.std[row, :, None, None]

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
        if not self.mean.is_meta:
            self.active = bool((self.mean != 0).any() or (self.std != 1).any())
