"""Plug-ins: other distributions add entries through entry points, and a broken one is left out by name, alone."""

import importlib
import sys
import warnings

import pytest

from registry import Catalog, UnknownNameError

GROUPS = ["zoo.architectures", "zoo.losses", "zoo.metrics"]
REGISTERING = """
from registry import Card
from shelf import catalog
@catalog.register({name!r}, Card("from outside"))
def {name}(*, size: int = 1):
    return size
"""


class Shelf:
    """A folder on sys.path to install things in, and a catalog of one group that plug-ins find as `shelf.catalog`."""

    def __init__(self, folder, group):
        self.folder, self.group = folder, group
        self.catalog = Catalog("thing", group=group)

    def module(self, name, text):
        (self.folder / f"{name}.py").write_text(text)

    def install(self, distribution, points, group=None):
        """What pip writes for a distribution `points`: the lines of its entry points."""
        info = self.folder / f"{distribution}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("\n".join([f"[{group or self.group}]", *points, ""]))
        return info

    def plugin(self, name, text=None):
        """A distribution `NAME-dist` with a module of the same name that registers one entry of that name."""
        self.module(name, REGISTERING.format(name=name) if text is None else text)
        return self.install(f"{name}-dist", [f"{name} = {name}"])

    def load(self):
        importlib.invalidate_caches()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.catalog.load()
        return [str(warning.message) for warning in caught]


@pytest.fixture(params=GROUPS)
def shelf(request, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    shelf = Shelf(tmp_path, request.param)
    monkeypatch.setitem(sys.modules, "shelf", shelf)
    known = set(sys.modules)
    yield shelf
    for name in set(sys.modules) - known:
        del sys.modules[name]


def test_a_plugin_is_found_and_works(shelf):
    shelf.plugin("outside")
    assert shelf.load() == []
    assert shelf.catalog.names() == ["outside"]
    assert shelf.catalog.get("outside").factory(size=3) == 3
    assert shelf.catalog.broken == {}


def test_an_entry_point_may_name_the_factory_itself(shelf):
    shelf.module("tools", REGISTERING.format(name="one") + REGISTERING.format(name="two"))
    shelf.install("tools-dist", ["two = tools:two", "one = tools:one"])
    assert shelf.load() == []  # both register when the first is loaded; the second adds nothing new, and is fine
    assert shelf.catalog.names() == ["one", "two"]


def test_a_plugin_that_was_imported_before_counts(shelf):
    shelf.plugin("outside")
    shelf.install("again", ["other_name = outside"])
    importlib.invalidate_caches()
    importlib.import_module("outside")
    assert shelf.load() == []
    assert shelf.catalog.names() == ["outside"]


def test_other_groups_are_not_loaded(shelf):
    shelf.module("other", "raise RuntimeError('not asked for')")
    shelf.install("other-dist", ["other = other"], group=f"{shelf.group}.more")
    assert shelf.load() == []
    assert Catalog("thing").names() == []  # no group, no plug-ins


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("raise RuntimeError('no such device')", "RuntimeError: no such device"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import not_installed_anywhere", "ModuleNotFoundError: No module named 'not_installed_anywhere'"),
        ("def broken(:", "SyntaxError: invalid syntax (broken.py, line 1)"),
        ("class Own(BaseException): pass\nraise ValueError('two\\n  lines')", "ValueError: two lines"),
        ("", "LookupError: it registers no thing"),
        (REGISTERING.format(name="half") + "1 / 0", "ZeroDivisionError: division by zero"),
        (REGISTERING.format(name="half").replace("int", "Missing"), "NameError: name 'Missing' is not defined"),
        (REGISTERING.format(name="half").replace(": int", ": 'Missing'"), "NameError: name 'Missing' is not defined"),
        (REGISTERING.format(name="alpha"), "DuplicateNameError: thing 'alpha' is registered twice: by alpha.alpha ("),
        (REGISTERING.format(name="two words").replace("def two words", "def f"), "SpecError: thing name 'two words'"),
    ],
    ids=lambda text: text[:12],
)
def test_a_broken_plugin_is_left_out_by_name_and_the_others_stay(shelf, text, why):
    for name in ("alpha", "zulu"):  # before and after it, whatever the order
        shelf.plugin(name)
    shelf.plugin("broken", text)
    (message,) = shelf.load()
    source = "broken (broken-dist: broken)"
    assert list(shelf.catalog.broken) == [source]
    assert shelf.catalog.broken[source].startswith(why)
    assert message == f"thing plug-in {source} was skipped: {shelf.catalog.broken[source]}"
    assert "\n" not in message
    assert shelf.catalog.names() == ["alpha", "zulu"]  # what it had registered before it failed is rolled back
    with pytest.raises(UnknownNameError) as caught:
        shelf.catalog.get("broken_thing")
    assert str(caught.value).splitlines()[1].startswith(f"plug-ins skipped: {source}: {why}")


def test_a_broken_entry_point_does_not_spoil_a_sound_one_of_the_same_module(shelf):
    shelf.module("tools", REGISTERING.format(name="one"))
    shelf.install("tools-dist", ["a = tools:missing", "one = tools:one"])
    assert len(shelf.load()) == 1
    assert list(shelf.catalog.broken) == ["a (tools-dist: tools:missing)"]
    assert shelf.catalog.names() == ["one"]


def test_plugins_are_looked_for_once(shelf):
    shelf.plugin("broken", "1 / 0")
    assert len(shelf.load()) == 1
    shelf.plugin("late")
    assert shelf.load() == []  # not reported again
    assert shelf.catalog.names() == []


def test_an_interrupt_is_no_broken_plugin(shelf):
    shelf.plugin("outside", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        shelf.load()
    shelf.plugin("second")
    shelf.module("outside", REGISTERING.format(name="outside"))
    assert shelf.load() == []  # and the next question starts anew
    assert shelf.catalog.names() == ["outside", "second"]


@pytest.mark.parametrize(
    ("point", "why"),
    [
        ("broken = not_there", "ModuleNotFoundError"),
        ("broken = alpha:not_there", "AttributeError: module 'alpha' has no attribute 'not_there'"),
        ("broken = alpha:", ""),
        ("broken = not a module!", ""),
    ],
)
def test_an_entry_point_that_leads_nowhere(shelf, point, why):
    shelf.plugin("alpha")
    shelf.install("broken-dist", [point])
    shelf.load()
    assert shelf.catalog.names() == ["alpha"]
    if why:
        ((source, reason),) = shelf.catalog.broken.items()
        assert source.startswith("broken (broken-dist: ")
        assert reason.startswith(why)


@pytest.mark.parametrize(
    "listing", ["[{group}]\nno equals sign\n", "[{group}]\nname = \xff\n"], ids=["line", "encoding"]
)
def test_a_damaged_listing_takes_only_its_own_distribution_down(shelf, listing):
    shelf.plugin("alpha")
    info = shelf.install("broken-dist", [])
    (info / "entry_points.txt").write_bytes(listing.format(group=shelf.group).encode("latin-1"))
    (message,) = shelf.load()
    assert message.startswith("thing plug-in broken-dist (entry_points.txt) was skipped: ")
    assert shelf.catalog.names() == ["alpha"]


def test_a_distribution_without_metadata_still_has_a_label(shelf):
    info = shelf.plugin("alpha", "1 / 0")
    (info / "METADATA").unlink()
    (message,) = shelf.load()
    assert message.startswith("thing plug-in alpha (a distribution without a name")
    assert message.endswith("was skipped: ZeroDivisionError: division by zero")


def test_the_same_distribution_twice_on_the_path_is_loaded_once(shelf, tmp_path, monkeypatch):
    shelf.plugin("alpha")
    older = Shelf(tmp_path / "older", shelf.group)
    older.folder.mkdir()
    older.install("alpha-dist", ["gone = gone"])
    monkeypatch.setattr(sys, "path", [*sys.path, str(older.folder)])
    assert shelf.load() == []
    assert shelf.catalog.names() == ["alpha"]


# A new architecture in one new file, seen by everything.

NETWORK = '''
"""Two learnable numbers per task, over the change of brightness."""
import torch
from torch import nn

from registry import Card
from zoo import PairModel
from zoo.architectures import register


@register("brightness", Card("a line through the change of brightness"))
class Brightness(PairModel):
    def __init__(self, face, *, gain: float = 1.0):
        super().__init__(face)
        face.require_plate("brightness")
        self.scale = nn.Parameter(torch.full((len(face.tasks),), float(gain)))
        self.offset = nn.Parameter(torch.zeros(len(face.tasks)))

    def logits(self, bg, fg_bg):
        change = (fg_bg - bg).mean(1, keepdim=True)
        return {task: change * self.scale[i] + self.offset[i] for i, task in enumerate(self.face.tasks)}
'''


@pytest.fixture
def installed(fresh, tmp_path):
    """Run a command for which a distribution with one architecture in one file is installed, beside this checkout."""
    site = Shelf(tmp_path / "site", "zoo.architectures")
    site.folder.mkdir()
    site.module("brightness_net", NETWORK)
    site.install("brightness-net", ["brightness = brightness_net"])

    def run(*command):
        done = fresh.run(*command, path=site.folder, cwd=tmp_path, env={"COLUMNS": "100"})
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_a_new_file_is_built_by_name_and_listed(installed):
    code = """
import torch, zoo
from zoo.architectures import architectures
assert "brightness" in zoo.names() and "unet" in zoo.names(), zoo.names()
assert [str(spec) for spec in architectures.select("bright*(gain=2)")] == ["brightness(gain=2)"]
model = zoo.build("brightness(gain=2)", tasks="mask")
mask, depth = model(torch.zeros(1, 3, 9, 11), torch.ones(1, 3, 9, 11))
print(model.spec, tuple(mask.shape), depth, mask.mean().item())
from zoo.__main__ import main
main(["list", "bright*"])
"""
    text = "brightness(in_ch=6, tasks=(mask,), plate=True, link=(logit,), gain=2)"
    said, _, listing = installed("-c", code).partition("\n")
    assert said == f"{text} (1, 1, 9, 11) None 2.0"
    assert "brightness" in listing
    assert "a line through the change of brightness" in " ".join(listing.split())


def test_a_new_file_is_compared(installed, tmp_path):
    arguments = ["--models", "bright*", "--size", "32", "--measure", "cost,latency", "--seconds", "0.1"]
    assert "brightness" in installed("-m", "benchmarks.compare", *arguments)
    records = [path.read_text() for path in (tmp_path / "results").rglob("*.jsonl")]
    assert any("brightness" in text for text in records)


def test_a_file_put_in_the_package_is_found_without_a_line_elsewhere(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "networks_of_a_test"
    package.mkdir()
    head = "from registry import Catalog\ncatalog = Catalog('architecture', package=__name__)\n"
    (package / "__init__.py").write_text(f"{head}register = catalog.register\n")
    (package / "brightness.py").write_text(NETWORK.replace("from zoo.architectures", "from networks_of_a_test"))
    importlib.invalidate_caches()
    catalog = importlib.import_module("networks_of_a_test").catalog
    assert catalog.names() == ["brightness"]
    assert catalog.get("brightness").options["gain"].default == 1.0
