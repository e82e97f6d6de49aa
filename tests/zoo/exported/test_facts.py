"""What an exported file says of itself is read back as it was, or refused in a line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import Spec
from zoo.contract import TASKS, Interface
from zoo.exported.facts import MEANING, Facts
from zoo.trained import Trained
from zoo.weights.files import WeightsError

SIZE = st.none() | st.tuples(st.integers(8, 8192), st.integers(8, 8192))
TASK = st.lists(st.sampled_from(TASKS), min_size=1, max_size=2, unique=True)
TRAINED = st.none() | st.builds(Trained, st.text(), st.dictionaries(st.sampled_from(TASKS), st.integers(1, 10**9)))
FACE = st.builds(lambda images, c, tasks: Interface(in_ch=images * c, plate=images == 2, tasks=tuple(tasks)),
                 st.integers(1, 2), st.integers(1, 8), TASK)  # fmt: skip


@given(
    st.builds(
        Facts,
        spec=st.just(Spec.parse("unet(depth=4, tasks=(mask, depth))")),
        face=FACE,
        outputs=st.sampled_from([*MEANING]),
        size=SIZE,
        least=st.integers(8, 8192),
        digest=st.binary(min_size=32, max_size=32).map(bytes.hex),
        licence=st.text(),
        trained=TRAINED,
        trained_at=SIZE,
    )
)
def test_text_comes_back(facts):
    said = facts.to_text()
    assert all(isinstance(value, str) for value in said.values())
    assert Facts.from_text(said, Path("m.onnx")) == facts


GOOD = Facts(Spec.parse("unet"), Interface(), "probabilities", None, 16, "0" * 64).to_text()


@pytest.mark.parametrize(
    "change",
    [
        {"format": "pairzoo"},
        {"schema": "2"},
        {"schema": "one"},
        {"spec": "unet("},
        {"in_ch": "5"},
        {"in_ch": "9" * 20},
        {"in_ch": "six"},
        {"tasks": "mask,edges"},
        {"outputs": "colours"},
        {"size": "224"},
        {"size": "4x4"},
        {"smallest_side": "1000000000"},
        {"weights_sha256": "12"},
        {"weights_sha256": "z" * 64},
        {"trained_at": "axb"},
    ],
)
def test_what_is_not_ours_is_refused_in_a_line(change):
    with pytest.raises(WeightsError, match=r"^m\.onnx ") as error:
        Facts.from_text(GOOD | change, Path("m.onnx"))
    assert "\n" not in str(error.value)


def test_nothing_at_all_is_not_ours():
    with pytest.raises(WeightsError, match=r"was not written by zoo\.export"):
        Facts.from_text({}, Path("m.onnx"))
