"""Sources as one: whose an index is, what is known where, and that both tasks learn from what is known alone."""

import numpy as np
import pytest
import torch
from folder_data import dataset
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import zoo
from registry import OptionError, Spec
from zoo.contract import Prediction, Sample
from zoo.data.dataset import load, rendered_on
from zoo.losses import objective


@pytest.fixture(scope="module")
def collage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(5):
        pixels = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((48, 36)).save(folder / f"{seed}.png")
    return f'collage(plates="{folder}")'


def mixed(collage, **options):
    return load("mix", of=("pairbench:clean", collage), split="train", size=(16, 24), **options)


def test_values_without_a_name_are_what_it_is_made_of():
    spec = Spec.parse("mix(\"pairbench:hard\", 'collage(plates=photos)', share=(1, 3))")
    assert spec.options == {"of": ("pairbench:hard", "collage(plates=photos)"), "share": (1, 3)}
    assert Spec.parse(str(spec)) == spec


def test_each_sample_is_one_of_its_source_and_knows_what_that_knows(collage):
    data = mixed(collage)
    assert data.tasks == ("mask", "depth")
    batch = data.batch(range(40))
    theirs = [meta["source"] for meta in batch.meta]
    assert {"pairbench1:clean", "collage1"} == set(theirs)
    assert [meta["index"] for meta in batch.meta] == list(range(40))
    for row, source in enumerate(theirs):
        assert batch.known("mask")[row].min() == 1
        assert batch.known("depth")[row].unique().tolist() == [float(source == "pairbench1:clean")]
    first = theirs.index("pairbench1:clean")
    own = load("pairbench:clean", split="train", size=(16, 24))[first]
    torch.testing.assert_close(batch.fg_bg[first], own.fg_bg, rtol=0, atol=1.01 / 255)
    torch.testing.assert_close(data[7].fg_bg, batch.fg_bg[7], rtol=0, atol=1.01 / 255)


@pytest.mark.parametrize(("share", "expected"), [(None, 0.5), ((3.0, 1.0), 0.75), ((0.1, 0.9), 0.1)])
def test_shares_are_of_the_samples(collage, share, expected):
    data = mixed(collage, share=share)
    assert np.mean(data._dealt(np.arange(4000)) == 0) == pytest.approx(expected, abs=0.03)


def test_it_is_as_long_as_its_shares_last(collage):
    assert len(mixed(collage)) == 2_000_000
    assert len(mixed(collage, share=(1, 3))) == 4_000_000 // 3


def test_a_network_learns_depth_where_it_is_known_alone(collage):
    """The depth loss of a mix is that of the samples with depth; a batch without any is 0, and its gradient too."""
    batch = mixed(collage).batch(range(12))
    torch.manual_seed(0)
    logits = [torch.randn(12, 1, 16, 24, requires_grad=True) for _ in range(2)]
    with_depth = torch.tensor([meta["source"] != "collage1" for meta in batch.meta])
    aim = objective(mask="bce + dice", depth="l1 + ssim")
    losses = aim(Prediction(*logits), batch)
    rows = Sample(*(field[with_depth] for field in batch[:5]), ())
    part = aim(Prediction(*(each[with_depth] for each in logits)), rows)
    torch.testing.assert_close(losses.tasks["depth"], part.tasks["depth"])
    losses.total.backward()
    assert logits[1].grad[~with_depth].abs().max() == 0
    assert logits[1].grad[with_depth].abs().max() > 0
    assert logits[0].grad[~with_depth].abs().max() > 0
    none = Sample(*(field[~with_depth] for field in batch[:5]), ())
    assert aim(Prediction(*(each[~with_depth] for each in logits)), none).tasks["depth"] == 0


def test_metrics_count_a_task_where_it_is_known(collage):
    model = zoo.build("frame_difference")
    found = zoo.evaluate(model, mixed(collage), samples=20, resamples=0, metrics=["mask_iou", "depth_rmse"])
    rows = found.per_image["depth_rmse"]
    assert 0 < sum(value is None or np.isnan(value) for value in rows) < 20
    assert np.isfinite(found.values["depth_rmse"])


@given(start=st.integers(0, 10**6), n=st.integers(1, 6))
def test_one_channel_of_validity_serves_both_tasks(start, n):
    generator = torch.Generator().manual_seed(start)
    valid = (torch.rand(n, 1, 4, 5, generator=generator) > 0.5).float()
    sample = Sample(*torch.rand(4, n, 1, 4, 5), valid, ())
    assert sample.known("mask").equal(valid)
    assert sample.known("depth").equal(valid)
    assert sample._replace(valid=torch.cat([valid, 1 - valid], 1)).known("depth").equal(1 - valid)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"of": ("pairbench",)}, "mix takes two sources or more"),
        ({"of": ("pairbench", "pairbench:clean"), "share": (1.0,)}, "mix of 2 sources takes 2 shares"),
        ({"of": ("pairbench", "pairbench:clean"), "share": (1.0, 0.0)}, "numbers above 0, one for each source"),
        ({"of": ("pairbench", "pairbenchh")}, "did you mean pairbench"),
    ],
)
def test_what_is_not_accepted(options, message):
    with pytest.raises((OptionError, zoo.ZooError), match=message):
        load("mix", split="train", size=(16, 16), **options)


def test_damaged_samples_and_splits_are_those_of_the_sources(tmp_path):
    paths = [dataset(tmp_path / name, n_bg=6, each=1) for name in ("one", "two")]
    for number in range(1, 7):
        (paths[0] / f"fg_bg/img_{number:04}.png").write_bytes(b"")
    data = load("mix", of=tuple(f"folders(path={path}, max_bad=1)" for path in paths), split="train", size=16)
    damaged = data.damaged(range(len(data)))
    assert 0 < len(damaged) < len(data)
    assert {reason.partition(": ")[0] for reason in damaged.values()} == set(data.problems)
    assert "of 6 samples could not be used" in data.report()
    data.keep_split()
    assert all((path / "splits.json").exists() for path in paths)


def test_scenes_are_computed_where_they_are_asked_for_if_all_are(tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.data.sources.pairbench.choose", torch.device)  # which knows no device that is none
    there, (folder, _) = torch.device("meta"), (tmp_path, dataset(tmp_path))
    both = rendered_on(there, 'mix(of=("pairbench:clean", "pairbench:hard"))')
    assert both == {"device": "meta"}
    for spec in ("pairbench(device=cpu)", str(folder)):
        assert rendered_on(there, spec) == {}, spec
    assert rendered_on(torch.device("cpu"), "pairbench:clean") == {}
    computed = load("mix", of=("pairbench:clean", "pairbench:hard"), split="train", size=16, **both)
    assert [*map(str, (computed.device, *(part.device for part in computed.parts)))] == ["meta"] * 3
    with_files = load("mix", of=("pairbench:clean", str(folder)), split="train", size=16, **both)
    assert str(with_files.device) == str(with_files.parts[0].device) == "cpu", "files are read by workers"
