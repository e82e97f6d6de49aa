"""The check of tiles against the whole photo."""

import pytest
import torch

import zoo
from benchmarks.checks import nearer
from benchmarks.checks.__main__ import main


def test_each_way_is_scored_on_the_same_scenes(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["nearer", "--model", "frame_difference", "--scenes", "2", "--size", "40x48", "--threads", "1"]
    assert main(asked) == 0
    shown = capsys.readouterr().out
    rows = [line.split() for line in shown.splitlines() if line.startswith(" hard")]
    assert [row[1] for row in rows] == list(nearer.WAYS)
    assert all(0 < float(row[2]) < 1 for row in rows)
    assert "2 scenes of the val split" in shown


def test_maps_are_those_of_predict_as_logits() -> None:
    model = zoo.build("frame_difference", tasks="mask").eval()
    sample = zoo.data.load("pairbench:clean", split="val", size=32).batch([0])
    mask, depth = nearer.maps(model, sample, None)
    assert depth is None
    assert mask is not None
    predicted = zoo.predict(model, sample.bg[0], sample.fg_bg[0], size=None).mask
    assert predicted is not None
    assert torch.allclose(mask.sigmoid()[0], predicted, atol=1e-4)
