"""evaluate a trained network: all metrics with intervals, per image, and pictures"""

import hashlib
import re
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import fields
from pathlib import Path
from textwrap import wrap
from typing import Any

from registry import OptionError, split
from registry.commandline import image_size, path, say, whole
from registry.vocabulary import PRECISIONS, SPLITS

WIDTH = 100  # columns
LONGEST = 60  # letters of the data's spec in a folder's name


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "weights",
        type=Path,
        help="a file of zoo.save, a training's folder, a name from zoo list --weights; or, with --model, any other"
        " file of weights",
    )
    parser.add_argument("--data", required=True, metavar="SPEC", help="pairbench:hard, or a folder, a zip or shards")
    parser.add_argument("--split", choices=SPLITS, default="test", help="default: test")
    parser.add_argument("--size", type=image_size, help="pixels, as 224 or 224x320; default: the data's own size")
    parser.add_argument(
        "--samples", type=whole(1), metavar="N", help="at most N samples, spread over the split; default: all"
    )
    parser.add_argument("--batch", type=whole(1), default=16, help="default: 16")
    parser.add_argument("--workers", type=whole(0), default=0, help="additional processes that read data; default: 0")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps; default: auto")
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32", help="default: fp32")
    parser.add_argument("--channels-last", action="store_true", help="store images with channels last in memory")
    parser.add_argument("--metrics", metavar="NAMES", help='names with commas, as "mask_iou,depth_rmse"; default: all')
    parser.add_argument(
        "--metric", action="append", default=[], metavar="PLACE", help="a metric of your own, as my_metric.py:Mine"
    )
    parser.add_argument(
        "--model", metavar="SPEC", help="the network, if the file does not name it: u2net, my_net.py:Net"
    )
    parser.add_argument(
        "--out",
        type=path,
        metavar="DIR",
        help="default: named after the data, beside the weights (for ready weights: here)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing evaluation")


def run(args: Namespace) -> None:
    import zoo
    from zoo.data.inspecting.sheet import save_page
    from zoo.deploy.predict import network
    from zoo.lock import locked
    from zoo.metrics import Inference, enter, pictures
    from zoo.metrics.evaluate import evaluate
    from zoo.progress import progress
    from zoo.weights.located import located

    code = {"code": enter(args.metric)} if args.metric else {}
    args.weights = Path(located(args.weights))
    folder = _folder(args)
    model = network(args.weights, args.model)
    inference = Inference(**{field.name: getattr(args, field.name) for field in fields(Inference)})
    dataset = zoo.data.load(args.data, split=args.split, size=args.size)
    with locked(folder):  # made before the work, so that a place that cannot be written shows at once
        with progress() as tick:
            metrics = None if args.metrics is None else [*split(args.metrics), *args.metric]
            found = evaluate(model, dataset, samples=args.samples, metrics=metrics, inference=inference, tick=tick)
        found.facts.update(_origin(args.weights, found.facts["device"]), **code)
        say(f"{_heading(found.facts, found.images)}\n")
        print(found.table())
        found.save(folder)
        if found.picks:
            save_page(pictures.draw(model, dataset, found, precision=args.precision), folder / pictures.FILE)
        say(f"wrote {folder}", file=sys.stderr)


def _origin(weights: Path, device: str) -> dict[str, Any]:
    """Which file was measured, and on which machine."""
    import torch

    from zoo.machine import describe

    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"weights": str(weights), "sha256": digest, "machine": describe(torch.device(device))}


def _folder(args: Namespace) -> Path:
    """Where the results go: no file, and none of an evaluation that is there, unless it may be replaced."""
    from zoo.deploy.outputs import refuse_existing
    from zoo.metrics.evaluation import METRICS, PER_IMAGE
    from zoo.metrics.pictures import FILE

    folder: Path = args.out or _beside(args)
    if folder.exists() and not folder.is_dir():
        raise OptionError(f"--out {folder} is a file; give a folder")
    if not args.overwrite:
        refuse_existing(folder / name for name in (METRICS, PER_IMAGE, FILE))
    return folder


def _heading(facts: dict[str, Any], images: int) -> str:
    """What was measured on what, at most 100 columns wide."""
    size = facts["size"]
    shown = "" if size is None else f", {size[0]} x {size[1]}"
    on = f"on {facts['data']}, split {facts['split']}{shown}"
    how = f"{images:,} of {facts['of']:,} images, {facts['precision']} on {facts['device']}, {facts['seconds']:.0f} s"
    lines = (facts["model"], facts["training"], on, how)
    return "\n".join(part for line in lines for part in wrap(line, WIDTH, subsequent_indent="  "))


def _beside(args: Namespace) -> Path:
    """As model-on-pairbench-hard-test-64x64-500; other settings get their own."""
    from zoo.weights.ready import folder_beside

    data = re.sub(r"[^A-Za-z0-9_.]+", "-", args.data).strip("-.")[-LONGEST:]
    size = args.size and "x".join(map(str, args.size))
    precision = None if args.precision == "fp32" else args.precision
    long = args.data if len(args.data) > LONGEST else None
    rest = (args.metrics, *args.metric, args.model, long)  # what a name has no room for
    digest = None if not any(rest) else hashlib.sha256(repr(rest).encode()).hexdigest()[:6]
    parts = (args.weights.stem, "on", data, args.split, size, args.samples, precision, digest)
    name = "-".join(str(part) for part in parts if part is not None)
    return folder_beside(args.weights) / name
