"""Dealing groups out to splits, by a hash of their names and the seed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

NAMES = ("train", "val", "test")


def deal(groups: Iterable[str], seed: int, shares: Sequence[float], salt: str) -> dict[str, str]:
    """Group -> split, in the order of a hash of the names; each split with a share gets one or more."""

    def lot(group: str) -> bytes:
        return sha256(f"{seed}/{salt}/{group}".encode("utf-8", "surrogatepass")).digest()  # as file names can be

    shuffled = sorted(groups, key=lot)
    total = len(shuffled)
    counts = [max(1, int(total * share)) if share > 0 else 0 for share in shares]
    while sum(counts) != total:
        step = 1 if sum(counts) < total else -1
        open_ = [i for i, share in enumerate(shares) if share > 0 and counts[i] + step > 0]
        counts[max(open_, key=lambda i: step * (total * shares[i] - counts[i]))] += step
    splits = [name for name, count in zip(NAMES, counts, strict=True) for _ in range(count)]
    return dict(sorted(zip(shuffled, splits, strict=True)))


def deal_islands(
    given: Mapping[str, list[str | None]], seed: int, shares: Sequence[float]
) -> dict[str, dict[str, str]]:
    """Deal out islands, groups that share no sample with others, so that nothing mixes; {} where they are too big.

    Photos that each have a background and an object of their own are such islands; a data set that shows every object
    on every background is one.
    """
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def root(node: tuple[str, str]) -> tuple[str, str]:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    rows = Counter(zip(*given.values(), strict=True))  # a background with an object once, however often it is shown
    samples = {tuple((f, g) for f, g in zip(given, row, strict=True) if g is not None): rows[row] for row in rows}
    samples.pop((), None)
    for nodes in samples:
        roots = sorted(map(root, nodes))
        for other in roots[1:]:
            parent[other] = roots[0]  # the least name, so that an island is called the same in any order
    weights: Counter[tuple[str, str]] = Counter()
    for nodes, count in samples.items():
        weights[root(nodes[0])] += count
    if len(weights) < sum(share > 0 for share in shares) or max(weights.values()) > shares[0] * weights.total():
        return {}
    split = deal(map("/".join, weights), seed, shares, "islands")
    dealt: dict[str, dict[str, str]] = {factor: {} for factor in given}
    for factor, group in sorted(parent):
        dealt[factor][group] = split["/".join(root((factor, group)))]
    return dealt
