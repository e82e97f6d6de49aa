"""What a comparison answers: which network within a budget, and what has changed since an older run."""

import pytest
from records import COST, FASTER, STEADY, accuracy, changed, cost, failed, latency, record

from benchmarks.show import against, choice
from benchmarks.show.results import Results
from benchmarks.store.record import Record

OLDER = {"torch": "1.x"}


def at_64(model: str, ms: float) -> Record:
    """A time at the size of the accuracies."""
    return latency(model, rounds=[[ms]], cell={"size": (64, 64)})


CHOICES = [
    at_64("small", 4.0), accuracy("small", 0.6, 0.25),
    at_64("middle", 9.0), accuracy("middle", 0.7, 0.30),
    at_64("large", 30.0), accuracy("large", 0.9, 0.15),
]  # fmt: skip


@pytest.mark.parametrize(
    ("budget", "want", "said"),
    [
        (
            10,
            "mask",
            [
                "Take middle: 9.00 ms here, mask IoU 0.700",
                "10,000 samples at 64x64 px by recipe equal",
                "The next better, large, costs 21.0 ms more for 0.200",
            ],
        ),
        (
            10,
            "depth",
            ["Take small: 4.00 ms here, depth RMSE 0.250", "The next better, large, costs 26.0 ms more for 0.100"],
        ),
        (99, "mask", ["Take large", "None of the others measured is shown to be better, however slow."]),
        (2, "mask", ["None fits into 2 ms here; the fastest, small, takes 4.00 ms"]),
    ],
)
def test_the_answer_within_a_budget(budget: float, want: str, said: list[str]) -> None:
    answer = choice.sentence(Results(CHOICES), milliseconds=budget, want=want)
    assert all(part in answer for part in said), answer


def test_of_those_that_tie_the_fastest_is_taken() -> None:
    near = [at_64("near", 8.0), accuracy("near", 0.6999, 0.25)]
    answer = choice.sentence(Results([*CHOICES, *near]), milliseconds=10, want="mask")
    assert answer.startswith("64 x 64, fp32, eager: Take near (middle ties with it and takes longer): 8.00 ms here")
    assert "The next better, large, costs 22.0 ms more" in answer


def test_ties_of_ties_take_no_longer_than_they_do() -> None:
    def at(ms: float, iou: float) -> list[Record]:
        found = accuracy(f"{ms:g}", iou, 0.2, intervals={"mask_iou": [iou - 0.02, iou + 0.02]})
        return [at_64(f"{ms:g}", ms), found]

    known = [*at(9.0, 0.80), *at(6.0, 0.77), *at(2.0, 0.74)]  # each ties with its neighbour
    answer = choice.sentence(Results(known), milliseconds=10, want="mask")
    assert "Take 6 (9 ties with it and takes longer): 6.00 ms" in answer
    assert "costs -" not in answer


def own(model: str, iou: float, rmse: float) -> Record:
    return accuracy(model, iou, rmse, cell={"recipe": "zoo-quick"})


def test_what_was_trained_in_another_way_is_told_beside() -> None:
    best = [at_64("quick", 5.0), own("quick", 0.95, 0.10)]
    answer = choice.sentence(Results([*CHOICES, *best]), milliseconds=10, want="mask")
    assert "Take middle: 9.00 ms" in answer
    assert answer.endswith(
        "Trained in another way, quick: 5.00 ms, mask IoU 0.950 (0.940 to 0.960), trained on 10,000 samples at"
        " 64x64 px by recipe zoo-quick."
    )
    worse = [at_64("worse", 5.0), own("worse", 0.5, 0.40)]
    slow = [at_64("quick", 50.0), own("quick", 0.95, 0.10)]
    for more in (worse, slow):
        assert "another way" not in choice.sentence(Results([*CHOICES, *more]), milliseconds=10, want="mask")


def test_where_the_accuracy_is_from_is_said() -> None:
    answer = choice.sentence(Results([CHOICES[0]], [CHOICES[1]]), milliseconds=9, want="mask")
    assert answer.startswith("64 x 64, fp32, eager; accuracy from the library's records: Take small")


def test_no_answer_says_what_is_missing() -> None:
    assert "hold no accuracy" in choice.sentence(Results([CHOICES[0]]), milliseconds=9, want="mask")
    assert "hold no times" in choice.sentence(Results([CHOICES[1]]), milliseconds=9, want="mask")
    assert "Take small" in choice.sentence(Results([CHOICES[0]], [CHOICES[1]]), milliseconds=9, want="mask")


def test_an_answer_is_of_one_size_or_says_how_to_get_one() -> None:
    elsewhere = [latency("small", rounds=[[4.0]]), *CHOICES[1:]]
    answer = choice.sentence(Results(elsewhere), milliseconds=10, want="mask")
    there, here = answer.split("\n")
    assert there == (
        "224 x 224, fp32, eager: no network can be recommended: accuracy was measured at 64 px, and it changes with the"
        " size. Add --sizes 64 for times at that size, or --measure latency,accuracy --train-size 224 for accuracy"
        " at this one."
    )
    assert here.startswith("64 x 64, fp32, eager: Take middle: 9.00 ms here")
    wide = accuracy("small", 0.8, 0.2, cell={"size": (224, 224)})
    assert "224 x 224, fp32, eager: Take small: 4.00 ms here, mask IoU 0.800" in choice.sentence(
        Results([*elsewhere, wide]), milliseconds=10, want="mask"
    )


def test_only_like_is_compared_with_like_and_the_rest_says_why() -> None:
    new = [latency("a", "contiguous", FASTER), latency("b", "contiguous", STEADY), accuracy("a", 0.6, 0.2), cost("a")]
    old = [
        latency("a", "contiguous", STEADY),
        latency("b", "contiguous", STEADY, machine=OLDER),
        accuracy("a", 0.605, 0.2, machine=OLDER),
        cost("a", values=COST | {"flops": 1}),
    ]
    body, refused = against.compare(new, old)
    assert [(row[0], row[1], row[2], row[-1]) for row in body] == [
        ("a", "latency, 224 x 224, 1, fp32, contiguous, eager", "ms", "changed"),
        ("a", "accuracy, 64 x 64, pairbench:hard, equal, 0", "mask_iou", "tie"),
        ("a", "accuracy, 64 x 64, pairbench:hard, equal, 0", "depth_rmse", "tie"),
        ("a", "cost, 224 x 224", "params", "same"),
        ("a", "cost, 224 x 224", "flops", "changed"),
    ]
    assert body[0][5] == "0.800"
    assert refused == [
        "b, latency, 224 x 224, 1, fp32, contiguous, eager: measured on another machine, torch 1.x, now 2.x"
    ]
    assert "the older run has no such cell of this network" in against.compare(new[:1], [])[1][0]


def test_why_there_is_no_like_is_told_and_not_a_hundred_times() -> None:
    then, now = accuracy("a", 0.6, 0.2), accuracy("a", 0.6, 0.2, cell={"samples": 96})
    assert against.compare([now], [cost("a"), then])[1] == [
        "a, accuracy, 64 x 64, pairbench:hard, equal, 0: samples 10000 then, 96 now",
        "a, cost, 224 x 224: only in the older run",
        "a, accuracy, 64 x 64, pairbench:hard, equal, 0: only in the older run",
    ]
    half = accuracy("a", 0.6, 0.2, status="interrupted")
    assert against.compare([then], [half])[1] == [
        "a, accuracy, 64 x 64, pairbench:hard, equal, 0: it was interrupted then"
    ]
    many = [cost(f"network {n}") for n in range(9)]
    assert against.compare([], many)[1][3:] == ["and 6 more cells of the older run without a counterpart"]
    assert len(against.compare([], many[:4])[1]) == 4


def test_no_more_than_two_builds_differ_is_no_change() -> None:
    def verdict(one: Record, other: Record) -> str:
        return against.compare([one], [other])[0][0][-1]

    steady = [[10.0]] * 9
    times = {ms: latency("a", "contiguous", [[ms]] * 9) for ms in (10.0, 10.2, 10.5)}
    assert verdict(times[10.0], latency("a", "contiguous", steady)) == "tie"
    assert verdict(times[10.2], times[10.0]) == "as two builds"
    assert verdict(times[10.5], times[10.0]) == "changed"
    small, larger, large = (
        record("memory", "a", values={"inference_bytes": count}) for count in (1_200_000, 1_300_000, 2_400_000)
    )
    assert verdict(larger, small) == "same"
    assert verdict(large, small) == "changed"


def test_the_verdicts_are_readable_in_100_columns(capsys: pytest.CaptureFixture[str]) -> None:
    own_file = "a_long_name_of_mine.py:Network(width=16, fusion=difference)"
    against.show([latency(own_file, "contiguous", FASTER)], [latency(own_file, "contiguous", STEADY)])
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 100
    assert sum("verdict" in line for line in out.splitlines()) == 1, "one table"
    assert "changed" in out


def test_rates_of_two_batches_are_no_pair() -> None:
    then, now = (
        record("throughput", "a", values={"images_per_s": rate, "batch": batch})
        for rate, batch in ((300.0, 8), (400.0, 64))
    )
    body, (refused,) = against.compare([now], [then])
    assert body == []
    assert refused.endswith("batch 8 then, 64 now; rates of different batches cannot be compared")
    assert len(against.compare([now], [now])[0]) == 1


def test_an_older_run_of_two_machines_one_round_or_no_mask_is_compared() -> None:
    elsewhere = latency("a", "contiguous", FASTER, machine=OLDER)
    once = latency("a", "contiguous", STEADY[:1], intervals={"ms": [0.0, None]})
    ((*_, verdict),), refused = against.compare([once], [latency("a", "contiguous", STEADY), elsewhere])
    assert (verdict, refused) == ("open", [])
    blind = accuracy("a", values={"depth_rmse": 0.2}, intervals={"depth_rmse": [0.195, 0.205]})
    ((_, _, _, was, now, _, verdict),), _ = against.compare([blind], [blind])
    assert (was, now, verdict) == ("0.200", "0.200", "tie")
    nothing = changed(blind, values={"depth_rmse": None})
    assert against.compare([nothing], [blind])[0][0][3:] == ["0.200", "-", "-", "only one"]
    heavy, light = (record("memory", "a", values={"inference_bytes": n}) for n in (103, 100))
    assert against.compare([heavy], [light])[0][0][-1] == "same"


def test_what_fails_now_is_seen_and_so_is_what_is_measured_no_more() -> None:
    good = latency("a", "contiguous", STEADY)
    bad = failed(good)
    assert [against.compare([new], [old])[0][0][-1] for new, old in ((bad, good), (good, bad), (bad, bad))] == [
        "fails now",
        "failed then",
        "fails in both",
    ]
    assert against.compare([good], [good, cost("b")])[1] == ["b, cost, 224 x 224: only in the older run"]


def test_accuracy_is_compared_over_the_same_images() -> None:
    def with_sums(hits: list[float]) -> Record:
        made = accuracy("a", sum(hits) / 100, 0.2)
        masks = [hits, 1.0, [10 - value for value in hits], 100.0]  # right, wrong, missed, pixels of each image
        sums = {"images": 10, "rows": 10, "mask_iou": masks, "depth_rmse": [1.0, 10.0]}
        return changed(made, raw={"sums": sums})

    hits = [float(n % 7) for n in range(10)]
    same, less = with_sums(hits), with_sums([max(value - 0.05, 0) for value in hits])
    verdicts = {row[2]: row[-1] for row in against.compare([less], [same])[0]}
    assert verdicts == {"mask_iou": "changed", "depth_rmse": "tie"}, "whose intervals overlap widely"
