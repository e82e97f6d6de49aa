"""What keeps the repository's own figures: `python -m benchmarks.upkeep keep results`, and so on."""

import sys
from collections.abc import Sequence
from pathlib import Path

from registry.arguments import Commands, at_least, command, listed, positive
from registry.commandline import path

STEPS = ("facts", "tests", "speed", "accuracy", "photos", "rendering", "more")  # of gpu, in this order
UPKEEP: Commands = {
    "gpu": (
        "measure all that needs a GPU, in order of worth",
        {
            "--minutes": {"type": positive, "default": 8.0, "help": "for all of it; default: 8"},
            "--out": {"type": path, "default": Path("gpu-records"), "help": "default: gpu-records"},
            "--resume-from": {"type": path, "metavar": "DIR", "help": "what an earlier run left; may be --out's"},
            "--rehearse": {"action": "store_true", "help": "every step, tiny, on the CPU"},
            "--only": {"type": listed(*STEPS), "default": STEPS, "help": f"some of {','.join(STEPS)}; default: all"},
            "--photos": {"type": path, "default": Path("photos"), "help": "of `make photos`, or its pack.zip alone"},
        },
    ),
    "keep": (
        "add the records of a comparison to those that come with the library",
        {"folder": {"type": Path, "help": "that a comparison has written to"}},
    ),
    "readme": (
        "put the committed records into README's table and into docs/: leaderboard, scale, timing and export",
        {"--check": {"action": "store_true", "help": "write nothing; 1 where something is stale"}},
    ),
    "ready": ("fit anew the weights of the baselines, which `zoo predict` takes where none are given", {}),
    "publish": (
        "make ready weights of a training, and their card: what they reach on every test split",
        {
            "folder": {"type": Path, "metavar": "RUN", "help": "of a training that has ended"},
            "name": {"help": "of the weights, as pairnet-small"},
            "--before": {
                "type": Path,
                "metavar": "RUN",
                "action": "append",
                "default": [],
                "help": "a training that it went on from; again for each, the first one first",
            },
            "--photos": {"type": Path, "help": "of `make photos`, to test on them, too"},
            "--samples": {"type": at_least(1), "default": 500, "help": "of each test split; default: 500"},
        },
    ),
    "wheels": (
        "fill a folder with what a machine without network lacks: docs/offline.md",
        {
            "--python": {"default": "3.12", "help": "there, as 3.12; default: 3.12"},
            "--out": {"type": path, "default": Path("wheels"), "help": "default: wheels"},
        },
    ),
    "screenshot": (
        "take a picture of a page, as a browser shows it",
        {
            "page": {"type": Path, "help": "an .html file"},
            "picture": {"type": Path, "help": "the .png to write"},
            "--part": {
                "metavar": "SELECTOR",
                "default": "html",
                "help": "what of the page, as CSS names it; default: all of it",
            },
            "--width": {"type": at_least(100), "default": 860, "help": "of the window, in pixels; default: 860"},
            "--dark": {"action": "store_true", "help": "as it looks where the reader prefers dark"},
        },
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """A command; returns its exit code."""
    return command("benchmarks.upkeep", UPKEEP, argv)


if __name__ == "__main__":
    sys.exit(main())
