"""A picture of a page as a browser shows it: `python -m benchmarks.upkeep screenshot compare.html page.png`.

Needs playwright and a Chromium, which are no part of the installation: a report is made and read without them.
"""

import os
import shutil
import sys
from pathlib import Path

from registry import ZooError
from zoo import files

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SHARP = 2  # pixels of the picture for one of the page


class ScreenshotError(ZooError):
    """A picture that cannot be taken; the message says why."""


def run(page: Path, picture: Path, *, part: str, width: int, dark: bool) -> int:
    shoot(page, picture, part=part, width=width, dark=dark)
    print(f"written: {picture}", file=sys.stderr)
    return 0


def shoot(page: Path, picture: Path, *, part: str = "html", width: int = 860, dark: bool = False) -> None:
    """Write the picture of a part of a page, by default from top to bottom."""
    if not page.is_file():
        raise ScreenshotError(f"{page} is not a file; give an .html file")
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise ScreenshotError("a picture needs playwright: python -m pip install playwright") from None
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)  # or playwright's own
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0  # as in containers; Chromium refuses its sandbox to root
    try:
        with files.replacing(picture) as draft, sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"] * is_root)
            shown = browser.new_page(
                viewport={"width": width, "height": 200},
                device_scale_factor=SHARP,
                color_scheme="dark" if dark else "light",
            )
            shown.goto(page.resolve().as_uri())
            draft.write_bytes(shown.locator(part).screenshot())
            browser.close()
    except Error as error:
        raise ScreenshotError(f"the browser could not show {page}: {str(error).partition(chr(10))[0]}") from error
