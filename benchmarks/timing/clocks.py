"""What slows a device while it is measured, as far as it can be read: its clock, throttling, a host that takes time."""

import contextlib
import subprocess
import threading
from collections import Counter
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
WHILE = 0.1  # share of the looks at a GPU in which it must be slowed for that to be told
EVERY = 1000  # milliseconds from one look at a GPU to the next
QUERY = "clocks.sm,clocks.max.sm,clocks_throttle_reasons.active,temperature.gpu"

State = dict[str, Any]


class Clocks:
    """A device's state; the time that a host took counts from here on.

    A GPU is at rest by the time a record is made. Within `with`, it is looked at every second, and told is what it was
    while it worked.
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
                told = self._watch.stdout  # a pipe: the command ends when nobody listens any more
                threading.Thread(target=_listen, args=(told, self._lines), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._watch:
            self._watch.kill()
            self._watch.wait()
            self._watch = None

    def read(self) -> State:
        """What is readable, by name; a machine that tells nothing gives {}."""
        state: State = {"cpu_mhz": self._cpu_mhz(), "stolen": self._stolen()}
        if self.device.type == "cuda":
            state |= self._seen() or gpu(self.device)
        return {name: value for name, value in state.items() if value is not None}

    def _seen(self) -> State:
        """What the GPU was while it was watched."""
        return over(self._lines) if self._watch else {}

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


def gpu(device: torch.device) -> State:
    """The clock of a GPU now, its highest one, and why it is not higher."""
    return parsed(output(*asking(device)))


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
    at_work = [line for line in lines if not (_number(line.split(",")[2:3]) or 0) & IDLE]
    states = [state for line in at_work if (state := parsed(line))]
    if not states:
        return {}
    known = {name: [state[name] for state in states if state[name] is not None] for name in states[0]}
    slowed = Counter(why for each in known["throttled"] for why in each)
    return {
        "gpu_mhz": sorted(known["gpu_mhz"])[len(known["gpu_mhz"]) // 2] if known["gpu_mhz"] else None,
        "gpu_mhz_max": max(known["gpu_mhz_max"], default=None),
        "throttled": [why for why in slowed if slowed[why] >= WHILE * len(states)] if known["throttled"] else None,
        "gpu_celsius": max(known["gpu_celsius"], default=None),
    }


def parsed(line: str) -> State:
    """The state in a line of nvidia-smi's CSV; what it does not tell is None.

    >>> parsed("1980, 1980, 0x0000000000000004, 61")["throttled"]
    ['power cap']
    >>> parsed("[N/A], 1980, [N/A], 40")["gpu_mhz"] is None
    True
    """
    fields = [field.strip() for field in line.split(",")]
    if len(fields) != len(QUERY.split(",")):
        return {}
    clock, highest, reasons, degrees = (_number([field]) for field in fields)
    slowed = None if reasons is None else [why for bit, why in REASONS.items() if reasons & bit]
    return {"gpu_mhz": clock, "gpu_mhz_max": highest, "throttled": slowed, "gpu_celsius": degrees}


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


def _listen(told: Iterable[str] | None, lines: list[str]) -> None:
    for line in told or ():
        lines.append(line)  # one by one: they are read meanwhile


def _number(fields: Sequence[str]) -> int | None:
    """The number in the only field; None where there is none, or another word."""
    try:
        return int(fields[0].strip(), 0) if fields else None
    except ValueError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
