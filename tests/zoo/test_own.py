"""Code of one's own: a network, a loss and a metric go through every command; files only say which code it was."""

import csv
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from two_photos import photos

import zoo
import zoo.own
from zoo.__main__ import main
from zoo.losses.catalog import losses
from zoo.metrics.catalog import metrics
from zoo.training import Recipe
from zoo.weights.files import read, write

Shown = pytest.CaptureFixture[str]
NET = """
from pathlib import Path

from torch import nn

from beside_my_net import CHANNELS

Path("ran").touch()


class Net(nn.Module):
    '''Two layers.'''

    def __init__(self, width: int = 4):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(CHANNELS, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, 2, 1))

    def forward(self, x):
        return self.layers(x)


def broken():
    raise RuntimeError("no such file")
"""
LOSS = """
from pathlib import Path

from zoo.losses.catalog import LossCard, mean, register

Path("ran").touch()


def cube(logits, truth, *, scale: float = 1.0):
    return scale * mean((logits.sigmoid() - truth.target).abs() ** 3, truth.valid)


@register("fifth", LossCard(summary="fifth power", tasks=("depth",)))
def fifth(logits, truth):
    return mean((logits.sigmoid() - truth.target).abs() ** 5, truth.valid)
"""
METRIC = """
from zoo.metrics import Metric, MetricCard, register


@register("mask_worst", MetricCard(summary="mean of squares", task="mask", better="lower"))
class Worst(Metric):
    def sums(self, maps):
        return maps.over(maps.error**2)


class Bare(Metric):
    pass
"""
RECIPE = """
model = "unet(width=2)"
data = "pairbench:hard"
validate_samples = 2

[[stages]]
size = 16
samples = 8
batch = 4
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with code of one's own, in which we are; what it registers is forgotten afterwards."""
    for name, text in {"my_net": NET, "my_loss": LOSS, "my_metric": METRIC, "beside_my_net": "CHANNELS = 6\n"}.items():
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "small.toml").write_text(RECIPE)
    bg, fg_bg = photos()
    for name, image in (("bg", bg), ("photo", fg_bg)):
        Image.fromarray(np.asarray(image)).save(tmp_path / f"{name}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(zoo.own, "_modules", {})
    path, known = list(sys.path), [(catalog, dict(catalog._entries)) for catalog in (losses, metrics)]
    losses.load()
    metrics.load()
    yield tmp_path
    sys.path[:] = path
    sys.modules.pop("beside_my_net", None)
    for catalog, entries in known:
        catalog._entries = entries or {name: e for name, e in catalog._entries.items() if ":" not in e.place[0]}


def command(*words: object) -> int:
    return main([*map(str, words), *(["--device", "cpu"] if words[0] != "describe" else [])])


def train(*words: object) -> int:
    return command("train", "--workers", "0", "--out", "run", *words)


def refused(capsys: Shown, *words: object) -> str:
    assert command(*words) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ")
    return error


def edited() -> None:
    Path("beside_my_net.py").write_text("CHANNELS = 6  # another comment\n")
    Path("ran").unlink()
    zoo.own._modules.clear()  # as in another process


def test_it_goes_through_every_command(here: Path, capsys: Shown) -> None:
    mine = ("--loss", "my_loss.py:cube(scale=2)", "--loss", "depth = bce + my_loss.py:fifth")
    named = ("--model", "my_net.py:Net(width=3)", *mine, "--metric", "my_metric.py:Worst")
    assert train("--recipe", "small.toml", *named) == 0
    log = [json.loads(line) for line in Path("run/log.jsonl").read_text().splitlines()]
    assert {"mask/cube", "depth/bce", "depth/fifth"} < {name for line in log for name in line}
    with open("run/validation.csv", newline="") as file:
        assert all(0 < float(row["mask_worst"]) < 1 for row in csv.DictReader(file))
    data = ("--data", "pairbench:hard", "--size", "16", "--samples", "2", "--out", "found")
    asked = ("--model", "my_net.py:Net", "--metric", "my_metric.py:Worst")
    assert command("evaluate", "run", *data, *asked) == 0
    record = json.loads(Path("found/metrics.json").read_text())
    assert record["metrics"]["mask_worst"]["images"] == 2
    assert record["metrics"]["mask_iou"]["images"] == 2
    assert [place[:-8] for place in record["code"]] == ["my_metric.py:Worst:"]
    assert "depth 8 samples" in record["training"]
    assert command("predict", "bg.png", "photo.png", "--weights", "run", "--model", "my_net.py:Net", "--out", "p") == 0
    assert Path("p/photo_mask.png").exists()
    capsys.readouterr()
    assert command("describe", "my_net.py:Net(width=3)", "--size", "16") == 0
    said = capsys.readouterr().out
    assert "Two layers." in said
    assert f"{6 * 3 * 9 + 3 + 3 * 2 + 2:,} (all trainable)" in said
    assert "width" in said


def test_a_run_goes_on_with_the_code_that_is_named_again(here: Path, capsys: Shown) -> None:
    named = ("--model", "my_net.py:Net", "--loss", "mask=my_loss.py:cube")
    assert train("--recipe", "small.toml", *named) == 0
    assert train("--resume", *named) == 0
    Path("ran").unlink()
    zoo.own._modules.clear()
    error = refused(capsys, "train", "--out", "run", "--resume")
    assert "would run the code my_loss.py:cube, my_net.py:Net" in error
    assert not Path("ran").exists()
    Path("my_loss.py").write_text(f"{LOSS}\n# edited\n")
    assert "my_loss.py, or a file beside it that it imports, has changed" in refused(
        capsys, "train", "--out", "run", "--resume", *named
    )


@pytest.mark.parametrize(
    "line",
    [
        'model = "my_net.py:Net"',
        'metrics = "mask_mae, my_loss.py:cube"',
        '[objective]\nmask = "my_loss.py:cube"',
        r"""[objective]
        depth = 'bce + 0.5*l1(x="(") + my_loss.py:cube(y=")")'""",
    ],
)
def test_a_recipe_starts_no_code_that_nobody_named(line: str, here: Path, capsys: Shown) -> None:
    text = RECIPE.replace('model = "unet(width=2)"', "") if line.startswith("model") else RECIPE
    start, stages, rest = text.partition("[[stages]]")
    Path("theirs.toml").write_text(f"{start}{line}\n{stages}{rest}")
    assert "would run the code" in refused(capsys, "train", "--recipe", "theirs.toml", "--print")
    assert "would run the code" in refused(capsys, "train", "--recipe", "theirs.toml", "--print", "--set", "lr=0.1")
    assert not Path("ran").exists()


def test_a_file_of_weights_asks_for_its_code_and_never_starts_it(here: Path, capsys: Shown) -> None:
    model = zoo.build("my_net.py:Net", width=5).eval()
    assert str(model.spec).startswith("my_net.py:Net:")
    zoo.save(model, "mine.safetensors")
    images = torch.rand(2, 1, 3, 16, 16)
    for spec in ("my_net.py:Net", "my_net.py:Net(width=5)", str(model.spec), "./my_net.py:Net"):
        assert torch.equal(zoo.load("mine.safetensors", spec)(*images).mask, model(*images).mask)
    with pytest.raises(zoo.ZooError, match="width is 5 in the file and 4"):
        zoo.load("mine.safetensors", "my_net.py:Net(width=4)")
    with pytest.raises(zoo.ZooError, match=r"holds my_net\.py:Net, not my_net\.py:broken"):
        zoo.load("mine.safetensors", "my_net.py:broken")
    edited()
    for words in (
        ["predict", "photo.png", "--weights", "mine.safetensors", "--out", "p"],
        ["evaluate", "mine.safetensors", "--data", "pairbench:hard"],
    ):
        error = refused(capsys, *words)
        assert "holds weights of my_net.py:Net, and no file may start code" in error
        assert "--model my_net.py:Net" in error
    with pytest.raises(zoo.ZooError, match=r"was saved from my_net.py:Net:\w+, and my_net.py, .* has changed"):
        zoo.load("mine.safetensors", "my_net.py:Net")
    assert not Path("ran").exists()
    with pytest.warns(UserWarning, match="other code"):
        again = zoo.build("my_net.py:Net(width=5)", weights="mine.safetensors").eval()
    assert torch.equal(again(*images).mask, model(*images).mask)
    Path("my_net.py").unlink()
    with pytest.raises(zoo.ZooError, match="and there is no file my_net"):
        zoo.load("mine.safetensors", "my_net.py:Net")


def test_a_wrapped_network_is_saved_and_loaded_with_its_code(here: Path) -> None:
    Path("beside_my_net.py").write_text("CHANNELS = 2\n")
    module = zoo.own.fetch("my_net.py:Net")[1](7)
    model = zoo.wrap(module, order="fg_bg,bg", outputs="depth,mask", in_ch=2, link={"mask": "identity"}).eval()
    zoo.save(model, "wrapped.safetensors")
    again = zoo.load("wrapped.safetensors", "my_net.py:Net(width=7)").eval()
    images = torch.rand(2, 1, 1, 16, 16)
    assert all(map(torch.equal, again(*images), model(*images)))
    assert again.face == model.face
    with pytest.raises(zoo.ZooError, match="no file may start code"):
        zoo.load("wrapped.safetensors")
    tensors = {name: value.clone() for name, value in model.state_dict().items()}
    metadata = read("wrapped.safetensors").metadata
    for lie in ("[" * 10_000, "[1]", '{"name": 3, "colour": 1}', '{"order": "up"}', ""):
        write(Path("lie.safetensors"), tensors, {**metadata, "wrap": lie})
        with pytest.raises(zoo.ZooError, match="does not say how its network is wrapped"):
            zoo.load("lie.safetensors", "my_net.py:Net(width=7)")
    plain = zoo.wrap(torch.nn.Conv2d(6, 2, 1))  # nobody's own class: any code that gives it will do
    zoo.save(plain, "plain.safetensors")
    Path("mine.py").write_text("from torch import nn\n\n\ndef net():\n    return nn.Conv2d(6, 2, 1)\n")
    pair = torch.rand(2, 1, 3, 8, 8)
    assert torch.equal(zoo.load("plain.safetensors", "mine.py:net")(*pair).mask, plain(*pair).mask)
    with pytest.raises(zoo.ZooError, match="do not fit"):
        zoo.load("plain.safetensors", "my_net.py:Net")


def test_a_checkpoint_of_the_module_itself_fills_the_network(here: Path) -> None:
    module = zoo.own.fetch("my_net.py:Net")[1]()
    torch.save(module.state_dict(), "theirs.pth")
    model = zoo.build("my_net.py:Net", weights="theirs.pth")
    assert torch.equal(model.module.layers[0].weight, module.layers[0].weight)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["describe", "my_net.py:broken"], "my_net.py:broken raised RuntimeError (my_net.py, line 23): no such file"),
        (["describe", "my_net.py:Nett"], "my_net.py has no Nett; did you mean Net?"),
        (["train", "--recipe", "small.toml", "--out", "r", "--loss", "my_loss.py:Path"], "my_loss.py:Path"),
        (["train", "--recipe", "small.toml", "--out", "r", "--loss", "mask=my_loss.py:fifth"], "is a loss for depth"),
        (["evaluate", "x", "--data", "pairbench:hard", "--metric", "my_metric.py:Bare"], "give a MetricCard"),
        (["evaluate", "x", "--data", "pairbench:hard", "--metric", "mask_iou"], "give FILE.py:NAME"),
    ],
)
def test_what_is_wrong_is_one_line(words: list[str], says: str, here: Path, capsys: Shown) -> None:
    assert says in refused(capsys, *words)


def test_a_recipe_with_code_reads_back_as_itself(here: Path) -> None:
    Path("named.toml").write_text(RECIPE + '[objective]\nmask = "bce + 2*my_loss.py:cube"\n')
    recipe = Recipe.read("named.toml", ["my_loss.py:cube"])
    assert recipe.code == {"my_loss.py:cube"}
    written = recipe.resolved()
    assert re.fullmatch(r"bce \+ 2\*my_loss\.py:cube:\w{8}\(scale=1\.0\)", written.objective.mask)
    assert Recipe.from_toml(written.to_toml(), recipe.code) == written
