"""A folder of wheels for a machine without network that has torch: ours, and what we need beside torch and torchvision.

The versions are those installed here. docs/offline.md says how the folder is used there.
"""

import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from registry import ZooError

THERE = ("torch", "torchvision")  # with all that they need themselves
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "any")
SOURCE = ("registry", "zoo", "benchmarks", "pyproject.toml", "README.md", "LICENSE")
ROOT = Path(__file__).resolve().parents[2]


def run(out: Path, python: str) -> int:
    """Fill the folder; what is there already stays."""
    out.mkdir(parents=True, exist_ok=True)
    tag = f"cp{python.replace('.', '')}"
    of = [f"--python-version={python}", "--implementation=cp", *(f"--abi={abi}" for abi in (tag, "abi3", "none"))]
    of += [f"--platform={platform}" for platform in PLATFORMS]
    _pip("download", "--no-deps", "--only-binary=:all:", *of, f"--dest={out}", *pinned(python))
    with tempfile.TemporaryDirectory() as clean:  # what an earlier build has left in the checkout would be in it
        for name in SOURCE:
            whole = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
            whole(ROOT / name, Path(clean) / name)
        _pip("wheel", "--no-deps", f"--wheel-dir={out.absolute()}", clean)
    wheels = [*out.glob("*.whl")]
    size = sum(path.stat().st_size for path in wheels) / 1e6
    print(f"written: {out}, {len(wheels)} wheels, {size:.0f} MB; docs/offline.md says what to do there")
    return 0


def pinned(python: str) -> list[str]:
    """What that machine lacks, as name==version."""
    lacking = _needed(_direct(python), python).items() - _needed(THERE, python).items()
    return sorted(f"{name}=={version}" for name, version in lacking)


def _direct(python: str) -> Iterable[str]:
    """What we need ourselves: a checkout may not be installed, but its project file is there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return (Requirement(text).name for text in project["dependencies"])


def _needed(names: Iterable[str], python: str) -> dict[str, str]:
    """Distributions by name with their versions here, with all that they need on a Python."""
    found: dict[str, str] = {}
    waiting = list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        try:
            known = distribution(name)
        except PackageNotFoundError:
            raise ZooError(
                f"{name} is not installed here, and its version is that of the wheel; install it first"
            ) from None
        found[name] = known.version
        for text in known.requires or ():
            needed = Requirement(text)
            about = {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
            if needed.marker is None or needed.marker.evaluate(about):
                waiting.append(needed.name)
    return found


def _pip(*words: str) -> None:
    done = subprocess.run([sys.executable, "-m", "pip", *words, "--quiet", "--disable-pip-version-check"], check=False)
    if done.returncode:
        raise ZooError(f"pip {words[0]} has failed; its own words are above")
