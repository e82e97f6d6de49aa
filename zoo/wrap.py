"""Give a network of one's own the contract, so that it can stand beside the catalog's."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from registry import OptionError, Spec
from zoo.contract import TASKS, InputError, Interface, Link, Task
from zoo.model import PairModel


def wrap(
    module: nn.Module,
    *,
    order: str = "bg,fg_bg",
    inputs: Literal["stacked", "separate"] | None = None,
    outputs: str | None = None,
    in_ch: int = 6,
    tasks: Sequence[Task] | Task = TASKS,
    link: Link | Mapping[str, Link] | Sequence[Link] = "logit",
    stride: int = 1,
    name: str | None = None,
) -> PairModel:
    """Any nn.Module as `model(bg, fg_bg) -> Prediction(mask, depth)`.

    order: how the module takes the images, "bg,fg_bg", "fg_bg,bg" or "fg_bg" alone.
    inputs: "stacked" for one tensor with both images' channels, "separate" for two arguments; None: by its signature.
    outputs: what it returns, in order, as "depth,mask", where it returns a tensor of two channels or a tuple; for a
        dict, the keys that hold the tasks in the order of `tasks`. None: the order of `tasks`, or keys of their names.
    link: "identity" per task where it returns values in [0, 1] instead of logits.
    stride: its sides must be multiples of it; what is missing is replicated, at least two strides.

    Maps of another size than the images are resized (bilinear). The module's own normalisation stays its own.
    """
    names = tuple(part.strip() for part in order.split(","))
    if names not in (("bg", "fg_bg"), ("fg_bg", "bg"), ("fg_bg",)):
        raise OptionError(f"order={order!r} is not accepted; order takes bg,fg_bg or fg_bg,bg or fg_bg")
    if not isinstance(module, nn.Module):
        raise OptionError(f"wrap takes an nn.Module, not a {type(module).__name__}; pass an instance, not the class")
    plate = "bg" in names
    face = Interface(in_ch=in_ch, tasks=tasks, plate=plate, link=link)  # type: ignore[arg-type]
    keys = tuple(part.strip() for part in outputs.split(",")) if outputs else face.tasks
    if len(keys) != len(face.tasks):
        raise OptionError(
            f"outputs={outputs!r} names {len(keys)} maps; there are {len(face.tasks)} tasks: {face.tasks}"
        )
    separate = inputs == "separate" if inputs else plate and _arguments(module) == 2
    model = Wrapped(module, face, names, keys, separate, stride)
    model.spec = Spec(name or type(module).__name__, face.options() | {"order": order})
    return model


class Wrapped(PairModel):
    """A foreign module behind the contract; made by `wrap`."""

    def __init__(
        self,
        module: nn.Module,
        face: Interface,
        order: tuple[str, ...],
        keys: tuple[str, ...],
        separate: bool,
        stride: int,
    ):
        super().__init__(face, stride=stride)
        self.module, self.order, self.keys, self.separate = module, order, keys, separate

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        images: list[Any] = [bg if which == "bg" else fg_bg for which in self.order]
        out = self.module(*images) if self.separate else self.module(torch.cat(images, 1))
        maps = self._by_task(out)
        return {task: self._fitted(task, maps[task], fg_bg) for task in self.face.tasks}

    def _by_task(self, out: Any) -> dict[str, Any]:
        """The module's output, taken apart."""
        tasks = self.face.tasks
        if isinstance(out, Mapping):
            absent = [key for key in self.keys if key not in out]
            if absent:
                raise InputError(
                    f"the wrapped module returns {', '.join(map(str, out))}, and not {absent[0]}; pass outputs="
                )
            return dict(zip(tasks, (out[key] for key in self.keys), strict=True))
        if isinstance(out, Tensor):
            if out.dim() != 4 or out.shape[1] != len(tasks):
                raise InputError(
                    f"the wrapped module returns {tuple(out.shape)}; expected (b, {len(tasks)}, h, w), a channel for"
                    f" each of {', '.join(tasks)}"
                )
            out = out.chunk(len(tasks), dim=1)
        if not isinstance(out, Sequence) or len(out) != len(tasks):
            what = f"{len(out)} things" if isinstance(out, Sequence) else f"a {type(out).__name__}"
            raise InputError(f"the wrapped module returns {what}; expected a map for each of {', '.join(tasks)}")
        return dict(zip(self.keys, out, strict=True))

    def _fitted(self, task: str, value: Tensor, image: Tensor) -> Tensor:
        if value.dim() != 4 or value.shape[0] != image.shape[0] or value.shape[1] != 1:
            raise InputError(
                f"the wrapped module's {task} is {tuple(value.shape)}; expected ({image.shape[0]}, 1, h, w)"
            )
        if value.shape[-2:] == image.shape[-2:]:
            return value
        return F.interpolate(value, size=image.shape[-2:], mode="bilinear", align_corners=False)


def _arguments(module: nn.Module) -> int:
    """How many arguments the module's forward cannot do without."""
    needed = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(module.forward).parameters.values()
    return sum(p.kind in needed and p.default is inspect.Parameter.empty for p in parameters)
