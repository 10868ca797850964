"""The carrier's log beside what was booked: each leg's cost by the tariff, and the ledger's sum."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from callgate.core.deck import RateDeck, parse_deck
from callgate.core.judge import DEAR_PER_MINUTE_MICROS, DEAR_SLICE_S, SLICE_S
from callgate.core.tariff import Rate, price
from callgate.core.wire import mask
from callgate.grants import is_held
from callgate.journal import JournalRow
from callgate.ledger.base import LedgerBook
from callgate.spool import LegEnded, parse_line
from carrier_log import CarrierEvent
from system import live_lab
from system.rig import Rig, wait_for

SLACK_S = 0.3
"""Near a whole second the carrier and Asterisk may differ by one: each has an instant of its own for an event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One answered leg.

    Fields:
        cost, least, most: by the tariff for the time that the carrier saw, and what that may be booked at.
        booked: what was; 0 if nothing was.
        is_lost: whether it was killed with Asterisk.
    """

    number: str
    duration_s: float
    cost: int
    least: int
    most: int
    booked: int
    is_lost: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What a run showed; money in micros. `ledger` is the sum of its purses that count every call once."""

    legs: tuple[Leg, ...]
    ledger: int
    journal: int

    @property
    def wrong(self) -> tuple[Leg, ...]:
        """The legs that were booked at something else."""
        return tuple(leg for leg in self.legs if not leg.least <= leg.booked <= leg.most)

    def lines(self) -> Iterator[str]:
        """Tell it."""
        told = [leg for leg in self.legs if not leg.is_lost]
        lost = [leg for leg in self.legs if leg.is_lost]
        exact = sum(leg.booked == leg.cost for leg in told)
        yield f"{len(told)} answered legs, {exact} of them booked to the micro; {len(lost)} killed with Asterisk"
        yield f"{len(self.wrong)} wrong: more than an increment off, or below the carrier's log, or a slice above"
        for name, legs in (("told", told), ("killed", lost)):
            yield f"{name}: carrier {sum(leg.cost for leg in legs)}, booked {sum(leg.booked for leg in legs)} micros"
        yield f"journal {self.journal}, ledger {self.ledger} micros"
        yield from (f"wrong: {leg}" for leg in self.wrong)


def compare(rig: Rig, book: LedgerBook, killed_at: float) -> Books:
    """Hold what was booked against the carrier's log.

    Args:
        rig: its lab's log, spool and journal are read.
        book: the ledger now; no hold is live.
        killed_at: when Asterisk was killed, epoch seconds; infinite for never.
    """
    named = dict(_spooled(rig))
    # The ledger has what a leg cost a moment before the journal has its row.
    wait_for(lambda: named.keys() <= _booked(rig).keys())
    rows = _booked(rig)
    legs = []
    # What was booked at nothing had no answer; a leg that had one and was booked at nothing finds no row, and is wrong.
    unnamed = [row for row in rows.values() if row.grant not in named and row.amount_micros]
    granted = {row.grant: row for row in rig.rows() if row.event in {"call.granted", "call.local"}}
    made = {grant: _made(grant, granted) for grant in named}
    log = rig.lab.carrier_log()
    for answer in (event for event in log if event.event == "answered"):
        end = next((event for event in log if (event.event, event.call_id) == ("ended", answer.call_id)), None)
        grants = [
            grant
            for grant, number in named.items()
            if number == answer.user and rows[grant].amount_micros and made[grant] <= answer.at
        ]
        is_lost = not grants and answer.at < killed_at
        # Of several calls to a number, the one that was granted last before this answer.
        row = rows[max(grants, key=made.__getitem__)] if grants else _take(unnamed, granted, answer)
        duration_s = end.duration_s if end else max(0.0, killed_at - answer.at)
        legs.append(_leg(answer.user, duration_s, row, is_lost=is_lost))
        if row is not None:
            named.pop(row.grant, None)
    ledger = sum(purse.day_micros for purse in book.purses if purse.name in {"national", "costly"})
    return Books(legs=tuple(legs), ledger=ledger, journal=sum(row.amount_micros for row in rows.values()))


def _made(grant: str, granted: dict[str, JournalRow]) -> int:
    """When a grant was given, in whole epoch seconds; what is lent has no time in its name."""
    return int(grant.rsplit(".", 1)[1]) if is_held(grant) else int(granted[grant].at.timestamp())


def _take(rows: list[JournalRow], granted: dict[str, JournalRow], answer: CarrierEvent) -> JournalRow | None:
    """Find the row of a call of which Asterisk wrote nothing: by its masked number, and when it was granted."""
    fitting = [row for row in rows if granted[row.grant].number == mask(answer.user)]
    before = [row for row in fitting if granted[row.grant].at.timestamp() <= answer.at]
    if not before:
        return None
    row = max(before, key=lambda row: granted[row.grant].at)
    rows.remove(row)
    return row


def _leg(number: str, duration_s: float, row: JournalRow | None, *, is_lost: bool) -> Leg:
    rate = rate_of(number)
    slice_s = DEAR_SLICE_S if rate.per_minute_micros > DEAR_PER_MINUTE_MICROS else SLICE_S
    return Leg(
        number=number,
        duration_s=duration_s,
        cost=price(rate, _whole(duration_s)),
        least=price(rate, _whole(duration_s - SLACK_S)),
        most=price(rate, _whole(duration_s + SLACK_S) + (slice_s if is_lost else 0)),
        booked=row.amount_micros if row else 0,
        is_lost=is_lost,
    )


def _booked(rig: Rig) -> dict[str, JournalRow]:
    return {row.grant: row for row in rig.rows() if row.event in {"call.settled", "call.lost"}}


def _whole(duration_s: float) -> int:
    return max(1, math.ceil(duration_s))


def _spooled(rig: Rig) -> Iterator[tuple[str, str]]:
    """The number of every grant of which Asterisk wrote the end."""
    for line in (rig.lab.folder / "spool" / "calls.log").read_text(encoding="utf-8").splitlines():
        parsed = parse_line(line)
        if isinstance(parsed, LegEnded) and parsed.answered is not None:
            yield parsed.grant, parsed.number


@cache
def rate_of(number: str) -> Rate:
    """What the operator charges."""
    rate = _deck().rate_for(number, datetime.now(UTC).date())
    assert rate is not None
    return rate


@cache
def _deck() -> RateDeck:
    return parse_deck(live_lab.rates(), "EUR")
