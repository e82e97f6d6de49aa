"""The site: its pages follow from catalogs and records; built, it is whole, and asks no other host for anything."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from urllib.parse import unquote

import pytest
from report_browser import CHROMIUM, MARKS, launched

import zoo
from benchmarks.upkeep.readme import committed_results
from benchmarks.upkeep.site import catalogs, leaderboard, networks, repository
from benchmarks.upkeep.site.repository import ROOT
from zoo.architectures import architectures
from zoo.listing import KINDS

LARGEST = 30e6  # bytes of the site
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def results():
    return committed_results()


def test_each_page_of_the_repository_has_its_place_in_the_navigation():
    nav = (ROOT / "mkdocs.yml").read_text("utf-8")
    named = [re.escape(name).replace(r"\*", "[^/]*") for name in re.findall(r"[\w/*-]+\.md", nav)]
    pages = [path.relative_to(ROOT).as_posix() for path in repository.pages()]
    assert [page for page in pages if not any(re.fullmatch(name, page) for name in named)] == []


def test_a_page_tells_of_a_network_what_catalog_and_records_know(results):
    files = networks._files(architectures.get("frame_difference"), results)
    page = files["networks/frame_difference.md"]
    summary = architectures.get("frame_difference").card.summary
    assert page.startswith(f"# frame_difference\n\n{summary[0].upper()}{summary[1:]}. ")
    assert "**Parameters:** 5" in page
    score = next(s for s in results.boards[0].scores if s.network.name == "frame_difference")
    low, high = score.interval("mask_iou")
    assert f"{score.value('mask_iou'):.3f} ({low:.3f} to {high:.3f})" in page
    assert "../zoo/weights/ready/frame_difference.md" in page
    assert files["networks/frame_difference-curves.svg"].count("line own") == 7  # a chart for each perturbation
    assert (ROOT / re.search(r"\]\(\.\./(benchmarks/records/galleries/.*?)\)", page)[1]).exists()


def test_each_catalog_has_a_page_with_all_its_entries():
    found = catalogs.pages()
    for kind, known in KINDS.items():
        headings = re.findall(r"^## (.+)$", found[f"catalogs/{kind}.md"], flags=re.MULTILINE)
        assert headings == [entry.name for entry in known.catalog]


def test_each_row_has_its_command_its_revision_and_its_records(results):
    found = leaderboard.pages(results)
    rows = found["leaderboard/rows.md"].split("??? quote")[1:]
    assert all(re.search(r"^    \$ python -m benchmarks\.compare --models ", row, re.M) for row in rows)
    assert all(re.search(r"Revision `\w{10}`", row) for row in rows)
    linked = Counter(link for row in rows for link in re.findall(r"\]\((records/.*?)\)", row))
    assert {f"leaderboard/{link}" for link in linked} == {name for name in found if "/records/" in name}
    assert json.loads(found[f"leaderboard/{next(iter(linked))}"])["status"] == "done"


def test_links_to_files_lead_to_pages_that_show_them(tmp_path):
    assert repository.relinked("[n](examples/first.ipynb)", ROOT / "README.md") == "[n](examples/first.ipynb.source.md)"
    kept = "[a](docs/data.md) [b](https://example.org/a.py) ![c](docs/unet.svg) [d](nowhere.py)"
    assert repository.relinked(kept, ROOT / "README.md") == kept
    assert "import zoo" in repository.source(ROOT / "examples" / "first.ipynb")
    assert "cpu-2-cores.jsonl" in repository.source(ROOT / "benchmarks" / "records")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Built as `make docs` does it, in a folder of its own."""
    if find_spec("mkdocs") is None or find_spec("material") is None or find_spec("mkdocstrings") is None:
        pytest.skip("no mkdocs here: pip install -e '.[docs]'")
    folder = tmp_path_factory.mktemp("site")
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def browser():
    yield from launched()


@pytest.mark.slow
def test_the_site_is_small_and_has_all(site):
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < LARGEST
    assert {f"{name}.html" for name in zoo.names()} <= {path.name for path in (site / "networks").iterdir()}


@pytest.mark.slow
def test_every_link_and_picture_leads_somewhere_and_every_picture_is_told(site):
    pages = {
        path: path.read_text("utf-8") for path in site.rglob("*.html") if path.name not in ("404.html", "compare.html")
    }
    anchors = {path: set(re.findall(r'\b(?:id|name)="([^"]+)"', text)) for path, text in pages.items()}
    dead = []
    for path, text in pages.items():
        for link in re.findall(r'\b(?:href|src)="([^"]+)"', text):
            place, _, anchor = unquote(link).partition("#")
            target = (path.parent / place).resolve() if place else path
            if re.match(r"[a-z]+:", link):
                continue
            if not target.exists() or (anchor and target in anchors and anchor not in anchors[target] | {"__toc", "_"}):
                dead.append(f"{path.relative_to(site)}: {link}")
        dead += [f"{path}: {tag}" for tag in re.findall(r"<img [^>]*>", text) if not re.search(r'alt="[^"]+"', tag)]
    assert dead == []


@pytest.mark.parametrize("looks", [{}, {"color_scheme": "dark", "viewport": PHONE}], ids=["light", "dark phone"])
@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason=MARKS[1].kwargs["reason"])
def test_a_browser_has_nothing_to_complain_of(site, browser, looks):
    context = browser.new_context(**looks)
    page = context.new_page()
    said, asked = [], set()
    page.on("console", lambda message: said.append(f"{page.url}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"{page.url}: {error}"))
    page.on("request", lambda request: asked.add(request.url.partition("/")[0]))
    wide = []
    for path in sorted({*site.rglob("*.html")} - {site / "404.html"}):  # that one is for a server
        page.goto(path.as_uri())
        wide += [path.name] * page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert said == []
    assert asked <= {"file:", "data:", "blob:"}, "it asks another host"
    assert wide == [], "it is wider than the window"
    context.close()


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason=MARKS[1].kwargs["reason"])
def test_the_search_finds_a_network_from_disk(site, browser):
    page = browser.new_page()
    page.goto((site / "index.html").as_uri())
    page.locator("input.md-search__input").click()
    page.keyboard.type("densedepth")
    page.locator(".md-search-result__item").first.wait_for()
    assert "networks/densedepth.html" in page.locator(".md-search-result__list").inner_html()
    page.close()
