"""A page of invented records, opened in a real browser: what the tests of the page share."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from records import failed
from report_records import CPU, GPU, records

from benchmarks.show.results import Results

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
MARKS = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path; set CHROMIUM to one"),
]
SIZES = ((64, 64), (96, 96), (128, 128), (96, 160))
FAILED = "pan"  # the network whose latency failed
NUMBER = re.compile(r"[\d.]+")


def launched() -> Iterator[Any]:
    """A browser, closed at the end; skips where playwright is not installed."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])  # tests may run as root
        yield started
        started.close()


def full_page(folder: Path) -> Path:
    """Twenty networks at four sizes on two machines, all measures; one network's latency failed."""
    why = "failed: RuntimeError: <b>no</b>"
    found = [
        failed(one, why) if one.model == FAILED and one.measure == "latency" else one
        for one in records(folder, networks=20, sizes=SIZES, machines=(CPU, GPU), tiers=("hard", "easy"))
    ]
    Results(found, galleries=[folder]).to_html(folder / "page.html")
    return folder / "page.html"


def opened(browser: Any, path: Path, **options: Any) -> Iterator[Any]:
    """The page opened from disk; at the end it must have said nothing on the console and asked for nothing else."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"} | options)
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    yield page
    assert said == []
    assert {url for url in asked if not url.startswith("data:")} == {path.as_uri()}
    context.close()


def filter_by(page: Any, label: str, option: str) -> None:
    """Choose an option of one of the filters."""
    page.locator("#filters label", has_text=label).locator("select").select_option(label=option)


def column(page: Any, name: str) -> list[str]:
    """The first number of every row of the table, in the order shown, empty where there is none."""
    heads = page.locator("#table thead th .label").all_inner_texts()
    number = next(i for i, text in enumerate(heads) if text.strip(" ▲▼") == name)
    cells = page.locator(f"#table tbody tr:not(.machine) > :nth-child({number + 1})").all_inner_texts()
    return [(NUMBER.findall(text) or [""])[0] for text in cells]


def names(page: Any) -> list[str]:
    """The networks of the table, in the order shown."""
    return page.locator("#table tbody .link").all_inner_texts()
