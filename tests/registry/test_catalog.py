"""Catalogs: what is registered is found, what clashes is refused with both places, what is unknown has a hint."""

import re
from functools import partial

import pytest

from registry import Card, Catalog, DuplicateNameError, Entry, Spec, SpecError, UnknownNameError, ZooError, nearest

CARD = Card("a thing")


def make(*, depth: int = 3) -> int:
    return depth


def make_other() -> int:
    return 0


def make_third() -> int:
    return 1


@pytest.fixture
def catalog():
    catalog = Catalog("shape")
    for name in ("u2net", "unet", "resunet", "plain_cnn"):
        catalog.register(name, CARD, aliases=(f"{name}_alias",))(make)
    return catalog


def test_register_returns_the_factory_itself(catalog):
    assert catalog.register("new", CARD)(make_other) is make_other
    assert catalog.get("new").factory is make_other
    assert catalog.get("new").card is CARD


def test_names_are_in_alphabetical_order_whatever_the_order_of_registration(catalog):
    assert catalog.names() == ["plain_cnn", "resunet", "u2net", "unet"]
    assert [entry.name for entry in catalog] == catalog.names()
    assert len(catalog) == 4


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*unet*", ["resunet", "unet"]),
        ("u?net", ["u2net"]),
        ("[pr]*", ["plain_cnn", "resunet"]),
        ("unet", ["unet"]),
        ("UNET", ["unet"]),
        ("U2*", ["u2net"]),
        ("unet_alias", ["unet"]),
        ("*_alias", ["plain_cnn", "resunet", "u2net", "unet"]),
        ("", []),
    ],
)
def test_names_of_a_pattern(catalog, pattern, names):
    assert catalog.names(pattern) == names


@pytest.mark.parametrize("pattern", [3, None, ["unet"]])
def test_a_pattern_is_text(catalog, pattern):
    with pytest.raises(UnknownNameError, match=re.escape(f"shape names are text; {pattern!r} is not")):
        catalog.names(pattern)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import not_installed_anywhere", "ModuleNotFoundError: No module named 'not_installed_anywhere'"),
        ("def broken(:", "SyntaxError: invalid syntax (broken.py, line 1)"),
    ],
)
def test_a_broken_file_of_the_package_is_named(tmp_path, monkeypatch, text, why):
    package = tmp_path / f"shelf_{len(text)}"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "broken.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ZooError) as caught:
        Catalog("shape", package=package.name).names()
    assert str(caught.value) == f"the shape file {package / 'broken.py'} cannot be imported: {why}"
    assert isinstance(caught.value.__cause__, (ImportError, SyntaxError))


def test_an_alias_leads_to_its_entry(catalog):
    assert catalog.get("unet_alias") is catalog.get("unet")
    assert catalog.get("unet").aliases == ("unet_alias",)
    assert "unet_alias" in catalog
    assert "unet" in catalog
    assert "vnet" not in catalog
    assert 3 not in catalog


def test_one_alias_may_be_given_as_a_word():
    catalog = Catalog("shape")
    catalog.register("unet", CARD, aliases="plain")(make)
    assert catalog.get("plain").aliases == ("plain",)
    assert "p" not in catalog


def test_entry_knows_its_options_and_where_it_comes_from(catalog):
    entry = catalog.get("unet")
    assert entry.options["depth"].default == 3
    line = make.__code__.co_firstlineno
    assert entry.origin == f"{__name__}.make ({__file__}:{line})"
    assert Entry("typed", eval("lambda: 0"), CARD).origin == f"{__name__}.<lambda>"  # no source file


@pytest.mark.parametrize(
    ("name", "aliases", "claimed"),
    [
        ("unet", (), "unet"),  # a name that is a name
        ("unet_alias", (), "unet_alias"),  # a name that is an alias
        ("new", ("unet",), "unet"),  # an alias that is a name
        ("new", ("fine", "unet_alias"), "unet_alias"),  # an alias that is an alias
    ],
)
def test_a_duplicate_names_both_places_and_changes_nothing(catalog, name, aliases, claimed):
    with pytest.raises(DuplicateNameError) as caught:
        catalog.register(name, CARD, aliases=aliases)(make_other)
    places = [
        rf"{__name__}\.{f.__name__} \(.*test_catalog\.py:{f.__code__.co_firstlineno}\)" for f in (make, make_other)
    ]
    expected = f"shape '{claimed}' is registered twice: by {places[0]} and by {places[1]}; rename one of them"
    assert re.fullmatch(expected, str(caught.value))
    assert catalog.names() == ["plain_cnn", "resunet", "u2net", "unet"]
    assert "fine" not in catalog
    assert catalog.get("unet").factory is make


def test_a_second_name_from_the_same_place_may_not_take_the_first_ones_alias(catalog):
    with pytest.raises(DuplicateNameError, match="'unet_alias' is registered twice"):
        catalog.register("vnet", CARD, aliases=("unet_alias",))(make)


def test_the_same_place_may_register_again_and_the_newest_counts(catalog):
    def version(number):
        def factory() -> int:
            return number

        return factory

    catalog.register("new", CARD, aliases=("old_alias", "kept"))(version(1))
    catalog.register("new", Card("second"), aliases=("kept", "new_alias"))(version(2))
    entry = catalog.get("new")
    assert (entry.factory(), entry.card.summary) == (2, "second")
    assert catalog.get("kept") is catalog.get("new_alias") is entry
    assert "old_alias" not in catalog
    catalog.register("other", CARD, aliases=("old_alias",))(make_other)  # free again
    assert catalog.get("old_alias").name == "other"


def test_partials_are_told_apart_by_their_function(catalog):
    catalog.register("small", CARD)(partial(make, depth=1))
    catalog.register("small", CARD)(partial(make, depth=2))
    assert catalog.get("small").factory() == 2
    assert catalog.get("small").options["depth"].default == 2
    with pytest.raises(DuplicateNameError):
        catalog.register("small", CARD)(partial(make_other))


@pytest.mark.parametrize("name", ["", "two words", "unet*", "a(b)", "a,b", 'quo"te', "größe", "line\n"])
def test_a_name_that_a_spec_could_not_hold_is_refused(name):
    catalog = Catalog("shape")
    with pytest.raises(SpecError, match="a name has letters, digits and _"):
        catalog.register(name, CARD)
    with pytest.raises(SpecError, match="a name has letters, digits and _"):
        catalog.register("fine", CARD, aliases=(name,))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("u2nett", "no shape is called 'u2nett'; did you mean u2net, unet or resunet?"),
        ("UNet", "no shape is called 'UNet'; did you mean unet, u2net or resunet?"),
        ("cnn", "no shape is called 'cnn'; did you mean plain_cnn or plain_cnn_alias?"),
        (None, "shape names are text; None is not"),
        (["unet"], "shape names are text; ['unet'] is not"),
    ],
)
def test_an_unknown_name_is_answered_with_its_neighbours(catalog, name, message):
    with pytest.raises(UnknownNameError) as caught:
        catalog.get(name)
    assert str(caught.value) == message
    assert isinstance(caught.value, ZooError)
    assert isinstance(caught.value, LookupError)


def test_a_name_near_nothing_is_answered_with_all():
    catalog = Catalog("shape")
    with pytest.raises(UnknownNameError, match=r"^no shape is called 'x'; known: none$"):
        catalog.get("x")
    catalog.register("unet", CARD, aliases="plain")(make)
    with pytest.raises(UnknownNameError, match=r"^no shape is called 'zzz'; known: plain, unet$"):
        catalog.get("zzz")


def test_nearest_ignores_case_on_both_sides():
    assert nearest("dpt", ["DPT", "unet"]) == "did you mean DPT?"
    assert nearest("", ["a", "b"]) == "known: a, b"


@pytest.mark.parametrize(
    ("text", "specs"),
    [
        ("unet", ["unet"]),
        ("unet, u2net", ["unet", "u2net"]),  # in the order given
        ("*net", ["resunet", "u2net", "unet"]),  # a pattern in alphabetical order
        ("unet*(depth=4), unet", ["unet(depth=4)", "unet"]),
        ("unet, *unet, unet", ["unet", "resunet"]),  # none twice
        ("unet(a=1, b=2), unet(b=2, a=1)", ["unet(a=1, b=2)"]),
        ("unet(a=1), unet(a=1.0), unet(a=True)", ["unet(a=1)", "unet(a=1.0)", "unet(a=True)"]),
        ("unet_alias(a=1), unet(a=1)", ["unet(a=1)"]),
    ],
)
def test_select(catalog, text, specs):
    assert [str(spec) for spec in catalog.select(text)] == specs
    assert all(isinstance(spec, Spec) for spec in catalog.select(text))


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("v*", UnknownNameError, "no shape matches 'v*'; known: plain_cnn, resunet, u2net, unet"),
        ("*cnm*", UnknownNameError, "no shape matches '*cnm*'; known"),
        ("*plain_cnm*", UnknownNameError, "no shape matches '*plain_cnm*'; did you mean plain_cnn?"),
        ("unet, unett", UnknownNameError, "no shape is called 'unett'; did you mean unet"),
        ("unet,", SpecError, "unet,\n     ^ expected a name"),
        ("", SpecError, "the text is empty; expected a name"),
    ],
)
def test_select_refuses(catalog, text, error, message):
    with pytest.raises(error) as caught:
        catalog.select(text)
    assert str(caught.value).startswith(message)
