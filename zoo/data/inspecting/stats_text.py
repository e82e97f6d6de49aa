"""Figures of a data set as text of 100 columns."""

from textwrap import wrap
from typing import Any

from registry import listed

WIDTH = 100  # columns
BREAK = "\n  "
BAR = 40  # characters of the longest bar


def text(record: dict[str, Any]) -> str:
    """What `zoo data stats` prints; the record is the one it writes as JSON."""
    seen, there = record["samples"], record["of"]
    share = f"{seen:,}" if seen == there else f"{seen:,} of {there:,}"
    sizes = [f"{h} x {w}" for h, w in record["sizes"]]
    lines = [
        *wrap(record["spec"], WIDTH, subsequent_indent="  "),
        f"split {record['split']}: {share} samples, {', '.join(sizes[:4])}{' and others' if len(sizes) > 4 else ''}",
    ]
    lines += wrap(record["split_note"], WIDTH, subsequent_indent="  ")
    if wrong := record["left_out"]:
        lines += [f"{len(wrong):,} samples that could not be used are left out:", f"  {listed(wrong, separator=BREAK)}"]
    lines += ["", *_moments(record["maps"])]
    if "mask" in record["maps"]:
        lines += ["", f"share of the picture that is object; {record['empty']:,} samples have none"]
        lines += _bars(record["coverage"])
    if "depth" in record["maps"]:
        lines += ["", "depth of the pixels, 0 nearest, 1 farthest or sky", *_bars(record["depth"])]
    if "mask" in record["maps"]:
        lines += ["", *_thresholds(record)]
    return "\n".join(line.rstrip() for line in lines)


def _moments(maps: dict[str, Any]) -> list[str]:
    lines = [f"{'map':8}{'channel':9}{'mean':>9}{'std':>9}{'min':>9}{'max':>9}"]
    for name, figures in maps.items():
        columns = [figures[key] for key in ("mean", "std", "min", "max")]
        for channel, row in enumerate(zip(*columns, strict=True)):
            title = "RGB"[channel] if len(columns[0]) == 3 else str(channel) if len(columns[0]) > 1 else ""
            lines.append(f"{name if not channel else '':8}{title:9}" + "".join(f"{value:9.4f}" for value in row))
    return lines


def _bars(counts: list[int]) -> list[str]:
    """Ten lines over a tenth, a fifth, a half or all of the range, the least that holds everything."""
    top = next(part for part in (10, 5, 2, 1) if part == 1 or not any(counts[len(counts) // part :]))
    per = len(counts) // top // 10
    sums = [sum(counts[i * per : (i + 1) * per]) for i in range(10)]
    most, total, edges = max(*sums, 1), max(sum(sums), 1), [i / 10 / top for i in range(11)]
    return [
        f"  {edges[i]:4.0%} to {edges[i + 1]:4.0%}  {'#' * round(BAR * n / most):{BAR}}  {n / total:6.1%}  {n:>14,}"
        for i, n in enumerate(sums)
    ]


def _thresholds(record: dict[str, Any]) -> list[str]:
    rows = [{"only": "", **record["threshold"]}, *record["perturbations"]]
    lines = [
        "object where |fg_bg - bg|, mean of the channels, reaches the best constant; IoU over all pixels,",
        "and per image: the best mean of the images' IoU, by a constant of its own",
    ]
    for row in rows:
        name = f"{row['only']} alone" if row["only"] else "as it is"
        figures = f"{'constant':>10}{row['constant']:8.3f}{'IoU':>8}{row['iou']:8.3f}"
        lines.append(f"  {name:20}{figures}{'per image':>12}{row['iou_image']:8.3f}")
    return lines
