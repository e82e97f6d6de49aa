"""The floors: imports point down only, importing stays light, and foreign packages of our names are found out."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("timm", "segmentation_models_pytorch", "kornia", "torchvision", "rich", "onnx", "onnxruntime", "torchmetrics")
BELOW = {"registry": set(), "zoo": {"registry"}, "benchmarks": {"zoo", "registry"}}
ROOMS = {  # from the top down: what stands on the left may import what stands right of it
    "benchmarks": (
        *("compare", "upkeep", "checks", "run", "plan", "show", "measures", "networks", "timing", "statistics"),
        *("store", "arguments"),
    )
}
NO_ROOMS = ("__init__", "__pycache__", "records")


def imports(path):
    """Module names that a file imports anywhere in it, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield f"{'.' * node.level}{node.module or ''}"


def files(package):
    found = sorted((ROOT / package).rglob("*.py"))
    assert found, f"no files in {package}"
    return found


@pytest.mark.parametrize("package", BELOW)
def test_imports_point_down_only(package):
    above = set(BELOW) - BELOW[package] - {package}
    upward = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in files(package)
        for name in imports(path)
        if name.split(".")[0] in above
    ]
    assert upward == []


def arrows(package):
    """Which modules of a package each of its modules imports: of `from a.b import c` that is a.b.c where it is one."""
    names = {
        path: ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in files(package)
    }
    known = set(names.values())
    found = {}
    for path, name in names.items():
        found[name] = targets = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names} & known
            elif isinstance(node, ast.ImportFrom):
                named = (f"{node.module}.{alias.name}" for alias in node.names)
                targets |= {each if each in known else node.module for each in named} & known
    return found


@pytest.mark.parametrize("package", ROOMS)
def test_imports_point_down_the_list_of_rooms(package):
    rooms, top = ROOMS[package], package.replace("/", ".")
    assert {path.stem for path in (ROOT / package).iterdir()} - {*NO_ROOMS} == {*rooms}
    place = {name: rooms.index(name.removeprefix(f"{top}.").split(".")[0]) for name in arrows(package) if name != top}
    upward = [
        f"{name}: {target}"
        for name, targets in arrows(package).items()
        for target in targets
        if place.get(target, -1) < place.get(name, -1)
    ]
    assert upward == []


@pytest.mark.parametrize("package", ROOMS)
def test_no_imports_run_in_a_circle(package):
    graphlib.TopologicalSorter(arrows(package)).prepare()  # raises an error that names the circle


@pytest.mark.parametrize("package", BELOW)
def test_imports_name_the_whole_path(package):
    relative = [(path, name) for path in files(package) for name in imports(path) if name.startswith(".")]
    assert relative == []  # a relative import would pass the test above unseen


def test_the_registry_needs_the_standard_library_only():
    allowed = sys.stdlib_module_names | {"registry"}
    foreign = {name for path in files("registry") for name in imports(path) if name.split(".")[0] not in allowed}
    assert foreign == set()


def test_the_scan_sees_imports_wherever_they_stand(tmp_path):
    lines = [
        "import a.b, c as d",
        "def f():",
        "    from e.f import g",
        "    if 1:",
        "        import h",
        "from . import i",
    ]
    text = "\n".join([*lines, "from .j import k", ""])
    (tmp_path / "x.py").write_text(text)
    assert list(imports(tmp_path / "x.py")) == ["a.b", "c", ".", ".j", "e.f", "h"]


def python(code, *paths, cwd=None):
    """Run code in a fresh interpreter that looks for modules in `paths`, then in this checkout."""
    path = f"import sys; sys.path[:0] = {[*map(str, paths), str(ROOT)]!r}; "
    command = [sys.executable, "-I", "-c", path + code]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=120, check=False)


def loaded(code, names):
    done = python(f"{code}; print(*(name for name in {names!r} if name in sys.modules))")
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_zoo_loads_nothing_heavy_until_it_builds():
    ask = "import zoo; assert zoo.names(); [entry.options for entry in zoo.factory.architectures]"
    assert loaded(ask, ("torch", *HEAVY)) == ["torch"]


def test_importing_the_registry_loads_neither_torch_nor_the_zoo():
    ask = "import registry; registry.Catalog('x', group='zoo.architectures'); registry.Spec.parse('a(b=1)')"
    assert loaded(ask, ("torch", "numpy", "zoo", "benchmarks", *HEAVY)) == []


def test_importing_the_benchmarks_loads_nothing_heavy():
    assert loaded("import benchmarks", ("torch", "zoo", *HEAVY)) == []


@pytest.mark.parametrize("as_file", [False, True], ids=["package", "module"])
@pytest.mark.parametrize(
    ("foreign", "imported"),
    [
        ("zoo", "registry"),
        ("zoo", "benchmarks"),
        ("registry", "zoo"),
        ("registry", "benchmarks"),
        ("benchmarks", "zoo"),
        ("benchmarks", "registry"),
    ],
)
def test_a_foreign_package_of_one_of_our_names_is_named(tmp_path, foreign, imported, as_file):
    culprit = tmp_path / f"{foreign}.py" if as_file else tmp_path / foreign
    if as_file:
        culprit.touch()
    else:
        culprit.mkdir()
        (culprit / "__init__.py").touch()
    done = python(f"import {imported}", tmp_path)
    assert done.returncode == 1
    *_, last = done.stderr.strip().splitlines()
    assert last.startswith(f"ImportError: pairzoo's package {foreign!r} is shadowed by {culprit}")
    assert "ninstall or rename the other package, or start Python from another folder" in last


def test_a_folder_without_python_files_shadows_nothing(tmp_path):
    for name in BELOW:
        (tmp_path / name).mkdir()  # say, a folder of benchmark results
        (tmp_path / name / "notes.txt").touch()
    done = python("import benchmarks, registry", tmp_path, cwd=tmp_path)  # each looks for all three
    assert done.returncode == 0, done.stderr
