"""A few cases of the fuzz campaign (`make fuzz` runs it at length), and every case that was a finding once."""

import time
from pathlib import Path

import pytest
from fuzzing import limits
from fuzzing.campaign import campaign
from fuzzing.case import Case, kept, read
from fuzzing.kinds import KINDS
from fuzzing.outcome import REFUSED, WORKS, outcome
from hypothesis import strategies as st

from registry import ZooError

FEW = {"commands": 8, "images": 40}
OTHERS = 25
LIMIT = 300.0  # seconds; a few are needed


@pytest.mark.parametrize("name", KINDS)
def test_nothing_breaks_what_reads_it(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    most = FEW.get(name, OTHERS)
    tally = campaign(kind.cases(), kind.judge, tmp_path, most=most, until=time.monotonic() + LIMIT)
    assert [told for told, _ in tally.found.values()] == []
    assert tally.cases == most
    assert tally.ended[WORKS] + tally.ended[REFUSED] == most


@pytest.mark.parametrize("path", kept(), ids=lambda path: path.stem)
def test_what_was_found_once_stays_mended(path: Path, tmp_path: Path) -> None:
    name, case = read(path)
    assert KINDS[name].judge(case, tmp_path) in (WORKS, REFUSED)


def _breaks(folder: Path, how: str) -> None:
    """A door with every fault that the campaign is to see."""
    if how == "error":
        raise KeyError("x")
    if how == "draft":
        (folder / ".x.part").touch()
    if how == "memory":
        print(len(b"x" * (400 << 20)))
    if how == "refusal":
        raise ZooError("no")
    if how == "essay":
        raise ZooError("no" * 9999)
    if how == "time":
        time.sleep(60)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("error", "KeyError in "),
        ("draft", "left behind: .x.part"),
        ("memory", " MB resident"),
        ("essay", "a long message: 19998 characters"),
        ("time", "TooLongError in "),
        ("refusal", REFUSED),
        ("nothing", WORKS),
    ],
)
def test_the_campaign_sees_what_is_wrong(how: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzzing.limits.allowed", lambda: 2.0)
    monkeypatch.setattr("fuzzing.limits.MEMORY", limits.resident() + (200 << 20))
    assert told in outcome(_breaks, Case({}, (how,)), tmp_path)


def test_a_finding_is_kept_and_read_again(tmp_path: Path) -> None:
    cases = st.binary(max_size=2).map(lambda data: Case({"a/b": data}, ("error",)))
    tally = campaign(
        cases, lambda case, base: outcome(_breaks, case, base), tmp_path, most=5, until=time.monotonic() + LIMIT
    )
    ((told, case),) = tally.found.values()
    assert tally.ended == {"found": 5}
    case.save(tmp_path / "x.json", "images", told)
    assert read(tmp_path / "x.json") == ("images", case)
