"""Records of controls, as benchmarks.checks.control makes them."""

from typing import Any

MACHINE = {
    "device": "cpu", "device_name": "A CPU", "cores": 2, "threads": 2, "torch": "2.x", "date": "2026-01-02T03:04:05"
}  # fmt: skip
ORDER = {"pairs": 9, "tied": [["b", "c"]], "ms": {"a": [1.0, 1.5], "b": [20.0, 31.0]}}


def record(held: int, found: int, turned: list[list[str]] | None = None) -> dict[str, Any]:
    """Of 40 runs."""
    return {
        "measure": "control", "model": "unet", "cell": {"size": [16, 24], "seconds": 2.0, "loaded": turned is not None},
        "values": {"held": held, "found": found, "runs": 40}, "machine": MACHINE, "load": 1.5,
        "raw": {"twin": [[1.0, 0.99, 1.01]] * 39 + [[0.97, 0.9, 1.1]], "slowed": [[1.03, 1.02, 1.04]] * 40,
                "anew": [[1.0, 0.99, 1.01]] * 30 + [[1.02, 1.01, 1.03]] * 10},
        "order": {} if turned is None else ORDER | {"turned": turned},
    }  # fmt: skip
