"""Tensors and what is built of them, as files of weights may hold them."""

import io
import warnings
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

import zoo
from fuzzing.whole import TINY

DTYPES = (
    *(torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int8, torch.uint8, torch.int16, torch.int32),
    *(torch.int64, torch.bool, torch.complex64, torch.float8_e4m3fn, torch.float8_e5m2),
)
KEYS = st.one_of(
    st.text(max_size=6),
    st.integers(-2, 2),
    st.none(),
    st.sampled_from(
        (
            "module.x",
            "_orig_mod.",
            "encoder.conv1.weight",
            "stage1.rebnconvin.conv_s1.weight",
            "inc.double_conv.0.weight",
        )
    ),
)


@cache
def own() -> dict[str, Tensor]:
    """Of the network that the doors build."""
    torch.manual_seed(0)
    return {name: value.clone() for name, value in zoo.build(TINY).state_dict().items()}


@st.composite
def tensors(draw: Callable[..., Any], value: Tensor | None = None) -> Any:
    """A tensor of some kind, often one like the given."""
    if value is None or draw(st.integers(0, 3)) == 0:
        value = torch.ones(draw(st.lists(st.integers(0, 4), max_size=5)))
    match draw(
        st.sampled_from(("as it is", "dtype", "fill", "expanded", "sparse", "csr", "view", "parameter", "quantized"))
    ):
        case "dtype":
            return value.to(draw(st.sampled_from(DTYPES)))
        case "fill":
            return (
                torch.full_like(value, draw(st.sampled_from((float("nan"), float("inf"), 1e38, 0.0))))
                if value.is_floating_point()
                else value
            )
        case "expanded":  # one number that claims to be many
            return torch.ones(1).expand(draw(st.sampled_from((10, 10**6, 10**12))))
        case "sparse":
            return value.to_sparse()
        case "csr" if value.dim() == 2:
            return value.to_sparse_csr()
        case "view" if value.numel() > 1:
            return value.flatten()[1:]
        case "parameter" if value.is_floating_point():
            return nn.Parameter(value)
        case "quantized":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that it will go some day
                return torch.quantize_per_tensor(value.float(), 0.1, 0, torch.qint8)
    return value


@st.composite
def states(draw: Callable[..., Any]) -> dict[Any, Any]:
    """The network's own names, some of whose tensors are others; with more names, or fewer."""
    state: dict[Any, Any] = dict(own())
    for name in draw(st.lists(st.sampled_from(sorted(state)), max_size=3, unique=True)):
        state[name] = draw(tensors(state[name]))
    for name in draw(st.lists(st.sampled_from(sorted(state)), max_size=2, unique=True)):
        del state[name]
    for key in draw(st.lists(KEYS, max_size=2)):
        state[key] = draw(tensors())
    prefix = draw(st.sampled_from(("", "", "module.", "_orig_mod.", "module._orig_mod.")))
    return {f"{prefix}{key}" if isinstance(key, str) else key: value for key, value in state.items()}


@st.composite
def pickles(draw: Callable[..., Any]) -> bytes:
    """What torch.save makes of weights, of weights in wrappers, and of what are none."""
    other = st.one_of(st.none(), st.integers(), st.lists(tensors(), max_size=2), st.text(max_size=4), tensors())
    found = draw(st.one_of(states(), states(), states(), other))
    for _ in range(draw(st.integers(0, 2))):
        key = draw(st.sampled_from(("state_dict", "model", "model_state_dict", "optimizer")))
        found = OrderedDict({key: found, "epoch": 3}) if draw(st.booleans()) else {key: found}
    if isinstance(found, dict) and draw(st.integers(0, 9)) == 0:
        found["model"] = found  # itself
    buffer = io.BytesIO()
    torch.save(found, buffer, _use_new_zipfile_serialization=draw(st.booleans()))
    return buffer.getvalue()
