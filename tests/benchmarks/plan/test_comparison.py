"""Options, from Python and from the command: the same names, words and limits."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import compare
from benchmarks.plan.comparison import TIERS, Comparison, Options, settled
from benchmarks.plan.presets import PRESETS, SUMMARIES
from benchmarks.show.sets import short
from registry import OptionError


def of(device: str = "cpu", **options: Any) -> Comparison:
    return settled(None, Options(**options), PRESETS, device)


def test_the_preset_follows_the_device_and_what_is_given_comes_in_its_place() -> None:
    assert of() == PRESETS["quick"]
    assert of("cuda:1", samples=7).measure == PRESETS["standard"].measure
    assert (of("cuda:1").device, of("cuda:1").layouts) == ("cuda:1", ("contiguous",))
    assert settled("unet", {"preset": "smoke", "scenes": None}, PRESETS, "cpu").models == "unet"
    assert of(preset="smoke").scenes == 40
    assert set(SUMMARIES) == set(PRESETS)


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("sizes", 224, ((224, 224),)),
        ("sizes", (64, (224, 320)), ((64, 64), (224, 320))),
        ("sizes", "64,224x320", ((64, 64), (224, 320))),
        ("measure", ["cost", "latency"], ("cost", "latency")),
        ("batches", (8, None), (8, None)),
        ("batches", "max", (None,)),
        ("seeds", range(3), None),
        ("seeds", [0, 1], (0, 1)),
        ("data", "pairbench:clean", ("pairbench:clean",)),
        ("data", ["a", "b"], ("a", "b")),
        ("train_size", (32, 48), (32, 48)),
        ("train_size", 32, (32, 32)),
        ("seconds", 1, 1.0),
        ("out", "here", Path("here")),
    ],
)
def test_values_are_read_as_they_are_meant(name: str, value: Any, found: Any) -> None:
    given = of(**{name: value, "measure": "accuracy"} if name != "measure" else {name: value})
    assert getattr(given, name) == (found if found is not None else tuple(value))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"size": 64}, "there is no option 'size'; did you mean sizes"),
        ({"preset": "quik"}, "there is no preset 'quik'; did you mean quick"),
        ({"measure": "costs"}, "measure: 'costs' is not accepted; choose from cost"),
        ({"sizes": 7}, "sizes: '7' is not a size; give pixels from 8 to 8192"),
        ({"seconds": 0}, "seconds: '0' is not accepted; give a number above 0"),
        ({"executor": "there"}, "there is no executor 'there'; did you mean here"),
        ({"train_precision": "tf32", "measure": "accuracy"}, "there is no train_precision 'tf32'"),
        ({"samples": 7}, "--samples is for accuracy and sensitivity, and measured are cost, latency, memory"),
    ],
)
def test_what_is_not_accepted_is_said(options: dict[str, Any], says: str) -> None:
    with pytest.raises(OptionError) as caught:
        of(**options)
    assert says in str(caught.value)


def test_equal_effort_learns_from_photographs_too_where_there_are_some(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    asked = of(recipes="effort", preset="standard")
    assert (asked.data, asked.test, asked.samples) == (("pairbench:wild",), TIERS, None)
    assert "no photographs in photos" in asked.assumed[0]
    for part in ("backgrounds", "cutouts"):
        (tmp_path / "photos" / part).mkdir(parents=True)
    asked = of(recipes="effort", preset="standard")
    (spec,) = asked.data
    assert short(spec) == "wild+collage"
    assert asked.test == (*TIERS, "photos")
    assert not asked.assumed
    given = of(recipes="effort", preset="standard", data="pairbench:hard", samples=640)
    assert (given.data, given.test, given.samples) == (("pairbench:hard",), (), 640)
    assert of(recipes="effort", preset="smoke").data == ("pairbench:hard",), "a preset that says what it learns from"


def test_the_command_has_every_option_and_no_default_of_its_own() -> None:
    given = vars(compare.arguments().parse_args([]))
    assert set(Options.__annotations__) <= set(given)
    assert {name for name in Options.__annotations__ if given[name]} == set()
