"""Code of one's own by its place, FILE.py:NAME or MODULE:NAME: networks, losses, metrics.

A place is run where a person names it, on a command line or in Python. A file never does that for them: weights and
recipes only say which code they were made with, as FILE.py:NAME:DIGEST, and ask for it.
"""

import ast
import hashlib
import inspect
import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

from registry import Card, Catalog, Entry, OptionError, Spec, UnknownNameError, complete, nearest
from registry.errors import OURS, raised
from registry.spec import NAME

T = TypeVar("T", bound=Callable[..., Any])
DIGEST = re.compile("[0-9a-f]{8}")
LIBRARY = ("zoo", "registry", "benchmarks")
INSTALLED = ("site-packages", "dist-packages")

_modules: dict[tuple[Path, str], ModuleType] = {}  # by digest: what is running stays what it was, whoever edits it


class Place(NamedTuple):
    """Where code of one's own is: a file or a module, a name in it, and the digest of what it is or was."""

    where: str
    name: str
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> "Place":
        """
        >>> Place.parse("nets/my_net.py:Net:0a1b2c3d")
        Place(where='nets/my_net.py', name='Net', digest='0a1b2c3d')
        """
        place, _, last = text.rpartition(":")
        digest = last if ":" in place and DIGEST.fullmatch(last) else ""
        where, _, name = (place if digest else text).rpartition(":")
        if not where or not name:
            raise OptionError(f"{text} does not say where and what; give FILE.py:NAME, as my_net.py:Net")
        return cls(where, name, digest)

    @property
    def asked(self) -> str:
        """As a person names it."""
        return f"{self.where}:{self.name}"

    def __str__(self) -> str:
        return f"{self.asked}:{self.digest}" if self.digest else self.asked


def is_place(name: str) -> bool:
    """Whether a name that is in no catalog is the place of some code."""
    return ":" in name or name.endswith(".py")


def fetch(text: str) -> tuple[Place, Any]:
    """The object at a place, and the place with its digest. An error if the digest given is another one."""
    place = Place.parse(text)
    module, digest = _module(place)
    if not hasattr(module, place.name):
        names = [name for name in vars(module) if not name.startswith("_")]
        raise OptionError(f"{place.where} has no {place.name}; {nearest(place.name, names)}")
    return place._replace(digest=digest), getattr(module, place.name)


def resolve(catalog: Catalog[T], spec: Spec) -> tuple[Entry[T], dict[str, Any]]:
    """Like `Catalog.resolve`, but also for the user's own code, with the card that it registers, if any.

    >>> resolve(losses, Spec("my_loss.py:fourth"))  # doctest: +SKIP
    """
    if spec.name in catalog or not is_place(spec.name):
        return catalog.resolve(spec)
    place, value = fetch(spec.name)
    if not callable(value):
        raise OptionError(f"{place.asked} is a {type(value).__name__}; a {catalog.kind} is a function or a class")
    card = next((entry.card for entry in catalog if entry.factory is value), Card(summary=summary(value)))
    entry = Entry(str(place), value, card)
    return entry, complete(f"{catalog.kind} {place.asked}", entry.options, spec.options)


def summary(value: object) -> str:
    """The first line that code of one's own says of itself."""
    return (inspect.getdoc(value) or "of your own").partition("\n")[0]


def origin(kind: type) -> str:
    """The place of a class of one's own, with its digest; empty where it has none that could be named."""
    try:
        path = Path(inspect.getsourcefile(kind) or "").resolve()
    except (TypeError, OSError):  # a class of C, or one that was typed at a prompt
        return ""
    is_foreign = str(path).startswith(OURS) or any(part in INSTALLED for part in path.parts)
    if path.suffix != ".py" or is_foreign or not kind.__qualname__.isidentifier() or not path.is_file():
        return ""
    here = Path.cwd()
    where = str(path.relative_to(here)) if path.is_relative_to(here) else path.name
    place = Place(where, kind.__qualname__, _digest(path))
    return str(place) if NAME.fullmatch(str(place)) else ""


def code_of(factory: Callable[..., Any]) -> str | None:
    """What changes when the code of a catalog's entry does that comes from a plug-in or a file of one's own; None for
    ours. Of a package all its files count."""
    while isinstance(factory, partial):
        factory = factory.func
    module = sys.modules.get(factory.__module__)
    top = factory.__module__.partition(".")[0]
    if module is None or top in LIBRARY:
        return None
    folders = getattr(sys.modules.get(top), "__path__", ())
    packaged = sorted(file for folder in folders for file in Path(folder).rglob("*.py"))
    return _digest(Path(getattr(module, "__file__", None) or ""), packaged)


def _module(place: Place) -> tuple[ModuleType, str]:
    """The module of a place and its digest; a file is looked at before it is run."""
    path = Path(place.where).resolve()
    is_file = path.suffix == ".py"
    if (path, place.digest) in _modules:
        return _modules[path, place.digest], place.digest
    if is_file and not path.is_file():
        raise UnknownNameError(f"there is no file {place.where}; give code of your own as FILE.py:NAME")
    try:
        module = None if is_file else import_module(place.where)
        digest = _digest(path if module is None else Path(module.__file__ or ""))
        if place.digest in ("", digest) and (path, digest) not in _modules:
            _modules[path, digest] = module or _run(path)
    except (Exception, SystemExit) as error:  # whatever a user's file does when it is run
        raise OptionError(f"{place.where} cannot be imported: {raised(error)}") from error
    if place.digest not in ("", digest):
        raise OptionError(
            f"{place.where}, or a file beside it that it imports, has changed: its digest was {place.digest} and is"
            f" {digest} now; put it back"
        )
    return _modules[path, digest], digest


def _run(path: Path) -> ModuleType:
    """A file as a module; what lies beside it can be imported from it."""
    if (folder := str(path.parent)) not in sys.path:
        sys.path.append(folder)  # at the end: it hides nothing that was there
    spec: Any = spec_from_file_location(f"yours:{path}", path)  # a .py file always has one
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their own module up
    spec.loader.exec_module(module)
    return module


def _digest(path: Path, packaged: Sequence[Path] = ()) -> str:
    """What changes when a module's file does, or one beside it that it imports; or any of the files of its package."""
    files = packaged or (_files(path.resolve()) if path.is_file() else [])
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]


def _files(path: Path) -> list[Path]:
    """A file and those in its folder that it imports, however far along; told by their text, whatever is loaded."""
    found, todo = [path], [path]
    while todo:
        here = todo.pop()
        for name in sorted(_imported(here, path.parent)):
            place = path.parent.joinpath(*name.split("."))
            beside = [file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()]
            todo += (new := [file for file in beside if file not in found])
            found += new
    return [path, *sorted(found[1:])]


def _imported(path: Path, folder: Path) -> set[str]:
    """The modules that a file names in its imports, as seen from the folder; not this library's."""
    names = set()
    for node in ast.walk(ast.parse(path.read_bytes(), path.name)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(folder).parts[: -node.level] if node.level else ()
            whole = ".".join([*package, *([node.module] if node.module else [])])
            names |= {whole, *(f"{whole}.{alias.name}".strip(".") for alias in node.names)}
    parts = {".".join(name.split(".")[: n + 1]) for name in names for n in range(name.count(".") + 1)}
    return {name for name in parts if name and name.partition(".")[0] not in LIBRARY}
