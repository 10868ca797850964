"""Five attacks that were published, as lists of attempts at the prices they were billed at (facts/features.md 1, 5.9).

Each is drawn from a seed. A line of the attacker is busy while its call lasts, except in the first attack, where calls
were forwarded in the operator's network and no line was in the way.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import phonenumbers

from callgate.core.deck import COLUMNS

SEED = 20261122
PARIS = ZoneInfo("Europe/Paris")
TUESDAY_8 = datetime(2026, 11, 24, 8, tzinfo=PARIS)
FRIDAY_19 = datetime(2026, 11, 27, 19, tzinfo=PARIS)
MONDAY_8 = datetime(2026, 11, 30, 8, tzinfo=PARIS)
SATURDAY_21 = datetime(2026, 11, 28, 21, tzinfo=PARIS)

_MINUTE_S = 60
_HOUR_S = 3600
_BETWEEN_CALLS_S = 3
_NUMBERS_OF_A_COUNTRY = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of the attacker."""

    start: datetime
    extension: int
    dialled: str
    duration_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One attack.

    Fields:
        name, source: what happened, and where it is told.
        countries: where it calls to.
        prices: a minute, by prefix as in a rate deck; billed by the second.
        calls: in order of time.
    """

    name: str
    source: str
    countries: tuple[str, ...]
    prices: Mapping[str, str]
    calls: tuple[Call, ...]

    def attempts(self) -> str:
        """The calls as `callgate replay` reads them."""
        stream = io.StringIO()
        writer = csv.writer(stream)
        writer.writerow(("start", "extension", "dialled", "duration_s"))
        writer.writerows((call.start.isoformat(), call.extension, call.dialled, call.duration_s) for call in self.calls)
        return stream.getvalue()

    def rates(self) -> str:
        """The prices as a rate deck."""
        rows = (f"{prefix},{self.source},0,{price},1,1,EUR,0,," for prefix, price in self.prices.items())
        return "\n".join((",".join(COLUMNS), *rows, ""))


def numbers_in(region: str, random: Random) -> tuple[str, ...]:
    """Draw mobile numbers of a region that exist, as dialled from France."""
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    assert example is not None
    digits = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)[1:]
    found: dict[str, None] = {}
    while len(found) < _NUMBERS_OF_A_COUNTRY:
        drawn = f"{digits[:-4]}{random.randrange(10_000):04d}"
        if phonenumbers.is_valid_number(phonenumbers.parse(f"+{drawn}")):
            found[f"00{drawn}"] = None
    return tuple(found)


def on_lines(lines: int, begins: datetime, ends: datetime, draw: Callable[[], tuple[str, int]]) -> Iterator[Call]:
    """Keep lines busy; `draw` gives a number and the seconds that the call lasts."""
    for line in range(lines):
        now = begins + timedelta(seconds=line)
        while now < ends:
            dialled, duration_s = draw()
            yield Call(start=now, extension=101 + line, dialled=dialled, duration_s=duration_s)
            now += timedelta(seconds=duration_s + _BETWEEN_CALLS_S)


def in_order(calls: Iterator[Call]) -> tuple[Call, ...]:
    return tuple(sorted(calls, key=lambda call: call.start))


def forwarded(random: Random) -> Profile:
    """Foreman Seeley Fountain, 2014: over 1,500 calls of 1 to 4 hours, one every 2.67 s, USD 166,000 in a weekend."""
    countries = ("GM", "SO", "MV", "SN")
    numbers = [number for region in countries for number in numbers_in(region, random)]
    calls = (
        Call(
            start=FRIDAY_19 + timedelta(hours=15 * burst, seconds=2.67 * place),
            extension=101 + place % 20,
            dialled=random.choice(numbers),
            duration_s=random.randint(_HOUR_S, 4 * _HOUR_S),
        )
        for burst in range(4)
        for place in range(400)
    )
    return Profile(
        name="1 call every 2.67 s, 1 to 4 h each, in four bursts of a weekend",
        source="Foreman Seeley Fountain 2014",
        countries=countries,
        prices={"+220": "0.90", "+252": "0.80", "+960": "0.70", "+221": "0.55"},
        calls=tuple(calls),
    )


def one_number(random: Random) -> Profile:
    """Direct Kitchen, 2014: 45 calls to one mobile in the Gambia in a night, USD 3,130."""
    number = numbers_in("GM", random)[0]
    calls = in_order(
        on_lines(4, SATURDAY_21, SATURDAY_21 + timedelta(hours=11), lambda: (number, random.randint(3300, 3900)))
    )
    return Profile(
        name="45 calls to one number in a night",
        source="Direct Kitchen 2014",
        countries=("GM",),
        prices={"+220": "1.16"},
        calls=calls[:45],
    )


def dear_allowed_country(random: Random) -> Profile:
    """Precision Sewing, 2013: dozens of calls of 120 minutes to a country nobody lists as risky, USD 11.7 a minute."""
    countries = ("MQ", "BE")
    numbers = [number for region in countries for number in numbers_in(region, random)]
    calls = on_lines(12, TUESDAY_8, TUESDAY_8 + timedelta(hours=24), lambda: (random.choice(numbers), 120 * _MINUTE_S))
    return Profile(
        name="144 calls of 120 min to allowed countries at 11.00 a minute",
        source="Precision Sewing 2013",
        countries=countries,
        prices={"+596": "11.00", "+32": "11.00"},
        calls=in_order(calls),
    )


def two_lines(random: Random) -> Profile:
    """An office in County Clare, 2011: 160 calls on 2 lines over a weekend, abroad and premium, about EUR 4,000."""
    countries = ("SL", "LV", "CU")
    abroad = [number for region in countries for number in numbers_in(region, random)]
    premium = [f"0899{random.randrange(10**6):06d}" for _ in range(_NUMBERS_OF_A_COUNTRY)]

    def draw() -> tuple[str, int]:
        return random.choice(abroad if random.random() < 0.75 else premium), random.randint(2300, 3100)

    return Profile(
        name="160 calls on 2 lines over a weekend",
        source="County Clare 2011",
        countries=countries,
        prices={"+232": "0.50", "+371": "0.50", "+53": "0.60", "+33899": "0.60"},
        calls=in_order(on_lines(2, FRIDAY_19, MONDAY_8, draw))[:160],
    )


def mixed_list(random: Random) -> Profile:
    """A French SME v. Orange, 2015: three days, eleven countries, United States and Poland among them, EUR 13,000."""
    prices = {
        "AZ": ("+994", "0.80"),
        "ER": ("+291", "1.20"),
        "GM": ("+220", "1.10"),
        "KY": ("+1345", "0.60"),
        "CU": ("+53", "1.30"),
        "US": ("+1", "0.10"),
        "PL": ("+48", "0.35"),
        "CI": ("+225", "0.90"),
        "AL": ("+355", "0.60"),
        "CD": ("+243", "1.10"),
        "BY": ("+375", "0.80"),
    }
    numbers = {region: numbers_in(region, random) for region in prices}

    def draw() -> tuple[str, int]:
        return random.choice(numbers[random.choice(list(numbers))]), random.randint(1200, 3600)

    return Profile(
        name="eleven countries, the United States and Poland among them, for three days",
        source="a French SME v. Orange 2015",
        countries=tuple(prices),
        prices=dict(prices.values()),
        calls=in_order(on_lines(4, MONDAY_8, MONDAY_8 + timedelta(hours=72), draw)),
    )


def profiles(seed: int = SEED) -> tuple[Profile, ...]:
    """All five, each drawn from its own source of chance."""
    draws = (forwarded, one_number, dear_allowed_country, two_lines, mixed_list)
    return tuple(draw(Random(f"{seed}.{draw.__name__}")) for draw in draws)
