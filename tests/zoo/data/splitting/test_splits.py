import errno
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry import OptionError
from zoo.data import DataError
from zoo.data.splitting import splits
from zoo.data.splitting.dealing import deal
from zoo.data.splitting.splits import Splits, decide, file_beside, keep, read, settled

NAMES = ("train", "val", "test")


def assign(backgrounds, objects=None, *, names=None, **options):
    """Split -> indices of its samples, decided anew."""
    splits = decide(backgrounds, objects, names=names, **options)
    return splits.indices(backgrounds, objects, names=names)


def crossed(backgrounds: int, objects: int) -> tuple[list[str], list[str]]:
    """Every object on every background."""
    pairs = [(f"bg{b}", f"fg{o}") for b in range(backgrounds) for o in range(objects)]
    return [b for b, _ in pairs], [o for _, o in pairs]


@given(st.integers(3, 12), st.integers(3, 12), st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_no_group_is_in_two_splits_and_none_is_empty(backgrounds: int, objects: int, seed: int) -> None:
    bgs, fgs = crossed(backgrounds, objects)
    found = assign(bgs, fgs, seed=seed)
    assert set(found) == set(NAMES)
    for groups in (bgs, fgs):
        members = [{groups[i] for i in found[name]} for name in NAMES]
        assert all(members)
        assert sum(map(len, members)) == len(set.union(*members))


@given(st.integers(3, 8), st.integers(3, 8), st.integers(0, 99), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_the_samples_does_not_matter(
    backgrounds: int, objects: int, seed: int, shuffle: random.Random
) -> None:
    bgs, fgs = crossed(backgrounds, objects)
    order = list(range(len(bgs)))
    shuffle.shuffle(order)
    first, second = assign(bgs, fgs, seed=seed), assign([bgs[i] for i in order], [fgs[i] for i in order], seed=seed)
    for name in NAMES:
        assert {(bgs[i], fgs[i]) for i in first[name]} == {(bgs[order[i]], fgs[order[i]]) for i in second[name]}
        assert list(second[name]) == sorted(second[name])


@given(
    st.integers(3, 60),
    st.sampled_from([(0.8, 0.1, 0.1), (0.1, 0.8, 0.1), (0.98, 0.01, 0.01), (0.5, 0.5, 0.0), (1.0, 0.0, 0.0)]),
)
@settings(max_examples=60, deadline=None)
def test_fractions_come_out_within_one_group(groups: int, shares: tuple[float, ...]) -> None:
    dealt = list(deal(map(str, range(groups)), 0, shares, "").values())
    for name, share in zip(NAMES, shares, strict=True):
        count = dealt.count(name)
        assert (count > 0) == (share > 0)
        assert abs(count - groups * share) <= 2


def test_ten_by_ten_leaves_out_what_mixes() -> None:
    bgs, fgs = crossed(10, 10)
    made = decide(bgs, fgs)
    assert dict(made.counts) == {"train": 64, "val": 1, "test": 1, "left out (mixed)": 34}
    assert made.describe().startswith("held-out backgrounds and objects, seed 0; train 64, val 1, test 1, left out")


def test_the_seed_changes_who_is_held_out() -> None:
    bgs = [f"bg{i}" for i in range(50)]
    assert {tuple(assign(bgs, seed=seed)["test"]) for seed in range(5)} != {tuple(assign(bgs, seed=0)["test"])}


def test_the_same_groups_come_out_on_every_machine() -> None:
    found = assign([f"bg{i}" for i in range(10)], seed=7)
    assert {name: indices.tolist() for name, indices in found.items()} == {
        "train": [0, 1, 2, 3, 5, 7, 8, 9],
        "val": [4],
        "test": [6],
    }


def test_photos_with_their_own_object_each_lose_nothing() -> None:
    bgs, fgs = [f"bg{i // 2}" for i in range(40)], [f"fg{i // 2}" for i in range(40)]
    made = decide(bgs, fgs)
    assert dict(made.counts) == {"train": 32, "val": 4, "test": 4, "left out (mixed)": 0}


@given(st.randoms(use_true_random=False))
def test_islands_are_dealt_alike_in_any_order(shuffle: random.Random) -> None:
    rows = [(f"bg{i}", f"fg{(i // 3) * 3 + j}") for i in range(30) for j in range(3)]  # ten islands of three by three
    first = decide(*zip(*rows, strict=True))
    shuffle.shuffle(rows)
    second = decide(*zip(*rows, strict=True))
    assert first == second
    assert first.counts["left out (mixed)"] == 0


def test_an_empty_scene_follows_its_background() -> None:
    bgs, fgs = crossed(6, 6)
    found = assign([*bgs, *(f"bg{i}" for i in range(6))], [*fgs, *[None] * 6])
    for name in NAMES:
        backgrounds = {bgs[i] for i in found[name] if i < 36}
        assert {f"bg{i - 36}" for i in found[name] if i >= 36} == backgrounds


def test_one_background_is_no_ground_to_split_by() -> None:
    made = decide(["yard"] * 10, [f"fg{i}" for i in range(10)])
    assert set(made.groups) == {"objects"}
    assert "1 backgrounds: not held out" in made.describe()
    with pytest.raises(DataError, match="2 backgrounds cannot be held out: 3 splits need 3"):
        decide(["a", "b"])


def test_random_only_on_request_and_said() -> None:
    names = [f"photo{i}" for i in range(20)]
    made = decide(["yard"] * 20, kind="random", names=names)
    assert "RANDOM" in made.describe()
    assert dict(made.counts) == {"train": 16, "val": 2, "test": 2, "left out (mixed)": 0}
    back = assign(["yard"] * 20, kind="random", names=names[::-1])
    assert {names[i] for i in made.indices(["yard"] * 20, names=names)["test"]} == {names[19 - i] for i in back["test"]}


def test_sparse_pairs_that_leave_test_empty_are_an_error() -> None:
    # every background has its own object and one that stands on all, so the held-out ones hardly ever meet
    bgs, fgs = [f"bg{i}" for i in range(30)] * 2, [*(f"fg{i}" for i in range(30)), *["everywhere"] * 30]
    with pytest.raises(DataError, match=r"leaves val and test empty: no .* split_kind=backgrounds"):
        decide(bgs, fgs, seed=1)
    assert all(len(indices) for indices in assign(bgs, fgs, kind="backgrounds").values())


def kept(file: Path, *groups: Any, **wish: Any) -> Splits:
    """As a training settles and keeps them."""
    found = settled(file, *groups, **wish)
    keep(file, found)
    return found


def test_reading_alone_writes_nothing(tmp_path: Path) -> None:
    assert settled(tmp_path / "splits.json", ["a", "b", "c"]) == decide(["a", "b", "c"])
    assert list(tmp_path.iterdir()) == []


def test_kept_beside_the_data(tmp_path: Path) -> None:
    bgs, fgs = crossed(5, 5)
    file = file_beside(tmp_path)
    first = kept(file, bgs, fgs, seed=3)
    assert file == tmp_path / "splits.json"
    assert kept(file, bgs[::-1], fgs[::-1], seed=3) == first == read(file)
    assert [path.name for path in tmp_path.iterdir()] == ["splits.json"]
    assert file_beside(tmp_path / "set.zip").name == "set.zip.splits.json"


def test_a_draft_that_a_killed_process_left_goes(tmp_path: Path) -> None:
    (tmp_path / ".splits.json.0123abcd.part").touch()
    kept(tmp_path / "splits.json", *crossed(5, 5), seed=3)
    assert [path.name for path in tmp_path.iterdir()] == ["splits.json"]


def test_the_file_decides(tmp_path: Path) -> None:
    bgs = [f"bg{i}" for i in range(5)]
    file = file_beside(tmp_path)
    kept(file, bgs)
    content = json.loads(file.read_text())
    content["groups"]["backgrounds"] = dict.fromkeys(bgs, "test")
    file.write_text(json.dumps(content))
    assert kept(file, bgs).indices(bgs)["test"].tolist() == [0, 1, 2, 3, 4]


def test_a_split_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    file = file_beside(tmp_path)
    kept(file, ["a", "b", "c"])
    file.write_text(file.read_text().replace('"val"', '"vla"'))
    with pytest.raises(DataError, match=r"splits\.json cannot be read as splits \(splits are train, val, test\)"):
        kept(file, ["a", "b", "c"])


def test_changed_data_is_refused(tmp_path: Path) -> None:
    file = file_beside(tmp_path)
    kept(file, ["a", "b", "c"])
    with pytest.raises(DataError, match=r"backgrounds: 1 gone \(a\), 1 new \(d\)") as error:
        kept(file, ["b", "c", "d"])
    assert "delete the file" in str(error.value)
    kept(file, ["c", "a", "a", "b"])  # the same groups, other samples


@pytest.mark.parametrize("wish", [{"seed": 1}, {"kind": "random"}, {"fractions": (0.5, 0.25, 0.25)}])
def test_another_wish_is_refused(tmp_path: Path, wish: dict) -> None:
    file = file_beside(tmp_path)
    kept(file, ["a", "b", "c"])
    with pytest.raises(DataError, match=f"made with other settings: (split_)?{next(iter(wish))} was"):
        kept(file, ["a", "b", "c"], **wish)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": 2}', '{"schema": 1, "kind": "random"}'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "splits.json"
    file.write_text(text)
    with pytest.raises(DataError, match=r"splits\.json"):
        kept(file, ["a", "b", "c"])
    assert file.read_text() == text


def test_a_disk_that_cannot_be_written_warns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(splits, "write_text", full)
    with pytest.warns(UserWarning, match="not saved"):
        made = kept(tmp_path / "splits.json", ["a", "b", "c"])
    assert sum(made.counts.values()) == 3


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"fractions": (0.8, 0.3, 0.1)}, "sum to 1"),
        ({"fractions": (0.0, 0.5, 0.5)}, "train's above 0"),
        ({"kind": "randm"}, "did you mean random"),
        ({"seed": 1.5}, "whole number"),
    ],
)
def test_wrong_options(wrong: dict, says: str) -> None:
    with pytest.raises(OptionError, match=says):
        assign(["a", "b", "c"], **wrong)


def test_objects_that_are_unknown_or_too_few() -> None:
    with pytest.raises(DataError, match="objects of this data are not known"):
        assign(["a", "b", "c"], kind="objects")
    with pytest.raises(DataError, match="3 samples have backgrounds, and 2 have objects"):
        assign(["a", "b", "c"], ["x", "y"])
    with pytest.raises(DataError, match="'d' is in no split"):
        decide(["a", "b", "c"]).indices(["a", "d"])


def test_file_names_that_are_not_text(tmp_path: Path) -> None:
    names = ["a\udcff", "b", "ü"]
    assert kept(tmp_path / "s.json", names) == kept(tmp_path / "s.json", names)
