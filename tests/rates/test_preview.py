"""Three real calls, priced by a deck that is about to be put in force."""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from callgate.clinic import load_plan
from callgate.core.deck import COLUMNS, parse_deck
from callgate.rates.preview import SampleKind, three_calls
from callgate.resources import resource
from rates.samples import PLAN, read_text

AT = datetime(2026, 11, 24, 11, tzinfo=ZoneInfo("Europe/Paris"))
_EMPTY = ",".join(COLUMNS)
HEADER = "Préfixe;Libellé;Prix TTC;Mise en relation TTC;Pas;Fin\n"


def test_a_national_mobile_a_neighbour_and_the_dearest_row_are_priced() -> None:
    rows = "+336;Mobiles;0,06;0;1;\n+32;Belgique;0,06;0,10;60;\n+881;Iridium;9;0;60;\n+882;Fini;99;0;60;2026-01-01\n"
    calls = three_calls(read_text(HEADER + rows).deck, PLAN, AT)
    assert [(call.kind, call.number, call.seconds, call.label, call.micros) for call in calls] == [
        (SampleKind.NATIONAL_MOBILE, "+33612345678", 180, "Mobiles", 180_000),
        (SampleKind.NEIGHBOUR, "+3212345678", 300, "Belgique", 400_000),
        (SampleKind.DEAREST, "+881", 600, "Iridium", 90_000_000),
    ]


def test_a_call_without_a_rate_has_no_price_and_an_empty_deck_no_dearest_row() -> None:
    calls = three_calls(parse_deck(_EMPTY, "EUR"), PLAN, AT)
    assert [(call.kind, call.label, call.micros) for call in calls] == [
        (SampleKind.NATIONAL_MOBILE, "", None),
        (SampleKind.NEIGHBOUR, "", None),
    ]


@pytest.mark.parametrize("home", sorted(file.stem for file in resource("policies/plans").glob("*.toml")))
def test_every_home_country_has_its_own_two_numbers(home: str) -> None:
    mobile, neighbour = three_calls(parse_deck(_EMPTY, "EUR"), load_plan(home), AT)
    assert mobile.number != neighbour.number
    assert mobile.number.startswith("+")
    assert neighbour.number.startswith("+")


def test_a_country_nobody_thought_of_has_germany_for_a_neighbour() -> None:
    elsewhere = msgspec.structs.replace(PLAN, country="RE")
    assert three_calls(parse_deck(_EMPTY, "EUR"), elsewhere, AT)[1].number.startswith("+49")


def test_a_rate_that_says_nothing_about_a_number_does_not_price_it() -> None:
    """The gate refuses Jamaica where a deck has +1 alone: the preview has no price for it either."""
    american = load_plan("US")
    jamaican = msgspec.structs.replace(american, country="JM", dial_codes={**american.dial_codes, "JM": "1"})
    deck = read_text(HEADER + "+1;United States;0,05;0;1;\n").deck
    mobile, *_ = three_calls(deck, jamaican, AT)
    assert (mobile.number[:5], mobile.label, mobile.micros) == ("+1876", "", None)
