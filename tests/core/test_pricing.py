"""What a destination costs, and whether that makes it ordinary or costly: class is not cost."""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from callgate.core.deck import COLUMNS, COLUMNS_WITH_HOURS, RateDeck, parse_deck
from callgate.core.dialling import Destination
from callgate.core.plan import NumberClass, NumberPlan, PriceCap
from callgate.core.policy_tables import Bundle
from callgate.core.pricing import PricedDestination, is_abroad, is_overrun, price_destination
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

NOW = datetime(2026, 11, 24, 10, tzinfo=ZoneInfo("Europe/Paris"))
TWO_HOURS_S = 7200
SHORT_SERVICE = "3210"
FLAT_RATE = Bundle(included=(NumberClass.NATIONAL_FIXED, NumberClass.NATIONAL_MOBILE))
NO_BUNDLE = Bundle()


def priced(dialled: str, *rows: str, bundle: Bundle = NO_BUNDLE) -> PricedDestination:
    deck = deck_of(*rows) if rows else DECK
    return priced_at(NOW, destination(dialled), deck, bundle=bundle)


def priced_at(
    at: datetime, where: Destination, deck: RateDeck, *, bundle: Bundle = NO_BUNDLE, plan: NumberPlan = PLAN
) -> PricedDestination:
    return price_destination(where, plan=plan, deck=deck, bundle=bundle, at=at, longest_s=TWO_HOURS_S)


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
        (HEALTH_INSURANCE, False, 15 * CENT),
        (SHORT_SERVICE, False, 82 * CENT),
        ("118218", False, 82 * CENT),
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
    ("dialled", "row", "minute_micros"),
    [
        # The rate of the country, or of all that begins with 3, is not that of its dear ranges.
        (PREMIUM, "+33 0 0.02 1 1", 95 * CENT),
        (PREMIUM, "+338 0 0.02 1 1", 95 * CENT),
        (PREMIUM, "+3389 0 0.50 1 1", 50 * CENT),
        (SHARED_COST, "+33 0 0.02 1 1", 95 * CENT),
        (SHORT_SERVICE, "short:3 0 0.30 1 1", 95 * CENT),
        (SHORT_SERVICE, "short:32 0 0.30 1 1", 30 * CENT),
        (SHARED_COST, "+338 0 1.20 1 1", 120 * CENT),
        ("118218", "short:1 0 0.02 1 1", 95 * CENT),
        ("118218", "short:118 0 0.20 1 1", 20 * CENT),
        ("07001234567890", "+33 0 0.02 1 1", None),
        ("07001234567890", "+33700 0 0.02 1 1", 2 * CENT),
        ("+449012345678", "+44 0 0.02 1 1", None),
        ("+449012345678", "+449 0 3.60 1 1", 360 * CENT),
        ("+447012345678", "+44 0 0.02 1 1", None),
        # Another region under a shared code is not the country's main region.
        ("+18769221234", "+1 0 0.01 1 1", None),
        ("+18769221234", "+1876 0 0.40 1 1", 40 * CENT),
        ("+12125550147", "+1 0 0.01 1 1", CENT),
        ("+881612345678", "+881 0 9.00 1 1", 900 * CENT),
        (REUNION, "+262 0 0.25 1 1", 25 * CENT),
    ],
)
def test_a_dear_kind_of_number_is_priced_by_a_rate_of_its_own_or_at_its_cap_or_not_at_all(
    dialled: str, row: str, minute_micros: int | None
) -> None:
    found = priced(dialled, row)
    assert not found.ordinary
    assert (None if found.rate is None else found.rate.per_minute_micros) == minute_micros


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
        ("0800123456", "+33 0 0.20 1 1", True),
        ("0800123456", "+3380 0 0.20 1 1", False),
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


@pytest.mark.parametrize("dialled", [REUNION, SAINT_PIERRE, INMARSAT, "+4930123456"])
def test_a_costly_number_without_a_rate_has_none(dialled: str) -> None:
    found = priced(dialled, "+32 0 0.30 1 1")
    assert (found.ordinary, found.rate) == (False, None)


def test_the_rate_of_the_day_counts_and_an_ordinary_number_whose_rate_has_ended_is_held_at_the_bound() -> None:
    ended = "a rate,0,0.05,1,1,EUR,0,,2026-11-23"
    deck = parse_deck("\n".join((",".join(COLUMNS), f"+33,{ended}", f"+32,{ended}")), "EUR")
    minutes = {}
    for dialled in (PARIS, BRUSSELS):
        for at in (NOW - timedelta(days=1), NOW):
            found = priced_at(at, destination(dialled), deck)
            minutes[dialled, at.day] = found.rate and found.rate.per_minute_micros
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


@pytest.mark.parametrize(
    ("dialled", "duration_s", "overrun"),
    [
        (PARIS, 3600, False),
        (PARIS, 3601, True),
        (MOBILE, 7200, True),
        # What the flat rate does not include has a price of its own.
        (SUICIDE_HELPLINE, 7200, False),
        (REUNION, 7200, False),
        (BRUSSELS, 7200, False),
    ],
)
def test_a_call_runs_over_the_flat_rate_when_it_is_longer_than_that_includes(
    dialled: str, duration_s: int, *, overrun: bool
) -> None:
    found = is_overrun(destination(dialled), plan=PLAN, bundle=FLAT_RATE, duration_s=duration_s)
    assert found is overrun
    assert not is_overrun(destination(dialled), plan=PLAN, bundle=NO_BUNDLE, duration_s=duration_s)


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
    found = priced_at(NOW, where, DECK)
    assert (found.destination, found.tag) == (where, "")
    assert found.rate is not None
    assert found.rate.per_minute_micros < EURO


@pytest.mark.parametrize("dialled", [PARIS, MOBILE, BRUSSELS, REUNION, SHORT_SERVICE])
@pytest.mark.parametrize("rows", [(), ("+99 0 0.30 1 1",)])
@pytest.mark.parametrize("bundle", [NO_BUNDLE, FLAT_RATE])
def test_no_rate_tells_the_ledger_whom_the_call_reaches(dialled: str, rows: tuple[str, ...], bundle: Bundle) -> None:
    """In the bundle or without a row, the rate named the whole number; and the ledger keeps rates with its holds."""
    found = priced(dialled, *rows, bundle=bundle)
    if found.rate is not None:
        assert found.destination.number.removeprefix("+") != found.rate.prefix


# The most a call can cost by the plan, where the deck has no rate.

CAPPED = replace(destination(PREMIUM), cap=PriceCap(connect_micros=3 * EURO, per_minute_micros=80 * CENT))
CAPPED_RATE = Rate(
    prefix="",
    label="the plan's price cap",
    connect_micros=3 * EURO,
    per_minute_micros=80 * CENT,
    first_increment_s=60,
    increment_s=60,
)
FRANCS = parse_deck(",".join(COLUMNS), "CHF")


def test_a_costly_number_without_a_rate_is_held_at_its_plans_price_cap() -> None:
    found = priced_at(NOW, CAPPED, deck_of("+32 0 0.30 1 1"))
    assert (found.ordinary, found.rate) == (False, CAPPED_RATE)


def test_the_decks_own_rate_comes_before_the_plans_price_cap() -> None:
    found = priced_at(NOW, CAPPED, deck_of("+33899 0 0.50 1 1"))
    assert found.rate is not None
    assert (found.rate.per_minute_micros, found.rate.prefix) == (50 * CENT, "33899")


@pytest.mark.parametrize("minute_micros", [15 * CENT, 16 * CENT])
def test_a_home_line_without_a_rate_is_ordinary_if_its_cap_is(minute_micros: int) -> None:
    cap = PriceCap(connect_micros=0, per_minute_micros=minute_micros)
    found = priced_at(NOW, replace(destination(PARIS), cap=cap), deck_of("+32 0 0.30 1 1"))
    assert found.rate is not None
    assert (found.rate.per_minute_micros, found.ordinary) == (minute_micros, minute_micros == 15 * CENT)


@pytest.mark.parametrize("where", [CAPPED, destination(PARIS), destination(MOBILE), destination(BRUSSELS)])
def test_a_plans_amounts_mean_nothing_in_another_currency(where: Destination) -> None:
    found = priced_at(NOW, where, FRANCS)
    assert (found.ordinary, found.rate) == (False, None)


@pytest.mark.parametrize("dialled", [POISON_CENTRE, SUICIDE_HELPLINE])
def test_a_number_that_must_be_reached_goes_at_the_plans_figure_in_whatever_currency(dialled: str) -> None:
    found = priced_at(NOW, destination(dialled), FRANCS)
    assert found.ordinary
    assert found.rate is not None
    assert found.rate.per_minute_micros == 15 * CENT


def test_a_deck_in_another_currency_prices_home_lines_as_any_other() -> None:
    plan = msgspec.structs.replace(PLAN, currency="CHF")
    found = priced_at(NOW, destination(PARIS), deck_of("+33 0 0.05 1 1"), plan=plan)
    assert found.rate is not None
    assert (found.ordinary, found.rate.per_minute_micros) == (True, 5 * CENT)


# Rates that change while the call may last: two hours from 10:00 on.


def by_hours(*rows: str) -> RateDeck:
    """A deck of rows such as ``+33 0.05 mon-fri 08:00-11:00``; a row without hours ends after its price."""
    found = [row.split(" ", 2) for row in rows]
    lines = [f"{prefix},a rate,0,{minute},1,1,EUR,0,,,{''.join(hours)}" for prefix, minute, *hours in found]
    return parse_deck("\n".join((",".join(COLUMNS_WITH_HOURS), *lines)), "EUR")


@pytest.mark.parametrize(
    ("dialled", "rows", "minute_micros", "ordinary"),
    [
        (BRUSSELS, ("+32 0.30 mon-fri 08:00-11:00", "+32 0.10"), 30 * CENT, False),
        (BRUSSELS, ("+32 0.10 mon-fri 08:00-11:00", "+32 0.30"), 30 * CENT, False),
        (BRUSSELS, ("+32 0.30 mon-fri 12:00-19:00", "+32 0.10"), 10 * CENT, False),
        # Later there is no rate: nobody knows what the call may cost.
        (BRUSSELS, ("+32 0.30 mon-fri 08:00-11:00", "+3 0.10"), None, False),
        (BRUSSELS, ("+32 0.30 mon-fri 11:00-19:00", "+3 0.10"), None, False),
        (BRUSSELS, ("+32 0.30 mon-fri 08:00-12:00", "+3 0.10"), 30 * CENT, False),
        # A home line is held at the bound where it has no rate, and is costly if any of its hours is.
        (PARIS, ("+33 0.05 mon-fri 08:00-11:00",), 15 * CENT, True),
        (PARIS, ("+33 0.05 mon-fri 08:00-11:00", "+33 0.10"), 10 * CENT, True),
        (PARIS, ("+33 0.16 mon-fri 11:00-19:00", "+33 0.05"), 16 * CENT, False),
        (PARIS, ("+33 0.16 mon-fri 12:00-19:00", "+33 0.05"), 5 * CENT, True),
        (POISON_CENTRE, ("+33 0.90 mon-fri 11:00-19:00",), 90 * CENT, True),
    ],
)
def test_a_call_is_held_at_the_dearest_rate_it_may_meet(
    dialled: str, rows: tuple[str, ...], minute_micros: int | None, *, ordinary: bool
) -> None:
    found = priced_at(NOW, destination(dialled), by_hours(*rows))
    assert (found.rate and found.rate.per_minute_micros, found.ordinary) == (minute_micros, ordinary)


def test_a_capped_number_whose_rate_ends_during_the_call_is_held_at_the_dearer_of_both() -> None:
    found = priced_at(NOW, CAPPED, by_hours("+33899 1.20 mon-fri 08:00-11:00"))
    assert found.rate is not None
    assert found.rate.per_minute_micros == 120 * CENT
    assert found.rate.connect_micros >= 3 * EURO


@pytest.mark.parametrize("currency", ["EUR", "CHF"])
@pytest.mark.parametrize("cap", [None, PriceCap(connect_micros=EURO, per_minute_micros=EURO)])
@pytest.mark.parametrize("dialled", [PARIS, POISON_CENTRE, SUICIDE_HELPLINE, BRUSSELS, PREMIUM, HEALTH_INSURANCE, "15"])
def test_an_ordinary_call_always_has_a_rate(dialled: str, cap: PriceCap | None, currency: str) -> None:
    """The judge relies on it: only a costly call is refused for want of a rate."""
    found = priced_at(NOW, replace(destination(dialled), cap=cap), parse_deck(",".join(COLUMNS), currency))
    assert found.rate is not None or not found.ordinary


@pytest.mark.parametrize(
    ("dialled", "abroad"),
    [(PARIS, False), (PREMIUM, False), (REUNION, False), (SAINT_PIERRE, True), (BRUSSELS, True), (INMARSAT, True)],
)
def test_other_countries_and_global_networks_are_abroad_and_the_overseas_departments_are_not(
    dialled: str, *, abroad: bool
) -> None:
    assert is_abroad(destination(dialled), PLAN) is abroad
