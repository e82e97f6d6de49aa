"""Data by name: `zoo.data.load("pairbench:hard", split="train", size=224)`, or a folder, a zip or shards of your own.

>>> ds = load("pairbench:clean", split="val", size=64)  # doctest: +SKIP
>>> ds[0].fg_bg.shape, ds.batch([0, 1]).mask.shape  # doctest: +SKIP
(torch.Size([3, 64, 64]), torch.Size([2, 1, 64, 64]))
"""

from zoo.contract import Sample
from zoo.data.dataset import DataError, NoSplitError, PairDataset, collate, load
from zoo.data.dataset import sources as _sources

names = _sources.names

__all__ = ["DataError", "NoSplitError", "PairDataset", "Sample", "collate", "load", "names"]
