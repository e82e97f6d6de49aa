"""The form in which a network is fastest on the machine at hand, chosen by measuring, and no less accurate."""

import copy
import tempfile
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import nn

from registry import OptionError, require_each
from registry.vocabulary import LARGEST, SMALLEST
from zoo.contract import checked_size
from zoo.deploy.exporting import network_of
from zoo.deploy.optimising import choices
from zoo.deploy.optimising.candidates import ENGINES, NUMBERS, wanted
from zoo.deploy.optimising.choosing import OptimiseSettings, Work, again, chosen
from zoo.deploy.optimising.network import Optimised
from zoo.machine import choose
from zoo.model import PairModel, fingerprint
from zoo.progress import Tick


def optimise(
    model: nn.Module | str | PathLike[str],
    *,
    size: int | tuple[int, int] | None = None,
    device: str | torch.device = "auto",
    precision: str = "auto",
    engine: str = "auto",
    settings: OptimiseSettings | None = None,
    tick: Tick | None = None,
) -> Optimised:
    """The network in the fastest form that answers the same, for predict, evaluate and compare.

    >>> fast = optimise("pairnet-small", size=224)  # doctest: +SKIP
    >>> print(fast.report)  # doctest: +SKIP

    model: a network of the zoo, which stays as it is, a file of zoo.save, or a name of ready weights.
    size: pixels, one number or (h, w); None: that of its training.
    device: auto, cpu, cuda or cuda:N. settings: how candidates are compared and timed.
    tick: called with what is done, how much of it is done, and how much there is.
    precision: fp32, bf16, fp16 or int8; engine: eager, compile, onnxruntime or openvino; "auto" tries them all.

    Every candidate is built, compared and timed, in shuffled rounds; those that are not installed, fail or answer
    something else are refused, and the report says why. It takes from seconds to minutes. Gradients are not computed.
    """
    inner = copy.deepcopy(network_of(model)).float().eval()
    pixels, how = _checked_size(size, inner), settings or OptimiseSettings()
    for name, value, accepted in (("precision", precision, NUMBERS), ("engine", engine, ENGINES)):
        require_each(name, value, (value,), ("auto", *accepted))
    where = choose(device)
    candidates, inner = wanted(where, precision, engine), inner.to(where)
    asked = {"size": pixels, "batch": how.batch, "tolerance": how.tolerance, "data": how.data}
    weights = {"weights": fingerprint(inner), "spec": str(getattr(inner, "spec", type(inner).__name__))}
    key = choices.key(where, precision=precision, engine=engine, **asked, **weights)
    work = Work(inner, where, pixels, how, tick or (lambda *_: None))
    with tempfile.TemporaryDirectory(prefix="pairzoo-optimise-") as folder:
        before = again(work, candidates, key, Path(folder)) if how.cache else None
        return before or chosen(work, candidates, key if how.cache else None, Path(folder))


def _checked_size(size: Any, model: PairModel) -> tuple[int, int]:
    if size is None and model.trained_at is None:
        raise OptionError("size is missing, and nothing says at which size this network was trained; give size=224")
    accepted = f"pixels, {SMALLEST} to {LARGEST}, one number or (h, w)"
    return checked_size(model.trained_at if size is None else size, accepted)


__all__ = ["OptimiseSettings", "optimise"]
