"""What a device can do at best: matrix products and copies, measured in the same run, and the share that is reached.

The peaks are those of torch's own kernels here, not of a data sheet. A network bound by arithmetic nears the first, one
bound by memory the second. A share is above 1 where things were counted that are not carried out: products of a
convolution that is computed by another algorithm (Winograd's needs fewer), or bytes that stay in a cache.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

from benchmarks.networks.engines import PRECISIONS
from benchmarks.timing import rounds
from registry import require_each
from zoo.precision import float32

SIDES = (256, 512, 1024, 2048, 4096, 8192)  # of the square matrices; the best of them counts
COPIED = {"cpu": 2**28, "cuda": 2**30}  # bytes of the copied tensor, far more than any cache holds
SHARE = 0.25  # of the time that one call may take for a larger one to be tried
LEAST = 3  # calls of each kind: the first one starts threads and loads kernels


def peaks(device: torch.device, precision: str, seconds: float) -> dict[str, float]:
    """The best of what was seen in these seconds: {"matmul_flops_per_s", "copy_bytes_per_s"}.

    Half the time for each; a copied byte counts twice, for it is read and written.
    """
    require_each("precision", precision, (precision,), PRECISIONS)
    source = torch.zeros(COPIED[device.type] // 4, device=device)
    target = torch.zeros_like(source)
    with float32(tf32=precision == "tf32"), torch.inference_mode():
        return {
            "matmul_flops_per_s": _matmul(device, PRECISIONS[precision], seconds / 2),
            "copy_bytes_per_s": 2 * source.nbytes / _best(lambda: target.copy_(source), device, seconds / 2),
        }


def share(flops: float, moved: float, ms: float, peaks: Mapping[str, float]) -> dict[str, float]:
    """What a call reaches of each peak. moved: bytes that its operations read and write, one by one.

    >>> share(1e9, 2e7, 10.0, {"matmul_flops_per_s": 4e11, "copy_bytes_per_s": 1e10})
    {'matmul_share': 0.25, 'copy_share': 0.2}
    """
    seconds = ms / 1e3
    return {
        "matmul_share": flops / seconds / peaks["matmul_flops_per_s"],
        "copy_share": moved / seconds / peaks["copy_bytes_per_s"],
    }


def _matmul(device: torch.device, dtype: torch.dtype, seconds: float) -> float:
    best = 0.0
    for number, side in enumerate(SIDES):
        left = seconds / 2 ** (min(number, 3) + 1)
        a, b = (torch.rand(side, side, device=device).to(dtype) for _ in range(2))
        out = torch.empty_like(a)
        took = _best(partial(_product, a, b, out), device, left)
        best = max(best, 2 * side**3 / took)
        if 8 * took > SHARE * seconds:  # twice the side is eight times the work
            break
    return best


def _product(a: Tensor, b: Tensor, out: Tensor) -> None:
    torch.mm(a, b, out=out)


def _best(call: Callable[[], object], device: torch.device, seconds: float) -> float:
    """The shortest time of a call in seconds, among those of the time given."""
    best, spent, calls = math.inf, 0.0, 0
    while calls < LEAST or spent < seconds:
        took = rounds.sample(call, device) / 1e3
        best, spent, calls = min(best, took), spent + took, calls + 1
    return best
