"""An operator's meter, to compare prices with: second by second, in fractions, from the deck's own lines.

It shares nothing with callgate: it reads the CSV with its own eyes, and its rules are those of docs/rates.md.
"""

import csv
import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
MICROS = 1_000_000
Row = dict[str, str]


def read(text: str) -> list[Row]:
    """The rows of a deck."""
    return list(csv.DictReader(text.splitlines()))


def meter(rows: list[Row], number: str, answered: datetime, seconds: int, *, zone: ZoneInfo) -> int | None:
    """The price of a call in micros; None if an increment of it begins where no row counts.

    Every second is looked at: an increment that begins in it is charged by the row that counts at that instant.
    """
    rows = longest(rows, number)
    first = in_force(rows, answered.astimezone(zone))
    if first is None:
        return None
    cost, free_until = Fraction(0), 0
    for second in range(seconds):
        if second < free_until:
            continue
        row = in_force(rows, (answered.astimezone(UTC) + timedelta(seconds=second)).astimezone(zone))
        if row is None:
            return None
        length = int(row["first_increment_s" if second == 0 else "increment_s"])
        cost += Fraction(micros(row, "per_minute") * length, 60)
        free_until = second + length
    return micros(first, "connect_fee") + math.ceil(cost)


def longest(rows: list[Row], number: str) -> list[Row]:
    """The rows of the longest prefix."""
    fitting = [row for row in rows if number.startswith(row["prefix"])]
    most = max((len(row["prefix"]) for row in fitting), default=0)
    return [row for row in fitting if len(row["prefix"]) == most]


def in_force(rows: list[Row], wall: datetime) -> Row | None:
    """The row that names this very minute, else the one that names no hours."""
    valid = [
        row
        for row in rows
        if date.fromisoformat(row["valid_from"] or "0001-01-01")
        <= wall.date()
        <= date.fromisoformat(row["valid_to"] or "9999-12-31")
    ]
    named = [row for row in valid if row["hours"] and names(row["hours"], wall)]
    unnamed = [row for row in valid if not row["hours"]]
    return next(iter(named + unnamed), None)


def names(hours: str, wall: datetime) -> bool:
    """Whether hours name an instant on the wall clock, or yesterday's run over midnight into it."""
    yesterday = DAYS[(wall.weekday() - 1) % 7]
    now = f"{wall.hour:02}:{wall.minute:02}"
    for part in hours.split("; "):
        days, *spans = part.split(" ")
        opening, _, closing = days.partition("-")
        listed = DAYS[DAYS.index(opening) : DAYS.index(closing or opening) + 1]
        for span in spans:
            begin, end = span.split("-")
            if begin < end and DAYS[wall.weekday()] in listed and begin <= now < end:
                return True
            if begin > end and (
                (DAYS[wall.weekday()] in listed and now >= begin) or (yesterday in listed and now < end)
            ):
                return True
    return False


def micros(row: Row, column: str) -> int:
    """An amount with its tax, rounded up to the micro."""
    return math.ceil(Fraction(Decimal(row[column])) * (1 + Fraction(Decimal(row["tax"]))) * MICROS)
