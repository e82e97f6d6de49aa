"""Which modules a person wants to see: the model opened until about a dozen to thirty stages lie side by side."""

from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn

from zoo.describing.trace import Call, Trace, is_channels_last, scale_of

ENOUGH, MOST = 12, 32  # stages: opened further below the one, never beyond the other
FEW = 6  # below this, even a block of plain layers is opened


@dataclass(frozen=True)
class Stage:
    """One box of the picture and one line of the walk."""

    name: str
    kind: str  # the class
    shape: tuple[int, ...]  # of the output, (c, h, w), or (tokens, c), without the batch
    params: int
    halvings: int | None  # how often its resolution is halved against the image's
    branch: str  # the module that holds it; stages of one branch are drawn in line
    serves: tuple[str, ...]  # the tasks whose output depends on it
    sources: tuple[str, ...]  # where its values come from: "bg", "fg_bg", or "#3", the stage of that number


@dataclass(frozen=True)
class Flow:
    """The stages in call order, and the stages (or images) that each task's output is made of."""

    stages: tuple[Stage, ...]
    outputs: dict[str, tuple[str, ...]]
    rest: int  # parameters outside every stage


def flow(trace: Trace, size: tuple[int, int]) -> Flow:
    """The picture of a trace at a readable depth."""
    chosen = sorted(_open(trace.calls))
    sources = _sources(trace, set(chosen))
    number = {index: f"#{place}" for place, index in enumerate(chosen)}
    images = {operation: name for name, operation in trace.inputs.items()}
    labels = number | {-1 - operation: name for operation, name in images.items()}

    def named(found: Iterable[int]) -> tuple[str, ...]:
        return tuple(labels[source] for source in sorted(found, key=_images_first) if source in labels)

    reads: dict[int, set[int]] = {index: set() for index in chosen}
    box = _boxes(trace.calls, set(chosen))
    for operation in trace.operations:
        inside = None if operation.call is None else box[operation.call]
        if inside is not None:
            reads[inside] |= {s for read in operation.reads for s in sources[read]} - {inside}
    tasks = {task: _behind(sources[operation], reads) for task, operation in trace.outputs.items()}
    stages = []
    for index in chosen:
        call = trace.calls[index]
        shape = call.shape[1:]
        if is_channels_last(call.shape, size):
            shape = (shape[2], *shape[:2])
        parent = trace.calls[call.parent] if call.parent is not None else call
        serves = tuple(task for task, behind in tasks.items() if index in behind)
        halvings = scale_of(call.shape, size)
        kind = type(call.module).__name__
        stages.append(
            Stage(
                call.name or kind, kind, shape, count(call.module), halvings, parent.name, serves, named(reads[index])
            )
        )
    inside_stages = {id(p): p.numel() for index in chosen for p in trace.calls[index].module.parameters()}
    rest = count(trace.calls[0].module) - sum(inside_stages.values())
    outputs = {task: named(sources[operation]) for task, operation in trace.outputs.items()}
    return Flow(tuple(stages), outputs, rest)


def count(module: nn.Module) -> int:
    """Parameters, each once."""
    return sum(parameter.numel() for parameter in module.parameters())


def _open(calls: list[Call]) -> list[int]:
    """The calls to show: from the model down, level by level, largest first, while there are too few."""
    heights: dict[int, int] = {}
    for index in reversed(range(len(calls))):
        heights[index] = 1 + max((heights[child] for child in _weighty(calls, index)), default=-1)
    shown = [0]
    while True:
        shown = [_unwrap(calls, index) for index in shown]
        lowest = 1 if len(shown) < FEW else 2  # a block of plain layers (convolution, norm) is closed by preference
        groups: dict[tuple[int | None, type], list[int]] = {}  # siblings of one class are opened together
        for index in shown:
            if heights[index] >= lowest:
                groups.setdefault((calls[index].parent, type(calls[index].module)), []).append(index)
        before = len(shown)
        largest_first = sorted(groups.values(), key=lambda group: -sum(calls[index].operations for index in group))
        for group in largest_first if before < ENOUGH else ():
            inside = [child for index in group for child in _weighty(calls, index)]
            if len(shown) - len(group) + len(inside) <= MOST:
                shown = [index for index in shown if index not in group] + inside
        if len(shown) == before:
            return shown


def _unwrap(calls: list[Call], index: int) -> int:
    """The innermost call that holds all the weights of this one: a wrapper shows nothing."""
    inside = _weighty(calls, index)
    while len(inside) == 1 and _weighty(calls, inside[0]):
        index, inside = inside[0], _weighty(calls, inside[0])
    return index


def _weighty(calls: list[Call], index: int) -> list[int]:
    """The calls inside one that hold convolutions or matrices; norms and activations are no stages of their own."""
    return [
        child
        for child in calls[index].children
        if calls[child].operations and any(p.dim() > 1 for p in calls[child].module.parameters())
    ]


def _boxes(calls: list[Call], chosen: set[int]) -> list[int | None]:
    """For each call, the chosen call that it is or lies in."""
    box: list[int | None] = []
    for index, call in enumerate(calls):
        box.append(index if index in chosen else None if call.parent is None else box[call.parent])
    return box


def _sources(trace: Trace, chosen: set[int]) -> list[frozenset[int]]:
    """For each operation, the stages its result comes from: its own, or those of all it read; images are -1 - i."""
    box = _boxes(trace.calls, chosen)
    found: list[frozenset[int]] = []
    for index, operation in enumerate(trace.operations):
        inside = -1 - index if operation.call is None else box[operation.call]
        read = (found[other] for other in operation.reads)
        found.append(frozenset().union(*read) if inside is None else frozenset({inside}))
    return found


def _behind(start: Iterable[int], reads: dict[int, set[int]]) -> set[int]:
    """Everything that flows into some stages, and they themselves."""
    todo, seen = list(start), set[int]()
    while todo:
        index = todo.pop()
        if index not in seen:
            seen.add(index)
            todo += reads.get(index, ())
    return seen


def _images_first(source: int) -> tuple[bool, int]:
    return source >= 0, abs(source)
