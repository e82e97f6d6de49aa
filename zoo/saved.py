"""Networks as our own files: safetensors, with the complete spec in the metadata."""

import json
import warnings
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor, nn

from registry import OptionError, Spec, UnknownNameError, ZooError, first_line, listed
from registry.spec import NAME
from zoo.architectures import architectures
from zoo.exported import Exported, is_exported, load_exported
from zoo.factory import ENCODER_WEIGHTS, build, is_own, resolve
from zoo.files import from_json
from zoo.machine import weightless
from zoo.model import PairModel, unwrapped
from zoo.own import Place, is_place, origin
from zoo.trained import Trained
from zoo.version import __version__
from zoo.weights import ready
from zoo.weights.files import SCHEMA, WeightsError, WeightsFile, as_path, read, require_kind, spec_of, write
from zoo.weights.located import located
from zoo.weights.plan import notes_on
from zoo.weights.report import LoadReport
from zoo.wrapped import Wrapped, wrap

CODE, WRAP = "code", "wrap"  # in the metadata: the place of code of one's own, and how `wrap` was told to wrap it


def save(model: nn.Module, path: str | PathLike[str]) -> Path:
    """Write a network's weights and spec to `path`, a .safetensors file; whole, or not at all.

    Tensors keep their dtype, and are read back on the CPU. A network inside torch.compile, DataParallel,
    DistributedDataParallel or AveragedModel is saved as it is without them. Of a network of one's own the file keeps
    where its code is and a digest of it, and `load` asks for that code.

    model: a network of the zoo, or one that `zoo.wrap` made. path: a file, whose folder is made where it is missing.

    >>> from zoo import build
    >>> save(build("frame_difference"), "model.safetensors").name
    'model.safetensors'
    """
    inner = unwrapped(model)
    if not isinstance(inner, PairModel):
        raise WeightsError(f"zoo.save(model, path) takes a network of the zoo first, and not a {type(model).__name__}")
    if inner.unsavable:
        raise WeightsError(inner.unsavable)
    path = as_path(path, "the file to write, as zoo.save(model, 'model.safetensors')")
    if path.suffix != ".safetensors":
        raise WeightsError(f"zoo.save writes safetensors; name the file {path.with_suffix('.safetensors').name}")
    if path.is_dir():
        raise WeightsError(f"{path} is a folder; give a file in it, as {path / 'model.safetensors'}")
    if any(value.is_meta for value in inner.state_dict().values()):
        raise WeightsError(f"this {type(inner).__name__} was built on the meta device, so it has no weights to save")
    metadata = {"format": "pairzoo", "schema": str(SCHEMA), "version": __version__, **_identity(inner)}
    if inner.trained_at is not None:
        metadata["trained_at"] = "x".join(map(str, inner.trained_at))
    if inner.trained is not None:
        metadata["trained"] = inner.trained.to_text()
    write(path, {key: _own_copy(value) for key, value in inner.state_dict().items()}, metadata)
    return path


def load(path: str | PathLike[str], spec: str | Spec | None = None) -> PairModel:
    """The network a file was saved from, on the CPU; each tensor as it was saved, but ready weights in float32.

    path: a file, the folder of a training, or the name of weights that ship: `zoo list --weights` shows them. A file of
        zoo.export (.onnx, .xml, .pt2) gives a network that onnxruntime, OpenVINO or torch run, on the CPU.
    spec: what you expect the file to hold, with every option not given at its default; another is refused. For a file
        of a network of one's own, its code, as "my_net.py:Net": no file starts code by itself.
    Nothing is downloaded: where the spec names `encoder_weights`, the file's own weights take their place.

    >>> load("frame_difference").spec.name
    'frame_difference'
    """
    if is_exported(path):
        return _exported(path, spec)
    file = read(located(path))
    if not file.is_ours:
        raise WeightsError(
            f"{file.path} was not written by zoo.save, so it does not say which network it is for;"
            " use zoo.build(name, weights=...), or --model NAME on the command line"
        )
    try:
        wanted = (_named_code if CODE in file.metadata else _listed)(file, spec)
        _compare_on_meta(wanted, file)
        model = _rebuilt(wanted, file)
    except WeightsError:
        raise
    except ZooError as error:
        raise WeightsError(f"{file.path}, saved by version {file.metadata.get('version')}: {error}") from None
    _compare(model, file)
    if not ready.is_of(file.path):  # which are small files, for networks that compute in float32
        with torch.inference_mode(False):
            for name, tensor in (*model.named_parameters(), *model.named_buffers()):
                tensor.data = tensor.data.to(file.tensors[name].dtype)
    model.load_state_dict(file.tensors)
    height, _, width = file.metadata.get("trained_at", "").partition("x")
    if height.isdecimal() and width.isdecimal():
        model.trained_at = int(height), int(width)
    model.trained = Trained.from_text(file.metadata.get("trained"))
    model.loaded = LoadReport(file.path, "pairzoo", copied=tuple(file.tensors), notes=notes_on(file.tensors))
    if not model.loaded.is_plain:
        warnings.warn(str(model.loaded), stacklevel=2)
    return model


def _exported(path: str | PathLike[str], spec: str | Spec | None) -> Exported:
    """The network of an exported file, which holds what it is expected to."""
    model = load_exported(path)
    if spec is not None:
        expected = Spec.parse(spec) if isinstance(spec, str) else spec
        if not is_own(expected.name):
            entry, options = resolve(expected)
            expected = Spec(entry.name, options)
        _expect(Path(path), model.spec, expected)
    return model


def build_offline(spec: str | Spec) -> PairModel:
    """A network that will get all its tensors: weights of its encoder are not looked for, and stay in its spec."""
    wanted = Spec.parse(spec) if isinstance(spec, str) else spec
    model = build(Spec(wanted.name, {name: v for name, v in wanted.options.items() if name != ENCODER_WEIGHTS}))
    if ENCODER_WEIGHTS in wanted.options:
        given = {ENCODER_WEIGHTS: wanted.options[ENCODER_WEIGHTS]}
        model.spec = Spec(model.spec.name, {**model.spec.options, **given})
    return model


def _rebuilt(spec: Spec, file: WeightsFile) -> PairModel:
    """The network of a spec; one that was wrapped is wrapped as it was."""
    model = build_offline(spec)
    if not isinstance(model, Wrapped) or WRAP not in file.metadata:
        return model
    try:
        again = wrap(model.module, **from_json(file.metadata[WRAP]))
    except (ValueError, TypeError) as error:  # ZooErrors of options too
        raise WeightsError(f"{file.path} does not say how its network is wrapped: {first_line(error)}") from None
    again.spec = model.spec
    return again


def _identity(model: PairModel) -> dict[str, str]:
    """What a file says of its network: the spec, and of one of one's own which code it is, and how it is wrapped."""
    spec = getattr(model, "spec", Spec(type(model).__name__))
    is_made = is_place(spec.name) and Place.parse(spec.name).digest != ""
    if not is_made and spec.name in architectures and not isinstance(model, Wrapped):
        return {"spec": str(spec)}
    inner = model.module if isinstance(model, Wrapped) else model
    said = {"spec": str(spec), CODE: spec.name if is_made else origin(type(inner))}
    return said | ({WRAP: json.dumps(model.how)} if isinstance(model, Wrapped) else {})


def _listed(file: WeightsFile, spec: str | Spec | None) -> Spec:
    """The spec in a file, of a network of the catalog, as it is expected to be."""
    stored = spec_of(file)
    if stored.name not in architectures:
        raise WeightsError(
            f"{file.path} holds {stored.name!r}, which no catalog entry here is called; install its plug-in"
        )
    if spec is not None:
        entry, expected = resolve(spec)
        _expect(file.path, stored, Spec(entry.name, expected))
    return stored


def _named_code(file: WeightsFile, spec: str | Spec | None) -> Spec:
    """The spec of code of one's own that the caller names, once it is the code that the file was saved from.

    The options are the file's. Which code is run never depends on the file.
    """
    stored = spec_of(file)
    code = file.metadata[CODE]
    said = Place.parse(code) if is_place(code) and NAME.fullmatch(code) else None
    asked = Spec.parse(spec) if isinstance(spec, str) else spec
    if asked is None or not is_own(asked.name):
        holds = said.asked if said else "a network outside the catalog"
        raise WeightsError(
            f"{file.path} holds weights of {holds}, and no file may start code. If you trust that code, name it:"
            f" --model {said.asked if said else 'FILE.py:NAME'}, or zoo.load(path, 'FILE.py:NAME')"
        )
    place, is_made = Place.parse(asked.name), is_place(stored.name)
    if said and is_made and said.name != place.name:
        raise WeightsError(f"{file.path} holds {said.asked}, not {place.asked}")
    try:
        entry, given = resolve(Spec(str(place._replace(digest=said.digest) if said else place), asked.options))
    except (OptionError, UnknownNameError) as error:
        raise WeightsError(f"{file.path} was saved from {said or 'code without a name'}, and {error}") from None
    if not is_made:
        return Spec(entry.name, given)
    _expect(file.path, Spec(entry.name, stored.options), Spec(entry.name, given))
    return Spec(entry.name, {**stored.options, **given})


def _expect(path: Path, stored: Spec, expected: Spec) -> None:
    """Raise WeightsError, naming what differs, unless the file's spec is the expected one."""
    if stored.name != expected.name:
        raise WeightsError(f"{path} holds {stored.name}, not {expected.name}; zoo.load(path) without a spec takes it")
    options = {name: value for name, value in expected.options.items() if name != ENCODER_WEIGHTS}
    different = [
        f"{name} is {stored.options[name]!r} in the file and {value!r} in the spec"
        for name, value in options.items()
        if name in stored.options and stored.options[name] != value
    ]
    if different:
        raise WeightsError(f"{path} holds another {stored.name}: {'; '.join(different)}")


def _compare_on_meta(spec: Spec, file: WeightsFile) -> None:
    """Compare where a network takes no memory: a file of a few bytes may name one of many gigabytes."""
    try:
        with weightless():
            model = _rebuilt(spec, file)
    except ZooError:
        raise
    except Exception as error:  # some encoders read values while they are built; others are too large even here
        least = sum(value.nbytes for value in file.tensors.values())
        if "overflow" in str(error).lower() or "too large" in str(error).lower():
            raise WeightsError(f"{file.path} holds {least:,} bytes of weights, and names {spec}: {error}") from None
        return
    _compare(model, file)


def _compare(model: PairModel, file: WeightsFile) -> None:
    """Raise WeightsError unless the file has each of the network's tensors, of its shape and kind, and no other."""
    own = model.state_dict()
    missing = [key for key in own if key not in file.tensors]
    surplus = [key for key in file.tensors if key not in own]
    unfit = [
        f"{key} is {tuple(file.tensors[key].shape)} in the file and {tuple(value.shape)} in the network"
        for key, value in own.items()
        if key in file.tensors and file.tensors[key].shape != value.shape
    ]
    kinds = (("missing", missing), ("unexpected", surplus), ("of another shape", unfit))
    wrong = [f"{len(names)} {kind} ({listed(names)})" for kind, names in kinds if names]
    if wrong:
        raise WeightsError(f"{file.path}: its tensors do not fit its own spec {model.spec.name}: {', '.join(wrong)}")
    for key, value in own.items():
        require_kind(file.path, key, file.tensors[key], value)


def _own_copy(value: Tensor) -> Tensor:
    """On the CPU, contiguous, and sharing no memory with another: what safetensors can write."""
    return value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
