"""Begin a command, kill it, begin it again; at last let it finish."""

import os
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import forked
from fuzzing.limits import drafts

from killing.work import OUT, Work, lay_out

HANGS = 600.0  # seconds
MOST = 0.6  # of an undisturbed run's seconds; a kill comes before that


@dataclass
class Told:
    """What was done."""

    kills: int = 0
    runs: int = 0  # that came to their end, each of them the same as the undisturbed one
    seconds: float = 0.0  # of an undisturbed one


def disturbed(work: Work, base: Path, kills: int, chance: random.Random) -> Told:
    """Kill it so often; an AssertionError tells what was lost or doubled."""
    forked.warm()
    expected = _folder(base / "undisturbed")
    begun = time.monotonic()
    _finish(work, expected)
    told = Told(seconds=time.monotonic() - begun)
    while told.kills < kills:
        folder = _folder(base / f"disturbed-{told.runs}")
        while told.kills < kills and _killed(work, folder, chance.uniform(0, MOST * told.seconds)):
            told.kills += 1
            work.whole(folder)
            if work.over(folder):
                break
        if not work.over(folder):
            _finish(work, folder)
        work.same(folder, expected)
        assert (left := drafts(folder, set())) == [], f"half written: {left}"
        told.runs += 1
    return told


def _killed(work: Work, folder: Path, after: float) -> bool:
    """Whether it was killed so many seconds after it was begun: alone, its workers live on; or it had ended."""
    pid = forked.start(_words(work, folder), folder)
    time.sleep(after)
    os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in (0, -signal.SIGKILL), f"exit code {code}: {_said(folder)}"
    return code != 0


def _finish(work: Work, folder: Path) -> None:
    ended = forked.run(_words(work, folder), folder, HANGS)
    assert ended.code == 0, f"exit code {ended.code}: {ended.stderr}"


def _words(work: Work, folder: Path) -> tuple[str, ...]:
    return work.again if work.again and (folder / OUT / work.begun).exists() else work.words


def _folder(folder: Path) -> Path:
    folder.mkdir()
    lay_out(folder)
    return folder


def _said(folder: Path) -> str:
    return folder.with_suffix(forked.STDERR).read_text(errors="replace")
