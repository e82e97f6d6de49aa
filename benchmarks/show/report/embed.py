"""The page put together: template, style, scripts and data in one text that no name in the data can break."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

SCRIPTS = (  # in this order
    "draw.js",
    "rows.js",
    "quantities.js",
    "table.js",
    "scatter.js",
    "lines.js",
    "gallery.js",
    "filters.js",
    "details.js",
    "page.js",
)
MARK = re.compile(r"\{\{(\w+)\}\}")


def fill(data: Mapping[str, Any], pictures: Mapping[str, Any], *, title: str, text: str) -> str:
    """The whole page; `text` is shown where scripts are off."""
    style = _file("style.css")
    script = "(() => {\n" + "\n".join(['"use strict";', *map(_file, SCRIPTS)]) + "})();\n"
    parts = {
        "title": escape(title),
        "style": style,
        "script": script,
        "policy": _policy(style, script),
        "data": as_json(data),
        "gallery": as_json(pictures),
        "tables": escape(text),
    }
    return MARK.sub(lambda mark: parts[mark[1]], _file("page.html"))  # one pass: a mark inside the data stays text


def as_json(value: Any) -> str:
    """JSON that may stand inside a script element: no `<`, and what is no finite number is null.

    >>> as_json({"</script>": float("nan")})
    '{"\\\\u003c/script\\\\u003e":null}'
    """
    finite = json.loads(json.dumps(value), parse_constant=lambda _: None)
    text = json.dumps(finite, ensure_ascii=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text.encode(errors="backslashreplace").decode()  # half of a surrogate pair is not UTF-8


def _policy(style: str, script: str) -> str:
    """What the browser lets the page do: run this script and this style, show its own pictures, reach nothing."""
    return (
        f"default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:;"
        f" style-src {_hash(style)}; script-src {_hash(script)}"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _file(name: str) -> str:
    return files(__package__).joinpath("page", name).read_text(encoding="utf-8")
