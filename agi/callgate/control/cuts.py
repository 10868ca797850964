"""Ends calls that are forbidden by now: a policy was tightened, a clinic locked, a call left to outside parties."""

import asyncio
from dataclasses import dataclass, field, replace

from callgate.control.calls import Calls, Clocks, LiveCall
from callgate.control.endings import Because, Endings
from callgate.control.slices import Slices
from callgate.core.hold import Denied, Held
from callgate.core.judge import Refuse
from callgate.core.policy import Mode
from callgate.core.reasons import Reason
from callgate.core.renewal import charge, charge_granted, ended_by
from callgate.policies import PolicyShelf

TOGETHER_MAX = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuts:
    """What that needs. `look` is called again and again, and at once when something is urgent."""

    calls: Calls
    slices: Slices
    endings: Endings
    shelf: PolicyShelf
    clocks: Clocks
    together: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(TOGETHER_MAX))

    async def look(self) -> None:
        """Ask which policies are in force now, and judge the calls that they, or a transfer, concern."""
        if not self.calls.is_linked:
            return
        clinics = {call.clinic for call in self.calls.live.values()}
        await asyncio.gather(*(self.shelf.fetch(clinic) for clinic in clinics))
        await asyncio.gather(*(self._judge(call) for call in tuple(self.calls.live.values()) if self._concerns(call)))

    def _concerns(self, call: LiveCall) -> bool:
        return call.owes_purses or call.judged_by != self.shelf.clinic(call.clinic).rulebook.revision

    async def _judge(self, call: LiveCall) -> None:
        """Judge a call that is up, and end it if it is forbidden; in doubt it stays, and is judged again."""
        async with self.together, call.lock:
            clinic = self.shelf.clinic(call.clinic)
            if not self.calls.can_touch(call):
                return
            because = self._by_rules(call) or await self._by_purses(call)
            if because is not None and not await self.endings.end(call, because):
                return
            call.judged_by = clinic.rulebook.revision

    def _by_rules(self, call: LiveCall) -> Because | None:
        """Ask the rules.

        A grant says that its origin was known: on a leg taken up again it may have been lost. Where the policy is only
        observed, a lock is still an order. A call let go without a gate is judged only by what was made since.
        """
        clinic = self.shelf.clinic(call.clinic)
        book, is_spared = clinic.rulebook, clinic.policy.mode is Mode.OBSERVE
        if (at := call.let_go) is not None:
            book = replace(book, locks=tuple(lock for lock in book.locks if lock.at >= at))
            is_spared |= clinic.since is None or clinic.since < at
        reasons = ended_by(call.progress(self.clocks.monotonic()), book, self.clocks.now())
        if is_spared:
            reasons = tuple(reason for reason in reasons if reason is Reason.LOCKED)
        reasons = tuple(reason for reason in reasons if reason is not Reason.ORIGIN_UNKNOWN)
        return Because(reasons=reasons) if reasons else None

    async def _by_purses(self, call: LiveCall) -> Because | None:
        """Charge a call where it counts by now, if that has to be done still and can be."""
        if self.shelf.clinic(call.clinic).policy.mode is Mode.OBSERVE:
            call.owes_purses = False
        if not call.owes_purses or call.held is None:
            return None
        outcome = await self.slices.ask(call, charge)
        if isinstance(outcome, Denied):
            # Not one slice more: what it was granted is what the rest of it can cost.
            outcome = await self.slices.ask(call, charge_granted)
        match outcome:
            case Held():
                call.owes_purses, call.next_s = False, self.clocks.monotonic()
            case Refuse():
                return Because(reasons=outcome.reasons)
            case Denied():
                return Because(reasons=(Reason.EXTERNAL_TO_EXTERNAL,), limits=outcome.denials)
            case _:
                # It is tried again. Meanwhile a costly call has its slice, and an ordinary one goes on as it may.
                pass
        return None
