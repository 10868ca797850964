"""Reading a document: every mistake is found, each with its path, its problem and its remedy."""

from enum import StrEnum

import msgspec
import pytest

from callgate.core.policy_document import (
    DOCUMENT_MAX_CHARACTERS,
    LIST_MAX,
    PolicyError,
    PolicyErrors,
    read_document,
    read_toml,
)
from callgate.core.policy_values import Count, Micros, Region


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Leaf(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    country: Region
    day: Micros | None = None


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    leaf: Leaf
    colour: Colour = Colour.RED
    lines: Count | None = None
    allow: tuple[Region, ...] = ()
    rule: tuple[Leaf, ...] = ()


def test_a_document_becomes_its_values() -> None:
    raw = read_toml(
        'colour = "blue"\nlines = 2\nallow = ["FR", "BE"]\nleaf = {country = "FR"}\n'
        '[[rule]]\ncountry = "CH"\nday = "5.00"\n[[rule]]\ncountry = "BE"\n'
    )
    assert read_document(Document, raw) == Document(
        leaf=Leaf(country=Region("FR")),
        colour=Colour.BLUE,
        lines=Count(2),
        allow=(Region("FR"), Region("BE")),
        rule=(Leaf(country=Region("CH"), day=Micros(5_000_000)), Leaf(country=Region("BE"))),
    )


def test_what_is_left_out_has_its_default() -> None:
    assert read_document(Document, {"leaf": {"country": "FR"}}) == Document(leaf=Leaf(country=Region("FR")))


LEAF = 'leaf = {country = "FR"}\n'


@pytest.mark.parametrize(
    ("text", "path", "problem", "remedy"),
    [
        ("", "leaf", "is missing", "add it"),
        ("leaf = {}", "leaf.country", "is missing", "add it"),
        ("leaf = 5", "leaf", "5 is not a table", "write it as a table named leaf"),
        ('leaf = {country = "XX"}', "leaf.country", '"XX" is not a country', "write the two capital letters"),
        ('leaf = {country = "FR", dya = "5.00"}', "leaf.dya", "is not a field", 'write "day"'),
        (LEAF + "zebra = 1", "zebra", "is not a field", 'remove it; here can be "leaf"'),
        (LEAF + '"a b\\n" = 1', "'a b\\n'", "is not a field", "remove it"),
        (LEAF + 'colour = "green"', "colour", '"green" is not one of the choices', 'write one of "red", "blue"'),
        (LEAF + "colour = 1", "colour", "1 is not one of the choices", 'write one of "red", "blue"'),
        (LEAF + "lines = -1", "lines", "-1 is not a whole number", "write such a number"),
        (LEAF + 'allow = "FR"', "allow", '"FR" is not a list', "write it in square brackets"),
        (LEAF + 'allow = ["FR", "XX"]', "allow[1]", '"XX" is not a country', "write the two capital letters"),
        (LEAF + 'allow = ["FR", "BE", "FR"]', "allow[2]", '"FR" is there twice', "keep one of the two"),
        (LEAF + f"allow = {['FR'] * (LIST_MAX + 1)}", "allow", f"it has {LIST_MAX + 1} entries", "keep at most"),
        (LEAF + '[[rule]]\ncountry = "CH"\nday = 5', "rule[0].day", "5 is not money", "write the amount with tax"),
        (LEAF + "rule = [5]", "rule[0]", "5 is not a table", "write it as a table named rule[0]"),
    ],
)
def test_a_mistake_is_told_with_its_path_problem_and_remedy(text: str, path: str, problem: str, remedy: str) -> None:
    with pytest.raises(PolicyErrors) as caught:
        read_document(Document, read_toml(text))
    (error,) = caught.value.errors
    assert error.path == path
    assert error.problem.startswith(problem)
    assert error.remedy.startswith(remedy)
    assert str(error) == f"{error.path}: {error.problem}. Remedy: {error.remedy}"


def test_all_mistakes_are_told_together() -> None:
    raw = read_toml('lines = -1\nzebra = 1\n[leaf]\nday = "-1"\n[[rule]]\ncountry = "XX"\n[[rule]]\nday = 1\n')
    with pytest.raises(PolicyErrors) as caught:
        read_document(Document, raw)
    errors = caught.value
    assert [error.path for error in errors.errors] == [
        "zebra",
        "leaf.country",
        "leaf.day",
        "lines",
        "rule[0].country",
        "rule[1].country",
        "rule[1].day",
    ]
    assert (errors.path, errors.problem, errors.remedy) == ("zebra", errors.errors[0].problem, errors.errors[0].remedy)
    assert str(errors).splitlines() == [str(error) for error in errors.errors]


@pytest.mark.parametrize(
    ("text", "path", "problem"),
    [
        ("a = 1\nb = = 2", "line 2", "this is not TOML"),
        ("a = 1\na = 2\nb = 3", "line 2", "this is not TOML: Cannot overwrite a value"),
        ("until = 2026-13-01", "line 1", "this is not TOML"),
        ("a = [", "document", "this is not TOML"),
        ("a = " + "[" * 5000, "document", "this is not TOML"),
        ("a = " + "9" * 5000, "document", "this is not TOML"),
        ("#" * (DOCUMENT_MAX_CHARACTERS + 1), "document", "it is longer than"),
    ],
)
def test_a_text_that_is_not_toml_is_told_with_its_line(text: str, path: str, problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read_toml(text)
    assert caught.value.path == path
    assert caught.value.problem.startswith(problem)
    assert caught.value.remedy
