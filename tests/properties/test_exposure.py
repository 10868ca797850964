"""Nobody ever costs a clinic more than the closed form says, and who is greedy gets as far as it says."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.core.attempt import Origin
from callgate.core.case import Rulebook
from callgate.core.deck import COLUMNS, RateDeck, parse_deck
from callgate.core.exposure import exposures
from callgate.core.loss import LossKind, Span, SpanLoss
from callgate.core.plan import parse_plan
from callgate.core.policy import Policy, parse_policy
from callgate.core.risk import parse_risk
from callgate.core.tariff import price
from properties.attacker import Attack, Move, Paid, between, most_in_any

POLICIES = Path(__file__).parents[2] / "policies"
PLAN = parse_plan((POLICIES / "plans" / "FR.toml").read_text(encoding="utf-8"))
RISKS = parse_risk((POLICIES / "risk" / "risk.toml").read_text(encoding="utf-8"))
FACTORY = parse_policy((POLICIES / "presets" / "cabinet-france-seule.toml").read_text(encoding="utf-8"))
DECK = parse_deck((POLICIES / "rates" / "FR-default.csv").read_text(encoding="utf-8"), "EUR")
PARIS_TIME = ZoneInfo("Europe/Paris")
FRIDAY_NOON = datetime(2027, 1, 29, 12, tzinfo=PARIS_TIME)
"""The month ends within the weekend that follows."""
MONDAY_8 = datetime(2027, 3, 1, 8, tzinfo=PARIS_TIME)

PARIS, MOBILE, ON_CALL = "0142685300", "0612345678", "0698765432"
REUNION, BRUSSELS, SWISS_MOBILE, IVORY_COAST = "0262301234", "+3225551212", "+41795551212", "+2250707123456"
POISON_CENTRE, HELPLINE, PHARMACY, PREMIUM = "0140054848", "3114", "3237", "0899123456"
DIALLED = (
    PARIS,
    MOBILE,
    ON_CALL,
    REUNION,
    BRUSSELS,
    SWISS_MOBILE,
    IVORY_COAST,
    POISON_CENTRE,
    HELPLINE,
    PHARMACY,
    PREMIUM,
)
EXTENSIONS = tuple(map(str, range(101, 116)))
ORDINARY = {LossKind.ORDINARY_OPEN, LossKind.ORDINARY_CLOSED, LossKind.LISTED}


def rulebook(policy: Policy, channels: int = 10) -> Rulebook:
    return Rulebook(policy=policy, revision=0, plan=PLAN, closed_days=frozenset(), channels=channels, ring_timeout_s=60)


def attack_on(book: Rulebook, deck: RateDeck, at: datetime) -> Attack:
    return Attack(book=book, deck=deck, risks=RISKS, now_s=int(at.timestamp()))


def micros(loss: SpanLoss, *kinds: LossKind) -> int:
    return sum(part.micros for part in (*loss.parts, *loss.within) if part.kind in kinds)


AMOUNTS = st.sampled_from(("0.00", "0.70", "2.00", "5.00", "10.00", "17.50", "40.00", "150.00"))


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """A policy that opens much, with ceilings, lines, hours and permissions as they come."""
    lines = [
        'schema = 1\nclinic = "cabinet"\nhome = "FR"\ntimezone = "Europe/Paris"',
        'countries.allow = ["FR", "RE", "BE", "CH", "CI"]',
        'classes.premium = "allow"\nclasses.special_short = "allow"\nlimits.max_rate_per_minute = "5.00"',
        f"limits.concurrent.closed = {draw(st.integers(1, 4))}\nlimits.concurrent.international = 6",
        f'limits.starts.same_number = "{draw(st.integers(2, 60))}/15m"\nlimits.starts.international = "60/1h"',
        f"limits.max_duration_s.ordinary = {draw(st.sampled_from((300, 7200)))}",
        f'hours.outside = "{draw(st.sampled_from(("national", "as_open", "emergency")))}"',
    ]
    lines += [
        f'ceilings.{purse}.{window} = "{draw(AMOUNTS)}"'
        for purse in ("costly", "international", "overseas", "extension", "national")
        for window in ("per_call", "hour", "day", "week", "calendar_month")
        if draw(st.booleans())
    ]
    if draw(st.booleans()):
        lines.append(f"hours.weekly = {draw(st.sampled_from(WEEKS))}")
    if draw(st.booleans()):
        lines.append(f'[[countries.rule]]\ncountry = "BE"\nhours = "always"\nday = "{draw(AMOUNTS)}"')
    if draw(st.booleans()):
        lines.append(
            f'[[numbers.exception]]\nnumber = "+2250707123456"\nuntil = 2030-01-01T00:00:00Z\ntotal = "{draw(AMOUNTS)}"'
        )
    if draw(st.booleans()):
        lines.append(
            f'[[external_to_external.number]]\nnumber = "+33698765432"\nday = "{draw(AMOUNTS)}"\n'
            f'[[external_to_external.number]]\nnumber = "+3225551212"\nday = "{draw(AMOUNTS)}"'
        )
    return parse_policy("\n".join(lines))


WEEKS = ('{ mon = ["00:00-24:00"] }', '{ tue = ["22:00-06:00"], fri = ["08:00-12:00", "14:00-19:00"] }', "{}")
INCREMENTS = st.sampled_from(("1,1", "6,6", "30,6", "60,1", "60,60", "1,60", "180,180"))
PREFIXES = ("+331", "+336", "+33262", "+262", "+32", "+41", "+225", "+33899", "short:3237", "+33140054848")


@st.composite
def decks(draw: st.DrawFn) -> RateDeck:
    """Rates as they come, dear and cheap; some prefixes have none."""
    fees, minutes = (
        st.sampled_from(("0", "0", "0.05", "1.50")),
        st.sampled_from(("0", "0.02", "0.06", "0.15", "0.9", "3")),
    )
    rows = [
        f"{prefix},a rate,{draw(fees)},{draw(minutes)},{draw(INCREMENTS)},EUR,0,,"
        for prefix in PREFIXES
        if prefix == "+32" or draw(st.integers(0, 4))
    ]
    return parse_deck("\n".join((",".join(COLUMNS), *rows)), "EUR")


UNTIL_AN_END, UNTIL_TOLD, SWEEP = -1, -2, 0
WAITS = st.sampled_from(
    (0, 0, 1, 59, 61, 900, 3599, 3600, 3601, 3661, 21_600, 46_800, 86_399, 86_400, 87_300, 604_800, 626_401)
    + (UNTIL_AN_END, UNTIL_TOLD) * 4
)
MOVES = st.builds(
    Move,
    dialled=st.sampled_from(DIALLED),
    extension=st.sampled_from(("", "101", "102", "103")),
    origin=st.sampled_from((Origin.EXTENSION, Origin.EXTENSION, Origin.FORWARDED, Origin.EXTERNAL)),
    ring_s=st.sampled_from((1, 1, 60)),
    talk_s=st.sampled_from((None, None, None, 1, 61, 299, 1800)),
    answered=st.sampled_from((True, True, True, False)),
    settles_in_s=st.sampled_from((0, 0, 90, None)),
)
STEPS = st.lists(st.tuples(WAITS, MOVES, st.sampled_from((1, 2, SWEEP))), min_size=1, max_size=60)
STARTS = st.integers(0, 7 * 24 * 60).map(lambda minutes: FRIDAY_NOON + timedelta(minutes=minutes))
LASTS_S = 17 * 86_400


@settings(deadline=None, max_examples=150)
@given(policy=policies(), deck=decks(), start=STARTS, steps=STEPS)
async def test_no_attack_costs_more_than_the_closed_form_says(
    policy: Policy, deck: RateDeck, start: datetime, steps: list[tuple[int, Move, int]]
) -> None:
    book = rulebook(policy)
    attack = attack_on(book, deck, start)
    last_s = attack.now_s + LASTS_S
    for wait_s, move, times in steps:
        until_s = {UNTIL_AN_END: attack.next_end_s, UNTIL_TOLD: attack.now_s + attack.retry_s}.get(
            wait_s, attack.now_s + wait_s
        )
        await attack.wait_until(min(until_s, last_s))
        for each in [move] * times or sweep(move, attack):
            await attack.call(each)
    hold_to_the_form(attack, exposures(book, deck))


def sweep(move: Move, attack: Attack) -> list[Move]:
    """The same kind of call to every number from several telephones, the dearest first."""

    def minute(dialled: str) -> int:
        rate = attack.priced(replace(move, dialled=dialled)).rate
        return 0 if rate is None else price(rate, 60)

    dearest = sorted(DIALLED, key=minute, reverse=True)
    return [replace(move, dialled=dialled, extension=line) for dialled in dearest for line in EXTENSIONS[:3]]


def hold_to_the_form(attack: Attack, losses: tuple[SpanLoss, ...]) -> None:
    """Compare all that was paid with the closed form, kind by kind and span by span."""
    ordinary = [paid for paid in attack.paid if paid.priced.ordinary]
    for loss in losses:
        if loss.span is Span.MONTH:
            for month in {attack.month(paid) for paid in attack.paid}:
                begun = [paid for paid in attack.paid if attack.month(paid) == month]
                hold_ceilings(loss, begun, LASTS_S)
                assert sum(paid.micros for paid in begun if paid.priced.ordinary) <= micros(loss, *ORDINARY)
        else:
            hold_ceilings(loss, attack.paid, loss.seconds)
            for first, end in stretches(loss.span, attack):
                assert between(ordinary, first, min(end, first + loss.seconds)) <= micros(loss, *ORDINARY)


def hold_ceilings(loss: SpanLoss, paid: list[Paid], seconds: int) -> None:
    costly = [entry for entry in paid if not entry.priced.ordinary]
    counted = {
        LossKind.COSTLY: costly,
        LossKind.INTERNATIONAL: [entry for entry in costly if entry.move.dialled.startswith("+")],
        LossKind.OVERSEAS: [entry for entry in costly if entry.move.dialled == REUNION],
        LossKind.COUNTRY: [entry for entry in costly if entry.move.dialled == BRUSSELS],
        LossKind.NUMBERS: [entry for entry in costly if entry.move.dialled == IVORY_COAST],
        LossKind.EXTENSION: [
            entry for entry in costly if entry.move.extension == "101" and not is_between_outsiders(entry.move)
        ],
        LossKind.EXTERNAL: [
            entry for entry in paid if entry.move.dialled in {ON_CALL, BRUSSELS} and is_between_outsiders(entry.move)
        ],
    }
    for part in (*loss.parts, *loss.within):
        if part.kind in counted:
            assert most_in_any(counted[part.kind], seconds) <= part.micros, part


def is_between_outsiders(move: Move) -> bool:
    """Whether both ends are outside, or may be."""
    return move.origin is Origin.EXTERNAL or (move.origin is Origin.FORWARDED and not move.extension)


def stretches(span: Span, attack: Attack) -> list[tuple[int, int]]:
    """Every hour, night, week-end or closing of the attack's days, as epoch seconds."""
    first_s = min((paid.at_s for paid in attack.paid), default=attack.now_s) // 1800 * 1800
    instants = [
        datetime.fromtimestamp(first_s + 1800 * step, PARIS_TIME) for step in range(-7 * 48, LASTS_S // 1800 + 7 * 48)
    ]
    if span is Span.HOUR:
        return [(paid.at_s, paid.at_s + 3600) for paid in attack.paid]
    if span is Span.WEEKEND:
        fridays = [instant for instant in instants if (instant.weekday(), instant.hour, instant.minute) == (4, 19, 0)]
        return [(int(friday.timestamp()), int(friday.timestamp()) + 61 * 3600) for friday in fridays]
    closings = [
        instant
        for instant in instants
        if attack.is_open_at(instant - timedelta(minutes=1)) and not attack.is_open_at(instant)
    ]
    openings = [*filter(attack.is_open_at, instants)]
    ends = [next((opening for opening in openings if opening > closing), instants[-1]) for closing in closings]
    return [(int(closing.timestamp()), int(end.timestamp())) for closing, end in zip(closings, ends, strict=True)]


async def test_who_is_greedy_gets_nine_tenths_of_every_ceiling_of_the_factory_policy() -> None:
    """So the bound is no larger than it must be: a month of the dearest numbers that are allowed, on every line."""
    book = rulebook(FACTORY)
    attack = attack_on(book, DECK, datetime(2027, 3, 1, tzinfo=PARIS_TIME))
    end_s = int(datetime(2027, 4, 1, tzinfo=PARIS_TIME).timestamp())
    moves = [Move(dialled=dialled, extension=line) for dialled in GREEDY for line in EXTENSIONS]
    while attack.now_s < end_s:
        went = [await attack.call(move) for move in moves]
        # Of a month's ceiling nobody is told when it reopens: an hour later is soon enough.
        told_s = attack.next_end_s if any(went) else attack.now_s + (attack.retry_s or 3600)
        await attack.wait_until(max(told_s, attack.now_s + 1))
    costly = [paid for paid in attack.paid if not paid.priced.ordinary]
    for loss in exposures(book, DECK):
        bound = micros(loss, LossKind.COSTLY)
        reached = most_in_any(costly, loss.seconds)
        assert 0.9 * bound <= reached <= bound, loss.span


GREEDY = (PHARMACY, "3915", "3624", REUNION)
"""0.49, 0.49, 0.30 and 0.25 a minute: the dearest that the factory policy lets pass."""


async def test_who_is_greedy_keeps_every_line_busy_in_opening_hours() -> None:
    book = rulebook(FACTORY)
    attack = attack_on(book, DECK, MONDAY_8)
    for _ in range(9):
        assert await attack.call(Move(dialled=MOBILE))
    (hour, *_) = exposures(book, DECK)
    reached = most_in_any(attack.paid, hour.seconds)
    assert 0.9 * micros(hour, LossKind.ORDINARY_OPEN) <= reached <= micros(hour, LossKind.ORDINARY_OPEN)


async def test_who_is_greedy_goes_beyond_the_national_ceiling_by_the_calls_that_are_up() -> None:
    """An ordinary call holds one minute and may last two hours: two lines go on when 19.80 of 20.00 are spent."""
    book = rulebook(FACTORY)
    attack = attack_on(book, DECK, MONDAY_8.replace(hour=19))
    for talk_s in (None, 2700, None):
        assert [await attack.call(Move(dialled=MOBILE, talk_s=talk_s)) for _ in range(3)] == [True, True, False]
        await attack.wait_until(attack.now_s + (talk_s or 7200) + 1)
    assert not await attack.call(Move(dialled=MOBILE))
    (_, night, *_) = exposures(book, DECK)
    reached = sum(paid.micros for paid in attack.paid)
    assert 0.9 * micros(night, LossKind.ORDINARY_CLOSED) <= reached <= micros(night, LossKind.ORDINARY_CLOSED)


async def test_calls_begun_at_the_last_minute_keep_every_line_busy_after_closing() -> None:
    book = rulebook(FACTORY)
    attack = attack_on(book, DECK, MONDAY_8.replace(hour=18, minute=59))
    for _ in range(9):
        assert await attack.call(Move(dialled=MOBILE))
    (_, night, *_) = exposures(book, DECK)
    closing_s = int(MONDAY_8.replace(hour=19).timestamp())
    reached = between(attack.paid, closing_s, closing_s + night.seconds)
    assert 0.9 * micros(night, LossKind.ORDINARY_OPEN) <= reached <= micros(night, LossKind.ORDINARY_OPEN)


async def test_the_money_of_two_months_goes_in_the_night_between_them() -> None:
    ceilings = 'ceilings.costly = { hour = "99.00", day = "99.00", week = "99.00", calendar_month = "8.00" }'
    book = rulebook(
        parse_policy(f'''{SMALL}
        {ceilings}
        ceilings.extension.day = "99.00"''')
    )
    attack = attack_on(book, DECK, datetime(2027, 3, 31, 23, tzinfo=PARIS_TIME))
    for minutes in (0, 61):
        await attack.wait_until(attack.now_s + 60 * minutes)
        for _ in range(4):
            await attack.call(Move(dialled=PHARMACY, talk_s=600))
    (_, night, *_) = exposures(book, DECK)
    reached = sum(paid.micros for paid in attack.paid)
    assert 0.9 * micros(night, LossKind.COSTLY) <= reached <= micros(night, LossKind.COSTLY)


SMALL = 'schema = 1\nclinic = "cabinet"\nhome = "FR"\ntimezone = "Europe/Paris"\ncountries.allow = ["FR"]'
