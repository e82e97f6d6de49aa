"""The project as others get it: a wheel that works away from its folder, and facts that are told alike everywhere."""

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest
import yaml

from zoo.version import __version__

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def read(name):
    return yaml.safe_load((ROOT / name).read_text())


def test_the_citation_is_of_this_version():
    citation = read("CITATION.cff")
    assert citation["version"] == __version__
    assert citation["license"] == PROJECT["license"]
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()


def test_the_workflow_tries_the_lowest_torch_that_we_promise():
    bound = next(text for text in PROJECT["dependencies"] if text.startswith("torch>="))
    tried = read(".github/workflows/tests.yml")["jobs"]["tests"]["strategy"]["matrix"]["include"]
    assert {row["torch"] for row in tried} == {bound.replace(">=", "==") + ".*", "torch"}
    assert min(tuple(map(int, row["python"].split("."))) for row in tried) == (3, 11)
    assert PROJECT["requires-python"] == ">=3.11"


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / ".github/workflows").iterdir()))
def test_workflows_only_run_what_there_is(name):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for job in read(f".github/workflows/{name}")["jobs"].values():
        for step in job["steps"]:
            for target in re.findall(r"\bmake ([a-z-]+)", step.get("run", "")):
                assert target in targets


def test_a_commit_is_checked_as_make_check_does():
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    made = [line.strip().removeprefix("@$(BIN)/").removesuffix(" .") for line in recipe.splitlines()]
    hooks = read(".pre-commit-config.yaml")["repos"][0]["hooks"]
    assert made == [hook["entry"].removeprefix(".venv/bin/").removesuffix(" --force-exclude") for hook in hooks]


@pytest.mark.slow
def test_an_installed_wheel_works_from_another_folder(tmp_path):
    """In an environment of its own, which takes torch and the rest from this one."""
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, ROOT]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(tmp_path / "venv", with_pip=False)
    python, away = tmp_path / "venv/bin/python", tmp_path / "away"
    away.mkdir()
    into = next((tmp_path / "venv/lib").glob("python*")) / "site-packages"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", into, wheel]
    subprocess.run(install, check=True, capture_output=True)
    env = {
        **os.environ,
        "PYTHONPATH": sysconfig.get_path("purelib"),
    }  # its .pth files, and so this checkout, do not count

    def said(*words):
        return subprocess.run([python, *words], cwd=away, env=env, check=True, capture_output=True, text=True).stdout

    assert said("-c", "import zoo; print(zoo.__file__)").startswith(str(into))
    assert "u2net" in said("-m", "zoo", "list")
    assert "unet" in said("-m", "benchmarks.compare", "unet(width=4)", "--preset", "smoke")
    assert said("-c", "import zoo; print(zoo.load('aligned_difference').spec.name)").strip() == "aligned_difference"
