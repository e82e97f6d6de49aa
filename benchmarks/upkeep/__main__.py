"""What keeps the repository's own figures: `python -m benchmarks.upkeep keep results`, and so on."""

import sys
from collections.abc import Sequence
from pathlib import Path

from registry.arguments import Commands, at_least, command, listed, positive
from registry.commandline import path

STEPS = ("facts", "tests", "speed", "accuracy", "photos", "rendering", "more")  # of gpu, in this order
UPKEEP: Commands = {
    "gpu": (
        "measure everything that needs a GPU, the most valuable first",
        {
            "--minutes": {"type": positive, "default": 8.0, "help": "time limit; default: 8"},
            "--out": {"type": path, "default": Path("gpu-records"), "help": "default: gpu-records"},
            "--resume-from": {
                "type": path,
                "metavar": "DIR",
                "help": "folder of an earlier run to continue; may be --out",
            },
            "--rehearse": {"action": "store_true", "help": "try every step, tiny, on the CPU"},
            "--only": {"type": listed(*STEPS), "default": STEPS, "help": f"some of {','.join(STEPS)}; default: all"},
            "--photos": {
                "type": path,
                "default": Path("photos"),
                "help": "folder of `make photos`, or with its pack.zip",
            },
        },
    ),
    "keep": (
        "add the records of a comparison to those that come with the library",
        {"folder": {"type": Path, "help": "output folder of a comparison"}},
    ),
    "readme": (
        "update README's table and docs/ (leaderboard, scale, timing, export) from the committed records",
        {"--check": {"action": "store_true", "help": "write nothing; exit with 1 if a file is out of date"}},
    ),
    "ready": ("fit the ready weights of the baselines again", {}),
    "publish": (
        "make ready weights from a training, with a card of what they reach on every test split",
        {
            "folder": {"type": Path, "metavar": "RUN", "help": "folder of a finished training"},
            "name": {"help": "name of the weights, as pairnet-small"},
            "--before": {
                "type": Path,
                "metavar": "RUN",
                "action": "append",
                "default": [],
                "help": "an earlier training that it started from; repeat it for several, oldest first",
            },
            "--photos": {"type": Path, "help": "folder of `make photos`, to test on them, too"},
            "--samples": {"type": at_least(1), "default": 500, "help": "samples of each test split; default: 500"},
        },
    ),
    "wheels": (
        "fill a folder with the packages that a machine without network lacks; see docs/offline.md",
        {
            "--python": {"default": "3.12", "help": "Python version of that machine; default: 3.12"},
            "--out": {"type": path, "default": Path("wheels"), "help": "default: wheels"},
        },
    ),
    "screenshot": (
        "take a screenshot of a page",
        {
            "page": {"type": Path, "help": "an .html file"},
            "picture": {"type": Path, "help": "the .png to write"},
            "--part": {
                "metavar": "SELECTOR",
                "default": "html",
                "help": "CSS selector of a part of the page; default: the whole page",
            },
            "--width": {"type": at_least(100), "default": 860, "help": "width of the window, in pixels; default: 860"},
            "--dark": {"action": "store_true", "help": "in dark mode"},
        },
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """A command; returns its exit code."""
    return command("benchmarks.upkeep", UPKEEP, argv)


if __name__ == "__main__":
    sys.exit(main())
