"""Values to script arguments, and script replies to values. A reply that is none of those agreed on is `Unavailable`.

The shapes below are the replies that the Lua files list at their head, word first.
"""

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal

import msgspec

from callgate.core.hold import (
    Denial,
    DenialKind,
    Denied,
    Frozen,
    FrozenCause,
    Gone,
    Held,
    HoldOutcome,
    HoldRequest,
    RenewRequest,
    Settled,
    SettleOutcome,
    SettleState,
    Stale,
    Unavailable,
    Window,
)
from callgate.core.sighting import Sighting
from callgate.ledger.base import (
    AuditFinding,
    AuditReport,
    ClockSet,
    LapseReport,
    LedgerBook,
    LiveHold,
    MonthSpend,
    PurseBook,
    Settlement,
)
from callgate.ledger.envelope import GARBLED, Cause, Reply, Shaped, frozen_cause, read
from callgate.ledger.restoration import Restored, ThawReport
from callgate.ledger.revisions import NoPolicy, Outdated, PolicyRevision, Published


class _Money(Reply, tag="money"):
    name: str
    window: Window
    left: int
    retry_s: int


class _Lines(Reply, tag="lines"):
    name: str


class _Starts(Reply, tag="starts"):
    name: str
    retry_s: int


class _Novelty(Reply, tag="novelty"):
    name: str


_Limit = _Money | _Lines | _Starts | _Novelty
_Limits = list[_Limit]


class _Held(Reply, tag="HELD"):
    seconds: int
    amount_micros: int
    is_final: Literal[0, 1]
    alarms: _Limits


class _Denied(Reply, tag="DENIED"):
    limits: _Limits


class _Gone(Reply, tag="GONE"):
    pass


class _Stale(Reply, tag="STALE"):
    revision: int


class _Frozen(Reply, tag="FROZEN"):
    cause: FrozenCause


class _Lapsed(Reply, tag="LAPSED"):
    forgotten: int
    left: int
    ids: tuple[str, ...]


class _Purse(Reply):
    name: str
    live: int
    held_micros: int
    hour_micros: int
    day_micros: int
    week_micros: int
    total_micros: int
    months: list[tuple[str, int]]


class _Hold(Reply):
    hold_id: str
    seconds: int
    amount_micros: int
    lapses_s: int
    renewals: int


class _Book(Reply, tag="BOOK"):
    now_s: int
    ahead_s: int
    epoch: str
    frozen: Cause
    sequence: int
    policy_revision: int
    purses: list[_Purse]
    holds: list[_Hold]


class _Finding(Reply):
    place: str
    expected: int
    found: int


class _Audit(Reply, tag="AUDIT"):
    sequence: int
    records: int
    findings: list[_Finding]


class _ClockSet(Reply, tag="SET"):
    before_s: int
    after_s: int


class _Restored(Reply, tag="RESTORED"):
    taken: int
    base: int


class _Thawed(Reply, tag="THAWED"):
    missing: int
    booked_micros: int


class _StillFrozen(Reply, tag="FROZEN"):
    missing: int
    booked_micros: int


class _Published(Reply, tag="PUBLISHED"):
    revision: int


class _Outdated(Reply, tag="OUTDATED"):
    revision: int


class _Policy(Reply, tag="POLICY"):
    document: str


class _None(Reply, tag="NONE"):
    pass


class _Policies(Reply, tag="POLICIES"):
    documents: list[str]


def encode(value: HoldRequest | RenewRequest | Settlement | Sighting) -> bytes:
    """Write a request for a script: MessagePack, fields by name, None as nil."""
    return msgspec.msgpack.encode(value)


def fingerprint(request: HoldRequest) -> str:
    """Name what a request asks, whatever policy revision it was judged by: 32 hex digits."""
    return sha256(encode(replace(request, policy_revision=0))).hexdigest()[:32]


def encode_policy(policy: PolicyRevision) -> str:
    """Write a policy revision as the text that Redis keeps."""
    return msgspec.json.encode(policy).decode()


def read_hold(hold_id: str, reply: object) -> HoldOutcome:
    """Read the reply to ``hold.lua`` and ``renew.lua``."""
    match read(reply, Shaped[_Held | _Denied | _Gone | _Stale | _Frozen]):
        case _Held() as held:
            return Held(
                hold_id=hold_id,
                seconds=held.seconds,
                amount_micros=held.amount_micros,
                alarms=_denials(held.alarms),
                is_final=held.is_final == 1,
            )
        case _Denied(limits=limits):
            return Denied(denials=_denials(limits))
        case _Gone():
            return Gone()
        case _Stale(revision=revision):
            return Stale(revision=revision)
        case _Frozen(cause=cause):
            return Frozen(cause=cause)
        case unavailable:
            return unavailable


def read_settled(reply: object) -> SettleOutcome:
    """Read the reply to ``settle.lua`` and ``void.lua``."""
    match read(reply, Shaped[tuple[SettleState, int]]):
        case (state, amount_micros):
            return Settled(state=state, amount_micros=amount_micros)
        case unavailable:
            return unavailable


def read_lapse(reply: object) -> LapseReport | Unavailable:
    """Read the reply to ``lapse.lua``."""
    match read(reply, Shaped[_Lapsed]):
        case _Lapsed(forgotten=forgotten, left=left, ids=ids):
            return LapseReport(lapsed=ids, forgotten=forgotten, left=left)
        case unavailable:
            return unavailable


def read_book(clinic: str, reply: object) -> LedgerBook | Unavailable:
    """Read the reply to ``book.lua``."""
    match read(reply, Shaped[_Book]):
        case _Book() as book:
            return LedgerBook(
                clinic=clinic,
                now=datetime.fromtimestamp(book.now_s, UTC),
                wall_ahead_s=book.ahead_s,
                epoch=book.epoch,
                frozen=frozen_cause(book.frozen),
                sequence=book.sequence,
                policy_revision=book.policy_revision,
                purses=tuple(_purse_book(row) for row in sorted(book.purses, key=lambda row: row.name)),
                holds=tuple(_live_hold(row) for row in sorted(book.holds, key=lambda row: row.hold_id)),
            )
        case unavailable:
            return unavailable


def read_audit(reply: object) -> AuditReport | Unavailable:
    """Read the reply to ``audit.lua``."""
    match read(reply, Shaped[_Audit]):
        case _Audit(sequence=sequence, records=records, findings=rows):
            findings = sorted((row.place, row.expected, row.found) for row in rows)
            return AuditReport(
                sequence=sequence,
                records=records,
                findings=tuple(
                    AuditFinding(place=place, expected=expected, found=found) for place, expected, found in findings
                ),
            )
        case unavailable:
            return unavailable


def read_clock(reply: object) -> ClockSet | Unavailable:
    """Read the reply to ``clock.lua``."""
    match read(reply, Shaped[_ClockSet]):
        case _ClockSet(before_s=before_s, after_s=after_s):
            return ClockSet(before_s=before_s, after_s=after_s)
        case unavailable:
            return unavailable


def read_restored(reply: object) -> Restored | Unavailable:
    """Read the reply to ``restore.lua``."""
    match read(reply, Shaped[_Restored]):
        case _Restored(taken=taken, base=base):
            return Restored(taken=taken, base=base)
        case unavailable:
            return unavailable


def read_thaw(reply: object) -> ThawReport | Unavailable:
    """Read the reply to ``thaw.lua``."""
    match read(reply, Shaped[_Thawed | _StillFrozen]):
        case _Thawed(missing=missing, booked_micros=booked_micros):
            return ThawReport(is_frozen=False, missing=missing, booked_micros=booked_micros)
        case _StillFrozen(missing=missing, booked_micros=booked_micros):
            return ThawReport(is_frozen=True, missing=missing, booked_micros=booked_micros)
        case unavailable:
            return unavailable


def read_published(reply: object) -> Published | Outdated | Unavailable:
    """Read the reply to ``publish.lua``."""
    match read(reply, Shaped[_Published | _Outdated]):
        case _Published(revision=revision):
            return Published(revision=revision)
        case _Outdated(revision=revision):
            return Outdated(revision=revision)
        case unavailable:
            return unavailable


def read_policy(reply: object) -> PolicyRevision | NoPolicy | Unavailable:
    """Read the reply to ``policy.lua``."""
    match read(reply, Shaped[_Policy | _None]):
        case _Policy(document=document):
            return _decode_policy(document)
        case _None():
            return NoPolicy()
        case unavailable:
            return unavailable


def read_policies(reply: object) -> tuple[PolicyRevision, ...] | Unavailable:
    """Read the reply to ``policies.lua``."""
    match read(reply, Shaped[_Policies]):
        case _Policies(documents=documents):
            policies = [_decode_policy(document) for document in documents]
            broken = [policy for policy in policies if isinstance(policy, Unavailable)]
            return broken[0] if broken else tuple(policy for policy in policies if isinstance(policy, PolicyRevision))
        case unavailable:
            return unavailable


def _denials(limits: _Limits) -> tuple[Denial, ...]:
    return tuple(_denial(limit) for limit in limits)


def _denial(limit: _Limit) -> Denial:
    match limit:
        case _Money(name=name, window=window, left=left, retry_s=retry_s):
            return Denial(kind=DenialKind.MONEY, name=name, window=window, left=left, retry_s=retry_s)
        case _Lines(name=name):
            return Denial(kind=DenialKind.LINES, name=name, window=None, left=0, retry_s=0)
        case _Starts(name=name, retry_s=retry_s):
            return Denial(kind=DenialKind.STARTS, name=name, window=None, left=0, retry_s=retry_s)
        case _Novelty(name=name):
            return Denial(kind=DenialKind.NOVELTY, name=name, window=None, left=0, retry_s=0)


def _purse_book(row: _Purse) -> PurseBook:
    return PurseBook(
        name=row.name,
        live=row.live,
        held_micros=row.held_micros,
        hour_micros=row.hour_micros,
        day_micros=row.day_micros,
        week_micros=row.week_micros,
        months=tuple(MonthSpend(month=month, micros=micros) for month, micros in sorted(row.months)),
        total_micros=row.total_micros,
    )


def _live_hold(row: _Hold) -> LiveHold:
    return LiveHold(
        hold_id=row.hold_id,
        seconds=row.seconds,
        amount_micros=row.amount_micros,
        lapses_at=datetime.fromtimestamp(row.lapses_s, UTC),
        renewals=row.renewals,
    )


def _decode_policy(document: str) -> PolicyRevision | Unavailable:
    try:
        return msgspec.json.decode(document, type=PolicyRevision)
    except msgspec.DecodeError:
        return Unavailable(cause=GARBLED)
