"""The running average of a network's weights: steadier than the last step's, and what is kept where a recipe asks."""

import copy

import torch
from torch import nn


class Average:
    """A copy of a network that follows it; running statistics are averaged like weights, counts are copied.

    The decay is shorter at first, (1 + n) / (10 + n) after n updates, so that the start is soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay, self.updates = decay, 0
        pairs = list(zip(_values(self.model), _values(model), strict=True))
        self.floats = [pair for pair in pairs if pair[0].is_floating_point()]
        self.others = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Move a step towards the network as it is now."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_([mine for mine, _ in self.floats], [its for _, its in self.floats], 1 - decay)
        for mine, its in self.others:
            mine.copy_(its)


def _values(model: nn.Module) -> list[torch.Tensor]:
    """Parameters and buffers, each once, though two layers may share it."""
    return [parameter.detach() for parameter in model.parameters()] + list(model.buffers())
