"""The floors: imports point down only, importing stays light, and foreign packages of our names are found out."""

import ast
import os
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from pkgutil import iter_modules

import pytest

from benchmarks.checks.__main__ import CHECKS
from benchmarks.measures.__main__ import MEASURES
from benchmarks.upkeep.__main__ import UPKEEP
from zoo import commands
from zoo.commands import data_actions

ROOT = Path(__file__).resolve().parent.parent
HEAVY = (
    *("timm", "segmentation_models_pytorch", "kornia", "torchvision", "rich", "onnx", "onnxruntime", "torchmetrics"),
    "torch._dynamo",
)
BELOW = {"registry": set(), "zoo": {"registry"}, "benchmarks": {"zoo", "registry"}}
ROOMS = {  # package -> what is in it, from the lowest floor up; none imports from its own floor or from one above
    "zoo.data": (
        ("warp", "hashing", "dataset"),
        ("augment", "__init__"),
        ("files",),
        ("splitting", "feeding", "scenes"),
        ("augmentations", "collage", "shots", "wild"),
        ("sources", "inspecting"),
        ("making",),
    ),
    "benchmarks": (
        *(("store",), ("statistics",), ("timing",), ("networks",), ("measures",)),
        *(("show",), ("plan",), ("run",), ("checks",), ("upkeep",), ("compare",), ("__init__",)),
    ),
}


@cache
def parsed(path):
    return ast.parse(path.read_text())


def imports(path):
    """Module names that a file imports anywhere in it, inside functions too."""
    for node in ast.walk(parsed(path)):
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


def test_one_name_of_the_floor_above_stands_in_the_zoo():
    above = {module(path) for path in files("benchmarks")}
    named = [
        (str(path.relative_to(ROOT)), node.value)
        for package in ("registry", "zoo")
        for path in files(package)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Constant) and node.value in above - {"benchmarks"}
    ]
    assert named == [("zoo/commands/compare.py", "benchmarks.compare")]  # `zoo compare`; CONTRIBUTING names it, too


def module(path):
    """The name of the module that a file is."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def modules(path, known):
    """The modules of ours that a file imports: `from a import b` is a.b where that is one, else a."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from known.intersection(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from names & known or {node.module} & known


@pytest.mark.parametrize("package", ROOMS)
def test_rooms_import_down_only(package):
    floors = {room: floor for floor, rooms in enumerate(ROOMS[package]) for room in rooms}
    found = files(package.replace(".", "/"))
    known = {module(path) for path in found}

    def room(name):
        return name.removeprefix(package).split(".")[1] if name != package else "__init__"

    assert {room(name) for name in known} == set(floors), "each room has its floor, and each floor its rooms"
    upward = [
        f"{module(path)}: {name}"
        for path in found
        for name in modules(path, known)
        if room(name) != room(module(path)) and floors[room(name)] >= floors[room(module(path))]
    ]
    assert upward == []


@pytest.mark.parametrize("package", BELOW)
def test_no_module_leads_back_to_itself(package):
    known = {module(path) for path in files(package)}
    leads = {module(path): set(modules(path, known)) - {module(path)} for path in files(package)}
    TopologicalSorter(leads).prepare()  # its error names the circle


@pytest.mark.parametrize("package", BELOW)
def test_imports_name_the_whole_path(package):
    relative = [(path, name) for path in files(package) for name in imports(path) if name.startswith(".")]
    assert relative == []  # a relative import would pass the test above unseen


def test_files_and_functions_stay_small():
    found = [path for package in BELOW for path in files(package)]
    assert [path for path in found if len(path.read_text().splitlines()) > 300] == []
    functions = [
        (f"{path.relative_to(ROOT)}: {node.name}", node)
        for path in found
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert [name for name, node in functions if parameters(node) > 7] == []
    assert len([name for name, node in functions if lines(node) > 40]) <= 4, "each with a reason"


def lines(node):
    """How many a function has, without its docstring: that may explain every argument, and give an example."""
    first = node.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    told = first.end_lineno - first.lineno + 1 if is_docstring else 0
    return node.end_lineno - node.lineno + 1 - told


def parameters(node):
    """How many a function has, without self."""
    given = node.args
    names = [arg.arg for arg in (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg) if arg]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def test_a_function_is_counted_without_its_docstring():
    tree = ast.parse('def f(\n    a,\n):\n    """b\n\n    c"""\n    return a')
    assert lines(tree.body[0]) == 4


def test_a_method_is_counted_without_self():
    tree = ast.parse("class A:\n    def f(self, a, /, b, *c, d, **e): pass\ndef g(a): pass")
    assert [parameters(node) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)] == [1, 5]


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


LIGHT = (  # what must load nothing heavy, one after the other in one process
    "import zoo, zoo.factory; assert zoo.names(); [entry.options for entry in zoo.factory.architectures]",
    "import zoo.losses; zoo.losses.objective('bce', 'l1')",
    "from zoo.data.augment import augment; augment('founding, plate')",
    "from zoo.__main__ import main; main(['list', '--losses', '--json'])",
)


def test_the_zoo_loads_nothing_heavy_until_it_builds():
    lines = ["import sys, torch; before = {*sys.modules}"]
    for step in LIGHT:
        lines += [step, f"print([n for n in {HEAVY!r} if n in sys.modules and n not in before], file=sys.stderr)"]
    done = python("\n" + "\n".join(lines))
    assert done.returncode == 0, done.stderr
    assert dict(zip(LIGHT, done.stderr.splitlines(), strict=True)) == dict.fromkeys(LIGHT, "[]")


def test_importing_the_registry_loads_neither_torch_nor_the_zoo():
    ask = "import registry; registry.Catalog('x', group='zoo.architectures'); registry.Spec.parse('a(b=1)')"
    assert loaded(ask, ("torch", "numpy", "zoo", "benchmarks", *HEAVY)) == []


def test_importing_the_benchmarks_loads_nothing_heavy():
    assert loaded("import benchmarks", ("torch", "zoo", *HEAVY)) == []


COMMANDS = {  # a module with `main` -> the commands it has; an empty one is the module's own
    "zoo.__main__": [
        "",
        *(found.name for found in iter_modules(commands.__path__) if not found.ispkg),
        *(f"data {found.name}" for found in iter_modules(data_actions.__path__)),
    ],
    "benchmarks.compare": [""],
    "benchmarks.checks.__main__": ["", *CHECKS],
    "benchmarks.upkeep.__main__": ["", *UPKEEP],
    "benchmarks.measures.__main__": ["", *MEASURES],
}
WAITS = """
import io, sys
from contextlib import redirect_stderr, redirect_stdout, suppress
from importlib import import_module
for place, known in {commands}.items():
    for command in known:
        with redirect_stdout(io.StringIO()) as shown, suppress(SystemExit):
            import_module(place).main([*command.split(), "--help"])
        with redirect_stderr(io.StringIO()):
            code = import_module(place).main([*command.split(), "--hepl"])
        found = [name for name in {heavy} if name in sys.modules]
        if found or code != 2 or "usage: " not in shown.getvalue():
            sys.exit(f"{{place}} {{command}}: {{found}} {{code}} {{shown.getvalue()}}")
"""


def test_help_and_slips_of_the_keyboard_wait_for_nothing_heavy():
    done = python(WAITS.format(commands=COMMANDS, heavy=("torch", "numpy", "PIL", *HEAVY)))
    assert (done.returncode, done.stderr) == (0, "")


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


@pytest.mark.parametrize(
    ("foreign", "more"),
    [("registry", ["-S"]), ("benchmarks", [])],  # -S: without an installed registry, which would be found all the same
)
def test_a_command_in_a_folder_with_a_package_of_our_name_ends_in_a_line(tmp_path, foreign, more):
    (tmp_path / foreign).mkdir()
    (tmp_path / foreign / "__init__.py").touch()
    words = [sys.executable, *more, "-m", "benchmarks.compare", "--help"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert foreign in done.stderr


def test_a_folder_without_python_files_shadows_nothing(tmp_path):
    for name in BELOW:
        (tmp_path / name).mkdir()  # say, a folder of benchmark results
        (tmp_path / name / "notes.txt").touch()
    done = python("import benchmarks, registry", tmp_path, cwd=tmp_path)  # each looks for all three
    assert done.returncode == 0, done.stderr
