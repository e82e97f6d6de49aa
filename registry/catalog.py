"""A catalog: names, and what each one builds.

Entries arrive by the `register` decorator: from the modules of the catalog's own package, which are imported when the
catalog is first asked for something, and from installed distributions that declare an entry point of its group (the
entry point names the module, or the factory in it; loading it must register).
"""

import importlib
import importlib.util
import inspect
import pkgutil
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property, partial
from importlib.metadata import EntryPoint
from threading import Lock, RLock
from typing import Any, Generic, TypeVar

from registry import plugins
from registry.card import Card, Option, complete, options_of
from registry.errors import DuplicateNameError, SpecError, UnknownNameError, ZooError, nearest
from registry.spec import NAME, Spec, split

T = TypeVar("T", bound=Callable[..., Any])


@dataclass(frozen=True)
class Entry(Generic[T]):
    """One registered factory with its card.

    >>> Entry("tiny", dict, Card(summary="nothing in it")).name
    'tiny'
    """

    name: str
    factory: T
    card: Card
    aliases: tuple[str, ...] = ()

    @cached_property
    def options(self) -> dict[str, Option]:
        return options_of(self.factory)

    @property
    def place(self) -> tuple[str, str]:
        """Module and qualified name of the factory; the same after a reload."""
        factory: Any = self.factory
        while isinstance(factory, partial):
            factory = factory.func
        return factory.__module__, getattr(factory, "__qualname__", type(factory).__qualname__)

    @cached_property
    def origin(self) -> str:
        """Where it was registered from: module.qualname (file:line)."""
        where = ".".join(self.place)
        try:
            return f"{where} ({inspect.getsourcefile(self.factory)}:{inspect.getsourcelines(self.factory)[1]})"
        except (OSError, TypeError):  # a class typed at a prompt has no source file
            return where


class Catalog(Generic[T]):
    """Entries of one kind, by name.

    kind: what an entry is called in messages ("architecture").
    package: a package whose modules register entries; each file put there is found without a list anywhere.
    group: the entry-point group through which other distributions add entries.

    >>> shapes = Catalog("shape")
    >>> @shapes.register("square", Card(summary="four equal sides"))
    ... def square(*, side: int = 1):
    ...     return side * side
    >>> shapes.names(), shapes.get("square").factory(side=3)
    (['square'], 9)
    """

    def __init__(self, kind: str, *, package: str | None = None, group: str | None = None):
        self.kind, self.package, self.group = kind, package, group
        self.broken: dict[str, str] = {}  # plug-ins that could not be loaded, and why
        self._entries: dict[str, Entry[T]] = {}
        self._aliases: dict[str, str] = {}
        self._loaded = False
        self._loading = RLock()  # held while modules are imported
        self._entering = Lock()  # held for a moment, never during an import, which may itself wait for a module

    def register(self, name: str, card: Card, *, aliases: Iterable[str] = ()) -> Callable[[T], T]:
        """A decorator that enters a factory under a name. The same place may register again (reload, notebook).

        name: letters, digits and _ . + - / : ~. card: its facts. aliases: other names of it.

        >>> shapes = Catalog("shape")
        >>> shapes.register("circle", Card(summary="round"), aliases=("disc",))(lambda *, radius=1: radius)(radius=2)
        2
        """
        others = (aliases,) if isinstance(aliases, str) else tuple(aliases)
        for claimed in (name, *others):
            if not NAME.fullmatch(claimed):
                raise SpecError(f"{self.kind} name {claimed!r}: a name has letters, digits and _ . + - / : ~")

        def enter(factory: T) -> T:
            self._enter(Entry(name, factory, card, others))
            return factory

        return enter

    def _enter(self, entry: Entry[T]) -> None:
        with self._entering:
            for claimed in (entry.name, *entry.aliases):
                holder = self._entries.get(self._aliases.get(claimed, claimed))
                if holder and (holder.name != entry.name or holder.place != entry.place):
                    raise DuplicateNameError(
                        f"{self.kind} {claimed!r} is registered twice: by {holder.origin} and by {entry.origin};"
                        " rename one of them"
                    )
            self._aliases = {alias: name for alias, name in self._aliases.items() if name != entry.name}
            self._aliases.update(dict.fromkeys(entry.aliases, entry.name))
            self._entries[entry.name] = entry

    def get(self, name: str) -> Entry[T]:
        """The entry of a name or alias; an unknown one is an error that names its neighbours."""
        self.load()
        self._require_text(name)
        entry = self._entries.get(self._aliases.get(name, name))
        if entry is None:
            hint = nearest(name, [*self._entries, *self._aliases])
            broken = "; ".join(f"{plugin}: {why}" for plugin, why in self.broken.items())
            raise UnknownNameError(
                f"no {self.kind} is called {name!r}; {hint}" + (f"\nplug-ins skipped: {broken}" if broken else "")
            )
        return entry

    def resolve(self, spec: str | Spec, *, given_by_caller: Sequence[str] = ()) -> tuple[Entry[T], dict[str, Any]]:
        """The entry of a spec and all options of it: the given ones checked, the others at their defaults.

        given_by_caller: keywords of the factory that are no options of its users.
        """
        parsed = Spec.parse(spec) if isinstance(spec, str) else spec
        entry = self.get(parsed.name)
        known = {name: option for name, option in entry.options.items() if name not in given_by_caller}
        return entry, complete(f"{self.kind} {entry.name}", known, parsed.options)

    def names(self, pattern: str = "*") -> list[str]:
        """The names that match a pattern such as `*unet*`, or have an alias that does, in alphabetical order.

        Upper and lower case are the same here.

        >>> Catalog("shape").names("*round*")
        []
        """
        self.load()
        self._require_text(pattern)
        called = [(name, name) for name in self._entries] + list(self._aliases.items())
        return sorted({name for call, name in called if fnmatchcase(call.lower(), pattern.lower())})

    def _require_text(self, name: object) -> None:
        if not isinstance(name, str):
            raise UnknownNameError(f"{self.kind} names are text; {name!r} is not")

    def select(self, text: str) -> list[Spec]:
        """The specs of a list such as `u2net*, unet(depth=4)`: patterns spread out, names checked, none twice."""
        chosen: dict[Spec, None] = {}
        for part in map(Spec.parse, split(text)):
            is_pattern = any(char in part.name for char in "*?[")
            names = self.names(part.name) if is_pattern else [self.get(part.name).name]
            if not names:
                hint = nearest(part.name.strip("*"), self.names())
                raise UnknownNameError(f"no {self.kind} matches {part.name!r}; {hint}")
            chosen.update(dict.fromkeys(Spec(name, part.options) for name in names))
        return list(chosen)

    def __iter__(self) -> Iterator[Entry[T]]:
        return iter([self._entries[name] for name in self.names()])

    def __len__(self) -> int:
        return len(self.names())

    def __contains__(self, name: object) -> bool:
        self.load()
        return name in self._entries or name in self._aliases

    def load(self) -> None:
        """Import what registers entries; once, and on first use, so that `import zoo` stays light."""
        with self._loading:
            if not self._loaded:
                self._loaded = True  # set first: a module that asks for names while it is imported must not recurse
                try:
                    self._load_package()
                    self._load_plugins()
                except BaseException:
                    self._loaded = False
                    raise

    def _load_package(self) -> None:
        if self.package:
            for module in pkgutil.iter_modules(importlib.import_module(self.package).__path__):
                self._load_module(f"{self.package}.{module.name}")

    def _load_module(self, name: str) -> None:
        try:
            importlib.import_module(name)
        except ZooError:
            raise
        except Exception as error:  # a file that somebody is just writing may raise anything
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            file = getattr(importlib.util.find_spec(name), "origin", name)
            raise ZooError(f"the {self.kind} file {file} cannot be imported: {reason}") from error

    def _load_plugins(self) -> None:
        for source, point in plugins.find(self.group) if self.group else ():
            entries, aliases, modules = dict(self._entries), dict(self._aliases), set(sys.modules)
            try:
                if isinstance(point, Exception):
                    raise point
                self._load_plugin(point)
            except (Exception, SystemExit) as error:  # whatever a plug-in raises, the others must still load
                with self._entering:
                    self._entries, self._aliases = entries, aliases
                self._forget(point, modules)
                self.broken[source] = f"{type(error).__name__}: {' '.join(str(error).split())}"
                warnings.warn(f"{self.kind} plug-in {source} was skipped: {self.broken[source]}", stacklevel=2)

    def _load_plugin(self, point: EntryPoint) -> None:
        before = set(self._entries)
        point.load()
        root = _root(point.module)  # a module imported earlier, by another entry point, registered then
        own = [entry for entry in self._entries.values() if entry.name not in before or _root(entry.place[0]) == root]
        if not own:
            raise LookupError(f"it registers no {self.kind}")
        for entry in own:
            _ = entry.options  # an annotation that cannot be read shows here, with the plug-in's name

    @staticmethod
    def _forget(point: EntryPoint | Exception, known: set[str]) -> None:
        """Drop the modules that a failed plug-in brought in, so that importing them again registers again."""
        if isinstance(point, EntryPoint) and (match := point.pattern.match(point.value)):
            for module in set(sys.modules) - known:
                if _root(module) == _root(match["module"]):
                    del sys.modules[module]


def _root(module: str) -> str:
    return module.partition(".")[0]
