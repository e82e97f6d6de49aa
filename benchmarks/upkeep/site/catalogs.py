"""A page for each of the other catalogs: losses, metrics, recipes, data and so on, with every entry's facts."""

import math
from inspect import Parameter, getdoc
from pathlib import Path
from typing import Any

from benchmarks.upkeep.site.writing import cited, code, facts, sections, sentence, table
from registry import Card, Entry, Spec
from registry.vocabulary import Split
from zoo.data import load
from zoo.data.files.images import encode, to_bytes
from zoo.data.inspecting.sheet import contact_sheet
from zoo.listing import GIVEN, KINDS

GUIDES = {  # where a catalog's entries are put to use
    "losses": "../docs/losses.md",
    "balances": "../docs/losses.md",
    "data": "../docs/data.md",
    "augmentations": "../docs/data.md",
}
TRAINING = "../docs/training.md"
PICTURED = {"collage": "docs/collage.png", "photos": "docs/photos.png"}  # of the guide; people's photographs
ALT = {
    "collage": "Scenes of collage: plates, photos with objects laid over them, and their masks",
    "photos": "Scenes of photos: held-out photographs with objects, and their masks",
}
TIERS = ("clean", "hard", "wild")
FACES = 96, 4  # pixels of a scene in a contact sheet, and how many scenes
HELD_OUT: tuple[Split, ...] = ("train", "val", "test")


def pages() -> dict[str, str | bytes]:
    """Each page with its pictures, by path."""
    found: dict[str, str | bytes] = {}
    for tier in TIERS:
        found[f"catalogs/{tier}.png"] = _sheet(f"pairbench:{tier}")
    for kind, known in KINDS.items():
        entries = list(known.catalog)
        body = [[f"[{entry.name}](#{entry.name})", sentence(entry.card.summary)] for entry in entries]
        guide = f"[The guide]({GUIDES.get(kind, TRAINING)}) says how they are used."
        intro = f"# {kind.capitalize()}\n\n{sentence(known.help)} {guide}"
        listed = [_entry(kind, entry) for entry in entries]
        found[f"catalogs/{kind}.md"] = sections(intro, table(["name", "what it is"], body), *listed)
    return found


def _entry(kind: str, entry: Entry[Any]) -> str:
    more = {"losses": _loss, "metrics": _metric, "recipes": _recipe, "data": _data}.get(kind, _plain)(entry)
    card: Card = entry.card
    known = [*more, ("Published as", card.origin), ("Paper", cited(card.paper)), ("Licence", _licence(card))]
    notes = "\n".join(f"- {sentence(note)}" for note in card.notes)
    options = _options(entry)
    parts = [f"## {entry.name}", sentence(card.summary), _said(kind, entry), facts(known), notes, options]
    return "\n\n".join(filter(None, [*parts, _pictures(entry) if kind == "data" else "", _source(kind, entry)]))


def _licence(card: Card) -> str:
    return "" if card.licence == Card("").licence else card.licence


def _said(kind: str, entry: Entry[Any]) -> str:
    """What the docstring of a source says; those of losses say the same as their cards."""
    return (getdoc(entry.factory) or "").partition("\n\n")[0].replace("\n", " ") if kind == "data" else ""


def _plain(entry: Entry[Any]) -> list[tuple[str, str]]:
    return []


def _loss(entry: Entry[Any]) -> list[tuple[str, str]]:
    card: Any = entry.card
    softly = "" if card.soft_targets else ", for targets of 0 and 1"
    least = f"no prediction is better than the target itself{softly}" if card.least_at_target else "not at the target"
    return [
        ("For", ", ".join(card.tasks)),
        ("Formula", code(card.formula)),
        ("Range", _range(card.range)),
        ("Least", least),
        ("At the target", "depends on it" if card.floor is None else f"{card.floor:g}"),
        ("Does not change with", ", ".join(word.replace("_", " ") for word in card.invariant_to)),
    ]


def _metric(entry: Entry[Any]) -> list[tuple[str, str]]:
    card: Any = entry.card
    return [
        ("Of", card.task),
        ("Formula", code(card.formula)),
        ("Range", _range(card.range) + (f" {card.unit}" if card.unit else "")),
        ("Better", card.better),
        ("Of many images", card.pooled),
        ("Where there is nothing to measure", card.empty),
        ("Needs", card.needs),
    ]


def _range(ends: tuple[float, float]) -> str:
    """
    >>> _range((0, math.inf))
    'from 0 up'
    """
    low, high = ends
    return f"from {low:.3g} up" if math.isinf(high) else f"{low:.3g} to {high:.3g}"


def _recipe(entry: Entry[Any]) -> list[tuple[str, str]]:
    recipe = entry.factory()
    stages = [
        f"{stage.samples:,} samples at {' x '.join(map(str, stage.hw))}" for stage in recipe.stages if stage.samples
    ]
    passes = [f"{stage.epochs:g} passes at {' x '.join(map(str, stage.hw))}" for stage in recipe.stages if stage.epochs]
    return [
        ("Group", entry.card.group),
        ("Network", code(recipe.model)),
        ("Data", code(recipe.data)),
        ("Losses", ", ".join(f"{task} {code(text)}" for task, text in _losses(recipe).items() if text)),
        ("Optimizer", code(recipe.optimizer)),
        ("Stages", "; ".join([*stages, *passes])),
    ]


def _losses(recipe: Any) -> dict[str, str]:
    return {"mask": recipe.objective.mask, "depth": recipe.objective.depth}


def _data(entry: Entry[Any]) -> list[tuple[str, str]]:
    return [("Group", entry.card.group)]


def _options(entry: Entry[Any]) -> str:
    rows = [
        [
            code(name),
            "needed" if option.default is Parameter.empty else code(str(Spec("x", {"x": option.default}))[4:-1]),
            option.accepted,
            option.help,
        ]
        for name, option in entry.options.items()
        if name not in GIVEN
    ]
    return table(["option", "default", "takes", "for"], rows)


def _pictures(entry: Entry[Any]) -> str:
    """What its samples look like, and how many there are of each split where it says so by itself."""
    if entry.name in PICTURED:
        credits = "The photographs are other people's: [credits](../docs/credits.md)."
        return f"![{ALT[entry.name]}](../{PICTURED[entry.name]}){{ .sheet }}\n\n{credits}"
    if entry.name != "pairbench":
        return ""
    sizes = [f"{len(load('pairbench:hard', split=split, size=FACES[0])):,} {split}" for split in HELD_OUT]
    sheets = [
        f"![Scenes of the tier {tier}: bg, fg_bg, mask, depth]({tier}.png){{ .sheet }}\n\nThe tier `{tier}`."
        for tier in TIERS
    ]
    return "\n\n".join([f"Samples of a tier: {', '.join(sizes)}.", *sheets])


def _sheet(spec: str) -> bytes:
    size, many = FACES
    data = load(spec, split="test", size=size)
    picture: bytes = encode(to_bytes(contact_sheet([data[index] for index in range(many)], columns=2)))
    return picture


def _source(kind: str, entry: Entry[Any]) -> str:
    """The file of a recipe, for that is all of it."""
    if kind != "recipes":
        return ""
    (path,) = (each for each in getattr(entry.factory, "args", ()) if isinstance(each, Path))
    text = path.read_text("utf-8").strip()
    return f'??? note "{path.name}"\n\n    ```toml\n{_indented(text)}\n    ```'


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())
