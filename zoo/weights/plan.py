"""What loading a file will do to a network; nothing in the network changes before the plan is complete."""

from collections.abc import Collection, Mapping
from pathlib import Path

from torch import Tensor

from registry import listed
from zoo.contract import Link, Task
from zoo.model import PairModel
from zoo.weights.files import WeightsError, require_kind
from zoo.weights.stem import fit_stem

COUNTER = "num_batches_tracked"  # of batch norms: older files lack it, and no output depends on it


class LoadPlan:
    """Tensors of a file, each with its place in a network.

    tensors: our name -> value. unused: the file's names without a place. unfit: why some cannot take theirs.
    """

    def __init__(self, model: PairModel, path: Path):
        self.path = path
        self.face = model.face
        self.spec = model.spec
        self.own = model.state_dict()
        self.tensors: dict[str, Tensor] = {}
        self.inflated: list[str] = []
        self.unused: list[str] = []
        self.unfit: list[str] = []
        self.notes: list[str] = []
        self.links: dict[Task, Link] = {}
        self.is_imagenet = False

    def place(self, key: str, value: Tensor, ours: str | None) -> None:
        """A tensor that must fit as it is."""
        if ours is None or ours not in self.own:
            self.unused.append(key)
        elif value.shape != self.own[ours].shape:
            self.unfit.append(f"{key} is {_shape(value)} and the network's {_shape(self.own[ours])}")
        else:
            require_kind(self.path, key, value, self.own[ours])
            self.tensors[ours] = value

    def place_stem(self, key: str, value: Tensor, ours: str, *, may_differ: bool = False) -> None:
        """A first layer, widened where the network sees more; may_differ: leave out one that is of another kind."""
        own = self.own.get(ours)
        is_alike = own is not None and _beside_channels(value) == _beside_channels(own)
        if own is None or not (is_alike or may_differ):
            self.place(key, value, ours)
        elif not is_alike:
            self.unused.append(key)
            self.notes.append(f"its first layer is {_shape(value)}, the network's {_shape(own)}: left fresh")
        else:
            require_kind(self.path, key, value, own)
            try:
                fitted = fit_stem(value.float(), own.shape[1], self.face.image_ch)
            except WeightsError as error:
                self.unfit.append(f"{key}: {error}")
                return
            is_same = fitted.shape == value.shape and fitted.equal(value.float())
            self.inflated += [] if is_same else [ours]
            self.tensors[ours] = value if is_same else fitted

    def is_stem(self, ours: str, value: Tensor) -> bool:
        """Whether a tensor of the same name differs from the network's as a first layer for other images would."""
        own = self.own[ours]
        image_ch = self.face.image_ch
        widths = (image_ch, 2 * image_ch, 3 * image_ch)
        is_conv = own.dim() == 4 and own.shape != value.shape
        return is_conv and own.shape[1] in widths and _beside_channels(value) == _beside_channels(own)

    def require_all(self, parts: Collection[str], decoder: str) -> None:
        """Where names do not tell which encoder it is: these parts of the file have all that ours have, and no more."""
        ours = "encoder.net.", f"decoders.{decoder}."
        surplus = [key for key in self.unused if key.partition(".")[0] in parts]
        lacking = [key for key in self.own if key.startswith(ours) and key not in self.tensors and not is_minor(key)]
        if surplus and not self.unfit:
            self.unfit.append(f"{len(surplus)} of its tensors have no place here ({listed(surplus, 1)})")
        elif lacking and not self.unfit:
            self.unfit.append(f"it lacks {len(lacking)} of the network's ({listed(lacking, 1)})")

    def check(self, file: str, hint: str) -> None:
        """Raise WeightsError where something does not fit, or nothing does."""
        if self.unfit:
            raise WeightsError(f"{file} does not fit this {self.spec.name}: {listed(self.unfit)}; {hint}")
        if all(map(is_minor, self.tensors)):
            raise WeightsError(f"{file} holds nothing that fits {self.spec}; {hint}")

    def link(self, links: Mapping[Task, Link]) -> None:
        """Take over what the file's heads mean, for the tasks whose decoders it fills."""
        for task, now in zip(self.face.tasks, self.face.link, strict=True):
            filled = any(f".{task}." in f".{key}" for key in self.tensors)
            if filled and links.get(task, now) != now:
                self.links[task] = links[task]
                self.notes.append(f"link={links[task]} is set for {task}, as it was trained")


def notes_on(tensors: Mapping[str, Tensor]) -> tuple[str, ...]:
    """What must be said of a file's numbers."""
    broken = [key for key, value in tensors.items() if value.dtype.itemsize > 1 and not value.isfinite().all()]
    return (f"not every number is finite in {listed(broken)}: its training may have diverged",) if broken else ()


def is_minor(key: str) -> bool:
    """Whether no weight is lost without it: counters of batch norms, and the statistics of images."""
    return key.endswith(COUNTER) or key.startswith("normalise.")


def _beside_channels(value: Tensor) -> tuple[int, ...]:
    return (*value.shape[:1], *value.shape[2:]) if value.dim() == 4 else ()


def _shape(value: Tensor) -> str:
    return " x ".join(map(str, value.shape)) or "a number"
