"""How much faster zoo.optimise makes networks here, and whether the goal for such a processor is met.

$ python -m benchmarks.checks optimise --models "u2netp, resnet18_unet" --threads 1 --keep

Every network in every way that is installed, against itself as it is. With one thread milliseconds are the
processor's, so that a busy machine counts, too. Names of ready weights are networks, too; those of others are drawn at
random. Each record is written when its network is done; --keep adds it to those that come with the library.
"""

import sys
import time
from pathlib import Path

import torch

from benchmarks.networks.entrants import enter
from benchmarks.show.optimised import goal, mean, tables
from benchmarks.show.terminal import print_table
from benchmarks.store import committed
from benchmarks.store.files import append
from benchmarks.store.optimised import OptimisedRecord
from benchmarks.store.record import Machine
from zoo import machine
from zoo.deploy.optimise import OptimiseSettings, optimise
from zoo.model import PairModel
from zoo.progress import progress
from zoo.saved import load
from zoo.weights.ready import names

FEATURES = ("amx_bf16", "amx_int8", "avx512_bf16", "avx512_vnni", "avx_vnni", "avx2")


def features(path: Path = machine.CPUINFO) -> tuple[str, ...]:
    """What the processor can, of what decides; nothing where the system does not tell."""
    told = machine.cpu_field("flags", path).split()
    return tuple(name for name in FEATURES if name in told)


def run(
    models: str,
    size: tuple[int, int],
    threads: int | None,
    engine: str = "auto",
    seconds: float = 20.0,
    tolerance: float = 0.005,
    *,
    keep: bool = False,
) -> int:
    """Measure and show; 1 where the goal is missed."""
    found: list[OptimisedRecord] = []
    with machine.threads(threads):
        clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
        how = OptimiseSettings(tolerance=tolerance, cache=False, seconds=seconds, clock=clock)
        with progress() as tick:
            for name, model in _networks(models):
                report = optimise(model, size=size, device="cpu", engine=engine, settings=how, tick=tick).report
                record = OptimisedRecord(
                    model=name,
                    spec=str(model.spec),
                    trained=model.trained is not None,
                    size=size,
                    clock="cpu" if clock is time.process_time else "wall",
                    features=features(),
                    load=machine.load(),
                    machine=Machine.here(torch.device("cpu")),
                    found=report.to_json(),
                )
                found.append(record)
                print(report, file=sys.stderr, flush=True)
                if keep:
                    committed.OPTIMISED.mkdir(parents=True, exist_ok=True)
                    append(committed.OPTIMISED / f"{committed.kind(record.machine)}.jsonl", record)
    for table in tables(found):
        print_table(table.head, table.body, notes=table.notes)
    wanted = goal(features())
    return int(wanted is not None and mean([record.report.times for record in found]) < wanted)


def _networks(models: str) -> "list[tuple[str, PairModel]]":
    """Ready weights by name, and networks by spec."""
    given = [name.strip() for name in models.split(",")]
    if all(name in names() for name in given):
        return [(name, load(name)) for name in given]
    torch.manual_seed(0)
    return [(str(entrant.asked), entrant.make()) for entrant in enter(models)]
