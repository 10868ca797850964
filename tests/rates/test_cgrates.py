"""The tariff plan of CGRateS: its files joined, its timings shared out over the week, its tiers in one row."""

from dataclasses import replace
from fractions import Fraction

import pytest

from callgate.rates.findings import Place, Problem
from callgate.rates.reader import Imported, read_files
from rates.samples import OPTIONS, errors

WITH_TAX = replace(OPTIONS, tax=Fraction(0))
DESTINATIONS = "#Id,Prefix\nDST_BE,+32\nDST_BE,+33\n"
RATES = "#Id,ConnectFee,Rate,RateUnit,RateIncrement,GroupIntervalStart\nRT_1,0.1,0.6,60s,60s,0s\nRT_2,0,0.3,60s,1s,0s\n"
JOINED = "#Id,DestinationId,RatesTag,RoundingMethod,RoundingDecimals\nDR_1,DST_BE,RT_1,*up,4\nDR_2,DST_BE,RT_2\n"
ONE = "#Id,DestinationId,RatesTag\nDR_1,DST_BE,RT_1\n"
TIMINGS = (
    "#Tag,Years,Months,MonthDays,WeekDays,Time\n"
    "PEAK,*any,*any,*any,1;2;3;4;5,08:00:00\n"
    "EVENING,*any,*any,*any,1;2;3;4;5,19:00:00\n"
    "DAILY,*any,*any,*any,*any,*any\n"
)
_DAILY = "*any,*any,*any,*any,*any"
PLANS = "#Id,DestinationRatesId,TimingTag,Weight\n"


_PLAN = {"Destinations": DESTINATIONS, "Rates": RATES, "DestinationRates": ONE}


def read(**texts: str) -> Imported:
    """Join a plan of two rates for Belgium, some of its files replaced; a file that is "" is left out."""
    named = {**_PLAN, **texts}
    return read_files({f"{name}.csv": text.encode() for name, text in named.items() if text}, WITH_TAX)


def belgian(imported: Imported) -> list[str]:
    assert errors(imported) == []
    return [row.split(",", 2)[2] for row in imported.text.splitlines() if row.startswith("+32,")]


def test_a_destination_gives_all_its_prefixes_the_joined_rate() -> None:
    assert read().text.splitlines()[1:] == [
        "+32,DST_BE,0.10,0.60,60,60,EUR,0.00,,",
        "+33,DST_BE,0.10,0.60,60,60,EUR,0.00,,",
    ]


@pytest.mark.parametrize(
    ("plans", "rows"),
    [
        (
            "RP,DR_1,PEAK,20\nRP,DR_2,*any,10\n",
            ["0.10,0.60,60,60,EUR,0.00,,,mon-fri 08:00-24:00", "0.00,0.30,1,1,EUR,0.00,,,"],
        ),
        (
            "RP,DR_1,PEAK,10\nRP,DR_2,EVENING,10\nRP,DR_2,DAILY,10\n",
            ["0.10,0.60,60,60,EUR,0.00,,,mon-fri 08:00-19:00", "0.00,0.30,1,1,EUR,0.00,,,"],
        ),
        ("RP,DR_1,PEAK,10\n", ["0.10,0.60,60,60,EUR,0.00,,,mon-fri 08:00-24:00"]),
        ("RP,DR_1,DAILY,\n", ["0.10,0.60,60,60,EUR,0.00,,"]),
        ("RP,DR_1,*any,20\nRP,DR_2,PEAK,10\n", ["0.10,0.60,60,60,EUR,0.00,,"]),
    ],
)
def test_of_two_rates_at_one_time_the_heavier_counts_then_the_later_begun(plans: str, rows: list[str]) -> None:
    assert belgian(read(DestinationRates=JOINED, RatingPlans=PLANS + plans, Timings=TIMINGS)) == rows


def test_two_rates_of_one_weight_at_one_time_are_a_conflict() -> None:
    imported = read(DestinationRates=JOINED, RatingPlans=PLANS + "RP,DR_1,*any,10\nRP,DR_2,*any,10\n")
    assert {found.kind for found in errors(imported)} == {Problem.CONFLICT}
    assert errors(imported)[0].place == Place(file="DestinationRates.csv", line=3)


@pytest.mark.parametrize(
    ("tiers", "row"),
    [
        ("RT_1,0.1,0.6,60s,60s,0s\nRT_1,0,0.6,60s,1s,60s\n", "0.10,0.60,60,1,EUR,0.00,,"),
        ("RT_1,0.2,0.1,60s,60s,0s\nRT_1,0,0.05,60s,1s,1m\n", "0.25,0.05,60,1,EUR,0.00,,"),
        ("RT_1,0,0.06,1m0s,30s,0\nRT_1,0,0.3,60s,30s,60s\n", "0.00,0.30,60,30,EUR,0.00,,"),
        ("RT_1,0,0.01,1s,1s,0s\n", "0.00,0.60,1,1,EUR,0.00,,"),
    ],
)
def test_a_first_tier_becomes_the_fee_and_the_first_increment(tiers: str, row: str) -> None:
    assert belgian(read(Rates="#Id\n" + tiers)) == [row]


@pytest.mark.parametrize(
    ("texts", "kind", "place"),
    [
        ({"Rates": ""}, Problem.MISSING_FILE, ":0"),
        ({"Rates": "RT_9,0,1,60s,60s,0s\n"}, Problem.BAD_LINK, "DestinationRates.csv:2"),
        ({"Destinations": "DST_FR,+33\n"}, Problem.BAD_LINK, "DestinationRates.csv:2"),
        ({"Destinations": "DST_BE\n"}, Problem.BROKEN_ROW, "Destinations.csv:1"),
        ({"Destinations": "DST_BE,Belgium\n"}, Problem.BAD_PREFIX, "DestinationRates.csv:2"),
        ({"Rates": "RT_1,0,-1,60s,60s,0s\n"}, Problem.NEGATIVE_AMOUNT, "DestinationRates.csv:2"),
        ({"Rates": "RT_1,0,1,0s,60s,0s\n"}, Problem.BAD_SECONDS, "DestinationRates.csv:2"),
        ({"Rates": "RT_1,0,1,60s,soon,0s\n"}, Problem.BAD_SECONDS, "DestinationRates.csv:2"),
        ({"Rates": "RT_1,0,1,60s,60s,10s\n"}, Problem.NOT_EXPRESSIBLE, "DestinationRates.csv:2"),
        (
            {"Rates": "RT_1,0,1,60s,60s,0s\nRT_1,0,1,60s,1s,30s\n"},
            Problem.NOT_EXPRESSIBLE,
            "DestinationRates.csv:2",
        ),
        ({"Rates": "RT_1,0,0.8,60s,1s,0s\nRT_1,0,0.1,60s,1s,0s\n"}, Problem.NOT_EXPRESSIBLE, "DestinationRates.csv:2"),
        ({"Rates": "RT_1,0,1,60s,60s,0s\nRT_1,1,1,60s,1s,60s\n"}, Problem.NOT_EXPRESSIBLE, "DestinationRates.csv:2"),
        ({"DestinationRates": "DR_1,DST_BE,RT_1,*up,0\n"}, Problem.NOT_EXPRESSIBLE, "DestinationRates.csv:1"),
        ({"DestinationRates": "DR_1,DST_BE,RT_1,*middle,1\n"}, Problem.NOT_EXPRESSIBLE, "DestinationRates.csv:1"),
        ({"DestinationRates": "DR_1,DST_BE,RT_1,*up\n"}, Problem.NOT_EXPRESSIBLE, "DestinationRates.csv:1"),
        ({"DestinationRates": "DR_1,DST_BE\n"}, Problem.BROKEN_ROW, "DestinationRates.csv:1"),
        ({"Destinations": "DST_BE,6\n"}, Problem.BAD_PREFIX, "DestinationRates.csv:2"),
        (
            {"RatingPlans": "RP,DR_1,T,10\n", "Timings": f"T,{_DAILY}\nT,*any,*any,*any,6;7,00:00:00\n"},
            Problem.SAME_TAG,
            "RatingPlans.csv:1",
        ),
        ({"RatingPlans": "RP,DR_9,*any,10\n"}, Problem.BAD_LINK, "RatingPlans.csv:1"),
        ({"RatingPlans": "RP,DR_1,PEAK,10\n"}, Problem.BAD_LINK, "RatingPlans.csv:1"),
        ({"RatingPlans": "RP,DR_1,*any,x\n"}, Problem.BAD_AMOUNT, "RatingPlans.csv:1"),
        ({"RatingPlans": "A,DR_1,*any,10\nB,DR_1,*any,10\n"}, Problem.SEVERAL_PLANS, ":0"),
        (
            {"RatingPlans": "RP,DR_1,XMAS,10\n", "Timings": "XMAS,*any,12,25,*any,00:00:00\n"},
            Problem.NOT_EXPRESSIBLE,
            "RatingPlans.csv:1",
        ),
        (
            {"RatingPlans": "RP,DR_1,T,10\n", "Timings": "T,*any,*any,*any,0;8,00:00:00\n"},
            Problem.BAD_HOURS,
            "RatingPlans.csv:1",
        ),
        (
            {"RatingPlans": "RP,DR_1,T,10\n", "Timings": "T,*any,*any,*any,1,noon\n"},
            Problem.BAD_HOURS,
            "RatingPlans.csv:1",
        ),
        ({"Destinations": 'DST_BE,"+32\n'}, Problem.UNSPLIT_ROW, "Destinations.csv:1"),
        ({"Destinations": "DST_BE,\x07\n"}, Problem.NOT_TEXT, "Destinations.csv:1"),
        (
            {"Destinations": "=1+1,+32\n", "DestinationRates": "DR_1,=1+1,RT_1\n"},
            Problem.BAD_LABEL,
            "DestinationRates.csv:1",
        ),
    ],
)
def test_a_plan_that_does_not_hang_together_is_refused(texts: dict[str, str], kind: Problem, place: str) -> None:
    found = [(found.kind, f"{found.place.file}:{found.place.line}") for found in errors(read(**texts))]
    assert (kind, place) in found


def test_the_rate_for_every_other_number_is_left_out_and_a_rounded_tier_told() -> None:
    tiers = "RT_1,0,0.6,60s,10s,0s\nRT_1,0,0.6,60s,1s,30s\n"
    imported = read(Rates=tiers, DestinationRates="DR_1,DST_BE,RT_1\nDR_1,*any,RT_1\n")
    told = {(found.kind, found.place.line) for found in imported.findings}
    assert {(Problem.COUNTED_DEARER, 1), (Problem.LEFT_OUT, 2)} <= told
    assert len(imported.rows) == 2


@pytest.mark.parametrize(
    ("rounding", "row"),
    [
        ("*up,2", "0.11,0.60,60,60,EUR,0.00,,"),
        ("*middle,3", "0.101,0.60,60,60,EUR,0.00,,"),
        ("*up,4", "0.10,0.60,60,60,EUR,0.00,,"),
        ("*down,0", "0.10,0.60,60,60,EUR,0.00,,"),
        (",", "0.10,0.60,60,60,EUR,0.00,,"),
    ],
)
def test_what_rounding_may_add_to_a_call_is_in_its_fee(rounding: str, row: str) -> None:
    imported = read(DestinationRates=f"DR_1,DST_BE,RT_1,{rounding}\n")
    assert belgian(imported) == [row]
    is_told = Problem.COUNTED_DEARER in {found.kind for found in imported.findings}
    assert is_told is (not row.startswith("0.10,"))


def test_a_guess_about_a_prefix_is_told_where_it_stands_and_so_is_the_currency() -> None:
    imported = read(Destinations="#Id\nDST_BE,32\nDST_BE,3624\n")
    told = {(found.kind, found.place) for found in imported.findings}
    assert (Problem.PREFIX_ASSUMED, Place(file="Destinations.csv", line=3)) in told
    unsaid = read_files(
        {f"{name}.csv": text.encode() for name, text in _PLAN.items()}, replace(WITH_TAX, stated_currency=None)
    )
    assert Problem.CURRENCY_ASSUMED in {found.kind for found in unsaid.findings}
    assert Problem.CURRENCY_ASSUMED not in {found.kind for found in imported.findings}
