"""The page in a real browser: gallery, details, themes, a phone, and records that are odd."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from records import changed
from report_browser import MARKS, column, filter_by, names, opened
from report_records import CPU, GPU, records

from benchmarks.show import report
from benchmarks.show.results import Results
from registry import Spec

pytestmark = MARKS


@pytest.fixture
def phone(browser: Any, written: Path) -> Iterator[Any]:
    yield from opened(browser, written, viewport={"width": 390, "height": 844}, has_touch=True, color_scheme="dark")


def test_the_gallery_shows_every_network_on_the_same_scenes(page: Any) -> None:
    page.locator("#gallery-section").scroll_into_view_if_needed()
    page.wait_for_selector("#gallery img")
    rows = page.locator("#gallery tbody tr")
    assert rows.count() == 3 + 20
    assert rows.first.locator("img").count() == 4
    assert page.evaluate(
        "[...document.querySelectorAll('#gallery img')].every(img => img.complete && img.naturalWidth == 64)"
    )
    masks = rows.last.locator("img").first.get_attribute("src")
    page.locator("#gallery-controls select").select_option("depth")
    assert page.locator("#gallery tbody tr").last.locator("img").first.get_attribute("src") != masks
    page.locator("#gallery tbody tr").last.locator("button").first.click()
    assert page.locator("#details img").count() == 6
    title = page.locator("#details-title").inner_text()
    page.get_by_role("button", name="Next scene").click()
    assert page.locator("#details-title").inner_text() == title.replace("scene 1", "scene 2")
    page.keyboard.press("Escape")
    filter_by(page, "Size", "96 \N{MULTIPLICATION SIGN} 160")
    assert page.evaluate("document.querySelector('#gallery img').naturalWidth") == 160


def test_more_columns_and_details_on_demand(page: Any) -> None:
    page.locator(".columns summary").click()
    page.get_by_role("checkbox", name="Mask boundary f").check()
    assert "Mask boundary f" in page.locator("#table thead").inner_text()
    page.locator("#table .link").first.click()
    text = page.locator("#details").inner_text()
    assert "upsample_bilinear2d" in text
    assert "5th to 95th percentile" in text
    assert "in_ch=6" in text


def colours(page: Any) -> tuple[str, str]:
    return tuple(
        page.evaluate("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]")
    )


def light(colour: str) -> float:
    return sum(map(int, re.findall(r"\d+", colour)[:3]))


def test_the_theme_follows_the_system_and_the_button(page: Any) -> None:
    paper, ink = colours(page)
    assert light(paper) > 700 > 200 > light(ink)
    page.emulate_media(color_scheme="dark")
    paper, ink = colours(page)
    assert light(paper) < 200 < 600 < light(ink)
    page.locator("#theme").click()
    assert light(colours(page)[0]) > 700
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert light(colours(page)[0]) > 700  # remembered
    page.evaluate("localStorage.clear()")


def test_a_phone_shows_all_without_scrolling_sideways(phone: Any) -> None:
    assert phone.evaluate("document.documentElement.scrollWidth") == 390
    assert light(colours(phone)[0]) < 200
    for chart in phone.locator("svg.chart").all():
        assert chart.bounding_box()["width"] <= 390
    name = phone.locator("#table tbody th").first
    phone.evaluate("document.getElementById('table').scrollLeft = 400")
    assert name.bounding_box()["x"] < 30  # the name stays while the numbers move
    phone.locator("#gallery-section").scroll_into_view_if_needed()
    phone.wait_for_selector("#gallery img")
    assert phone.evaluate("document.documentElement.scrollWidth") == 390
    sizes = phone.evaluate(
        "[...document.querySelectorAll('svg text')].map(text => parseFloat(getComputedStyle(text).fontSize))"
    )
    assert min(sizes) >= 11


def test_without_scripts_the_numbers_are_there(browser: Any, tmp_path: Path) -> None:
    results = Results(records(networks=3))
    results.to_html(tmp_path / "page.html")
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto((tmp_path / "page.html").as_uri())
    assert page.locator("noscript pre").inner_text().strip() == repr(results).strip()


@pytest.mark.parametrize("kept", [(), ("cost",), ("latency",), ("accuracy",), ("cost", "memory", "sensitivity")])
def test_a_part_of_the_records_makes_a_page_too(browser: Any, tmp_path: Path, kept: tuple[str, ...]) -> None:
    found = [one for one in records(networks=3) if one.measure in kept]
    Results(found).to_html(tmp_path / "page.html")
    for page in opened(browser, tmp_path / "page.html"):
        assert page.locator("#table tbody tr").count() == (3 if kept else 0)


def test_a_hostile_name_is_text_on_the_page(browser: Any, tmp_path: Path) -> None:
    name = "</script><img src=x onerror=alert(1)>é漢\U0001f600"
    spec = str(Spec("net", {"option": name}))
    found = records(tmp_path, networks=2)
    half = len(found) // 2
    found = [*(changed(one, model=name, spec=spec, group=name) for one in found[:half]), *found[half:]]
    Results(found, galleries=[tmp_path]).to_html(tmp_path / "page.html", title=name)
    for page in opened(browser, tmp_path / "page.html"):
        assert page.locator("h1").inner_text() == name
        assert name in names(page)
        assert page.locator("img[src=x]").count() == 0


def test_a_screenshot_shows_the_whole_page_or_a_part_of_it(tmp_path: Path) -> None:
    pytest.importorskip("playwright")
    Results(records(networks=3)).to_html(tmp_path / "page.html")

    def shot(source: str, target: str, *more: str) -> int:  # a process of its own: one allows one playwright
        places = (str(tmp_path / name) for name in (source, target))
        words = [sys.executable, "-m", "benchmarks.upkeep", "screenshot", *places, *more]
        return subprocess.run(words, cwd=Path(report.__file__).parents[3], check=False).returncode

    sizes = []
    for more in ((), ("--part", "#scatter-picture")):
        assert shot("page.html", "page.png", *more) == 0
        with Image.open(tmp_path / "page.png") as picture:
            sizes.append(picture.size)
            assert len(picture.convert("RGB").resize((86, 54)).getcolors(9999)) > 20  # not an empty page
    (whole, high), (part, low) = sizes
    assert (whole, whole > part, high > 4 * low) == (2 * 860, True, True)
    assert shot("none.html", "no.png") == 2
    assert not (tmp_path / "no.png").exists()


def test_a_rate_is_that_of_the_layout_which_reaches_it(browser: Any, tmp_path: Path) -> None:
    rates = iter([100.0, 300.0, 200.0, 210.0])  # of each network contiguous, then channels_last
    found = [
        changed(one, values={"images_per_s": next(rates), "batch": 8}, intervals={})
        for one in records(networks=2)
        if one.measure == "throughput"
    ]
    first, second = dict.fromkeys(one.model for one in found)
    Results(found).to_html(tmp_path / "page.html")
    for page in opened(browser, tmp_path / "page.html"):
        page.locator("#table thead button", has_text="Throughput").click()
        told = dict(zip(names(page), column(page, "Throughput"), strict=True))
        assert told == {first: "300", second: "210"}
    times = {"contiguous": 5.0, "channels_last": 9.0}  # for one image
    timed = [
        changed(one, values=one.values | {"ms": times[one.timed.layout]})
        for one in records(networks=2)
        if one.measure == "latency"
    ]
    Results([*found, *timed]).to_html(tmp_path / "page.html")
    for page in opened(browser, tmp_path / "page.html"):
        assert sorted(column(page, "Throughput")) == ["210", "300"]
        assert "channels_last" in page.locator("#table tbody tr").first.inner_text()


def test_a_machine_that_timed_no_latency_does_not_hide_those_of_another(browser: Any, tmp_path: Path) -> None:
    here = [one for one in records(networks=3) if one.measure == "throughput"]
    there = records(networks=3, machines=(GPU,))
    Results([*here, *there], here=CPU).to_html(tmp_path / "page.html")
    for page in opened(browser, tmp_path / "page.html"):
        filter_by(page, "Speed measured on", GPU.headline)
        assert all(float(text) > 0 for text in column(page, "Latency"))
        assert page.locator("#scatter .dot").count() == 3


def test_a_page_opens_on_the_machine_that_made_it_else_on_a_gpu(browser: Any, tmp_path: Path) -> None:
    found = records(networks=3, machines=(CPU, GPU))
    for here, expected in ((CPU, CPU), (GPU, GPU), (None, GPU)):
        results = Results(found, here=here)
        assert results.chosen.setting is not None
        assert results.chosen.setting.machine == expected.identity
        results.to_html(tmp_path / "page.html")
        for page in opened(browser, tmp_path / "page.html"):
            chosen = page.locator("#filters label", has_text="Speed measured on").locator("select option:checked")
            assert chosen.inner_text() == expected.headline
