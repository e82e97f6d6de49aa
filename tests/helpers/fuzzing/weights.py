"""Files of weights: headers and tensors of safetensors, pickles in .pth, and specs that ask for too much."""

import io
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.torch import save

import zoo
from fuzzing import whole
from fuzzing.case import Case
from fuzzing.changes import RARELY, altered, damaged
from fuzzing.tensors import own, pickles, states

SPECS = (
    *("unet(depth=12)", "u2netp", "nothing", "unet(depth=3, width=2, in_ch=7)", "unet(depth=3, width=2, in_ch=3)"),
    *("unet(", "", "unet(depth=3, width=2, tasks=mask)", "frame_difference", "unet(depth=3, width=2, link=identity)"),
    *("unet(depth=3, width=2, plate=False)", "unet(depth=3.5)", "unet(width=-1)", "deeplabv3(encoder=nothing)"),
)
HUGE = ("unet(width=6000)", "unet(depth=3, width=2, in_ch=1000000)", "unet(depth=4, width=100000)")
DOORS = ("load", "build", "predict", "elsewhere")


@st.composite
def specs(draw: Callable[..., Any]) -> str:
    """What a file may say it holds; now and then something that no machine should build."""
    spec: str = draw(st.sampled_from(HUGE if draw(RARELY) else SPECS))
    return spec


@st.composite
def headers(draw: Callable[..., Any]) -> bytes:
    """One of our files with another header."""
    data = whole.weights()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    if draw(st.booleans()):
        header["__metadata__"]["spec"] = draw(specs())
    elif draw(st.booleans()):
        header["__metadata__"] = draw(altered(header["__metadata__"]))
    else:
        header = draw(altered(header))
    text = json.dumps(header).encode(errors="surrogatepass")
    claimed = draw(st.sampled_from((len(text), len(text), len(text), len(text) - 1, 0, 1 << 30, (1 << 64) - 1)))
    return claimed.to_bytes(8, "little") + text + data[8 + length :]


@st.composite
def others(draw: Callable[..., Any]) -> bytes:
    """A safetensors file with tensors of any kind."""
    spec = whole.TINY if draw(st.booleans()) else draw(specs())
    ours = {"format": "pairzoo", "schema": "1", "version": "0", "spec": spec, "trained_at": draw(TRAINED_AT)}
    state = {key: value for key, value in draw(states()).items() if isinstance(key, str) and _is_plain(value)}
    try:
        return save(state, ours if draw(st.booleans()) else None)
    except (SafetensorError, ValueError, RuntimeError):  # what that library does not write itself
        return whole.weights()


TRAINED_AT = st.sampled_from(("", "16x24", "0x0", "99999999x99999999", "16", "²x³", "-1x5", "16x24x3"))


@cache
def pickled() -> bytes:
    """Whole weights as torch.save writes them."""
    buffer = io.BytesIO()
    torch.save(own(), buffer)
    return buffer.getvalue()


def _is_plain(value: Any) -> bool:
    return value.layout is torch.strided and not value.is_quantized and value.numel() < 1000 and value.is_contiguous()


@st.composite
def cases(draw: Callable[..., Any]) -> Case:
    kind = draw(st.sampled_from(("header", "tensors", "pickle", "pickle", "damaged")))
    if kind == "damaged":
        data = draw(damaged(draw(st.sampled_from((whole.weights(), pickled())))))
    else:
        data = draw({"header": headers(), "tensors": others(), "pickle": pickles()}[kind])
    suffix = draw(st.sampled_from(("safetensors", "pth", "bin")))
    return Case({f"given.{suffix}": data}, (draw(st.sampled_from(DOORS)),))


def run(folder: Path, door: str) -> None:
    """Load it by one of the doors; what was loaded must compute."""
    given = next(folder.iterdir())
    photo = np.zeros((16, 24, 3), np.uint8)
    if door == "predict":
        zoo.predict(given, photo, photo, device="cpu")
        return
    if door == "load":
        model = zoo.load(given)
    else:
        model = zoo.build(whole.TINY if door == "build" else "frame_difference", weights=given)
    zoo.predict(model, photo, photo, size=16)
