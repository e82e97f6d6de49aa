"""The check of videos: what is drawn, what is found of it, and when it complains."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.checks import video, walk
from benchmarks.checks.__main__ import main


def test_an_object_walks_across_and_light_changes() -> None:
    scene = walk._scene((60, 96))
    assert scene.shape == (60 + 2 * walk.margin((60, 96)), 96 + 2 * walk.margin((60, 96)), 3)
    frames = list(walk._frames(scene, (60, 96), 40))
    assert {frame.shape for frame in frames} == {(60, 96, 3)}
    blue = [(frame[..., 2].astype(int) - frame[..., 1] > 85) for frame in frames]
    middles = [float(np.nonzero(where)[1].mean()) for where in blue]
    assert middles[-1] - middles[0] > 40
    corners = [float(frame[:6].mean()) for frame in frames]
    assert max(corners) > 1.05 * min(corners)


def test_a_plot_goes_from_the_first_frame_to_the_last() -> None:
    drawn = video.plot("net", [10_000_000 + 1000 * number for number in range(2000)])
    assert "frame 2,000" in drawn
    assert "13 MB" in drawn
    points = drawn.split('points="')[1].split('"')[0].split()
    assert len(points) <= 501
    assert points[0].startswith("50.0,")


def found(last: int) -> video.Found:
    return video.Found(20, 2.0, (0.02, 0.01), [100_000_000] * 19 + [last])


@pytest.mark.parametrize(("last", "code"), [(110_000_000, 0), (200_000_000, 1)])
def test_memory_that_grows_is_found(
    last: int, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(video, "alone", lambda work, *_: found(last) if work is video.measured else None)
    out = tmp_path / "a" / "plots"
    assert main(["video", "--models", "pairnet-nano", "--seconds", "1", "--out", str(out)]) == code
    shown = capsys.readouterr().out
    assert "10.00" in shown
    assert "0.02000" in shown
    assert (out / "pairnet-nano.svg").read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.slow
def test_a_second_of_video() -> None:
    pytest.importorskip("av")
    assert main(["video", "--models", "frame_difference", "--seconds", "1", "--size", "90x160", "--threads", "1"]) == 0
