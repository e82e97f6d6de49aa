"""Notes on trainings: the rate that each network has, and networks that saw too few samples."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from benchmarks.measures import training_recipe
from benchmarks.show.scores import HARDNESS, Board, Score, counted
from benchmarks.show.sets import short
from benchmarks.store.names import FOUNDING, OWN
from registry import Spec, ZooError

FEW = "not enough samples"
SMALL_SHARE = 0.1  # of the samples that a recipe asks for
NO_MASK = 0.05  # IoU


def rates_chosen(achieved: Sequence[Score]) -> str:
    """The rate of each network, if it was chosen among several."""
    tried, chosen = set[float](), dict[str, dict[str, None]]()
    for score in achieved:
        for record in score.records:
            tried |= {each.rate for each in record.raw.rates or ()}
            rates = (f"{each.rate:g}" for each in record.raw.rates or () if each.chosen)
            chosen.setdefault(score.network.name, {}).update(dict.fromkeys(rates))
    if not tried:
        return ""
    told = "; ".join(f"{name} {' and '.join(rates)}" for name, rates in chosen.items() if rates)
    among = ", ".join(f"{rate:g}" for rate in sorted(tried))
    return f"Learning rates, chosen among {among} by the loss on the validation split: {told}."


def too_few(board: Board, rows: Sequence[Mapping[str, Score]]) -> dict[str, str]:
    """Founding networks that found no mask on any set, with their own recipe and a small share of the samples that
    it asks for: a note for each, which keeps the figures. In a table of one recipe for all there is no such
    exception."""
    if board.trained_as.kind != OWN:
        return {}
    every = ([*by_data.values()] for by_data in rows)
    return {scores[0].network.name: told for scores in every if (told := _excuse(scores))}


def _excuse(scores: Sequence[Score]) -> str:
    """The note of a row, if it needs one."""
    network, cell = scores[0].network, scores[0].cell
    records = [record for score in scores for record in score.records]
    seen = max(filter(None, (record.samples for record in records)), default=0)
    if network.group != FOUNDING or training_recipe.own(Spec.parse(network.name).name) != cell.recipe:
        return ""
    if not seen or not all(score.interval(HARDNESS)[1] < NO_MASK for score in scores):
        return ""
    asked = 0.0
    with suppress(ZooError):  # its data is not here
        asked = training_recipe.amount(cell.recipe, cell.data)
    if seen >= SMALL_SHARE * asked:
        return ""
    found = ", ".join(f"{score.value(HARDNESS):.3f} on {short(score.cell.tested_on)}" for score in scores)
    said = f"{network.name} has seen {counted(records, 'samples')} samples, and its recipe asks for {asked:,.0f}"
    return f"{FEW[0].upper()}{FEW[1:]}: {said}. It finds no mask yet: IoU {found}."
