"""A page for each architecture: what the catalog, a description and the committed records say of it."""

import inspect
import sys
from collections.abc import Iterable

from benchmarks.measures.cost import count
from benchmarks.show.results import Results
from benchmarks.upkeep.site import measured
from benchmarks.upkeep.site.writing import cited, code, facts, sections, sentence, table
from registry import Entry, Spec
from zoo import build
from zoo.architectures import Architecture, architectures, rank
from zoo.describing import Description, describe
from zoo.machine import weightless
from zoo.weights import ready
from zoo.weights.files import read, spec_of

SIZES = (64, 128, 224, 512)
GROUPS = {  # what the index says above each
    "founding": "Of the five published systems that founded this task",
    "own": "Ours",
    "family": "Decoders of segmentation-models-pytorch, with an encoder of your choice",
    "baseline": "Baselines, which are no networks",
}
HEAD = ["network", "what it is"]


def pages(results: Results) -> dict[str, str | bytes]:
    """Each page with its pictures, by path; an index first."""
    entries = sorted(architectures, key=lambda entry: (rank(entry.card.group), entry.name))
    found: dict[str, str | bytes] = {"networks/index.md": _index(entries)}
    for entry in entries:
        found |= _files(entry, results)
    return found


def _files(entry: Entry[Architecture], results: Results) -> dict[str, str | bytes]:
    """The page of one, and its pictures."""
    about, drawn = describe(entry.name), measured.charts(results, entry)
    path = f"networks/{entry.name}"
    pictures = {f"{path}.svg": about.svg()} | ({f"{path}-curves.svg": drawn} if drawn else {})
    return {**pictures, f"{path}.md": _page(entry, about, results, has_curves=bool(drawn))}


def _index(entries: Iterable[Entry[Architecture]]) -> str:
    by_group: dict[str, list[list[str]]] = {}
    for entry in entries:
        row = [f"[{entry.name}]({entry.name}.md)", sentence(entry.card.summary)]
        by_group.setdefault(entry.card.group, []).append(row)
    parts = [f"## {GROUPS.get(group, group)}\n\n{table(HEAD, rows)}" for group, rows in by_group.items()]
    guide = "A page for each. [The guide](../docs/networks.md) says how they are built, run, saved and loaded."
    return sections("# All networks\n\n" + guide, *parts)


def _page(entry: Entry[Architecture], about: Description, results: Results, *, has_curves: bool) -> str:
    name = entry.name
    alt = f"The data flow of {name}, from bg and fg_bg to mask and depth"
    return sections(
        f"# {name}\n\n{_intro(entry)}",
        f'```python\nimport zoo\n\nmodel = zoo.build("{name}")\n```',
        f"## Data flow\n\n[![{alt}]({name}.svg)]({name}.svg)",
        f"## Facts\n\n{_facts(entry, about)}",
        _under("## Options", _options(about)),
        f"## Cost\n\n{_cost(entry)}",
        _under("## Its original", _original(entry)),
        _under("## Speed", measured.speed(results, entry)),
        _under("## Accuracy", measured.accuracy(results, entry)),
        _under("## When the pictures are perturbed", measured.perturbed(name) if has_curves else ""),
        _under("## Scenes", measured.scenes(results, entry)),
        _under("## Ready weights", _ready(entry)),
    )


def _under(heading: str, text: str) -> str:
    return f"{heading}\n\n{text}" if text else ""


def _intro(entry: Entry[Architecture]) -> str:
    """Two sentences: the card's, and what its file says of it."""
    said = inspect.getdoc(sys.modules[entry.place[0]]) or ""
    return f"{sentence(entry.card.summary)} {sentence(said.partition(chr(10))[0])}"


def _facts(entry: Entry[Architecture], about: Description) -> str:
    card = entry.card
    fields = [
        f"{task} {down}" if str(down) == str(across) else f"{task} {down} down and {across} across"
        for task, (down, across) in about.receptive_field.items()
    ]
    sides = f"sides are padded to multiples of {about.pad_to}" if about.pad_to > 1 else "every size is taken as it is"
    return facts(
        [
            ("Also called", ", ".join(map(code, entry.aliases))),
            ("Published as", card.origin),
            ("Paper", cited(card.paper)),
            ("Licence", card.licence),
            ("Parameters", f"{about.params:,}"),
            ("Stride", f"{about.stride}; {sides}"),
            ("Receptive field at 224 x 224", ", ".join(fields)),
            ("Code", f"{code(entry.place[0])}"),
        ]
    )


def _options(about: Description) -> str:
    rows = [
        [code(choice.name), code(str(Spec("x", {"x": choice.default}))[4:-1]), choice.accepted, choice.help]
        for choice in about.options
    ]
    return table(["option", "default", "takes", "for"], rows)


def _cost(entry: Entry[Architecture]) -> str:
    """At several sizes, as `zoo describe` and a comparison count it."""
    with weightless():
        model = build(entry.name)
    rows = [[f"{size} x {size}", f"{count(model, size, size).flops / 1e9:.3g}"] for size in SIZES]
    note = "Two operations for each multiply-add, one pair of images, two tasks, default options."
    more = f"`zoo describe {entry.name} --size 320x480` tells memory and shapes."
    return f"{table(['size', 'GFLOPs'], rows)}\n\n{note} {more}"


def _original(entry: Entry[Architecture]) -> str:
    """How it differs from what was published, and which figures of that it gives."""
    card = entry.card
    rows = [
        [code(spec), f"{one.params:,}", f"{one.gflops:g}" if one.gflops else ""] for spec, one in card.published.items()
    ]
    exact = "The tests hold it to these figures:\n\n" + table(["network", "parameters", "GFLOPs at 224 x 224"], rows)
    return "\n\n".join(["\n".join(f"- {sentence(note)}" for note in card.notes), exact if rows else ""]).strip()


def _ready(entry: Entry[Architecture]) -> str:
    own = [name for name in ready.names() if spec_of(read(ready.file_of(name))).name == entry.name]
    rows = [[code(name), f"[its card](../zoo/weights/ready/{name}.md)", f'`zoo.load("{name}")`'] for name in own]
    return table(["weights", "how they came about, what they reach", "load"], rows)
