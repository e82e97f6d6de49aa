"""The page in a real browser: files, camera, broken files, a phone, the keyboard alone, dark."""

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from report_browser import CHROMIUM, MARKS
from two_photos import known, photos

import zoo

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from demo_server import Server

pytestmark = MARKS
FAKE = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
LOOKS: dict[str, dict[str, Any]] = {
    "desk": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 360, "height": 740}},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    there = Server({"known": known(), "aligned_difference": zoo.load("aligned_difference")})
    yield there
    there.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=FAKE)
        yield started
        started.close()


@pytest.fixture(params=LOOKS)
def page(request: Any, browser: Any, server: Server) -> Iterator[Any]:
    """Opened; at the end it must have said nothing on the console and asked nobody else."""
    context = browser.new_context(**LOOKS[request.param], permissions=["camera"])
    found, said, asked = context.new_page(), [], []
    found.on("console", lambda message: said.append(message.text))
    found.on("pageerror", lambda error: said.append(str(error)))
    found.on("request", lambda sent: asked.append(sent.url))
    found.goto(f"http://127.0.0.1:{server.port}/")
    found.wait_for_selector("#networks input")
    yield found
    assert [line for line in said if "400 (Bad Request)" not in line] == []
    here = (f"http://127.0.0.1:{server.port}/", "blob:", "data:")
    assert [url for url in asked if not url.startswith(here)] == []
    context.close()


def files(tmp_path: Path) -> list[Path]:
    found = [tmp_path / "bg.png", tmp_path / "photo.png"]
    for image, path in zip(photos(), found, strict=True):
        Image.fromarray(np.kron(image, np.ones((20, 20, 1), np.uint8))).save(path)
    return found


def fits(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def until(page: Any, expression: str) -> None:
    """Wait; playwright's own way is a string that is run, which the page's policy refuses."""
    end = time.monotonic() + 60
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(50)


def test_files_are_chosen_and_networks_stand_side_by_side(page: Any, tmp_path: Path) -> None:
    assert page.locator("#find").is_disabled()
    for which, path in zip(("plate", "photo"), files(tmp_path), strict=True):
        page.locator(f"#{which} input").set_input_files(path)
    page.get_by_label("aligned_difference").check()
    page.locator("#find").click()
    page.wait_for_selector("#results article:nth-child(2)", timeout=120_000)
    until(page, "document.getElementById('status').textContent == 'Done.'")
    assert page.locator("#results figure").count() == 3 + 2  # aligned_difference finds the mask alone
    assert "known: " in page.locator("#results article h2").first.inner_text()
    assert page.evaluate("[...document.querySelectorAll('#results img')].every(img => img.naturalWidth == 400)")
    assert fits(page)
    page.screenshot(path=tmp_path / "page.png", full_page=True)


def test_a_photo_is_dropped(page: Any) -> None:
    buffer = io.BytesIO()
    Image.fromarray(photos()[1]).save(buffer, "PNG")
    page.evaluate(
        """bytes => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "a.png", { type: "image/png" }));
            const event = new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
            document.getElementById("photo").dispatchEvent(event);
        }""",
        list(buffer.getvalue()),
    )
    page.wait_for_selector("#photo img:not([hidden])")
    assert page.locator("#find").is_enabled()


def test_the_camera_takes_both(page: Any) -> None:
    for which in ("plate", "photo"):
        page.locator(f"#{which} .camera").click()
        until(page, "document.querySelector('video').videoWidth > 0")
        page.locator("#take").click()
        page.wait_for_selector(f"#{which} img:not([hidden])")
    page.locator("#close").click()
    assert page.locator("#live").is_hidden()
    page.locator("#find").click()
    page.wait_for_selector("#results article", timeout=120_000)
    assert fits(page)


def test_a_broken_file_ends_in_a_line(page: Any, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"<script>alert(1)</script>")
    page.locator("#photo input").set_input_files(tmp_path / "broken.png")
    page.locator("#plate input").set_input_files(files(tmp_path)[0])
    page.locator("#find").click()
    page.wait_for_selector("#status.error")
    assert page.locator("#status").inner_text().startswith("known: the photo: not an image")
    assert page.locator("#results article").count() == 0


def test_the_keyboard_alone_reaches_everything(page: Any, tmp_path: Path) -> None:
    for which, path in zip(("plate", "photo"), files(tmp_path), strict=True):
        page.locator(f"#{which} input").set_input_files(path)
    reached = []
    page.locator("h1").click()
    for _ in range(9):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName.toLowerCase()"))
        if reached[-1] == "find":
            break
    assert reached == ["input", "button", "input", "button", "input", "input", "find"]
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_selector("#results article", timeout=120_000)
