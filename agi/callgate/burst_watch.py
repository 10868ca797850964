"""Counts refusals as they happen and, in the background, locks the extension that a burst of them comes from.

Each gate counts what it sees itself, so with two of them nearly twice as many refusals may pass before one locks. What
both see is locked once: the second finds another revision in force than the one it counted under.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from callgate.clinic import Clinic
from callgate.core.burst import (
    AUTHOR,
    Refusals,
    Refused,
    burst_lock,
    burst_scope,
    counts,
    is_burst,
    one_more,
    refused_at,
)
from callgate.core.hold import Unavailable
from callgate.core.locks import LOCKS_MAX, Locks, LockScope, with_lock
from callgate.core.verdict import Refusal
from callgate.journal_rows import Decision
from callgate.ledger.revisions import Outdated, PolicyRevision, Revisions
from callgate.locking import Changed, Doubtful, Order, Unchanged, carry_out
from callgate.policies import PolicyShelf, file_revision
from callgate.texts.catalog import Language, text

EXTENSIONS_MAX = 1000
"""Counted at once; of more, the one that was refused least recently is forgotten."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """A burst that is to be answered: the policy it was counted under, when it was complete, and what it asks for."""

    revision: int
    at: datetime
    scope: LockScope


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A refusal that counts: of which line, and under which revision of the policy."""

    clinic: str
    extension: str
    revision: int
    refused: Refused


Bursts = Mapping[str, Burst]
"""By extension."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstWatch:
    """What every gate has one of. `note` is called for each verdict, `publish` again and again in the background.

    Fields:
        revisions: where locks are published; best with a link of its own, whose failures close no call's road.
        refusals: the watch's own, by clinic and extension.
        bursts: the watch's own, too.
        elsewhere: who counts instead, where several workers are one gate.
    """

    shelf: PolicyShelf
    revisions: Revisions
    refusals: OrderedDict[tuple[str, str], Refusals] = field(default_factory=OrderedDict)
    bursts: dict[tuple[str, str], Burst] = field(default_factory=dict)
    elsewhere: Callable[[Counted], None] | None = None

    def note(self, decision: Decision) -> None:
        """Count a verdict, if it is a refusal that counts. Nothing is waited for: the call has no answer yet."""
        clinic, extension, verdict = decision.clinic, decision.attempt.extension, decision.verdict
        if not isinstance(verdict, Refusal) or not extension:
            return
        priced, instant, book = decision.priced, decision.instant, clinic.rulebook
        if not counts(decision.attempt.dialled, priced, verdict.reasons, book=book, instant=instant):
            return
        refused = refused_at(instant, priced, book.plan)
        counted = Counted(clinic=clinic.name, extension=extension, revision=clinic.revision, refused=refused)
        (self.elsewhere or self.count)(counted)

    def count(self, counted: Counted) -> None:
        """Count a refusal that counts."""
        line = counted.clinic, counted.extension
        rule = self.shelf.clinic(counted.clinic).policy.automatic_lock
        refusals = one_more(self.refusals.pop(line, None), rule, counted.revision, counted.refused)
        if is_burst(refusals, rule):
            scope = burst_scope(counted.extension, refusals)
            self.bursts[line] = Burst(revision=counted.revision, at=counted.refused.at, scope=scope)
            return
        self.refusals[line] = refusals
        if len(self.refusals) > EXTENSIONS_MAX:
            self.refusals.popitem(last=False)

    async def publish(self) -> None:
        """Lock what bursts came from; where that cannot be published now, the next call of this tries again."""
        for name in sorted({name for name, _ in self.bursts}):
            await self._lock(self.shelf.clinic(name))

    async def _lock(self, clinic: Clinic) -> None:
        bursts = {extension: burst for (name, extension), burst in self.bursts.items() if name == clinic.name}
        order = _order(clinic, bursts)
        outcome = await carry_out(order, self.revisions, lambda: file_revision(clinic.name, clinic.document))
        match outcome:
            case Changed(now=now):
                log.warning("extension.locked", clinic=clinic.name, extensions=sorted(bursts), revision=now.revision)
                await self.shelf.fetch(clinic.name)
            case Unchanged():
                pass
            case Outdated() | Unavailable() | Doubtful():
                log.warning("extension.not_locked", clinic=clinic.name, extensions=sorted(bursts))
                return
        for extension, burst in bursts.items():
            if self.bursts.get((clinic.name, extension)) == burst:
                del self.bursts[clinic.name, extension]


def _order(clinic: Clinic, bursts: Bursts) -> Order:
    """Lock what these bursts ask for.

    Where somebody has decided since a burst was counted, perhaps to unlock, it is over. The whole clinic never has more
    than `LOCKS_MAX` locks: of more extensions the last are left to the ceilings.
    """
    rule = clinic.policy.automatic_lock.refused
    words = {"count": rule.count_max, "minutes": -(-rule.span_s // 60)}
    reason = text("cli.lock_burst", Language(clinic.language), **words)

    def change(current: PolicyRevision) -> Locks:
        locks = current.locks
        for burst in bursts.values():
            # A call that is no number is refused for that, locked or not: whoever goes on with those gets no lock more.
            is_locked = any(lock.scope == burst.scope and lock.until is None for lock in locks)
            wider = with_lock(locks, burst_lock(burst.scope, reason, burst.at))
            if burst.revision == current.revision and not is_locked and len(wider) <= LOCKS_MAX:
                locks = wider
        return locks

    at = max(burst.at for burst in bursts.values())
    return Order(clinic=clinic.name, author=AUTHOR, at=at, reason=reason, change=change)
