"""The page in a real browser: table, filters, chart and curves. Run where playwright and a Chromium are installed."""

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
from records import changed
from report_browser import FAILED, MARKS, NUMBER, column, filter_by, names, opened
from report_records import CPU, GPU, records

from benchmarks.show.results import Results
from benchmarks.upkeep import readme

pytestmark = MARKS


def test_twenty_networks_at_four_sizes_are_usable_within_a_second(browser: Any, written: Path) -> None:
    times = []
    for _ in range(3):  # the best of three: the machine may have other work
        page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.goto(written.as_uri())
        page.wait_for_selector("html[data-ready]")
        times.append(page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"))
        assert page.locator("#table tbody tr").count() == 20
        start = page.evaluate("performance.now()")
        filter_by(page, "Size", "all")
        assert page.locator("#table tbody tr").count() == 80
        assert page.evaluate("performance.now()") - start < 2000
        page.context.close()
    assert min(times) < 1000


def test_sorting_goes_both_ways_and_says_so(page: Any) -> None:
    head = page.locator("#table thead th", has_text="Latency")
    assert head.get_attribute("aria-sort") == "none"
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    values = column(page, "Latency")
    assert values[-1] == ""  # the one that failed stands last
    numbers = [float(value) for value in values[:-1]]
    assert len(numbers) == 19
    assert numbers == sorted(numbers)
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert [float(value) for value in column(page, "Latency")[:-1]] == numbers[::-1]
    assert names(page)[-1] == FAILED
    assert "lower is better" in head.inner_text()
    page.locator("#table thead th", has_text="Mask IoU").locator("button").click()  # the best first: the highest
    accuracies = [float(value) for value in column(page, "Mask IoU")]
    assert accuracies == sorted(accuracies, reverse=True)


def test_a_failed_cell_is_shown_as_failed(page: Any) -> None:
    row = page.locator("#table tbody tr", has=page.get_by_role("button", name=FAILED, exact=True))
    row.locator(".failed").first.click()
    assert "failed: RuntimeError: <b>no</b>" in page.locator("#details").inner_text()
    page.keyboard.press("Escape")
    assert not page.locator("#details").is_visible()
    assert "<b>no</b>" in page.locator("#problems").inner_text()


def test_filters_narrow_the_table_the_chart_and_the_curves(page: Any) -> None:
    page.get_by_label("Search").fill("u2net")
    assert set(names(page)) == {"u2net", "u2netp"}
    assert page.locator("#scatter .dot").count() == 2
    assert page.locator("#curves-chips .chip").all_inner_texts() == ["u2net", "u2netp"]
    page.get_by_label("Search").fill("nothing like it")
    assert names(page) == []
    assert "Nothing fits" in page.locator("#table-note").inner_text()
    page.get_by_label("Search").fill("")
    filter_by(page, "Networks", "baseline")
    assert set(names(page)) == {"frame_difference", "aligned_difference"}
    filter_by(page, "Networks", "all")
    filter_by(page, "Layout", "all")
    assert len(names(page)) == 40
    before = column(page, "Mask IoU")
    filter_by(page, "Accuracy on", "pairbench:easy, equal recipe, 10,000 samples")
    assert column(page, "Mask IoU") != before


def test_machines_are_never_ranked_together(page: Any) -> None:
    assert GPU.device_name in page.locator("#table-note").inner_text()  # it opens on a GPU where there is one
    filter_by(page, "Speed measured on", "all, each by itself")
    page.locator("#table thead button", has_text="Latency").click()
    assert page.locator("#table tbody").count() == 2
    titles = page.locator("#table .machine").all_inner_texts()
    assert [machine.device_name in title for machine, title in zip((CPU, GPU), titles, strict=True)] == [True, True]
    assert page.locator("#scatter figure").count() == 2
    for body in page.locator("#table tbody").all():
        assert body.locator("tr").count() == 21
        found = [
            float(NUMBER.findall(text)[0])
            for text in body.locator("td:nth-child(4)").all_inner_texts()
            if text[0] in "★0123456789t"
        ]
        assert found == sorted(found)
    page.locator("#scatter-controls select").first.select_option("flops")  # counted, not timed: machines do not matter
    assert page.locator("#scatter figure").count() == 1


def test_axes_change_what_is_drawn(page: Any) -> None:
    across, up = page.locator("#scatter-controls select").all()
    assert page.locator("#scatter .dot").count() == 19
    for name, title in (
        ("flops", "Compute, GFLOPs"),
        ("params", "Parameters, M"),
        ("memory", "Memory, MB"),
        ("depth_rmse", "Depth RMSE"),
    ):
        across.select_option(name)
        assert title in page.locator("#scatter .axis").first.text_content()
    assert page.locator("#scatter .dot").count() == 20
    up.select_option("latency")
    log = page.locator("#scatter-controls input").nth(1)
    assert log.is_checked()  # a time asks for ratios
    places = page.locator("#scatter .dot .point").first.get_attribute("transform")
    log.uncheck()
    assert page.locator("#scatter .dot .point").first.get_attribute("transform") != places


def test_the_front_is_what_nothing_beats(page: Any) -> None:
    found = page.evaluate(
        """() => [...document.querySelectorAll("#scatter .dot")].map(dot => {
            const [x, y] = dot.querySelector(".point").getAttribute("transform").match(/[\\d.]+/g).map(Number);
            return [x, y, dot.classList.contains("best")];
        })"""
    )
    for x, y, best in found:
        assert best == (not any((a <= x and b <= y) and (a, b) != (x, y) for a, b, _ in found))
    assert page.locator("#scatter path.front").count() == 1
    assert page.locator("#scatter .bar").count() == 2 * len(found)


@pytest.mark.parametrize("apart", [1.0, 1.001, 1.1])
def test_networks_that_lie_close_together_keep_their_names(apart: float, browser: Any, tmp_path: Path) -> None:
    found = records(networks=9)
    known = sorted({one.model for one in found})
    for number, one in enumerate(found):
        if one.measure == "latency":
            ms = 50 * apart ** known.index(one.model)
            found[number] = changed(one, values=one.values | {"ms": ms}, intervals={})
        if one.measure == "accuracy":
            found[number] = changed(one, values=one.values | {"mask_iou": 0.8})
    Results(found).to_html(tmp_path / "page.html")
    for page in opened(browser, tmp_path / "page.html"):
        shown = page.locator("#scatter text.name").all()
        assert sorted(each.text_content() for each in shown) == known
        boxes = [each.bounding_box() for each in shown]
        for one, other in itertools.combinations(boxes, 2):
            beside = one["x"] + one["width"] <= other["x"] + 2 or other["x"] + other["width"] <= one["x"] + 2
            assert beside or abs(one["y"] - other["y"]) >= 12, (one, other)


def test_the_page_opens_with_the_points_that_the_picture_in_the_docs_names(browser: Any, tmp_path: Path) -> None:
    results = readme.committed_results()
    results.to_html(tmp_path / "page.html")
    for page in opened(browser, tmp_path / "page.html"):
        told = [dot.get_attribute("aria-label").partition(",")[0] for dot in page.locator("#scatter .dot").all()]
        assert sorted(told) == sorted(line.split()[0] for line in readme.drawn(results).splitlines())


def test_times_far_apart_stay_on_the_chart(browser: Any, tmp_path: Path) -> None:
    times = iter([1e-3, 1e6, 0.5, 40.0, 7.0, 7.0])
    found = [
        changed(one, values=one.values | {"ms": next(times)}, intervals={}) if one.measure == "latency" else one
        for one in records(networks=3)
    ]
    Results(found).to_html(tmp_path / "page.html")
    for page in opened(browser, tmp_path / "page.html"):
        frame = page.locator("#scatter svg").bounding_box()
        for box in (each.bounding_box() for each in page.locator("#scatter .point, #scatter .tick").all()):
            assert frame["x"] <= box["x"] <= frame["x"] + frame["width"]
            assert frame["y"] <= box["y"] <= frame["y"] + frame["height"]


def test_what_was_timed_and_not_trained_is_named_below_the_chart(browser: Any, tmp_path: Path) -> None:
    found = records(networks=7)
    known = sorted({one.model for one in found})
    kept = [one for one in found if one.measure != "accuracy" or one.model in known[:2]]
    Results(kept).to_html(tmp_path / "page.html")
    for page in opened(browser, tmp_path / "page.html"):
        told = page.locator("#scatter .note").inner_text()
        assert told.startswith("Without Mask IoU: ")
        assert told.endswith(", 2 more")
        assert {*told.removeprefix("Without Mask IoU: ").split(", ")[:3]} <= {*known[2:]}
        assert CPU.headline in page.locator("#scatter figcaption").inner_text()
        assert "pairbench:hard" in page.locator("#scatter figcaption").inner_text()


def test_points_are_read_with_the_keyboard_alone(page: Any) -> None:
    page.locator("#scatter-controls input").nth(1).focus()
    page.keyboard.press("Tab")
    first = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert page.locator("#tip").is_visible()
    assert page.locator("#tip .first").inner_text() == first.partition(",")[0]
    page.keyboard.press("ArrowRight")
    second = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert second != first
    assert "Latency" in second
    assert "Mask IoU" in second
    assert page.locator("#tip .first").inner_text() == second.partition(",")[0]
    page.keyboard.press("Enter")
    assert page.locator("#details-title").inner_text() == second.partition(",")[0]
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == second
    page.keyboard.press("Tab")
    assert not page.locator("#tip").is_visible()
    page.locator("#curves svg").first.focus()
    page.keyboard.press("End")
    assert "10 k" in page.locator("#tip").inner_text()
    assert "deeplabv3plus" in page.locator("#said").inner_text(), "which screen readers read out"


def test_the_table_is_sorted_with_the_keyboard_alone(page: Any) -> None:
    page.locator("#table thead button", has_text="Compute").focus()
    for direction in ("ascending", "descending"):
        page.keyboard.press("Enter")
        assert page.locator("#table th", has_text="Compute").get_attribute("aria-sort") == direction


def test_highlights_are_the_same_in_table_and_curves(page: Any) -> None:
    chip = (
        page.locator("#curves-chips")
        .get_by_role("button", name="unet", exact=False)
        .filter(has_text=re.compile("^unet$"))
    )
    assert chip.get_attribute("aria-pressed") == "false"
    before = page.locator("#curves .line.other").count()
    chip.click()
    assert page.locator("#curves .line.other").count() == before - 2
    assert (
        page.locator("#table").get_by_label("Highlight unet in the curves", exact=True).get_attribute("aria-pressed")
        == "true"
    )
    assert page.locator("#sensitivity figure").count() == 7


def test_accuracy_of_another_size_says_so_on_the_page(browser: Any, tmp_path: Path) -> None:
    found = [
        changed(one, cell={"size": (64, 64)}) if one.measure in ("accuracy", "sensitivity") else one
        for one in records(networks=4, sizes=((224, 224),))
    ]
    Results(found).to_html(tmp_path / "page.html")
    for page in opened(browser, tmp_path / "page.html"):
        assert page.locator("#scatter .dot").count() == 4
        there = "64 \N{MULTIPLICATION SIGN} 64"
        assert f"accuracy at {there}" in page.locator("#scatter figcaption").inner_text()
        assert f"at {there}" in page.locator("#table thead th", has_text="Mask IoU").inner_text()
        assert f"at {there} pixels" in page.locator("#table-note").inner_text()
        assert page.locator("#curves svg").count() == 2
        filter_by(page, "Size", there)
        assert column(page, "Latency") == [""] * 4
