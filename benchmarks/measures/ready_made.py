"""Weights that are there already: in a file, in a folder of files, or left by a training of this comparison."""

import hashlib
from pathlib import Path

from benchmarks.networks.entrants import Entrant
from registry import ZooError
from zoo.exported import is_exported
from zoo.factory import build
from zoo.model import PairModel
from zoo.saved import load
from zoo.weights.files import bare, spec_of
from zoo.weights.files import read as read_file


class AccuracyError(ZooError):
    """A network whose accuracy cannot be measured; the message says why."""


def ready_made(weights: Path, entrant: Entrant | None) -> PairModel:
    """The network of a file, or of that file of a folder that was saved from a network with the entrant's spec.

    entrant: whose network it is; None: the file says it.
    """
    path = _file_of(entrant, weights)
    says_its_network = is_exported(path) or (path.suffix == ".safetensors" and read_file(path).is_ours)
    if entrant is None or says_its_network:
        return load(path, None if entrant is None else entrant.spec)
    return build(entrant.spec, weights=path) if entrant.is_listed else filled(entrant, path)


def digest_of(weights: Path, entrant: Entrant) -> str | None:
    """What tells a ready-made file from what it held before; None where there is no such file."""
    try:
        with _file_of(entrant, weights).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except (AccuracyError, OSError):
        return None


def filled(entrant: Entrant, path: Path) -> PairModel:
    """A network that no spec could build, with the weights of a file."""
    model = entrant.make()
    names = {bare(name): name for name in model.state_dict()}
    tensors = {names.get(name, name): value for name, value in read_file(path).tensors.items()}
    try:
        missing, surplus = model.load_state_dict(tensors, strict=False)
    except RuntimeError as error:  # shapes
        raise AccuracyError(
            f"{path} does not fit {entrant.asked} as it is now: {' '.join(str(error).split())}"
        ) from None
    missing = [name for name in missing if not name.startswith("normalise.")]  # which the network alone has not
    for what, wrong in (("lacks", missing), ("has, and the network has not,", surplus)):
        if wrong:
            raise AccuracyError(f"{path} does not fit {entrant.asked} as it is now: it {what} {', '.join(wrong[:4])}")
    return model


def _file_of(entrant: Entrant | None, weights: Path) -> Path:
    """The file itself, or that of a folder which was saved from the entrant's network."""
    if not weights.is_dir():
        return weights
    if entrant is None:
        raise AccuracyError(f"{weights} is a folder; give one of its files")
    files = map(read_file, sorted(weights.glob("**/*.safetensors")))
    found = {file.path: spec_of(file) if file.is_ours else None for file in files}
    fitting = [path for path, spec in found.items() if str(spec) == entrant.spec]
    if len(fitting) > 1:  # the one that is called so
        fitting = [path for path in fitting if path.stem == str(entrant.asked)] or fitting
    if len(fitting) != 1:
        what = f"{len(fitting)} files" if fitting else "no file"
        names = [f"{path.name} ({getattr(found[path], 'name', 'unknown')})" for path in fitting or found]
        there = ", ".join(names) or "no .safetensors"
        raise AccuracyError(
            f"{what} of {entrant.asked} among {there}. Name one with --weights; the folder is {weights}"
        )
    return fitting[0]
