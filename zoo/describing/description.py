"""Everything there is to know of one network at one image size, gathered without computing an image."""

import copy
import json
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from registry import Entry, OptionError, Spec, first_line
from registry.vocabulary import LARGEST, SMALLEST
from zoo.architectures import Architecture
from zoo.contract import checked_size
from zoo.describing.diagram import draw
from zoo.describing.facts import Choice, Facts, Layer
from zoo.describing.memory import training_bytes
from zoo.describing.receptive import LONGEST, has_lost_buffers, receptive_field
from zoo.describing.stages import count, flow
from zoo.describing.text import write
from zoo.describing.trace import Trace, trace
from zoo.factory import all_options, build, resolve
from zoo.machine import weightless
from zoo.model import PairModel


@dataclass(frozen=True)
class Description(Facts):
    """A network at a size: `print(description)`, `description.to_dict()`, `description.svg()`.

    >>> about = describe("frame_difference", 32)
    >>> about.params, about.svg()[:4]
    (5, '<svg')
    """

    def text(self, *, tree: bool = False) -> str:
        """For reading, at most 100 columns; tree: with every layer."""
        return write(self, tree=tree)

    def svg(self) -> str:
        """The data flow as a picture: left to right as it is computed, from top to bottom as resolution falls."""
        return draw(self.flow, self.size, title=f"{self.spec.name} at {self.size[0]} x {self.size[1]}")

    def to_dict(self) -> dict[str, Any]:
        """For machines: numbers, text, lists and dictionaries only."""
        facts = asdict(self) | {"spec": str(self.spec)}
        flow = facts.pop("flow")
        flow["outside_stages"] = flow.pop("rest")
        plain: dict[str, Any] = json.loads(json.dumps(facts | flow, default=str))
        return plain

    def __str__(self) -> str:
        return self.text()


MOST = 2e9  # bytes that measuring a receptive field may take


def describe(spec: str | Spec, size: int | tuple[int, int] = 224, **options: Any) -> Description:
    """What a network is and costs, by name and options, for images of a size.

    >>> about = describe("frame_difference", (64, 96))
    >>> about.params, about.size
    (5, (64, 96))

    spec: a name of the catalog with options, or code of one's own by its place.
    size: one number, or (h, w).
    options: more of them, by their names.
    """
    h, w = checked_size(size, f"pixels from {SMALLEST} to {LARGEST}: 224, or (h, w)")
    entry, resolved = resolve(spec, options)
    try:
        return _described(entry, resolved, (h, w))
    except (RuntimeError, MemoryError) as error:  # of memory, mostly: options in the millions
        spec = Spec(entry.name, resolved)
        raise OptionError(f"{spec} cannot be described at {h} x {w}: {first_line(error, 200)}") from error


def _described(entry: Entry[Architecture], resolved: dict[str, Any], size: tuple[int, int]) -> Description:
    known = all_options(entry)
    model, whole = _built(Spec(entry.name, resolved))
    model, passed = _traced(model, whole, size)
    _require_room(model, size, passed.peak_bytes)
    return Description(
        name=entry.name,
        aliases=entry.aliases,
        spec=Spec(entry.name, resolved),
        card=entry.card,
        options=tuple(
            Choice(name, resolved.get(name, option.default), option.default, option.accepted, option.help)
            for name, option in known.items()
        ),
        size=size,
        params=count(model),
        trainable=sum(p.numel() for p in model.parameters() if p.requires_grad),
        weight_bytes=sum(t.numel() * t.element_size() for t in model.state_dict().values()),
        stride=model.stride,
        pad_to=model.pad_to,
        min_size=model.min_size,
        min_export_size=model.min_export_size,
        training_bytes=training_bytes(model, size),
        inference_bytes=passed.peak_bytes,
        receptive_field=receptive_field(whole or model, size),
        flow=flow(passed, size),
        tree=_layer(type(model).__name__, model),
    )


def _require_room(model: PairModel, size: tuple[int, int], peak: int) -> None:
    """Raise OptionError where the receptive field, measured with numbers on a strip, takes more memory than MOST."""
    share = model.min_size * min(max(size), LONGEST) / (size[0] * size[1])
    need = 2 * peak * share  # double precision
    if need > MOST:
        raise OptionError(
            f"{model.spec.name} would take {need / 1e9:,.0f} GB to describe, more than the {MOST / 1e9:g} GB that are"
            " allowed; give fewer channels, or a smaller size"
        )


def _built(spec: Spec) -> tuple[PairModel, PairModel | None]:
    """The network on the meta device, where it costs no memory, and one with values where those are asked for.

    What a network is does not depend on its weights: none are read, none downloaded.
    """
    bare = Spec(spec.name, {name: None if name == "encoder_weights" else value for name, value in spec.options.items()})
    with torch.random.fork_rng(devices=[]):  # whoever draws numbers after this gets those they would have got
        try:
            with weightless():
                model = build(bare)
            return model, build(bare) if has_lost_buffers(model) else None
        except Exception:  # some encoders read values while they are built, and say so in as many ways
            whole = build(bare)
            return copy.deepcopy(whole).to("meta"), whole


def _traced(model: PairModel, whole: PairModel | None, size: tuple[int, int]) -> tuple[PairModel, Trace]:
    """The trace, and the network it could be taken of: on the meta device if possible, else with values."""
    try:
        return model, trace(model, size)
    except (RuntimeError, NotImplementedError):  # a network that reads values while it runs
        model = whole or build(model.spec)
        return model, trace(model, size)


def _layer(name: str, module: nn.Module) -> Layer:
    children = tuple(_layer(*child) for child in module.named_children())
    return Layer(name, type(module).__name__, count(module), children)
