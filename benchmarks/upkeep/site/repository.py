"""The pages that the repository has, and what they link to: each under its own path, so that links stay as they are."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FRONT = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
SHOWN = {".py": "python", ".cpp": "cpp", ".toml": "toml", ".html": "html", ".ipynb": ""}  # as text, on a page
SOURCE = ".source.md"  # what the page of such a file ends in
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]+)(?:#[^)]*)?\)")  # to this repository
FENCED = re.compile(r"^```.*?^```", flags=re.DOTALL | re.MULTILINE)


def pages() -> list[Path]:
    """What is written for people, README first."""
    written = [*sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "zoo/weights/ready").glob("*.md"))]
    return [*(ROOT / name for name in FRONT), *written]


def pictures() -> list[Path]:
    """Whatever else lies among the pages."""
    return [path for path in sorted((ROOT / "docs").rglob("*")) if path.is_file() and path.suffix != ".md"]


def linked() -> list[Path]:
    """Files and folders that a page links to and that are no pages."""
    known = {*pages(), *pictures()}
    targets = [target for page in pages() for target in _targets(page)]
    return [path for path in dict.fromkeys(targets) if path.exists() and path not in known]


def _targets(page: Path) -> Iterator[Path]:
    for link in LINK.findall(FENCED.sub("", page.read_text("utf-8"))):
        yield (page.parent / link).resolve()


def source(path: Path) -> str:
    """A page that shows a file, or what lies in a folder."""
    title = f"# {path.relative_to(ROOT)}\n\n"
    if path.is_dir():
        files = [each for each in sorted(path.rglob("*")) if each.is_file()]
        return title + "\n".join(f"- [{each.relative_to(path)}]({each.relative_to(path.parent)})" for each in files)
    text = path.read_text("utf-8")
    return notebook(text) if path.suffix == ".ipynb" else f"{title}````{SHOWN[path.suffix]}\n{text}\n````\n"


def notebook(text: str) -> str:
    """A notebook as a page: its words, its code and what that printed; pictures stand in the page itself."""
    parts = list[str]()
    for cell in json.loads(text)["cells"]:
        code = cell["cell_type"] == "code"
        parts.append(f"```python\n{_joined(cell['source'])}\n```" if code else _joined(cell["source"]))
        for output in cell.get("outputs", ()):
            found = output.get("data", {"text/plain": output.get("text", "")})
            if png := found.get("image/png"):
                parts.append(f"![What this cell draws](data:image/png;base64,{_joined(png).strip()})")
            elif words := _joined(found.get("text/plain", "")).rstrip():
                parts.append(f"```text\n{words}\n```")
    return "\n\n".join(parts)


def _joined(text: str | list[str]) -> str:
    return "".join(text)


def page_of(path: Path) -> str:
    """Where the page of a linked file or folder stands."""
    return f"{path.relative_to(ROOT)}{SOURCE}"


def relinked(text: str, page: Path) -> str:
    """A page whose links lead to the pages of files, where they led to the files themselves.

    >>> relinked("[a table](../benchmarks/records)", ROOT / "docs" / "x.md")
    '[a table](../benchmarks/records.source.md)'
    """

    def lead(found: re.Match[str]) -> str:
        path = (page.parent / found[1]).resolve()
        return f"]({found[1]}{SOURCE})" if path.is_dir() or (path.suffix in SHOWN and path.exists()) else found[0]

    return LINK.sub(lead, text)
