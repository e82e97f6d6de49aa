"""Every way of running a network on a device gives what the CPU gives in single precision, within its own rounding."""

import pytest
import torch

import zoo
from benchmarks.networks import engines
from benchmarks.networks.entrants import enter
from benchmarks.plan.comparison import BASELINES, FOUNDING
from benchmarks.store.record import TimedSettings
from registry import split
from zoo.precision import float32

ROUNDING = {"fp32": 1e-4, "tf32": 1e-2, "bf16": 1e-1, "fp16": 2e-2}  # as a share of the largest logit
EVERY = [*split(FOUNDING), *split(BASELINES), "unet(width=16, fusion=difference)", "fpn"]


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    """The largest difference, as a share of the largest value."""
    return float((one.float().cpu() - other.float().cpu()).abs().max() / other.float().abs().max().cpu())


@pytest.mark.parametrize("engine", ["eager", "graph", "compile"])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("precision", list(ROUNDING))
def test_what_comes_out_is_what_comes_out_of_the_cpu(
    precision: str, layout: str, engine: str, device: torch.device
) -> None:
    if device.type == "cpu" and (precision == "tf32" or engine != "eager"):
        pytest.skip("it is about CUDA")
    if engine == "compile" and (precision, layout) != ("bf16", "channels_last"):
        pytest.skip("it takes its time; once is enough")
    (entrant,) = enter("unet(width=8)")
    settings = TimedSettings((48, 64), 2, precision, layout, engine, device.type)
    torch.manual_seed(0)
    made = engines.ready(entrant, settings, device)
    maps = [value.float().cpu() for value in made.call()]
    again = [value.float().cpu() for value in made.call()]
    model = engines.network(entrant, layout, device).float().cpu().to(memory_format=torch.contiguous_format)
    bg, fg_bg = engines.images(model, settings, torch.device("cpu"))
    with torch.inference_mode(), float32():
        expected = model(bg.contiguous(), fg_bg.contiguous())
    assert all(map(torch.equal, maps, again)), "a call like the one before gives the same"
    for found, true in zip(maps, expected, strict=True):
        assert found.shape == true.shape
        assert apart(found, true) < ROUNDING[precision]
    if precision == "fp32":
        assert apart(maps[0], expected.mask) < 1e-4


@pytest.mark.parametrize("name", EVERY)
def test_each_network_gives_on_the_device_what_it_gives_on_the_cpu(name: str, device: torch.device) -> None:
    if device.type == "cpu" and name not in ("two_stream", "aligned_difference"):
        pytest.skip("it is about CUDA; two are enough to see that the test runs")
    torch.manual_seed(1)
    model = zoo.build(name).eval()
    bg, fg_bg = torch.rand(2, 2, 3, 64, 96, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode(), float32():
        expected = model(bg, fg_bg)
        found = model.to(device)(bg.to(device), fg_bg.to(device))
    for value, true in zip(found, expected, strict=True):
        assert value.device.type == device.type
        assert apart(value, true) < (2e-2 if name == "aligned_difference" else 1e-3)  # it looks for the best of shifts


def test_single_precision_is_single_unless_tf32_is_asked_for(device: torch.device) -> None:
    a, b = torch.rand(2, 1024, 1024, generator=torch.Generator().manual_seed(3), dtype=torch.float64) - 0.5
    true, here = a @ b, [matrix.float().to(device) for matrix in (a, b)]
    with float32():
        exact = apart(here[0] @ here[1], true)
        with float32(tf32=True):
            rough = apart(here[0] @ here[1], true)
        again = apart(here[0] @ here[1], true)
    assert exact == again < 1e-5
    if device.type == "cuda":
        assert rough > 5 * exact, "within, and nowhere else"


def test_convolutions_are_single_too(device: torch.device) -> None:
    draw = torch.Generator().manual_seed(4)
    image, weight = (
        torch.rand(shape, generator=draw, dtype=torch.float64) - 0.5 for shape in ((4, 64, 32, 32), (64, 64, 3, 3))
    )
    true = torch.nn.functional.conv2d(image, weight)
    with float32():
        found = torch.nn.functional.conv2d(image.float().to(device), weight.float().to(device))
    assert apart(found, true) < 1e-4  # another algorithm than the CPU, and no rounding to ten bits
