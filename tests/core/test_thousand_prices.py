"""The prices of 1,000 random calls agree to the micro with an operator's meter that shares no line with callgate."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from callgate.core.deck import COLUMNS_WITH_HOURS, RateDeck, parse_deck
from callgate.core.tariff import bill, dearest, price
from core import operator_meter

SEED = 20261122
CALLS = 1000
PARIS = ZoneInfo("Europe/Paris")
# Around the ends of the hours, New Year, and the two nights on which the clock is changed.
MOMENTS = ["2026-11-24T08:00", "2026-11-27T19:00", "2026-11-28T12:30", "2026-12-31T23:59", "2026-10-25T02:30"]
MOMENTS += ["2026-03-29T01:59", "2026-11-23T22:00", "2026-11-24T12:00", "2026-06-30T23:59", "2026-12-17T19:00"]
HOURS = [
    ("mon-fri 08:00-19:00; sat 08:00-12:30", ""),
    ("mon-sun 22:00-06:00", "mon-sun 06:00-22:00"),
    ("mon-sun 22:00-06:00; mon-fri 08:00-12:00 14:00-19:00", ""),
    ("sun 02:15-03:00; mon-sat 08:00-12:30 18:30-19:00 22:00-24:00", ""),
    ("mon-fri 08:00-12:00 14:00-19:00", "mon-fri 12:00-14:00; sat-sun 00:00-24:00"),
    ("mon-sun 12:00-12:30 19:00-23:00", ""),
    ("", ""),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One answered call."""

    number: str
    answered: datetime
    seconds: int


def random_deck(random: Random) -> str:
    """Some 150 prefixes, most of them the beginning of others, each with rows by day and by hour."""
    lines = [",".join(COLUMNS_WITH_HOURS)]
    prefixes = {f"+{''.join(random.choices('1234', k=random.randint(1, 5)))}" for _ in range(200)}
    for prefix in sorted(prefixes):
        change = random.choice([None, date(2026, 6, 30), date(2026, 12, 31), date(2026, 11, 27)])
        spans = [("", "")] if change is None else [("", str(change)), (str(change + timedelta(days=1)), "")]
        for valid_from, valid_to in spans:
            one, other = random.choice(HOURS)
            for hours in dict.fromkeys((one, other)):
                figures = [f"{random.randint(0, 40) / 100:.2f}", f"{random.randint(0, 3_000_000) / 1_000_000:.6f}"]
                figures += [str(random.choice([1, 6, 7, 30, 60, 61, 240])), str(random.choice([1, 6, 7, 30, 60, 61]))]
                tax = random.choice(["0", "0.20", "0.085", "0.077"])
                lines.append(",".join((prefix, prefix, *figures, "EUR", tax, valid_from, valid_to, hours)))
    return "\n".join(lines)


def random_call(random: Random) -> Call:
    """A call near a change of rate, its answer in the middle of a second."""
    near = datetime.fromisoformat(random.choice(MOMENTS)).replace(tzinfo=PARIS).astimezone(UTC)
    return Call(
        number=f"+{''.join(random.choices('1234', k=9))}",
        answered=near + timedelta(seconds=random.randint(-600, 30), microseconds=random.choice([0, 1, 499_999])),
        seconds=random.choice([random.randint(1, 61), random.randint(300, 3600), random.randint(300, 3600)]),
    )


@pytest.fixture(scope="module")
def text() -> str:
    print(f"seed {SEED}")
    return random_deck(Random(SEED))


@pytest.fixture(scope="module")
def deck(text: str) -> RateDeck:
    return parse_deck(text, "EUR")


@pytest.fixture(scope="module")
def calls() -> list[Call]:
    random = Random(SEED)
    return [random_call(random) for _ in range(CALLS)]


def test_a_thousand_calls_cost_what_the_operators_meter_says(text: str, deck: RateDeck, calls: list[Call]) -> None:
    rows = operator_meter.read(text)
    parts: Counter[int] = Counter()
    for call in calls:
        found = bill(deck.timed_rates(call.number, call.answered.astimezone(PARIS), call.seconds), call.seconds)
        metered = operator_meter.meter(rows, call.number, call.answered, call.seconds, zone=PARIS)
        assert (found and found.micros) == metered, call
        parts[len(found.parts) if found else 0] += 1
    # The sample is worth something: most calls have a price, and more than a hundred cross a change of rate.
    assert parts[0] < CALLS // 4, parts
    assert sum(count for number, count in parts.items() if number > 1) > CALLS // 8, parts


@pytest.mark.parametrize("ring_s", [0, 7, 60])
def test_a_call_is_never_dearer_than_its_hold(deck: RateDeck, calls: list[Call], ring_s: int) -> None:
    """The rates a hold looks at begin when the call is granted; those of the bill when it is answered."""
    for call in calls:
        granted = (call.answered - timedelta(seconds=ring_s)).astimezone(PARIS)
        met = [timed.rate for timed in deck.timed_rates(call.number, granted, ring_s + call.seconds)]
        if None in met:
            continue
        held = dearest([rate for rate in met if rate is not None])
        found = bill(deck.timed_rates(call.number, call.answered.astimezone(PARIS), call.seconds), call.seconds)
        assert found is not None, call
        assert price(held, call.seconds) >= found.micros, call
