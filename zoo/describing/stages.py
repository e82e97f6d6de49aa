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
    sources, reads = _sources(trace, chosen)
    labels = {index: f"#{place}" for place, index in enumerate(chosen)}
    labels |= {-1 - operation: name for name, operation in trace.inputs.items()}

    def named(found: Iterable[int]) -> tuple[str, ...]:
        return tuple(labels[source] for source in sorted(found, key=lambda source: (source >= 0, abs(source))))

    tasks = {task: _behind(sources[operation], reads) for task, operation in trace.outputs.items()}
    stages = []
    for index in chosen:
        call = trace.calls[index]
        shape = call.shape[1:]
        if is_channels_last(call.shape, size):
            shape = (shape[2], *shape[:2])
        stages.append(
            Stage(
                name=call.name or type(call.module).__name__,
                kind=type(call.module).__name__,
                shape=shape,
                params=count(call.module),
                halvings=scale_of(call.shape, size),
                branch=call.name if call.parent is None else trace.calls[call.parent].name,
                serves=tuple(task for task, behind in tasks.items() if index in behind),
                sources=named(reads[index]),
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


def _sources(trace: Trace, chosen: list[int]) -> tuple[list[frozenset[int]], dict[int, frozenset[int]]]:
    """The stages that each operation's result comes from, and those that each stage reads; images are -1 - i."""
    stage_of: list[int | None] = []  # for each call, the chosen call that it is or lies in
    for index, call in enumerate(trace.calls):
        stage_of.append(index if index in chosen else None if call.parent is None else stage_of[call.parent])
    found: list[frozenset[int]] = []
    reads = dict.fromkeys(chosen, frozenset[int]())
    for index, operation in enumerate(trace.operations):
        stage = -1 - index if operation.call is None else stage_of[operation.call]
        read = frozenset[int]().union(*(found[other] for other in operation.reads))
        found.append(read if stage is None else frozenset({stage}))
        if stage in reads:
            reads[stage] |= read - {stage}
    return found, reads


def _behind(start: Iterable[int], reads: dict[int, frozenset[int]]) -> set[int]:
    """Everything that flows into some stages, and they themselves."""
    behind = set(start)
    for stage in sorted(reads, reverse=True):  # what a stage reads ran before it
        if stage in behind:
            behind |= reads[stage]
    return behind
