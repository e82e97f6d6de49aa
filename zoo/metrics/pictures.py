"""The best, the median and the worst sample of an evaluation, as one picture."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor, nn

from registry.vocabulary import Precision
from zoo.contract import TASKS
from zoo.data.dataset import PairDataset
from zoo.data.feeding.loader import Loader
from zoo.data.inspecting.sheet import fit, thumbnail
from zoo.metrics.evaluation import RANKING, Evaluation, best_median_worst
from zoo.metrics.inference import Inference

CELL, GAP, LINE = 192, 12, 18  # pixels
INK = (32, 32, 32)
RANKS = ("best", "median", "worst")
FILE = "samples.png"


def draw(
    model: nn.Module, dataset: PairDataset, evaluation: Evaluation, *, precision: Precision = "fp32"
) -> Image.Image:
    """A row for each of the three: bg, fg_bg, and each task's truth and prediction; depth is white where it is far."""
    picks = best_median_worst(evaluation)
    chosen = list(picks[1:])
    rows = []
    for prediction, sample in Inference(precision=precision).predict(model, Loader(dataset, chosen, batch=1)):
        cells = {"bg": sample.bg[0].cpu(), "fg_bg": sample.fg_bg[0].cpu()}
        for task in TASKS:
            if not any(metric.card.task == task for metric in evaluation.metrics.values()):
                continue
            cells[f"true {task}"] = getattr(sample, task)[0].cpu()
            cells[f"predicted {task}"] = getattr(prediction, task)[0].float().sigmoid().cpu()
        rows.append(cells)
    texts = [_caption(evaluation, rank, index) for rank, index in zip(RANKS, chosen, strict=True)]
    return _page(f"{evaluation.facts['model']}  on  {evaluation.facts['data']}", rows, texts, picks.metric)


def _caption(evaluation: Evaluation, rank: str, index: int) -> str:
    """As `best: sample 17, mask_iou_image 0.973, depth_rmse 0.041`."""
    place = evaluation.ids.index(index)
    figures = []
    for names in RANKING.values():
        name = next((name for name in names if name in evaluation.per_image), None)
        if name is not None:
            figures.append(f"{name} {evaluation.per_image[name][place]:.3f}")
    return ", ".join([f"{rank}: sample {index}", *figures])


def _page(title: str, rows: Sequence[dict[str, Tensor]], texts: Sequence[str], metric: str) -> Image.Image:
    h, w = rows[0]["fg_bg"].shape[-2:]
    high, wide = (max(1, round(CELL * side / max(h, w))) for side in (h, w))
    columns = list(rows[0])
    width = max(GAP + len(columns) * (wide + GAP), 4 * CELL)
    top = GAP + 3 * LINE
    page = Image.new("RGB", (width, top + len(rows) * (LINE + high + GAP)), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    pen.text((GAP, GAP), fit(pen, font, title, width - 2 * GAP), INK, font)
    pen.text((GAP, GAP + LINE), f"best, median and worst by {metric}; depth: black is near, white is far", INK, font)
    for column, name in enumerate(columns):
        pen.text((GAP + column * (wide + GAP), GAP + 2 * LINE), name, INK, font)
    for row, (cells, text) in enumerate(zip(rows, texts, strict=True)):
        y = top + row * (LINE + high + GAP)
        pen.text((GAP, y), text, INK, font)
        for column, value in enumerate(cells.values()):
            page.paste(thumbnail(value, (wide, high)), (GAP + column * (wide + GAP), y + LINE))
    return page
