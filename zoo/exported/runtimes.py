"""Files of other programs as something to call: images by name in, maps by name out, with the text they carry."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from registry import OptionError, first_line
from zoo.exported.guard import require_no_code
from zoo.files import from_json
from zoo.weights.files import WeightsError

KEY = "pairzoo"  # where the text stands, in formats that keep it as one thing
TEXT = f"{KEY}.json"  # a file in the archive of torch.export


class Runtime(Protocol):
    """metadata: the text in the file."""

    metadata: Mapping[str, str]

    def __call__(self, images: Mapping[str, Tensor]) -> Mapping[str, Tensor]: ...


def missing(what: str, error: ImportError, extra: str) -> OptionError:
    """The error for a missing package of an extra."""
    return OptionError(
        f"{what} needs {error.name or extra}, which is not installed; pip install -e '.[{extra}]' in the checkout"
    )


def opened(path: Path, *, half: bool = False) -> Runtime:
    """The runtime of a file, by its suffix. half: OpenVINO computes in bf16."""
    if not path.is_file():
        raise WeightsError(f"{path} {'is a folder; give the file in it' if path.is_dir() else 'does not exist'}")
    try:
        return OpenVino(path, half=True) if half else RUNTIMES[path.suffix](path)
    except (OptionError, WeightsError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # a damaged file can break a reader anywhere
        raise WeightsError(f"{path} is cut short or damaged: {first_line(error)}; export it again") from None


class OnnxRuntime:
    """A session of onnxruntime on the CPU, with as many threads as torch has."""

    def __init__(self, path: Path):
        try:
            import onnxruntime
        except ImportError as error:
            raise missing(path.name, error, "onnx") from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors; the rest would stand between lines of ours
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.metadata: Mapping[str, str] = self.session.get_modelmeta().custom_metadata_map
        self.names = [output.name for output in self.session.get_outputs()]

    def __call__(self, images: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        found = self.session.run(None, {name: image.numpy() for name, image in images.items()})
        return {name: torch.from_numpy(value) for name, value in zip(self.names, found, strict=True)}


class OpenVino:
    """A network compiled by OpenVINO for the CPU, in float32 as it is or in bf16, with as many threads as torch has."""

    def __init__(self, path: Path, *, half: bool = False):
        try:
            import openvino
        except ImportError as error:
            raise missing(path.name, error, "openvino") from None
        if not path.with_suffix(".bin").is_file():
            raise WeightsError(f"{path} has its weights in {path.with_suffix('.bin').name}, which is not beside it")
        model = openvino.Core().read_model(path)
        text = model.get_rt_info([KEY]).astype(str) if model.has_rt_info([KEY]) else "{}"
        self.metadata: Mapping[str, str] = _texts(from_json(text))
        hint = "bf16" if half else "f32"
        settings = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": torch.get_num_threads()}
        self.compiled = openvino.compile_model(model, "CPU", settings)
        self.names = [output.any_name for output in self.compiled.outputs]

    def __call__(self, images: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        found = self.compiled({name: image.numpy() for name, image in images.items()})
        return {name: torch.from_numpy(found[name].copy()) for name in self.names}


class TorchExport:
    """A program of torch.export; it runs where torch does, here on the CPU."""

    def __init__(self, path: Path):
        require_no_code(path)
        said: dict[str, Any] = {TEXT: ""}
        program = torch.export.load(io.BytesIO(path.read_bytes()), extra_files=said)
        self.metadata: Mapping[str, str] = _texts(from_json(said[TEXT] or "{}"))
        self.program = program.module()

    def __call__(self, images: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        with torch.no_grad():
            found = self.program(*images.values())
        tasks = [task for task in ("mask", "depth") if task in self.metadata]
        return dict(zip(tasks, found, strict=True))


RUNTIMES: Mapping[str, type[OnnxRuntime] | type[OpenVino] | type[TorchExport]] = {
    ".onnx": OnnxRuntime,
    ".xml": OpenVino,
    ".pt2": TorchExport,
}


def _texts(found: Any) -> Mapping[str, str]:
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ValueError("its description of itself is not text")
    return found
