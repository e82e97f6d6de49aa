"""Measure and compare networks: `python -m benchmarks.compare` or `zoo compare`, with --preset, --models, --measure ...

Each finished cell is one line of compare.jsonl at once; a killed run goes on with --resume. Tables follow as Markdown,
CSV and LaTeX, and as one HTML page that needs no network. Ctrl-C shows and keeps what is there.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

# torch and what needs it load in `run`: --help, typing errors and Ctrl-C do not wait
from benchmarks.plan.comparison import CHOICES, REPEATED, TYPES, Options
from benchmarks.plan.presets import PRESETS, SUMMARIES
from benchmarks.store.names import ENGINES, FORMATS, FORMATS_RECORDS, LAYOUTS, MEASURES, RECORDS
from registry.arguments import listed, positive
from registry.commandline import INTERRUPTED, Parser, UsageError, guarded
from registry.vocabulary import PRECISIONS

if TYPE_CHECKING:
    from benchmarks.plan.cells import Cell
    from benchmarks.plan.comparison import Comparison
    from benchmarks.run.leaderboard import Outcome
    from benchmarks.store.record import Record

HELP = {
    "models": 'names, patterns, specs and networks of your own: "u2net*, unet(depth=4), my_net.py:Net"',
    "measure": f"some of {', '.join(MEASURES)}",
    "sizes": "pixels: 224, or 64,224x320 (height x width); default: 224",
    "batches": "batch sizes for throughput: 8,32 or max, the largest that fits; default: 16",
    "precisions": f"some of {', '.join(PRECISIONS)}; default: fp32",
    "engines": f"some of {', '.join(ENGINES)}; default: eager",
    "layouts": f"some of {', '.join(LAYOUTS)}; default: both on a CPU",
    "data": "what to train and test on; repeat it for several",
    "test": "a set to test on instead of the data's test split; repeat it to test the same weights on several",
    "recipes": "one recipe for all, a name or a TOML file (effort: equal effort), or own: each its own; default: equal",
    "loss": "losses instead of the recipe's, as my_loss.py:cube or depth=l1",
    "metric": "an additional metric of your own, as my_metric.py:Mine",
    "samples": "number of samples that each network is trained on",
    "seeds": "one training for each seed, as 0,1,2",
    "train_size": "size of the images in training and testing, in pixels",
    "train_precision": "default: the recipe's",
    "scenes": "number of test samples; default: 500",
    "weights": "test these weights instead of training: a file of zoo.save, or a folder of such files",
    "device": "auto, cpu, cuda or cuda:N; default: auto",
    "threads": "threads on the CPU; default: what torch chooses",
    "workers": "processes that prepare training data",
    "seconds": "time for each timed cell; default: 2.5",
    "rounds": "least number of timing rounds for each cell; default: 3",
    "within": "stop timing a cell when its median is known to this share; default: 0.01",
    "out": "folder of records, tables and the page; default: results",
    "executor": "ray runs on a cluster, and needs pip install 'pairzoo[cluster]'; default: here",
    "address": "address of an existing Ray cluster, host:port or auto; default: one is started here",
}
ALL_FAILED, SOME_FAILED = 1, 3  # exit codes; 2 is a call that does not fit
METAVARS = {
    **dict.fromkeys(("data", "test"), "SPEC"), "recipes": "RECIPE", "loss": "[TASK=]LOSSES", "metric": "PLACE",
    "weights": "PATH",
}  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    given = sys.argv[1:] if argv is None else argv
    if "--control" in given:
        return control([word for word in given if word != "--control"])
    return guarded(lambda: run(arguments().parse_args(argv)))


def control(words: list[str]) -> int:
    """Can the timing be trusted here?"""
    from benchmarks.checks.__main__ import main as check

    return check(["control", *words])


def arguments(parser: Parser | None = None) -> Parser:
    """What the command takes, declared for a parser of its own or for another's."""
    parser = parser or Parser(prog="python -m benchmarks.compare", description="Measure and compare networks.")
    parser.stray = 'give all networks in one argument, as "u2net*, unet(depth=4)"'
    add = parser.add_argument
    add("names", nargs="?", metavar="MODELS", help="the same as --models")
    presets = "; ".join(f"{name}: {summary}" for name, summary in SUMMARIES.items())
    add("--preset", choices=tuple(PRESETS), help=f"{presets}. Default: quick; on a GPU standard")
    for name, text in HELP.items():
        add(
            f"--{name.replace('_', '-')}",
            type=TYPES.get(name, str),
            choices=CHOICES.get(name),
            action="append" if name in REPEATED else "store",
            metavar=METAVARS.get(name),
            help=text,
        )
    formats = f"compare exported files instead: some of {', '.join(FORMATS)}; writes formats.md and formats.html"
    add("--formats", type=listed(*FORMATS), help=formats)
    add("--resume", action="store_true", help="continue: measure only what is missing from the records in --out")
    add(
        "--control",
        action="store_true",
        help="check whether timing can be trusted on this machine; see --control --help",
    )
    add("--against", type=Path, metavar="RECORDS", help="also compare with the records of an older run")
    add("--dry-run", action="store_true", help="print the planned measurements and an estimate of the time, and exit")
    add("--latex", action="store_true", help="print the tables as LaTeX, for booktabs")
    add("--budget-ms", type=positive, help="recommend a network that takes at most this many milliseconds")
    add(
        "--want",
        choices=("mask", "depth"),
        default="mask",
        help="what the recommended network should be best at; default: mask",
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Measure, write, show."""
    from benchmarks.plan import estimate
    from benchmarks.run.leaderboard import measure, missing, prepared
    from benchmarks.store import files

    if args.control:  # of `zoo compare`
        return control([])
    if args.models is not None and args.names is not None:
        raise UsageError("networks are given both with and without --models; give them once")
    options: Options = {name: getattr(args, name) for name in Options.__annotations__}  # type: ignore[assignment]
    if args.formats:
        return as_files(args, options)
    with prepared(args.models or args.names, options) as (asked, planned):
        older = files.read(args.against) if args.against else None
        for line in asked.assumed:
            print(line)
        if args.dry_run:
            return foretell(missing(asked, planned)[1], asked)
        if asked.assumed:
            print(
                f"this takes about {estimate.whole(planned, asked)}; --dry-run shows the estimate for each measure",
                flush=True,
            )
        return show(args, asked, measure(asked, planned), older)


def as_files(args: argparse.Namespace, options: Options) -> int:
    """How networks do in other formats: the table, and what was written."""
    from benchmarks.plan.comparison import settled
    from benchmarks.run import exports
    from benchmarks.show import exports as shown
    from benchmarks.show.terminal import print_table
    from zoo.machine import choose

    if args.measure:
        raise UsageError("--formats measures bytes, speed and accuracy together; leave --measure out")
    device = str(choose(options["device"] or "cpu"))
    asked = settled(args.models or args.names, {**options, "measure": "accuracy"}, PRESETS, device)
    found = exports.run(asked, args.formats)
    for table in shown.tables(found.records):
        print_table(table.head, table.body, title=table.title, notes=table.notes)
    if found.stopped:
        print("stopped; --resume continues", file=sys.stderr)
        return INTERRUPTED
    print(f"written: {asked.out / exports.TABLE}, {exports.PAGE}, and a record for each in {FORMATS_RECORDS}")
    failed = [record for record in found.records if record.failed]
    return 0 if not failed else SOME_FAILED if len(failed) < len(found.records) else ALL_FAILED


def foretell(planned: list["Cell"], asked: "Comparison") -> int:
    """Print the cells, and how long they will take, by measure."""
    from benchmarks.plan.estimate import HEAD, estimate
    from benchmarks.show.terminal import print_table

    body, notes = estimate(planned, asked)
    for cell in planned:
        print(cell.title)
    print_table(HEAD, body, notes=notes)
    return 0


def show(args: argparse.Namespace, asked: "Comparison", outcome: "Outcome", older: "list[Record] | None") -> int:
    """Tables on the terminal, and the answers that were asked for."""
    from benchmarks.show import against, choice
    from benchmarks.show.results import FILES

    results = outcome.results
    if args.latex:
        print(results.to_latex())
    else:
        results.show()
    if outcome.problem:
        raise outcome.problem
    if older is not None:
        against.show(results.records, older)
    if args.budget_ms:
        print(choice.sentence(results, milliseconds=args.budget_ms, want=args.want))
    if outcome.stopped:
        kept = f"records so far: {asked.out / RECORDS}; --resume continues"
        print(f"stopped; {kept if results.records else 'nothing has been measured yet'}", file=sys.stderr)
        return INTERRUPTED
    print(f"written: {', '.join([str(asked.out / FILES[0]), *FILES[1:]])}, and a record per cell in {RECORDS}")
    if not outcome.done:
        return ALL_FAILED
    return SOME_FAILED if outcome.failed else 0


if __name__ == "__main__":
    sys.exit(main())
