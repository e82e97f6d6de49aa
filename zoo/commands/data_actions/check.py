"""check a data set in the founding layout, or shards, for files that cannot be used"""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from registry import OptionError
from registry.commandline import say
from zoo.progress import progress

LAYOUT = ("tasks", "per_background", "template", "objects", "manifest", "dirs")  # options of folders that find files


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "spec",
        metavar="SPEC",
        help="a folder or zip with bg/, fg_bg/, fg_bg_mask/, fg_bg_depth/; shards; or a spec, as folders(path=DIR,"
        " tasks=mask). The options below override those of the spec",
    )
    parser.add_argument("--per-background", type=int, metavar="N", help="pictures per background, in their order")
    parser.add_argument(
        "--template", help='the part of a picture\'s name that names its background, as "{stem.split:_:3}"'
    )
    parser.add_argument("--manifest", metavar="FILE", help="a .csv or .jsonl with the columns bg, fg_bg, mask, depth")
    parser.add_argument(
        "--dirs", nargs=4, metavar=("BG", "FG_BG", "MASK", "DEPTH"), help="the four folders, if they have other names"
    )
    parser.add_argument(
        "--tasks", nargs="+", choices=("mask", "depth"), help="the maps that the data has (default: both)"
    )
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: one per core)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: Namespace) -> int:
    """The exit code: 0 where all is well, 1 where there are problems."""
    from zoo.contract import words
    from zoo.data.dataset import resolve
    from zoo.data.files.layout import read_layout
    from zoo.data.inspecting.checking import check

    given = {name: value for name in LAYOUT if (value := getattr(args, name, None)) is not None}
    entry, options = resolve(args.spec, given)
    if entry.name == "shards":
        return _check_shards(Path(options["path"]), args.json)
    if entry.name != "folders":
        raise OptionError(
            f"{args.spec} is not made of files, so there is nothing to check; give a folder, a zip or shards"
        )
    layout = read_layout(
        options["path"],
        tasks=words("tasks", options["tasks"], "mask, depth, or both"),
        **{name: options[name] for name in LAYOUT if name != "tasks"},
    )
    with progress() as tick:
        findings = check(layout, workers=args.workers, tick=tick)
    say(json.dumps({"path": options["path"], **findings.record()}, indent=1) if args.json else findings.text())
    return 1 if findings.problems else 0


def _check_shards(folder: Path, as_json: bool) -> int:
    """Every shard of every split against its size and digest."""
    from zoo.data.files.shards import INDEX, read_index, verify

    rows: list[dict[str, object]] = []
    with progress() as tick:
        indices = [read_index(file) for file in sorted(folder.glob(f"*{INDEX}"))]
        total = sum(len(index.shards) for index in indices)
        for index in indices:
            for shard, problem in verify(folder, index):
                tick(f"check {shard.name}", len(rows) + 1, total)
                rows.append({"shard": shard.name, "samples": shard.samples, "problem": problem})
    wrong = [row for row in rows if row["problem"]]
    if as_json:
        say(json.dumps({"path": str(folder), "shards": rows}, indent=1))
    else:
        say(f"{folder}: {len(rows)} shards, {len(wrong)} with problems")
        for row in wrong:
            say(f"  {row['shard']}: {row['problem']}")
    return 1 if wrong else 0
