"""Small trainings for the tests of resuming: run in processes, killed there, and compared bit for bit."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from multiprocessing import get_context, set_start_method
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import zoo
from registry import Card, ZooError
from zoo.data import NoSplitError, PairDataset, Sample
from zoo.data.dataset import sources
from zoo.training import Objective, Recipe, Setup, Stage, checkpoint, fit
from zoo.training.journal import read
from zoo.training.trainer import Trainer
from zoo.weights import read_state

SEEN: Any = {"validate_samples": 6, "data": "blots", "model": "unet(width=4)"}
BATCH = 4
SMALL = Recipe(stages=(Stage(size=16, samples=20 * BATCH, batch=BATCH, lr=0.05),), **SEEN)
CLOCKED = ("seconds", "samples_per_s", "waiting", "augmentation")  # of a line of the log
STEPS = {"plateau": 36, "stages": 28}
SETUP = [field.name for field in fields(Setup)]
HANGS = 600.0  # seconds after which a training hangs: on a slow machine the first one waits for imports
START = get_context("forkserver")
HEAVY = ["torch._dynamo", "torch.utils.data", "zoo.training.fit", "zoo.architectures.unet", "zoo.data.sources.folders"]
START.set_forkserver_preload(HEAVY)  # imported once, for all processes of a test run


def train(recipe: Recipe | None, out: Path, **options: Any) -> Any:
    machine = {name: options.pop(name) for name in SETUP if name in options}
    return fit(recipe, out, setup=Setup(**{"device": "cpu", "workers": 0, **machine}), **options)


@sources.register("blots", Card(summary="a blot on noise; quick, for tests"))
class Blots(PairDataset):
    """A square of another brightness somewhere, which is nearer than what is behind it; splits: train, val."""

    def __init__(
        self,
        *,
        split: str,
        size: tuple[int, int] | None,
        n: int = 50,
        broken: int = -1,
        whole: bool = False,
        bug: int = -1,
    ):
        if split not in (("all",) if whole else ("train", "val")):
            raise NoSplitError(f"blots has no split {split}")
        self.bug = bug
        self.n, self.size, self.broken, self.first = n, size or (16, 16), broken, 1000 * (split == "val")

    def __len__(self) -> int:
        return self.n

    def sample(self, index: int) -> Sample:
        if index == self.bug:
            raise RuntimeError("a bug in my plug-in")
        generator = torch.Generator().manual_seed(self.first + index)
        h, w = self.size
        bg, spread = torch.rand(3, h, w, generator=generator), torch.rand(3, generator=generator)
        y, x = int(spread[0] * h / 2), int(spread[1] * w / 2)
        mask = torch.zeros(1, h, w)
        mask[:, y : y + h // 2, x : x + w // 2] = 1
        fg_bg = torch.where(mask > 0, spread[2], bg)
        if index == self.broken:
            fg_bg = fg_bg * torch.nan
        depth = 1 - 0.7 * mask
        return Sample(bg, fg_bg, mask, depth, torch.ones_like(mask), {"index": index})


class Dropping(nn.Module):
    """A network that draws random numbers as it learns."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(6, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout2d(0.3))
        self.head = nn.Conv2d(8, 2, 1)

    def forward(self, pair: Tensor) -> Tensor:
        return self.head(self.body(pair))


def dropping() -> zoo.PairModel:
    torch.manual_seed(3)
    return zoo.wrap(Dropping())


RECIPES: dict[str, Recipe] = {
    "plateau": Recipe(
        stages=(Stage(size=16, samples=36 * BATCH, batch=BATCH, lr=0.05, schedule="plateau(patience=0, drop=0.5)"),),
        objective=Objective(mask="bce + dice", depth="l1", balance="uncertainty"),
        optimizer="sgd(momentum=0.9, weight_decay=0.001)",
        augment="flip, noise(std=0.05)",
        ema=0.9,
        clip_norm=1.0,
        validate_every=12 * BATCH,
        **SEEN,
    ),
    "stages": Recipe(
        stages=(
            Stage(size=16, samples=13 * BATCH, batch=BATCH, lr=0.01, schedule="cosine(warm_up=0.1)"),
            Stage(size=24, samples=15 * BATCH, batch=BATCH, lr=0.01, tasks="mask", freeze=("encoder*",)),
        ),
        objective=Objective(balance="dwa(every=3)"),
        optimizer="adamw",
        clip_value=0.1,
        **SEEN,
    ),
}
OWN = {"plateau": dropping}


def together(balance: str, norms: Any = "frozen", **fields: Any) -> Recipe:
    """Trainings for several processes; the result must not depend on how many there are."""
    stage = Stage(size=16, samples=12 * BATCH, batch=BATCH, lr=0.05, norms=norms)
    objective = Objective(mask="bce + dice", balance=balance)
    return Recipe(stages=(stage,), objective=objective, optimizer="sgd", clip_norm=0.5, **fields, **SEEN)


RECIPES |= {balance: together(balance) for balance in ("fixed", "uncertainty", "pcgrad", "dwa(every=4)")}
RECIPES["rates"] = together("fixed", rates=(0.001, 0.05, 0.01), choose_after=0.5)
RECIPES["live"] = together("fixed", "live", ema=0.9)
RECIPES["mask"] = replace(
    together("fixed"), stages=(replace(together("fixed").stages[0], tasks=("mask",), freeze=("encoder*",)),)
)
RECIPES["uneven"] = together("fixed").changed(batch=3)
RECIPES["sync"] = together("fixed", sync_norms=True)


@contextmanager
def stricken(kill_at: int) -> Iterator[None]:
    """While it lasts, a process ends itself, as kill -9 would, before it takes this step."""
    train = Trainer.train

    def fatal(self: Trainer, batch: Sample) -> None:
        if self.step_number + 1 == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        train(self, batch)

    Trainer.train = fatal  # type: ignore[method-assign]
    try:
        yield
    finally:
        Trainer.train = train  # type: ignore[method-assign]


def go(name: str, out: Path, *, kill_at: int = 0, seat: dict[str, str] | None = None, **options: Any) -> None:
    """Run or resume a training. seat: what a launcher would put into the environment."""
    os.environ.update(seat or {})
    torch.set_num_threads(1)
    set_start_method("fork", force=True)  # of workers; a process from a fork server would ask that server for them
    begun = (out / "recipe.toml").exists()
    own = OWN[name]() if name in OWN else None
    try:
        with stricken(kill_at):
            fit(None if begun else RECIPES[name], out, resume=begun, model=own, setup=Setup(device="cpu", **options))
    except ZooError as error:
        out.with_suffix(".error").write_text(str(error))
        raise SystemExit(1) from None


def in_process(name: str, out: Path, **options: Any) -> int:
    """The same in a process of its own; its exit code."""
    process = START.Process(target=go, args=(name, out), kwargs=options)
    process.start()
    process.join(HANGS)
    assert process.exitcode is not None, "the training hangs"
    return process.exitcode


def in_world(size: int, name: str, out: Path, *, kill_at: int = 0, **options: Any) -> list[int]:
    """The same in several processes that train together; their exit codes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "WORLD_SIZE": str(size)}
    kwargs = [
        options | {"kill_at": kill_at, "seat": place | {"RANK": str(rank), "LOCAL_RANK": str(rank)}}
        for rank in range(size)
    ]
    processes = [START.Process(target=go, args=(name, out), kwargs=each) for each in kwargs]
    for process in processes:
        process.start()
    until = time.monotonic() + HANGS
    for process in processes:
        process.join(max(until - time.monotonic(), 0.0))
    codes = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
    assert None not in codes, "the training hangs"
    return [code for code in codes if code is not None]


def killed(name: str, out: Path, step: int, **options: Any) -> None:
    """The same, until the process is killed at a step. Its workers may live on: whoever joins it waits for them too."""
    process = START.Process(target=go, args=(name, out), kwargs=options | {"kill_at": step})
    process.start()
    assert process.pid is not None
    until = time.monotonic() + HANGS
    while time.monotonic() < until:
        try:
            os.kill(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    raise AssertionError("the training hangs")


def equal(one: Any, other: Any) -> bool:
    """Nested states, bit for bit."""
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def state(run: Path) -> dict[str, Any]:
    """All that a run has come to, but for its clocks."""
    found = checkpoint.newest(run / "checkpoints")
    assert found is not None
    return {name: value for name, value in found.items() if name != "clocks"}


def log(run: Path) -> list[dict[str, Any]]:
    return [{name: value for name, value in line.items() if name not in CLOCKED} for line in read(run / "log.jsonl")]


def weights(run: Path) -> Any:
    return read_state(run / "model.safetensors")


def same(run: Path, whole: Path) -> None:
    assert equal(state(run), state(whole))
    assert equal(weights(run), weights(whole))
    assert log(run) == log(whole)
    for table in ("log.csv", "validation.csv", *(["rates.csv"] if (whole / "rates.csv").exists() else [])):
        rows, expected = ((folder / table).read_text().splitlines() for folder in (run, whole))
        assert (rows[0], len(rows)) == (expected[0], len(expected))
