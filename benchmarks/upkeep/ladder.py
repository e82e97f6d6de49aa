"""Steps one after the other, each a process of its own with a time of its own, all of them within a limit.

A step that fails or takes too long is reported, and the next goes on. What a step finds is in the report as soon as it
has ended; whatever it writes itself into the folder is there at once. A later run goes on from such a folder.

Steps are forks of this process, so that what it has imported is not imported again. It must not use the device itself:
CUDA does not live on in a fork.
"""

import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.measures.memory import end_with
from benchmarks.store.files import one_line, write_text
from registry import ZooError
from registry.commandline import INTERRUPTED

REPORT = "report.json"
SLACK = 1.4  # times its estimate that a step may take
GRACE = 8.0  # seconds from the word to stop until what still runs is killed
LEAST = 3.0  # seconds with which no step is begun
PAUSE = 0.02  # seconds between two looks at a step
DONE, FAILED, STOPPED, LATE = "done", "failed", "stopped", "no time"

Found = dict[str, Any]  # what a step found, as JSON has it
Machine = Mapping[str, Any]  # what makes a machine another one


@dataclass(frozen=True)
class Step:
    """One step. seconds: about how long it takes; None: a share of what the others leave."""

    name: str
    run: Callable[[float], Found]  # called with the seconds that it has
    seconds: float | None = None
    share: float = 1.0


@dataclass
class Outcome:
    """How a step ended, what was said of that, and what it found."""

    status: str
    seconds: float = 0.0
    said: str = ""
    found: Any = None


class Report:
    """What came of the steps, in a file that is whole at any moment."""

    def __init__(self, folder: Path, machine: Machine):
        self.path, self.machine = folder / REPORT, dict(machine)
        self.steps: dict[str, Outcome] = {}
        with suppress(OSError, ValueError, KeyError, TypeError):  # none yet, or one that cannot be read: all anew
            before = json.loads(self.path.read_text("utf-8"))
            if before["machine"] == self.machine:
                self.steps = {name: Outcome(**told) for name, told in before["steps"].items()}

    def add(self, name: str, outcome: Outcome) -> None:
        self.steps[name] = outcome
        told = {"machine": self.machine, "steps": {name: asdict(one) for name, one in self.steps.items()}}
        write_text(self.path, json.dumps(told, indent=1) + "\n")

    def found(self, name: str) -> Any:
        """What a step found, in this run or in the one before; None where it has not ended well."""
        one = self.steps.get(name)
        return one.found if one and one.status == DONE else None

    @property
    def code(self) -> int:
        """Of the command: 0 where all steps ended well."""
        return int(any(one.status != DONE for one in self.steps.values()))


def climb(steps: Sequence[Step], report: Report, work: Path, seconds: float) -> None:
    """Go through the steps that the report has not as done, until the seconds are over."""
    end = time.monotonic() + seconds
    for number, step in enumerate(steps):
        if report.found(step.name) is not None:
            print(f"{step.name}: done before", flush=True)
            continue
        left = end - time.monotonic()
        if left < LEAST:
            report.add(step.name, Outcome(LATE))
            print(f"{step.name}: no time", flush=True)
            continue
        mine = allowed(step, steps[number + 1 :], left)
        print(f"{step.name}: {mine:.0f} s of {left:.0f} s", flush=True)
        outcome = carried_out(step, mine, work)
        report.add(step.name, outcome)
        print(f"{step.name}: {outcome.status} after {outcome.seconds:.0f} s. {outcome.said}".rstrip(". "), flush=True)


def allowed(step: Step, later: Sequence[Step], left: float) -> float:
    """The seconds that a step may take.

    >>> a, b, c = Step("a", dict, 10), Step("b", dict, share=0.5), Step("c", dict, 20)
    >>> allowed(a, [b, c], 100), allowed(b, [c], 100), allowed(c, [], 5), allowed(b, [c], 15)
    (14.0, 40.0, 5, 7.5)
    """
    if step.seconds is not None:
        return min(SLACK * step.seconds, left)
    reserved = sum(one.seconds or 0 for one in later)
    return step.share * (left - reserved if left > reserved else left)


def carried_out(step: Step, seconds: float, work: Path) -> Outcome:
    """A step in a process of its own; it is told to stop when its time is over, and killed if it does not."""
    begun, told = time.monotonic(), work / f"{step.name}.json"
    told.unlink(missing_ok=True)
    sys.stdout.flush()
    parent, child = os.getpid(), os.fork()
    if not child:
        _become(step, seconds, told, parent)
    late = False
    try:
        while not (ended := os.waitpid(child, os.WNOHANG))[0]:
            over = time.monotonic() - begun - seconds
            if over > 0:
                _signal(child, signal.SIGKILL if over > GRACE else None if late else signal.SIGINT)
                late = True
            time.sleep(PAUSE)
    except BaseException:  # Ctrl-C, or the word to end: the step ends, too
        _signal(child, signal.SIGKILL)
        os.kill(child, signal.SIGKILL)  # it may not lead a group yet
        os.waitpid(child, 0)
        raise
    _signal(child, signal.SIGKILL)  # what it has left running
    took = round(time.monotonic() - begun, 2)
    with suppress(OSError, ValueError, TypeError):  # it was killed before it could say anything
        return Outcome(**json.loads(told.read_text("utf-8"))[0], seconds=took)
    code = os.waitstatus_to_exitcode(ended[1])
    return Outcome(STOPPED, took) if late else Outcome(FAILED, took, f"its process ended with exit code {code}")


def _signal(group: int, number: signal.Signals | None) -> None:
    if number is not None:
        with suppress(ProcessLookupError):
            os.killpg(group, number)


def _become(step: Step, seconds: float, told: Path, parent: int) -> None:
    """Be the step's process, and end with it."""
    code = 1
    try:
        os.setsid()  # with all that it starts it can be ended as one
        threading.Thread(target=end_with, args=(parent,), daemon=True).start()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        outcome = _outcome(step, seconds)
        write_text(told, json.dumps([{name: value for name, value in vars(outcome).items() if name != "seconds"}]))
        code = 0
    except KeyboardInterrupt:  # while it was written
        code = INTERRUPTED
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _outcome(step: Step, seconds: float) -> Outcome:
    try:
        return Outcome(DONE, found=step.run(seconds))
    except KeyboardInterrupt:
        return Outcome(STOPPED, said="its time was up")
    except ZooError as error:
        return Outcome(FAILED, said=str(error))
    except Exception as error:
        traceback.print_exc()
        return Outcome(FAILED, said=one_line(error))
