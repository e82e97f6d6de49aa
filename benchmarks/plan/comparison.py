"""Everything that a comparison is asked for, in one object: a preset, and what was given in its place.

The command and `benchmarks.leaderboard` give the same options, and the same words and numbers are accepted.
"""

from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict

from benchmarks.store.names import EFFORT, ENGINES, EQUAL, LAYOUTS, MEASURES
from registry import OptionError, nearest
from registry.arguments import at_least, listed, positive, several, threads
from registry.commandline import image_size, path
from registry.vocabulary import PORTABLE_PRECISIONS, PRECISIONS

Size = tuple[int, int]  # height, width

FOUNDING = "plain_cnn, unet, resnet18_unet, two_stream, resunet, u2netp, u2net, densedepth"
BASELINES = "frame_difference, aligned_difference"
EXECUTORS = ("here", "ray")
TIERS = ("pairbench:clean", "pairbench:hard", "pairbench:wild")
PHOTOS = "photos"  # a source, and the folder where it looks for them
ROUNDS = 3
WITHIN = 0.01


class Options(TypedDict, total=False):
    """The options that may be given; None means not given."""

    preset: str | None
    measure: str | Sequence[str] | None
    sizes: int | str | Sequence[int | Size] | None
    batches: int | str | Sequence[int | None] | None
    precisions: str | Sequence[str] | None
    engines: str | Sequence[str] | None
    layouts: str | Sequence[str] | None
    data: str | Sequence[str] | None
    test: str | Sequence[str] | None
    recipes: str | None
    loss: str | Sequence[str] | None
    metric: str | Sequence[str] | None
    samples: int | None
    seeds: int | str | Sequence[int] | None
    train_size: int | str | Size | None
    train_precision: str | None
    scenes: int | None
    weights: str | Path | None
    device: str | None
    threads: int | None
    workers: int | None
    seconds: float | None
    rounds: int | None
    within: float | None
    out: str | Path | None
    executor: str | None
    address: str | None
    resume: bool | None


@dataclass(frozen=True)
class Comparison:
    """Every combination of its settings is a cell."""

    models: str = f"{FOUNDING}, {BASELINES}"
    measure: tuple[str, ...] = ("cost", "latency", "memory")
    sizes: tuple[Size, ...] = ((224, 224),)
    batches: tuple[int | None, ...] = (16,)  # of throughput; None: the largest that fits
    precisions: tuple[str, ...] = ("fp32",)
    engines: tuple[str, ...] = ("eager",)
    layouts: tuple[str, ...] = LAYOUTS
    data: tuple[str, ...] = ("pairbench:clean", "pairbench:hard")
    test: tuple[str, ...] = ()  # sets that each trained network is tested on; none: the test split of its data
    recipes: str = EQUAL  # a name or a TOML file for all, or own: each network's own
    loss: tuple[str, ...] = ()  # [TASK=]LOSSES in place of the recipes'
    metric: tuple[str, ...] = ()  # of one's own, as my_metric.py:Mine, beside the catalog's
    samples: int | None = None  # of each training; None: as many as the recipe says
    seeds: tuple[int, ...] = (0,)
    train_size: Size = (64, 64)
    train_precision: str | None = None  # None: the recipe's
    scenes: int = 500  # of the test split
    weights: Path | None = None  # ready-made files, in place of training
    device: str = "cpu"
    threads: int | None = None  # on the CPU, on each machine; None: what torch chooses
    workers: int | None = None  # that make data for training
    seconds: float = 2.5  # of timing, for each cell
    rounds: int = ROUNDS  # at least, for each timed cell
    within: float = WITHIN  # the half width of a median's interval that ends its timing, as a share
    out: Path = Path("results")
    executor: str = "here"
    address: str | None = None  # of a Ray cluster; None: one is started here
    resume: bool = False
    assumed: tuple[str, ...] = ()  # what was found and decided where a folder of one's own was given and little else


def batch(text: str) -> int | None:
    """Images in a call; None for max, the largest that fits."""
    return None if text == "max" else at_least(1)(text)


TYPES: Mapping[str, Callable[[str], Any]] = {
    "measure": listed(*MEASURES),
    "sizes": several(image_size),
    "batches": several(batch),
    "precisions": listed(*PRECISIONS),
    "engines": listed(*ENGINES),
    "layouts": listed(*LAYOUTS),
    "samples": at_least(1, most=10**9),
    "seeds": several(at_least(0)),
    "train_size": image_size,
    "scenes": at_least(1),
    "weights": Path,
    "threads": threads,
    "workers": at_least(0),
    "seconds": positive,
    "rounds": at_least(1),
    "within": positive,
    "out": path,
}
CHOICES = {"train_precision": PORTABLE_PRECISIONS, "executor": EXECUTORS}
REPEATED = ("data", "test", "loss", "metric")  # options that may be given again
OF_TRAINING = (
    *("data", "test", "recipes", "loss", "metric", "samples", "seeds"),
    *("train_size", "train_precision", "scenes", "weights"),
)


def settled(models: str | None, options: Options, presets: Mapping[str, Comparison], device: str) -> Comparison:
    """The preset with what was given in its place. device: "cpu", "cuda:0"; it decides on the preset and the layouts
    where nothing does."""
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    for name in given:
        _require_known("option", name, Options.__annotations__)
    on_cpu = device == "cpu"
    preset = given.pop("preset", "quick" if on_cpu else "standard")
    _require_known("preset", preset, presets)
    read = {name: _read(name, value) for name, value in given.items()}
    usual = {"layouts": LAYOUTS if on_cpu else LAYOUTS[:1]}
    is_open = presets[preset].data == Comparison.data and "data" not in given
    own = of_effort() if is_open and given.get("recipes") == EFFORT else {}
    found = replace(presets[preset], **usual | own | read | {"device": device})
    _require_use(found, given)
    return replace(found, models=models) if models else found


def of_effort() -> dict[str, Any]:
    """What the recipe for equal effort learns from and is tested on, where nothing else is said, as many samples as it
    says. Without photographs these are other data, and so other cells."""
    if not all((Path(PHOTOS) / part).is_dir() for part in ("backgrounds", "cutouts")):
        told = f"no photographs in {PHOTOS} (`make photos` gets them): networks learn from pairbench:wild alone"
        return {"data": ("pairbench:wild",), "test": TIERS, "samples": None, "assumed": (told,)}
    collage = f"collage(plates={PHOTOS}/backgrounds, cutouts={PHOTOS}/cutouts)"
    return {"data": (f'mix("pairbench:wild", "{collage}")',), "test": (*TIERS, PHOTOS), "samples": None}


def _read(name: str, value: Any) -> Any:
    """A value that was given from Python, in the form and within the limits of the command line."""
    if name in CHOICES:
        _require_known(name, value, CHOICES[name])
    if name in REPEATED:
        return (value,) if isinstance(value, str) else tuple(value)
    if name not in TYPES:
        return value
    try:
        return TYPES[name](_typed(value, "x" if name == "train_size" else ","))
    except ArgumentTypeError as error:
        raise OptionError(f"{name}: {error}") from None


def _typed(value: Any, between: str) -> str:
    """As it would be typed: 64,224x320 for [64, (224, 320)]."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return between.join(_typed(each, "x") for each in value)
    return "max" if value is None else str(value)


def _require_known(what: str, name: str, known: Any) -> None:
    if name not in known:
        raise OptionError(f"there is no {what} {name!r}; {nearest(str(name), known)}")


def _require_use(found: Comparison, given: Mapping[str, Any]) -> None:
    """Raise where an option was given that nothing of what is measured would look at."""
    idle = [f"--{name.replace('_', '-')}" for name in OF_TRAINING if name in given]
    if idle and not {"accuracy", "sensitivity"} & {*found.measure}:
        raise OptionError(
            f"{', '.join(idle)} {'is' if len(idle) == 1 else 'are'} for accuracy and sensitivity, and measured are"
            f" {', '.join(found.measure)}; add --measure accuracy"
        )
    if found.weights and found.test:
        raise OptionError("ready-made weights are tested on --data; leave --test out")
    if found.address and found.executor != "ray":
        raise OptionError("--address is for --executor ray; give that too")
