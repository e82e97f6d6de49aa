"""Records of a comparison: fields with any value, damaged lines."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from benchmarks import Results
from benchmarks.store import committed, files
from fuzzing.case import Case
from fuzzing.changes import altered, damaged

SEVERAL = 4  # records in a case


@st.composite
def cases(draw: Callable[..., Any]) -> Case:
    lines = [draw(st.sampled_from(genuine())) for _ in range(draw(st.integers(1, SEVERAL)))]
    kind = draw(st.sampled_from(("fields", "fields", "bytes")))
    if kind == "fields":
        place = draw(st.integers(0, len(lines) - 1))
        lines[place] = json.dumps(draw(altered(json.loads(lines[place]))))
    data = "".join(f"{line}\n" for line in lines).encode(errors="surrogatepass")
    return Case({"compare.jsonl": draw(damaged(data)) if kind == "bytes" else data})


def run(folder: Path) -> None:
    """Read them, and show them in every form."""
    results = Results(files.read(folder / "compare.jsonl"))
    results.save(folder)
    repr(results)


@cache
def genuine() -> list[str]:
    """A few records of each measure, as they come with the library; their long parts cut short."""
    found: dict[str, list[str]] = {}
    for path in sorted(Path(committed.__file__).parents[1].glob("records/*.jsonl")):
        for line in sorted(path.read_text().splitlines(), key=len):
            found.setdefault(json.loads(line)["measure"], []).append(line)
    return [line for lines in found.values() for line in lines[:: max(1, len(lines) // SEVERAL)][:SEVERAL]]
