"""What `zoo.describe` says of every entry of the catalog, and what it refuses."""

import json
from xml.etree import ElementTree

import pytest
import torch

from registry import OptionError, UnknownNameError
from zoo.architectures import architectures
from zoo.describing import Description, describe
from zoo.describing.layout import layout
from zoo.describing.lines import connect

CHEAP = [entry.name for entry in architectures if entry.card.group in ("founding", "baseline")]
OTHERS = [entry.name for entry in architectures if entry.name not in CHEAP]


@pytest.mark.parametrize("name", CHEAP)
def test_every_cheap_entry_is_described(name: str) -> None:
    check(name, describe(name, (64, 96)))


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_every_entry_is_described(name: str) -> None:
    check(name, describe(name))


@pytest.mark.slow
@pytest.mark.parametrize(
    "spec",
    [
        "encoder_unet(encoder=mit_b0)",
        "encoder_unet(encoder=swin_tiny_patch4_window7_224)",
        "encoder_unet(encoder=convnextv2_tiny, fusion=siamese)",
        "encoder_unet(encoder=mobilenetv4_conv_small, tasks=mask)",
    ],
)
def test_encoders_of_every_kind_are_described(spec: str) -> None:
    about = describe(spec)
    check(about.name, about)


def check(name: str, about: Description) -> None:
    """What must hold of any description."""
    h, w = about.size
    assert about.name == name
    assert name in about.text().splitlines()[0]
    assert max(map(len, about.text(tree=True).splitlines())) <= 100
    published = architectures.get(name).card.published.get(name)
    assert published is None or about.params == published.params
    assert about.tree.params == about.params
    assert about.weight_bytes >= 4 * about.params
    assert sum(stage.params for stage in about.stages) + about.flow.rest == about.params
    assert 1 <= len(about.stages) <= 32
    assert about.training_bytes > 0
    assert about.inference_bytes >= 4 * 2 * h * w  # the two outputs are alive at the end
    for down, across in about.receptive_field.values():
        assert (down.side, across.side) == about.size
        assert 0 <= down.pixels <= h
    assert about.receptive_field["mask"][0].pixels > 0
    facts = json.loads(json.dumps(about.to_dict(), allow_nan=False))
    assert facts["options"][0]["name"] == "in_ch"
    assert [stage["name"] for stage in facts["stages"]] == [stage.name for stage in about.stages]
    ElementTree.fromstring(about.svg())
    check_picture(about)


def check_picture(about: Description) -> None:
    """No two boxes share a cell, every line runs to the right, and none runs over a box that is not its own."""
    plan = layout(about.flow, about.size)
    cells = [(box.column, box.lane) for box in plan.boxes]
    assert len(set(cells)) == len(cells)
    lines = connect(plan)
    assert len(lines) == sum(len(box.sources) for box in plan.boxes)
    for line in lines:
        assert line.source.column < line.target.column
        for (x1, y1), (x2, y2) in zip(line.corners, line.corners[1:], strict=False):
            assert x1 == x2 or y1 == y2
            for box in plan.boxes:
                over = y1 == y2 and min(x1, x2) < box.right and max(x1, x2) > box.left
                assert not (over and abs(y1 - box.y) < box.height / 2) or box in (line.source, line.target)


def test_options_tell_value_default_and_what_is_accepted() -> None:
    choices = {choice.name: choice for choice in describe("unet(depth=4, width=64)", 64, tasks="mask").options}
    assert (choices["depth"].value, choices["depth"].default, choices["depth"].accepted) == (4, 3, "3 or 4")
    assert choices["depth"].help == "how often the resolution is halved"
    assert choices["tasks"].value == ("mask",)
    assert str(describe("unet(depth=4, width=64)", 64, tasks="mask").spec) == (
        "unet(in_ch=6, tasks=(mask,), plate=True, link=(logit,), fusion=concat, depth=4, width=64)"
    )


@pytest.mark.parametrize("name", ["plain_cnn", "resnet18_unet"])
def test_describing_leaves_random_numbers_as_they_were(name: str) -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    describe(name, 32)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("size", [7, 0, -224, (224,), (64, 64, 3), (64, 1e9), "64", 20_000, True])
def test_a_size_that_is_none_is_refused(size: object) -> None:
    with pytest.raises(OptionError, match="size="):
        describe("frame_difference", size)  # type: ignore[arg-type]


def test_wrong_names_and_options_are_the_registrys_own_errors() -> None:
    with pytest.raises(UnknownNameError, match="did you mean unet"):
        describe("unett")
    with pytest.raises(OptionError, match="no option"):
        describe("unet", deph=4)


def test_a_network_too_large_for_any_machine_is_one_line() -> None:
    for spec in ("unet(in_ch=1000000)", "unet(in_ch=999999999998)", "unet(width=100000)"):
        with pytest.raises(OptionError, match="GB to describe, more than the 2 GB that are allowed") as caught:
            describe(spec)
        assert "\n" not in str(caught.value)


def test_an_export_says_from_which_size_up() -> None:
    about = describe("pan", 64)
    assert about.min_export_size > about.min_size
    assert f"with open height and width: from {about.min_export_size} px" in about.text()
