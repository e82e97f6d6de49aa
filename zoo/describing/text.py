"""A description as plain text, at most 100 columns wide."""

import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from registry import Spec
from zoo.describing.facts import Facts, Layer

WIDTH = 100
NAME = 18  # columns of the first column of facts


def write(about: Facts, *, tree: bool = False) -> str:
    """The sections one below the other."""
    card = about.card
    also = f" (also {', '.join(about.aliases)})" if about.aliases else ""
    figures = [
        f"{spec}: {p.params:,} parameters" + ("" if p.gflops is None else f", {p.gflops:g} GFLOPs at 224 x 224")
        for spec, p in card.published.items()
    ]
    facts = [
        ("published as", card.origin),
        ("paper", card.paper),
        ("licence", card.licence),
        ("group", card.group),
        ("spec", str(about.spec)),
        *(("note", note) for note in card.notes),
        *(("published" if i == 0 else "", text) for i, text in enumerate(figures)),
    ]
    lines = [*_wrap(f"{about.name}{also}: {card.summary}", 0), "", *_facts(facts)]
    lines += ["", "Options", *_options(about), "", f"At {_by(about.size)} (height x width)", *_facts(_costs(about))]
    lines += ["", "Walk, in call order (channels x height x width)", *_walk(about)]
    if tree:
        lines += ["", "Layers", *_tree(about.tree, 1)]
    return "\n".join(line.rstrip() for line in lines)


def _taken(about: Facts) -> str:
    sides = "all sides" if about.pad_to == 1 else f"sides that are multiples of {about.pad_to}"
    return f"{sides}, from {about.min_size} px up"


def _costs(about: Facts) -> list[tuple[str, str]]:
    trainable = "all trainable" if about.trainable == about.params else f"{about.trainable:,} trainable"
    fields = [
        f"{task} {down}" if str(down) == str(across) else f"{task} {down} down and {across} across"
        for task, (down, across) in about.receptive_field.items()
    ]
    return [
        ("parameters", f"{about.params:,} ({trainable}), {megabytes(about.weight_bytes)} as a file"),
        ("stride", f"{about.stride}; without padding it computes {_taken(about)}"),
        ("export", f"with open height and width: from {about.min_export_size} px"),
        ("training keeps", f"{megabytes(about.training_bytes)} of activations for one sample in float32"),
        ("inference peak", f"{megabytes(about.inference_bytes)} alive at once, one sample in float32, without weights"),
        ("receptive field", ", ".join(fields)),
    ]


def megabytes(size: int) -> str:
    """
    >>> megabytes(24_980_000), megabytes(900)
    ('25.0 MB', '0.9 kB')
    """
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:,.1f} kB"


def _options(about: Facts) -> Iterator[str]:
    names = max(len(choice.name) for choice in about.options)
    for choice in about.options:
        value = _value(choice.value)
        default = _value(choice.default)
        # plate and link complete themselves: their declared default says less than what came of it
        changed = f" (default {default})" if choice.default != choice.value else ""
        yield from _wrap(f"{choice.name:<{names}}  {value}{changed}", 2, 4 + names)
        yield from _wrap(f"{choice.help}; takes {choice.accepted}".removeprefix("; "), 4 + names)


def _value(value: Any) -> str:
    """As one types it in a spec."""
    return str(Spec("x", {"x": value}))[4:-1]


def _walk(about: Facts) -> Iterator[str]:
    rows = [(s.name, s.kind, _by(s.shape) or "-", f"{s.params:,}") for s in about.stages]
    heads = ("module", "class", "output", "parameters")
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(4)]
    widths[0] = min(widths[0], WIDTH - 2 - sum(widths[1:]) - 6)
    for name, kind, shape, params in (heads, *rows):
        short = name if len(name) <= widths[0] else "..." + name[3 - widths[0] :]
        yield f"  {short:<{widths[0]}}  {kind:<{widths[1]}}  {shape:>{widths[2]}}  {params:>{widths[3]}}"
    if about.flow.rest:
        yield f"  {'(outside these)':<{sum(widths[:3]) + 4}}  {about.flow.rest:>{widths[3]},}"


def _tree(layer: Layer, depth: int) -> Iterator[str]:
    left = f"{'  ' * depth}{layer.name}: {layer.kind}"
    right = f"{layer.params:,}" if layer.params else ""
    yield f"{left[: WIDTH - 2 - len(right)]:<{WIDTH - 2 - len(right)}}  {right}"
    for child in layer.children:
        yield from _tree(child, depth + 1)


def _facts(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [line for name, text in rows if text for line in _wrap(f"{name:<{NAME - 2}}  {text}", 2, NAME + 2)]


def _wrap(text: str, indent: int, below: int | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent if below is None else below),
        drop_whitespace=True,
        replace_whitespace=False,
    )


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
