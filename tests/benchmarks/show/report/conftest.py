"""A browser, and a page of all kinds of records in it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_browser import full_page, launched, opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    yield from launched()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return full_page(tmp_path_factory.mktemp("page"))


@pytest.fixture
def page(browser: Any, written: Path) -> Iterator[Any]:
    yield from opened(browser, written)
