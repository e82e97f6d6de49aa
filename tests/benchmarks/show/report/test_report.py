"""The page as text: what it holds, what it must not do, and what records that are odd do to it."""

import base64
import hashlib
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import changed, failed
from report_records import CPU, GPU, records

from benchmarks.show import report
from benchmarks.show.report.embed import as_json
from benchmarks.show.results import Results
from benchmarks.store.record import Record
from registry import Spec

VOID = {"meta", "link", "img", "br", "input", "hr"}


class Elements(HTMLParser):
    """Tags as a browser sees them, and the text of scripts by their id."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, str] = {}
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style", "title", "h1"):
            key = self.tags[-1][1].get("id") or self.open[-1]
            self.texts[key] = self.texts.get(key, "") + data


def parsed(html: str) -> dict[str, Any]:
    return json.loads(Elements(html).texts["data"])


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Record], str]:
    folder = tmp_path_factory.mktemp("full")
    found = records(folder, networks=4, machines=(CPU, GPU), seeds=2, tiers=("hard", "easy"))
    return folder, found, report.page(Results(found, galleries=[folder]))


def test_the_page_is_well_formed_and_has_its_sections(full: tuple[Path, list[Record], str]) -> None:
    page = Elements(full[2])
    assert page.open == []
    ids = [attrs["id"] for _, attrs in page.tags if attrs.get("id")]
    assert len(ids) == len(set(ids))
    assert {"filters", "scatter", "table", "curves", "sensitivity", "gallery", "machines"} <= set(ids)
    labels = {attrs.get("aria-labelledby") for _, attrs in page.tags} - {None}
    assert labels - {"details-title"} <= set(ids)  # a dialog gets its title when it opens
    assert ("html", {"lang": "en"}) in page.tags


def test_the_page_asks_no_host_for_anything(full: tuple[Path, list[Record], str]) -> None:
    html = full[2]
    for tag, attrs in Elements(html).tags:
        for name in ("src", "href", "action", "srcset", "data", "poster"):
            assert (attrs.get(name) or "data:").startswith(("data:", "#")), (tag, name)
    assert set(re.findall(r"https?://[^\s\"'<]+", html)) <= {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert "@import" not in html
    assert "url(" not in html


def test_the_policy_names_this_very_script_and_style(full: tuple[Path, list[Record], str]) -> None:
    policy = next(a["content"] for _, a in Elements(full[2]).tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    for tag in ("script", "style"):
        text = re.search(rf"<{tag}>(.*?)</{tag}>", full[2], re.DOTALL)
        assert text is not None
        assert base64.b64encode(hashlib.sha256(text[1].encode()).digest()).decode() in policy


def test_every_cell_is_in_the_page(full: tuple[Path, list[Record], str]) -> None:
    _, found, html = full
    data = parsed(html)
    assert data["records"] == len(found) == 4 * (1 + 2 * 6 + 2 * 2 + 2 * 7)
    assert len(data["models"]) == len(data["cost"]) == 4
    assert [machine["device"] for machine in data["machines"]] == ["cpu", "cuda"]
    cells = [
        cell for entry in data["speed"] for measure in ("latency", "throughput", "memory") for cell in entry[measure]
    ]
    assert len(data["speed"]) == 4 * 2 * 2
    assert len(cells) == sum(one.measure in ("latency", "throughput", "memory") for one in found)
    for one in (one for one in found if one.measure == "latency"):
        assert any(
            entry["latency"]["1"]["ms"] == one.values["ms"] and entry["latency"]["1"]["interval"] == one.intervals["ms"]
            for entry in data["speed"]
        )
    assert {set_["data"] for set_ in data["sets"]} == {"pairbench:hard", "pairbench:easy"}
    assert [len(entry["curves"]) for entry in data["accuracy"]] == [2] * 8
    assert len(data["sensitivity"]) == 4 * 2 * 7


HOSTILE = "</script><script>alert(1)</script><!--{{data}}\u2028é漢\U0001f600\"'&amp;"


def test_a_hostile_name_stays_text() -> None:
    spec = str(Spec("net", {"option": HOSTILE}))
    found = records(networks=2)
    half = len(found) // 2
    results = Results(
        [*(changed(one, model=HOSTILE, spec=spec, failed=HOSTILE) for one in found[:half]), *found[half:]]
    )
    html = report.page(results, title=HOSTILE)
    page = Elements(html)
    assert page.texts["h1"] == page.texts["title"] == HOSTILE
    assert [tag for tag, _ in page.tags].count("script") == 3
    data = parsed(html)
    assert (HOSTILE, spec) in [(model["name"], model["spec"]) for model in data["models"]]
    assert data["title"] == HOSTILE
    assert HOSTILE not in re.findall("<pre.*?</pre>", html, re.DOTALL)[0], "which is shown where scripts are off"


@given(
    st.recursive(st.text() | st.floats() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_embedded_data_reads_back_and_closes_nothing(value: Any) -> None:
    text = as_json(value)
    assert not set("<>\u2028\u2029") & set(text)
    text.encode()
    assert json.loads(text) == json.loads(json.dumps(value), parse_constant=lambda name: None)


def test_numbers_that_are_none_become_gaps() -> None:
    found = records(networks=3)
    number, accuracy = next((n, one) for n, one in enumerate(found) if one.measure == "accuracy")
    look, *looks = accuracy.raw.curve or ()
    found[number] = changed(
        accuracy, values={"mask_iou": math.nan, "depth_rmse": None, "seconds": math.inf},
        intervals={"mask_iou": [None, None]}, raw={"curve": (replace(look, mask_iou=math.nan), *looks)},
    )  # fmt: skip
    number, latency = next((n, one) for n, one in enumerate(found) if one.measure == "latency")
    found[number] = changed(latency, intervals={"ms": [0.0, math.inf]})
    data = parsed(report.page(Results(found)))
    entry = next(e for e in data["accuracy"] if data["models"][e["model"]]["name"] == accuracy.model)
    assert entry["values"] == {"mask_iou": [None] * 4, "depth_rmse": [None] * 4}
    assert entry["seconds"] is None
    assert entry["curves"][0][0]["mask_iou"] is None
    assert [0.0, None] in [cell["interval"] for e in data["speed"] for cell in e["latency"].values()]


def test_a_failed_cell_says_so() -> None:
    reason, name = "failed: RuntimeError: no kernel", records(networks=2)[0].model
    found = [failed(one, reason) if one.model == name and one.measure != "cost" else one for one in records(networks=2)]
    data = parsed(report.page(Results(found)))
    number = next(i for i, model in enumerate(data["models"]) if model["name"] == name)
    assert {cell["failed"] for e in data["speed"] if e["model"] == number for cell in e["latency"].values()} == {reason}
    assert [e["failed"] for e in data["accuracy"] if e["model"] == number] == [reason]
    assert [p["failed"] for p in data["problems"]] == [reason] * (6 + 1 + 7)
    assert {p["model"] for p in data["problems"]} == {number}


def test_no_records_make_a_page() -> None:
    assert parsed(report.page(Results([])))["records"] == 0


def test_the_page_is_written_whole(tmp_path: Path) -> None:
    Results(records(networks=1)).to_html(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8").endswith("</html>\n")
    with pytest.raises(OSError, match="results cannot be kept"):
        Results([]).to_html(tmp_path / "missing" / "page.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.html"]
