"""What a destination costs, and whether that makes it ordinary or costly: class is not cost."""

from datetime import date

import pytest

from callgate.core.deck import COLUMNS, parse_deck
from callgate.core.dialling import Destination
from callgate.core.plan import NumberClass
from callgate.core.policy_tables import Bundle
from callgate.core.pricing import PricedDestination, price_destination
from callgate.core.tariff import Rate
from core.samples import (
    BRUSSELS,
    CENT,
    DECK,
    EURO,
    HEALTH_INSURANCE,
    INMARSAT,
    MOBILE,
    PARIS,
    PLAN,
    POISON_CENTRE,
    PREMIUM,
    REUNION,
    SAINT_PIERRE,
    SHARED_COST,
    SUICIDE_HELPLINE,
    deck_of,
    destination,
)

TODAY = date(2026, 11, 24)
FLAT_RATE = Bundle(included=(NumberClass.NATIONAL_FIXED, NumberClass.NATIONAL_MOBILE))
NO_BUNDLE = Bundle()


def priced(dialled: str, *rows: str, bundle: Bundle = NO_BUNDLE) -> PricedDestination:
    deck = deck_of(*rows) if rows else DECK
    return price_destination(destination(dialled), plan=PLAN, deck=deck, bundle=bundle, on=TODAY)


@pytest.mark.parametrize(
    ("dialled", "ordinary", "minute_micros"),
    [
        (PARIS, True, 2 * CENT),
        (MOBILE, True, 6 * CENT),
        ("0980123456", True, 2 * CENT),
        ("0800123456", True, 0),
        ("0806123456", True, 2 * CENT),
        (POISON_CENTRE, True, 2 * CENT),
        (SUICIDE_HELPLINE, True, 0),
        ("3977", True, 2 * CENT),
        (SHARED_COST, False, 22 * CENT),
        (PREMIUM, False, 82 * CENT),
        (HEALTH_INSURANCE, False, 82 * CENT),
        ("118218", False, 82 * CENT),
        # Their own prices are low; their class is not.
        ("07001234567890", False, 6 * CENT),
        # National in form, priced apart.
        (REUNION, False, 25 * CENT),
        ("0692301234", False, 25 * CENT),
        ("0590901234", False, 25 * CENT),
        ("0594301234", False, 25 * CENT),
        ("0596501234", False, 25 * CENT),
        ("0269601234", False, 25 * CENT),
        (SAINT_PIERRE, False, 25 * CENT),
        (BRUSSELS, False, 30 * CENT),
        ("+80012345678", False, 198 * CENT),
        (INMARSAT, False, 27_950_400),
    ],
)
def test_ordinary_is_a_cheap_home_line_or_a_number_that_must_be_reached_and_all_else_is_costly(
    dialled: str, minute_micros: int, *, ordinary: bool
) -> None:
    found = priced(dialled)
    assert found.rate is not None
    assert (found.ordinary, found.rate.per_minute_micros) == (ordinary, minute_micros)


@pytest.mark.parametrize(
    ("dialled", "row", "ordinary"),
    [
        (PARIS, "+33 0 0.15 1 1", True),
        (PARIS, "+33 0 0.15 60 60", True),
        (PARIS, "+33 0 0.150001 1 1", False),
        (PARIS, "+33 0 0.16 60 60", False),
        # A price per call counts in the minute, and so does time that is billed beyond it.
        (PARIS, "+33 0.05 0.10 1 1", True),
        (PARIS, "+33 0.05 0.11 1 1", False),
        (PARIS, "+33 0 0.15 120 60", False),
        ("0800123456", "+33 0 0.20 1 1", False),
        # Cheap, and yet costly: another region, another class.
        (REUNION, "+262 0 0.01 1 1", False),
        (SAINT_PIERRE, "+508 0 0.01 1 1", False),
        (BRUSSELS, "+32 0 0.01 1 1", False),
        (SHARED_COST, "+33 0 0.01 1 1", False),
        # Dear, and yet ordinary: it must be reached.
        (POISON_CENTRE, "+33 0 0.90 60 60", True),
        (SUICIDE_HELPLINE, "short:31 3.00 0.80 60 60", True),
    ],
)
def test_the_bound_of_ordinary_is_fifteen_cents_for_a_minute_as_it_is_billed(
    dialled: str, row: str, *, ordinary: bool
) -> None:
    assert priced(dialled, row).ordinary is ordinary


@pytest.mark.parametrize("dialled", [PARIS, MOBILE, "0800123456", POISON_CENTRE, SUICIDE_HELPLINE])
def test_an_ordinary_number_without_a_rate_is_held_at_the_bound(dialled: str) -> None:
    found = priced(dialled, "+32 0 0.30 1 1")
    assert found.ordinary
    assert found.rate == Rate(
        prefix="",
        label="no rate: held at the cap of its class",
        connect_micros=0,
        per_minute_micros=15 * CENT,
        first_increment_s=60,
        increment_s=60,
    )


@pytest.mark.parametrize("dialled", [REUNION, SAINT_PIERRE, SHARED_COST, PREMIUM, HEALTH_INSURANCE, "+4930123456"])
def test_a_costly_number_without_a_rate_has_none(dialled: str) -> None:
    found = priced(dialled, "+32 0 0.30 1 1")
    assert (found.ordinary, found.rate) == (False, None)


def test_the_rate_of_the_day_counts_and_an_ordinary_number_whose_rate_has_ended_is_held_at_the_bound() -> None:
    ended = "a rate,0,0.05,1,1,EUR,0,,2026-11-23"
    deck = parse_deck("\n".join((",".join(COLUMNS), f"+33,{ended}", f"+32,{ended}")), "EUR")
    minutes = {}
    for dialled in (PARIS, BRUSSELS):
        for day in (date(2026, 11, 23), TODAY):
            found = price_destination(destination(dialled), plan=PLAN, deck=deck, bundle=NO_BUNDLE, on=day)
            minutes[dialled, day.day] = found.rate and found.rate.per_minute_micros
    assert minutes == {(PARIS, 23): 5 * CENT, (PARIS, 24): 15 * CENT, (BRUSSELS, 23): 5 * CENT, (BRUSSELS, 24): None}


@pytest.mark.parametrize(
    ("dialled", "included"),
    [
        (PARIS, True),
        (MOBILE, True),
        (POISON_CENTRE, True),
        ("0800123456", False),
        # A flat rate is for the home country.
        (REUNION, False),
        ("0692301234", False),
        (SAINT_PIERRE, False),
        (SUICIDE_HELPLINE, False),
    ],
)
def test_a_call_in_the_bundle_costs_nothing_and_is_ordinary(dialled: str, *, included: bool) -> None:
    found = priced(dialled, bundle=FLAT_RATE)
    if not included:
        assert found == priced(dialled)
    else:
        assert found.ordinary
        assert found.rate == Rate(
            prefix="", label="bundle", connect_micros=0, per_minute_micros=0, first_increment_s=1, increment_s=1
        )


def test_a_bundle_needs_no_row_in_the_rates() -> None:
    found = priced(PARIS, "+32 0 0.30 1 1", bundle=FLAT_RATE)
    assert found.rate is not None
    assert found.rate.per_minute_micros == 0


def test_free_calls_abroad_are_an_explicit_row() -> None:
    assert priced(BRUSSELS, "+32 0 0 1 1").rate == Rate(
        prefix="32", label="a rate", connect_micros=0, per_minute_micros=0, first_increment_s=1, increment_s=1
    )


@pytest.mark.parametrize("dialled", ["0612", "0612%40trunk", "*21*0612345678#", "15"])
def test_what_is_no_public_number_has_no_rate_and_is_not_ordinary(dialled: str) -> None:
    found = priced(dialled)
    assert (found.rate, found.ordinary) == (None, False)


def test_a_price_is_that_of_a_destination_and_carries_no_tag_until_one_is_put_on() -> None:
    where = Destination(number="+3225551212", region="BE", number_class=NumberClass.INTERNATIONAL_FIXED)
    found = price_destination(where, plan=PLAN, deck=DECK, bundle=NO_BUNDLE, on=TODAY)
    assert (found.destination, found.tag) == (where, "")
    assert found.rate is not None
    assert found.rate.per_minute_micros < EURO


@pytest.mark.parametrize("dialled", [PARIS, MOBILE, BRUSSELS, REUNION, HEALTH_INSURANCE])
@pytest.mark.parametrize("rows", [(), ("+99 0 0.30 1 1",)])
@pytest.mark.parametrize("bundle", [NO_BUNDLE, FLAT_RATE])
def test_no_rate_tells_the_ledger_whom_the_call_reaches(dialled: str, rows: tuple[str, ...], bundle: Bundle) -> None:
    """In the bundle or without a row, the rate named the whole number; and the ledger keeps rates with its holds."""
    found = priced(dialled, *rows, bundle=bundle)
    if found.rate is not None:
        assert found.destination.number.removeprefix("+") != found.rate.prefix
