"""Which requests are sound enough to reach the ledger. Both ledgers ask here, so they refuse the same ones.

Each function returns the name of the first unsound field, or "". Ids and names come from the dialplan and from
settings; what is unsound is answered `Unavailable`, and so refused: never held, never half written.
"""

import re
from collections.abc import Iterable

from callgate.core.hold import Ceiling, HoldRequest, Purse, RenewRequest, Unavailable, Velocity
from callgate.core.locks import LOCKS_MAX, Lock
from callgate.core.money import AMOUNT_MAX_MICROS
from callgate.core.sighting import Sighting
from callgate.core.tariff import Rate
from callgate.ledger.base import Settlement
from callgate.ledger.restoration import Coverage
from callgate.ledger.revisions import PolicyRevision

KEPT_S = 8 * 86_400
"""Ended records are kept this long, and an unknown id older than this is not believed."""

SECONDS_MAX = 7200
PURSES_MAX = 8
PURSES_IN_ALL_MAX = 16
"""A call counts in no more purses, together with those that its renewals add."""
VELOCITIES_MAX = 8
LINES_MAX = 10_000
STARTS_MAX = 1000
SPAN_MAX_S = 31 * 86_400
GRACE_MAX_S = 86_400
INCREMENT_MAX_S = 3600
RATE_MAX_MICROS = 1_000_000_000
"""Highest price of a minute (1000.00): with `KEPT_S` it keeps every product exact in Lua's doubles."""
EPOCH_MAX_S = 9_999_999_999
"""The last second that the end of a hold id can say."""
REVISION_MAX = 1_000_000_000
LAPSE_MAX = 1000
TEXT_MAX = 1000
DOCUMENT_MAX = 262_144

RECORDS_MAX = 200
RECORD_MAX = 4_000_000
"""Characters of one change; the longest is a policy, or the lapse of `LAPSE_MAX` holds."""
COUNT_MAX = 10**12
PATIENCE_MAX_S = 86_400

_CLINIC = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HOLD_ID = re.compile(r"[!-~]{1,189}\.[0-9]{1,10}")
_ANY_ID = re.compile(r"[!-~]{1,200}")
_NAME = re.compile(r"[ -~]{1,100}")
_TAG = re.compile(r"[ -~]{0,100}")
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_EXTENSION = re.compile(r"[0-9A-Za-z_-]{0,64}")
_GATE = re.compile(r"[A-Za-z0-9-]{1,64}")
_EPOCH = re.compile(r"[0-9a-f]{16}")
_SURROGATE = re.compile("[\ud800-\udfff]")


def unsound_clinic(clinic: str) -> str:
    """Check a clinic's name; it goes into every key."""
    return _first({"clinic": _CLINIC.fullmatch(clinic)})


def unsound_hold(request: HoldRequest) -> str:
    """Check a hold request."""
    return _first(
        {
            "clinic": _CLINIC.fullmatch(request.clinic),
            "hold_id": _HOLD_ID.fullmatch(request.hold_id),
            "supersedes": request.supersedes == ""
            or (_HOLD_ID.fullmatch(request.supersedes) and request.supersedes != request.hold_id),
            "rate": _rate_is_sound(request.rate),
            "seconds": 1 <= request.seconds <= SECONDS_MAX,
            "slice_s": request.slice_s is None or 1 <= request.slice_s <= SECONDS_MAX,
            "purses": len(request.purses) <= PURSES_MAX
            and _all_different(purse.name for purse in request.purses)
            and all(_purse_is_sound(purse) for purse in request.purses),
            "velocities": len(request.velocities) <= VELOCITIES_MAX
            and _all_different(velocity.name for velocity in request.velocities)
            and all(_velocity_is_sound(velocity) for velocity in request.velocities),
            "month": _MONTH.fullmatch(request.month),
            "grace_s": 0 <= request.grace_s <= GRACE_MAX_S,
            "policy_revision": 0 <= request.policy_revision <= REVISION_MAX,
            "novelty": request.novelty == "" or _NAME.fullmatch(request.novelty),
        }
    )


def unsound_renew(request: RenewRequest) -> str:
    """Check a renewal."""
    return _first(
        {
            "clinic": _CLINIC.fullmatch(request.clinic),
            "hold_id": _HOLD_ID.fullmatch(request.hold_id),
            "number": 1 <= request.number <= SECONDS_MAX,
            "seconds": 1 <= request.seconds <= SECONDS_MAX,
            "slice_s": 1 <= request.slice_s <= SECONDS_MAX,
            "purses": len(request.purses) <= PURSES_MAX
            and _all_different(purse.name for purse in request.purses)
            and all(_purse_is_sound(purse) for purse in request.purses),
            "grace_s": 0 <= request.grace_s <= GRACE_MAX_S,
            "policy_revision": 0 <= request.policy_revision <= REVISION_MAX,
        }
    )


def unsound_settlement(settlement: Settlement) -> str:
    """Check a settlement."""
    orphan = settlement.orphan
    return _first(
        {
            "clinic": _CLINIC.fullmatch(settlement.clinic),
            "hold_id": _ANY_ID.fullmatch(settlement.hold_id),
            "duration_s": 0 <= settlement.duration_s <= KEPT_S,
            "orphan": orphan is None
            or (
                len(orphan.purses) <= PURSES_MAX
                and _all_different(orphan.purses)
                and all(_NAME.fullmatch(name) for name in orphan.purses)
                and 0 <= orphan.amount_micros <= AMOUNT_MAX_MICROS
                and _MONTH.fullmatch(orphan.month)
            ),
        }
    )


def unsound_void(clinic: str, hold_id: str) -> str:
    """Check a void."""
    return _first({"clinic": _CLINIC.fullmatch(clinic), "hold_id": _ANY_ID.fullmatch(hold_id)})


def unsound_lapse(clinic: str, limit: int) -> str:
    """Check a lapse."""
    return _first({"clinic": _CLINIC.fullmatch(clinic), "limit": 1 <= limit <= LAPSE_MAX})


def unsound_clock(clinic: str, to_s: int | None) -> str:
    """Check what ledger time is set to."""
    return _first({"clinic": _CLINIC.fullmatch(clinic), "to_s": to_s is None or 0 <= to_s <= EPOCH_MAX_S})


def unsound_sighting(sighting: Sighting) -> str:
    """Check what a gate says of itself; names and clocks come from settings and the machine."""
    seen, ticks = sighting.seen, sighting.ticks
    return _first(
        {
            "gate": _GATE.fullmatch(sighting.gate),
            "epoch": seen.epoch == "" or _EPOCH.fullmatch(seen.epoch),
            "mine": 0 <= seen.mine <= COUNT_MAX,
            "boot": _ANY_ID.fullmatch(ticks.boot),
            "uptime_s": 0 <= ticks.uptime_s <= EPOCH_MAX_S,
            "wall_s": 0 <= ticks.wall_s <= EPOCH_MAX_S,
        }
    )


def unsound_restore(clinic: str, records: tuple[str, ...]) -> str:
    """Check what the ledger is restored from."""
    sound = len(records) <= RECORDS_MAX and all(text and _text_is_sound(text, RECORD_MAX) for text in records)
    return _first({"clinic": _CLINIC.fullmatch(clinic), "records": sound})


def unsound_thaw(clinic: str, coverage: Coverage, price_micros: int, patience_s: int) -> str:
    """Check on what terms the ledger may thaw."""
    return _first(
        {
            "clinic": _CLINIC.fullmatch(clinic),
            "coverage": 0 <= coverage.covered <= COUNT_MAX and 0 <= coverage.highest <= COUNT_MAX,
            "price_micros": 0 <= price_micros <= AMOUNT_MAX_MICROS,
            "patience_s": 0 <= patience_s <= PATIENCE_MAX_S,
        }
    )


def unsound_revision(policy: PolicyRevision, expected: int) -> str:
    """Check a policy revision before it is published."""
    return _first(
        {
            "clinic": _CLINIC.fullmatch(policy.clinic),
            "revision": 0 <= expected < policy.revision <= REVISION_MAX,
            "at": policy.at.tzinfo is not None,
            "author": _text_is_sound(policy.author, TEXT_MAX),
            "origin": _text_is_sound(policy.origin, TEXT_MAX),
            "reason": _text_is_sound(policy.reason, TEXT_MAX),
            "document": _text_is_sound(policy.document, DOCUMENT_MAX),
            "locks": len(policy.locks) <= LOCKS_MAX and all(_lock_is_sound(lock) for lock in policy.locks),
        }
    )


def unsound_number(clinic: str, revision: int | None) -> str:
    """Check which policy revision is asked for."""
    sound = revision is None or 1 <= revision <= REVISION_MAX
    return _first({"clinic": _CLINIC.fullmatch(clinic), "revision": sound})


def _first(checks: dict[str, object]) -> str:
    return next((field for field, sound in checks.items() if not sound), "")


def _all_different(names: Iterable[object]) -> bool:
    listed = list(names)
    return len(set(listed)) == len(listed)


def _rate_is_sound(rate: Rate) -> bool:
    return (
        0 <= rate.connect_micros <= AMOUNT_MAX_MICROS
        and 0 <= rate.per_minute_micros <= RATE_MAX_MICROS
        and 1 <= rate.first_increment_s <= INCREMENT_MAX_S
        and 1 <= rate.increment_s <= INCREMENT_MAX_S
        and _text_is_sound(rate.prefix + rate.label, TEXT_MAX)
    )


def _purse_is_sound(purse: Purse) -> bool:
    return (
        _NAME.fullmatch(purse.name) is not None
        and _all_different(ceiling.window for ceiling in purse.ceilings)
        and all(_ceiling_is_sound(ceiling) for ceiling in purse.ceilings)
        and (purse.concurrent_max is None or 0 <= purse.concurrent_max <= LINES_MAX)
    )


def _ceiling_is_sound(ceiling: Ceiling) -> bool:
    return 0 <= ceiling.limit_micros <= AMOUNT_MAX_MICROS


def _velocity_is_sound(velocity: Velocity) -> bool:
    return (
        _NAME.fullmatch(velocity.name) is not None
        and 0 <= velocity.count_max <= STARTS_MAX
        and 1 <= velocity.span_s <= SPAN_MAX_S
        and _TAG.fullmatch(velocity.tag) is not None
    )


def _lock_is_sound(lock: Lock) -> bool:
    return (
        lock.at.tzinfo is not None
        and (lock.until is None or lock.until.tzinfo is not None)
        and _EXTENSION.fullmatch(lock.scope.extension) is not None
        and all(_text_is_sound(words, TEXT_MAX) for words in (lock.author, lock.reason))
    )


def _text_is_sound(text: str, longest: int) -> bool:
    return len(text) <= longest and _SURROGATE.search(text) is None


def unavailable(unsound: str) -> Unavailable:
    """Answer a request whose field `unsound` is not sound."""
    return Unavailable(cause=f"invalid: {unsound}")
