"""What control does to a call for good: ends it and writes down why, or sees to it that nothing ends it."""

import asyncio
from dataclasses import dataclass

import structlog

from callgate.control.calls import Calls, Clocks, LiveCall
from callgate.control.switch import Switch
from callgate.core.hold import Denial
from callgate.core.reasons import Reason
from callgate.core.wire import mask
from callgate.errors import JournalError
from callgate.journal import Journal, JournalRow
from callgate.policies import PolicyShelf

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Because:
    """Why a call is ended: the rules it breaks by now, the limits that were hit; or, where no rule says so, a note."""

    reasons: tuple[Reason, ...] = ()
    limits: tuple[Denial, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endings:
    """What that needs."""

    calls: Calls
    switch: Switch
    shelf: PolicyShelf
    journal: Journal
    clocks: Clocks

    async def free(self) -> None:
        """Take the timer off every leg that came into one conversation with an emergency call, until it is off.

        A limit that was set just before went out on the same link just before, and none is set from then on
        (`Calls.can_touch`).
        """
        await asyncio.gather(*(self._free(*leg) for leg in tuple(self.calls.unfreed.items())))

    async def end(self, call: LiveCall, because: Because) -> bool:
        """Hang up, and write down why; whether that was done. A call that was helped meanwhile is left alone."""
        if not self.calls.can_touch(call) or not await self.switch.hang_up(call.leg.channel):
            return False
        reasons = [reason.value for reason in because.reasons]
        log.warning("call.cut", call=call.attempt.passage, clinic=call.clinic, reasons=reasons, note=because.note)
        await self.write(self._row(call, because))
        return True

    async def write(self, row: JournalRow) -> None:
        """Write a row; a disk that fails holds nothing up."""
        try:
            await self.journal.write(row, durable=False)
        except JournalError:
            log.exception("journal.failed")

    async def _free(self, uniqueid: str, channel: str) -> None:
        if await self.switch.limit(channel, 0):
            self.calls.unfreed.pop(uniqueid, None)

    def _row(self, call: LiveCall, because: Because) -> JournalRow:
        clinic, attempt, destination = self.shelf.clinic(call.clinic), call.attempt, call.priced.destination
        return JournalRow(
            at=self.clocks.now(),
            event="call.cut",
            clinic=clinic.name,
            call=attempt.passage,
            attempt=attempt.attempt,
            extension=attempt.extension,
            trunk=attempt.trunk,
            number=mask(call.issued.number),
            region=destination.region,
            number_class=destination.number_class.value,
            ordinary=call.priced.ordinary,
            reasons=because.reasons,
            grant=call.issued.grant,
            seconds=int(call.talked_s(self.clocks.monotonic())),
            limits=because.limits,
            currency=clinic.policy.currency,
            zone=clinic.policy.timezone.key,
            policy_revision=clinic.revision,
            note=because.note,
        )
