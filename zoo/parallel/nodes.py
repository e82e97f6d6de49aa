"""The machines of a Ray cluster, looked at now and then."""

import time
from dataclasses import dataclass
from typing import Any

from zoo.parallel.work import Demand


@dataclass(frozen=True)
class Node:
    """A machine that is there. cpu, gpu: how many it has, in use or not."""

    id: str
    cpu: float
    gpu: float

    def fits(self, demand: Demand) -> bool:
        """Whether it could do such work, once nothing else is done there."""
        return self.gpu >= demand.gpu and self.cpu >= (1 if demand.exclusive else demand.cpu)


class Nodes:
    """Those of a cluster."""

    def __init__(self, ray: Any, pause: float):
        self.ray, self.pause = ray, pause
        self.refresh()

    def refresh(self) -> None:
        """Look again."""
        self.looked = time.monotonic()
        self._alive = [
            Node(node["NodeID"], node["Resources"].get("CPU", 0), node["Resources"].get("GPU", 0))
            for node in self.ray.nodes()
            if node["Alive"]
        ]

    def alive(self) -> list[Node]:
        """Those that are there."""
        if time.monotonic() - self.looked > self.pause:
            self.refresh()
        return self._alive

    def fitting(self, demand: Demand) -> list[Node]:
        """Those that could do such work."""
        return [node for node in self.alive() if node.fits(demand)]

    def cores(self) -> int:
        """Cores of all together."""
        return max(1, int(sum(node.cpu for node in self.alive())))

    def __str__(self) -> str:
        shown = sorted({f"cpu={node.cpu:g} gpu={node.gpu:g}" for node in self.alive()})
        return f"{len(self.alive())} with {' or '.join(shown)}" if shown else "none"
