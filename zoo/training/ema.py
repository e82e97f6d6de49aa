"""The running average of a network's weights: steadier than those of the last step, and kept if a recipe asks for
it."""

import copy
from typing import cast

import torch
from torch import nn


class Average:
    """A copy of a network that follows it; running statistics are averaged like weights, counts are copied.

    The decay is shorter at first, (1 + n) / (10 + n) after n updates, so that the start is soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay, self.updates = decay, 0
        self.weights = list(zip(self.model.parameters(), model.parameters(), strict=True))
        self.buffers = Buffers(self.model), Buffers(model)

    @torch.no_grad()
    def update(self) -> None:
        """Move a step towards the network as it is now."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        pairs = [*self.weights, *zip(*(buffers.now() for buffers in self.buffers), strict=True)]
        floats = [(mine.detach(), its.detach()) for mine, its in pairs if mine.is_floating_point()]
        torch._foreach_lerp_([mine for mine, _ in floats], [its for _, its in floats], 1 - decay)
        for mine, its in pairs:
            if not mine.is_floating_point():
                mine.copy_(its)


class Buffers:
    """A network's buffers by where they are kept: with `self.seen = self.seen + 1` a network makes new ones."""

    def __init__(self, model: nn.Module):
        found: dict[int, tuple[dict[str, torch.Tensor | None], str]] = {}
        for module in model.modules():
            for name, value in module._buffers.items():
                if value is not None:
                    found.setdefault(id(value), (module._buffers, name))  # once, though two layers may share it
        self.places = list(found.values())

    def now(self) -> list[torch.Tensor]:
        return [cast("torch.Tensor", owner[name]) for owner, name in self.places]

    def floats(self) -> list[torch.Tensor]:
        return [value for value in self.now() if value.is_floating_point()]
