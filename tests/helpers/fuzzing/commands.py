"""Whole command lines, over a folder of small files of every kind, some of them damaged."""

import json
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path
from shutil import rmtree
from typing import Any

import forked
from hypothesis import strategies as st

from fuzzing import limits, records, weights, whole
from fuzzing.case import Case
from fuzzing.changes import damaged
from fuzzing.outcome import LONGEST, REFUSED, WORKS

RECIPE = b"""model = "unet(width=2)"
data = "pairbench:clean"
[[stages]]
size = 16
samples = 8
batch = 4
"""
ON_CPU = "--device cpu"
QUICK = f"{ON_CPU} --seconds 0.02 --rounds 1 --models frame_difference --sizes 16x24 --threads 1"
LINES = (  # those of a command that bound its work, before the |; what may be changed, after it
    "zoo list | * --json",
    "zoo list | --losses",
    "zoo describe | unet --size 64 --json",
    "zoo describe | u2netp --svg out.svg",
    "zoo data check | data --workers 1 --json",
    "zoo data check | data.zip",
    "zoo data check | shards",
    "zoo data show | data --out sheet.png --n 4 --columns 2",
    "zoo data stats | data --out stats.png --limit 4 --workers 0",
    "zoo data stats --limit 4 | shards --json",
    "zoo data pack --workers 1 --samples 6 | data.zip --out packed --split all --per-shard 2",
    "zoo data compose --workers 1 --per-pair 2 --size 16 | --bg data/bg --fg cutouts --out made --share 0.2 0.5",
    f"zoo train {ON_CPU} --workers 0 --samples 8 --set validate_samples=2 | --recipe mine.toml --out run --seed 1",
    f"zoo train {ON_CPU} --workers 0 --samples 8 --set validate_samples=2 | --recipe mine.toml --data data --out run",
    "zoo train --print | --recipe zoo-quick --set lr=0.1 --precision bf16 --batch 3",
    f"zoo evaluate {ON_CPU} --samples 4 | model.safetensors --data data --split all --out found --batch 2",
    f"zoo predict {ON_CPU} | photo.png photo.png --weights model.safetensors --out found --threshold 0.5",
    f"zoo predict {ON_CPU} | data/fg_bg data/fg_bg --weights model.safetensors --out found --size 16 --overwrite",
    f"benchmarks.compare {QUICK} | --measure cost,latency --out results",
    f"benchmarks.compare {QUICK} | --measure cost --out results --against compare.jsonl --latex",
    f"benchmarks.compare {QUICK} --dry-run | --measure latency --batches 1,2 --precisions fp32,bf16",
    f"zoo compare {QUICK} --measure cost | --out results --against compare.jsonl",
    f"zoo compare {QUICK} --measure accuracy --samples 8 --train-size 16 --scenes 2 | --data data --out results",
    f"benchmarks.compare {QUICK} --measure cost | --out old --resume --budget-ms 5",
)
OPTIONS = (
    *("--help", "--json", "--out", "--size", "--split", "--workers", "--resume", "--overwrite", "--nothing"),
    *("-", "--"),
)
NUMBERS = "0 -1 1 2 16 1e9 nan inf 99999999999999999999 16x 0x0 x None"
FILES = "data data.zip shards model.safetensors mine.toml compare.jsonl photo.png damaged empty nothing data/bg cutouts"
ODD_FILES = ". .. / /dev/null /proc/self/mem ü.png \udcff * u2net* ["
WORDS = "unet( unet(width=3) pairbench:clean pairbench: shards:x folders:data ray cuda:99 cpu fp16 mask train run old"
VALUES = (*f"{NUMBERS} {FILES} {ODD_FILES} {WORDS}".split(), "", "x" * 300, "a\nb")
KEPT = (
    "data.zip",
    "model.safetensors",
    "mine.toml",
    "compare.jsonl",
    "photo.png",
    "damaged",
    "data/fg_bg/img_0001.png",
)
CODES = (0, 1, 2, 3)
_numbers = count()


@st.composite
def cases(draw: Callable[..., Any]) -> Case:
    """A line with some words replaced, put in or left out; perhaps with a damaged file."""
    files = dict(world())
    if draw(st.integers(0, 2)) == 0:
        name = draw(st.sampled_from(KEPT))
        files[name] = draw(damaged(files[name]))
    fixed, _, changed = draw(st.sampled_from(LINES)).partition("|")
    words = changed.split()
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(words)))
        match draw(st.sampled_from(("replace", "replace", "option", "leave out"))):
            case "replace" if at < len(words):
                words[at] = draw(st.sampled_from(VALUES))
            case "leave out":
                words[at : at + 1] = []
            case _:
                value = draw(st.lists(st.sampled_from(VALUES), max_size=1))
                words[at:at] = [draw(st.sampled_from(OPTIONS)), *value]
    return Case(files, (*fixed.split(), *words))


def judge(case: Case, base: Path) -> str:
    """Run it in a fork: its exit code, what it says, how long it takes, how large it grows, what it leaves."""
    forked.warm()
    folder = base / f"command-{next(_numbers)}"
    case.lay_out(folder)
    try:
        with limits.guarded_memory():
            ended = forked.run(case.words, folder, limits.allowed())
        left = [*limits.drafts(folder, {*case.files}), *limits.halves(folder, {*case.files})]
        return _told(ended, left)
    finally:
        rmtree(folder, ignore_errors=True)
        for suffix in (forked.STDOUT, forked.STDERR):
            folder.with_suffix(suffix).unlink(missing_ok=True)


def _told(ended: forked.Ended, left: list[str]) -> str:
    last = ended.stderr.strip().rpartition("\n")[2][:200]
    if ended.code is None:
        return f"too long: {ended.seconds:.0f} s"
    if "Traceback" in ended.stderr:
        return f"a traceback, {last.partition(':')[0]}: {last}"
    if ended.code not in CODES:
        return f"exit code {ended.code}: {last}"
    if ended.peak > limits.MEMORY:
        return f"much memory: {ended.peak >> 20} MB resident"
    if len(ended.stderr) > LONGEST:
        return f"a long message: {len(ended.stderr)} characters"
    if left:
        return f"left behind: {left[0]}"
    return WORKS if ended.code == 0 else REFUSED


@cache
def world() -> dict[str, bytes]:
    """Files of every kind, each small."""
    data = whole.pair_folder()
    compared = "".join(f"{line}\n" for line in records.genuine() if json.loads(line)["measure"] == "cost").encode()
    return {
        **{f"data/{name}": content for name, content in data.items()},
        **{f"shards/{name}": content for name, content in whole.packed().items()},
        "data.zip": whole.zipped(),
        "model.safetensors": whole.weights(),
        "other.pth": weights.pickled(),
        "mine.toml": RECIPE,
        "compare.jsonl": compared,
        "old/compare.jsonl": compared,
        "photo.png": whole.picture(),
        "cutouts/a.png": whole.cutout(),
        "damaged": whole.picture()[:200],
        "empty": b"",
    }
