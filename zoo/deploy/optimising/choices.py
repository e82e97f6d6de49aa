"""What was chosen before, on this machine, for these weights at this size: a small file, and a file of the engine's."""

import hashlib
import json
import os
import shutil
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from zoo import machine
from zoo.deploy.optimising.report import Report
from zoo.files import from_json, replacing, write_text
from zoo.version import __version__

SCHEMA = 1
LARGEST = 1 << 28  # bytes of an engine's file that is kept
FOLDER = "PAIRZOO_CACHE"  # the name of a variable
ENGINES = ("onnxruntime", "openvino")  # as packages


def folder() -> Path:
    """Of everything that is kept: what the variable says, or the user's own for such files."""
    own = os.environ.get(FOLDER) or os.environ.get("XDG_CACHE_HOME")
    return (Path(own) if own else Path.home() / ".cache") / "pairzoo" / "optimised"


def key(device: torch.device, **asked: Any) -> str:
    """Of a choice: whatever would make it another one."""
    facts = machine.describe(device)
    here = {name: facts.get(name) for name in ("device_name", "cpu", "cores", "threads", "torch", "python", "driver")}
    engines = {name: _version(name) for name in ENGINES}
    isa = os.environ.get("ONEDNN_MAX_CPU_ISA"), os.environ.get("ATEN_CPU_CAPABILITY")
    said = {"schema": SCHEMA, "pairzoo": __version__, **here, **engines, "isa": isa, **asked}
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()[:32]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def find(name: str) -> Report | None:
    """What was chosen under a key; None where nothing was, or what is there cannot be read."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return Report.from_json(from_json((folder() / f"{name}.json").read_bytes()))
    return None


def files(name: str, suffix: str) -> Path:
    """The engine's file of a choice; it may be missing."""
    return folder() / f"{name}{suffix}"


def keep(name: str, report: Report, made: tuple[Path, ...]) -> str:
    """Write it down, the engine's files first; what went wrong, in a sentence, or nothing."""
    try:
        folder().mkdir(parents=True, exist_ok=True)
        if sum(path.stat().st_size for path in made) <= LARGEST:
            for path in made:
                with replacing(files(name, path.suffix)) as draft:
                    shutil.copyfile(path, draft)
        write_text(folder() / f"{name}.json", json.dumps(report.to_json()))
    except OSError as error:
        return f"The choice was not kept for the next time: {error.strerror or error} ({folder()})."
    return ""
