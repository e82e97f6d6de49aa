"""Ways to run a network, and how each is made: precision, memory layout and engine."""

import itertools
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from registry import OptionError
from zoo.contract import Prediction
from zoo.deploy.exporting import export
from zoo.deploy.formats import FORMATS, parts, quiet
from zoo.deploy.optimising.agreement import Call, Pair
from zoo.exported.model import Exported, load_exported
from zoo.model import PairModel
from zoo.precision import half

Engine = Literal["eager", "compile", "onnxruntime", "openvino"]
ENGINES: tuple[Engine, ...] = get_args(Engine)
Numbers = Literal["fp32", "bf16", "fp16", "int8"]
NUMBERS: tuple[Numbers, ...] = get_args(Numbers)

_numbers = itertools.count()


@dataclass(frozen=True)
class Candidate:
    """layout: of weights and images, in torch's engines."""

    engine: Engine
    precision: Numbers = "fp32"
    layout: Literal["contiguous", "channels_last"] = "contiguous"

    def __str__(self) -> str:
        return ", ".join((self.engine, self.precision, *[self.layout] * (self.layout != "contiguous")))

    @property
    def format(self) -> str:
        """Of the file that it runs; empty where torch runs it."""
        if self.engine == "openvino":
            return "openvino"
        return {"onnxruntime": "onnx-int8" if self.precision == "int8" else "onnx"}.get(self.engine, "")


LAST: Literal["channels_last"] = "channels_last"
EVERY: dict[str, tuple[Candidate, ...]] = {  # by the type of the device, what is made soonest first
    "cpu": (
        Candidate("eager"),
        Candidate("eager", layout=LAST),
        Candidate("eager", "bf16", LAST),
        Candidate("compile", layout=LAST),
        Candidate("compile", "bf16", LAST),
        Candidate("onnxruntime"),
        Candidate("openvino"),
        Candidate("openvino", "bf16"),
        Candidate("onnxruntime", "int8"),
    ),
    "cuda": (
        Candidate("eager", layout=LAST),
        Candidate("eager", "bf16", LAST),
        Candidate("eager", "fp16", LAST),
        Candidate("compile", layout=LAST),
        Candidate("compile", "bf16", LAST),
        Candidate("compile", "fp16", LAST),
    ),
}


class Made(NamedTuple):
    """call: the network at the size and batch it was made for. elsewhere: at every other, where that is possible, else
    the network as it is does it. files: what it runs, where torch does not."""

    call: Call
    elsewhere: Call | None = None
    files: tuple[Path, ...] = ()


def wanted(device: torch.device, precision: str, engine: str) -> list[Candidate]:
    """Those that a call of `optimise` tries."""
    found = [
        each
        for each in EVERY.get(device.type, ())
        if precision in ("auto", each.precision) and engine in ("auto", each.engine)
    ]
    if not found:
        raise OptionError(f"engine={engine!r} does not compute in {precision!r} on {device}; give one as 'auto'")
    return found


def make(candidate: Candidate, model: PairModel, plain: PairModel, pair: Pair, folder: Path) -> Made:
    """model: with its batch norms folded; plain: as it came, for exports, which fold them themselves."""
    if candidate.format:
        form = FORMATS[candidate.format]
        form.require_packages(candidate.format)
        h, w = pair.fg_bg.shape[-2:]
        path = folder / f"{candidate.format}{form.suffix}"
        if not path.is_file():
            export(plain, path, format=candidate.format, size=(h, w))
        return opened(candidate, path)
    model = model.to(memory_format=_memory(candidate))
    eager = _called(model, candidate, pair.fg_bg.device)
    if candidate.engine == "eager":
        return Made(eager, eager)
    compiled = _called(_compiled(model), candidate, pair.fg_bg.device)
    with quiet():
        compiled(*pair)
    return Made(compiled, eager)


def opened(candidate: Candidate, path: Path) -> Made:
    """What an exported file computes."""
    made: Exported = load_exported(path, half=candidate.precision == "bf16")
    return Made(made, None, tuple(parts(path)))


def _memory(candidate: Candidate) -> torch.memory_format:
    memory: torch.memory_format = getattr(torch, f"{candidate.layout}_format" if candidate.layout != LAST else LAST)
    return memory


def _called(network: Callable[..., Prediction], candidate: Candidate, device: torch.device) -> Call:
    """Always in the same mode and layout, whatever the caller is in: a compiled network would be compiled again."""
    memory = _memory(candidate)

    def call(bg: Tensor | None, fg_bg: Tensor) -> Prediction:
        with torch.inference_mode(), half(device, candidate.precision):
            bg = None if bg is None else bg.clone(memory_format=memory)
            return network(bg, fg_bg.clone(memory_format=memory))

    return call


def _compiled(model: PairModel) -> Callable[..., Prediction]:
    def forward(bg: Tensor | None, fg_bg: Tensor) -> Prediction:
        return model(bg, fg_bg)

    # compiled forms are kept by code: networks that shared one would drive each other out, and end up eager
    own = types.FunctionType(
        forward.__code__.replace(co_name=f"forward_{next(_numbers)}"),
        forward.__globals__,
        closure=forward.__closure__,
    )
    made: Callable[..., Prediction] = torch.compile(own, dynamic=False, options={"freezing": True})
    return made
