"""What one measure finds of a network: `python -m benchmarks.measures memory "unet(depth=4)" --work training`."""

import contextlib
import json
import sys
from argparse import SUPPRESS, ArgumentTypeError
from collections.abc import Sequence
from typing import Any

from registry.arguments import Commands, at_least, command
from registry.commandline import image_size


def settings(text: str) -> dict[str, Any]:
    """Settings by name, as JSON."""
    with contextlib.suppress(json.JSONDecodeError):
        if isinstance(found := json.loads(text), dict):
            return found
    raise ArgumentTypeError(f'{text[:40]!r} is not accepted; give JSON, as {{"precision": "bf16"}}')


MEASURES: Commands = {
    "memory": (
        "the peak memory of a network, in bytes, in a process of its own",
        {
            "model": {"help": 'a name, a spec, or a network of your own, as "unet(depth=4)" or my_net.py:Net'},
            "--work": {
                "choices": ("inference", "training", "once"),
                "default": "inference",
                "help": "once: one call without measurement, to see whether it ends; default: inference",
            },
            "--size": {
                "type": image_size,
                "default": (224, 224),
                "help": "pixels: 224, or height x width as 224x320; default: 224",
            },
            "--device": {"default": "cpu", "help": "cpu, cuda or cuda:N; default: cpu"},
            "--threads": {"type": at_least(1), "help": "threads on the CPU; default: what torch chooses"},
            "--settings": {
                "type": settings,
                "default": {},
                "help": 'further settings, as {"batch": 2, "precision": "bf16"}',
            },
            "--parent": {"type": int, "help": SUPPRESS},  # the process this one is to end with
        },
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """A measure; returns the exit code."""
    return command("benchmarks.measures", MEASURES, argv)


if __name__ == "__main__":
    sys.exit(main())
