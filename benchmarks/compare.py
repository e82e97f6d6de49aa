"""Measure and compare networks: `python -m benchmarks.compare`, or with --preset, --models, --measure, --sizes ...

Each finished cell is one line of compare.jsonl at once; a killed run goes on with --resume. Tables follow as Markdown
and CSV, and as one HTML page that needs no network. Ctrl-C shows and keeps what is there.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

# torch and what needs it load in `run`: --help, typing errors and Ctrl-C do not wait
from benchmarks.arguments import at_least, listed, positive, threads
from benchmarks.checks import control
from benchmarks.plan.presets import HONEST, PRESETS, WITHIN, Preset
from benchmarks.store.names import MEASURES, RECORDS
from registry import OptionError, ZooError
from registry.commandline import INTERRUPTED, Parser, guarded, sides

if TYPE_CHECKING:
    import torch

    from benchmarks.plan.cells import Cell, Wanted
    from benchmarks.store.record import Record

PAGE = "compare.html"
DEFAULT_RECIPE = "equal"
OF_TRAINING = ("data", "recipes", "samples", "seeds", "train_size", "train_precision", "scenes", "weights")


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    given = sys.argv[1:] if argv is None else argv
    if "--control" in given:
        return control.main([word for word in given if word != "--control"])
    return guarded(lambda: run(arguments().parse_args(argv)))


def arguments() -> Parser:
    parser = Parser(prog="python -m benchmarks.compare", description="Measure and compare networks.")
    parser.stray = 'networks are given as in --models "u2net*, unet(depth=4)"'
    add = parser.add_argument
    presets = "; ".join(f"{name}: {preset.summary}" for name, preset in PRESETS.items())
    add("--preset", choices=tuple(PRESETS), help=f"{presets}. Default: quick, on a GPU standard")
    add("--models", help='names, patterns, specs and networks of your own: "u2net*, unet(depth=4), my_net.py:Net"')
    add("--measure", type=listed(*MEASURES), help=f"some of {','.join(MEASURES)}")
    add("--sizes", type=_sizes, help="pixels: 224, or 64,224x320 (height x width); default: 224")
    add("--batches", type=_batches, help="of throughput: 8,32 or max, the largest that fits; default: 16")
    add("--precisions", type=listed("fp32", "tf32", "bf16", "fp16"), default=("fp32",), help="default: fp32")
    add("--engines", type=listed("eager", "compile", "onnxruntime"), default=("eager",), help="default: eager")
    add("--layouts", type=listed("contiguous", "channels_last"), help="default: both on a CPU")
    add("--data", action="append", metavar="SPEC", help="to train and test on; may be given again")
    add(
        "--recipes",
        default=DEFAULT_RECIPE,
        metavar="RECIPE",
        help="a name or a TOML file for all, or own: each its own; default: equal",
    )
    add("--samples", type=at_least(1, most=10**9), help="that each network is trained on")
    add("--seeds", type=_seeds, help="a training for each, as 0,1,2")
    add("--train-size", type=sides, help="pixels of training and testing")
    add("--train-precision", choices=("fp32", "bf16", "fp16"), help="default: the recipe's")
    add("--scenes", type=at_least(1), help="of the test split; default: 500")
    add(
        "--weights",
        type=Path,
        metavar="PATH",
        help="test these weights instead of training: a file of zoo.save, or a folder of them",
    )
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N; default: auto")
    add("--threads", type=threads, help="threads on the CPU; default: what torch chooses")
    add("--workers", type=at_least(0), help="processes that make data for training")
    add("--seconds", type=positive, help="of timing for each cell; default: 2.5")
    add("--rounds", type=at_least(1), help="that each timed cell gets at least; default: 3")
    add("--within", type=positive, default=WITHIN, help="share of the median that ends a cell's timing; default: 0.01")
    add("--control", action="store_true", help="can the timing be trusted here? --control --help says more")
    add("--out", type=Path, default=Path("results"), help="folder of records, tables and the page; default: results")
    add("--executor", choices=("here", "ray"), default="here", help="ray: on a cluster; needs the extra cluster")
    add("--address", help="of an existing Ray cluster, host:port or auto; default: one is started here")
    add("--resume", action="store_true", help="measure only what the records in --out do not hold")
    add("--against", type=Path, metavar="RECORDS", help="compare with an older run's records")
    add("--dry-run", action="store_true", help="print the cells and an estimate of the time, and end")
    add("--budget-ms", type=positive, help="which network to take within so many milliseconds?")
    add("--want", choices=("mask", "depth"), default="mask", help="what --budget-ms should be best at; default: mask")
    return parser


def run(args: argparse.Namespace) -> int:
    """Measure, show, write."""
    import torch

    from benchmarks.measures import accuracy
    from benchmarks.networks.entrants import enter
    from benchmarks.plan import cells
    from benchmarks.store import files
    from zoo import machine
    from zoo.lock import locked

    if args.threads:
        torch.set_num_threads(args.threads)
    device = machine.choose(args.device)
    preset = settled(args, device)
    require_use(args, preset)
    entrants = enter(preset.models)
    if "accuracy" in preset.measures and not args.weights:  # the rows that are no networks stand in every such table
        entrants = enter(f"{preset.models}, {HONEST}")
    planned = cells.plan(entrants, wanted(args, preset, device))
    accuracy.require([cell.settings for cell in planned if cell.measure == "accuracy"], args.weights)
    require_trained(args, planned)
    older: list[Record] | None = [*files.read(args.against)] if args.against else None
    if args.dry_run:
        return foretell(missing(args, planned, device)[1], preset, device)
    folder = files.prepare(args.out)
    with locked(folder):
        return measured(args, preset, planned, device, folder, older)


def foretell(planned: list["Cell"], preset: Preset, device: "torch.device") -> int:
    """Print the cells, and how long they will take, by measure."""
    from benchmarks.plan.estimate import HEAD, estimate
    from benchmarks.show.terminal import print_table

    body, notes = estimate(planned, preset, device)
    for cell in planned:
        print(cell.title)
    print_table(HEAD, body, notes=notes)
    return 0


def settled(args: argparse.Namespace, device: "torch.device") -> Preset:
    """The preset with what the command line changes in it."""
    preset = PRESETS[args.preset or ("standard" if device.type == "cuda" else "quick")]
    given = {
        "models": args.models,
        "measures": args.measure,
        "sizes": args.sizes,
        "data": tuple(args.data) if args.data else None,
        "samples": args.samples,
        "seeds": args.seeds,
        "test_images": args.scenes,
        "train_size": args.train_size,
        "seconds": args.seconds,
        "rounds": args.rounds,
    }
    return replace(preset, **{name: value for name, value in given.items() if value is not None})


def require_use(args: argparse.Namespace, preset: Preset) -> None:
    """Raise where an option was given that nothing of what is measured would look at."""
    idle = [f"--{name.replace('_', '-')}" for name in OF_TRAINING if getattr(args, name) not in (None, DEFAULT_RECIPE)]
    if idle and not {"accuracy", "sensitivity"} & {*preset.measures}:
        raise OptionError(
            f"{', '.join(idle)} {'is' if len(idle) == 1 else 'are'} for accuracy and sensitivity, and measured are"
            f" {', '.join(preset.measures)}; add --measure accuracy"
        )
    if args.address and args.executor != "ray":
        raise OptionError("--address is for --executor ray; give that too")


def require_trained(args: argparse.Namespace, planned: list["Cell"]) -> None:
    """Raise where a curve is asked for of a network that is neither trained, nor to be trained, nor ready-made."""
    from benchmarks.measures.accuracy import is_over
    from benchmarks.run.campaign import home

    trained = {home(args.out, cell) for cell in planned if cell.measure == "accuracy"}
    curves = {home(args.out, cell): cell for cell in planned if cell.measure == "sensitivity"}
    lost = [cell for folder, cell in curves.items() if folder not in trained and not is_over(folder)]
    if lost and not args.weights:
        raise OptionError(
            f"sensitivity is of trained networks, and {args.out} holds no such training of {lost[0].entrant.asked}; add"
            " accuracy to --measure, or give --weights"
        )


def wanted(args: argparse.Namespace, preset: Preset, device: "torch.device") -> "Wanted":
    """The settings whose combinations are the cells."""
    from benchmarks.measures.sensitivity import PERTURBATIONS
    from benchmarks.plan.cells import Wanted

    default = ("contiguous", "channels_last") if device.type == "cpu" else ("contiguous",)
    return Wanted(
        measures=preset.measures,
        sizes=tuple((size, size) if isinstance(size, int) else size for size in preset.sizes),
        batches=args.batches or (16,),
        precisions=args.precisions,
        layouts=args.layouts or default,
        engines=args.engines,
        device=device.type,
        data=preset.data,
        recipes=args.recipes,
        samples=preset.samples,
        seeds=preset.seeds,
        test_images=preset.test_images,
        train_size=(preset.train_size,) * 2 if isinstance(preset.train_size, int) else preset.train_size,
        train_precision=args.train_precision,
        perturbations=tuple(PERTURBATIONS),
        weights=str(args.weights) if args.weights else None,
    )


def missing(
    args: argparse.Namespace, planned: list["Cell"], device: "torch.device"
) -> tuple[list["Record"], list["Cell"]]:
    """With --resume what is there already of these networks, whatever was asked for then, with the accuracy of the rows
    that are no networks; and the cells that it leaves to be measured."""
    from benchmarks.store import files, identity
    from benchmarks.store.names import BASELINE
    from zoo import machine

    path = args.out / RECORDS
    found = files.read(path) if args.resume and path.exists() else []
    specs = {cell.entrant.spec for cell in planned}
    before: list[Record] = [
        record
        for record in found
        if record["spec"] in specs or (record["group"] == BASELINE and record["measure"] == "accuracy")
    ]
    done = identity.done(before, None if args.executor == "ray" else machine.describe(device))
    return before, [cell for cell in planned if cell.key not in done]


def measured(
    args: argparse.Namespace,
    preset: Preset,
    planned: list["Cell"],
    device: "torch.device",
    folder: Path,
    older: list["Record"] | None,
) -> int:
    """The comparison itself, in a folder of its own; records first, then tables and the page, then what is shown."""
    from benchmarks.run.campaign import Campaign, Effort
    from benchmarks.store import files, identity
    from zoo.progress import progress

    path = folder / RECORDS
    records, pending = missing(args, planned, device)
    effort = Effort(preset.seconds, preset.rounds, args.workers, args.weights, args.threads, args.within)
    stopped, problem = False, None
    try:
        with progress() as tick:
            if args.executor == "ray":
                from benchmarks.run import cluster

                found = cluster.measure(pending, device, folder, effort, address=args.address, tick=tick)
            else:
                found = Campaign(pending, device, folder, effort).measure(tick)
            for record in found:
                records.append(record)
                files.append(path, record)
    except KeyboardInterrupt:
        stopped = True
    except ZooError as error:  # no room for a record: what was measured is still worth a look
        problem = error
    return show(args, preset, planned, identity.latest(records), folder, stopped, problem, older)


def show(
    args: argparse.Namespace,
    preset: Preset,
    planned: list["Cell"],
    records: Sequence["Record"],
    folder: Path,
    stopped: bool,
    problem: ZooError | None,
    older: list["Record"] | None,
) -> int:
    """Tables on the terminal and in files, the page, and the answers that were asked for."""
    from benchmarks.show import against, choice, leaderboard, report
    from benchmarks.store import committed, files, identity

    specs = {cell.entrant.spec for cell in planned}
    achieved = "accuracy" in preset.measures or any(
        record["measure"] == "accuracy" and record["spec"] in specs for record in records
    )
    library = [] if achieved else committed.records(like=records)
    if records and not problem and not stopped:
        files.write_text(folder / "compare.md", leaderboard.markdown(records, library))
        files.write_text(folder / "compare.csv", leaderboard.to_csv(records))
        here = records[-1]["machine"]
        report.write([*library, *records], [folder, committed.FOLDER], folder / PAGE, here=here)
    leaderboard.show(records, library)
    if problem:
        raise problem
    if older is not None:
        against.show(records, older)
    if args.budget_ms:
        print(choice.sentence(records, library, milliseconds=args.budget_ms, want=args.want))
    if stopped:
        what = (
            f"records of what was measured: {folder / RECORDS}; --resume goes on"
            if records
            else "nothing was measured yet"
        )
        print(f"stopped; {what}", file=sys.stderr)
        return INTERRUPTED
    print(f"written: {folder / PAGE}, compare.md, compare.csv, and a record per cell in {RECORDS}")
    asked = {cell.key for cell in planned}
    return 0 if any(record["status"] == "done" and identity.key_of(record) in asked for record in records) else 1


def _sizes(text: str) -> tuple[tuple[int, int], ...]:
    return tuple(sides(part.strip()) for part in text.split(","))


def _batches(text: str) -> tuple[int | None, ...]:
    return tuple(None if part.strip() == "max" else at_least(1)(part.strip()) for part in text.split(","))


def _seeds(text: str) -> tuple[int, ...]:
    return tuple(at_least(0)(part.strip()) for part in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
