"""The weights that a training starts from: a file, a training's folder or a ready name, with a digest."""

import hashlib
import re

from zoo.model import PairModel
from zoo.trained import Trained
from zoo.weights.files import WeightsError, read
from zoo.weights.load import load_into
from zoo.weights.located import located

DIGEST = re.compile(r"(?P<weights>.+)@(?P<digest>[0-9a-f]{16})")


def spelled(start: str) -> str:
    """With a digest of the file, as "runs/quick@0123456789abcdef"; one that has it already stays as it is."""
    return start if DIGEST.fullmatch(start) else f"{start}@{_digest(start)}"


def digest_of(start: str) -> str:
    """What decides: the weights, wherever they lie."""
    return spelled(start)[-16:]


def fill(model: PairModel, start: str) -> Trained | None:
    """Take from the weights what fits, which `model.loaded` says; the training that they are known to come from.

    Weights that have changed since their digest was taken are refused.
    """
    said = DIGEST.fullmatch(start)
    weights = said["weights"] if said else start
    if said and _digest(weights) != said["digest"]:
        raise WeightsError(
            f"{weights} holds other weights than {start} names; put those back, or start a new training from these"
        )
    load_into(model, weights)
    return Trained.from_text(read(located(weights)).metadata.get("trained"))


def _digest(weights: str) -> str:
    with read(located(weights)).path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
