"""train a network by a recipe; stop at any time and continue with --resume"""

import math
import os
import signal
import sys
import tomllib
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from contextlib import suppress
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from registry import OptionError, Spec, SpecError
from registry.commandline import INTERRUPTED, path, whole
from registry.vocabulary import PRECISIONS

if TYPE_CHECKING:
    from zoo.training import Recipe, StoppedError

TERMINATED = 143  # exit code after SIGTERM, as a shell has it
PLAIN = ("model", "data", "start", "seed", "precision", "batch")  # fields of a recipe with an option of their own


def arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--recipe", metavar="NAME_OR_FILE", help="a name from zoo list --recipes, or a TOML file")
    add("--out", type=path, metavar="RUN", help="a new folder for weights, log, pictures and checkpoints")
    add("--data", metavar="SPEC", help="data instead of the recipe's: pairbench:clean, or a folder")
    add("--model", metavar="SPEC", help="network instead of the recipe's; your own: my_net.py:Net")
    add(
        "--from",
        dest="start",
        metavar="WEIGHTS",
        help="weights to start from: a file, a training's folder, or a name from zoo list --weights",
    )
    add(
        "--loss",
        action="append",
        default=[],
        metavar="[TASK=]LOSSES",
        help="losses instead of the recipe's, for both tasks or one: depth=l1",
    )
    add(
        "--metric",
        action="append",
        default=[],
        metavar="NAME",
        help="one more metric at each validation, as my_metric.py:Mine",
    )
    add("--samples", type=whole(1), help="number of training samples in total; every stage is scaled")
    add("--batch", type=whole(1), help="batch size of every stage")
    add("--seed", type=whole(0), help="random seed of weights, order and augmentation")
    add("--precision", choices=PRECISIONS, help="of the network's computations")
    add(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        type=_field,
        help="change any field of the recipe, as lr=0.003; a field of a stage changes in every stage",
    )
    add("--resume", action="store_true", help="continue the training in --out")
    machine_arguments(parser)
    add(
        "--tensorboard",
        action="store_true",
        help="also write files for TensorBoard; needs pip install 'pairzoo[tensorboard]'",
    )
    add("--profile", action="store_true", help="measure where a step's time goes, write a trace to --out, and exit")
    add("--print", action="store_true", help="print the complete recipe as TOML, and exit")


def machine_arguments(parser: ArgumentParser) -> None:
    """Where to compute; `zoo adapt` takes them too."""
    add = parser.add_argument
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N; default: auto")
    add(
        "--workers",
        type=whole(0),
        help="processes that prepare data; default: one fewer than the available cores",
    )
    add("--save-every", type=_seconds, default=120.0, metavar="SECONDS", help="time between checkpoints; default: 120")


def stopped_by(stopped: "StoppedError") -> int:
    """The exit code of a training that was asked to stop."""
    return INTERRUPTED if stopped.signal == signal.SIGINT else TERMINATED


def run(args: Namespace) -> int | None:
    from zoo.progress import progress
    from zoo.training import Setup, StoppedError, budgeted, fit

    recipe = _recipe(args)
    if args.out is None and not args.print:
        raise OptionError("no folder to write to; give --out RUN, a new folder")
    if args.print or args.profile:
        if recipe is None:
            raise OptionError("no recipe; give --recipe NAME or FILE.toml")
        recipe = budgeted(recipe, args.samples)
        if args.profile:
            from zoo.training.profile import profile

            print(profile(recipe, args.out, device=args.device, workers=args.workers).table(), end="")
        else:
            print(f"{_heading(args.recipe)}{recipe.to_toml()}", end="")
        return None
    try:
        with progress() as tick:
            setup = Setup(**{field.name: getattr(args, field.name) for field in fields(Setup)})
            done = fit(recipe, args.out, samples=args.samples, resume=args.resume, setup=setup, tick=tick)
    except StoppedError as stopped:
        if _is_first():
            print(stopped, file=sys.stderr)
        return stopped_by(stopped)
    if not _is_first():
        return None
    if tried := [line for line in done.log if line["kind"] == "rate"]:
        told = ", ".join(f"{line['rate']:g} loss {line['loss'] or math.nan:.4g}" for line in tried)
        print(f"rate {next(line['rate'] for line in tried if line['chosen']):g}, chosen among {len(tried)}: {told}")
    looks = [line for line in done.log if line["kind"] == "validation"]
    if looks:
        kept = {name: value for name, value in looks[-1].items() if name not in ("kind", "step", "stage", "samples")}
        print(", ".join(f"{name} {value:.4g}" for name, value in kept.items() if value is not None))
    if done.model.loaded is not None and done.model.loaded.is_plain:  # what is not so is a warning at once
        print(f"started from {done.model.loaded}")
    print(f"written: {done.weights}, and the log, pictures and recipe.toml beside it")
    return None


def _is_first() -> bool:
    """Whether this is the process that speaks, where a launcher has started several."""
    return os.environ.get("RANK", "0") == "0"


def _recipe(args: Namespace) -> "Recipe | None":
    """The recipe that was named, with what the command line changes in it; None for the one of a run to resume."""
    from zoo import losses, recipes
    from zoo.contract import TASKS
    from zoo.training.code import code_named
    from zoo.training.folder import RECIPE
    from zoo.training.recipe import Recipe

    changes: dict[str, Any] = {name: getattr(args, name) for name in PLAIN if getattr(args, name) is not None}
    changes |= dict(args.set) | ({"metrics": ",".join(args.metric)} if args.metric else {})
    named = code_named(changes).union(*(losses.code(losses.task_of(text)[1]) for text in args.loss))
    recipe = None
    if args.recipe is not None:
        recipe = recipes.build(args.recipe, named=named)
    elif named and args.resume and args.out is not None and (args.out / RECIPE).exists():
        recipe = Recipe.read(args.out / RECIPE, named)
    if recipe is not None:
        trained = [task for task in TASKS if getattr(recipe.objective, task)]
        return recipe.changed(**losses.by_task(args.loss, trained), **changes)
    changes |= {"loss": args.loss} if args.loss else {}
    if changes and args.resume:
        raise OptionError(f"--resume continues the run with its own settings; leave out {', '.join(changes)}")
    if changes:
        raise OptionError(f"no recipe to change {', '.join(changes)} in; give --recipe NAME or FILE.toml")
    return None


def _heading(name: str) -> str:
    """What the catalog says of a recipe, its notes too, as comments of TOML."""
    from zoo.recipes import recipes

    if name.endswith(".toml"):
        return ""
    entry = recipes.get(name)
    origin = f"; after {entry.card.origin}" if entry.card.origin else ""
    notes = [f"# - {note}" for note in entry.card.notes]
    lines = [f"# {entry.name}: {entry.card.summary}{origin}"]
    lines += ["# where it departs from the original, and what the authors did not publish:"] * bool(
        origin and notes
    ) + notes
    return "".join(f"{line}\n" for line in lines) + "\n"


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds; give 0 or more")
    return seconds


def _field(text: str) -> tuple[str, Any]:
    """FIELD=VALUE, the value as TOML or a spec has it; what is neither is text."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ArgumentTypeError(f"{text!r} is not FIELD=VALUE; write it as lr=0.003")
    with suppress(ValueError, RecursionError):
        return name.strip(), tomllib.loads(f"value = {value}")["value"]
    with suppress(SpecError):  # it has none, and (64, 96)
        options = Spec.parse(f"field(value={value})").options
        if list(options) == ["value"]:
            return name.strip(), options["value"]
    return name.strip(), value.strip()
