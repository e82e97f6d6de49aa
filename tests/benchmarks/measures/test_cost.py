"""Counting: operations against hand-computed values, the published table, and what cannot be counted."""

import copy
from collections import Counter
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.measures.cost import CountError, count, on_meta, operations, weigh
from zoo.architectures import architectures
from zoo.contract import Interface
from zoo.factory import build
from zoo.model import PairModel

PUBLISHED = [(spec, figures) for entry in architectures for spec, figures in entry.card.published.items()]


def macs(module: nn.Module, *shape: int) -> int:
    twin = on_meta(module).eval()
    with torch.no_grad():
        flops = operations(lambda: twin(torch.empty(shape, device="meta"))).flops
    assert flops % 2 == 0
    return flops // 2


@pytest.mark.parametrize(
    ("module", "shape", "expected"),
    [
        # output pixels x outputs x inputs of a group x kernel; the bias adds nothing
        (nn.Conv2d(3, 8, 3, padding=1), (1, 3, 10, 12), 120 * 8 * 3 * 9),
        (nn.Conv2d(3, 8, 3, padding=1, bias=False), (1, 3, 10, 12), 120 * 8 * 3 * 9),
        (nn.Conv2d(6, 4, 3), (2, 6, 10, 10), 2 * 64 * 4 * 6 * 9),  # no padding: 8 x 8; batch 2
        (nn.Conv2d(8, 12, 3, padding=1, groups=4), (1, 8, 5, 5), 25 * 12 * 2 * 9),
        (nn.Conv2d(8, 8, 3, padding=1, groups=8), (1, 8, 5, 5), 25 * 8 * 9),  # depthwise
        (nn.Conv2d(2, 2, 3, dilation=2), (1, 2, 9, 9), 25 * 2 * 2 * 9),  # reaches 5 pixels: 5 x 5
        (nn.Conv2d(2, 4, 5, stride=2, padding=2), (1, 2, 9, 9), 25 * 4 * 2 * 25),
        (nn.ConvTranspose2d(4, 3, 2, stride=2), (1, 4, 6, 7), 42 * 4 * 3 * 4),  # each input pixel writes 2 x 2
        (nn.Linear(7, 5), (2, 3, 7), 6 * 7 * 5),
        (nn.Linear(7, 5, bias=False), (4, 7), 4 * 7 * 5),
    ],
    ids=lambda value: str(value) if isinstance(value, nn.Module) else "",
)
def test_layers_cost_what_a_hand_counts(module: nn.Module, shape: tuple[int, ...], expected: int) -> None:
    assert macs(module, *shape) == expected


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_products_and_attention(mode: type) -> None:
    a, b = torch.empty(3, 5, 7, device="meta"), torch.empty(3, 7, 2, device="meta")
    q = torch.empty(2, 3, 16, 8, device="meta")  # (b, heads, tokens, width)
    with mode():
        assert operations(lambda: a @ b)[0] == 2 * 3 * 5 * 7 * 2
        assert operations(lambda: torch.einsum("bij,bjk->bik", a, b))[0] == 2 * 3 * 5 * 7 * 2
        flops, uncounted, _ = operations(lambda: F.scaled_dot_product_attention(q, q, q))
    assert flops == 2 * (2 * 3 * 16 * 16 * 8) * 2  # q k and then weights v
    assert not {"bmm", "mm"} & set(uncounted)


def test_attention_layer_in_eval_mode_does_not_vanish() -> None:
    """On a CPU the fused kernel of this layer counts as nothing."""
    twin = on_meta(nn.MultiheadAttention(24, 3, batch_first=True)).eval()
    x = torch.empty(2, 16, 24, device="meta")
    with torch.no_grad():
        flops = operations(lambda: twin(x, x, x, need_weights=False)).flops
    projections, products = 2 * 16 * 24 * (3 * 24 + 24), 2 * (2 * 16 * 16 * 24)
    assert flops == 2 * (projections + products)


@pytest.mark.parametrize(("spec", "figures"), PUBLISHED, ids=[spec for spec, _ in PUBLISHED])
def test_published_figures_come_out(spec: str, figures: object) -> None:
    with torch.device("meta"):  # weights are not looked at
        cost = count(build(spec), 224, 224)
    assert cost.params == figures.params
    assert figures.gflops is None or f"{cost.flops / 1e9:.3f}" == f"{figures.gflops:.3f}"


def test_the_table_of_founding_networks_is_there() -> None:
    """The figures above come from the cards; these come from the publications."""
    figures = {spec: (f.params, f.gflops) for spec, f in PUBLISHED}
    assert figures["unet"] == (6_242_050, 76.197)
    assert figures["two_stream"] == (3_199_552, 320.632)
    assert figures["u2net(tasks=mask, in_ch=3)"] == (44_009_869, 57.426)


def test_bytes_that_operations_move_by_hand() -> None:
    conv, x = nn.Conv2d(2, 4, 3, padding=1, device="meta"), torch.empty(1, 2, 5, 5, device="meta")
    with torch.no_grad():
        once = operations(lambda: conv(x)).moved_bytes
        assert once == 4 * (2 * 25 + 4 * 2 * 9 + 4 + 4 * 25)  # image, weights, bias, result
        assert operations(lambda: conv(x).relu_()).moved_bytes == once + 4 * (100 + 100)
        assert operations(lambda: conv(x).view(4, 25).mT).moved_bytes == once  # views move nothing
        assert operations(lambda: torch.cat([x, x], 1)).moved_bytes == 4 * (50 + 50 + 100)


class Net(PairModel):
    """Every kind of operation once, by hand."""

    def __init__(self) -> None:
        super().__init__(Interface(), stride=4)
        self.conv = nn.Conv2d(6, 2, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(2)
        self.offset = torch.zeros(1)  # neither parameter nor buffer

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        x = F.relu(self.norm(self.conv(torch.cat([bg, fg_bg], 1))))
        x = F.interpolate(F.max_pool2d(x, 2), scale_factor=2, mode="bilinear") + self.offset
        mask, depth = x.chunk(2, 1)
        return {"mask": mask.reshape(mask.shape), "depth": torch.sigmoid(depth.permute(0, 1, 3, 2)).mT}


def test_a_network_is_counted_whole_and_left_alone() -> None:
    model = Net().train()
    model.conv.weight.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    cost = count(model, 8, 16, batch=3)
    assert (cost.params, cost.trainable) == (108 + 4, 4)
    assert cost.weight_bytes == 4 * (108 + 4) + 4 * (2 + 2) + 8 + 4 * 12  # norm's statistics, its count, normalisation
    assert cost.macs == 3 * 8 * 16 * 108
    assert cost.flops == 2 * cost.macs
    names = " ".join(cost.uncounted)
    assert all(part in names for part in ("batch_norm", "relu", "max_pool2d", "upsample_bilinear2d", "add", "sigmoid"))
    assert len(cost.uncounted) == 6, "views, copies and allocations compute nothing"
    assert model.training
    assert model.offset.device.type == "cpu"
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_padding_to_the_stride_is_work_too() -> None:
    assert count(Net(), 9, 9).macs == count(Net(), 12, 12).macs


def test_a_4k_count_takes_no_memory_and_scales() -> None:
    small, large = (count(build("u2netp"), *size).flops for size in ((64, 64), (2048, 4096)))
    assert large == small * 32 * 64


def test_unknown_products_are_listed_not_lost() -> None:
    flops, uncounted, _ = operations(lambda: torch.empty(3, 4, device="meta") @ torch.empty(4, device="meta"))
    assert flops or "mv" in uncounted


def test_shared_tensors_count_once() -> None:
    one = nn.Linear(4, 4)
    assert weigh(nn.Sequential(one, one)).params == 20
    assert weigh(on_meta(nn.Sequential(one, one))).params == 20


def test_a_compiled_network_is_counted_by_its_original() -> None:
    model = Net()
    assert count(torch.compile(model), 8, 16) == count(model, 8, 16)


def test_a_network_that_reads_values_says_so() -> None:
    class Reader(Net):
        def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
            return super().logits(bg, fg_bg) if fg_bg.mean().item() > 0 else {}

    with pytest.raises(CountError, match="meta device") as caught:
        count(Reader(), 16, 16)
    assert len(str(caught.value).splitlines()) == 2


FOUNDING = [entry.name for entry in architectures if entry.card.group == "founding"]
OUR_NAMES = {"batch_norm": "_native_batch_norm_legit_no_training", "max_pool2d": "max_pool2d_with_indices"}
FREE = {"pixel_shuffle", "mul"}  # moves numbers; of a trace: doubles the sizes that an upsampling is given


@pytest.mark.parametrize("name", FOUNDING)
def test_an_independent_counter_agrees_and_what_it_counts_besides_is_known(name: str) -> None:
    """fvcore follows a trace and not the dispatcher. Its convolutions are our count to the last multiply-add; it adds
    2 per number for a batch norm and 4 for bilinear upsampling, which we list, as all that it ignores."""
    fvcore = pytest.importorskip("fvcore.nn")
    model, image = build(name).eval(), torch.rand(1, 3, 64, 64)
    cost = count(model, 64, 64)
    given = numbers(lambda: model(image, image))
    analysis = fvcore.FlopCountAnalysis(model, (image, image))
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    found = dict(analysis.by_operator())
    ignored = {operation.removeprefix("aten::") for operation in analysis.unsupported_ops()} - FREE

    assert found.keys() <= {"conv", "batch_norm", "upsample_bilinear2d"}
    assert found["conv"] == cost.macs
    assert found.get("batch_norm", 0) == 2 * given["native_batch_norm"]
    assert found.get("upsample_bilinear2d", 0) == 4 * given["upsample_bilinear2d"]
    assert {OUR_NAMES.get(operation, operation) for operation in {*found, *ignored} - {"conv"}} <= cost.uncounted.keys()


def numbers(call: Callable[[], object]) -> Counter[str]:
    """How many numbers come out of each operation of a call."""
    given: Counter[str] = Counter()

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            first = result[0] if isinstance(result, tuple) else result
            given[func.overloadpacket.__name__] += first.numel() if isinstance(first, Tensor) else 0
            return result

    with torch.no_grad(), Watch():
        call()
    return given


@pytest.mark.parametrize("addition", ["aligned", "tolerant", "signed"])
@pytest.mark.parametrize("way", ["concat", "siamese"])
def test_what_is_added_to_a_fusion_is_counted(way: str, addition: str) -> None:
    plain, more = (count(build("unet", width=2, fusion=fusion), 32, 32) for fusion in (way, f"{way}+{addition}"))
    assert more.flops > plain.flops
