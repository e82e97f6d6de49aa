"""Precisions, layouts and engines: a cell computes what it says it does, and what it computes it with."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import zoo
from benchmarks.measures import speed
from benchmarks.networks import engines
from benchmarks.networks.entrants import Entrant, enter, own
from benchmarks.plan import cells
from benchmarks.plan.comparison import Comparison
from benchmarks.store.record import TimedSettings
from benchmarks.timing import rounds
from benchmarks.timing.rounds import TimedCall
from zoo import precision
from zoo.contract import Interface
from zoo.model import PairModel
from zoo.precision import float32

CPU = torch.device("cpu")
SETTINGS = TimedSettings((16, 24))


class Net(PairModel):
    """Keeps what it is called with."""

    def __init__(self) -> None:
        super().__init__(Interface())
        self.seen: list[Tensor] = []
        self.conv = nn.Conv2d(3, 2, 3, padding=1)

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        self.seen.append(fg_bg)
        mask, depth = self.conv(fg_bg).chunk(2, 1)
        return {"mask": mask, "depth": depth}


def entrant(network: Any) -> Entrant:
    return own(network.__name__, network)


def ready(network: Any, **changes: Any) -> TimedCall:
    return speed.prepare(entrant(network), replace(SETTINGS, **changes), CPU)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"precision": "fp8"}, "precision='fp8' is not accepted; "),
        ({"layout": "diagonal"}, "layout='diagonal' is not accepted; "),
        ({"engine": "steam"}, "engine='steam' is not accepted; "),
        ({"engine": "graph"}, "graph replays the launches of a CUDA device, and this is cpu"),
        ({"precision": "tf32"}, "tf32 is a format of CUDA devices, and this is cpu"),
        ({"engine": "onnxruntime", "precision": "bf16"}, "onnxruntime is measured on cpu in fp32, contiguous"),
    ],
)
def test_settings_that_do_not_go_are_the_cells_result(changes: dict[str, str], says: str) -> None:
    failed = ready(Net, **changes).failed
    assert failed is not None
    assert failed.startswith(f"failed: OptionError: {says}")


def test_precision_and_layout_are_those_of_the_cell() -> None:
    who = entrant(Net)
    cells = {
        (precision, layout): speed.prepare(who, replace(SETTINGS, precision=precision, layout=layout), CPU)
        for precision in ("fp32", "bf16")
        for layout in engines.FORMATS
    }
    outputs = {key: cell.call() for key, cell in cells.items()}
    assert outputs["fp32", "contiguous"].mask.dtype == torch.float32
    assert outputs["bf16", "channels_last"].mask.dtype == torch.bfloat16
    models = {layout: engines.network(who, layout, CPU) for layout in engines.FORMATS}
    for layout, memory_format in engines.FORMATS.items():
        network = models[layout]
        assert isinstance(network, Net)
        assert all(image.is_contiguous(memory_format=memory_format) for image in network.seen)
        assert network.conv.weight.is_contiguous(memory_format=memory_format)
        assert network.conv.weight.dtype == torch.float32
        assert not network.training
    del cells, models, network
    assert not [key for key in engines._networks if key[0] == id(who)], "networks go with their cells"


def test_a_users_file_that_turns_tf32_on_does_not_change_fp32() -> None:
    with float32():
        cell = ready(Net)
        torch.set_float32_matmul_precision("medium")
        torch.backends.mkldnn.conv.fp32_precision = "bf16"  # type: ignore[attr-defined]
        rounds.visit(cell)
        assert torch.get_float32_matmul_precision() == "highest"
        assert {backend.fp32_precision for backend in precision._backends()} <= {"none", "ieee"}


def test_each_network_is_compiled_and_none_drives_another_out(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = torch.compile
    graphs: list[Any] = []

    def counting(graph: Any, _: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    monkeypatch.setattr(torch, "compile", lambda *args, **options: compiled(*args, backend=counting, **options))
    who = enter("plain_cnn")[0]
    sizes = [(16 + 8 * n, 16) for n in range(10)]  # torch keeps eight forms of one function unless told otherwise
    cells = [speed.prepare(who, replace(SETTINGS, size=size, engine="compile"), CPU) for size in sizes]
    assert [cell.failed for cell in cells] == [None] * 10
    assert len(graphs) == 10
    assert all(cell.facts["compile_s"] > 0 for cell in cells)
    for cell in cells:
        rounds.visit(cell)
    assert len(graphs) == 10, "nothing is compiled while it is timed"


def test_what_cannot_be_exported_says_why_and_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(*_: object, **__: object) -> None:
        report = "Failed to export the model.\n\x1b[96mThis is step 1/3\x1b[0m of it.\n" + "Next steps: many\n" * 50
        raise RuntimeError(report) from NotImplementedError("linalg.solve has no counterpart")

    monkeypatch.setattr(torch.onnx, "export", refused)
    with pytest.raises(engines.ExportError) as caught:
        engines._export(zoo.build("frame_difference"), torch.rand(2, 1, 3, 16, 16), tmp_path / "model.onnx")
    assert str(caught.value) == (
        "torch cannot export it to ONNX (NotImplementedError: linalg.solve has no counterpart); leave"
        " onnxruntime out of --engines for it"
    )


def test_without_onnxruntime_the_cell_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    failed = ready(Net, engine="onnxruntime").failed
    assert failed is not None
    assert "onnxruntime is not installed; pip install -e '.[onnx]' in the checkout" in failed


@pytest.mark.parametrize("spec", ["plain_cnn", "plain_cnn(tasks=depth)", "plain_cnn(in_ch=3)"])
@pytest.mark.slow
def test_onnxruntime_computes_what_the_network_does(spec: str) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    who = enter(spec)[0]
    eager, session = (speed.prepare(who, replace(SETTINGS, engine=name), CPU) for name in ("eager", "onnxruntime"))
    assert session.failed is None
    assert session.facts["export_s"] > 0
    for own_map, other in zip(eager.call(), session.call(), strict=True):  # type: ignore[call-overload]
        assert (own_map is None) == (other is None)
        if own_map is not None:
            np.testing.assert_allclose(own_map, other, atol=1e-4)


@pytest.mark.slow
def test_compiled_networks_compute_the_same() -> None:
    who = enter("plain_cnn")[0]
    eager, compiled = (speed.prepare(who, replace(SETTINGS, engine=name), CPU) for name in ("eager", "compile"))
    assert compiled.failed is None
    assert compiled.facts["compile_s"] > 0
    for own_map, other in zip(eager.call(), compiled.call(), strict=True):  # type: ignore[call-overload]
        torch.testing.assert_close(own_map, other, atol=1e-4, rtol=1e-3)


def test_only_what_an_engine_can_do_is_planned() -> None:
    def planned(precisions: tuple[str, ...], layouts: tuple[str, ...]) -> set[tuple[str, str, str]]:
        both = ("eager", "onnxruntime")
        asked = Comparison(measure=("latency",), precisions=precisions, layouts=layouts, engines=both)
        found = [cell.timed for cell in cells.plan(enter("unet"), asked)]
        return {(cell.engine, cell.precision, cell.layout) for cell in found}

    both = planned(("fp32", "bf16"), ("contiguous", "channels_last"))
    assert {each for each in both if each[0] == "onnxruntime"} == {("onnxruntime", "fp32", "contiguous")}
    assert len(both) == 5
    assert ("onnxruntime", "bf16", "contiguous") in planned(("bf16",), ("contiguous",)), "so that its failure is seen"
