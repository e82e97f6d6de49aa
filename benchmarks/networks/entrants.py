"""The networks in a comparison: entries of the catalog, and networks of the user's own."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.store.names import FOUNDING, VARIANT, YOURS
from registry import Spec, split
from zoo.architectures import architectures
from zoo.factory import build, is_own, resolve
from zoo.model import PairModel
from zoo.own import Place, code_of
from zoo.wrapped import contracted, require_callable


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
        for each in [asked] if is_own(asked.name) else architectures.select(part):
            entrant = _entered(each)
            found.setdefault(entrant.spec, entrant)
    return list(found.values())


def own(name: str, network: Any, **options: Any) -> Entrant:
    """A network of one's own, or a callable that gives one from keyword options, as an entrant.

    A PairModel is taken as it is, any other nn.Module through `zoo.wrap`. A network that is there already is copied.

    >>> import torch
    >>> own("mine", torch.nn.Conv2d(6, 2, 1)).group
    'yours'
    """
    asked = Spec(name, options)
    require_callable(network, asked)
    return Entrant(asked, YOURS, str(asked), partial(contracted, network, asked), is_listed=False)


def _entered(asked: Spec) -> Entrant:
    entry, options = resolve(asked)
    spec, group = Spec(entry.name, options), entry.card.group
    if is_own(entry.name):
        asked = Spec(Place.parse(entry.name).asked, options)
        return Entrant(asked, group, str(spec), partial(build, spec), is_listed=False)
    if group == FOUNDING and options != resolve(Spec(entry.name))[1]:
        group = VARIANT  # with other options it is not the network that was published
    return Entrant(asked, group, str(spec), partial(build, spec), code=code_of(entry.factory))
