"""Where weights are: a ready file by its name, a training's folder, or the file itself."""

import os
from os import PathLike
from pathlib import Path

from registry import nearest
from zoo.weights.files import WeightsError
from zoo.weights.ready import file_of, names

RUN_FILE, STATE_FILE, RECIPE_FILE = "model.safetensors", "model.pt", "recipe.toml"  # zoo.training.folder's


def located(weights: str | PathLike[str]) -> str | PathLike[str]:
    """The file of ready weights with this name, or that in a training's folder; what is neither, as it is.

    >>> located("aligned_difference").name
    'aligned_difference.safetensors'
    """
    if not isinstance(weights, str | PathLike):
        return weights
    known = names()
    if os.fspath(weights) in known:
        return file_of(os.fspath(weights))
    folder = Path(weights)
    if not os.path.isdir(weights):
        is_name = os.fspath(weights).replace("-", "_").isidentifier()
        if is_name and not os.path.exists(weights):
            raise WeightsError(
                f"there is no file and there are no ready weights called {weights}; {nearest(folder.name, known)}"
            )
        return weights
    if (folder / RUN_FILE).is_file():
        return folder / RUN_FILE
    if (folder / STATE_FILE).is_file():
        return folder / STATE_FILE
    if (folder / RECIPE_FILE).is_file():
        raise WeightsError(
            f"{folder} holds a training that has not ended, so there are no weights yet;"
            f" zoo train --out {folder} --resume continues it"
        )
    return weights
