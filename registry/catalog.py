"""A catalog: names, and what each one builds.

Entries arrive by the `register` decorator: from the modules of the catalog's own package, which are imported when the
catalog is first asked for something, and from installed distributions that declare an entry point of its group.
"""

import importlib
import inspect
import pkgutil
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from importlib import metadata
from threading import RLock
from typing import Any, Generic, TypeVar

from registry.card import Card, Option, options_of
from registry.errors import DuplicateNameError, UnknownNameError, nearest
from registry.spec import Spec, split

T = TypeVar("T", bound=Callable[..., Any])


@dataclass(frozen=True)
class Entry(Generic[T]):
    """One registered factory with its card and the place it was registered from."""

    name: str
    factory: T
    card: Card
    origin: str  # module.qualname (file:line)
    aliases: tuple[str, ...] = ()

    @cached_property
    def options(self) -> dict[str, Option]:
        return options_of(self.factory)


class Catalog(Generic[T]):
    """Entries of one kind, by name.

    kind: what an entry is called in messages ("architecture").
    package: a package whose modules register entries; each file put there is found without a list anywhere.
    group: the entry-point group through which other distributions add entries.
    """

    def __init__(self, kind: str, *, package: str | None = None, group: str | None = None):
        self.kind, self.package, self.group = kind, package, group
        self.broken: dict[str, str] = {}  # plug-ins that could not be loaded, and why
        self._entries: dict[str, Entry[T]] = {}
        self._aliases: dict[str, str] = {}
        self._loaded = False
        self._lock = RLock()

    def register(self, name: str, card: Card, *, aliases: Iterable[str] = ()) -> Callable[[T], T]:
        """A decorator that enters a factory under a name. The same place may register again (reload, notebook)."""

        def enter(factory: T) -> T:
            entry = Entry(name, factory, card, _origin(factory), tuple(aliases))
            with self._lock:
                for claimed in (name, *entry.aliases):
                    holder = self._entries.get(self._aliases.get(claimed, claimed))
                    if holder and (holder.name != name or _place(holder.factory) != _place(factory)):
                        raise DuplicateNameError(
                            f"{self.kind} {claimed!r} is registered twice: by {holder.origin} and by {entry.origin};"
                            " rename one of them"
                        )
                self._entries[name] = entry
                self._aliases.update(dict.fromkeys(entry.aliases, name))
            return factory

        return enter

    def get(self, name: str) -> Entry[T]:
        """The entry of a name or alias; an unknown one is an error that names its neighbours."""
        self.load()
        entry = self._entries.get(self._aliases.get(name, name))
        if entry is None:
            broken = "".join(f"; plug-in {plugin} could not be loaded: {why}" for plugin, why in self.broken.items())
            hint = nearest(name, [*self._entries, *self._aliases])
            raise UnknownNameError(f"no {self.kind} is called {name!r}; {hint}{broken}")
        return entry

    def names(self, pattern: str = "*") -> list[str]:
        """The names that match a pattern such as `*unet*`, in alphabetical order."""
        self.load()
        return sorted(name for name in self._entries if fnmatchcase(name, pattern))

    def select(self, text: str) -> list[Spec]:
        """The specs of a list such as `u2net*, unet(depth=4)`: patterns spread out, names checked, none twice."""
        chosen: dict[Spec, None] = {}
        for part in map(Spec.parse, split(text)):
            is_pattern = any(char in part.name for char in "*?[")
            names = self.names(part.name) if is_pattern else [self.get(part.name).name]
            if not names:
                raise UnknownNameError(
                    f"no {self.kind} matches {part.name!r}; {nearest(part.name.strip('*'), self.names())}"
                )
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
        with self._lock:
            if self._loaded:
                return
            self._loaded = True  # set first: a module that asks for names while it is imported must not recurse
            try:
                self._load_package()
            except BaseException:
                self._loaded = False
                raise
            self._load_plugins()

    def _load_package(self) -> None:
        if self.package:
            for module in pkgutil.iter_modules(importlib.import_module(self.package).__path__):
                importlib.import_module(f"{self.package}.{module.name}")

    def _load_plugins(self) -> None:
        for point in sorted(metadata.entry_points(group=self.group) if self.group else (), key=lambda p: p.name):
            source = f"{point.name} ({point.dist.name if point.dist else 'unknown distribution'}: {point.value})"
            before = dict(self._entries), dict(self._aliases)
            try:
                point.load()
                if point.name not in self._entries and len(self._entries) == len(before[0]):
                    raise LookupError(f"it registers no {self.kind}")
            except Exception as error:  # whatever a plug-in raises, the others must still load
                self._entries, self._aliases = before
                self.broken[source] = f"{type(error).__name__}: {error}"
                warnings.warn(f"{self.kind} plug-in {source} left out: {self.broken[source]}", stacklevel=2)


def _place(factory: Callable[..., Any]) -> tuple[str, str]:
    return factory.__module__, factory.__qualname__


def _origin(factory: Callable[..., Any]) -> str:
    where = ".".join(_place(factory))
    try:
        return f"{where} ({inspect.getsourcefile(factory)}:{inspect.getsourcelines(factory)[1]})"
    except (OSError, TypeError):  # a class typed at a prompt has no source file
        return where
