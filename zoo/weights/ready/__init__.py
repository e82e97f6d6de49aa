"""The weights that ship, named as their files are; the card beside each says where it comes from."""

from pathlib import Path

from registry import Spec
from zoo.contract import Interface
from zoo.weights.files import WeightsError, read, spec_of

FOLDER = Path(__file__).parent
USUAL = "pairnet-small"  # what `zoo predict` takes where none are given
READY = "ready"  # as weights of a network: those of this folder that fit it
ANY = {*Interface.__dataclass_fields__, "encoder_weights"}  # options that may differ


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def file_of(name: str) -> Path:
    return FOLDER / f"{name}.safetensors"


def card_of(name: str) -> Path:
    return FOLDER / f"{name}.md"


def is_of(path: Path) -> bool:
    """Whether this file is one of them."""
    return path.parent == FOLDER


def folder_beside(weights: Path) -> Path:
    """Where what is made of a file of weights goes: beside it; of ready weights, to where the user is."""
    return Path() if is_of(weights) else weights.parent


def fitting(spec: Spec) -> Path:
    """The weights of a network with these options, whatever its channels and tasks; of several those named shortest."""
    for name in sorted(names(), key=len):
        stored = spec_of(read(file_of(name)))
        own = {option: value for option, value in stored.options.items() if option not in ANY}
        if stored.name == spec.name and own.items() <= spec.options.items():
            return file_of(name)
    raise WeightsError(f"no ready weights fit {spec}; zoo list --weights shows those there are")
