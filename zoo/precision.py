"""How exactly a network computes: float32 in full, TF32 if asked for, or a half precision."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal

import torch

HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}  # those that autocast computes in
NAMES: dict[bool, Literal["high", "highest"]] = {True: "high", False: "highest"}  # TF32 or not, as torch says it
EXACT = ("none", "ieee")


def half(device: torch.device, precision: str) -> torch.autocast:
    """Autocast for a half precision; for others a context that does nothing."""
    return torch.autocast(device.type, HALVES.get(precision), enabled=precision in HALVES)


def no_autocast(device: torch.device) -> torch.autocast:
    """Switch autocast off within the block. It does not support the meta device, on which operations are counted."""
    return torch.autocast("cpu" if device.type == "meta" else device.type, enabled=False)


@contextmanager
def float32(*, tf32: bool = False) -> Iterator[None]:
    """float32 means float32 within, in products and convolutions, or TF32; whatever is set within is put back, too."""
    before = [backend.fp32_precision for backend in _backends()]
    products: str | None = None
    convolutions: bool | None = None
    with suppress(RuntimeError):  # torch refuses to tell where older and newer settings were mixed
        products, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        set_float32(tf32=tf32)
        yield
    finally:
        if products is not None and convolutions is not None:  # first, because they set the newer ones too
            torch.set_float32_matmul_precision(products)
            torch.backends.cudnn.allow_tf32 = convolutions
        for backend, value in zip(_backends(), before, strict=True):
            backend.fp32_precision = value


def set_float32(*, tf32: bool) -> None:
    """Have float32 products and convolutions computed exactly, or on a GPU in TF32, whatever was set before."""
    torch.set_float32_matmul_precision(NAMES[tf32])
    torch.backends.cudnn.allow_tf32 = tf32
    for backend in _backends():  # torch's newer settings stand above its older ones, and a user's file may set them
        if not tf32 and backend.fp32_precision not in EXACT:
            backend.fp32_precision = "ieee"


def _backends() -> tuple[Any, ...]:
    cuda, cudnn, cpu = torch.backends.cuda, torch.backends.cudnn, torch.backends.mkldnn
    return (cuda.matmul, cudnn.conv, cudnn.rnn, cpu.matmul, cpu.conv, cpu.rnn)  # type: ignore[attr-defined]
