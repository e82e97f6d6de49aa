"""Recipes by name: the five founding systems', and our own. Each is a TOML file in this folder.

>>> recipe = build("zoo-quick")  # doctest: +SKIP
>>> zoo.training.fit(recipe, "runs/quick")  # doctest: +SKIP
"""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from registry import Catalog

if TYPE_CHECKING:
    from zoo.training.recipe import Recipe

__all__ = ["build", "names", "recipes", "register"]

recipes: Catalog[Callable[[], "Recipe"]] = Catalog("recipe", package=__name__, group="zoo.recipes")
register = recipes.register
names = recipes.names


def build(name: str, *, named: Collection[str] = ()) -> "Recipe":
    """The recipe of a name, or of a TOML file.

    name: of the catalog, or a path that ends in .toml.
    named: code of one's own that the file may start, as my_loss.py:fn.

    >>> build("zoo-quick").model
    'unet(width=16, fusion=difference)'
    """
    from zoo.training.recipe import Recipe  # here: importing the zoo should not import what trains

    return Recipe.read(name, named) if name.endswith(".toml") else recipes.get(name).factory()
