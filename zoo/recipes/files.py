"""Enters each TOML file of this folder into the catalog; its [card] tells what it is and where it departs."""

import tomllib
from functools import partial
from pathlib import Path

from registry import Card
from zoo.recipes import register
from zoo.training.fields import RecipeError
from zoo.training.recipe import Recipe


def card(path: Path) -> Card:
    """What a file says of its recipe."""
    try:
        facts = tomllib.loads(path.read_text(encoding="utf-8"))["card"]
        return Card(**{**facts, "notes": tuple(facts.get("notes", ()))})
    except (ValueError, KeyError, TypeError) as error:
        raise RecipeError(f"{path} has no [card] with a summary and other facts of a card: {error}") from None


for _path in sorted(Path(__file__).parent.glob("*.toml")):
    register(_path.stem, card(_path))(partial(Recipe.read, _path))
