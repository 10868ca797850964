"""The closed form, span by span: what binds, how often, and what stands beside it."""

from dataclasses import replace
from datetime import date

import msgspec
import pytest

from callgate.core.allowance import LENT_SECONDS, AllowanceUse, draw
from callgate.core.case import Rulebook
from callgate.core.exposure import exposures
from callgate.core.hold import Window
from callgate.core.loss import AllowanceBound, CeilingBound, LinesBound, Loss, LossKind, Span, SpanLoss
from callgate.core.policy import Policy
from callgate.core.policy_tables import Allowance
from callgate.core.policy_values import Count, Micros
from callgate.core.policy_values import Span as Seconds
from callgate.core.tariff import price
from core.samples import CENT, DECK, EURO, FRANCE, PLAN, a_rate, clinic_rules

EASTER_MONDAY = date(2026, 4, 6)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALWAYS_OPEN = "\n".join(f'hours.weekly.{day} = ["00:00-24:00"]' for day in DAYS)
NEVER_OPEN = "hours.weekly = {}"


def book_of(policy: Policy) -> Rulebook:
    return Rulebook(policy=policy, revision=0, plan=PLAN, closed_days=frozenset(), channels=10, ring_timeout_s=60)


def spans(*lines: str, allow: tuple[str, ...] = FRANCE, hosts: int = 1) -> dict[Span, SpanLoss]:
    """The exposure of a clinic with the factory figures and these lines."""
    found = exposures(book_of(clinic_rules(*lines, allow=allow)), DECK, hosts)
    return {loss.span: loss for loss in found}


def part(loss: SpanLoss, kind: LossKind) -> Loss:
    return next(found for found in (*loss.parts, *loss.within) if found.kind is kind)


def kinds(loss: SpanLoss) -> list[LossKind]:
    return [found.kind for found in loss.parts]


@pytest.mark.parametrize(
    ("span", "seconds", "window", "limit", "times"),
    [
        (Span.HOUR, 3600, Window.HOUR, 10, 1),
        (Span.NIGHT, 13 * 3600, Window.DAY, 15, 1),
        (Span.WEEKEND, 61 * 3600, Window.WEEK, 30, 1),
        (Span.CLOSING, 156_600, Window.DAY, 15, 2),
        (Span.MONTH, 745 * 3600, Window.MONTH, 60, 1),
    ],
)
def test_costly_calls_under_the_factory_policy_cost_no_more_than_the_ceiling_that_binds(
    *, span: Span, seconds: int, window: Window, limit: int, times: int
) -> None:
    loss = spans()[span]
    costly = part(loss, LossKind.COSTLY)
    assert loss.seconds == seconds
    assert costly.bound == CeilingBound(purse="costly", window=window, limit_micros=limit * EURO, times=times)
    assert costly.micros == limit * times * EURO


@pytest.mark.parametrize(
    ("lines", "span", "window", "times", "euros"),
    [
        ('ceilings.costly.hour = "1.00"', Span.NIGHT, Window.HOUR, 13, 13),
        ('ceilings.costly.hour = "1.00"', Span.WEEKEND, Window.WEEK, 1, 30),
        ('ceilings.costly.week = "50.00"', Span.WEEKEND, Window.DAY, 3, 45),
        ('ceilings.costly.calendar_month = "4.00"', Span.HOUR, Window.MONTH, 2, 8),
        ('ceilings.costly.calendar_month = "4.00"', Span.MONTH, Window.MONTH, 1, 4),
        ('ceilings.costly.calendar_month = "999.00"', Span.MONTH, Window.WEEK, 5, 150),
        ('ceilings.costly.day = "0.00"', Span.MONTH, Window.DAY, 32, 0),
    ],
)
def test_a_rolling_ceiling_counts_once_for_each_window_and_a_month_once_for_each_month(
    *, lines: str, span: Span, window: Window, times: int, euros: int
) -> None:
    """A night may lie between two months; what a month's calls cost may end an hour after it."""
    found = part(spans(lines)[span], LossKind.COSTLY)
    assert isinstance(found.bound, CeilingBound)
    assert (found.bound.window, found.bound.times, found.micros) == (window, times, euros * EURO)


def test_in_opening_hours_lines_alone_bound_ordinary_calls() -> None:
    """Nine lines to mobiles at 0.06 a minute: money only sounds an alarm."""
    found = part(spans()[Span.HOUR], LossKind.ORDINARY_OPEN)
    assert found.bound == LinesBound(lines=9, seconds=3600, hour_micros=360 * CENT)
    assert found.micros == 9 * (61 * 6 * CENT + 1000)


@pytest.mark.parametrize(("line", "lines"), [("", 9), ("limits.concurrent.clinic = 4", 4)])
def test_the_lines_are_the_channels_less_one_unless_the_policy_says(line: str, lines: int) -> None:
    bound = part(spans(line)[Span.HOUR], LossKind.ORDINARY_OPEN).bound
    assert isinstance(bound, LinesBound)
    assert bound.lines == lines


def test_a_clinic_with_one_channel_has_one_line() -> None:
    (hour, *_) = exposures(replace(book_of(clinic_rules()), channels=1), DECK)
    bound = part(hour, LossKind.ORDINARY_OPEN).bound
    assert isinstance(bound, LinesBound)
    assert bound.lines == 1


def test_at_night_ceilings_bind_ordinary_calls_and_two_calls_may_go_on() -> None:
    night = spans()[Span.NIGHT]
    call = price(a_rate(per_minute_micros=6 * CENT), 7202)
    assert part(night, LossKind.ORDINARY_CLOSED).bound == CeilingBound(
        purse="national_closed", window=Window.DAY, limit_micros=20 * EURO, times=1, beyond_micros=2 * call
    )
    assert part(night, LossKind.ORDINARY_CLOSED).micros == 20 * EURO + 2 * call


def test_at_night_calls_of_the_day_may_keep_every_line_for_two_hours() -> None:
    bound = part(spans()[Span.NIGHT], LossKind.ORDINARY_OPEN).bound
    assert isinstance(bound, LinesBound)
    assert (bound.lines, bound.seconds) == (9, 60 + 7200 + 2)


def test_lines_bind_at_night_where_they_cost_less_than_the_ceilings_admit() -> None:
    night = spans("limits.concurrent.closed = 1", 'ceilings.national = { day = "900.00", week = "900.00" }')[Span.NIGHT]
    bound = part(night, LossKind.ORDINARY_CLOSED).bound
    assert isinstance(bound, LinesBound)
    assert (bound.lines, bound.seconds) == (1, 13 * 3600 - 7262)


def test_a_clinic_that_leaves_only_emergencies_at_night_has_the_listed_numbers_to_answer_for() -> None:
    night = spans('hours.outside = "emergency"')[Span.NIGHT]
    assert kinds(night) == [
        LossKind.COSTLY,
        LossKind.ORDINARY_OPEN,
        LossKind.LISTED,
        LossKind.LISTED,
        LossKind.ALLOWANCE,
    ]


def test_a_weekend_with_a_saturday_morning_has_two_closings_and_calls_after_each() -> None:
    bound = part(spans()[Span.WEEKEND], LossKind.ORDINARY_OPEN).bound
    assert isinstance(bound, LinesBound)
    assert bound.seconds == 16_200 + 2 * 7262


def test_a_clinic_that_never_closes_has_a_night_of_thirteen_open_hours_and_no_closing() -> None:
    found = spans(ALWAYS_OPEN)
    assert list(found) == [Span.HOUR, Span.NIGHT, Span.WEEKEND, Span.MONTH]
    assert kinds(found[Span.NIGHT]) == [LossKind.COSTLY, LossKind.ORDINARY_OPEN, LossKind.LISTED, LossKind.ALLOWANCE]


def test_a_clinic_that_never_opens_has_no_calls_of_opening_hours() -> None:
    found = spans(NEVER_OPEN)
    assert LossKind.ORDINARY_OPEN not in kinds(found[Span.HOUR])
    assert LossKind.ORDINARY_OPEN not in kinds(found[Span.NIGHT])
    assert found[Span.CLOSING].seconds == 31 * 86_400


def test_the_longest_closing_takes_holidays_in() -> None:
    losses = exposures(replace(book_of(clinic_rules()), closed_days=frozenset({EASTER_MONDAY})), DECK)
    (closing,) = (loss for loss in losses if loss.span is Span.CLOSING)
    assert closing.seconds == 67.5 * 3600


@pytest.mark.parametrize(("hosts", "euros"), [(1, 30), (3, 90)])
def test_the_local_allowance_is_counted_twice_on_each_host_in_each_hour_of_the_clock(hosts: int, euros: int) -> None:
    found = part(spans(hosts=hosts)[Span.HOUR], LossKind.ALLOWANCE)
    assert found.bound == AllowanceBound(total_micros=5 * EURO, counters=2 * hosts, hours=3)
    assert found.micros == euros * EURO


@pytest.mark.parametrize("first_s", [0, 1, 1800, 2639, 2641, 3599])
@pytest.mark.parametrize("every_s", [1, 300, 900])
def test_one_counter_never_lends_more_in_an_hour_than_the_allowance_says(first_s: int, every_s: int) -> None:
    """A call is taken out in the hour it begins in, and may talk until a quarter of an hour later."""
    rate, use, lent = a_rate(per_minute_micros=6 * CENT), AllowanceUse(), 0
    allowance = Allowance(calls=Count(1000), per=Seconds(60), total=Micros(5 * EURO))
    for begun_s in range(3600 + first_s - LENT_SECONDS - 60, 3600 + first_s + 3600 + 1, every_s):
        if (drawn := draw(use, allowance, rate, begun_s)) is not None:
            use, lent = drawn, lent + price(rate, LENT_SECONDS)
    found = part(spans()[Span.HOUR], LossKind.ALLOWANCE)
    assert isinstance(found.bound, AllowanceBound)
    assert lent <= found.micros // found.bound.counters


def test_the_parts_add_up_to_the_total() -> None:
    for loss in spans().values():
        assert loss.total_micros == sum(found.micros for found in loss.parts)


def test_there_is_no_bound_where_the_clinic_only_observes() -> None:
    for loss in spans('mode = "observe"').values():
        assert (loss.total_micros, loss.parts, loss.within) == (None, (), ())


BELGIUM_DAY = '[[countries.rule]]\ncountry = "BE"\nday = "4.00"'
BELGIUM_FOR_A_TIME = '[[countries.exception]]\ncountry = "BE"\nuntil = 2030-01-01T00:00:00Z\nday = "6.00"'
A_NUMBER = '[[numbers.exception]]\nnumber = "+2250707123456"\nuntil = 2030-01-01T00:00:00Z'
ANOTHER = '[[numbers.exception]]\nnumber = "+2250707123457"\nuntil = 2030-01-01T00:00:00Z\ntotal = "2.00"'
FORWARDS = """
[[external_to_external.number]]
number = "+33612345678"
[[external_to_external.number]]
number = "+33612345679"
lines = 1
day = "5.00"
"""
AT_HOME = {LossKind.EXTENSION, LossKind.OVERSEAS}
CALL = price(a_rate(per_minute_micros=6 * CENT), 7202)


@pytest.mark.parametrize(
    ("line", "kind", "span", "purse", "micros"),
    [
        ("", LossKind.OVERSEAS, Span.NIGHT, "overseas", 5 * EURO),
        ("", LossKind.OVERSEAS, Span.WEEKEND, "overseas", 15 * EURO),
        ('ceilings.costly.day = "2.00"', LossKind.OVERSEAS, Span.NIGHT, "costly", 2 * EURO),
        ("", LossKind.EXTENSION, Span.NIGHT, "extension:*", 10 * EURO),
        (BELGIUM_DAY, LossKind.COUNTRY, Span.NIGHT, "country:BE", 4 * EURO),
        (f"{BELGIUM_DAY}\n{BELGIUM_FOR_A_TIME}", LossKind.COUNTRY, Span.NIGHT, "country:BE", 6 * EURO),
        (BELGIUM_FOR_A_TIME, LossKind.INTERNATIONAL, Span.NIGHT, "international", 10 * EURO),
        ('numbers.always_allow = ["+2250707123456"]', LossKind.INTERNATIONAL, Span.NIGHT, "international", 10 * EURO),
        (A_NUMBER, LossKind.INTERNATIONAL, Span.NIGHT, "international", 10 * EURO),
        (f'{A_NUMBER}\ntotal = "3.00"\n{ANOTHER}', LossKind.NUMBERS, Span.MONTH, "number", 5 * EURO),
        (FORWARDS, LossKind.EXTERNAL, Span.NIGHT, "external_to_external", 25 * EURO + 3 * CALL),
        (FORWARDS, LossKind.EXTERNAL, Span.WEEKEND, "external_to_external", 3 * (25 * EURO + 3 * CALL)),
    ],
)
def test_what_some_calls_may_cost_of_it_is_told(
    *, line: str, kind: LossKind, span: Span, purse: str, micros: int
) -> None:
    found = part(spans(line)[span], kind)
    assert isinstance(found.bound, CeilingBound)
    assert (found.bound.purse, found.micros) == (purse, micros)


@pytest.mark.parametrize(
    ("line", "allow", "told"),
    [
        ("", FRANCE, AT_HOME),
        ('numbers.always_allow = ["+33142685300", "3646"]', FRANCE, AT_HOME),
        (
            '[[countries.rule]]\ncountry = "BE"',
            (*FRANCE, "BE"),
            {LossKind.EXTENSION, LossKind.OVERSEAS, LossKind.INTERNATIONAL},
        ),
        (f"{ANOTHER}\n{A_NUMBER}", FRANCE, {*AT_HOME, LossKind.INTERNATIONAL}),
    ],
)
def test_what_no_call_can_be_or_no_purse_bounds_is_not_told(
    line: str, allow: tuple[str, ...], told: set[LossKind]
) -> None:
    assert {found.kind for found in spans(line, allow=allow)[Span.NIGHT].within} == told


def test_a_plan_without_overseas_has_no_purse_for_it() -> None:
    book = replace(book_of(clinic_rules(allow=("FR",))), plan=msgspec.structs.replace(PLAN, overseas=()))
    (hour, *_) = exposures(book, DECK)
    assert {found.kind for found in hour.within} == {LossKind.EXTENSION}
