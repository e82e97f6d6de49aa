"""Ways to run a network: precision, memory layout and engine, as a record's cell names them.

bf16 and fp16 are autocast, as networks are trained here: weights stay float32, and operations that need it do too, so
any network runs. Weights converted to bfloat16 took 0.84 to 1.16 of autocast's time on a CPU (nine founding networks
at 224 px, batch 1, channels_last, one thread of an EPYC with AVX512-BF16), and their outputs were no closer.

Products and convolutions in tf32 are a GPU's; fp32 has none. So is the engine graph: the launches of one eager call,
recorded once and replayed as a whole. An exported network runs in onnxruntime on the CPU in fp32, with torch's number
of threads.
"""

import itertools
import logging
import tempfile
import time
import types
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import torch
from torch import Tensor

from benchmarks.networks.entrants import Entrant
from benchmarks.store.files import one_line
from benchmarks.store.names import ENGINES
from benchmarks.store.record import TimedSettings
from benchmarks.timing import rounds
from benchmarks.timing.rounds import FORMATS
from registry import OptionError, ZooError, require_each
from zoo.contract import TASKS
from zoo.model import PairModel
from zoo.precision import HALVES, half, set_float32

PRECISIONS = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
ONNX = ("fp32", "contiguous")  # precision and layout; onnxruntime is measured in these alone
ACCEPTED = {"precision": tuple(PRECISIONS), "layout": tuple(FORMATS), "engine": ENGINES}
NODES: dict[str, Any] = {
    "recompile_limit": 10_000,
    "accumulated_recompile_limit": 100_000,
}  # of compiled forms of one function

UNRECORDED = 3  # calls before one is recorded: they choose algorithms and take workspaces, which no graph may do

_networks: WeakValueDictionary[tuple[Any, ...], PairModel] = WeakValueDictionary()  # shared by the cells that hold them
_numbers = itertools.count()


class ExportError(ZooError, RuntimeError):
    """A network that torch cannot export."""


class NotFiniteError(ZooError, ArithmeticError):
    """A network that returned nan or infinite values."""


@dataclass
class Ready:
    """Something to call that returns a map for each task, and what its making told."""

    call: Callable[..., Sequence[Any]]
    facts: dict[str, float] = field(default_factory=dict)  # compile_s, record_s, export_s


def ready(entrant: Entrant, settings: TimedSettings, device: torch.device) -> Ready:
    """An entrant's network on noise of these settings, without gradients, called once where that compiles it."""
    require(settings, device)
    model = network(entrant, settings.layout, device).eval()
    pair = images(model, settings, device)
    set_float32(tf32=settings.precision == "tf32")
    made = MAKERS[settings.engine](model, pair, autocast(settings.precision, device))
    return Ready(lambda: made.call((entrant, model)), made.facts)  # the network lives as its calls do


def require(settings: TimedSettings, device: torch.device) -> None:
    """Raise OptionError where settings are not accepted, or do not go together on this device."""
    for name, accepted in ACCEPTED.items():
        require_each(name, getattr(settings, name), (getattr(settings, name),), accepted)
    if settings.precision == "tf32" and device.type != "cuda":
        raise OptionError(f"tf32 is a format of CUDA devices, and this is {device}; give fp32")
    if settings.engine == "graph" and device.type != "cuda":
        raise OptionError(f"graph replays the launches of a CUDA device, and this is {device}; give eager")
    here = (device.type, settings.precision, settings.layout)
    if settings.engine == "onnxruntime" and here != ("cpu", *ONNX):
        raise OptionError(f"onnxruntime is measured on cpu in {', '.join(ONNX)}, and not on {', '.join(here)}")


def network(entrant: Entrant, layout: str, device: torch.device) -> PairModel:
    """An entrant's network on a device in a layout; cells that live at the same time share it."""
    key = (id(entrant), entrant.spec, layout, str(device))
    found = _networks.get(key)
    if found is None:
        found = entrant.make().to(device)
        found.to(memory_format=FORMATS[layout])
        _networks[key] = found
    return found


def images(model: PairModel, settings: TimedSettings, device: torch.device) -> list[Tensor]:
    """The two images (b, c, h, w) that a cell of these settings is called on."""
    assert settings.batch, "the largest batch that fits has not been looked for yet"
    pair = rounds.images(model.face.image_ch, *settings.size, device, settings.batch)
    return [image.contiguous(memory_format=FORMATS[settings.layout]) for image in pair]


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """What a forward pass runs under, again and again."""
    return half(device, precision) if precision in HALVES else nullcontext()


def require_finite(maps: Sequence[Any]) -> None:
    """Raise NotFiniteError where an output is nan or infinite; maps: by task, None for one that is not there."""
    for task, value in zip(TASKS, maps, strict=True):
        if value is None:
            continue
        finite = torch.isfinite(torch.as_tensor(value))
        if not finite.all():
            share = 1 - float(finite.double().mean())
            raise NotFiniteError(f"{task} is nan or infinite in {share:.2g} of its values, 1 is all")


def _eager(model: Callable[..., Any], pair: Sequence[Tensor], cast: AbstractContextManager[Any]) -> Ready:
    bg, fg_bg = pair

    def call(_: Any) -> Sequence[Any]:
        with torch.inference_mode(), cast:
            return model(bg, fg_bg)

    return Ready(call)


def _compiled(model: PairModel, pair: Sequence[Tensor], cast: AbstractContextManager[Any]) -> Ready:
    """Static shapes, compiled from nothing: files that an earlier run left would make its time another's."""
    import torch._dynamo.config as dynamo
    import torch._inductor.config as inductor

    def forward(bg: Tensor, fg_bg: Tensor) -> Any:
        return model(bg, fg_bg)

    # compiled forms are kept by code: networks that shared one would drive each other out, and end up eager
    own = types.FunctionType(
        forward.__code__.replace(co_name=f"forward_{next(_numbers)}"),
        forward.__globals__,
        closure=forward.__closure__,
    )
    made = _eager(torch.compile(own, dynamic=False), pair, cast)
    begun = time.perf_counter()
    anew = dynamo.patch(NODES), inductor.patch(force_disable_caches=True)
    with warnings.catch_warnings(action="ignore"), anew[0], anew[1]:  # one says that the caches are off
        made.call(None)
    if pair[0].device.type == "cuda":
        torch.cuda.synchronize(pair[0].device)
    return Ready(made.call, {"compile_s": time.perf_counter() - begun})


def _graph(model: PairModel, pair: Sequence[Tensor], cast: AbstractContextManager[Any]) -> Ready:
    made, device = _eager(model, pair, cast), pair[0].device
    begun = time.perf_counter()
    here, beside = torch.cuda.current_stream(device), torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    beside.wait_stream(here)
    with torch.cuda.stream(beside):
        for _ in range(UNRECORDED):
            made.call(None)
    here.wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        maps = made.call(None)

    def call(_: Any) -> Sequence[Any]:
        graph.replay()
        return maps

    torch.cuda.synchronize(device)
    return Ready(call, {"record_s": time.perf_counter() - begun})


def _onnxruntime(model: PairModel, pair: Sequence[Tensor], _: Any) -> Ready:
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  (torch's exporter needs it)
    except ImportError as error:
        raise OptionError(
            f"engine onnxruntime: {error.name} is not installed; pip install -e '.[onnx]' in the checkout"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.force_spinning_stop", "1")  # its threads leave the cores to the next cell
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="pairzoo-onnx-") as folder:
        path = Path(folder) / "model.onnx"
        _export(model, pair, path)
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    seconds = time.perf_counter() - begun
    both = {"bg": pair[0], "fg_bg": pair[1]}  # a network without a plate takes no bg
    given = {each.name: np.ascontiguousarray(both[each.name].numpy()) for each in session.get_inputs()}
    tasks = model.face.tasks

    def call(_: Any) -> Sequence[Any]:
        maps = dict(zip(tasks, session.run(None, given), strict=True))
        return [maps.get(task) for task in TASKS]

    return Ready(call, {"export_s": seconds})


MAKERS: dict[str, Callable[..., Ready]] = {
    "eager": _eager,
    "compile": _compiled,
    "graph": _graph,
    "onnxruntime": _onnxruntime,
}


def _export(model: PairModel, pair: Sequence[Tensor], path: Path) -> None:
    talk = logging.getLogger("torch.onnx")
    level = talk.level
    talk.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            inputs, outputs = ["bg", "fg_bg"], [*model.face.tasks]
            torch.onnx.export(
                model, (*pair,), path, dynamo=True, verbose=False, input_names=inputs, output_names=outputs
            )
    except Exception as error:  # torch's report runs over pages, and its first line does not say what was wrong
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        raise ExportError(
            f"torch cannot export it to ONNX ({one_line(cause)}); leave onnxruntime out of --engines for it"
        ) from error
    finally:
        talk.setLevel(level)
