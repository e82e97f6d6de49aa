"""Filling a network from a file of any origin: match by name, widen first layers, say what happened."""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from os import PathLike

from torch import Tensor

from registry import Spec, ZooError
from registry.vocabulary import LARGEST
from zoo.blocks.prune import is_dropped
from zoo.contract import Interface, Link, Task
from zoo.model import PairModel
from zoo.own import Place, is_place
from zoo.weights.files import WeightsError, WeightsFile, bare, read, spec_of
from zoo.weights.foreign import SINGLE, Naming, opened, recognise
from zoo.weights.located import located
from zoo.weights.plan import COUNTER, LoadPlan, is_minor, notes_on
from zoo.weights.report import LoadReport
from zoo.weights.stem import statistics

SHARED = "shared"  # the name of smp's decoder where it serves both tasks
STATISTICS = ("normalise.mean", "normalise.std")
INPUT_NOTES = {
    "imagenet": ["images are normalised with ImageNet's mean and deviation, as in its training"],
    "plain": [],
    "unknown": [
        "if it was trained on normalised inputs, nothing here knows their statistics: model.normalise.set(mean, std)"
    ],
}


def load_into(model: PairModel, path: str | PathLike[str]) -> LoadReport:
    """Fill a network that `zoo.build` made from a file: one of ours, or one in a naming that `foreign` knows.

    What the file has no weights for stays as it is. The report is kept as `model.loaded`, and is a warning too unless
    everything was copied and nothing else changed. A file that does not fit is refused, and then nothing is changed.

    model: as it was built. path: the file.

    >>> from zoo.factory import build
    >>> from zoo.weights.ready import file_of
    >>> load_into(build("frame_difference", tasks="mask"), file_of("frame_difference")).fresh
    ()
    """
    file = read(located(path))
    if not file.is_ours:
        file = replace(file, tensors=opened(file.tensors))
    naming = None if file.is_ours else recognise(file.tensors)
    if naming is not None:
        title, plan = naming.title, _foreign(model, file, naming)
    else:
        title, plan = ("pairzoo" if file.is_ours else "the network's own names"), _same_names(model, file)
    _apply(plan, model)
    report = LoadReport(
        file.path,
        title,
        copied=tuple(key for key in plan.tensors if key not in plan.inflated and not key.endswith(COUNTER)),
        inflated=tuple(plan.inflated),
        fresh=tuple(key for key in model.state_dict() if key not in plan.tensors and not is_minor(key)),
        unused=tuple(plan.unused),
        notes=(*plan.notes, *notes_on(plan.tensors)),
    )
    model.loaded = report
    if not report.is_plain:
        warnings.warn(str(report), stacklevel=3)
    return report


def _foreign(model: PairModel, file: WeightsFile, naming: Naming) -> LoadPlan:
    """The plan for a file whose naming we know."""
    name, likely = model.spec.name, f"zoo.build({str(naming.likely(file.tensors))!r}, weights=...)"
    likely += ", with encoder= as it was made" * naming.is_family
    if naming.refusal:
        raise WeightsError(f"{file.path} looks like {naming.title}: {naming.refusal}")
    if name not in naming.networks:
        other = "; elsewhere it can be the encoder: encoder_weights=FILE" if naming.encoder_only else ""
        raise WeightsError(f"{file.path} looks like {naming.title}, not like {name}; load it with {likely}{other}")
    task: Task = "mask" if "mask" in model.face.tasks else "depth"  # where a file with one output goes
    plan = LoadPlan(model, file.path)
    decoder = SHARED if any(key.startswith(f"decoders.{SHARED}.") for key in plan.own) else task
    _place_all(plan, model, file, naming, decoder)
    plan.check(f"{file.path} ({naming.title})", f"most likely it is for {likely}")
    advice = naming.advice(model.spec)
    if advice:
        plan.notes.append(advice)
    if decoder == "depth" and any(SINGLE in ours for ours in naming.modules.values()):
        plan.notes.append("its one output serves depth")
    if decoder == SHARED and len(model.face.tasks) == 2:
        plan.notes.append("its two channels serve mask and depth, in this order")
    plan.link(dict.fromkeys(naming.raw, "identity"))
    plan.is_imagenet = naming.inputs == "imagenet"
    plan.notes += INPUT_NOTES[naming.inputs]
    return plan


def _place_all(plan: LoadPlan, model: PairModel, file: WeightsFile, naming: Naming, decoder: str) -> None:
    """Each tensor in its place; decoder: the one that a file with one decoder fills."""
    for key, value in file.tensors.items():
        ours = naming.ours(key, decoder)
        if key.startswith(naming.ignored) or (ours and is_dropped(model, ours)):
            continue
        if ours in naming.stems or (naming.is_family and ours in plan.own and plan.is_stem(ours, value)):
            plan.place_stem(key, value, ours, may_differ=naming.encoder_only)
        else:
            plan.place(key, value, ours)
    if naming.is_family:
        plan.require_all(naming.modules, decoder)


def _same_names(model: PairModel, file: WeightsFile) -> LoadPlan:
    """The plan for a file with the network's own names: one of ours, or a plain state_dict."""
    links: Mapping[Task, Link] = {}
    notes: list[str] = []
    if file.is_ours:
        spec = spec_of(file)
        if not same_network(spec, model.spec):
            raise WeightsError(
                f"{file.path} holds {spec}, not {model.spec.name}; give that as --model, or none where the command"
                " takes it from the file, as zoo.load does"
            )
        links = _links(spec)
        notes = [f"it was saved from other code, {spec.name}"] if spec.name != model.spec.name else []
    plan = LoadPlan(model, file.path)
    bared = {bare(key): key for key in plan.own}  # a wrapped module's names have a prefix that its own files lack
    for name, value in file.tensors.items():
        key = name if name in plan.own else bared.get(name, name)
        if key in STATISTICS:
            _place_statistics(plan, key, value)
        elif key in plan.own and plan.is_stem(key, value):
            plan.place_stem(key, value, key)
        else:
            plan.place(key, value, key)
    if len(plan.unused) > len(plan.tensors):  # a few equal names are chance
        raise WeightsError(
            f"{file.path} has names that are neither {model.spec.name}'s nor of a system known here"
            f" ({', '.join(plan.unused[:3])}, ...); load it in its own code, or wrap that network with zoo.wrap"
        )
    plan.check(str(file.path), "zoo.load builds what a file of ours was saved from")
    plan.link(links)
    plan.notes += notes
    return plan


def same_network(one: Spec, other: Spec) -> bool:
    """Whether two specs name one network, or code of one's own at one place that may have changed since."""
    both = (one.name, other.name)
    return one.name == other.name or (all(map(is_place, both)) and len({Place.parse(n).name for n in both}) == 1)


def _links(spec: Spec) -> Mapping[Task, Link]:
    """What the heads of a saved network meant, per task."""
    options = {name: spec.options[name] for name in ("in_ch", "tasks", "plate", "link") if name in spec.options}
    try:
        face = Interface(**options)  # type: ignore[arg-type]  # checked there
    except ZooError as error:
        raise WeightsError(f"the file's spec does not fit this version: {error}") from None
    return dict(zip(face.tasks, face.link, strict=True))


def _place_statistics(plan: LoadPlan, key: str, value: Tensor) -> None:
    """Normalisation has a row per image: one row serves both images, of two the composite's is the last."""
    own = plan.own[key]
    if value.dim() == 2 and value.shape[1] == own.shape[1]:
        plan.tensors[key] = value if len(value) == len(own) else value[-1:].expand_as(own)
    elif value.numel() > 2 * LARGEST or not bool((value == (key == STATISTICS[1])).all()):  # 0 and 1 say nothing
        plan.unused.append(key)


def _apply(plan: LoadPlan, model: PairModel) -> None:
    model.load_state_dict(plan.tensors, strict=False)
    if plan.is_imagenet:
        model.normalise.set(*statistics(model.face.image_ch))
    if plan.links:
        link = tuple(plan.links.get(task, now) for task, now in zip(model.face.tasks, model.face.link, strict=True))
        model.face = replace(model.face, link=link)
        model.spec = Spec(model.spec.name, dict(model.spec.options) | {"link": link})
