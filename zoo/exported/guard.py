"""What a .pt2 archive may hold before torch.export reads it: tensors and a graph of torch's own operations.

torch.export.load unpickles what it finds, evaluates the text of sizes, and calls what the graph names. None of that
is done before all of it was looked at here.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from zoo.weights.files import WeightsError

LARGEST = 1 << 28  # bytes of the text of a graph
OPERATIONS = re.compile(r"torch\.ops\.(aten|prims|higher_order)\.\w+(\.\w+)?|_operator\.\w+|torch\.sym_\w+|math\.\w+|")
SIZES = re.compile(r"[\w\s+\-*/(),<>=&|~']*")
WORDS = re.compile(
    r"[suz]\d+|\d+|oo|int_oo|Mod|PythonMod|FloorDiv|CeilDiv|CleanDiv|Max|Min|Eq|Ne|Lt|Le|Gt|Ge|And|Or|Not|"
    "StrictLessThan|LessThan|StrictGreaterThan|GreaterThan|Equality|Unequality|Where|Piecewise|IntTrueDiv|"
    "FloatTrueDiv|ToFloat|TruncToInt|FloorToInt|CeilToInt|RoundToInt|PowByNatural|True|False|Identity|"
    "Symbol|Integer|Float|Rational|Mul|Add|Pow|floor|ceiling|integer|positive|nonnegative|None"
)
PICKLED = ("custom_obj_", "opaque_obj_", "aotinductor")  # parts of names of files


def require_no_code(path: Path) -> None:
    """Raise WeightsError where reading the archive could run code that is in it."""
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            name = entry.filename
            if any(part in name for part in PICKLED):
                _refuse(path, f"objects ({name})")
            if name.endswith(".pt") and entry.file_size:
                _require_tensors(path, archive, name)
            if name.endswith(".json") and "/extra/" not in name:
                if entry.file_size > LARGEST:
                    _refuse(path, f"a graph of {entry.file_size:,} bytes")
                _require_graph(path, json.loads(archive.read(name)))


def _require_tensors(path: Path, archive: zipfile.ZipFile, name: str) -> None:
    try:
        torch.load(io.BytesIO(archive.read(name)), weights_only=True)
    except Exception:
        _refuse(path, f"objects ({name})")


def _require_graph(path: Path, graph: Any) -> None:
    for key, value in _items(graph):
        if key == "use_pickle" and value:
            _refuse(path, "pickled tensors")
        if key == "target" and isinstance(value, str) and not OPERATIONS.fullmatch(value):
            _refuse(path, f"a call of {value[:60]}")
        if key == "expr_str" and not _is_size(value):
            _refuse(path, f"a size that is {str(value)[:60]!r}")


def _is_size(text: Any) -> bool:
    """Whether a text is arithmetic of sizes and nothing else.

    >>> _is_size("((s77 + 15)//16)*16"), _is_size("exit()"), _is_size("().__class__")
    (True, False, False)
    """
    if not isinstance(text, str) or not SIZES.fullmatch(text):
        return False
    return all(WORDS.fullmatch(word) for word in re.findall(r"\w+", text))


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, however deep; without recursion, which a hostile file could make too deep."""
    todo = [value]
    while todo:
        found = todo.pop()
        if isinstance(found, dict):
            yield from found.items()
            todo.extend(found.values())
        elif isinstance(found, list):
            todo.extend(found)


def _refuse(path: Path, what: str) -> None:
    raise WeightsError(
        f"{path} holds {what}, which no file of zoo.export does, and reading it could run code; if you trust it,"
        " read it with torch.export.load"
    )
