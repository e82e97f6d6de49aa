"""How well the mask covers the object, both taken as object from 0.5 on."""

import numpy as np
import torch
from torch import Tensor

from zoo.metrics.catalog import HEADLINE, Metric, MetricCard, Numbers, image_mean, quotient, register
from zoo.metrics.maps import Maps
from zoo.metrics.outline import grown, outline

REACH = 2  # pixels by which an outline may miss
BOTH = "1 where neither has an object, 0 where only one has"


class Counted(Metric):
    """A share of pixels counted as right, wrong, missed and valid."""

    width = 4

    def sums(self, maps: Maps) -> Tensor:
        return maps.counts

    def value(self, sums: Numbers) -> Numbers:
        right, wrong, missed, pixels = np.moveaxis(sums, -1, 0)
        return np.where(pixels > 0, self.share(right, wrong, missed), np.nan)

    def share(self, right: Numbers, wrong: Numbers, missed: Numbers) -> Numbers:
        raise NotImplementedError(f"{type(self).__name__} must define share(right, wrong, missed)")


def part(right: Numbers, of: Numbers, else_none: Numbers) -> Numbers:
    """right / of; where that is 0 / 0, 1 if `else_none` is 0 too."""
    return np.where(of > 0, quotient(right, of), else_none == 0)


@register(
    "mask_iou",
    MetricCard(
        summary="intersection over union (IoU)",
        group=HEADLINE,
        range=(0, 1),
        formula="TP / (TP + FP + FN), p and t object from 0.5 on",
        empty=BOTH,
    ),
)
class IoU(Counted):
    def share(self, right: Numbers, wrong: Numbers, missed: Numbers) -> Numbers:
        either = right + wrong + missed
        return part(right, either, either)


@register(
    "mask_iou_image",
    MetricCard(
        summary="IoU, mean of the images",
        group=HEADLINE,
        range=(0, 1),
        formula="TP / (TP + FP + FN), p and t object from 0.5 on",
        pooled="mean of the images",
        empty=BOTH,
    ),
)
class ImageIoU(Metric):
    def sums(self, maps: Maps) -> Tensor:
        right, wrong, missed, pixels = maps.counts.unbind(1)
        either = right + wrong + missed
        return image_mean(torch.where(either > 0, right / either, 1.0), pixels > 0)


@register(
    "mask_dice",
    MetricCard(summary="Dice, also called F1", range=(0, 1), formula="2 TP / (2 TP + FP + FN)", empty=BOTH),
)
class Dice(Counted):
    def share(self, right: Numbers, wrong: Numbers, missed: Numbers) -> Numbers:
        both = 2 * right + wrong + missed
        return part(2 * right, both, both)


@register(
    "mask_precision",
    MetricCard(
        summary="correct share of the found area",
        range=(0, 1),
        formula="TP / (TP + FP)",
        empty="where nothing was found: 1 if there is no object, else 0",
    ),
)
class Precision(Counted):
    def share(self, right: Numbers, wrong: Numbers, missed: Numbers) -> Numbers:
        return part(right, right + wrong, missed)


@register(
    "mask_recall",
    MetricCard(
        summary="share of the object found",
        range=(0, 1),
        formula="TP / (TP + FN)",
        empty="where there is no object: 1 if nothing was found, else 0",
    ),
)
class Recall(Counted):
    def share(self, right: Numbers, wrong: Numbers, missed: Numbers) -> Numbers:
        return part(right, right + missed, wrong)


@register(
    "mask_boundary_f",
    MetricCard(
        summary="outlines that agree within 2 px",
        range=(0, 1),
        formula="2 P R / (P + R); P: outline of p within 2 pixels of that of t, R: of t near that of p",
        pooled="mean of the images",
        empty="1 where neither has an outline, 0 where only one has; the picture's edge is no outline",
        paper="Perazzi et al., 2016, A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation",
    ),
)
class BoundaryF(Metric):
    def sums(self, maps: Maps) -> Tensor:
        found, true = outline(maps.found, maps.valid), outline(maps.object, maps.valid)
        near_true, near_found = grown(true, REACH), grown(found, REACH)
        pairs = torch.stack([found, found & near_true, true, true & near_found], 1)  # (b, 4, h, w)
        length, right, true_length, met = pairs.flatten(2).sum(2, dtype=torch.float64).unbind(1)
        precision, recall = right / length.clamp(min=1), met / true_length.clamp(min=1)
        score = 2 * precision * recall / (precision + recall).clamp(min=1e-12)
        return image_mean(torch.where(length + true_length > 0, score, 1.0), maps.pixels > 0)


@register(
    "mask_false_area",
    MetricCard(
        summary="share of empty scenes found",
        better="lower",
        range=(0, 1),
        formula="FP / pixels, of scenes without an object",
        pooled="over the pixels of all empty scenes",
        empty="none where there is an object",
    ),
)
class FalseArea(Metric):
    def sums(self, maps: Maps) -> Tensor:
        is_empty = ~maps.object.flatten(1).any(1)
        return maps.over(maps.found.double()) * is_empty[:, None]
