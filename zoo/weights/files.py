"""Reading weights that may be anything, and writing ours so that a failure leaves nothing behind."""

import json
import os
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from registry import Spec, ZooError, first_line
from zoo.files import replacing
from zoo.version import __version__

SCHEMA = 1  # of our own files
WRAPPERS = ("state_dict", "model_state_dict", "model")  # where training scripts put the weights inside their file
FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
DTYPES = (*FLOATS, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)
DEEPEST = 4  # wrappers inside wrappers
EXPORTED = (".onnx", ".xml", ".pt2")  # as zoo.exported reads them
WRAPPED = re.compile(r"^((module|_orig_mod)\.)+|(?<=\.)_orig_mod\.")  # by DataParallel or torch.compile


class WeightsError(ZooError):
    """A file of weights that cannot be read, written, or used for this network."""


@dataclass(frozen=True)
class WeightsFile:
    """The named tensors of a file, and the text a safetensors file carries beside them."""

    path: Path
    tensors: dict[str, Tensor]
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def is_ours(self) -> bool:
        return self.metadata.get("format") == "pairzoo"


def read_state(path: str | PathLike[str]) -> dict[str, Tensor]:
    """The named tensors of a .pth, .pt, .bin or .safetensors file, on the CPU; no code in it is ever run.

    A dictionary around them (`state_dict`, `model_state_dict`, `model`) is opened; prefixes of DataParallel and
    torch.compile are taken off. Anything else is a WeightsError of one line.

    path: the file.

    >>> from zoo.weights.ready import file_of
    >>> sorted(read_state(file_of("frame_difference")))[:2]
    ['normalise.mean', 'normalise.std']
    """
    return read(path).tensors


def read(path: str | PathLike[str]) -> WeightsFile:
    """Like `read_state`, with the file's metadata; the kind of file is known from its content, not from its name."""
    path = as_path(path, "a file of weights (.pth, .pt, .bin or .safetensors)")
    try:
        with path.open("rb") as stream:
            start = stream.read(64)
    except FileNotFoundError:
        raise WeightsError(f"{path} does not exist") from None
    except IsADirectoryError:
        raise WeightsError(f"{path} is a folder; give a file of weights (.pth, .pt, .bin or .safetensors)") from None
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}") from None
    if path.suffix in EXPORTED:
        raise WeightsError(f"{path} is an exported network and no file of weights; zoo.load(path) reads it as it is")
    if not start:
        raise WeightsError(f"{path} is empty (0 bytes); copy or download it again")
    if start[8:9] == b"{":
        return _dense(_read_safetensors(path))
    if start.startswith((b"PK\x03\x04", b"\x80")):
        return _dense(WeightsFile(path, {bare(key): value for key, value in _state(_unpickle(path), path).items()}))
    raise WeightsError(f"{path} {_what(start)}; accepted are PyTorch (.pth, .pt, .bin) and safetensors files")


def _dense(file: WeightsFile) -> WeightsFile:
    """The file, or a WeightsError where it holds tensors that no network here computes with."""
    for key, value in file.tensors.items():
        if value.layout != torch.strided or value.is_quantized:
            kind, way = ("quantized", "dequantize") if value.is_quantized else ("sparse", "to_dense")
            raise WeightsError(f"{file.path}: {key} is {kind}; save it dense, as value.{way}()")
        if value.dtype not in DTYPES:
            raise WeightsError(
                f"{file.path}: {key} is {_short(value.dtype)}; accepted are {', '.join(map(_short, DTYPES))}:"
                " convert it, as value.float()"
            )
    return file


def require_kind(path: Path, key: str, value: Tensor, own: Tensor) -> None:
    """Raise WeightsError where whole numbers stand for weights, or the other way round."""
    if value.is_floating_point() != own.is_floating_point():
        raise WeightsError(
            f"{path}: {key} is {_short(value.dtype)}, and the network's is {_short(own.dtype)}; a file of weights that"
            " were quantized needs their scales, and nothing here reads those: save them as floats"
        )


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def as_path(path: object, wanted: str) -> Path:
    """A path that somebody typed, or a WeightsError that says what was wanted."""
    if not isinstance(path, str | os.PathLike):
        raise WeightsError(f"a {type(path).__name__} is not a path; give the path of {wanted}")
    text = os.fspath(path)
    if not isinstance(text, str) or not text:
        raise WeightsError(f"{text!r} is not a path; give the path of {wanted}")
    return Path(path)


def write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """A safetensors file, whole or not at all."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        with replacing(path) as draft:
            save_file(tensors, draft, metadata)
            _sort_metadata(draft)
    except (OSError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error).removeprefix("Error while serializing: ")
        if not path.absolute().parent.is_dir():
            reason = f"{path.parent} is not a folder that exists"
        raise WeightsError(f"{path} could not be written: {reason}; what was there before is untouched") from None


def spec_of(file: WeightsFile) -> Spec:
    """The spec in one of our files, or why it cannot be read."""
    schema = file.metadata.get("schema", "")
    if not schema.isdecimal() or int(schema) > SCHEMA:
        raise WeightsError(
            f"{file.path} has schema {schema or 'none'}, this version ({__version__}) reads up to {SCHEMA};"
            f" it was written by pairzoo {file.metadata.get('version', 'unknown')}: upgrade to that"
        )
    try:
        return Spec.parse(file.metadata.get("spec", ""))
    except ZooError:
        raise WeightsError(f"{file.path} says it is ours, but its spec is {file.metadata.get('spec')!r}") from None


def _sort_metadata(path: Path) -> None:
    """Put the metadata of a file in order, in place; safetensors writes it in a random one. Equal is to be equal."""
    with open(path, "r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) <= length:
            file.seek(8)
            file.write(text.ljust(length))


def _read_safetensors(path: Path) -> WeightsFile:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as opened:
            metadata = dict(opened.metadata() or {})
            tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118 (it is not a mapping)
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path} is cut short or damaged: {first_line(error)}; copy or download it again") from None
    file = WeightsFile(path, tensors, metadata)
    return file if file.is_ours else replace(file, tensors={bare(key): value for key, value in tensors.items()})


def _unpickle(path: Path) -> Any:
    try:
        with path.open("rb") as stream:  # open, because torch takes a path's ending for its content
            return torch.load(stream, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can break the reader anywhere
        if not isinstance(error, pickle.UnpicklingError) or "nsupported" not in str(error):
            raise WeightsError(
                f"{path} is cut short or damaged: {first_line(error)}; copy or download it again"
            ) from None
        wanted = re.search(r"Unsupported (?:global|class|operand)\S* (?:GLOBAL )?(\S+)", str(error))
        code = f" ({wanted[1]})" if wanted else ""
        raise WeightsError(
            f"{path} holds Python code{code} beside its weights, and loading it would run that code; if you trust it,"
            " load it yourself and torch.save its state_dict()"
        ) from None


def _state(found: Any, path: Path) -> dict[str, Tensor]:
    """The dictionary of named tensors in what was unpickled."""
    if not isinstance(found, Mapping):
        raise WeightsError(f"{path} holds a {type(found).__name__}, not named tensors; torch.save a state_dict()")
    for _ in range(DEEPEST):
        found = next((found[key] for key in WRAPPERS if isinstance(found.get(key), Mapping)), found)
    tensors = {k: v.detach() for k, v in found.items() if isinstance(k, str) and isinstance(v, Tensor)}
    if not tensors:
        keys = ", ".join(map(str, list(found)[:4])) or "nothing"
        raise WeightsError(
            f"{path} holds no named tensors (it holds: {keys}); accepted is a state_dict, or one under"
            f" {', '.join(WRAPPERS)}"
        )
    return tensors


def bare(name: str) -> str:
    """A tensor's name without the prefixes that wrappers put before every name, or torch.compile before a part's."""
    return WRAPPED.sub("", name)


def _what(start: bytes) -> str:
    """What a file that is no weights seems to be, from its first bytes."""
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "is a web page, so the download gave a page instead of the file"
    if text.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the file itself (git lfs pull fetches it)"
    return "is not a file of weights, or only a piece of one"
