"""Checks: can the measurements be trusted, and does the library keep its promises? `python -m benchmarks.checks
control`, and so on."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.plan.comparison import FOUNDING, WITHIN
from registry.arguments import Commands, at_least, command, listed, positive, threads
from registry.commandline import image_size, path

LARGEST_SIDE = 30_000  # pixels of a photo
THREADS = {"type": threads, "help": "threads on the CPU; default: what torch chooses"}
CHECKS: Commands = {
    "control": (
        "can the timing be trusted here?",
        {
            "--model": {"default": "unet(width=16)", "help": "network to time against itself; default: unet(width=16)"},
            "--models": {
                "default": FOUNDING,
                "help": "with --load: networks whose order must not change; default: the founding ones",
            },
            "--size": {"type": image_size, "default": (64, 64), "help": "pixels; default: 64"},
            "--runs": {"type": at_least(1), "default": 40, "help": "default: 40"},
            "--seconds": {"type": positive, "default": 20.0, "help": "timing in each run, at most; default: 20"},
            "--within": {
                "type": positive,
                "default": WITHIN,
                "help": "as in benchmarks.compare: stop timing earlier when the median is known to this share",
            },
            "--load": {"action": "store_true", "dest": "loaded", "help": "keep one core busy with another process"},
            "--keep": {"action": "store_true", "help": "add the record to the library's own"},
            "--device": {
                "choices": ("auto", "cpu", "cuda"),
                "default": "auto",
                "help": "default: auto, cuda if there is a GPU",
            },
            "--threads": THREADS,
        },
    ),
    "imports": (
        "what does `import zoo` cost?",
        {"--pairs": {"type": at_least(6), "default": 10, "help": "pairs of fresh processes, 6 or more; default: 10"}},
    ),
    "learning": (
        "what does a recipe reach, and how soon?",
        {
            "--recipe": {"default": "zoo-quick", "help": "a name or a TOML file; default: zoo-quick"},
            "--tiers": {
                "type": listed("clean", "hard"),
                "default": ("clean", "hard"),
                "help": "tiers of PairBench; default: clean,hard",
            },
            "--samples": {
                "type": at_least(1000, most=10**9),
                "help": "training samples of each network; default: the recipe's",
            },
            "--scenes": {"type": at_least(10), "default": 500, "help": "number of test scenes; default: 500"},
            "--seed": {"type": at_least(0), "help": "default: the recipe's"},
            "--alone": {"action": "store_true", "help": "leave out frame_difference, and so the goals"},
            "--out": {
                "type": path,
                "default": Path("results/learning"),
                "help": "folder for the trainings; finished ones are kept",
            },
        },
    ),
    "nearer": (
        "do tiles find more than the whole photo at once?",
        {
            "--model": {"default": "pairnet-small", "help": "ready weights or a file; default: pairnet-small"},
            "--data": {
                "nargs": "+",
                "dest": "sources",
                "default": ["pairbench:hard"],
                "help": "sources; default: pairbench:hard",
            },
            "--size": {"type": image_size, "default": (672, 672), "help": "pixels; default: 672"},
            "--scenes": {"type": at_least(2), "default": 40, "help": "default: 40"},
            "--split": {"choices": ("val", "test"), "default": "val", "help": "default: val"},
            "--threads": THREADS,
        },
    ),
    "optimise": (
        "how much faster does zoo.optimise make networks here?",
        {
            "--models": {
                "default": FOUNDING,
                "help": "networks, or names of ready weights; default: the founding networks",
            },
            "--size": {"type": image_size, "default": (224, 224), "help": "pixels; default: 224"},
            "--threads": THREADS,
            "--engine": {
                "choices": ("auto", "eager", "compile", "onnxruntime", "openvino"),
                "default": "auto",
                "help": "default: auto, every one",
            },
            "--seconds": {"type": positive, "default": 20.0, "help": "of timing for each network; default: 20"},
            "--tolerance": {"type": positive, "default": 0.005, "help": "of accuracy; default: 0.005"},
            "--keep": {"action": "store_true", "help": "add the records to those that come with the library"},
        },
    ),
    "overhead": (
        "what does the contract cost?",
        {
            "--models": {
                "default": FOUNDING,
                "help": 'names, patterns and specs, as in "u2net*, unet(depth=4)"; default: the founding networks',
            },
            "--sizes": {
                "type": image_size,
                "nargs": "+",
                "default": [(64, 64), (224, 224)],
                "help": "pixels; default: 64 224",
            },
            "--seconds": {"type": positive, "default": 8.0, "help": "time for each network at each size; default: 8"},
            "--threads": THREADS,
        },
    ),
    "reading": (
        "how fast does training data arrive?",
        {
            "--tuples": {"type": at_least(64), "default": 1500, "help": "tuples read in a round; default: 1500"},
            "--rounds": {"type": at_least(2), "default": 8, "help": "shuffled rounds; default: 8"},
            "--workers": {"type": at_least(1), "default": 2, "help": "processes that read; default: 2"},
            "--batch": {"type": at_least(1), "default": 32, "help": "default: 32"},
            "--pixels": {"type": at_least(8), "default": 224, "help": "height and width; default: 224"},
            "--reading-only": {"action": "store_true", "help": "leave out how fast PairBench is rendered"},
        },
    ),
    "rendering": (
        "how fast is PairBench rendered?",
        {
            "--rounds": {"type": at_least(3), "default": 8, "help": "shuffled rounds; default: 8"},
            "--samples": {"type": at_least(64), "default": 480, "help": "samples in a round; default: 480"},
            "--workers": {"type": at_least(1), "default": 2, "help": "processes on the CPU; default: 2"},
            "--batch": {"type": at_least(1), "default": 16, "help": "default: 16 on the CPU"},
        },
    ),
    "resolution": (
        "how much time and memory do large photos take, in tiles?",
        {
            "--models": {
                "nargs": "+",
                "default": [*(f"pairnet(scale={scale})" for scale in ("nano", "small", "base")), "u2netp"],
                "help": "networks; default: pairnet in three scales, and u2netp",
            },
            "--sizes": {
                "type": partial(image_size, largest=LARGEST_SIDE),
                "nargs": "+",
                "default": [(1080, 1920), (1920, 1080), (2160, 3840), (4320, 7680), (8660, 11550), (11550, 8660)],
                "help": "height x width; default: 1080p, 4K, 8K and 100 megapixels, some in portrait format",
            },
            "--threads": THREADS,
        },
    ),
    "video": (
        "how much memory and time does a long video take, and how steady are its masks?",
        {
            "--models": {
                "nargs": "+",
                "default": ["pairnet-nano", "pairnet-small"],
                "help": "ready weights or files; default: pairnet-nano pairnet-small",
            },
            "--size": {"type": image_size, "default": (1080, 1920), "help": "height x width; default: 1080x1920"},
            "--seconds": {"type": positive, "default": 60.0, "help": "length of the video; default: 60"},
            "--out": {"type": path, "help": "a folder for plots of the memory"},
            "--threads": THREADS,
        },
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """A check; returns its exit code, 1 where a goal is missed."""
    return command("benchmarks.checks", CHECKS, argv)


if __name__ == "__main__":
    sys.exit(main())
