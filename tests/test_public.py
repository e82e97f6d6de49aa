"""What is public is explained: a sentence, every argument, and an example that runs."""

import inspect
import re
from types import ModuleType

import pytest

from benchmarks import leaderboard
from benchmarks.compare import HELP
from benchmarks.upkeep.site.reference import PACKAGES, first_sentence, public

NAMES = {f"{package}.{name}": value for package in PACKAGES for name, value in public(package)}
FUNCTIONS = {name: value for name, value in NAMES.items() if inspect.isroutine(value)}
CLASSES = {name: value for name, value in NAMES.items() if isinstance(value, type) and not issubclass(value, Exception)}
LONG = {"zoo.adapt", "zoo.export", "zoo.optimise", "zoo.training.adapt"}  # minutes, or a package that may be missing
GIVEN = {  # by functions, whose examples show them; nobody makes one
    "zoo.losses.Losses",
    "zoo.metrics.Evaluation",
    "zoo.metrics.Maps",
    "zoo.metrics.Picks",
    "zoo.metrics.Result",
    "zoo.training.Adapted",
    "zoo.training.Run",
    "zoo.deploy.PredictReport",
    "zoo.weights.LoadReport",
}


def runs(value):
    """Whether an example of it is run."""
    return any(">>> " in line and "+SKIP" not in line for line in (inspect.getdoc(value) or "").splitlines())


def lacking(known, holds):
    return [name for name, value in known.items() if not holds(name, value)]


def test_every_name_has_a_sentence():
    known = {name: value for name, value in NAMES.items() if isinstance(value, type | ModuleType) or name in FUNCTIONS}
    assert lacking(known, lambda _, value: re.search(r"[.:`]$|\. ", first_sentence(value))) == []
    generated = {
        name: value for name, value in CLASSES.items() if first_sentence(value).startswith(f"{value.__name__}(")
    }
    assert list(generated) == [], "a dataclass without a docstring shows its signature"


def test_every_argument_is_explained():
    def explained(name, value):
        text = inspect.getdoc(value) + ("" if value is not leaderboard else " ".join(HELP))
        arguments = set(inspect.signature(value).parameters) - {"self"}
        return all(re.search(rf"\b{argument}\b", text) for argument in arguments)

    assert lacking(FUNCTIONS, explained) == []


def test_every_function_and_every_class_that_people_make_has_an_example_that_runs():
    assert lacking(FUNCTIONS | CLASSES, lambda name, value: runs(value) or name in LONG | GIVEN) == []
    assert lacking({name: NAMES[name] for name in LONG | GIVEN}, lambda _, value: not runs(value)) == [], (
        "no exceptions"
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_the_names_of_a_package_are_there(package):
    assert dict(public(package))
