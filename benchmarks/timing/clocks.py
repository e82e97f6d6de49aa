"""What slows a device while it is measured, as far as it can be read: its clock, throttling, a host that takes time."""

import contextlib
import subprocess
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any, Self

import torch

from zoo.machine import output

STOLEN = 0.01  # of the cores' time, from which a table says so
REASONS = {  # bits of NVML's nvmlClocksEventReasons that make a GPU slower than asked; idle and chosen clocks are not
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "temperature, by software",
    0x40: "temperature, by hardware",
    0x80: "power brake",
}
IDLE = 0x01  # the bit of a GPU that has nothing to do
WHILE = 0.1  # share of the looks at a GPU in which it must be slowed for that to be reported
EVERY = 1000  # milliseconds from one look at a GPU to the next
QUERY = "clocks.sm,clocks.max.sm,clocks_throttle_reasons.active,temperature.gpu"

State = dict[str, Any]


class Clocks:
    """A device's state; the time that a host took counts from here on.

    A GPU is at rest by the time a record is made. Within `with`, it is looked at every second, so that what is read is
    of the time when it worked.
    """

    def __init__(self, device: torch.device, *, proc: Path = Path("/proc")):
        self.device, self.proc = device, proc
        self._start = self._counted()
        self._watch: subprocess.Popen[str] | None = None
        self._lines: list[str] = []

    def __enter__(self) -> Self:
        if self.device.type == "cuda":
            with contextlib.suppress(OSError):  # no nvidia-smi: nothing to read
                command = [*asking(self.device), f"--loop-ms={EVERY}"]
                self._watch = subprocess.Popen(command, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, text=True)
                lines = self._watch.stdout  # a pipe: the command ends when nobody listens any more
                threading.Thread(target=_listen, args=(lines, self._lines), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._watch:
            self._watch.kill()
            self._watch.wait()
            self._watch, self._lines = None, []

    def read(self) -> State:
        """What is readable, by name; a machine that tells nothing gives {}."""
        state: State = {"cpu_mhz": self._cpu_mhz(), "stolen": self._stolen()}
        if self.device.type == "cuda":
            state |= over(self._lines) or parsed(output(*asking(self.device)))
        return {name: value for name, value in state.items() if value is not None}

    def _cpu_mhz(self) -> float | None:
        """Of the fastest core: an idle one sleeps."""
        lines = _text(self.proc / "cpuinfo").splitlines()
        clocks = [float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz")]
        return round(max(clocks), 1) if clocks else None

    def _stolen(self) -> float | None:
        """The share of the cores' time that the host gave to others, while somebody here wanted it."""
        start, now = self._start, self._counted()
        if start is None or now is None or now[1] <= start[1]:
            return None
        return round((now[0] - start[0]) / (now[1] - start[1]), 4)

    def _counted(self) -> tuple[int, int] | None:
        """Ticks that were stolen, and all, since the machine started: /proc/stat's eighth column, and its first eight.

        The ninth and tenth, guests, are in the first two already.
        """
        columns = _text(self.proc / "stat").partition("\n")[0].split()[1:9]
        return (int(columns[7]), sum(map(int, columns))) if len(columns) == 8 else None


def asking(device: torch.device) -> list[str]:
    """The command that tells a GPU's state."""
    identity = str(torch.cuda.get_device_properties(device).uuid)  # numbers differ where some are hidden
    named = identity if identity.startswith("GPU-") else f"GPU-{identity}"
    return ["nvidia-smi", f"--id={named}", f"--query-gpu={QUERY}", "--format=csv,noheader,nounits"]


def over(lines: Sequence[str]) -> State:
    """Of a GPU's states while it was at work: the median clock, what slowed it for a while, the highest temperature.

    >>> over(["1900, 1980, 0x0, 50", "1500, 1980, 0x4, 61", "1700, 1980, 0x4, 60", "210, 1980, 0x1, 40"])
    {'gpu_mhz': 1700, 'gpu_mhz_max': 1980, 'throttled': ['power cap'], 'gpu_celsius': 61}
    >>> over(["210, 1980, 0x1, 40"]), over(["1900, 1980, [N/A], 50"])["throttled"]
    ({}, None)
    >>> over([*["1900, 1980, 0x0, 50"] * 19, "1900, 1980, 0x4, 50"])["throttled"]  # for a moment
    []
    """
    readings = [reading for line in lines if (reading := _reading(line)) and not (reading[2] or 0) & IDLE]
    return _state(readings) if readings else {}


def parsed(line: str) -> State:
    """The state in a line of nvidia-smi's CSV; what it does not tell is None.

    >>> parsed("1980, 1980, 0x0000000000000004, 61")["throttled"]
    ['power cap']
    >>> parsed("[N/A], 1980, [N/A], 40")["gpu_mhz"] is None
    True
    """
    reading = _reading(line)
    return _state([reading]) if reading else {}


def words(state: State) -> str:
    """A reading in a few words.

    >>> words({"cpu_mhz": 2596.1, "stolen": 0.031, "gpu_mhz": 1755, "gpu_mhz_max": 1980, "throttled": ["power cap"]})
    'CPU 2596 MHz, 3.1 % of it taken by the host, GPU 1755 of 1980 MHz, slowed by power cap'
    """
    said = []
    if "cpu_mhz" in state:
        said.append(f"CPU {state['cpu_mhz']:.0f} MHz")
    if state.get("stolen"):
        said.append(f"{100 * state['stolen']:.1f} % of it taken by the host")
    if "gpu_mhz" in state:
        highest = f" of {state['gpu_mhz_max']}" if "gpu_mhz_max" in state else ""
        said.append(f"GPU {state['gpu_mhz']}{highest} MHz")
    if state.get("throttled"):
        said.append(f"slowed by {' and '.join(state['throttled'])}")
    return ", ".join(said)


def slowed(states: list[State]) -> str:
    """What slowed the device in some of the readings, for the foot of a table; empty where nothing did.

    >>> slowed([{"stolen": 0.04}, {"throttled": ["power cap"]}])
    'The host took 4 % of the cores at worst. The GPU was slowed in 1 of 2 readings: power cap.'
    """
    stolen = max((state.get("stolen", 0) for state in states), default=0)
    throttled = [state["throttled"] for state in states if state.get("throttled")]
    said = [f"The host took {100 * stolen:.0f} % of the cores at worst."] if stolen >= STOLEN else []
    if throttled:
        reasons = ", ".join(dict.fromkeys(why for reading in throttled for why in reading))
        said.append(f"The GPU was slowed in {len(throttled)} of {len(states)} readings: {reasons}.")
    return " ".join(said)


def _listen(printed: Iterable[str] | None, lines: list[str]) -> None:
    for line in printed or ():
        lines.append(line)  # one by one: they are read meanwhile


def _reading(line: str) -> list[int | None]:
    """The numbers in a line of nvidia-smi's CSV, None for another word; empty where it is another answer."""
    fields = line.split(",")
    return [*map(_number, fields)] if len(fields) == len(QUERY.split(",")) else []


def _state(readings: Sequence[Sequence[int | None]]) -> State:
    """The median clock of some readings, what slowed a share of them, the highest temperature."""
    columns = zip(*readings, strict=True)
    clocks, highest, reasons, degrees = ([value for value in column if value is not None] for column in columns)
    often = {why: sum(bits & bit > 0 for bits in reasons) / len(readings) for bit, why in REASONS.items()}
    return {
        "gpu_mhz": sorted(clocks)[len(clocks) // 2] if clocks else None,
        "gpu_mhz_max": max(highest, default=None),
        "throttled": [why for why, share in often.items() if share >= WHILE] if reasons else None,
        "gpu_celsius": max(degrees, default=None),
    }


def _number(field: str) -> int | None:
    try:
        return int(field, 0)
    except ValueError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
