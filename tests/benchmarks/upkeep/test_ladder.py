"""Steps in processes of their own: the time is kept, what fails is told, the next goes on, a later run takes up."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.upkeep import ladder
from benchmarks.upkeep.ladder import Report, Step, climb
from registry import ZooError

HERE = {"device_name": "this one"}


def found(_: float) -> dict[str, Any]:
    return {"n": 1}


def refuses(_: float) -> dict[str, Any]:
    raise ZooError("no such thing here")


def dies(_: float) -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def sleeps(_: float) -> dict[str, Any]:
    time.sleep(60)
    return {}


def deaf(_: float) -> dict[str, Any]:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return sleeps(_)


def told(folder: Path, *steps: Step, seconds: float = 30, machine: dict[str, Any] = HERE) -> dict[str, tuple[str, Any]]:
    climb(steps, Report(folder, machine), folder, seconds)
    report = json.loads((folder / "report.json").read_text())
    return {name: (one["status"], one["said"] or one["found"]) for name, one in report["steps"].items()}


def test_what_fails_is_told_and_the_next_goes_on(tmp_path: Path) -> None:
    steps = [Step("bad", refuses, 5), Step("gone", dies, 5), Step("good", found, 5), Step("all", lambda s: {"s": s})]
    done = told(tmp_path, *steps)
    assert done["bad"] == ("failed", "no such thing here")
    assert done["gone"] == ("failed", "its process ended with exit code -9")
    assert done["good"] == ("done", {"n": 1})
    assert 15 < done["all"][1]["s"] < 30, "it has what the others have left"
    assert Report(tmp_path, HERE).code == 1


@pytest.mark.parametrize(("step", "grace"), [(sleeps, 5.0), (deaf, 0.3)])
def test_a_step_has_its_time_and_no_more(
    step: Callable[[float], dict[str, Any]], grace: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ladder, "GRACE", grace)
    begun = time.monotonic()
    done = told(tmp_path, Step("long", step, 0.2), Step("next", found, 1))
    assert [status for status, _ in done.values()] == ["stopped", "done"]
    assert time.monotonic() - begun < 20, "it would sleep for 60"


def test_when_all_the_time_is_over_nothing_is_begun(tmp_path: Path) -> None:
    begun = time.monotonic()
    done = told(tmp_path, Step("long", sleeps, 60), Step("next", found, 1), seconds=3.2)
    assert [status for status, _ in done.values()] == ["stopped", "no time"]
    assert 3 < time.monotonic() - begun < 20


def test_a_later_run_does_what_is_missing_on_one_machine_and_all_on_another(tmp_path: Path) -> None:
    def again(_: float) -> dict[str, Any]:
        return {"n": 2}

    assert told(tmp_path, Step("a", found, 5), Step("b", refuses, 5))["a"] == ("done", {"n": 1})
    assert told(tmp_path, Step("a", again, 5), Step("b", again, 5)) == {
        "a": ("done", {"n": 1}),
        "b": ("done", {"n": 2}),
    }
    assert told(tmp_path, Step("a", again, 5), machine={"device_name": "another"}) == {"a": ("done", {"n": 2})}
    (tmp_path / "report.json").write_text('{"mach')
    assert told(tmp_path, Step("a", found, 5)) == {"a": ("done", {"n": 1})}


def test_a_step_ends_with_whoever_began_it(tmp_path: Path) -> None:
    def notes(_: float) -> dict[str, Any]:
        (tmp_path / "pid").write_text(str(os.getpid()))
        return sleeps(_)

    def begins(_: float) -> dict[str, Any]:
        return {"said": ladder.carried_out(Step("inner", notes, 60), 60, tmp_path).said}

    def ended() -> bool:
        try:
            return Path(f"/proc/{(tmp_path / 'pid').read_text()}/stat").read_text().split()[2] == "Z"
        except FileNotFoundError:
            return True

    ladder.carried_out(Step("outer", begins, 60), 1.0, tmp_path)
    until = time.monotonic() + 5
    while not ended() and time.monotonic() < until:
        time.sleep(0.05)
    assert (tmp_path / "pid").exists()
    assert ended()
