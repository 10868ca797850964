"""What one word of a policy means: money, countries, instants, hours, number patterns, start limits.

Each reader takes a value as TOML gave it and returns it in the form the judge wants, or says what is wrong and what to
write instead. `READERS` tells the document reader which one reads which type.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import NewType
from zoneinfo import ZoneInfo

import phonenumbers

from callgate.core.hold import SECONDS_MAX
from callgate.core.hours import MINUTES_PER_DAY, ClosedDays, OpenSpan
from callgate.core.money import parse_amount

Micros = NewType("Micros", int)
"""Money, in millionths of the policy's currency, tax included; ``"5.00"`` in the document."""
Region = NewType("Region", str)
"""An ISO 3166 country, such as ``FR``; the overseas departments have their own (``RE``)."""
Instant = NewType("Instant", datetime)
"""Aware UTC."""
Seconds = NewType("Seconds", int)
"""1 to 7200: no call is granted longer."""
Span = NewType("Span", int)
"""A duration in seconds; ``"60s"``, ``"15m"`` or ``"24h"`` in the document."""
Count = NewType("Count", int)
"""0 to 1000."""
Schema = NewType("Schema", int)
"""The version of the document; this callgate reads 1."""
ClinicName = NewType("ClinicName", str)
"""Small letters, digits and hyphens, as it goes into Redis keys."""
Currency = NewType("Currency", str)
"""Three capital letters, ISO 4217."""
HolidayCode = NewType("HolidayCode", str)
"""A country (``FR``), a country and its part (``FR-57``), or ``none``."""
PlainNumber = NewType("PlainNumber", str)
"""One number: ``+`` and up to 15 digits, or a short code."""
PlainText = NewType("PlainText", str)
"""Words for people, on one line, at most 100 characters."""

NIGHT_SPAN_MAX_MINUTES = 10 * 60
"""The longest span past midnight. A longer one is taken for a start and an end that changed places: ``19:00-08:00``
would open the clinic all night."""

_TEXT_MAX = 100
_SHOWN_MAX = 40
_SPAN_UNITS_S = {"s": 1, "m": 60, "h": 3600}
_SPAN_MAX_S = 7 * 24 * 3600


class UnreadableError(ValueError):
    """A value cannot be read. Fields: `problem`, `remedy`."""

    def __init__(self, *, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}. Remedy: {remedy}")
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberPattern:
    """One number, or all that begin with it: ``+225*`` has the digits ``+225`` and is a prefix."""

    digits: str
    is_prefix: bool

    def matches(self, number: str) -> bool:
        """Say whether `number` (E.164 with ``+``, or a short code) is meant."""
        return number.startswith(self.digits) if self.is_prefix else number == self.digits


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionPattern:
    """Internal lines, as digits and sets of digits: ``3[0-9]`` is 30 to 39. It always speaks of the whole line."""

    expression: str

    def matches(self, extension: str) -> bool:
        """Say whether `extension` is one of these lines."""
        return re.fullmatch(self.expression, extension) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartLimit:
    """At most `count_max` calls begun in any `span_s` seconds; ``"6/1h"`` in the document."""

    count_max: int
    span_s: int


def shown(value: object) -> str:
    """Write a value of the document into a message: on one line, and not without end."""
    text = ascii(value) if not isinstance(value, str) or not value.isprintable() else f'"{value}"'
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}..."


def _text(value: object, example: str) -> str:
    if not isinstance(value, str):
        problem = f"{shown(value)} is not text"
        raise UnreadableError(problem=problem, remedy=f'write it in quotes, such as "{example}"')
    return value


def _matched(expression: str, value: object, meaning: str, example: str) -> re.Match[str]:
    match = re.fullmatch(expression, _text(value, example), re.ASCII)
    if match is None:
        raise UnreadableError(problem=f"{shown(value)} is not {meaning}", remedy=f'write it such as "{example}"')
    return match


def _read_word(value: object, *, expression: str, meaning: str, example: str) -> str:
    return _matched(expression, value, meaning, example)[0]


def _read_text(value: object) -> str:
    text = _text(value, "Cabinet des Lilas")
    if len(text) > _TEXT_MAX or not text.isprintable():
        raise UnreadableError(
            problem=f"{shown(value)} is too long or holds characters that cannot be printed",
            remedy=f"write one line of at most {_TEXT_MAX} characters",
        )
    return text


def _read_whole_number(value: object, *, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise UnreadableError(
            problem=f"{shown(value)} is not a whole number from {least} to {most}",
            remedy=f"write such a number without quotes, for example {least}",
        )
    return value


def _read_money(value: object) -> int:
    remedy = 'write the amount with tax, in quotes, such as "5.00"'
    if not isinstance(value, str):
        raise UnreadableError(problem=f"{shown(value)} is not money: money is text", remedy=remedy)
    try:
        return parse_amount(value)
    except ValueError:
        problem = f"{shown(value)} is not an amount of money from 0.00 to 1000000.00"
        raise UnreadableError(problem=problem, remedy=remedy) from None


def _read_region(value: object) -> str:
    word = _text(value, "FR")
    if word not in phonenumbers.SUPPORTED_REGIONS:
        raise UnreadableError(
            problem=f"{shown(value)} is not a country",
            remedy='write the two capital letters of ISO 3166, such as "FR", "BE", or "RE" for Reunion',
        )
    return word


def _read_zone(value: object) -> ZoneInfo:
    name = _text(value, "Europe/Paris")
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # what ZoneInfo raises for odd names, for folders, and for unknown ones
        remedy = 'write a name of the IANA list, such as "Europe/Paris"'
        raise UnreadableError(problem=f"{shown(value)} is not a time zone", remedy=remedy) from None


def _read_instant(value: object) -> datetime:
    remedy = "write it with its distance from UTC and without quotes, such as 2026-12-01T18:00:00+01:00"
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise UnreadableError(problem=f"{shown(str(value))} is not an instant", remedy=remedy)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise UnreadableError(problem="this instant is beyond all calendars", remedy=remedy) from None


def _read_open_span(value: object) -> OpenSpan:
    clock = r"((?:[01]\d|2[0-3]):[0-5]\d|24:00)"
    match = _matched(f"{clock}-{clock}", value, "a span of hours within 00:00 to 24:00", "08:00-19:00")
    first_minute, end_minute = (int(text[:2]) * 60 + int(text[3:]) for text in match.groups())
    if first_minute in {end_minute, MINUTES_PER_DAY}:
        raise UnreadableError(problem=f"{shown(value)} opens no time", remedy='write it such as "08:00-19:00"')
    if end_minute < first_minute:
        end_minute += MINUTES_PER_DAY
        if end_minute - first_minute > NIGHT_SPAN_MAX_MINUTES:
            raise UnreadableError(
                problem=f"{shown(value)} ends before it begins",
                remedy="put the earlier hour first; for a night longer than 10 hours write one span to 24:00 "
                "and another from 00:00 on the next day",
            )
    return OpenSpan(first_minute=first_minute, end_minute=end_minute)


def _read_closed_days(value: object) -> ClosedDays:
    day = r"\d{4}-\d\d-\d\d"
    example = "2026-12-24/2027-01-02"
    match = _matched(f"({day})(?:/({day}))?", value, "a day or a range of days", example)
    try:
        first, last = (date.fromisoformat(text) for text in (match[1], match[2] or match[1]))
    except ValueError:
        remedy = f'write days of the calendar, such as "{example}"'
        raise UnreadableError(problem=f"{shown(value)} names a day that does not exist", remedy=remedy) from None
    if last < first:
        remedy = f'put the earlier day first, such as "{example}"'
        raise UnreadableError(problem=f"{shown(value)} ends before it begins", remedy=remedy)
    return ClosedDays(first=first, last=last)


def _read_number_pattern(value: object) -> NumberPattern:
    meaning = "a number in international form, the beginning of one with *, or a short code"
    match = _matched(r"(\+[1-9]\d{0,14})(\*?)|[1-9]\d{1,5}", value, meaning, "+3225551212")
    return NumberPattern(digits=match[1] or match[0], is_prefix=bool(match[2]))


def _read_extension_pattern(value: object) -> ExtensionPattern:
    meaning = "a line of digits and sets of digits"
    expression = _matched(r"(?:\d|\[(?:\d(?:-\d)?)+\]){1,20}", value, meaning, "3[0-9]")[0]
    try:
        re.compile(expression)
    except re.error:
        remedy = 'put the smaller digit first, such as "3[0-9]"'
        raise UnreadableError(problem=f"{shown(value)} holds a set that runs backwards", remedy=remedy) from None
    return ExtensionPattern(expression=expression)


def _read_span(value: object) -> int:
    match = _matched(r"([1-9]\d{0,5})([smh])", value, "a duration", "60s")
    seconds = int(match[1]) * _SPAN_UNITS_S[match[2]]
    if seconds > _SPAN_MAX_S:
        raise UnreadableError(problem=f"{shown(value)} is longer than a week", remedy='write at most "168h"')
    return seconds


def _read_start_limit(value: object) -> StartLimit:
    match = _matched(r"(\d{1,3})/([1-9]\d{0,3}[mh])", value, "a number of calls in a time", "6/1h")
    return StartLimit(count_max=int(match[1]), span_s=_read_span(match[2]))


READERS: Mapping[object, Callable[[object], object]] = {
    Micros: _read_money,
    Region: _read_region,
    Instant: _read_instant,
    Seconds: partial(_read_whole_number, least=1, most=SECONDS_MAX),
    Count: partial(_read_whole_number, least=0, most=1000),
    Schema: partial(_read_whole_number, least=1, most=1),
    Span: _read_span,
    ClinicName: partial(
        _read_word,
        expression=r"[a-z0-9][a-z0-9-]{0,62}",
        meaning="a name of small letters, digits and hyphens",
        example="cabinet-des-lilas",
    ),
    Currency: partial(_read_word, expression="[A-Z]{3}", meaning="a currency of ISO 4217", example="EUR"),
    HolidayCode: partial(
        _read_word,
        expression=r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?|none",
        meaning="a country or a part of one",
        example="FR-57",
    ),
    PlainNumber: partial(
        _read_word,
        expression=r"\+[1-9]\d{1,14}|[1-9]\d{1,5}",
        meaning="one number in international form or a short code",
        example="+41795551212",
    ),
    PlainText: _read_text,
    ZoneInfo: _read_zone,
    OpenSpan: _read_open_span,
    ClosedDays: _read_closed_days,
    NumberPattern: _read_number_pattern,
    ExtensionPattern: _read_extension_pattern,
    StartLimit: _read_start_limit,
}
