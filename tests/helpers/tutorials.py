"""Tutorials as a reader follows them: the blocks of a page, one after another, in one empty folder.

PYTHONPATH=tests/helpers python -m tutorials [PAGE ...]   run them, and put the pictures that they draw beside the page

A block of Python runs in one session with those before it; one with title="FILE" is written to that file. In a block
of commands, what stands after `$` runs, and the other lines are its output. A block of `text` is the output of the
block above; with a title, as title="with the records of 2026-11-28", it is the output of that day, and not compared.
"""

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from math import isclose
from pathlib import Path
from typing import NamedTuple

PAGES = Path(__file__).resolve().parent.parent.parent / "docs" / "tutorials"
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TITLE = re.compile(r'title="([^"]+)"')
PICTURE = re.compile(r"!\[[^\]]*\]\(([^)/]+)\)")
DECIMAL = re.compile(r"\d+\.\d+")
NEAR = {"rel_tol": 0.05, "abs_tol": 0.02}  # of shown decimals: another processor rounds otherwise


class Block(NamedTuple):
    info: str  # what stands behind the backticks
    text: str


def names() -> list[str]:
    return sorted(page.stem for page in PAGES.glob("*.md") if page.stem != "README")


def pictures(name: str) -> list[str]:
    """Those that a tutorial shows and draws."""
    return PICTURE.findall((PAGES / f"{name}.md").read_text("utf-8"))


def blocks(name: str) -> list[Block]:
    return [Block(*found) for found in BLOCK.findall((PAGES / f"{name}.md").read_text("utf-8"))]


def follow(name: str, folder: Path) -> None:
    """Run the page in `folder`; an error or another output than the one shown ends it."""
    space: dict[str, object] = {"__name__": name}
    output = ""
    sys.path.insert(0, str(folder))
    try:
        with chdir(folder):
            for block in blocks(name):
                if block.info.startswith("text "):
                    continue
                if title := TITLE.search(block.info):
                    Path(title[1]).write_text(block.text, "utf-8")
                elif block.info == "python":
                    output = _captured(lambda code=block.text: exec(compile(code, f"{name}.md", "exec"), space))
                elif block.info == "text":
                    compare(block.text, output)
                elif not block.info:
                    for command, shown in _commands(block.text):
                        compare(shown, _run(command))
    finally:
        sys.path.remove(str(folder))


def compare(shown: str, output: str) -> None:
    """Where what is shown is not what was said, say which line. `...` stands for anything, also for lines."""
    said = iter(output.splitlines())
    wanted = [line.rstrip() for line in shown.splitlines() if line.strip()]
    for n, line in enumerate(wanted):
        if line == "...":
            continue
        skips = not n or wanted[n - 1] == "..."
        for other in (other for other in said if other.strip()):
            if same(line, other):
                break
            if not skips:
                raise AssertionError(f"shown: {line}\nbut the output is: {other}")
        else:
            raise AssertionError(f"shown: {line}\nbut the output is:\n{output}")


def same(shown: str, said: str) -> bool:
    """Whether a line was said as shown: any blanks, decimals nearly, and anything for `...`."""
    pieces = (re.escape(piece) for piece in re.split(r"\.\.\.", DECIMAL.sub("\0", " ".join(shown.split()))))
    pattern = ".*".join(pieces).replace(re.escape("\0"), f"({DECIMAL.pattern})")
    found = re.fullmatch(pattern, " ".join(said.split()))
    return found is not None and all(
        isclose(float(a), float(b), **NEAR) for a, b in zip(DECIMAL.findall(shown), found.groups(), strict=True)
    )


def _commands(text: str) -> Iterator[tuple[str, str]]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


def _run(command: str) -> str:
    """The output of a command, or its error. Ours run in this process, which is faster."""
    words = shlex.split(command)
    if words[0] == "zoo":
        from zoo.__main__ import main

        return _captured(lambda: main(words[1:]))
    if words[:3] == ["python", "-m", "benchmarks.compare"]:
        from benchmarks.compare import main as compare_networks

        return _captured(lambda: compare_networks(words[3:]))
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def _captured(call: Callable[[], int | None]) -> str:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = call()
    return err.getvalue() if code else out.getvalue()


def main(given: list[str]) -> None:
    for name in given or names():
        with tempfile.TemporaryDirectory() as folder:
            os.environ["PAIRZOO_CACHE"] = str(Path(folder, "cache"))  # of zoo.optimise
            follow(name, Path(folder))
            for picture in pictures(name):
                shutil.copy(Path(folder, picture), PAGES / picture)
        print(name, *pictures(name))


if __name__ == "__main__":
    main(sys.argv[1:])
