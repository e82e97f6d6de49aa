"""What MkDocs calls while it builds: the repository's pages come under their own paths, generated ones are added."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from benchmarks.upkeep.site import additions, repository
from benchmarks.upkeep.site.repository import ROOT

HERE = Path(__file__).parent
OWN = {"site.css": "site.css", "worker.js": "iframe-worker.js"}  # the second as the plugin `offline` calls it


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    config.extra["polyfills"] = [OWN["worker.js"]]
    config.watch += [str(ROOT / name) for name in repository.FRONT]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for file in [file for file in files if file.src_dir == config.docs_dir]:
        files.remove(file)  # it comes again, under the path that links give it
    for path in [*repository.pages(), *repository.pictures()]:
        files.append(_as_it_is(config, path))
    for path in repository.linked():
        files.append(File.generated(config, repository.page_of(path), content=repository.source(path)))
        for each in [each for each in path.rglob("*") if each.is_file()]:
            files.append(_as_it_is(config, each))
    for name, called in OWN.items():
        files.append(File.generated(config, called, abs_src_path=str(HERE / name)))
    for name, content in additions.generated().items():
        files.append(File.generated(config, name, content=content))
    config.nav = _spread(config.nav, files)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    return repository.relinked(markdown, ROOT / page.file.src_uri)


def _as_it_is(config: MkDocsConfig, path: Path) -> File:
    return File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path))


def _spread(nav: Any, files: Files) -> Any:
    """A navigation whose patterns are the pages that they match, without sections that have none."""
    known = [file.src_uri for file in files.documentation_pages()]
    found = list[Any]()
    for each in nav:
        if isinstance(each, str):
            found += [name for name in known if fnmatchcase(name, each)] if "*" in each else [each]
            continue
        ((title, inner),) = each.items()
        below = inner if isinstance(inner, str) else _spread(inner, files)
        found += [{title: below}] if below else []
    return found
