"""`zoo.wrap`: gives a network of one's own the contract of the catalog's."""

import copy
import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from registry import OptionError, Spec, ZooError, require, require_each
from registry.errors import raised
from zoo.contract import TASKS, InputError, Interface, Link, Task, words
from zoo.model import PairModel

INPUTS = ("stacked", "separate")
ORDERS = (("bg", "fg_bg"), ("fg_bg", "bg"))
ACCEPTED = "bg,fg_bg or fg_bg,bg or fg_bg"


def wrap(
    module: nn.Module,
    *,
    order: str | Sequence[str] | None = None,
    inputs: Literal["stacked", "separate"] | None = None,
    outputs: str | Sequence[str] | Mapping[Task, str] = TASKS,
    in_ch: int | None = None,
    link: Link | Mapping[str, Link] | Sequence[Link] = "logit",
    stride: int = 1,
) -> PairModel:
    """Any nn.Module as `model(bg, fg_bg) -> Prediction(mask, depth)`.

    order: how the module takes the images, "bg,fg_bg", "fg_bg,bg" or "fg_bg" alone. None: by the names of its two
        arguments where they are bg and fg_bg, else bg,fg_bg.
    inputs: "stacked" for one tensor with both images' channels, "separate" for two arguments; None: by its signature.
    outputs: the tasks it returns: "depth,mask" for a tensor of two channels or a tuple in this order, "mask" for one
        alone; of a dict, the keys that hold them where these have other names, as {"mask": "segmentation"}.
    in_ch: channels of all it takes together. None: 6, and 3 for fg_bg alone.
    link: "identity" per task where it returns values in [0, 1] instead of logits.
    stride: its sides must be multiples of it; what is missing is replicated, at least two strides.

    Maps of another size than the images are resized (bilinear). The module's own normalisation stays its own.

    >>> model = wrap(nn.Conv2d(6, 2, 3, padding=1), order="fg_bg,bg", outputs="mask,depth")
    >>> model(*torch.rand(2, 1, 3, 64, 64)).mask.shape
    torch.Size([1, 1, 64, 64])
    """
    if not isinstance(module, nn.Module):
        raise OptionError(f"wrap takes an nn.Module, not a {type(module).__name__}; pass an instance, not the class")
    require_each("inputs", inputs, (inputs,) if inputs is not None else (), INPUTS)
    arguments = _arguments(module)
    by_name = arguments if arguments in ORDERS and inputs != "stacked" else ORDERS[0]
    images = by_name if order is None else words("order", order, ACCEPTED)
    require(images in (*ORDERS, ("fg_bg",)), "order", order, ACCEPTED)
    plate = "bg" in images
    in_ch = (6 if plate else 3) if in_ch is None else in_ch
    keys = _keys(outputs)
    face = Interface(in_ch=in_ch, tasks=tuple(keys), plate=plate, link=link)  # type: ignore[arg-type]
    separate = inputs == "separate" if inputs else plate and len(arguments) == 2
    with torch.inference_mode(False):
        model = Wrapped(module, face, images, keys, separate, stride)
    model.spec = Spec(type(module).__name__, face.options() | {"order": ",".join(images)})
    return model


def contracted(network: Any, asked: Spec) -> PairModel:
    """A network of one's own: what is there already is copied, what makes one is called with the options.

    A PairModel is taken as it is, any other nn.Module through `wrap`.
    """
    model = copy.deepcopy(network) if isinstance(network, nn.Module) else network(**asked.options)
    if not isinstance(model, nn.Module):
        raise OptionError(f"{asked} gives a {type(model).__name__}, not an nn.Module")
    return model if isinstance(model, PairModel) else wrap(model)


def require_callable(network: Any, asked: Spec) -> None:
    """Raise OptionError unless `contracted` can make something of it with these options."""
    if isinstance(network, nn.Module) and asked.options:
        raise OptionError(f"{asked.name} is a network that is built already and takes no options; name its class")
    if not callable(network):
        raise OptionError(f"{asked.name} is a {type(network).__name__}; give a network, its class, or a function")
    if not isinstance(network, nn.Module):
        try:
            inspect.signature(network).bind(**asked.options)
        except TypeError as error:
            hint = "options go in brackets, as (width=8)"
            if isinstance(network, type) and issubclass(network, PairModel):
                hint = "give an architecture a name with @register, import its file, and use that name"
            raise OptionError(f"{asked} cannot be called: {error}; {hint}") from None
        except ValueError:  # a callable of C, which tells nothing; calling it will
            pass


class Wrapped(PairModel):
    """A foreign module behind the contract; made by `wrap`."""

    def __init__(
        self,
        module: nn.Module,
        face: Interface,
        order: tuple[str, ...],
        keys: dict[Task, str],  # task -> the key that holds it in a dict; in the order that a tuple has
        separate: bool,
        stride: int,
    ):
        super().__init__(face, stride=stride)
        self.module, self.order, self.keys, self.separate = module, order, keys, separate

    @property
    def how(self) -> dict[str, Any]:
        """The settings of `wrap`, as JSON can hold them."""
        return {
            "order": ",".join(self.order),
            "inputs": INPUTS[self.separate],
            "outputs": self.keys,
            "in_ch": self.face.in_ch,
            "link": dict(zip(self.face.tasks, self.face.link, strict=True)),
            "stride": self.stride,
        }

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        images: list[Any] = [bg if which == "bg" else fg_bg for which in self.order]
        given = images if self.separate else [torch.cat(images, 1)]
        out = self.module(*given) if torch.compiler.is_compiling() else self._called(given)
        maps = self._by_task(out)
        return {task: self._fitted(task, maps[task], fg_bg) for task in self.face.tasks}

    def _called(self, given: list[Tensor]) -> Any:
        try:
            return self.module(*given)
        except (ZooError, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            shapes = " and ".join(str(tuple(image.shape)) for image in given)
            raise InputError(
                f"the wrapped {type(self.module).__name__} was given {shapes} ({', '.join(self.order)}) and raised"
                f" {raised(error, 200)}"
            ) from error

    def _by_task(self, out: Any) -> dict[str, Any]:
        """The module's output, taken apart."""
        tasks = self.face.tasks
        if isinstance(out, Mapping):
            absent = [key for key in self.keys.values() if key not in out]
            if absent:
                raise InputError(
                    f"the wrapped module returns {', '.join(map(str, out))}, and not {absent[0]}; pass outputs="
                )
            return {task: out[key] for task, key in self.keys.items()}
        if tuple(self.keys.values()) != tuple(self.keys):
            raise InputError(
                f"the wrapped module returns a {type(out).__name__}, so outputs= takes {' and '.join(tasks)} in its"
                f" order, and no keys ({', '.join(self.keys.values())})"
            )
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

    def _fitted(self, task: str, value: Any, image: Tensor) -> Tensor:
        if not isinstance(value, Tensor) or not value.is_floating_point():
            kind = value.dtype if isinstance(value, Tensor) else f"a {type(value).__name__}"
            raise InputError(f"the wrapped module's {task} is {kind}; expected a float tensor (b, 1, h, w)")
        if value.dim() != 4 or value.shape[0] != image.shape[0] or value.shape[1] != 1:
            raise InputError(
                f"the wrapped module's {task} is {tuple(value.shape)}; expected ({image.shape[0]}, 1, h, w)"
            )
        if value.shape[-2:] == image.shape[-2:]:
            return value
        return F.interpolate(value, size=image.shape[-2:], mode="bilinear", align_corners=False)


def _keys(outputs: Any) -> dict[Task, str]:
    """Task -> the key that holds its map, in the order in which the module returns them."""
    accepted = "mask, depth or both, in the order in which they are returned, or keys of a dict, as {'mask': 'probs'}"
    tasks = words("outputs", outputs, accepted)
    keys = [*outputs.values()] if isinstance(outputs, Mapping) else tasks
    fits = all(isinstance(word, str) for word in (*tasks, *keys)) and {*tasks} <= {*TASKS}
    require(fits and 0 < len(tasks) == len({*tasks}) == len({*keys}), "outputs", outputs, accepted)
    return dict(zip(tasks, keys, strict=True))


def _arguments(module: nn.Module) -> tuple[str, ...]:
    """The arguments that the module's forward cannot do without."""
    if isinstance(module, torch.jit.ScriptModule):  # one that was traced has no signature
        schema: Any = module.forward.schema.arguments[1:]  # type: ignore[attr-defined]
        return tuple(argument.name for argument in schema if not argument.has_default_value())
    needed = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(module.forward).parameters.values()
    return tuple(p.name for p in parameters if p.kind in needed and p.default is inspect.Parameter.empty)
