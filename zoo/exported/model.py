"""An exported file behind the contract, so that what takes a network takes it: evaluate, predict, compare."""

from os import PathLike, fspath
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from registry import OptionError
from zoo.contract import InputError, Prediction, Task
from zoo.exported.facts import Facts, shown
from zoo.exported.runtimes import RUNTIMES, Runtime, opened
from zoo.model import PairModel

NEAREST_TO_1 = 1 - 2**-24  # below 1, in float32


class Exported(PairModel):
    """The network of a file, run by another program on the CPU. It cannot be trained."""

    unsavable = "an exported file holds no weights that zoo.save could write; copy the file itself"
    digest: Tensor  # of the weights, which are not here: two files are two networks

    def __init__(self, facts: Facts, runtime: Runtime):
        super().__init__(facts.face, smallest=0 if facts.size else facts.least)
        self.facts, self.runtime = facts, runtime
        self.spec, self.trained, self.trained_at = facts.spec, facts.trained, facts.size or facts.trained_at
        self.register_buffer("digest", torch.frombuffer(bytearray.fromhex(facts.digest), dtype=torch.uint8))
        super().train(False)

    def train(self, mode: bool = True) -> Self:
        if mode:
            raise OptionError(
                "an exported file cannot be trained; train the network that it was exported from, and export that again"
            )
        return super().train(False)

    def _check_dtype(self, image: Tensor) -> None:
        """Any: it is converted."""

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        size = (int(fg_bg.shape[-2]), int(fg_bg.shape[-1]))
        if self.facts.size not in (None, size):
            raise InputError(
                f"the images are {size[0]} x {size[1]} and this file was exported for {shown(self.facts.size or size)}"
                " alone; resize them, or export it with --size dynamic"
            )
        images = {"bg": bg, "fg_bg": fg_bg}
        given = {name: _plain(image) for name in self.facts.images if (image := images[name]) is not None}
        found = self.runtime(given)
        return {task: self._logits(found[task]).to(fg_bg.device, fg_bg.dtype) for task in self.face.tasks}

    def _logits(self, value: Tensor) -> Tensor:
        if self.facts.outputs == "logits":
            return value
        return torch.logit(value.clamp(torch.finfo(value.dtype).tiny, NEAREST_TO_1))

    def probabilities(self, bg: Tensor | None, fg_bg: Tensor) -> dict[Task, Tensor]:
        """Both maps in [0, 1]."""
        return in_numbers(self(bg, fg_bg))


def in_numbers(prediction: Prediction) -> dict[Task, Tensor]:
    """Logits as probability and depth, in float32."""
    maps: dict[str, Tensor | None] = prediction._asdict()
    return {task: value.float().sigmoid() for task, value in maps.items() if value is not None}  # type: ignore[misc]


def is_exported(path: Any) -> bool:
    """Whether a file's name says that it was exported: model.onnx, model.xml, model.pt2."""
    return isinstance(path, str | PathLike) and Path(fspath(path)).suffix in RUNTIMES


def load_exported(path: str | PathLike[str], *, half: bool = False) -> Exported:
    """The network in a file of zoo.export. half: OpenVINO computes in bf16."""
    runtime = opened(Path(path), half=half)
    return Exported(Facts.from_text(runtime.metadata, Path(path)), runtime)


def _plain(image: Tensor) -> Tensor:
    """As the other program takes it."""
    return image.detach().to("cpu", torch.float32).contiguous()
