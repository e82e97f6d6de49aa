"""A network in the form in which it is fastest, behind the contract."""

import copy
from typing import Any, Self

import torch
from torch import Tensor

from registry import OptionError
from zoo.contract import Interface, Prediction
from zoo.deploy.optimising.agreement import Call
from zoo.deploy.optimising.candidates import Made
from zoo.deploy.optimising.report import Report
from zoo.model import PairModel


class Optimised(PairModel):
    """Computes and cannot be trained. Images of another size, batch or device than it was chosen for are answered, too;
    they may not be answered as fast."""

    unsavable = "an optimised network is one of this machine; save or export the network that it was made of"

    def __init__(self, network: PairModel, made: Made | None, example: Tensor, report: Report):
        """network: as it came. made: None where nothing was faster. example: an image that it was chosen for."""
        super().__init__(Interface(in_ch=network.face.in_ch, tasks=network.face.tasks, plate=network.face.plate))
        self.network, self.report = network.requires_grad_(False), report
        self.spec, self.trained, self.trained_at = network.spec, network.trained, network.trained_at
        self._made, self._shape, self._device = made, example.shape, example.device
        super().train(False)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Optimised":
        """With the same runtime: compiled networks and sessions are not copied."""
        example = torch.empty(self._shape, device=self._device)
        return Optimised(copy.deepcopy(self.network, memo), self._made, example, self.report)

    def train(self, mode: bool = True) -> Self:
        if mode:
            raise OptionError("an optimised network computes and cannot be trained; train the one it was made of")
        return super().train(False)

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        return self._named(self._way(fg_bg)(bg, fg_bg))

    def all_logits(self, bg: Tensor | None, fg_bg: Tensor) -> list[dict[str, Tensor]]:
        """Side outputs come from the network as it is."""
        return [self._named(each) for each in self.network(bg, fg_bg, sides=True)]

    def _way(self, fg_bg: Tensor) -> Call:
        if self._made is None or fg_bg.device != self._device or fg_bg.dtype != torch.float32:
            return self.network
        return self._made.call if fg_bg.shape == self._shape else self._made.elsewhere or self.network

    def _named(self, found: Prediction) -> dict[str, Tensor]:
        maps = found._asdict()
        return {task: maps[task].float() for task in self.face.tasks}
