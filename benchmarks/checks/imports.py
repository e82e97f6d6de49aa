"""What `import zoo` costs over `import torch`: `python -m benchmarks.checks imports`.

Fresh processes, in shuffled pairs. Exit code 1 where the difference's 95 % interval lies above 0.3 s, or where
a library is loaded that should wait until it is needed.
"""

import subprocess
import sys
from functools import partial

from benchmarks.checks.interleaved import columns, in_rounds
from benchmarks.show.terminal import print_table
from benchmarks.statistics.intervals import interval
from registry import ZooError
from zoo.progress import progress

LIMIT = 0.3  # seconds
HEAVY = ("timm", "segmentation_models_pytorch", "kornia", "torchvision", "rich")
STATEMENTS = ("import torch", "import torch; import zoo")
TIMED = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"
LISTED = f"import sys; import zoo; print(*(name for name in {HEAVY} if name in sys.modules))"


def run(pairs: int) -> int:
    """Measure and show; 1 where the import is dear or loads what it should not."""
    loaded = output(LISTED).split()
    variants = {statement: partial(seconds, statement) for statement in STATEMENTS}
    with progress() as tick:
        in_rounds(variants, 1, tick)  # so that files are cached
        times = in_rounds(variants, pairs, tick)
    torch, both = times.values()
    added = interval([with_zoo - without for [with_zoo], [without] in zip(both, torch, strict=True)])
    rows = {**{statement: interval(rounds) for statement, rounds in times.items()}, "difference": added}
    verdict = f"loaded by import zoo and should not be: {', '.join(loaded)}" if loaded else "no heavy library is loaded"
    notes = [
        f"{pairs} pairs of fresh processes, shuffled; lower is better; limit {LIMIT} s.",
        f"{verdict} ({', '.join(HEAVY)}).",
    ]
    body = [[name, *columns(row, ".3f")] for name, row in rows.items()]
    print_table(["statement", "median s", "95 % interval s"], body, notes=notes)
    return 1 if loaded or added.low > LIMIT else 0


def seconds(statement: str, _: int) -> float:
    """What a fresh interpreter takes for a statement."""
    return float(output(TIMED.format(statement)))


def output(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ZooError(
            f"a fresh Python fails at {code.partition(';')[2].strip()!r}: {done.stderr.strip().splitlines()[-1:]}"
        )
    return done.stdout.strip()
