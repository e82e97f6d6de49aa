"""From a spec to a model: the name is looked up, the options are checked, the defaults are filled in."""

from collections.abc import Mapping
from inspect import Parameter
from os import PathLike, fspath
from typing import Any

import torch
from torch import nn

from registry import Card, Entry, Option, OptionError, Spec, ZooError, complete, options_of
from registry.errors import raised
from zoo.architectures import Architecture, architectures
from zoo.contract import Interface
from zoo.model import PairModel
from zoo.own import Place, fetch, is_place, summary
from zoo.room import made
from zoo.weights import load_into
from zoo.weights.ready import READY, fitting
from zoo.wrapped import contracted, require_callable

INTERFACE = options_of(Interface)
BY_NAME = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
ENCODER_WEIGHTS = "encoder_weights"  # what an encoder started from; a file of ours holds what became of it


def is_own(name: str) -> bool:
    """Whether a network's name is the place of the user's own code, FILE.py:NAME or MODULE:NAME, and not in the
    catalog."""
    return is_place(name) and name not in architectures


def build(spec: str | Spec, *, weights: str | PathLike[str] | None = None, **options: Any) -> PairModel:
    """A network by name, with every option given in the spec, as a keyword, or by default.

    >>> model = build("u2net", in_ch=6)
    >>> model = build("unet(depth=4)", tasks=("mask",), in_ch=3)
    >>> model = build("my_net.py:Net(width=8)")  # doctest: +SKIP

    spec: a name of the catalog with options, or code of one's own by its place.
    weights: a file to load: one of ours, an official U2-Net, a founding system's or a classic U-Net checkpoint; a name
        of `zoo list --weights`; or "ready" for those of them that fit.
    options: more of them, by their names; `zoo describe NAME` lists what there is.

    What was copied, inflated and left fresh is in `model.loaded` and, unless all was copied, in a warning.
    """
    entry, resolved = resolve(spec, options)
    with torch.inference_mode(False):  # weights that are made in inference mode can never be trained
        model = _of_own_code(entry, resolved) if is_own(entry.name) else _of_catalog(entry, resolved)
    model.spec = Spec(entry.name, resolved)
    if weights is not None:
        load_into(model, fitting(model.spec) if weights == READY else weights)
    return model


def _of_catalog(entry: Entry[Architecture], resolved: dict[str, Any]) -> PairModel:
    face = Interface(**{name: value for name, value in resolved.items() if name in INTERFACE})
    own = {name: value for name, value in resolved.items() if name not in INTERFACE}
    return made(entry.name, lambda: entry.factory(face, **own), face.in_ch)


def _of_own_code(entry: Entry[Any], options: dict[str, Any]) -> PairModel:
    asked = Spec(Place.parse(entry.name).asked, options)
    try:
        return made(asked.name, lambda: contracted(entry.factory, asked))
    except (ZooError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise OptionError(f"{asked} raised {raised(error, 200)}") from error


def resolve(spec: str | Spec, options: Mapping[str, Any] | None = None) -> tuple[Entry[Architecture], dict[str, Any]]:
    """The catalog entry and all its options, checked; interface options first, each in the order of declaration."""
    if not isinstance(spec, str | Spec):
        kind = f"the class {spec.__name__}" if isinstance(spec, type) else f"a {type(spec).__name__}"
        hint = "; zoo.wrap gives a network of your own the contract" if isinstance(spec, nn.Module) else ""
        raise OptionError(f"build takes a name or a spec, as 'unet(depth=4)', and not {kind}{hint}")
    parsed = Spec.parse(spec) if isinstance(spec, str) else spec
    extended = parsed.extended(options or {})
    given = {name: fspath(value) if isinstance(value, PathLike) else value for name, value in extended.items()}
    if is_own(parsed.name):
        place, network = fetch(parsed.name)
        require_callable(network, Spec(place.asked, given))
        return Entry(str(place), network, Card(summary(network), group="yours", licence="")), given
    entry = architectures.get(parsed.name)
    if "pretrained" in given.keys() - entry.options.keys():  # as timm and torchvision say it
        way = "encoder_weights='imagenet', or a file," if ENCODER_WEIGHTS in entry.options else "weights=FILE"
        raise OptionError(f"{entry.name} has no option 'pretrained'; {way} starts it from weights that were trained")
    of_its_own = complete(entry.name, entry.options, given, more=all_options(entry))
    if given.get("plate") is False:
        given.setdefault("in_ch", 3)  # without the plate, one RGB image is what people mean
    face = Interface(**{name: given[name] for name in INTERFACE if name in given})
    return entry, face.options() | of_its_own


def all_options(entry: Entry[Architecture]) -> dict[str, Option]:
    """The options of the interface and of the architecture itself, by name; of a network of one's own, all it takes."""
    if is_own(entry.name):
        return {} if isinstance(entry.factory, nn.Module) else options_of(entry.factory, BY_NAME)
    for name in INTERFACE:
        if name in entry.options:
            raise OptionError(f"{entry.name} declares {name}, which every architecture has already; rename its option")
    return INTERFACE | entry.options
