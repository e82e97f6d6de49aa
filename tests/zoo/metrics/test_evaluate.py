"""Evaluating a network: what it finds, leaves behind and refuses."""

import csv
import json
import math
from dataclasses import replace

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from registry import OptionError, ZooError
from zoo.contract import Interface, Sample
from zoo.data.dataset import DamagedError, DataError, PairDataset
from zoo.metrics import Accumulator, best_median_worst, metrics
from zoo.metrics.evaluate import evaluate, indices
from zoo.metrics.evaluation import METRICS, PER_IMAGE, SCHEMA
from zoo.metrics.inference import Inference
from zoo.metrics.pictures import CELL, GAP, LINE, draw
from zoo.model import PairModel

IMAGES = 5


class Scenes(PairDataset):
    """A few random scenes; the third has no object."""

    spec, split, size = "scenes", "test", (12, 10)

    def __init__(self, images=IMAGES, broken=None, damaged=()):
        self.images, self.broken, self.hurt = images, broken, damaged

    def __len__(self):
        return self.images

    def sample(self, index):
        if index == self.broken:
            raise DataError("scene 3 is damaged")
        if index in self.hurt:
            raise DamagedError(f"scene {index} is cut short")
        generator = torch.Generator().manual_seed(index)
        bg, fg_bg = torch.rand(2, 3, 12, 10, generator=generator)
        mask, depth = torch.rand(2, 1, 12, 10, generator=generator)
        mask = mask * (index != 2)
        return Sample(bg, fg_bg, mask, depth, torch.ones_like(mask), {"near": 1.0, "far": 9.0})


class Net(PairModel):
    """A convolution with a batch norm and dropout, which tell training mode from evaluation."""

    def __init__(self, tasks=("mask", "depth")):
        super().__init__(Interface(tasks=tasks))
        torch.manual_seed(3)
        self.net = nn.Sequential(nn.Conv2d(6, len(tasks), 3, padding=1), nn.BatchNorm2d(len(tasks)), nn.Dropout(0.5))
        self.net[1].running_mean.fill_(0.1)

    def logits(self, bg, fg_bg):
        maps = self.net(torch.cat([bg, fg_bg], 1)).chunk(len(self.face.tasks), 1)
        return dict(zip(self.face.tasks, maps, strict=True))


def expected():
    model, data, accumulator = Net().eval(), Scenes(), Accumulator()
    with torch.no_grad():
        for index in range(IMAGES):
            sample = data.batch([index])
            accumulator.update(model(sample.bg, sample.fg_bg), sample, ids=[index])
    return accumulator.compute()


def same(found, wanted, **tolerance):
    assert found.ids == wanted.ids
    assert found.values == pytest.approx(wanted.values, nan_ok=True, **tolerance)
    for name, values in wanted.per_image.items():
        assert found.per_image[name] == pytest.approx(values, nan_ok=True, **tolerance), name


@pytest.mark.parametrize("options", [{"batch": 2}, {"batch": 16}, {"batch": 2, "workers": 1}, {"channels_last": True}])
def test_any_batch_layout_and_reader_finds_the_same(options):
    found = evaluate(Net(), Scenes(), inference=Inference(**options))
    same(found, expected(), rel=1e-5)
    assert found.images == IMAGES
    assert set(found.values) == set(found.intervals) == set(metrics.names())
    for name, (low, high) in found.intervals.items():
        assert low <= found.values[name] <= high or name.startswith("mask_best"), name


def test_half_precision_is_near_and_tf32_settings_stay():
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    found = evaluate(Net(), Scenes(), inference=Inference(precision="bf16"))
    exact = evaluate(Net(), Scenes())
    assert 0 < abs(found.values["depth_rmse"] - exact.values["depth_rmse"]) < 0.01
    assert found.facts["precision"] == "bf16"
    assert before == (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32)


def test_weights_of_half_precision_take_images_of_theirs():
    found = evaluate(Net().bfloat16(), Scenes())
    assert found.values["mask_mae"] == pytest.approx(evaluate(Net(), Scenes()).values["mask_mae"], abs=0.01)


@pytest.mark.parametrize("broken", [None, 3])
def test_every_part_is_in_its_mode_again_even_after_an_error(broken):
    model = Net().train()
    model.net[1].eval()  # a frozen batch norm
    modes = [module.training for module in model.modules()]
    mean = model.net[1].running_mean.clone()
    if broken is None:
        evaluate(model, Scenes())
    else:
        with pytest.raises(DataError, match="scene 3 is damaged"):
            evaluate(model, Scenes(broken=broken), inference=Inference(batch=1))
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(model.net[1].running_mean, mean)
    model(*Scenes().batch([0, 1])[:2]).mask.sum().backward()  # nothing of inference mode has stayed


def test_samples_are_spread_over_the_data():
    assert indices(10, 4) == [0, 2, 5, 7]
    assert indices(3, 9) == indices(3, None) == [0, 1, 2]
    found = evaluate(Net(), Scenes(), samples=2, metrics=["mask_iou"])
    assert found.ids == [0, 2]
    assert found.per_image == {"mask_iou": [expected().per_image["mask_iou"][i] for i in (0, 2)]}


def test_progress_tells_how_far_how_fast_and_how_long():
    told = []
    evaluate(Net(), Scenes(), inference=Inference(batch=2), tick=lambda *what: told.append(what))
    assert [done for _, done, _ in told] == [2, 4, 5]
    assert all(total == IMAGES for *_, total in told)
    assert told[-1][0].startswith("evaluating 5 of 5 images, ")
    assert told[-1][0].endswith("/s, 0 s left")


def test_only_what_network_and_data_share_is_measured():
    found = evaluate(Net(("mask",)), Scenes())
    assert set(found.values) == set(metrics.names("mask_*"))
    data = Scenes()
    data.tasks = ("depth",)  # as a folder without masks
    assert set(evaluate(Net(), data).values) == set(metrics.names("depth_*"))
    with pytest.raises(OptionError, match="the network predicts mask, and the data has depth"):
        evaluate(Net(("mask",)), data)
    with pytest.raises(OptionError, match="the network has no depth, only mask"):
        evaluate(Net(("mask",)), Scenes(), metrics=["depth_rmse"])
    with pytest.raises(OptionError, match="the data has no mask, only depth"):
        evaluate(Net(), data, metrics=["mask_iou"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (lambda: {"inference": Inference(precision="fp8")}, "precision='fp8' is not accepted"),
        (lambda: {"inference": Inference(batch=0)}, "batch=0 is not accepted"),
        (lambda: {"inference": Inference(device="gpu")}, "device takes auto, cpu, cuda, mps or cuda:N"),
        (lambda: {"samples": 0}, "samples=0 is not accepted"),
        (lambda: {"metrics": ["iou"]}, "no metric is called 'iou'"),
        (lambda: {"resamples": -1}, "resamples=-1 is not accepted; resamples takes a whole number from 0 up"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ZooError, match=message):
        evaluate(Net(), Scenes(), **options())


@pytest.mark.parametrize(
    ("model", "data", "message"),
    [
        ("net.safetensors", Scenes(), "not a str and a Scenes; zoo.load"),
        (Net(), "pairbench:hard", "not a Net and a str; zoo.load"),
    ],
)
def test_names_in_place_of_things_are_refused(model, data, message):
    with pytest.raises(OptionError, match=message):
        evaluate(model, data)


def test_an_empty_split_is_an_error():
    with pytest.raises(OptionError, match="scenes has no samples in split test; choose another split"):
        evaluate(Net(), Scenes(0))


def test_a_batch_that_does_not_fit_is_told(monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate a page of advice")

    monkeypatch.setattr(Net, "logits", full)
    with pytest.raises(ZooError, match="cpu has no room for a batch of 4 x 3 x 12 x 10; give a smaller batch"):
        evaluate(Net(), Scenes(), inference=Inference(batch=4))


def _process(rank, file, out):
    torch.set_num_threads(1)  # the other threads have not come along through the fork, and would be waited for
    dist.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2)
    model = DistributedDataParallel(Net())
    model.forward = None  # it talks to the other process with each batch, and that has fewer
    torch.save(evaluate(model, Scenes(), inference=Inference(batch=1)), f"{out}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_share_the_images_and_both_know_all(tmp_path):
    arguments = tmp_path / "meeting", tmp_path
    torch.multiprocessing.start_processes(_process, arguments, nprocs=2, start_method="fork")
    for rank in (0, 1):
        same(torch.load(tmp_path / f"{rank}.pt", weights_only=False), expected(), rel=1e-5)


def evaluation(ious, false_areas):
    """An evaluation whose images have these values."""
    found = evaluate(Net(), Scenes(len(ious)), metrics=["mask_iou_image", "mask_false_area"])
    found.per_image["mask_iou_image"][:], found.per_image["mask_false_area"][:] = ious, false_areas
    return found


def test_best_median_and_worst():
    nan = math.nan
    picks = best_median_worst(evaluation([0.5, 0.9, 0.1, 1.0, nan], [nan, nan, nan, 0.0, nan]))
    assert picks == ("mask_iou_image", 1, 0, 2)  # the fourth is empty and was rightly left empty
    assert best_median_worst(evaluation([1.0, 0.0], [0.0, 0.3]))[1:] == (1, 1, 1)
    assert best_median_worst(evaluation([1.0, 1.0], [0.0, 0.0]))[1:] == (0, 1, 1)
    by_depth = evaluate(Net(), Scenes())
    values = by_depth.per_image["depth_rmse"]
    assert best_median_worst(by_depth, "depth_rmse").worst == values.index(max(values))
    with pytest.raises(OptionError, match="no image has a value of mask_iou"):
        best_median_worst(evaluate(Net(), Scenes(), metrics=["depth_ssim"]))


def test_saved_files_hold_everything(tmp_path):
    found = evaluate(Net(), Scenes())
    found.save(tmp_path / "out")
    record = json.loads((tmp_path / "out" / METRICS).read_text(), parse_constant=pytest.fail)  # NaN is not JSON
    assert (record["schema"], record["images"], record["of"], record["broken"]) == (SCHEMA, IMAGES, IMAGES, 0)
    assert record["metrics"]["mask_iou"]["value"] == found.values["mask_iou"]
    assert record["metrics"]["mask_false_area"]["images"] == 1
    assert record["metrics"]["depth_ssim"]["better"] == "higher"
    assert record["picks"]["mask"]["best"] == best_median_worst(found).best
    rows = list(csv.DictReader((tmp_path / "out" / PER_IMAGE).open()))
    assert [int(row["id"]) for row in rows] == found.ids
    for name, values in found.per_image.items():
        read = [float(row[name] or "nan") for row in rows]
        assert read == pytest.approx(values, rel=0, abs=0, nan_ok=True)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [METRICS, PER_IMAGE]


def test_the_table_shows_every_metric_within_a_hundred_columns():
    found = evaluate(Net(), Scenes())
    lines = found.table().splitlines()
    assert max(map(len, lines)) <= 100
    assert [line.split()[0] for line in lines[1:]] == list(found.values)  # each in one line
    assert lines[1].split()[0] == "mask_iou"
    assert f"{found.values['depth_rmse']:.4f}" in found.table()
    assert "2 images have predictions that are not numbers" in replace(found, broken=2).table()


def test_the_picture_has_truth_beside_prediction():
    model = Net()
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    nn.init.constant_(model.net[1].bias, 40.0)  # object everywhere, everything far
    data = Scenes()
    page = draw(model, data, evaluate(model, data))
    wide = round(CELL * 10 / 12)
    assert page.size == (GAP + 6 * (wide + GAP), GAP + 3 * LINE + 3 * (LINE + CELL + GAP))
    y = GAP + 4 * LINE + CELL // 2
    middles = [GAP + column * (wide + GAP) + wide // 2 for column in range(6)]
    assert [page.getpixel((middles[column], y)) for column in (3, 5)] == [(255, 255, 255)] * 2
    assert page.getpixel((middles[2], y)) != (255, 255, 255)
    alone = draw(Net(("mask",)), data, evaluate(Net(("mask",)), data))
    assert alone.size == (4 * CELL, page.height)  # four columns, and room for the captions


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_damaged_samples_are_left_out_and_every_row_is_of_the_image_it_names(tmp_path, batch):
    whole = evaluate(Net(), Scenes(), resamples=0)
    found = evaluate(Net(), Scenes(damaged=(0, 3)), inference=Inference(batch=batch))
    assert found.ids == [1, 2, 4]
    assert found.facts["left_out"] == ["scene 0 is cut short", "scene 3 is cut short"]
    for name, values in found.per_image.items():
        expected = [whole.per_image[name][index] for index in found.ids]
        assert values == pytest.approx(expected, nan_ok=True)
    found.save(tmp_path)
    rows = list(csv.DictReader((tmp_path / PER_IMAGE).open()))
    assert [row["id"] for row in rows] == ["1", "2", "4"]
    with pytest.raises(DataError, match="no sample can be read"):
        evaluate(Net(), Scenes(damaged=range(IMAGES)))
