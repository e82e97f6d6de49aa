"""What slows a device, read from files and from a command that are planted here."""

import os
import stat
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmarks.timing.clocks import QUERY, Clocks, parsed, slowed, words

CPU = torch.device("cpu")


def planted(folder: Path, *ticks: int, mhz: tuple[float, ...] = (1200.0, 2596.1)) -> Path:
    """A /proc of two cores; ticks are user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice."""
    (folder / "cpuinfo").write_text("".join(f"processor\t: {n}\ncpu MHz\t\t: {clock}\n" for n, clock in enumerate(mhz)))
    (folder / "stat").write_text(f"cpu  {' '.join(map(str, ticks))}\ncpu0 1 2 3\nintr 5\n")
    return folder


def test_the_share_that_a_host_took_counts_from_the_start_and_guests_are_not_counted_twice(tmp_path: Path) -> None:
    clocks = Clocks(CPU, proc=planted(tmp_path, 100, 0, 50, 800, 10, 0, 0, 40, 70, 0))
    planted(tmp_path, 150, 0, 60, 825, 10, 0, 0, 55, 99, 0)  # 100 ticks later, 15 of them stolen
    assert clocks.read() == {"cpu_mhz": 2596.1, "stolen": 0.15}
    planted(tmp_path, 250, 0, 60, 825, 10, 0, 0, 55, 99, 0)  # 200 ticks from the start
    assert clocks.read()["stolen"] == 0.075


def test_a_system_that_tells_nothing_gives_nothing(tmp_path: Path) -> None:
    assert Clocks(CPU, proc=tmp_path / "missing").read() == {}
    (tmp_path / "stat").write_text("cpu  1 2 3\n")  # a kernel from before steal was counted
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nBogoMIPS\t: 50.0\n")  # ARM tells no clock
    assert Clocks(CPU, proc=tmp_path).read() == {}


def test_this_machine_can_be_read() -> None:
    state = Clocks(CPU).read()
    assert set(state) <= {"cpu_mhz", "stolen"}
    assert 0 <= state.get("stolen", 0) <= 1


@pytest.mark.parametrize(
    ("reasons", "found"),
    [
        ("0x0000000000000000", []),
        ("0x0000000000000001", []),  # idle
        ("0x0000000000000002", []),  # the clock that somebody chose
        ("0x0000000000000044", ["power cap", "temperature, by hardware"]),
        ("0x00000000000000A8", ["hardware slowdown", "temperature, by software", "power brake"]),
    ],
)
def test_only_what_slows_is_named(reasons: str, found: list[str]) -> None:
    state = parsed(f"1755, 1980, {reasons}, 61")
    assert state == {"gpu_mhz": 1755, "gpu_mhz_max": 1980, "throttled": found, "gpu_celsius": 61}


@pytest.mark.parametrize("line", ["", "No devices were found", "1755, 1980"])
def test_another_answer_is_no_state(line: str) -> None:
    assert parsed(line) == {}


def test_a_gpu_is_asked_for_by_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "nvidia-smi"
    command.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\necho "1755, 1980, 0x04, [N/A]"\n')
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="12ab-34"))
    state = Clocks(torch.device("cuda", 1), proc=tmp_path).read()
    assert state | {"gpu_celsius": 0} == parsed("1755, 1980, 4, 0")
    asked = (tmp_path / "asked").read_text().split()
    assert asked == ["--id=GPU-12ab-34", f"--query-gpu={QUERY}", "--format=csv,noheader,nounits"]
    assert state["throttled"] == ["power cap"]
    assert "gpu_celsius" not in state, "what was not told is not there"


def test_a_gpu_is_watched_while_it_works_and_not_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "nvidia-smi"
    loop = "while :; do echo '1500, 1980, 0x04, 61'; echo '210, 1980, 0x01, 40'; sleep 0.05; done"
    command.write_text(
        f'#!/bin/sh\ncase "$*" in *--loop-ms=*) echo $$ > {tmp_path}/pid; {loop};; esac\necho "210, 1980, 0x1, 40"\n'
    )
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="12ab-34"))
    clocks = Clocks(torch.device("cuda", 1))
    with clocks:
        until = time.monotonic() + 120
        while clocks.read().get("gpu_mhz") != 1500:
            assert time.monotonic() < until
        state = clocks.read()
    assert (state["throttled"], state["gpu_celsius"]) == (["power cap"], 61)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    assert clocks.read()["throttled"] == [], "and then as it is now"


def test_a_machine_without_the_command_is_not_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="12ab-34"))
    with Clocks(torch.device("cuda", 0), proc=tmp_path) as clocks:
        assert clocks.read() == {}


def test_a_table_says_what_slowed_it_and_nothing_where_nothing_did() -> None:
    assert slowed([]) == slowed([{}, {"stolen": 0.004, "throttled": []}]) == ""
    found = slowed([{"throttled": ["power cap"]}, {}, {"throttled": ["power cap", "power brake"], "stolen": 0.2}])
    assert found == (
        "The host took 20 % of the cores at worst. The GPU was slowed in 2 of 3 readings: power cap, power brake."
    )
    assert words({}) == ""
    assert words({"cpu_mhz": 900.4, "stolen": 0.0}) == "CPU 900 MHz"
