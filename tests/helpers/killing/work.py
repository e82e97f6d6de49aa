"""The commands that are killed, over small files, and how what they leave is looked at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fuzzing.commands import RECIPE
from fuzzing.whole import contents, cutout, pair_folder, picture, weights
from PIL import Image
from training_runs import same

from benchmarks.show.results import FILES
from benchmarks.store import files, identity
from zoo.deploy.journal import FILE as JOURNAL

OUT = "out"
EXACT = ("cost", "accuracy")  # measures that are the same each time, but for the seconds of a training

Look = Callable[[Path, Path], None]  # (what was left, what an undisturbed command left); an AssertionError says why


@dataclass(frozen=True)
class Work:
    """One command. again: words that make it go on, where its folder has the file `begun`. whole: looks at what lies
    there after each kill. over: whether nothing is left to do, though it was killed."""

    words: tuple[str, ...]
    again: tuple[str, ...]
    same: Look
    whole: Callable[[Path], None] = lambda _: None
    begun: str = "recipe.toml"
    over: Callable[[Path], bool] = lambda _: False


def lay_out(folder: Path) -> None:
    """The files that the commands read."""
    given = {f"data/{name}": content for name, content in pair_folder().items()}
    given |= {f"fg/{name}.png": cutout(seed) for seed, name in enumerate("abc")}
    given |= {f"photos/{number:02}.png": picture(size=(240, 320), seed=number) for number in range(30)}
    given |= {"mine.toml": RECIPE, "model.safetensors": weights(), "plate.png": picture(size=(240, 320))}
    for name, content in given.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def _same_files(left: Path, expected: Path) -> None:
    found, wanted = contents(left / OUT), contents(expected / OUT)
    assert sorted(found) == sorted(wanted), f"other files: {sorted({*found} ^ {*wanted})}"
    different = [name for name in wanted if found[name] != wanted[name]]
    assert different == [], f"other bytes: {different}"


def _same_training(left: Path, expected: Path) -> None:
    same(left / OUT, expected / OUT)
    name = "model.safetensors"
    assert (left / OUT / name).read_bytes() == (expected / OUT / name).read_bytes()


def _same_records(left: Path, expected: Path) -> None:
    """Each cell once, with the same values, times aside; and the same rows in the tables."""
    found, wanted = (files.read(folder / OUT / "compare.jsonl") for folder in (left, expected))
    done = [[record for record in records if record.status == "done"] for records in (found, wanted)]
    cells = [sorted(map(identity.key_of, records)) for records in done]
    assert cells[0] == cells[1], "cells lost or doubled"
    values = [
        {identity.key_of(r): {**r.values, "seconds": None} for r in records if r.measure in EXACT} for records in done
    ]
    different = [(found, values[1][key]) for key, found in values[0].items() if found != values[1][key]]
    assert different == [], f"other values: {different}"
    tables = [(folder / OUT / FILES[1]).read_text().splitlines() for folder in (left, expected)]
    rows = [sorted(line.split("|")[1] for line in table if "`" in line and "|" in line) for table in tables]
    assert rows[0] == rows[1]


def _whole_pictures(folder: Path) -> None:
    """Every picture that bears its name can be read to the end."""
    for path in (folder / OUT).glob("*.png"):
        if not path.name.startswith("."):
            Image.open(path).load()


def _is_predicted(folder: Path) -> bool:
    """The journal is taken away when all is done, a moment before the command ends."""
    return (folder / OUT).exists() and not (folder / OUT / JOURNAL).exists() and any((folder / OUT).glob("*.png"))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


COMPOSE = "zoo data compose --bg data/bg --fg fg --per-pair 60 --size 48 --workers 2"
TRAIN = f"zoo train --out {OUT} --workers 0 --save-every 0.2 --device cpu"
COMPARE = (
    "benchmarks.compare --device cpu --sizes 16x24,32 --seconds 0.1 --measure cost,latency,accuracy --data data"
    f" --samples 64 --train-size 16 --scenes 6 --workers 0 --out {OUT} --resume"
)
PREDICT = f"zoo predict plate.png photos --weights model.safetensors --out {OUT} --device cpu"
WORKS: Mapping[str, Work] = {
    "compose": Work(_words(f"{COMPOSE} --out {OUT}"), (), _same_files),
    "compose to shards": Work(_words(f"{COMPOSE} --out shards:{OUT} --per-shard 20 --hold-out none"), (), _same_files),
    "train": Work(
        _words(f"{TRAIN} --recipe mine.toml --data data --samples 1200 --set validate_samples=2"),
        _words(f"{TRAIN} --resume"),
        _same_training,
    ),
    "compare": Work(
        (*_words(COMPARE), "--models", "frame_difference, frame_difference(tasks=mask), unet(width=2)"),
        (),
        _same_records,
    ),
    "predict": Work(
        _words(PREDICT), _words(f"{PREDICT} --resume"), _same_files, _whole_pictures, JOURNAL, _is_predicted
    ),
}
