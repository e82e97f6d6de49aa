"""What importing costs: the benchmark's verdict, and what it looks at."""

from typing import Any

import pytest

from benchmarks.checks import imports
from benchmarks.checks.__main__ import main
from benchmarks.timing import rounds


def test_import_benchmark_judges_the_difference(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    costs = {"import torch": 1.0, "import torch; import zoo": 1.2}

    def fake(code: str) -> str:
        return next((str(s) for c, s in reversed(costs.items()) if f" {c}; print" in code), "")

    monkeypatch.setattr(imports, "output", fake)
    assert main(["imports", "--pairs", "6"]) == 0
    assert "0.200" in capsys.readouterr().out
    costs["import torch; import zoo"] = 1.5
    assert main(["imports", "--pairs", "6"]) == 1
    costs["import torch; import zoo"] = 1.2
    monkeypatch.setattr(imports, "output", lambda code: fake(code) or "timm")
    assert main(["imports", "--pairs", "6"]) == 1
    assert "should not be: timm" in capsys.readouterr().out


def test_import_zoo_loads_no_heavy_library() -> None:
    assert imports.output(imports.LISTED) == ""
    assert rounds.FORMATS  # torch is there, or the line above would prove nothing
