"""What an exported file says about itself, as text that any program can read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from registry import Spec, ZooError, first_line
from registry.vocabulary import LARGEST, SMALLEST
from zoo.contract import Interface, Task, checked_size
from zoo.trained import Trained
from zoo.version import __version__
from zoo.weights.files import WeightsError

FORMAT, SCHEMA = "pairzoo-export", 1
Outputs = Literal["probabilities", "logits"]
DYNAMIC = "dynamic"
MOST_CHANNELS = 4096  # of both images; more is no file of ours
MEANING: Mapping[Outputs, Mapping[Task, str]] = {
    "probabilities": {
        "mask": "float32 (b, 1, h, w), probability of object, 0 to 1",
        "depth": "float32 (b, 1, h, w), relative depth, 0 nearest, 1 farthest or sky",
    },
    "logits": {
        "mask": "float32 (b, 1, h, w), logits: its sigmoid is the probability of object",
        "depth": "float32 (b, 1, h, w), logits: its sigmoid is relative depth, 0 nearest, 1 farthest or sky",
    },
}


@dataclass(frozen=True)
class Facts:
    """spec: name and options; face: what goes in; size: (h, w), None where the file takes every size from `least` up;
    digest: SHA-256 over the weights."""

    spec: Spec
    face: Interface
    outputs: Outputs
    size: tuple[int, int] | None
    least: int
    digest: str
    licence: str = ""
    trained: Trained | None = None
    trained_at: tuple[int, int] | None = None
    version: str = __version__

    @property
    def images(self) -> tuple[str, ...]:
        """The names of the inputs."""
        return self.face.inputs

    def to_text(self) -> dict[str, str]:
        """As metadata of a file."""
        image = f"float32 (b, {self.face.image_ch}, h, w), values in [0, 1]"
        inputs = {"bg": f"{image}: the scene", "fg_bg": f"{image}: the same scene with an object in it"}
        said: dict[str, str] = {
            "format": FORMAT,
            "schema": str(SCHEMA),
            "version": self.version,
            "spec": str(self.spec),
            **{name: inputs[name] for name in self.images},
            **{task: MEANING[self.outputs][task] for task in self.face.tasks},
            "in_ch": str(self.face.in_ch),
            "tasks": ",".join(self.face.tasks),
            "plate": str(self.face.plate),
            "outputs": self.outputs,
            "size": shown(self.size) if self.size else DYNAMIC,
            "smallest_side": str(self.least),
            "weights_sha256": self.digest,
            "licence": self.licence,
        }
        if self.trained_at:
            said["trained_at"] = shown(self.trained_at)
        if self.trained:
            said["trained"] = self.trained.to_text()
        return said

    @classmethod
    def from_text(cls, said: Mapping[str, str], path: Path) -> "Facts":
        """What the metadata of a file says; a WeightsError where it is none of ours."""
        if said.get("format") != FORMAT:
            raise WeightsError(
                f"{path} was not written by zoo.export, so nothing says what its inputs and outputs mean;"
                " zoo.wrap gives a network of your own the contract"
            )
        schema = said.get("schema", "")
        if not schema.isdecimal() or int(schema) > SCHEMA:
            raise WeightsError(
                f"{path} has schema {schema or 'none'}, this version ({__version__}) reads up to {SCHEMA}; it was"
                f" written by pairzoo {said.get('version', 'unknown')}: upgrade to that"
            )
        try:
            return cls(**_fields(said))
        except (KeyError, ValueError, ZooError) as error:
            raise WeightsError(
                f"{path} does not describe its inputs and outputs as zoo.export does: {first_line(error)}"
            ) from None


def _fields(said: Mapping[str, str]) -> dict[str, Any]:
    if said["outputs"] not in MEANING:
        raise ValueError(f"outputs are {said['outputs'][:40]!r}")
    in_ch, least = int(said["in_ch"]), int(said["smallest_side"])
    if not (in_ch <= MOST_CHANNELS and SMALLEST <= least <= LARGEST):
        raise ValueError(f"in_ch is {in_ch}, and the smallest side {least}")
    if len(bytes.fromhex(said["weights_sha256"])) != 32:
        raise ValueError("the digest of its weights is no SHA-256")
    face = Interface(in_ch=in_ch, tasks=said["tasks"], plate=said["plate"] == "True")  # type: ignore[arg-type]
    return {
        "spec": Spec.parse(said["spec"]),
        "face": face,
        "outputs": said["outputs"],
        "size": None if said["size"] == DYNAMIC else _pixels(said["size"]),
        "least": least,
        "digest": said["weights_sha256"],
        "licence": said.get("licence", ""),
        "trained": Trained.from_text(said.get("trained")),
        "trained_at": _pixels(said["trained_at"]) if "trained_at" in said else None,
        "version": said.get("version", "unknown"),
    }


def shown(size: tuple[int, int]) -> str:
    """
    >>> shown((224, 320))
    '224x320'
    """
    return "x".join(map(str, size))


def _pixels(text: str) -> tuple[int, int]:
    h, w = map(int, text.split("x"))
    return checked_size((h, w), f"pixels, {SMALLEST} to {LARGEST}")
