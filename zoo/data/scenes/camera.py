"""A pinhole camera over flat ground."""

from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.data.scenes.draw import Draw


@dataclass
class Camera:
    """One camera per scene. x right, y up, z forward, metres; the ground is y = 0 and the camera stands over (0, 0)."""

    height: Tensor  # (b,) metres over the ground
    pitch: Tensor  # (b,) radians, positive looks down
    roll: Tensor  # (b,)
    focal: Tensor  # (b,) in units of the picture's longer side

    @classmethod
    def draw(cls, draw: Draw) -> "Camera":
        return cls(
            height=draw.uniform(1.1, 2.6),
            pitch=draw.uniform(-0.02, 0.26),
            roll=draw.uniform(-0.035, 0.035),
            focal=draw.uniform(0.75, 1.25),
        )

    def rays(self, h: int, w: int) -> Tensor:
        """Direction of each pixel's ray, (3, b, h, w), of length 1 along the camera's axis: t is depth z."""
        device, side = self.height.device, max(h, w)
        x = (torch.arange(w, device=device) + 0.5 - w / 2) / side
        y = -(torch.arange(h, device=device) + 0.5 - h / 2) / side
        focal, roll, pitch = (value[:, None, None] for value in (self.focal, self.roll, self.pitch))
        right = (x * torch.cos(roll) - y[:, None] * torch.sin(roll)) / focal
        up = (x * torch.sin(roll) + y[:, None] * torch.cos(roll)) / focal
        return torch.stack([right, up * torch.cos(pitch) - torch.sin(pitch), torch.cos(pitch) + up * torch.sin(pitch)])

    def seen_at(self, points: Tensor, size: tuple[int, int]) -> Tensor:
        """Column and row (2, ..., b, n) where a scene's points (3, ..., b, n) are seen; all are before the camera."""
        (x, y, z), (h, w) = points, size
        focal, roll, pitch = (value[:, None] for value in (self.focal * max(h, w), self.roll, self.pitch))
        y = y - self.height[:, None]
        away = (z * torch.cos(pitch) - y * torch.sin(pitch)).clamp(min=0.1)
        right, up = focal * x / away, focal * (y * torch.cos(pitch) + z * torch.sin(pitch)) / away
        column, row = right * torch.cos(roll) + up * torch.sin(roll), right * torch.sin(roll) - up * torch.cos(roll)
        return torch.stack([column + (w - 1) / 2, row + (h - 1) / 2])

    def pixel(self, h: int, w: int) -> Tensor:
        """Size of a pixel at one metre, (b,)."""
        return 1 / (self.focal * max(h, w))
