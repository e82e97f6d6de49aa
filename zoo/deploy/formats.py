"""The formats that a network can leave in: what each needs, how it is written, how near it must come to the network."""

import io
import json
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from registry import OptionError, ZooError, nearest
from zoo.deploy.equations import translations
from zoo.exported.facts import Facts
from zoo.exported.runtimes import KEY, TEXT, missing
from zoo.weights.ready import folder_beside

Pairs = Sequence[Mapping[str, Tensor]]  # images by name


class ExportError(ZooError, RuntimeError):
    """A network that cannot be exported, or whose export computes something else; the message says why."""


@dataclass(frozen=True)
class Format:
    """write: program, facts and pairs to learn ranges from -> file at a path. Of the differences between the maps of
    the file and those of the network, in [0, 1], the mean is at most `mean`, and all but one in a thousand at most
    `most`."""

    suffix: str
    what: str
    extra: str  # whose packages it needs; empty: none
    packages: tuple[str, ...]
    write: Callable[[ExportedProgram, Facts, Pairs, Path], None]
    mean: float = 2e-4
    most: float = 2e-3
    is_half: bool = False

    @property
    def is_onnx(self) -> bool:
        """Whether it is written as ONNX, at least in between."""
        return self.suffix != ".pt2"

    def require_packages(self, name: str) -> None:
        for package in self.packages:
            try:
                import_module(package)
            except ImportError as error:
                raise missing(f"format {name}", error, self.extra) from None


def format_of(name: str) -> Format:
    if name not in FORMATS:
        raise OptionError(f"format={str(name)[:40]!r} is not accepted; {nearest(str(name), FORMATS)}")
    return FORMATS[name]


def _onnx(program: ExportedProgram, facts: Facts, _: Pairs, path: Path) -> None:
    path.write_bytes(_proto(program, facts).SerializeToString())


def _int8(program: ExportedProgram, facts: Facts, pairs: Pairs, path: Path) -> None:
    """Convolutions in 8 bits, by the ranges that their inputs have on a few pairs; those of one channel out, the
    heads, stay as they are, since of a map of depth every bit is seen."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    proto = _proto(program, facts)
    narrow = {value.name for value in proto.graph.initializer if value.dims and value.dims[0] == 1}
    heads = [node.name for node in proto.graph.node if node.op_type == "Conv" and node.input[1] in narrow]
    reader = type("Reader", (CalibrationDataReader,), {"get_next": lambda self: next(self.left, None)})()
    reader.left = iter([{name: image.numpy() for name, image in pair.items()} for pair in pairs])
    with quiet(), tempfile.TemporaryDirectory(prefix="pairzoo-int8-") as folder:
        out = Path(folder) / "model.onnx"
        quantize_static(
            proto,
            str(out),
            reader,
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=heads,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        import onnx

        made = onnx.load(str(out))
    path.write_bytes(_labelled(made, facts).SerializeToString())


def _openvino(program: ExportedProgram, facts: Facts, _: Pairs, path: Path) -> None:
    import openvino

    with tempfile.TemporaryDirectory(prefix="pairzoo-openvino-") as folder:
        between = Path(folder) / "model.onnx"
        between.write_bytes(_proto(program, facts).SerializeToString())
        model = openvino.convert_model(between)
    model.set_rt_info(json.dumps(facts.to_text()), [KEY])
    openvino.save_model(model, path, compress_to_fp16=False)


def _pt2(program: ExportedProgram, facts: Facts, _: Pairs, path: Path) -> None:
    for node in program.graph.nodes:
        for name in ("stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn"):  # where things lie on this disk
            node.meta.pop(name, None)
    made = io.BytesIO()
    program.example_inputs = None  # what it was traced with
    with quiet():
        torch.export.save(program, made, extra_files={TEXT: json.dumps(facts.to_text())})
    path.write_bytes(made.getvalue())


def _proto(program: ExportedProgram, facts: Facts) -> Any:
    """The network as ONNX."""
    with quiet(), told("torch cannot write it as ONNX"):
        made = torch.onnx.export(
            program,
            dynamo=True,
            verbose=False,
            input_names=[*facts.images],
            output_names=[*facts.face.tasks],
            custom_translation_table=translations(),
            optimize=False,
        )
        assert made is not None
        _fold(made.model)
        made.optimize()
        return _labelled(made.model_proto, facts)


def _fold(model: Any) -> None:
    """Fewer operations before torch's own optimisation, whose time grows with their square: constants are computed, and
    are none any more."""
    from onnx_ir.passes.common import LiftConstantsToInitializersPass
    from onnxscript import optimizer

    optimizer.fold_constants_ir(model, onnx_shape_inference=True)
    optimizer.remove_unused_nodes(model)
    LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)


def _labelled(proto: Any, facts: Facts) -> Any:
    """With our text in it, and without that of the exporter, which names files on this disk."""
    graphs = [proto.graph, *proto.functions]
    for part in (proto, *graphs, *(node for graph in graphs for node in graph.node), *proto.graph.value_info):
        part.doc_string = ""
        del part.metadata_props[:]
    for value in (*proto.graph.input, *proto.graph.output):
        for place, name in zip((0, 2, 3), "bhw", strict=True):
            dim = value.type.tensor_type.shape.dim[place]
            if not dim.HasField("dim_value"):
                dim.dim_param = name
    del proto.graph.value_info[:]
    proto.producer_name, proto.producer_version = "pairzoo", facts.version
    for key, value in facts.to_text().items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, value
    return proto


@contextmanager
def told(what: str) -> Iterator[None]:
    """An error of torch in one line: its report runs over pages, and the first line does not say what was wrong."""
    try:
        yield
    except (ZooError, MemoryError, torch.OutOfMemoryError, OSError):
        raise
    except Exception as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        raise ExportError(f"{what}: {' '.join(str(cause).split())[:300] or type(cause).__name__}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the exporters' own messages."""
    talk = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "torch._export", "onnxscript", "")]
    levels = [each.level for each in talk]
    for each in talk:
        each.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        for each, level in zip(talk, levels, strict=True):
            each.setLevel(level)


PACKAGES = ("onnx", "onnxscript", "onnxruntime")
FORMATS: Mapping[str, Format] = {
    "onnx": Format(".onnx", "ONNX, float32", "onnx", PACKAGES, _onnx),
    "onnx-fp16": Format(".onnx", "ONNX, float16 inside", "onnx", PACKAGES, _onnx, 2e-3, 3e-2, is_half=True),
    "onnx-int8": Format(".onnx", "ONNX, convolutions in 8 bits", "onnx", PACKAGES, _int8, 2e-2, 1.0),
    "openvino": Format(".xml", "OpenVINO, float32", "openvino", ("onnxscript", "openvino"), _openvino),
    "pt2": Format(".pt2", "torch.export, float32", "", (), _pt2),
}


def beside(weights: Path, name: str) -> Path:
    """The default place of an export: beside the weights.

    >>> beside(Path("run/model.safetensors"), "onnx-int8").name, beside(Path("model.safetensors"), "pt2").name
    ('model-int8.onnx', 'model.pt2')
    """
    more = name.partition("-")[2]
    return folder_beside(weights) / f"{weights.stem}{'-' if more else ''}{more}{FORMATS[name].suffix}"


def parts(path: Path) -> list[Path]:
    """The files of an export: OpenVINO keeps the weights in one of their own."""
    return [path.with_suffix(".bin"), path] if path.suffix == ".xml" else [path]
