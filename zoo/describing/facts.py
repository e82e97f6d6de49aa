"""The facts of one network at one image size, as data."""

from dataclasses import dataclass
from typing import Any

from registry import Card, Spec
from zoo.describing.receptive import Extent
from zoo.describing.stages import Flow, Stage


@dataclass(frozen=True)
class Choice:
    """One option: what it is in this network, and what else it could be."""

    name: str
    value: Any
    default: Any
    accepted: str
    help: str


@dataclass(frozen=True)
class Layer:
    """A module and what is inside."""

    name: str  # within its parent
    kind: str  # the class
    params: int
    children: tuple["Layer", ...]


@dataclass(frozen=True)
class Facts:
    """A network at a size."""

    name: str
    aliases: tuple[str, ...]
    spec: Spec  # with every option
    card: Card
    options: tuple[Choice, ...]
    size: tuple[int, int]  # h, w
    params: int
    trainable: int
    weight_bytes: int  # of parameters and buffers, as a file of them holds
    stride: int
    pad_to: int  # sides are padded to a multiple of it; 1: every size is computed as it is
    min_size: int  # the smallest side that is computed without padding
    min_export_size: int  # the smallest side of an export that leaves the size open
    training_bytes: int  # activations that a training step keeps for one sample
    inference_bytes: int  # the most that is alive at once in a forward pass of one sample, without the weights
    receptive_field: dict[str, tuple[Extent, Extent]]  # task -> down, across
    flow: Flow
    tree: Layer

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The shape walk-through: modules in call order, opened to a readable depth."""
        return self.flow.stages
