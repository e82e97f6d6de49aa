"""Data that machines write together: the same bytes as one writes alone."""

from pathlib import Path

import pytest

pytest.importorskip("ray")


@pytest.mark.slow
@pytest.mark.parametrize("shards", [False, True], ids=["folders", "shards"])
def test_composing_on_a_cluster_gives_the_same_bytes(cluster, tmp_path, monkeypatch, shards):
    import numpy as np
    from PIL import Image, ImageDraw

    from zoo.__main__ import main

    for name in ("bg", "fg"):
        (tmp_path / name).mkdir()
    rng = np.random.default_rng(0)
    for name in ("b.png", "a.jpg", "c.png"):
        Image.fromarray(rng.integers(0, 255, (40, 60, 3), dtype=np.uint8)).save(tmp_path / "bg" / name)
    image = Image.new("RGBA", (60, 40))
    ImageDraw.Draw(image).ellipse((10, 10, 50, 30), fill=(250, 20, 20, 255))
    image.save(tmp_path / "fg" / "disc.png")
    monkeypatch.chdir(tmp_path)  # relative paths mean the same on the nodes
    found = []
    for executor in ("processes", "ray"):
        out = f"{'shards:' * shards}{executor}"
        command = ["data", "compose", "--bg", "bg", "--fg", "fg", "--out", out, "--per-pair", "4", "--size", "32"]
        command += ["--executor", executor, "--workers", "2", "--per-shard", "3", "--hold-out", "none"]
        command += ["--address", cluster.address] if executor == "ray" else []
        assert main(command) == 0
        paths = sorted(path for path in Path(executor).rglob("*") if path.is_file())
        found.append({path.relative_to(executor).as_posix(): path.read_bytes() for path in paths})
    assert len(found[0]) > 10 if not shards else len(found[0]) > 5
    assert found[0] == found[1]


@pytest.mark.slow
def test_packing_on_a_local_cluster_gives_the_same_bytes(tmp_path, capsys):
    from zoo.__main__ import main

    found = []
    for executor in ("processes", "ray"):
        out = tmp_path / executor
        command = ["data", "pack", "pairbench:clean", "--size", "32", "--samples", "5", "--per-shard", "2"]
        command += ["--split", "train", "val", "--executor", executor, "--workers", "2", "--out", str(out)]
        assert main(command) == 0
        found.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert len(found[0]) == 2 * (3 * 2 + 1)
    assert found[0] == found[1]
    assert "raylet" not in capsys.readouterr().out
