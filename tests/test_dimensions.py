"""Every limit a policy can set, through the judge and the ledger: the call that passes, and the next that does not.

One row, one limit. It is the only one that the second call hits, and a third call that it does not count still goes.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from callgate.core.attempt import Origin
from callgate.core.hold import Denial, DenialKind, Window
from callgate.core.judge import Reserve, judge
from callgate.core.reasons import Reason
from callgate.core.verdict import Grant, Refusal, Verdict, conclude
from callgate.ledger.memory import MemoryLedger, at_second
from core.samples import (
    BRUSSELS,
    CLOSED,
    FRANCE,
    LATVIA,
    MOBILE,
    OPEN,
    PARIS,
    REUNION,
    SWISS_MOBILE,
    Call,
    clinic_rules,
)

EVERYWHERE = (*FRANCE, "BE", "CH", "CI", "LV")
GHENT = "+3292251212"
TWO_MINUTES = "limits.max_duration_s.costly = 118"
"""At 0.50 a minute and whole minutes, a call to Brussels, Reunion or Latvia costs 1.00; an ordinary one holds 0.12."""
RATES = (
    *(f"{prefix} 0 0.50 60 60" for prefix in ("+32", "+41", "+225", "+262", "+371")),
    "+33 0 0.12 60 60",
)
TAGS = {dialled: f"{place:016x}" for place, dialled in enumerate((BRUSSELS, GHENT, LATVIA, REUNION, MOBILE, PARIS))}
UNTIL, UNTIL_S = "2026-12-01T18:00:00+01:00", 1_796_144_400

TO_BRUSSELS = Call(dialled=BRUSSELS, rates=RATES)
TO_GHENT = Call(dialled=GHENT, rates=RATES)
TO_ZURICH = Call(dialled=SWISS_MOBILE, rates=RATES)
TO_LATVIA = Call(dialled=LATVIA, rates=RATES)
TO_REUNION = Call(dialled=REUNION, rates=RATES)
TO_PARIS = Call(dialled=PARIS, rates=RATES)
AT_NIGHT = replace(TO_PARIS, at=CLOSED)
FROM_OUTSIDE = replace(TO_BRUSSELS, origin=Origin.EXTERNAL)
OUTSIDE_TO_GHENT = replace(TO_GHENT, origin=Origin.EXTERNAL)

WINDOWS = {
    "hour": (Window.HOUR, Reason.CEILING_HOUR),
    "day": (Window.DAY, Reason.CEILING_DAY),
    "week": (Window.WEEK, Reason.CEILING_WEEK),
    "calendar_month": (Window.MONTH, Reason.CEILING_MONTH),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One limit: the rules that set it, the calls, the one reason of the refusal and the limit it names."""

    rules: str
    passes: Call
    refused: Call
    free: Call
    reason: Reason
    name: str
    window: Window | None = None

    def __str__(self) -> str:
        return f"{self.name}-{self.reason}"


def money(table: str, name: str, passes: Call, free: Call, *, limit: str = "1.00") -> Iterator[Row]:
    for key, (window, reason) in WINDOWS.items():
        rules = f'ceilings.{table}.{key} = "{limit}"'
        yield Row(rules=rules, passes=passes, refused=passes, free=free, reason=reason, name=name, window=window)


def velocity(rules: str, name: str, calls: tuple[Call, Call, Call], reason: Reason = Reason.TOO_MANY_STARTS) -> Row:
    passes, refused, free = calls
    return Row(rules=rules, passes=passes, refused=refused, free=free, reason=reason, name=name)


def lines(rules: str, name: str, calls: tuple[Call, Call, Call]) -> Row:
    return velocity(rules, name, calls, Reason.TOO_MANY_LINES)


def day(rules: str, name: str, passes: Call, free: Call) -> Row:
    reason, window = Reason.CEILING_DAY, Window.DAY
    return Row(rules=rules, passes=passes, refused=passes, free=free, reason=reason, name=name, window=window)


OUTSIDERS = 'external_to_external.number = [{number = "+3225551212", %s}, {number = "+3292251212"}]'
MANY_STARTS, MANY_LINES = "limits.starts.hotspot = '9/12h'", "limits.concurrent.hotspot = 9"
ROWS = [
    *money("costly", "costly", TO_BRUSSELS, TO_PARIS),
    *money("international", "international", TO_BRUSSELS, TO_REUNION),
    *money("overseas", "overseas", TO_REUNION, TO_BRUSSELS),
    *money("national", "national_closed", AT_NIGHT, replace(AT_NIGHT, at=OPEN), limit="0.12"),
    *money("extension", "extension:101", TO_BRUSSELS, replace(TO_BRUSSELS, extension="102")),
    day('countries.rule = [{country = "BE", day = "1.00"}]', "country:BE", TO_BRUSSELS, TO_LATVIA),
    day(
        f'countries.exception = [{{country = "BE", until = {UNTIL}, day = "1.00"}}]', "country:BE", TO_GHENT, TO_LATVIA
    ),
    day(OUTSIDERS % 'day = "1.00"', f"external:{TAGS[BRUSSELS]}", FROM_OUTSIDE, OUTSIDE_TO_GHENT),
    Row(
        rules=f'numbers.exception = [{{number = "{BRUSSELS}", until = {UNTIL}, total = "1.00"}}]',
        passes=TO_BRUSSELS,
        refused=TO_BRUSSELS,
        free=TO_GHENT,
        reason=Reason.CEILING_TOTAL,
        name=f"number:{TAGS[BRUSSELS]}:{UNTIL_S}",
        window=Window.TOTAL,
    ),
    lines("limits.concurrent.clinic = 1", "clinic", (TO_PARIS, TO_BRUSSELS, Call(dialled="15"))),
    lines("limits.concurrent.closed = 1", "closed", (AT_NIGHT, AT_NIGHT, TO_PARIS)),
    lines("limits.concurrent.international = 1", "international", (TO_BRUSSELS, TO_LATVIA, TO_REUNION)),
    lines("limits.concurrent.overseas = 1", "overseas", (TO_REUNION, TO_REUNION, TO_BRUSSELS)),
    lines(f"limits.concurrent.hotspot = 1\n{MANY_STARTS}", "hotspot", (TO_LATVIA, TO_LATVIA, TO_BRUSSELS)),
    lines(
        f"{OUTSIDERS % 'lines = 2'}\nlimits.concurrent.external_to_external = 1",
        "external_to_external",
        (FROM_OUTSIDE, OUTSIDE_TO_GHENT, TO_GHENT),
    ),
    lines(OUTSIDERS % "lines = 1", f"external:{TAGS[BRUSSELS]}", (FROM_OUTSIDE, FROM_OUTSIDE, OUTSIDE_TO_GHENT)),
    velocity("limits.starts.international = '1/1h'", "international", (TO_BRUSSELS, TO_LATVIA, TO_REUNION)),
    velocity("limits.starts.overseas = '1/1h'", "overseas", (TO_REUNION, TO_REUNION, TO_BRUSSELS)),
    velocity(f"limits.starts.hotspot = '1/12h'\n{MANY_LINES}", "hotspot", (TO_LATVIA, TO_LATVIA, TO_BRUSSELS)),
    velocity(
        "limits.starts.same_number = '1/15m'",
        f"same_number:{TAGS[BRUSSELS]}",
        (TO_BRUSSELS, TO_BRUSSELS, TO_GHENT),
        Reason.SAME_NUMBER,
    ),
    velocity(
        "limits.starts.distinct_foreign = '1/24h'",
        "distinct_foreign",
        (TO_BRUSSELS, TO_GHENT, TO_BRUSSELS),
        Reason.DISTINCT_NUMBERS,
    ),
]


@dataclass(slots=True)
class Practice:
    """A clinic under some rules, and its ledger, through one evening."""

    rules: str
    ledger: MemoryLedger = field(default_factory=lambda: MemoryLedger(at_second(lambda: int(CLOSED.timestamp()))))
    passages: Iterator[int] = field(default_factory=itertools.count)

    async def asks(self, call: Call) -> Verdict:
        """Let the rules and the ledger decide on one more call."""
        policy = clinic_rules('hours.outside = "as_open"', TWO_MINUTES, self.rules, allow=EVERYWHERE)
        call = replace(call, policy=policy)
        attempt = replace(call.attempt, passage=f"pbx1.{next(self.passages)}")
        priced = replace(call.priced, tag=TAGS.get(call.dialled, ""))
        ruling = judge(attempt, priced, call.book, call.at)
        outcome = await self.ledger.hold(ruling.request) if isinstance(ruling, Reserve) else None
        return conclude(ruling, outcome, priced.destination.number)


@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_each_limit_lets_the_last_call_pass_that_it_allows_and_refuses_the_next_by_its_name(row: Row) -> None:
    practice = Practice(row.rules)
    granted = await practice.asks(row.passes)
    assert isinstance(granted, Grant)
    assert granted.seconds == (7200 if row.passes.dialled == PARIS else 118)

    refused = await practice.asks(row.refused)
    assert isinstance(refused, Refusal), refused
    assert refused.reasons == (row.reason,)
    assert [(denial.name, denial.window, denial.left) for denial in refused.denials] == [(row.name, row.window, 0)]

    assert isinstance(await practice.asks(row.free), Grant)


async def test_a_call_that_hits_several_limits_is_told_each_with_what_is_left() -> None:
    practice = Practice(
        'ceilings.costly.hour = "1.40"\nceilings.international.day = "1.10"\nlimits.starts.same_number = "1/15m"'
    )
    assert isinstance(await practice.asks(TO_BRUSSELS), Grant)
    refused = await practice.asks(TO_BRUSSELS)
    assert isinstance(refused, Refusal)
    assert refused.reasons == (Reason.CEILING_HOUR, Reason.CEILING_DAY, Reason.SAME_NUMBER)
    assert refused.denials == (
        Denial(kind=DenialKind.MONEY, name="costly", window=Window.HOUR, left=400_000, retry_s=0),
        Denial(kind=DenialKind.MONEY, name="international", window=Window.DAY, left=100_000, retry_s=0),
        Denial(kind=DenialKind.STARTS, name=f"same_number:{TAGS[BRUSSELS]}", window=None, left=0, retry_s=900),
    )
    assert refused.retry_s == 900


async def test_what_the_day_cost_is_not_missing_at_night() -> None:
    """It was: a practice that had spent its 20.00 by day was refused its ordinary calls in the evening."""
    practice = Practice('ceilings.national.day = "0.12"')
    alarmed = (Reason.NATIONAL_ALARM,)
    for call, reasons in ((TO_PARIS, ()), (TO_PARIS, alarmed), (AT_NIGHT, alarmed)):
        granted = await practice.asks(call)
        assert isinstance(granted, Grant)
        assert granted.reasons == reasons
    refused = await practice.asks(AT_NIGHT)
    assert isinstance(refused, Refusal)
    assert [denial.name for denial in refused.denials] == ["national_closed"]
    assert isinstance(await practice.asks(TO_PARIS), Grant)


NATIONAL_LIMITS = [f'ceilings.national.{key} = "0.12"' for key in WINDOWS]
BUNDLE = 'bundle = {included = ["national_fixed", "national_mobile"], distinct_per_month = 1}'


@pytest.mark.parametrize(
    ("rules", "first", "second", "told"),
    [
        *((rules, TO_PARIS, TO_PARIS, ((), (Reason.NATIONAL_ALARM,))) for rules in NATIONAL_LIMITS),
        (BUNDLE, TO_PARIS, TO_PARIS, ((), ())),
        (BUNDLE, TO_PARIS, Call(dialled=MOBILE, rates=RATES), ((), (Reason.BUNDLE_OVERRUN,))),
        ("", TO_BRUSSELS, TO_GHENT, ((Reason.FIRST_COUNTRY,), ())),
        ("", TO_BRUSSELS, TO_ZURICH, ((Reason.FIRST_COUNTRY,), (Reason.FIRST_COUNTRY,))),
        ("", TO_REUNION, TO_BRUSSELS, ((), (Reason.FIRST_COUNTRY,))),
        ('limits.first_country = "ignore"', TO_BRUSSELS, TO_ZURICH, ((), ())),
        ('countries.rule = [{country = "BE"}]', TO_BRUSSELS, TO_ZURICH, ((), (Reason.FIRST_COUNTRY,))),
    ],
)
async def test_what_only_sounds_an_alarm_lets_the_call_go_and_says_so(
    rules: str, first: Call, second: Call, told: tuple[tuple[Reason, ...], tuple[Reason, ...]]
) -> None:
    practice = Practice(rules)
    verdicts = [await practice.asks(first), await practice.asks(second)]
    assert all(isinstance(verdict, Grant) for verdict in verdicts)
    assert tuple(verdict.reasons for verdict in verdicts) == told
