"""Values to script arguments, and script replies to values. A reply that is none of those agreed on is `Unavailable`.

The shapes below are the replies that the Lua files list at their head, word first.
"""

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Generic, TypeVar

import msgspec

from callgate.core.hold import (
    Denial,
    DenialKind,
    Denied,
    Gone,
    Held,
    HoldOutcome,
    HoldRequest,
    Settled,
    SettleOutcome,
    SettleState,
    Stale,
    Unavailable,
    Window,
)
from callgate.ledger.base import LapseReport, LedgerBook, LiveHold, MonthSpend, PurseBook, Settlement
from callgate.ledger.revisions import NoPolicy, Outdated, PolicyRevision, Published

GARBLED = "garbled"

_Shape = TypeVar("_Shape")


class _Answer(msgspec.Struct, Generic[_Shape]):
    """Wraps a reply, so that a union of shapes can be asked for by name."""

    reply: _Shape


class _Reply(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """A list whose first item says which of the shapes it has."""


class _Money(_Reply, tag="money"):
    name: str
    window: Window
    left: int
    retry_s: int


class _Lines(_Reply, tag="lines"):
    name: str


class _Starts(_Reply, tag="starts"):
    name: str
    retry_s: int


_Limits = list[_Money | _Lines | _Starts]


class _Held(_Reply, tag="HELD"):
    seconds: int
    amount_micros: int
    alarms: _Limits


class _Denied(_Reply, tag="DENIED"):
    limits: _Limits


class _Gone(_Reply, tag="GONE"):
    pass


class _Stale(_Reply, tag="STALE"):
    revision: int


class _Lapsed(_Reply, tag="LAPSED"):
    forgotten: int
    left: int
    ids: tuple[str, ...]


class _Purse(_Reply):
    name: str
    live: int
    held_micros: int
    hour_micros: int
    day_micros: int
    week_micros: int
    total_micros: int
    months: list[tuple[str, int]]


class _Hold(_Reply):
    hold_id: str
    seconds: int
    amount_micros: int
    lapses_s: int


class _Book(_Reply, tag="BOOK"):
    now_s: int
    sequence: int
    policy_revision: int
    purses: list[_Purse]
    holds: list[_Hold]


class _Published(_Reply, tag="PUBLISHED"):
    revision: int


class _Outdated(_Reply, tag="OUTDATED"):
    revision: int


class _Policy(_Reply, tag="POLICY"):
    document: str


class _None(_Reply, tag="NONE"):
    pass


class _Policies(_Reply, tag="POLICIES"):
    documents: list[str]


def encode(value: HoldRequest | Settlement) -> bytes:
    """Write a request for a script: MessagePack, fields by name, None as nil."""
    return msgspec.msgpack.encode(value)


def fingerprint(request: HoldRequest) -> str:
    """Name what a request asks, whatever policy revision it was judged by: 64 hex digits."""
    return sha256(encode(replace(request, policy_revision=0))).hexdigest()


def encode_policy(policy: PolicyRevision) -> str:
    """Write a policy revision as the text that Redis keeps."""
    return msgspec.json.encode(policy).decode()


def read_hold(hold_id: str, reply: object) -> HoldOutcome:
    """Read the reply to ``hold.lua``."""
    match _read(reply, _Answer[_Held | _Denied | _Gone | _Stale]):
        case _Held(seconds=seconds, amount_micros=amount_micros, alarms=alarms):
            return Held(hold_id=hold_id, seconds=seconds, amount_micros=amount_micros, alarms=_denials(alarms))
        case _Denied(limits=limits):
            return Denied(denials=_denials(limits))
        case _Gone():
            return Gone()
        case _Stale(revision=revision):
            return Stale(revision=revision)
        case unavailable:
            return unavailable


def read_settled(reply: object) -> SettleOutcome:
    """Read the reply to ``settle.lua`` and ``void.lua``."""
    match _read(reply, _Answer[tuple[SettleState, int]]):
        case (state, amount_micros):
            return Settled(state=state, amount_micros=amount_micros)
        case unavailable:
            return unavailable


def read_lapse(reply: object) -> LapseReport | Unavailable:
    """Read the reply to ``lapse.lua``."""
    match _read(reply, _Answer[_Lapsed]):
        case _Lapsed(forgotten=forgotten, left=left, ids=ids):
            return LapseReport(lapsed=ids, forgotten=forgotten, left=left)
        case unavailable:
            return unavailable


def read_book(clinic: str, reply: object) -> LedgerBook | Unavailable:
    """Read the reply to ``book.lua``."""
    match _read(reply, _Answer[_Book]):
        case _Book() as book:
            return LedgerBook(
                clinic=clinic,
                now=datetime.fromtimestamp(book.now_s, UTC),
                sequence=book.sequence,
                policy_revision=book.policy_revision,
                purses=tuple(_purse_book(row) for row in sorted(book.purses, key=lambda row: row.name)),
                holds=tuple(_live_hold(row) for row in sorted(book.holds, key=lambda row: row.hold_id)),
            )
        case unavailable:
            return unavailable


def read_published(reply: object) -> Published | Outdated | Unavailable:
    """Read the reply to ``publish.lua``."""
    match _read(reply, _Answer[_Published | _Outdated]):
        case _Published(revision=revision):
            return Published(revision=revision)
        case _Outdated(revision=revision):
            return Outdated(revision=revision)
        case unavailable:
            return unavailable


def read_policy(reply: object) -> PolicyRevision | NoPolicy | Unavailable:
    """Read the reply to ``policy.lua``."""
    match _read(reply, _Answer[_Policy | _None]):
        case _Policy(document=document):
            return _decode_policy(document)
        case _None():
            return NoPolicy()
        case unavailable:
            return unavailable


def read_policies(reply: object) -> tuple[PolicyRevision, ...] | Unavailable:
    """Read the reply to ``policies.lua``."""
    match _read(reply, _Answer[_Policies]):
        case _Policies(documents=documents):
            policies = [_decode_policy(document) for document in documents]
            broken = [policy for policy in policies if isinstance(policy, Unavailable)]
            return broken[0] if broken else tuple(policy for policy in policies if isinstance(policy, PolicyRevision))
        case unavailable:
            return unavailable


def _read(reply: object, shape: type[_Answer[_Shape]]) -> _Shape | Unavailable:
    if isinstance(reply, Unavailable):
        return reply
    try:
        return msgspec.convert({"reply": reply}, shape).reply
    except msgspec.ValidationError:
        return Unavailable(cause=GARBLED)


def _denials(limits: _Limits) -> tuple[Denial, ...]:
    return tuple(_denial(limit) for limit in limits)


def _denial(limit: _Money | _Lines | _Starts) -> Denial:
    match limit:
        case _Money(name=name, window=window, left=left, retry_s=retry_s):
            return Denial(kind=DenialKind.MONEY, name=name, window=window, left=left, retry_s=retry_s)
        case _Lines(name=name):
            return Denial(kind=DenialKind.LINES, name=name, window=None, left=0, retry_s=0)
        case starts:
            return Denial(kind=DenialKind.STARTS, name=starts.name, window=None, left=0, retry_s=starts.retry_s)


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
    )


def _decode_policy(document: str) -> PolicyRevision | Unavailable:
    try:
        return msgspec.json.decode(document, type=PolicyRevision)
    except msgspec.DecodeError:
        return Unavailable(cause=GARBLED)
