"""A recipe: how a network is trained, as data. It can be read from TOML, printed as TOML, and scaled to a budget.

>>> recipe = Recipe(model="unet", data="pairbench:hard", stages=(Stage(size=64, samples=50_000, lr=0.01),))
>>> Recipe.from_toml(recipe.to_toml()) == recipe
True
"""

import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal

from registry import (
    ABOVE_0,
    BELOW_1,
    BETWEEN,
    FROM_1,
    Entry,
    Limit,
    Spec,
    UnknownNameError,
    nearest,
    options_of,
    require,
)  # fmt: skip
from registry.vocabulary import SMALLEST, Precision
from zoo import losses
from zoo.contract import TASKS, Task, words
from zoo.data.augment import augment
from zoo.factory import resolve
from zoo.training import optimizers, schedules, start
from zoo.training.code import code_named, require_named
from zoo.training.fields import RecipeError as RecipeError
from zoo.training.fields import check, from_mapping, located
from zoo.training.splits import training_data
from zoo.training.toml import dumps

SCHEMA = 1
SEED = Limit("a whole number from 0 to 2**63 - 1", lambda seed: 0 <= seed < 2**63)
RATES = Limit(
    "two numbers above 0 or more, each once",
    lambda rates: 1 < len(rates) == len(set(rates)) and all(map(ABOVE_0.holds, rates)),
)
CHOOSE_AFTER = 0.25  # of the samples
LONGEST = 200  # characters of what the reader of TOML says


@dataclass(frozen=True, kw_only=True)
class Objective:
    """What is minimised: an expression of losses for each task, and how the two become one number.

    >>> list(Objective(mask="bce + dice", depth="").build().expressions)
    ['mask']
    """

    mask: Annotated[str, "losses of the mask, as bce + 0.5*dice; empty for none"] = "bce"
    depth: Annotated[str, "losses of the depth, as ssim + 0.1*l1; empty for none"] = "l1"
    mask_weight: Annotated[float, "weight of the mask's losses"] = 1.0
    depth_weight: Annotated[float, "weight of the depth's losses"] = 1.0
    deep: Annotated[
        Literal["final", "sum", "mean"], "loss of the final output only, or the sum or mean over all side outputs"
    ] = "final"
    balance: Annotated[str, "how the tasks are weighted: fixed, uncertainty, dwa or pcgrad"] = "fixed"

    def __post_init__(self) -> None:
        check(self)
        self.build()

    def build(self) -> losses.Criterion:
        """What computes the losses."""
        return losses.objective(
            mask=self.mask or None,
            depth=self.depth or None,
            weights={task: getattr(self, f"{task}_weight") for task in TASKS if getattr(self, task)},
            deep=self.deep,
            balance=self.balance,
        )


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One part of training: a size, an amount, a rate, and what of the network learns.

    >>> Stage(size=64, samples=1_000).hw
    (64, 64)
    """

    name: Annotated[str, "name in logs; empty: its number"] = ""
    size: Annotated[int | tuple[int, int], "pixels of the images, one number or (h, w)"] = 64
    samples: Annotated[int | None, "number of training samples; or give epochs", FROM_1] = None
    epochs: Annotated[float | None, "number of passes over the data; or give samples", ABOVE_0] = None
    batch: Annotated[int, "batch size, over all processes", FROM_1] = 32
    lr: Annotated[float, "learning rate; the schedule multiplies it", ABOVE_0] = 0.01
    schedule: Annotated[str, "constant, step, cosine, one_cycle or plateau, over this stage"] = "constant"
    tasks: Annotated[tuple[Task, ...], "tasks whose losses count"] = TASKS
    freeze: Annotated[
        tuple[str, ...], "patterns of parameters to freeze; !pattern unfreezes; the last match decides"
    ] = ()
    norms: Annotated[Literal["live", "frozen"], "batch norms use the batch's statistics, or the running ones"] = "live"

    def __post_init__(self) -> None:
        for option in ("tasks", "freeze"):  # a text is a list of one, or of several with commas
            object.__setattr__(self, option, tuple(filter(None, words(option, getattr(self, option), "words"))))
        check(self)
        require(min(self.hw) >= SMALLEST, "size", self.size, f"pixels from {SMALLEST} up")
        if (self.samples is None) == (self.epochs is None):
            both = "" if self.samples is None else f", not samples={self.samples} and epochs={self.epochs:g}"
            raise RecipeError(f"a stage needs either samples or epochs{both}")
        require(0 < len(self.tasks) == len(set(self.tasks)), "tasks", self.tasks, "mask, depth, or both, once each")
        schedules.build(self.schedule)

    @property
    def hw(self) -> tuple[int, int]:
        return (self.size, self.size) if isinstance(self.size, int) else self.size


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that decides what a training gives, the machine aside.

    >>> Recipe(model="unet", stages=(Stage(size=64, samples=1_000),)).to_toml().splitlines()[1]
    'model = "unet"'
    """

    model: Annotated[str, "spec of the network"]
    data: Annotated[str, "spec of the data"] = "pairbench:hard"
    start: Annotated[
        str | None, "weights to start from: a file, a training's folder, or a ready name; None: random"
    ] = None
    stages: Annotated[tuple[Stage, ...], Limit("one Stage or more", bool)]
    objective: Objective = field(default_factory=Objective)
    optimizer: Annotated[str, "sgd or adamw with options, as sgd(momentum=0.9)"] = "adamw"
    rates: Annotated[
        tuple[float, ...] | None, "learning rates to try for the first stage; others keep their proportion", RATES
    ] = None
    choose_after: Annotated[
        float | None, "share of the samples after which the best of rates is chosen; None: 0.25", BETWEEN
    ] = None
    augment: Annotated[str, "augmentations, as flip, noise(std=0.02); empty for none"] = ""
    epoch: Annotated[int | None, "samples that count as one epoch; None: as many as the data has", FROM_1] = None
    normalise: Annotated[Literal["model", "data"], "image statistics of the network, or of the data"] = "model"
    clip_norm: Annotated[float | None, "largest norm of the gradient", ABOVE_0] = None
    clip_value: Annotated[float | None, "largest value of a gradient", ABOVE_0] = None
    ema: Annotated[float, "decay of the running average of weights; 0: none", BELOW_1] = 0.0
    precision: Annotated[Precision, "of the network's computations"] = "fp32"
    layout: Annotated[Literal["contiguous", "channels_last"], "memory layout of images and weights"] = "contiguous"
    compile: Annotated[bool, "compile the network with torch.compile"] = False
    sync_norms: Annotated[bool, "batch norm statistics over all GPUs"] = False
    validate_every: Annotated[
        int | None, "training samples between validations; None: ten validations in all", FROM_1
    ] = None
    metrics: Annotated[str | None, "additional metrics of each validation, as mask_mae,my_metric.py:Mine"] = None
    validate_samples: Annotated[int, "samples of each validation", FROM_1] = 200
    seed: Annotated[int, "random seed of weights, order and augmentation", SEED] = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", _stages(self.stages))
        object.__setattr__(self, "objective", _objective(self.objective))
        check(self)
        if self.rates and self.choose_after is None:
            object.__setattr__(self, "choose_after", CHOOSE_AFTER)
        if self.choose_after is not None and not self.rates:
            raise RecipeError(f"choose_after={self.choose_after:g} says when one of rates is chosen; give rates, too")
        Spec.parse(self.model)  # whether it is known is asked where it is built: it may be a user's own
        optimizers.optimizers.resolve(self.optimizer)
        _augment_text(self.augment)

    def resolved(self) -> "Recipe":
        """The recipe with every option of its specs, as a record keeps it: a default may change, a record may not."""
        model = self.model
        with suppress(UnknownNameError):  # a network of one's own
            model = _written(resolve, model)
        return replace(self.spelled(), model=model, data=str(training_data(self.data, self.stages[0].hw).spec))

    def spelled(self) -> "Recipe":
        """The recipe with every option of its schedules, losses, optimizer and augmentation, and the digest of what it
        starts from: how is learned, whatever network and data."""
        aim = self.objective.build()
        tasks: dict[str, Any] = {task: str(expression) for task, expression in aim.expressions.items()}
        return replace(
            self,
            start=self.start and start.spelled(self.start),
            stages=tuple(
                replace(stage, schedule=_written(schedules.schedules.resolve, stage.schedule)) for stage in self.stages
            ),
            objective=replace(self.objective, **tasks, balance=str(aim.balance.spec)),
            optimizer=_written(optimizers.optimizers.resolve, self.optimizer),
            augment=_augment_text(self.augment),
        )

    def to_dict(self) -> dict[str, Any]:
        """Every field, as TOML can hold it; it has no word for None, which is a default wherever it is accepted."""
        return {"schema": SCHEMA, **asdict(self, dict_factory=_plain)}

    def to_toml(self) -> str:
        return dumps(self.to_dict())

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Recipe":
        """From nested mappings; a name that does not exist is an error with its neighbours."""
        given = dict(data)
        schema = given.pop("schema", SCHEMA)
        if schema != SCHEMA:
            raise RecipeError(f"this recipe has schema {schema!r}, and this version reads {SCHEMA}")
        return from_mapping(cls, given, "recipe", {"under [[stages]]": Stage, "under [objective]": Objective})

    @property
    def code(self) -> set[str]:
        """Code of one's own that it starts."""
        return code_named({**vars(self), **vars(self.objective)})

    @classmethod
    def from_toml(cls, text: str, named: Collection[str] = ()) -> "Recipe":
        """named: code of one's own that it may start, as my_net.py:Net; no file starts code that nobody has named."""
        try:
            data = tomllib.loads(text)
        except (ValueError, RecursionError) as error:  # a ValueError alone of a number with too many digits
            raise RecipeError(f"this is no TOML: {str(error)[:LONGEST]}") from None
        data.pop("card", None)  # what a catalog of recipes says of it
        require_named(data, named)
        return cls.from_dict(data)

    @classmethod
    def read(cls, path: str | PathLike[str], named: Collection[str] = ()) -> "Recipe":
        """A recipe from a TOML file; named as in `from_toml`."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise RecipeError(f"{path} is not a text file; a recipe is a TOML file") from None
        with located(str(path)):
            return cls.from_toml(text, named)

    def changed(self, **changes: Any) -> "Recipe":
        """The recipe with some fields replaced, its own or the objective's; one of a stage, as lr, in every stage."""
        known = [options_of(kind) for kind in (Recipe, Stage, Objective)]
        for name in changes:
            if not any(name in fields for fields in known):
                raise RecipeError(f"a recipe has no field {name!r}; {nearest(name, chain(*known))}")
        own, staged, aim = ({name: changes[name] for name in changes if name in fields} for fields in known)
        for name, other in (("samples", "epochs"), ("epochs", "samples")):
            if staged.get(name) is not None:
                staged.setdefault(other, None)  # the amount is given in one of the two
        if "lr" in staged:
            own.setdefault("rates", None)  # a rate that is given is not chosen
        if not own.get("rates", True):
            own.setdefault("choose_after", None)
        recipe = replace(self, **own)
        return replace(
            recipe,
            stages=tuple(replace(stage, **staged) for stage in recipe.stages),
            objective=replace(recipe.objective, **aim),
        )


ABOVE = {"above all tables": Recipe}  # where a name may belong that stands in a table by mistake


def _stages(given: Any) -> tuple[Stage, ...]:
    given = (given,) if isinstance(given, Stage) else given
    if not isinstance(given, list | tuple) or not all(isinstance(stage, Mapping | Stage) for stage in given):
        raise RecipeError("stages is a list of tables, each begun by [[stages]]")
    return tuple(
        stage if isinstance(stage, Stage) else from_mapping(Stage, stage, f"stage {number}", ABOVE)
        for number, stage in enumerate(given, start=1)
    )


def _objective(given: Any) -> Objective:
    if not isinstance(given, Mapping | Objective):
        raise RecipeError("objective is a table, begun by [objective]")
    return given if isinstance(given, Objective) else from_mapping(Objective, given, "objective", ABOVE)


def _written(resolved: Callable[[str], tuple[Entry[Any], dict[str, Any]]], text: str) -> str:
    """A spec with every option."""
    entry, options = resolved(text)
    return str(Spec(entry.name, options))


def _augment_text(text: str) -> str:
    return str(augment(text)) if text else ""


def _plain(fields: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """With lists for tuples; what is None stays out, because TOML has no word for it."""
    plain = ((name, list(value) if isinstance(value, tuple) else value) for name, value in fields)
    return {name: value for name, value in plain if value is not None}
