"""Networks of one's own in a comparison: from a file, from a module, from a notebook; and what cannot enter."""

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks import compare
from benchmarks.measures import memory
from benchmarks.networks.entrants import Entrant, enter, own
from benchmarks.plan.cells import Cell
from benchmarks.plan.comparison import Comparison
from benchmarks.run.campaign import Campaign
from benchmarks.store import files
from benchmarks.store.record import TimedSettings
from registry import OptionError
from zoo.architectures import architectures
from zoo.contract import Interface, Prediction
from zoo.model import PairModel

FILE = """
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

import zoo
from beside_my_net import CHANNELS


@dataclass
class Width:
    value: int = 4


class Net(nn.Module):
    def __init__(self, width=Width().value):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(CHANNELS, width, 3, padding=1), nn.Conv2d(width, 2, 1))

    def forward(self, x):
        return self.layers(x)


class Needy(nn.Module):
    def __init__(self, width):
        super().__init__()


class Faced(zoo.PairModel):
    def __init__(self, face):
        super().__init__(face)


def factory():
    return zoo.build("plain_cnn", in_ch=3)


def broken():
    raise RuntimeError("no such file\\nat all")


def nothing():
    return {}


class Raises(nn.Conv2d):
    def __init__(self):
        super().__init__(6, 2, 1)

    def forward(self, x):
        return {"mask": super().forward(x)}["depth"]


ready = Net(8)
SIZE = 3
"""


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "beside_my_net.py").write_text("CHANNELS = 6\n")
    (tmp_path / "my_net.py").write_text(FILE)
    path = list(sys.path)
    yield tmp_path / "my_net.py"
    sys.path[:] = path
    sys.modules.pop("beside_my_net", None)


def params(text: str) -> list[int]:
    return [sum(p.numel() for p in entrant.make().parameters()) for entrant in enter(text)]


def test_a_class_a_function_and_a_network_enter_with_their_options(file: Path) -> None:
    # 3 x 3 over 6 channels and a bias, then 1 x 1 to 2 maps and theirs: w (54 + 1) + 2 w + 2
    width = {4: 230, 8: 458, 16: 914}
    plain = sum(p.numel() for p in architectures.get("plain_cnn").factory(Interface(in_ch=3)).parameters())
    text = ", ".join(f"{file}:{name}" for name in ("Net", "Net(width=16)", "ready", "factory"))
    assert params(text) == [width[4], width[16], width[8], plain]
    assert [entrant.group for entrant in enter(text)] == ["yours"] * 4
    assert all(isinstance(entrant.make(), PairModel) for entrant in enter(text))


def test_they_enter_beside_the_catalog_and_none_twice(file: Path) -> None:
    asked = [str(entrant.asked) for entrant in enter(f"u2netp, {file}:Net, u2net*, {file}:Net")]
    assert asked == ["u2netp", f"{file}:Net", "u2net"]


def test_a_module_that_can_be_imported_is_named_without_its_file() -> None:
    model = enter("torch.nn:Identity")[0].make()
    images = torch.rand(2, 1, 3, 8, 8)
    with pytest.raises(Exception, match="wrapped module returns"):  # six channels are no mask and depth
        model(*images)


def rehearsed_here(entrant: Entrant, settings: TimedSettings, device: torch.device, work: str, **_: Any) -> Any:
    """What memory.fresh does in a process of its own; tests/benchmarks/measures/test_memory.py sees that it has one."""
    return memory._parsed(json.dumps(memory._measured(str(entrant.asked), settings, device, work)), "", 0)


def test_the_command_compares_them(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "fresh", rehearsed_here)
    monkeypatch.chdir(file.parent)  # a long path would be broken over two lines
    models = "my_net.py:Net, plain_cnn, my_net.py:broken, my_net.py:nothing, my_net.py:Raises"
    out = tmp_path / "out"
    options = ["--sizes", "16", "--seconds", "0.02", "--measure", "cost,latency", "--out", str(out)]
    options += ["--device", "cpu"]
    assert compare.main(["--models", models, *options]) == 3, "two of them fail"
    said = " ".join(capsys.readouterr().out.split())  # long lines are broken
    assert "cost failed: OptionError: my_net.py:broken raised RuntimeError (my_net.py, line 42): no such file" in said
    assert "raised KeyError (my_net.py, line 54): 'depth'" in said
    assert "at all" not in said
    assert "gives a dict, not an nn.Module" in said
    found = {(record.model, record.measure): record for record in files.read(out / "compare.jsonl")}
    mine = found["my_net.py:Net", "cost"]
    assert (mine.status, mine.group, mine.values["params"]) == ("done", "yours", 230)
    assert mine.values["macs"] == 16 * 16 * (4 * 54 + 2 * 4)
    assert found["my_net.py:Net", "latency"].status == found["plain_cnn", "latency"].status == "done"
    table = (out / "compare.md").read_text()
    assert table.index("plain_cnn") < table.index("my_net.py:Net")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("my_net.py:Nett", "has no Nett; did you mean Net?"),
        ("my_net.py:Needy", "cannot be called: missing a required argument: 'width'"),
        ("my_net.py:Faced", "give an architecture a name with @register"),
        ("my_net.py:Net(depth=3)", "cannot be called: got an unexpected keyword argument 'depth'"),
        ("my_net.py:ready(width=3)", "takes no options"),
        ("my_net.py:SIZE", "is a int; give a network, its class, or a function"),
        ("my_net.py", "give FILE.py:NAME"),
        ("other.py:Net", "there is no file"),
        ("bad.py:Net", "cannot be imported: SyntaxError: "),
        ("ends.py:Net", "cannot be imported: SystemExit (ends.py, line 1): 3"),
    ],
)
def test_what_cannot_enter_is_one_line(
    file: Path, name: str, says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (file.parent / "bad.py").write_text("class Net(:\n")
    (file.parent / "ends.py").write_text("raise SystemExit(3)\n")
    monkeypatch.chdir(file.parent)
    assert compare.main(["--models", name, "--out", "out"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert says in error
    assert error.count("\n") == 1
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("name", "says"), [("nowhere_at_all:Net", "ModuleNotFoundError"), ("torch.nn:Nett", "no Nett")]
)
def test_a_module_that_is_not_there(name: str, says: str) -> None:
    with pytest.raises(OptionError, match=says):
        enter(name)


def test_a_network_in_a_notebook_is_copied(tmp_path: Path) -> None:
    mine = nn.Conv2d(6, 2, 3, padding=1).train()
    entrants = [*enter("plain_cnn"), own("mine", mine)]
    cells = [Cell("latency", entrant, TimedSettings((16, 16))) for entrant in entrants]
    campaign = Campaign(cells, Comparison(out=tmp_path, seconds=0.02, rounds=1))
    records = list(campaign.measure(lambda *_: None))
    assert {(record.model, record.status) for record in records} == {
        ("plain_cnn", "done"),
        ("mine", "done"),
    }
    assert mine.training, "what was given is as it was"


def test_a_pair_model_is_taken_as_it_is() -> None:
    class Black(PairModel):
        def logits(self, bg, fg_bg):  # type: ignore[no-untyped-def]
            return {"mask": fg_bg[:, :1]}

    model = own("black", Black(Interface(tasks=("mask",)))).make()
    assert type(model) is Black
    assert isinstance(model(*torch.rand(2, 1, 3, 8, 8)), Prediction)


def test_a_network_is_another_when_a_file_that_it_imports_is(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "__init__.py").write_text("from . import blocks")
    (tmp_path / "parts" / "blocks.py").write_text("WIDTH = 4")
    (tmp_path / "unrelated.py").write_text("X = 1")
    (tmp_path / "zoo.py").write_text("")  # hides nothing
    network = "from torch import nn\nimport zoo\nfrom parts import blocks\nNet = nn.Conv2d(6, 2, 1)"
    (tmp_path / "mine.py").write_text(network)
    (tmp_path / "other.py").write_text("from torch import nn\nNet = nn.Conv2d(6, 2, 1)")

    def specs() -> tuple[str, ...]:
        return tuple(enter(f"{tmp_path}/{name}.py:Net")[0].spec for name in ("mine", "other"))

    before = specs()
    assert specs() == before
    (tmp_path / "unrelated.py").write_text("X = 2")
    (tmp_path / "zoo.py").write_text("X = 2")
    assert specs() == before, "what it does not import is not it"
    (tmp_path / "parts" / "blocks.py").write_text("WIDTH = 64")
    assert specs()[0] != before[0]
    assert specs()[1] == before[1]
    digest = hashlib.sha256((tmp_path / "other.py").read_bytes()).hexdigest()[:8]
    assert before[1].endswith(f":{digest}"), "alone, it is the digest of the file"


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("unet", "founding"),
        ("unet(in_ch=6)", "founding"),
        ("unet(width=4)", "variant"),
        ("unet(tasks=mask)", "variant"),
        ("frame_difference(tasks=mask)", "baseline"),
    ],
)
def test_a_founding_network_with_other_options_is_a_variant(text: str, group: str) -> None:
    assert enter(text)[0].group == group
