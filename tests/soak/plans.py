"""What the practice dials, drawn from a seed: rates, purses, how long people talk, what becomes of the settlement."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random

from callgate.core.hold import Ceiling, HoldRequest, Purse, RenewRequest, Window
from callgate.core.tariff import Rate
from callgate.ledger.base import Settlement

CLINIC = "practice"
EURO = 1_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

GRACE_S = 420
"""Until a hold lapses, after the granted seconds: more than `VETO_MS` and `RING_MS` together."""
VETO_MS = 300_000
"""A grant older than this is not dialled: in simulated time a slow answer is a very slow one."""
RING_MS = 30_000
CUT_MS = 1_900
"""The latest cut after the granted seconds; the ledger pays for 2 s."""
NEVER_MS = 10**12
LATE_MS, LATE_MAX_MS = 600_000, 36 * HOUR_MS
"""A late settlement comes after its hold has lapsed; with two pauses on top, before the ledger has forgotten it."""

CEILINGS = {
    ("costly", Window.HOUR): 1_200 * EURO,
    ("costly", Window.DAY): 4_000 * EURO,
    ("costly", Window.WEEK): 8_000 * EURO,
    ("costly", Window.MONTH): 16_000 * EURO,
    ("international", Window.DAY): 2_700 * EURO,
    ("international", Window.WEEK): 5_000 * EURO,
    ("extension:101", Window.DAY): 1_200 * EURO,
    ("country:BE", Window.HOUR): 400 * EURO,
    ("number:1", Window.HOUR): 15 * EURO,
    ("number:2", Window.DAY): 30 * EURO,
    ("number:3", Window.WEEK): 80 * EURO,
    ("number:4", Window.MONTH): 100 * EURO,
    ("number:5", Window.MONTH): 120 * EURO,
    ("number:6", Window.TOTAL): 140 * EURO,
    ("number:7", Window.TOTAL): 160 * EURO,
}
"""(purse, window) -> the most, in micros. The practice always wants more; the small ones are full within minutes."""
LINES = {"international": 40}
"""purse -> most calls at once."""

RATES = (
    ("premium", 0, 3_000_000, 60, 60),
    ("satellite", 500_000, 9_000_000, 60, 60),
    ("tenths", 100_000, 1_200_000, 30, 6),
    ("seconds", 0, 600_000, 1, 1),
    ("odd", 0, 333_333, 60, 1),
    ("per call", 3_000_000, 0, 1, 1),
    ("cheap", 0, 60_000, 1, 1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One passage, before anything is known of how it goes.

    Fields:
        request: what its first trunk attempt asks; a later one has its own id.
        attempts: on how many trunks it is tried; only the last may be answered.
        ring_ms: until the answer, or until nobody answered.
        is_answered, talk_ms, cut_ms, settle_ms, is_lost: see `soak.diary.Dialled`.
    """

    request: HoldRequest
    attempts: int
    ring_ms: int
    is_answered: bool
    talk_ms: int
    cut_ms: int
    settle_ms: int
    is_lost: bool

    def hold(self, *, hold_id: str, supersedes: str, now_ms: int) -> HoldRequest:
        """Ask for one trunk attempt."""
        month = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y-%m")
        return replace(self.request, hold_id=hold_id, supersedes=supersedes, month=month)

    def renew(self, *, hold_id: str, number: int) -> RenewRequest:
        """Ask for one more slice."""
        assert self.request.slice_s is not None
        return RenewRequest(
            clinic=self.request.clinic,
            hold_id=hold_id,
            number=number,
            seconds=self.request.seconds,
            slice_s=self.request.slice_s,
            partial=self.request.partial,
            purses=self.request.purses,
            grace_s=GRACE_S,
            policy_revision=0,
        )


def settlement(hold_id: str, duration_ms: int | None) -> Settlement:
    """Say how a call ended: milliseconds from the answer, None if nobody answered."""
    duration_s = -(-(duration_ms or 0) // 1000)
    return Settlement(clinic=CLINIC, hold_id=hold_id, answered=duration_ms is not None, duration_s=duration_s)


def draw(chance: Random, late_share: float) -> Plan:
    """Draw the next passage.

    Args:
        chance: what decides.
        late_share: how many settlements come after their hold has lapsed.
    """
    is_answered = chance.random() < 0.75
    is_late = chance.random() < late_share
    return Plan(
        request=_request(chance),
        attempts=chance.choices((1, 2, 3), (75, 18, 7))[0],
        ring_ms=chance.randrange(RING_MS),
        is_answered=is_answered,
        talk_ms=NEVER_MS if chance.random() < 0.5 else chance.randrange(1_800_000),
        cut_ms=chance.randrange(CUT_MS),
        settle_ms=chance.randrange(LATE_MS, LATE_MAX_MS) if is_late else chance.randrange(60_000),
        is_lost=is_late and chance.random() < 0.5,
    )


def _request(chance: Random) -> HoldRequest:
    label, connect_micros, per_minute_micros, first_increment_s, increment_s = chance.choice(RATES)
    slice_s = chance.choice((None, 30, 60))
    rate = Rate(
        prefix="32",
        label=label,
        connect_micros=connect_micros,
        per_minute_micros=per_minute_micros,
        first_increment_s=first_increment_s,
        increment_s=increment_s,
    )
    return HoldRequest(
        clinic=CLINIC,
        hold_id="",
        supersedes="",
        rate=rate,
        # A hold for all of a long call keeps from others what it will not use, and nothing would be full.
        seconds=chance.choice((30, 58, 180) if slice_s is None else (58, 180, 600, 1800)),
        costly=True,
        slice_s=slice_s,
        partial=chance.random() < 0.9,
        purses=tuple(purse(name) for name in _purses(chance)),
        velocities=(),
        month="",
        grace_s=GRACE_S,
        policy_revision=0,
    )


def _purses(chance: Random) -> list[str]:
    names = ["costly", f"extension:{chance.randrange(101, 104)}"]
    if chance.random() < 0.7:
        names.append("international")
        names.append(chance.choice(("country:BE", "country:CH")))
    if chance.random() < 0.4:
        names.append(f"number:{chance.choice('1112234567')}")
    return names


def purse(name: str) -> Purse:
    """Give a purse its ceilings."""
    ceilings = tuple(
        Ceiling(window=window, limit_micros=limit) for (owner, window), limit in CEILINGS.items() if owner == name
    )
    return Purse(name=name, ceilings=ceilings, concurrent_max=LINES.get(name))


def pause_ms(chance: Random) -> int:
    """Draw how long the practice is quiet: a few minutes, a night, a week-end."""
    hours = chance.choices((0.1, 0.5, 1, 3, 11, 61), (20, 20, 20, 20, 15, 5))[0]
    return int(hours * HOUR_MS * chance.uniform(0.9, 1.1))


def wall_error_s(chance: Random) -> int:
    """Draw how far a wall clock is wrong from now on: a day ahead, two days back, or not at all."""
    return chance.choice((86_400, -2 * 86_400, 0))
