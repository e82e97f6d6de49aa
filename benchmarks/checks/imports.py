"""What `import zoo` costs over `import torch`: `python -m benchmarks.checks.imports`.

Fresh processes, in shuffled pairs. Exit code 1 where the difference's 95 % interval lies above 0.3 s, or where
a library is loaded that should wait until it is needed.
"""

import random
import subprocess
import sys

from benchmarks.arguments import at_least
from registry import ZooError
from registry.commandline import Parser, guarded

LIMIT = 0.3  # seconds
HEAVY = ("timm", "segmentation_models_pytorch", "kornia", "torchvision", "rich")
STATEMENTS = {"torch": "import torch", "zoo": "import torch; import zoo"}
TIMED = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"
LISTED = f"import sys; import zoo; print(*(name for name in {HEAVY} if name in sys.modules))"


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = Parser(prog="python -m benchmarks.checks.imports", description="What `import zoo` costs.")
    parser.add_argument(
        "--pairs", type=at_least(6), default=10, help="pairs of fresh processes, from 6 up; default: 10"
    )
    return guarded(lambda: run(parser.parse_args(argv).pairs))


def run(pairs: int) -> int:
    """Measure and show; 1 where the import is dear or loads what it should not."""
    from benchmarks.show.terminal import print_table
    from benchmarks.statistics.intervals import interval
    from zoo.progress import progress

    loaded = output(LISTED).split()
    seconds: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    shuffle = random.Random(0).shuffle
    with progress() as tick:
        for statement in STATEMENTS.values():
            tick(f"{statement}, once, so that files are cached", 0, pairs)
            output(TIMED.format(statement))
        for i in range(pairs):
            names = list(STATEMENTS)
            shuffle(names)
            for name in names:
                tick(f"timing {STATEMENTS[name]}", i, pairs)
                seconds[name].append(float(output(TIMED.format(STATEMENTS[name]))))
    added = interval([zoo - torch for zoo, torch in zip(seconds["zoo"], seconds["torch"], strict=True)])
    rows = {**{STATEMENTS[name]: interval(values) for name, values in seconds.items()}, "difference": added}
    body = [[name, f"{row.median:.3f}", f"{row.low:.3f} to {row.high:.3f}"] for name, row in rows.items()]
    verdict = f"loaded by import zoo and should not be: {', '.join(loaded)}" if loaded else "no heavy library is loaded"
    notes = [
        f"{pairs} pairs of fresh processes, shuffled; lower is better; limit {LIMIT} s.",
        f"{verdict} ({', '.join(HEAVY)}).",
    ]
    print_table(["statement", "median s", "95 % interval s"], body, notes=notes)
    return 1 if loaded or added.low > LIMIT else 0


def output(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ZooError(
            f"a fresh Python fails at {code.partition(';')[2].strip()!r}: {done.stderr.strip().splitlines()[-1:]}"
        )
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
