"""kill -9 at random moments; `make kill` does it more often."""

import random
from pathlib import Path

import pytest
from killing.kill import disturbed
from killing.work import WORKS

KILLS = 3


@pytest.mark.slow
@pytest.mark.parametrize("name", WORKS)
def test_a_killed_command_goes_on(name: str, tmp_path: Path) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    told = disturbed(WORKS[name], tmp_path, KILLS, random.Random(seed))
    assert told.kills == KILLS
    assert told.runs >= 1
