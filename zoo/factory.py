"""From a spec to a model: the name is looked up, the options are checked, the defaults are filled in."""

from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any

import torch
from torch import nn

from registry import Entry, Option, OptionError, Spec, complete, options_of
from zoo.architectures import Architecture, architectures
from zoo.contract import Interface
from zoo.model import PairModel
from zoo.room import made
from zoo.weights import load_into

INTERFACE = options_of(Interface)


def build(spec: str | Spec, *, weights: str | PathLike[str] | None = None, **options: Any) -> PairModel:
    """A network by name, with every option given in the spec, as a keyword, or by default.

    >>> model = build("u2net", in_ch=6)
    >>> model = build("unet(depth=4)", tasks=("mask",), in_ch=3)

    weights: a file to load: one of ours, an official U2-Net, a founding system's or a classic U-Net checkpoint.
    What was copied, inflated and left fresh is in `model.loaded` and, unless all was copied, in a warning.
    """
    entry, resolved = resolve(spec, options)
    face = Interface(**{name: value for name, value in resolved.items() if name in INTERFACE})
    own = {name: value for name, value in resolved.items() if name not in INTERFACE}
    with torch.inference_mode(False):  # weights that are made in inference mode can never be trained
        model = made(entry.name, lambda: entry.factory(face, **own))
    model.spec = Spec(entry.name, face.options() | own)
    if weights is not None:
        load_into(model, weights)
    return model


def resolve(spec: str | Spec, options: Mapping[str, Any] | None = None) -> tuple[Entry[Architecture], dict[str, Any]]:
    """The catalog entry and all its options, checked; interface options first, each in the order of declaration."""
    if not isinstance(spec, str | Spec):
        kind = f"the class {spec.__name__}" if isinstance(spec, type) else f"a {type(spec).__name__}"
        hint = "; zoo.wrap gives a network of your own the contract" if isinstance(spec, nn.Module) else ""
        raise OptionError(f"build takes a name or a spec, as 'unet(depth=4)', and not {kind}{hint}")
    parsed = Spec.parse(spec) if isinstance(spec, str) else spec
    entry = architectures.get(parsed.name)
    extended = parsed.extended(options or {})
    given = {name: fspath(value) if isinstance(value, PathLike) else value for name, value in extended.items()}
    own = complete(entry.name, entry.options, given, more=all_options(entry))
    if given.get("plate") is False:
        given.setdefault("in_ch", 3)  # without the plate, one RGB image is what people mean
    face = Interface(**{name: given[name] for name in INTERFACE if name in given})
    return entry, face.options() | own


def all_options(entry: Entry[Architecture]) -> dict[str, Option]:
    """The options of the interface and of the architecture itself, by name."""
    for name in INTERFACE:
        if name in entry.options:
            raise OptionError(f"{entry.name} declares {name}, which every architecture has already; rename its option")
    return INTERFACE | entry.options
