"""A catalog imports the modules of its package when it is first asked: once, whole, from any thread."""

import importlib
import sys
import threading
import time

import pytest

from registry import DuplicateNameError, ZooError

LONG = 60.0  # seconds, for a slow machine: what is blocked stays so for ever


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A function that writes a package `shapes_N` with given modules and returns its name."""
    monkeypatch.syspath_prepend(tmp_path)
    known = set(sys.modules)

    def write(**modules):
        name = f"shapes_{len(list(tmp_path.iterdir()))}"
        (tmp_path / name).mkdir()
        head = f"from registry import Card, Catalog\ncatalog = Catalog('shape', package='{name}')\n"
        (tmp_path / name / "__init__.py").write_text(head)
        for module, body in modules.items():
            (tmp_path / name / f"{module}.py").write_text(f"from {name} import catalog, Card\n{body}\n")
        importlib.invalidate_caches()
        return name

    yield write
    for name in set(sys.modules) - known:
        del sys.modules[name]


def registering(name, function="make"):
    return f"@catalog.register({name!r}, Card('one'))\ndef {function}(*, size: int = 1): return size\n"


def test_the_package_is_imported_on_first_use_and_once(package):
    name = package(a=registering("one") + "\nruns = globals().get('runs', 0) + 1", b=registering("two"))
    catalog = importlib.import_module(name).catalog
    assert f"{name}.a" not in sys.modules
    assert catalog.names() == ["one", "two"]
    assert catalog.get("one").options["size"].accepted == "a whole number"
    assert (len(catalog), "two" in catalog, [e.name for e in catalog]) == (2, True, ["one", "two"])
    assert sys.modules[f"{name}.a"].runs == 1


@pytest.mark.parametrize(
    "use",
    [len, list, lambda c: "one" in c, lambda c: c.get("one"), lambda c: c.names(), lambda c: c.select("*")],
    ids=["len", "iter", "in", "get", "names", "select"],
)
def test_every_question_loads(package, use):
    assert use(importlib.import_module(package(a=registering("one"))).catalog)


def test_a_module_may_ask_for_names_while_it_is_imported(package):
    name = package(a=registering("one"), b=registering("two") + "seen = catalog.names()")
    catalog = importlib.import_module(name).catalog
    assert catalog.names() == ["one", "two"]
    assert sys.modules[f"{name}.b"].seen == ["one", "two"]


def test_a_module_that_fails_raises_each_time_until_it_is_put_right(package, tmp_path):
    name = package(a=registering("one"), b=registering("two") + "1 / 0")
    catalog = importlib.import_module(name).catalog
    for _ in range(2):
        with pytest.raises(ZooError, match=r"/b\.py cannot be imported: ZeroDivisionError: division by zero") as caught:
            catalog.names()
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
    (tmp_path / name / "b.py").write_text(f"from {name} import catalog, Card\n{registering('two')}  # mended\n")
    importlib.invalidate_caches()
    assert catalog.names() == ["one", "two"]


def test_two_modules_that_claim_one_name_are_both_named(package):
    name = package(a=registering("one"), b=registering("one"))
    with pytest.raises(
        DuplicateNameError, match=rf"{name}\.a\.make \(.*a\.py:2\) and by {name}\.b\.make \(.*b\.py:2\)"
    ):
        importlib.import_module(name).catalog.names()


def test_reloading_a_module_replaces_its_entries(package, tmp_path):
    name = package(a=registering("one"))
    catalog = importlib.import_module(name).catalog
    assert catalog.get("one").factory() == 1
    text = (tmp_path / name / "a.py").read_text().replace("size: int = 1", "size: int = 22")
    (tmp_path / name / "a.py").write_text(text)
    importlib.reload(sys.modules[f"{name}.a"])
    assert catalog.get("one").factory() == 22
    assert catalog.names() == ["one"]


def test_threads_that_ask_at_once_all_see_everything(package):
    name = package(
        a=registering("one"), b="import time; time.sleep(0.1)\n" + registering("two"), c=registering("three")
    )
    catalog = importlib.import_module(name).catalog
    barrier, answers = threading.Barrier(8), []

    def ask():
        barrier.wait()
        answers.append(catalog.names())

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert answers == [["one", "three", "two"]] * 8


def test_a_thread_that_imports_a_module_itself_does_not_block_the_loading(package):
    name = package(a="import time; started = True; time.sleep(0.3)\n" + registering("one"))
    catalog = importlib.import_module(name).catalog
    importer = threading.Thread(target=importlib.import_module, args=(f"{name}.a",), daemon=True)
    importer.start()
    until = time.monotonic() + LONG
    while not hasattr(sys.modules.get(f"{name}.a"), "started"):
        assert time.monotonic() < until, "it is not imported"
        time.sleep(0.01)
    asker = threading.Thread(target=catalog.names, daemon=True)  # waits for the module, which waits to register
    asker.start()
    for thread in (importer, asker):
        thread.join(LONG)
    assert not importer.is_alive()
    assert not asker.is_alive()
    assert catalog.names() == ["one"]
