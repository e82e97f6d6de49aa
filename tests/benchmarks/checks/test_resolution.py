"""The check of large photos: which it takes, and when it complains."""

import pytest

from benchmarks.checks import resolution
from benchmarks.checks.__main__ import main


@pytest.mark.parametrize(
    ("size", "bytes_", "code"), [("8660x11550", 1.9e9, 0), ("8660x11550", 2.1e9, 1), ("64", 1.6e9, 1)]
)
def test_memory_beyond_the_goal_is_found(
    size: str, bytes_: float, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {"side": 512.0, "tiles": 12.0, "bytes": bytes_, "seconds": 3.0}
    monkeypatch.setattr(resolution, "one", lambda *_: found)
    assert main(["resolution", "--models", "unet(width=8)", "--sizes", size]) == code
    assert f"{bytes_ / 1e6:,.0f}" in capsys.readouterr().out


def test_a_size_beyond_every_photo_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resolution", "--sizes", "40000x10"]) == 2
    assert "8 to 30000" in capsys.readouterr().err
