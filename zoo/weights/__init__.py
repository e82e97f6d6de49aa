"""Weights in files: other people's checkpoints under the names they were saved with, and our own."""

from zoo.weights.files import WeightsError, read_state
from zoo.weights.load import load_into
from zoo.weights.report import LoadReport
from zoo.weights.stem import IMAGENET_MEAN, IMAGENET_STD, inflate_stem, statistics

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "LoadReport",
    "WeightsError",
    "inflate_stem",
    "load_into",
    "read_state",
    "statistics",
]
