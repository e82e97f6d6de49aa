"""What the contract costs, as the command tells it."""

from typing import Any

import pytest
import torch
from comparing import Tiny, entries

from benchmarks.checks.__main__ import main
from zoo.model import PairModel

pytestmark = pytest.mark.usefixtures(entries.__name__)


def test_overhead_finds_what_the_contract_costs(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    asked = ["overhead", "--models", "test_tiny", "--sizes", "32", "--seconds", "0.3"]
    real = PairModel.forward
    spin = torch.rand(64, 64)

    def dear(self: PairModel, *args: Any) -> Any:
        for _ in range(20):
            spin @ spin
        return real(self, *args)

    monkeypatch.setattr(Tiny, "forward", dear)
    assert main(asked) == 1
    assert "above" in capsys.readouterr().out
    monkeypatch.setattr(Tiny, "forward", lambda self, bg, fg_bg: self.logits(bg, fg_bg))
    main(asked)
    assert "32 x 32" in capsys.readouterr().out


def test_overhead_refuses_sizes_that_are_padded(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["overhead", "--models", "resunet", "--sizes", "65"]) == 2
    assert "multiples of 16" in capsys.readouterr().err
