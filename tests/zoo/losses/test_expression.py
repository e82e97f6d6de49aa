"""Expressions of losses: what is read, how it prints, and what is refused."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from registry import OptionError, Spec, SpecError, UnknownNameError, ZooError
from zoo.losses import Expression, Term, Truth, build, losses


def parse(text, task="mask"):
    return Expression.parse(text, task=task)


def truth(target):
    return Truth(target, torch.ones_like(target), torch.zeros(len(target), 3, *target.shape[2:]))


def test_terms_have_weight_name_and_every_option():
    expression = parse("bce + 0.5*dice(squared=true)")
    assert [(term.name, term.weight) for term in expression.terms] == [("bce", 1.0), ("dice", 0.5)]
    dice = expression.terms[1].spec
    assert dice.options["squared"] is True
    assert set(dice.options) == set(losses.get("dice").options)  # those that were not given too


def test_weights_are_read_as_people_write_numbers():
    texts = {"2*bce": 2, "0.1 * bce": 0.1, ".5*bce": 0.5, "1e-3*bce": 1e-3, "3.*bce": 3, "1e+2*bce": 100, "bce": 1}
    assert {text: parse(text).terms[0].weight for text in texts} == texts


def test_spaces_and_line_breaks_do_not_matter():
    assert parse("bce+0.5*dice(squared=true)") == parse("  bce\n + 0.5 * dice( squared = true ) ")


def test_printed_it_shows_every_option_and_reads_back():
    text = str(parse("2*bce + 1e-5*dice(squared=true)"))
    assert text.startswith("2*bce + 1e-05*dice(squared=True")
    assert str(parse(text)) == text


@given(
    st.lists(st.sampled_from(("bce", "dice", "l1", "jaccard")), min_size=1, max_size=4, unique=True),
    st.lists(st.floats(min_value=1e-300, max_value=1e300), min_size=4, max_size=4),
)
def test_printing_and_parsing_are_inverse(names, weights):
    text = " + ".join(f"{weight!r}*{name}" for name, weight in zip(names, weights, strict=False))
    expression = parse(text)
    assert [term.weight for term in expression.terms] == weights[: len(names)]
    assert parse(str(expression)) == expression


def test_a_term_is_the_bound_loss_without_its_weight():
    logits = torch.zeros(2, 1, 8, 8)
    term = parse("3*bce").terms[0]
    torch.testing.assert_close(term(logits, truth(torch.ones(2, 1, 8, 8))), torch.full((2,), math.log(2)))


def test_options_reach_the_loss():
    logits, target = torch.zeros(1, 1, 8, 8), truth(torch.ones(1, 1, 8, 8))
    plain, squared = (term(logits, target) for term in parse("dice + dice(squared=true)").terms)
    # smooth 1, p = 1/2 on 64 pixels: 1 - (2*32 + 1) / (32 + 64 + 1), and with p^2 = 1/4 in the denominator
    torch.testing.assert_close(plain, torch.tensor([1 - 65 / 97]))
    torch.testing.assert_close(squared, torch.tensor([1 - 65 / 81]))


def test_a_loss_that_comes_twice_is_numbered():
    names = [term.name for term in parse("dice + bce + dice(squared=true)").terms]
    assert names == ["dice", "bce", "dice#2"]


def test_the_very_same_loss_twice_is_refused():
    with pytest.raises(SpecError, match=r"given twice; give it once, with a larger weight"):
        parse("bce + 2*bce")
    with pytest.raises(SpecError, match="given twice"):
        parse("dice + dice(squared=false)")  # false is the default


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("bce + ", 6, "expected a loss"),
        ("bce + + dice", 6, "expected a loss"),
        ("bce dice", 4, "expected + or the end"),
        ("bce - dice", 4, "losses are only added"),
        ("dice*2", 4, "the weight stands before its loss"),
        ("0.5 dice", 4, "expected * and a loss"),
        ("2", 1, "expected * and a loss"),
        ("2*3*bce", 2, "expected a loss"),
        ("2bce", 0, "expected a loss"),
        ("-1*bce", 0, "above 0"),
        ("bce + -0.5*dice", 6, "above 0"),
        ("0*bce", 0, "leave it out"),
        ("bce + 0.0*dice", 6, "leave it out"),
        ("1e400*bce", 0, "finite"),
        ("bce + dice(squared=", 19, "expected a value"),
        ("bce + dice(squared=true", 23, "expected a comma or )"),
        ("*bce", 0, "expected a loss"),
    ],
)
def test_a_mistake_is_pointed_at(text, column, says):
    with pytest.raises(SpecError) as caught:
        parse(text)
    line, mark = str(caught.value).split("\n")
    assert line == text
    assert mark.index("^") == column
    assert says in mark


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_nothing_is_no_expression(text):
    with pytest.raises(SpecError, match="the text is empty; expected a loss"):
        parse(text)


@pytest.mark.parametrize("wrong", [0.5, ("bce",), ["bce"], {"bce": 1}, b"bce"])
def test_only_text_is_read(wrong):
    with pytest.raises(SpecError, match="mask takes losses as text"):
        parse(wrong)


def test_an_unknown_loss_names_its_neighbours():
    with pytest.raises(UnknownNameError, match=r"no loss is called 'dise'; did you mean dice"):
        parse("bce + dise")


def test_a_loss_of_the_other_task_names_those_of_this_one():
    with pytest.raises(OptionError, match=r"focal is a loss for mask; for depth there are .*\bl1\b") as caught:
        parse("l1 + focal", task="depth")
    assert "tversky" not in str(caught.value)


def test_unknown_and_unfitting_options_are_refused():
    with pytest.raises(OptionError, match=r"loss dice has no option 'square'; did you mean squared\?"):
        parse("dice(square=true)")
    with pytest.raises(OptionError, match="squared='maybe' is not accepted; squared takes True or False"):
        parse("dice(squared=maybe)")
    with pytest.raises(OptionError, match="loss bce has no option 'a'; it takes none"):
        parse("bce(a=1)")
    with pytest.raises(OptionError, match="task='masks' is not accepted; did you mean mask"):
        parse("bce", task="masks")


def test_build_gives_one_loss():
    term = build("dice(squared=true)", task="mask")
    assert (term.name, term.weight) == ("dice", 1.0)
    assert build(Spec("dice", {"squared": True})) == term
    assert str(build("bce")) == "bce"
    with pytest.raises(OptionError, match="focal is a loss for mask"):
        build("focal", task="depth")
    assert build("focal").name == "focal"


def test_a_loss_that_is_not_per_image_is_refused():
    term = Term("pooled", 1.0, Spec("pooled"), lambda logits, truth: logits.mean())
    with pytest.raises(ZooError, match=r"loss pooled gave values of shape \(\) for a batch of 2; .* \(2,\)"):
        term(torch.zeros(2, 1, 8, 8), truth(torch.zeros(2, 1, 8, 8)))
