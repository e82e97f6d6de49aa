"""Ways to run a network: precision, memory layout and engine, as a record's cell names them.

bf16 and fp16 are autocast, as networks are trained here: weights stay float32, and operations that need it do too, so
any network runs. Weights converted to bfloat16 took 0.84 to 1.16 of autocast's time on a CPU (nine founding networks
at 224 px, batch 1, channels_last, one thread of an EPYC with AVX512-BF16), and their outputs were no closer.

Products and convolutions in tf32 are a GPU's; fp32 has none. An exported network runs in onnxruntime on the CPU in
fp32, with torch's number of threads.
"""

import itertools
import logging
import tempfile
import time
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import torch
from torch import Tensor

from benchmarks.networks.entrants import Entrant
from benchmarks.store.names import ENGINES
from benchmarks.store.record import TimedSettings
from benchmarks.timing import rounds
from benchmarks.timing.rounds import FORMATS
from registry import OptionError, ZooError, nearest
from zoo.contract import TASKS
from zoo.model import PairModel
from zoo.precision import set_float32

PRECISIONS = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
ONNX = ("fp32", "contiguous")  # precision and layout; onnxruntime is measured in these alone
ACCEPTED = {"precision": tuple(PRECISIONS), "layout": tuple(FORMATS), "engine": ENGINES}
NODES = {"recompile_limit": 10_000, "accumulated_recompile_limit": 100_000}  # of compiled forms of one function

Made = tuple[Callable[[Any], Sequence[Any]], dict[str, float]]  # something to call, and what its making told

_networks: WeakValueDictionary[tuple[Any, ...], PairModel] = WeakValueDictionary()  # shared by the cells that hold them
_numbers = itertools.count()


class NotFiniteError(ZooError, ArithmeticError):
    """A network that returned nan or infinite values."""


@dataclass
class Ready:
    """Something to call that returns a map for each task, what to do before a visit, and what its making told."""

    call: Callable[[], Sequence[Any]]
    enter: Callable[[], object]
    batch: int
    facts: dict[str, float] = field(default_factory=dict)  # compile_s, export_s


def ready(entrant: Entrant, settings: TimedSettings, device: torch.device) -> Ready:
    """An entrant's network on noise of these settings, without gradients, called once where that compiles it."""
    require(settings, device)
    model = network(entrant, settings.layout, device).eval()
    pair = images(model, settings, device)
    enter = partial(set_float32, tf32=settings.precision == "tf32")
    enter()
    makers: dict[str, Callable[..., Made]] = {"eager": _eager, "compile": _compiled, "onnxruntime": _onnxruntime}
    call, facts = makers[settings.engine](model, pair, autocast(settings.precision, device))
    return Ready(lambda: call((entrant, model)), enter, batch_of(settings), facts)  # the network lives as its calls do


def batch_of(settings: TimedSettings) -> int:
    """Images in a call; the largest that fits must have been found before."""
    if settings.batch is None:
        raise ValueError("the largest batch that fits has not been looked for yet")
    return settings.batch


def require(settings: TimedSettings, device: torch.device) -> None:
    """Raise OptionError where settings are not accepted, or do not go together on this device."""
    for name, accepted in ACCEPTED.items():
        if (given := getattr(settings, name)) not in accepted:
            raise OptionError(f"{name}={given!r} is not accepted; {nearest(given, accepted)}")
    if settings.precision == "tf32" and device.type != "cuda":
        raise OptionError(f"tf32 is a format of CUDA devices, and this is {device}; give fp32")
    if settings.engine == "onnxruntime":
        here = (device.type, settings.precision, settings.layout)
        if here != ("cpu", *ONNX):
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


def images(model: PairModel, settings: TimedSettings, device: torch.device) -> tuple[Tensor, Tensor]:
    """The two images (b, c, h, w) that a cell of these settings is called on."""
    height, width = settings.size
    bg, fg_bg = rounds.images(model.face.image_ch, height, width, device, batch_of(settings))
    memory_format = FORMATS[settings.layout]
    return bg.contiguous(memory_format=memory_format), fg_bg.contiguous(memory_format=memory_format)


def autocast(precision: str, device: torch.device) -> Callable[[], Any] | None:
    """What a forward pass runs under; None where that is nothing."""
    dtype = PRECISIONS[precision]
    return None if dtype == torch.float32 else partial(torch.autocast, device.type, dtype)


def require_finite(maps: Sequence[Any]) -> None:
    """Raise NotFiniteError where an output is nan or infinite; maps: by task, None for one that is not there."""
    for task, value in zip(TASKS, maps, strict=True):
        if value is None:
            continue
        finite = torch.isfinite(torch.as_tensor(value))
        if not finite.all():
            share = 1 - float(finite.double().mean())
            raise NotFiniteError(f"{task} is nan or infinite in {share:.2g} of its values, 1 is all")


def _eager(model: Callable[..., Any], pair: tuple[Tensor, Tensor], cast: Callable[[], Any] | None) -> Made:
    bg, fg_bg = pair

    def plain(_: Any) -> Sequence[Any]:
        with torch.inference_mode():
            return model(bg, fg_bg)

    def under(_: Any) -> Sequence[Any]:
        assert cast is not None
        with torch.inference_mode(), cast():
            return model(bg, fg_bg)

    return under if cast else plain, {}


def _compiled(model: PairModel, pair: tuple[Tensor, Tensor], cast: Callable[[], Any] | None) -> Made:
    """Static shapes, compiled from nothing: files that an earlier run left would make its time another's."""

    def forward(bg: Tensor, fg_bg: Tensor) -> Any:
        return model(bg, fg_bg)

    # compiled forms are kept by code: networks that shared one would drive each other out, and end up eager
    own = types.FunctionType(
        forward.__code__.replace(co_name=f"forward_{next(_numbers)}"),
        forward.__globals__,
        closure=forward.__closure__,
    )
    call, _ = _eager(torch.compile(own, dynamic=False), pair, cast)
    begun = time.perf_counter()
    with _from_nothing():
        call(None)
    if pair[0].device.type == "cuda":
        torch.cuda.synchronize(pair[0].device)
    return call, {"compile_s": time.perf_counter() - begun}


@contextmanager
def _from_nothing() -> Iterator[None]:
    import torch._dynamo.config as dynamo
    import torch._inductor.config as inductor

    settings: tuple[Any, Any] = (dynamo, inductor)
    with warnings.catch_warnings(), settings[0].patch(**NODES), settings[1].patch(force_disable_caches=True):
        warnings.simplefilter("ignore")  # one says that the caches are off
        yield


def _onnxruntime(model: PairModel, pair: tuple[Tensor, Tensor], _: Any) -> Made:
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
    given = dict(zip(("bg", "fg_bg"), (np.ascontiguousarray(image.numpy()) for image in pair), strict=True))
    taken = {each.name for each in session.get_inputs()}  # a network without a plate takes no bg
    given = {name: value for name, value in given.items() if name in taken}
    tasks = model.face.tasks

    def call(_: Any) -> Sequence[Any]:
        maps = dict(zip(tasks, session.run(None, given), strict=True))
        return [maps.get(task) for task in TASKS]

    return call, {"export_s": seconds}


def _export(model: PairModel, pair: tuple[Tensor, Tensor], path: Path) -> None:
    talk = logging.getLogger("torch.onnx")
    level = talk.level
    talk.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            inputs, outputs = ["bg", "fg_bg"], [*model.face.tasks]
            torch.onnx.export(model, pair, path, dynamo=True, verbose=False, input_names=inputs, output_names=outputs)
    finally:
        talk.setLevel(level)
