"""Values of metrics: by hand, against plain NumPy over random maps, and against torchmetrics."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zoo.contract import Prediction, Sample
from zoo.metrics import Accumulator, names

H, W = 24, 20


def scene(images=3, h=H, w=W, seed=0, invalid=False, metric=True):
    """A batch with blobs as masks, and a prediction that is near the truth."""
    generator = torch.Generator().manual_seed(seed)
    smooth = torch.nn.functional.avg_pool2d(torch.rand(images, 2, h + 8, w + 8, generator=generator), 9, 1)
    mask, depth = ((smooth - 0.5) * 6 + 0.5).clamp(0, 1).chunk(2, 1)
    noise = torch.randn(2, images, 1, h, w, generator=generator)
    valid = (torch.rand(images, 1, h, w, generator=generator) > 0.1).float() if invalid else torch.ones_like(mask)
    metas = tuple({"near": 1.0 + i, "far": 30.0} if metric else {} for i in range(images))
    image = torch.rand(images, 3, h, w, generator=generator)
    prediction = Prediction((mask - 0.5) * 4 + noise[0], (depth - 0.5) * 4 + noise[1])
    return prediction, Sample(image, image, mask, depth, valid, metas)


def measure(prediction, sample, *names):
    accumulator = Accumulator(metrics=names or None)
    accumulator.update(prediction, sample)
    return accumulator.compute()


def arrays(prediction, sample, task):
    p = 1 / (1 + np.exp(-getattr(prediction, task)[:, 0].double().numpy()))
    return p, getattr(sample, task)[:, 0].double().numpy(), sample.valid[:, 0].numpy() > 0.5


def logits(p):
    return torch.logit(torch.as_tensor(p, dtype=torch.float64))[None, None]


def one(mask_p, mask_t, valid=None):
    """One image with a mask given as rows of numbers, and depth of 0.5."""
    t = torch.tensor(mask_t, dtype=torch.float64)[None, None]
    valid = torch.ones_like(t) if valid is None else torch.tensor(valid, dtype=torch.float64)[None, None]
    image = torch.zeros(1, 3, *t.shape[-2:])
    return Prediction(logits(mask_p), torch.zeros_like(t)), Sample(image, image, t, t * 0 + 0.5, valid, ({},))


HAND_P = [[0.9, 0.8, 0.1], [0.6, 0.2, 0.1]]  # object: 3 pixels
HAND_T = [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]  # TP 2, FP 1, FN 1


def test_masks_by_hand():
    values = measure(*one(HAND_P, HAND_T)).values
    assert values["mask_iou"] == values["mask_iou_image"] == 2 / 4
    assert values["mask_dice"] == 4 / 6
    assert values["mask_precision"] == values["mask_recall"] == 2 / 3
    assert values["mask_mae"] == pytest.approx((0.1 + 0.8 + 0.1 + 0.4 + 0.8 + 0.1) / 6)
    assert values["mask_brier"] == pytest.approx((0.01 + 0.64 + 0.01 + 0.16 + 0.64 + 0.01) / 6)
    assert values["mask_best_iou"] == pytest.approx(3 / 4)  # from 0.2 down to 0.1: TP 3, FP 1
    assert values["mask_best_threshold"] == 12 / 64  # the one of 7/64 ... 12/64 that is nearest to 0.5
    assert math.isnan(values["mask_false_area"])


def test_pooled_and_per_image_means_are_different_things():
    small, large = np.zeros((8, 8)), np.zeros((8, 8))
    small[0, :2], large[:4] = 1, 1
    found = np.zeros((8, 8))
    found[0, 0] = 1  # half of the small object, right; and nothing else of the large one
    accumulator = Accumulator(metrics=["mask_iou", "mask_iou_image"])
    for truth in (small, large):
        accumulator.update(*one(found, truth))
    result = accumulator.compute()
    assert result.per_image["mask_iou"] == result.per_image["mask_iou_image"] == [1 / 2, 1 / 32]
    assert result.values == {"mask_iou": 2 / 34, "mask_iou_image": (1 / 2 + 1 / 32) / 2}


def test_the_boundary_may_miss_by_two_pixels_and_not_by_three():
    def line(column):
        mask = np.zeros((16, 16))
        mask[:, column:] = 1  # its outline is one column; the picture's edge is none
        return mask

    scores = [measure(*one(line(8 + off), line(8)), "mask_boundary_f").values["mask_boundary_f"] for off in range(4)]
    assert scores == [1, 1, 1, 0]
    dot, square = np.zeros((16, 16)), np.zeros((16, 16))
    dot[5, 5] = 1
    square[4:9, 4:9] = 1  # its outline has 16 pixels; (4, 4), (4, 5), (4, 6), (5, 4), (6, 4) are near (5, 5)
    recall = 5 / 16
    assert measure(*one(dot, square)).values["mask_boundary_f"] == pytest.approx(2 * recall / (1 + recall))


def test_depth_by_hand():
    near, far = 2.0, 10.0
    z_p, z_t = np.array([[2.5, 4.0], [5.0, 8.0]]), np.array([[2.5, 5.0], [8.0, 5.0]])
    p, t = ((1 / near - 1 / z) / (1 / near - 1 / far) for z in (z_p, z_t))
    truth = torch.tensor(t)[None, None]
    image, mask = torch.zeros(1, 3, 2, 2), torch.tensor([[0.0, 0.0], [0.0, 1.0]]).double()[None, None]
    sample = Sample(image, image, mask, truth, torch.ones_like(mask), ({"near": near, "far": far},))
    values = measure(Prediction(None, logits(p)), sample, *names("depth_*")).values
    g = np.log([1, 4 / 5, 5 / 8, 8 / 5])
    expected = {
        "depth_absrel": (0 + 1 / 5 + 3 / 8 + 3 / 5) / 4,
        "depth_log10": (np.log10(5 / 4) + 2 * np.log10(8 / 5)) / 4,
        "depth_silog": 100 * np.std(g),
        "depth_delta2": 2 / 4,
        "depth_delta3": 4 / 4,
        "depth_rmse": np.sqrt(np.mean((p - t) ** 2)),
        "depth_rmse_object": abs(p[1, 1] - t[1, 1]),
        "depth_rmse_rest": np.sqrt(np.sum((p - t)[[0, 0, 1], [0, 1, 0]] ** 2) / 3),
        "depth_rmse_edge": np.sqrt(np.mean((p - t) ** 2)),  # all four are within two steps of the other side
    }
    assert {name: values[name] for name in expected} == pytest.approx(expected)
    assert values["depth_delta1"] in (1 / 4, 2 / 4)  # one ratio is 1.25 itself, to rounding


@pytest.mark.parametrize("invalid", [False, True])
def test_masks_against_numpy(invalid):
    prediction, sample = scene(invalid=invalid)
    p, t, valid = arrays(prediction, sample, "mask")
    found, true = (p >= 0.5) & valid, (t >= 0.5) & valid
    result = measure(prediction, sample, *names("mask_*"))
    ious = [(f & o).sum() / (f | o).sum() for f, o in zip(found, true, strict=True)]
    thresholds = np.arange(1, 64) / 64
    curve = [((p >= s) & true).sum() / (((p >= s) & valid) | true).sum() for s in thresholds]
    expected = {
        "mask_iou": (found & true).sum() / (found | true).sum(),
        "mask_iou_image": np.mean(ious),
        "mask_dice": 2 * (found & true).sum() / (found.sum() + true.sum()),
        "mask_precision": (found & true).sum() / found.sum(),
        "mask_recall": (found & true).sum() / true.sum(),
        "mask_mae": np.abs(p - t)[valid].mean(),
        "mask_brier": ((p - t)[valid] ** 2).mean(),
        "mask_best_iou": max(curve),
        "mask_best_threshold": thresholds[np.argmax(curve)],
        "mask_boundary_f": np.mean([boundary(*maps) for maps in zip(found, true, valid, strict=True)]),
    }
    assert {name: result.values[name] for name in expected} == pytest.approx(expected, rel=1e-12)
    assert result.per_image["mask_iou"] == pytest.approx(ious)


def boundary(found, true, valid):
    """Boundary F with loops over pixels."""

    def outline(mask):
        points = []
        for y, x in np.argwhere(mask):
            beside = [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
            inside = [(a, b) for a, b in beside if 0 <= a < mask.shape[0] and 0 <= b < mask.shape[1]]
            if any(valid[at] and not mask[at] for at in inside):
                points.append((y, x))
        return np.array(points)

    def near(these, those):
        return np.mean([(np.hypot(*(those - point).T) <= 2).any() for point in these])

    a, b = outline(found), outline(true)
    precision, recall = near(a, b), near(b, a)
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize("invalid", [False, True])
def test_depth_against_numpy(invalid):
    prediction, sample = scene(invalid=invalid)
    p, t, valid = arrays(prediction, sample, "depth")
    mask = sample.mask[:, 0].numpy() >= 0.5
    near, far = np.array([[m["near"], m["far"]] for m in sample.meta]).T[:, :, None, None]
    z_p, z_t = (1 / (1 / near - d * (1 / near - 1 / far)) for d in (p, t))
    square = (p - t) ** 2
    worse = np.maximum(z_p / z_t, z_t / z_p)[valid]
    edge = np.array([band(m & v, v) for m, v in zip(mask, valid, strict=True)])
    spread = [np.std((np.log(a) - np.log(b))[v]) for a, b, v in zip(z_p, z_t, valid, strict=True)]
    residuals = []
    for a, b, v in zip(p, t, valid, strict=True):
        design = np.stack([a[v], np.ones(v.sum())], 1)
        residuals.append(b[v] - design @ np.linalg.lstsq(design, b[v])[0])
    expected = {
        "depth_rmse": np.sqrt(square[valid].mean()),
        "depth_mae": np.abs(p - t)[valid].mean(),
        "depth_absrel": (np.abs(z_p - z_t) / z_t)[valid].mean(),
        "depth_log10": np.abs(np.log10(z_p) - np.log10(z_t))[valid].mean(),
        "depth_silog": 100 * np.mean(spread),
        "depth_delta1": (worse < 1.25).mean(),
        "depth_delta2": (worse < 1.25**2).mean(),
        "depth_delta3": (worse < 1.25**3).mean(),
        "depth_rmse_object": np.sqrt(square[valid & mask].mean()),
        "depth_rmse_rest": np.sqrt(square[valid & ~mask].mean()),
        "depth_rmse_edge": np.sqrt(square[edge].mean()),
        "depth_rmse_aligned": np.sqrt(np.mean(np.concatenate(residuals) ** 2)),
        "depth_ssim": np.mean([ssim(*maps) for maps in zip(p, t, valid, strict=True)]) if not invalid else None,
    }
    values = measure(prediction, sample, *names("depth_*")).values
    assert set(expected) == set(values)
    for name, value in expected.items():
        if value is not None:
            assert values[name] == pytest.approx(value, rel=1e-10), name


def band(mask, valid):
    """Valid pixels within a distance of 2 of a pixel of the other side, with loops."""
    sides = np.argwhere(mask), np.argwhere(valid & ~mask)
    near = np.zeros_like(mask)
    for own, other in (sides, sides[::-1]):
        for point in own:
            near[tuple(point)] = (np.hypot(*(other - point).T) <= 2).any()
    return near


def ssim(p, t, valid, size=11):
    """SSIM window by window."""
    place = np.arange(size) - size // 2
    weights = np.exp(-(place[:, None] ** 2 + place[None] ** 2) / (2 * 1.5**2))
    weights /= weights.sum()
    found = []
    for y in range(p.shape[0] - size + 1):
        for x in range(p.shape[1] - size + 1):
            a, b, v = (image[y : y + size, x : x + size] for image in (p, t, valid))
            if v.all():
                m, n = (weights * a).sum(), (weights * b).sum()
                s, u, c = ((weights * q).sum() for q in ((a - m) ** 2, (b - n) ** 2, (a - m) * (b - n)))
                found.append((2 * m * n + 0.0001) * (2 * c + 0.0009) / ((m * m + n * n + 0.0001) * (s + u + 0.0009)))
    return np.mean(found)


@pytest.mark.parametrize(("h", "w", "size"), [(13, 30, 11), (10, 16, 9), (8, 8, 7)])
def test_ssim_takes_whole_windows_only_and_smaller_ones_in_small_pictures(h, w, size):
    prediction, sample = scene(1, h, w)
    sample.valid[0, 0, -1, -1] = 0
    p, t, valid = arrays(prediction, sample, "depth")
    expected = ssim(p[0], t[0], valid[0], size)
    assert measure(prediction, sample, "depth_ssim").values["depth_ssim"] == pytest.approx(expected, rel=1e-9)


@given(st.integers(0, 1000), st.sampled_from([0.0, 0.02, 0.5, 1.0]), st.sampled_from([0.0, 0.02, 0.5, 1.0]))
def test_masks_of_any_kind_against_sets(seed, share_found, share_true):
    generator = np.random.default_rng(seed)
    found, true, valid = (generator.random((9, 11)) < share for share in (share_found, share_true, 0.8))
    a, b = ({tuple(at) for at in np.argwhere(mask & valid)} for mask in (found, true))
    values = measure(*one(found.astype(float), true.astype(float), valid.astype(float))).values
    both = not a and not b
    assert values["mask_iou"] == values["mask_iou_image"] == (1 if both else len(a & b) / len(a | b))
    assert values["mask_dice"] == (1 if both else 2 * len(a & b) / (len(a) + len(b)))
    assert values["mask_precision"] == (len(a & b) / len(a) if a else float(not b))
    assert values["mask_recall"] == (len(a & b) / len(b) if b else float(not a))
    if not b:
        assert values["mask_false_area"] == len(a) / valid.sum()


def test_equal_to_torchmetrics():
    reference = pytest.importorskip("torchmetrics.functional")
    from torchmetrics.functional.image import structural_similarity_index_measure

    prediction, sample = scene(4, 40, 36)
    p, t = prediction.mask.double().sigmoid(), (sample.mask >= 0.5).long()
    values = measure(prediction, sample).values
    kinds = {"iou": "jaccard_index", "dice": "f1_score", "precision": "precision", "recall": "recall"}
    for ours, theirs in kinds.items():
        expected = getattr(reference.classification, f"binary_{theirs}")(p.flatten(), t.flatten())
        assert values[f"mask_{ours}"] == pytest.approx(float(expected), rel=1e-6), ours
    p, t = prediction.depth.double().sigmoid(), sample.depth.double()
    _, map_of_all = structural_similarity_index_measure(p, t, data_range=1.0, return_full_image=True)
    expected = {
        "depth_mae": reference.mean_absolute_error(p, t),
        "depth_rmse": reference.mean_squared_error(p, t, squared=False),
        "depth_ssim": map_of_all[..., 5:-5, 5:-5].mean(),  # theirs has windows over a mirrored border too
    }
    for name, value in expected.items():
        assert values[name] == pytest.approx(float(value), rel=1e-6), name
