"""Schedules: values by hand, what holds of all of them, and plateau's memory."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry import OptionError, UnknownNameError
from zoo.training.schedules import build, schedules


@pytest.mark.parametrize(
    ("spec", "values"),
    [
        ("constant", {0: 1, 0.5: 1, 0.99: 1}),
        ("step", {0: 1, 0.3: 1, 0.34: 0.1, 0.66: 0.1, 0.67: 0.01, 0.999: 0.01}),
        ("step(factors=(1.0, 0.5))", {0: 1, 0.499: 1, 0.5: 0.5, 0.999: 0.5}),
        ("step(factors=(0.3,))", {0: 0.3, 0.9: 0.3}),
        ("cosine", {0: 1, 1 / 3: 0.75, 0.5: 0.5, 2 / 3: 0.25}),
        ("cosine(warm_up=0.2)", {0: 0.01, 0.05: 0.25, 0.1: 0.5, 0.2: 1, 0.6: 0.5}),
        ("cosine(floor=0.1)", {0: 1, 0.5: 0.55, 2 / 3: 0.1 + 0.9 * 0.25}),
        ("one_cycle", {0: 0.04, 0.15: 0.52, 0.3: 1, 0.65: 0.50005}),
        ("one_cycle(peak=0.5, start=0.5, end=0.0)", {0: 0.5, 0.25: 0.75, 0.5: 1, 0.75: 0.5}),
        ("plateau", {0: 1, 0.9: 1}),
    ],
)
def test_values_by_hand(spec, values):
    schedule = build(spec)
    assert {share: schedule.factor(share) for share in values} == pytest.approx(values, abs=1e-12)


@example(22, 3)  # 15 / 22 * 22 is a little below 15
@given(st.integers(1, 30), st.integers(1, 60))
def test_equal_parts_begin_at_their_step_and_not_one_later(parts, each):
    schedule = build(f"step(factors=({', '.join(f'{n + 1}.0' for n in range(parts))},))")
    steps = parts * each
    assert [schedule.factor(step / steps) for step in range(steps)] == [1.0 + step // each for step in range(steps)]


@pytest.mark.parametrize("name", schedules.names())
def test_every_factor_is_a_positive_number(name):
    schedule = build(name)
    factors = [schedule.factor(step / 1000) for step in range(1000)]
    assert all(0 < factor <= 1 for factor in factors)
    assert max(factors) == pytest.approx(1, abs=1e-5)


def test_cosine_and_one_cycle_end_low():
    assert build("cosine").factor(1) == pytest.approx(0, abs=1e-12)
    assert build("one_cycle").factor(1) == pytest.approx(1e-4)


@pytest.mark.parametrize("name", [name for name in schedules.names() if name != "plateau"])
def test_most_depend_on_the_share_alone(name):
    schedule = build(name)
    before = schedule.factor(0.4)
    schedule.observe(3.0)
    schedule.observe(5.0)
    assert schedule.factor(0.4) == before
    assert schedule.state_dict() == {}


def seen(schedule, losses):
    """The factor after each look."""
    found = []
    for loss in losses:
        schedule.observe(loss)
        found.append(schedule.factor(0.5))
    return found


def test_plateau_lowers_when_the_loss_has_stopped_falling():
    # patience 2: two looks without a gain are let pass, the third lowers
    factors = seen(build("plateau"), [1.0, 0.9, 0.95, 0.9, 0.92, 0.91, 0.8, 0.81, 0.82, 0.83])
    assert factors == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.01])


def test_plateau_wants_a_gain_of_its_share():
    assert seen(build("plateau(drop=0.5, patience=0, gain=0.1)"), [1.0, 0.95, 0.89, 0.79]) == [1, 0.5, 0.5, 0.5]
    # 0.95 is not 10 % below 1.0; 0.89 is; 0.79 is below 0.801


def test_plateau_works_below_zero_too():
    schedule = build("plateau(patience=0, gain=0.1)")
    assert seen(schedule, [-1.0, -1.05, -1.2, -1.1]) == pytest.approx([1, 0.1, 0.1, 0.01])


def test_plateau_counts_a_loss_that_is_no_number_as_no_gain():
    assert seen(build("plateau(patience=0)"), [1.0, math.nan, 0.5]) == pytest.approx([1, 0.1, 0.1])


def test_plateau_goes_on_from_its_state():
    losses = [1.0, 0.9, 0.95, 0.96, 0.97, 0.98, 0.5, 0.6, 0.6, 0.6, 0.6]
    whole = seen(build("plateau"), losses)
    for cut in range(len(losses)):
        first, second = build("plateau"), build("plateau")
        begun = seen(first, losses[:cut])
        second.load_state_dict(first.state_dict())
        assert begun + seen(second, losses[cut:]) == whole
    assert len(set(whole)) == 3


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("step(factors=())", "factors takes numbers above 0"),
        ("step(factors=(1.0, 0.0))", "factors takes numbers above 0"),
        ("cosine(warm_up=1.0)", "warm_up takes a share from 0 up to, not including, 1"),
        ("cosine(floor=2)", "floor takes a share from 0 to 1"),
        ("one_cycle(peak=0.0)", "peak takes a share between 0 and 1"),
        ("one_cycle(start=0.0)", "start takes a factor above 0"),
        ("one_cycle(end=-1)", "end takes a share from 0 to 1"),
        ("plateau(drop=1.0)", "drop takes a share between 0 and 1"),
        ("plateau(patience=-1)", "patience takes a whole number from 0 up"),
        ("plateau(gain=-0.1)", "gain takes a share from 0"),
        ("plateau(patience=1.5)", "patience takes a whole number"),
        ("cosine(warmup=0.1)", "schedule cosine has no option 'warmup'; did you mean warm_up"),
        ("constant(a=1)", "schedule constant has no option 'a'; it takes none"),
    ],
)
def test_wrong_options_are_told(spec, says):
    with pytest.raises(OptionError) as caught:
        build(spec)
    assert says in str(caught.value)


def test_an_unknown_schedule_names_its_neighbours():
    with pytest.raises(UnknownNameError, match="no schedule is called 'onecycle'; did you mean one_cycle"):
        build("onecycle")
