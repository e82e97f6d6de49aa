"""Smooth random pictures, and the same seen by a camera that moved."""

import torch
import torch.nn.functional as F


def texture(h=96, w=128, seed=0):
    """A smooth random picture, (1, 3, h, w), with detail at four scales."""
    torch.manual_seed(seed)
    scales = [(s, torch.rand(1, 3, h // s + 2, w // s + 2)) for s in (4, 8, 16, 32)]
    total = sum(s * F.interpolate(x, size=(h, w), mode="bicubic") for s, x in scales)
    return (total - total.min()) / (total.max() - total.min())


def moved(image, shift, turn):
    """The image turned about its centre and shifted right and down, as an independent reference."""
    h, w = image.shape[-2:]
    cos, sin = torch.cos(torch.tensor(turn)), torch.sin(torch.tensor(turn))
    matrix = torch.tensor([[cos, sin * h / w, -2 * shift[0] / w], [-sin * w / h, cos, -2 * shift[1] / h]])
    grid = F.affine_grid(matrix[None], list(image.shape), align_corners=False)
    return F.grid_sample(image, grid, padding_mode="border", align_corners=False)
