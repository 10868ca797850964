"""What an installer starts from: the presets, the default rate deck, and the page that explains them."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import get_args, get_origin
from zoneinfo import ZoneInfo

import msgspec
import phonenumbers
import pytest

from callgate.core.deck import RateDeck, parse_deck
from callgate.core.dialling import read_dialled
from callgate.core.plan import parse_plan
from callgate.core.policy import Mode, Policy, parse_policy
from callgate.core.policy_tables import Bundle, Ceilings, Classes, Limits, PurseCeilings
from callgate.core.pricing import price_destination
from callgate.core.tariff import price

ROOT = Path(__file__).parent.parent
TODAY = date(2026, 11, 22)
FRANCE = ("FR", "GP", "MQ", "GF", "RE", "YT")
TOLD_APART = ("116006", "116111", "116123")
"""Each has a range of its own in the plan, so that a row for all of 116 says nothing of it."""
FREE_PREFIXES = {*(f"+3380{digit}" for digit in range(6)), "30", "300", "31", "116", *TOLD_APART, "3919"}
NATIONAL_COUNTRY_CODES = {33, 262, 508, 590, 594, 596}


def preset(name: str) -> Policy:
    return parse_policy((ROOT / "policies" / "presets" / f"{name}.toml").read_text(encoding="utf-8"))


def micros(ceilings: PurseCeilings) -> tuple[int | None, ...]:
    return (ceilings.per_call, ceilings.hour, ceilings.day, ceilings.week, ceilings.calendar_month)


@pytest.fixture(scope="module")
def deck() -> RateDeck:
    return parse_deck((ROOT / "policies" / "rates" / "FR-default.csv").read_text(encoding="utf-8"), "EUR")


def test_the_preset_for_france_alone_holds_the_factory_figures() -> None:
    policy = preset("cabinet-france-seule")
    assert policy.countries.allow == FRANCE
    assert not policy.countries.rule
    assert not policy.countries.exception
    assert (policy.mode, policy.holidays) == (Mode.ENFORCE, "FR")
    assert (policy.ceilings, policy.limits, policy.classes, policy.bundle) == (
        Ceilings(),
        Limits(),
        Classes(),
        Bundle(),
    )
    assert micros(policy.installer_maximum.costly) == (None, None, 50_000_000, None, 200_000_000)


def test_the_preset_for_the_border_opens_four_countries_with_more_money() -> None:
    policy = preset("france-et-frontaliers")
    assert policy.countries.allow == (*FRANCE, "BE", "CH", "LU", "DE")
    assert [rule.country for rule in policy.countries.rule] == ["BE", "CH", "LU", "DE"]
    assert micros(policy.ceilings.costly) == (5_000_000, 10_000_000, 25_000_000, 80_000_000, 200_000_000)
    assert micros(policy.ceilings.international) == (None, None, 25_000_000, 80_000_000, 200_000_000)
    assert (policy.ceilings.overseas, policy.ceilings.national) == (Ceilings().overseas, Ceilings().national)
    assert policy.limits.concurrent.international == 4
    assert (policy.limits.starts.international.count_max, policy.limits.starts.international.span_s) == (30, 3600)
    assert policy.limits.starts.distinct_foreign.count_max == 60
    assert (policy.classes, policy.bundle) == (Classes(), Bundle())


@pytest.mark.parametrize("country_code", [32, 41, 352, 49])
def test_the_border_preset_lets_its_countries_pass_at_the_default_rates(deck: RateDeck, country_code: int) -> None:
    policy = preset("france-et-frontaliers")
    region = phonenumbers.region_code_for_country_code(country_code)
    (rule,) = (rule for rule in policy.countries.rule if rule.country == region)
    rate = deck.rate_for(f"+{country_code}", TODAY)
    assert rate is not None
    assert rate.per_minute_micros <= (rule.max_rate_per_minute or policy.limits.max_rate_per_minute)


def test_no_costly_prefix_is_free_in_the_default_deck(deck: RateDeck) -> None:
    free = {
        prefix
        for prefix, dated_rates in deck.rates.items()
        for dated in dated_rates
        if price(dated.rate, 60) == 0 or (dated.rate.connect_micros == 0 and dated.rate.per_minute_micros == 0)
    }
    assert free == FREE_PREFIXES


@pytest.mark.parametrize("number", ["3000", "3009", "3018", "3114", "3919", "116006", "116111", "116123", "0800595959"])
def test_nothing_is_held_for_a_number_that_is_free(deck: RateDeck, number: str) -> None:
    """Under 300 and 116 they were held at 0.15 a minute: their row was about other numbers too, and decided nothing."""
    plan = parse_plan((ROOT / "policies" / "plans" / "FR.toml").read_text(encoding="utf-8"))
    priced = price_destination(
        read_dialled(number, plan=plan, outside_prefix=""),
        plan=plan,
        deck=deck,
        bundle=Bundle(),
        at=datetime(2026, 11, 24, 10, tzinfo=ZoneInfo("Europe/Paris")),
        longest_s=7200,
    )
    assert priced.rate is not None
    assert price(priced.rate, 7200) == 0


@pytest.mark.parametrize(
    ("number", "connect_micros", "per_minute_micros"),
    [
        ("+33142685300", 0, 20_000),
        ("+33912345678", 0, 20_000),
        ("+33612345678", 0, 60_000),
        ("+33806123456", 0, 20_000),
        ("+33800595959", 0, 0),
        ("3018", 0, 0),
        ("3114", 0, 0),
        ("116006", 0, 0),
        ("3919", 0, 0),
        ("+33811654321", 150_000, 80_000),
        ("+33825123456", 500_000, 220_000),
        ("+33899701234", 3_000_000, 820_000),
        ("118712", 3_000_000, 820_000),
        ("3611", 3_000_000, 820_000),
        ("1023", 3_000_000, 820_000),
        ("3008", 3_000_000, 820_000),
        ("+262262123456", 0, 250_000),
        ("+3225551212", 0, 300_000),
        ("+41442345678", 0, 1_980_000),
        ("+2250712345678", 0, 1_980_000),
        ("+252412345678", 0, 5_988_000),
        ("+881612345678", 0, 27_950_400),
        ("+870773123456", 0, 27_950_400),
        ("+979987654321", 110_000_000, 11_000_000),
        ("+449091234567", 110_000_000, 11_000_000),
        ("+80012345678", 0, 1_980_000),
    ],
)
def test_the_default_deck_has_the_published_or_assumed_price(
    deck: RateDeck, number: str, connect_micros: int, per_minute_micros: int
) -> None:
    rate = deck.rate_for(number, TODAY)
    assert rate is not None
    assert (rate.connect_micros, rate.per_minute_micros) == (connect_micros, per_minute_micros)


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_every_country_of_the_world_has_a_rate(deck: RateDeck, region: str) -> None:
    country_code = phonenumbers.country_code_for_region(region)
    number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.FIXED_LINE)
    assert number is not None
    rate = deck.rate_for(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), TODAY)
    assert rate is not None
    assert country_code in NATIONAL_COUNTRY_CODES or rate.per_minute_micros >= 300_000


def test_every_rate_tells_where_it_comes_from(deck: RateDeck) -> None:
    labels = {dated.rate.label for dated_rates in deck.rates.values() for dated in dated_rates}
    assert all(label.startswith("assumed: ") or re.search(r"\(.+\)$", label) for label in labels)


def documented_fields() -> dict[str, str]:
    """Read docs/policy.md: each field's path and its default, or "" where it has none."""
    page, _, _ = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8").partition("# The rate deck")
    return dict(re.findall(r"^\| `([a-z0-9_.*\[\]]+)` \| (?:`(.*?)`)? ?\|", page, re.MULTILINE))


def fields_of(kind: type[msgspec.Struct], path: str = "") -> Iterator[str]:
    """Name every field that can be written in a policy; entries of a list of tables have ``[]``."""
    for field in msgspec.structs.fields(kind):
        inside = f"{path}{field.name}"
        member = get_args(field.type)[0] if get_origin(field.type) is tuple else field.type
        if not (isinstance(member, type) and issubclass(member, msgspec.Struct)):
            yield inside
        elif member is field.type:
            yield from fields_of(member, f"{inside}.")
        else:
            yield inside
            yield from fields_of(member, f"{inside}[].")


def test_the_page_explains_every_field_and_no_other() -> None:
    fields, documented = {*fields_of(Policy), "hours.weekly"}, set(documented_fields())
    explained = {(field, row) for field in fields for row in documented if fnmatchcase(field, row.replace("[", "[[]"))}
    assert {field for field, _ in explained} == fields
    assert {row for _, row in explained} == documented


SMALLEST = 'schema = 1\nclinic = "c"\nhome = "FR"\ntimezone = "Europe/Paris"\ncountries.allow = ["FR"]\n'
ENTRIES = {
    "countries.exception": 'country = "BE"\nuntil = 2026-12-01T18:00:00+01:00\n',
    "countries.rule": 'country = "BE"\n',
    "external_to_external.number": 'number = "+33612345678"\n',
}


def test_every_default_on_the_page_is_the_one_in_force() -> None:
    """A document that writes all defaults of the page out means the same as one that leaves them out."""
    defaults = {path: default for path, default in documented_fields().items() if default}
    written, left_out = SMALLEST, SMALLEST
    written += "".join(f"{path} = {default}\n" for path, default in defaults.items() if "[]" not in path)
    for table, required in ENTRIES.items():
        left_out += f"[[{table}]]\n{required}"
        inside = {
            path.partition("[].")[2]: default for path, default in defaults.items() if path.startswith(f"{table}[")
        }
        written += f"[[{table}]]\n{required}" + "".join(f"{name} = {default}\n" for name, default in inside.items())
    assert parse_policy(written) == parse_policy(left_out)


def test_no_default_is_missing_on_the_page() -> None:
    documented = {path for path, default in documented_fields().items() if default}
    assert {path for path, value in defaults_in_force(parse_policy(SMALLEST)) if path not in documented} == {
        "schema",
        "clinic",
        "home",
        "timezone",
        "holidays",
        "countries.allow",
    }


def defaults_in_force(table: msgspec.Struct, path: str = "") -> Iterator[tuple[str, object]]:
    for name in table.__struct_fields__:
        value = getattr(table, name)
        if isinstance(value, msgspec.Struct):
            yield from defaults_in_force(value, f"{path}{name}.")
        elif value not in (None, (), ""):
            yield f"{path}{name}", value
