"""Who takes part in a comparison: entries of the catalog, and networks of the user's own."""

import ast
import copy
import hashlib
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from benchmarks.store.files import one_line
from benchmarks.store.names import FOUNDING, VARIANT, YOURS
from registry import OptionError, Spec, split
from zoo.architectures import architectures
from zoo.factory import build, resolve
from zoo.model import PairModel
from zoo.wrapped import wrap

OURS = ("zoo", "registry", "benchmarks")


@dataclass
class Entrant:
    """A network in the comparison: what was asked for, and how it is built."""

    asked: Spec
    group: str
    spec: str  # with every option; of a file of the user's own, with a digest of it
    make: Callable[[], PairModel]
    is_listed: bool = True  # in the catalog; a network of one's own is not, and its spec builds nothing
    code: str | None = None  # digest of a plug-in's


def enter(text: str) -> list[Entrant]:
    """The entrants of a list such as "u2net*, unet(depth=4), my_net.py:Net"; none twice.

    A wrong name or option is found here, before anything is built.
    """
    found: dict[str, Entrant] = {}
    for part in split(text):
        asked = Spec.parse(part)
        for entrant in [_named(asked)] if _is_own(asked.name) else map(_listed, architectures.select(part)):
            found.setdefault(entrant.spec, entrant)
    return list(found.values())


def own(name: str, network: Any, **options: Any) -> Entrant:
    """A network of one's own, or a callable that gives one from keyword options, as an entrant.

    A PairModel is taken as it is, any other nn.Module through `zoo.wrap`. A network that is there already is copied.

    >>> own("mine", nn.Conv2d(6, 2, 1)).group
    'yours'
    """
    asked = Spec(name, options)
    if isinstance(network, nn.Module) and options:
        raise OptionError(f"{name} is a network that is built already and takes no options; name its class")
    if not callable(network):
        raise OptionError(f"{name} is a {type(network).__name__}; give a network, its class, or a function")
    if not isinstance(network, nn.Module):
        try:
            inspect.signature(network).bind(**options)
        except TypeError as error:
            raise OptionError(f"{asked} cannot be called: {error}; options go in brackets, as (width=8)") from None
        except ValueError:  # a callable of C, which tells nothing; calling it will
            pass
    return Entrant(asked, YOURS, str(asked), partial(_made, network, asked), is_listed=False)


def _made(network: Any, asked: Spec) -> PairModel:
    model = copy.deepcopy(network) if isinstance(network, nn.Module) else network(**asked.options)
    if not isinstance(model, nn.Module):
        raise OptionError(f"{asked} gives a {type(model).__name__}, not an nn.Module")
    return model if isinstance(model, PairModel) else wrap(model)


def _listed(asked: Spec) -> Entrant:
    entry, options = resolve(asked)
    spec, group = Spec(entry.name, options), entry.card.group
    if group == FOUNDING and options != resolve(Spec(entry.name))[1]:
        group = VARIANT  # with other options it is not the network that was published
    return Entrant(asked, group, str(spec), partial(build, spec), code=code_of(entry.factory))


def _is_own(name: str) -> bool:
    """Whether a name is no name of the catalog but a place: FILE.py:NAME or MODULE:NAME."""
    return (":" in name or name.endswith(".py")) and name not in architectures


def _named(asked: Spec) -> Entrant:
    place, _, name = asked.name.rpartition(":")
    if not place or not name:
        raise OptionError(f"{asked.name} says where and not what; give FILE.py:NAME, as my_net.py:Net")
    module = _loaded(place)
    try:
        network = getattr(module, name)
    except AttributeError:
        raise OptionError(f"{place} has no {name}; it names {_networks(module)}") from None
    entrant = own(asked.name, network, **asked.options)
    return replace(entrant, spec=str(Spec(f"{asked.name}:{_digest(module)}", asked.options)))


def _loaded(place: str) -> ModuleType:
    """A module by its name or its file, run anew; what lies beside a file can be imported from it."""
    path = Path(place)
    if path.suffix == ".py" and not path.is_file():
        raise OptionError(f"there is no file {place}; networks of your own are given as FILE.py:NAME")
    try:
        if path.suffix != ".py":
            return import_module(place)
        if (folder := str(path.resolve().parent)) not in sys.path:
            sys.path.append(folder)  # at the end: it hides nothing that was there
        spec: Any = spec_from_file_location(f"yours:{path.resolve()}", path)  # a .py file always has one
        module = module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses look their own module up
        spec.loader.exec_module(module)
        return module
    except (Exception, SystemExit) as error:  # whatever a user's file does when it is run
        raise OptionError(f"{place} cannot be imported: {one_line(error)}") from error


def code_of(factory: Callable[..., Any]) -> str | None:
    """What changes when the code of a catalog's entry does that comes from a plug-in or a file of one's own; None for
    ours. Of a package all its files count."""
    while isinstance(factory, partial):
        factory = factory.func
    name = factory.__module__
    top = sys.modules.get(name.partition(".")[0])
    if name.partition(".")[0] in OURS or name not in sys.modules:
        return None
    folders = getattr(top, "__path__", ())
    packaged = sorted(file for folder in folders for file in Path(folder).rglob("*.py"))
    return _digest(sys.modules[name], packaged)


def _digest(module: ModuleType, packaged: Sequence[Path] = ()) -> str:
    """What changes when a module's file does, or one beside it that it imports: the network is another one then, and is
    measured anew."""
    path = Path(getattr(module, "__file__", None) or "")
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
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(folder).parts[: -node.level] if node.level else ()
            whole = ".".join([*package, *([node.module] if node.module else [])])
            names |= {whole, *(f"{whole}.{alias.name}".strip(".") for alias in node.names)}
    parts = {".".join(name.split(".")[: n + 1]) for name in names for n in range(name.count(".") + 1)}
    return {name for name in parts if name and name.partition(".")[0] not in OURS}


def _networks(module: ModuleType) -> str:
    """The networks and their classes that a module itself defines."""
    found = [
        name
        for name, value in vars(module).items()
        if isinstance(value, nn.Module)
        or (inspect.isclass(value) and issubclass(value, nn.Module) and value.__module__ == module.__name__)
    ]
    return f"the networks {', '.join(found)}" if found else "no networks"
