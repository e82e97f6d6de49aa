"""A trained network as a file of other programs: written, compared with the network, and only then given its name."""

import copy
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from registry import OptionError, Spec, UnknownNameError, require_each
from registry.vocabulary import LARGEST, SMALLEST
from zoo.architectures import architectures
from zoo.blocks.unrolled import solving_whole
from zoo.contract import Interface, checked_size
from zoo.deploy.agreement import Difference, compare, pairs
from zoo.deploy.formats import ExportError, Format, Pairs, format_of, parts, quiet, told
from zoo.deploy.memory import require_memory
from zoo.deploy.predict import network
from zoo.exported.facts import DYNAMIC, MEANING, Facts, Outputs
from zoo.exported.model import Exported, load_exported
from zoo.files import write_bytes
from zoo.model import PairModel, fingerprint, unwrapped
from zoo.progress import Tick
from zoo.weights.files import as_path

Size = int | tuple[int, int] | Literal["dynamic"]
DATA = "pairbench:hard"  # what the ranges of 8 bits are learned on, and both are compared on
LEARNED_ON = 16  # pairs
ACCEPTED = f"'{DYNAMIC}', or pixels, {SMALLEST} to {LARGEST}, one number or (h, w)"


@dataclass(frozen=True)
class Export:
    """What was written: bytes of all files, seconds without those of comparing, and how far it is from the network."""

    path: Path
    format: str
    facts: Facts
    bytes: int
    seconds: float
    differences: tuple[Difference, ...]

    @property
    def furthest(self) -> Difference:
        return max(self.differences, key=lambda found: found.largest)


def export(
    model: nn.Module | str | PathLike[str],
    path: str | PathLike[str],
    *,
    format: str = "onnx",
    size: Size = "dynamic",
    outputs: Outputs = "probabilities",
    data: str = DATA,
    tick: Tick | None = None,
) -> Export:
    """Write a network to a file that other programs run; `zoo.load(path)` reads it back.

    >>> export("model.safetensors", "model.onnx").furthest  # doctest: +SKIP

    model: a network of the zoo, a file of zoo.save or the folder of a training.
    path: the file; its suffix is the format's: .onnx, .xml (with the weights in a .bin beside it) or .pt2.
    format: onnx, onnx-fp16, onnx-int8, openvino or pt2.
    size: "dynamic" leaves height and width open, from the network's smallest up; or pixels, one number or (h, w). The
        batch is always open.
    outputs: "probabilities", both maps in [0, 1], or "logits", the network's own.
    tick: called with what is done, how much of it is done, and how much there is.
    data: on whose pairs the ranges of 8 bits are learned (split train) and the file is compared (split val).

    The file gets its name once its maps agree with the network's, on pairs of several sizes; else ExportError says
    where they differ. It is written whole or not at all.
    """
    form = format_of(format)
    require_each("outputs", outputs, (outputs,), MEANING)
    path = _checked(path, format, form)
    inner = network_of(model)
    pixels = None if size == DYNAMIC else checked_size(size, ACCEPTED)
    form.require_packages(format)
    say = tick or (lambda *_: None)
    facts = _facts(inner, outputs, pixels)
    require_memory(inner, _sizes(facts)[-1], torch.device("cpu"), is_half=False)  # it is compared at that size
    plain = _plain(inner)
    begun = time.perf_counter()
    say(f"exporting: tracing {facts.spec.name}", 0, 4)
    program = _traced(plain, facts, form)
    say(f"exporting: writing {format}", 1, 4)
    with _writing(path), tempfile.TemporaryDirectory(prefix="pairzoo-export-") as folder:
        draft = Path(folder) / path.name
        form.write(program, facts, _learned_on(facts, format, data), draft)
        seconds = time.perf_counter() - begun
        say("exporting: comparing", 2, 4)
        differences = _compared(plain, draft, form, data)
        say("exporting: moving to its place", 3, 4)
        size_of = _placed(draft, path)
    say("exporting: done", 4, 4)
    return Export(path, format, facts, size_of, seconds, tuple(differences))


def network_of(model: Any) -> PairModel:
    inner = unwrapped(model) if isinstance(model, nn.Module) else network(model)
    if isinstance(inner, Exported):
        raise OptionError("this is an exported file already; export the network that zoo.save wrote")
    if isinstance(inner, PairModel) and inner.unsavable:
        raise OptionError(inner.unsavable)
    if not isinstance(inner, PairModel):
        raise OptionError(
            f"export takes a network of the zoo, and not a {type(inner).__name__}; zoo.wrap gives one of your own its"
            " form"
        )
    if any(value.is_meta for value in inner.state_dict().values()):
        raise OptionError(f"this {type(inner).__name__} was built on the meta device, so it has no weights to export")
    return inner


def _checked(path: Any, name: str, form: Format) -> Path:
    """Where to write; checked before anything is computed."""
    path = as_path(path, f"the file to write, as zoo.export(model, 'model{form.suffix}')")
    if path.suffix != form.suffix:
        raise OptionError(
            f"{path.name} does not end as files of format {name} do; name it {path.with_suffix(form.suffix).name}"
        )
    if path.is_dir():
        raise OptionError(f"{path} is a folder; give a file in it, as {path / f'model{form.suffix}'}")
    if not path.absolute().parent.is_dir():
        raise OptionError(f"{path} could not be written: {path.parent} is not a folder that exists")
    return path


def _facts(model: PairModel, outputs: Outputs, size: tuple[int, int] | None) -> Facts:
    spec: Spec = getattr(model, "spec", Spec(type(model).__name__))
    try:
        licence = architectures.get(spec.name).card.licence
    except UnknownNameError:  # code of somebody's own
        licence = ""
    face = Interface(in_ch=model.face.in_ch, tasks=model.face.tasks, plate=model.face.plate)  # links are applied inside
    least = model.min_export_size
    return Facts(spec, face, outputs, size, least, fingerprint(model), licence, model.trained, model.trained_at)


def _plain(model: PairModel) -> PairModel:
    """A copy in float32 on the CPU, in eval mode, all of whose tasks are computed."""
    plain = copy.deepcopy(model).cpu().float().eval()
    plain.computed = plain.face.tasks
    return plain.requires_grad_(False)


class _Maps(nn.Module):
    """Images by position, as many as the network sees -> maps by position."""

    def __init__(self, model: PairModel, outputs: Outputs, *, is_half: bool):
        super().__init__()
        self.model, self.outputs, self.is_half = model, outputs, is_half

    def forward(self, *images: Tensor) -> tuple[Tensor, ...]:
        if self.is_half:
            images = tuple(image.half() for image in images)
        bg = images[0] if len(images) == 2 else None
        maps = [value.float() for value in self.model(bg, images[-1]) if value is not None]
        return tuple(value.sigmoid() if self.outputs == "probabilities" else value for value in maps)


def _traced(plain: PairModel, facts: Facts, form: Format) -> ExportedProgram:
    """The network as torch.export sees it, with an open batch, and open sides where no size was asked for."""
    inner = copy.deepcopy(plain).half() if form.is_half else plain
    h, w = facts.size or (max(96, 2 * facts.least), max(96, 2 * facts.least) + 32)
    images = tuple(torch.rand(2, facts.face.image_ch, h, w) for _ in facts.images)
    axes: dict[int, Any] = {0: Dim("b")}
    if not facts.size:
        axes |= {2: Dim("h", min=facts.least), 3: Dim("w", min=facts.least)}
    maps = _Maps(inner, facts.outputs, is_half=form.is_half).eval()
    way = "" if facts.size else "; with --size HxW it may, for one size"
    solving = solving_whole() if form.is_onnx else nullcontext()
    with quiet(), told(f"torch cannot export {facts.spec.name}{way}"), solving:
        return torch.export.export(
            maps,
            images,
            dynamic_shapes=((axes,) * len(images),),
            strict=False,
            prefer_deferred_runtime_asserts_over_guards=True,  # what cannot be proved of sizes is checked in a call
        )


def _learned_on(facts: Facts, format: str, data: str) -> Pairs:
    """Pairs for the ranges of 8 bits."""
    if format != "onnx-int8":
        return ()
    return pairs(facts.face, _sizes(facts)[-1], data, "train", [1] * LEARNED_ON)


def _sizes(facts: Facts) -> list[tuple[int, int]]:
    """At which both are compared; the last is the one it will be used at, as far as that is known."""
    if facts.size:
        return [facts.size]
    least = facts.least
    usual = facts.trained_at or (max(128, least), max(160, least))
    usual = (max(usual[0], least), max(usual[1], least))
    return [(least, least), (max(least, 48) + 5, max(least, 48) + 34), usual]


def _compared(plain: PairModel, draft: Path, form: Format, data: str) -> list[Difference]:
    """The differences at each size; ExportError at the first that is too large."""
    made = load_exported(draft)
    found: list[Difference] = []
    for batch, size in enumerate(_sizes(made.facts), 1):
        for pair in pairs(made.facts.face, size, data, "val", [batch]):
            found += compare(plain, made, pair, form.mean, form.most)
    return found


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn a full disk, here or in the place of drafts, into an error of one line."""
    try:
        yield
    except OSError as error:
        where = "" if error.filename in (None, str(path)) else f" (at {error.filename})"
        raise ExportError(f"{path} could not be written: {error.strerror or error}{where}") from None


def _placed(draft: Path, path: Path) -> int:
    """Move the files to their place; how many bytes they have. The one that is opened comes last."""
    contents = [each.read_bytes() for each in parts(draft)]
    if len(contents) > 1:
        path.unlink(missing_ok=True)  # weights of one export beside the graph of another would be a third network
    for place, content in zip(parts(path), contents, strict=True):
        write_bytes(place, content)
    return sum(map(len, contents))
