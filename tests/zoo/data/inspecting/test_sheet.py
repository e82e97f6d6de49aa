"""The contact sheet: every sample's maps side by side, at their places."""

import io

import pytest
import torch
from PIL import Image

import zoo
from zoo.__main__ import main
from zoo.contract import Sample
from zoo.data.dataset import DataError
from zoo.data.inspecting.sheet import GAP, contact_sheet


def flat(value):
    """A sample whose maps are of one colour each."""
    maps = [torch.full((c, 4, 6), value + i / 10) for i, c in enumerate((3, 3, 1, 1, 1))]
    return Sample(*maps, {})


def test_maps_lie_side_by_side_and_samples_below_each_other():
    sheet = contact_sheet([flat(0.1), flat(0.2), flat(0.3)], columns=2)
    assert sheet.shape == (3, 2 * (4 + GAP), 2 * (4 * 6 + GAP))
    for i in range(4):  # bg, fg_bg, mask, depth of the first sample
        assert sheet[:, :4, 6 * i : 6 * i + 6].unique().item() == pytest.approx(0.1 + i / 10)
    assert sheet[0, 4 + GAP, 0].item() == pytest.approx(0.3)  # the third starts the second row
    assert sheet[:, 4 + GAP :, 24 + GAP :].unique() == 1  # and nobody is beside it


def test_a_task_that_no_sample_knows_has_no_picture():
    sample = flat(0.1)
    alone = sample._replace(valid=torch.cat([torch.ones(1, 4, 6), torch.zeros(1, 4, 6)]))
    assert torch.equal(contact_sheet([alone], columns=1)[:, :, :18], contact_sheet([sample], columns=1)[:, :, :18])
    assert contact_sheet([alone], columns=1).shape == (3, 4 + GAP, 3 * 6 + GAP)
    assert contact_sheet([alone, sample], columns=1).shape == (3, 2 * (4 + GAP), 4 * 6 + GAP)


def test_nothing_is_no_sheet():
    with pytest.raises(DataError, match="0 samples"):
        contact_sheet([])


def test_the_command_draws_what_load_gives(tmp_path, capsys):
    out = tmp_path / "sheet.png"
    assert (
        main(["data", "show", "pairbench:clean", "--n", "3", "--size", "32", "--columns", "1", "--out", str(out)]) == 0
    )
    picture = Image.open(io.BytesIO(out.read_bytes()))
    assert picture.size == (4 * 32 + GAP, 3 * (32 + GAP))
    first = zoo.data.load("pairbench:clean", split="train", size=32)[0]
    assert picture.getpixel((5, 7)) == tuple((first.bg[:, 7, 5] * 255).round().int().tolist())
    assert "3 samples of pairbench" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", [["--n", "0"], ["--size", "4"], ["--split", "none"], ["--columns", "0"]])
def test_wrong_requests_write_nothing(wrong, tmp_path, capsys):
    out = tmp_path / "sheet.png"
    assert main(["data", "show", "pairbench:clean", "--out", str(out), *wrong]) == 2
    assert capsys.readouterr().err.startswith("error")
    assert not list(tmp_path.iterdir())
