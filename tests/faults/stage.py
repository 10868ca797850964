"""The stage of one row: the real stack, a fault under it, and what must be true whatever goes wrong.

Asterisk, the carrier and the gate are the lab's; the store is a Redis of this machine behind a wire that can be cut.
`during` places an emergency call as soon as the fault is there; `hold_to_account` compares what the phones heard with
the carrier's log, the journal and the ledger. A test of the matrix gets both from its fixture and cannot forget them.
"""

import asyncio
import math
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import practice
from callgate.core.reasons import Reason
from callgate.core.tariff import price
from callgate.core.wire import mask
from callgate.ledger.base import AuditReport, LedgerBook
from callgate.ledger.client import Deadlines, connect
from callgate.ledger.redis import RedisLedger
from callgate.store_watch import CONDITION
from carrier_log import CarrierEvent
from faults.store import FaultyStore
from faults.wire import StoreWire
from outgoing_call import OutgoingCall
from sip_phone import Phone
from system.carrier_books import rate_of
from system.rig import PARIS, PARIS_WIRE, POLL_S, WITHIN_S, Rig, wait_for

REUNION = "000262262905000"
"""Costly, and allowed: EUR 0.25 a minute, held and billed by the minute."""
REUNION_WIRE = "+262262905000"
EMERGENCY = "15"
ADDED_MS = 1.0
"""A jump and two assignments; a tenth of a millisecond was seen."""
BESIDE = "9915"
"""Dials 15 as an Asterisk does that never heard of callgate."""
BESIDE_CALLGATE = f"""
[phones](+)
exten => {BESIDE},1,Dial(PJSIP/{EMERGENCY}@carrier-a,120)
 same => n,Dial(PJSIP/{EMERGENCY}@carrier-b,120)
"""
ORDINARY_WIRE = frozenset({PARIS_WIRE, "+33612345678"})
DAY_CEILING_MICROS = 15_000_000
HEARD_WITHIN_S = 1.5
RECOVERED_WITHIN_S = 20.0
APART_S = 0.1
"""So far apart Asterisk and the carrier see an answer and an end: a second more of a call that is cut after 30.0 s."""
MEASURED = "CALLGATE_FAULTS_MEASURED"
"""Set by `make faults`, on a machine that has nothing else to do: figures are held to their limits."""
_PATIENT = Deadlines(connect_s=5, free_connection_s=5, answer_s=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What came of one call.

    Fields:
        went: what the carrier was asked for; None if nothing.
        refused: whether the phone was told no, in words and with cause 21.
        delay_ms: from the phone's INVITE to the carrier's, or to the first word of the refusal.
    """

    call: OutgoingCall
    went: CarrierEvent | None
    refused: bool
    delay_ms: float


@dataclass(kw_only=True)
class Stage:
    """The running stack of one test.

    Fields:
        store: behind `wire`, which the gate believes to be it.
        figures: what was seen, for the table.
        refusals: what was dialled by calls that were refused, one each.
        emergencies_ms: from INVITE to INVITE, of every emergency call under a fault.
        beside_ms: the same of the calls for help past callgate, one right after each of them.
        abandoned: holds that only their lapse will end, in the safe direction: they count as spent.
    """

    rig: Rig
    phone: Phone
    wire: StoreWire
    store: FaultyStore
    figures: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    emergencies_ms: list[float] = field(default_factory=list)
    beside_ms: list[float] = field(default_factory=list)
    abandoned: int = 0

    def saw(self, figure: str) -> None:
        """Keep a figure for the table."""
        self.figures.append(figure)

    def within(self, measured_ms: float, limit_ms: float, what: str) -> None:
        """Keep a duration for the table; where nothing else runs it is held to its limit."""
        self.saw(f"{what} {measured_ms:.0f} ms")
        assert not is_measured() or measured_ms <= limit_ms, (what, measured_ms, limit_ms)

    async def dial(self, dialled: str, *, listens: bool = True) -> Heard:
        """Call, hang up if it was answered, and tell what everybody saw.

        Args:
            dialled: the number.
            listens: whether a refusal is heard to its end; otherwise the phone hangs up at its first word.
        """
        before = len(self.rig.lab.invites())
        call = self.phone.call(dialled)
        if not listens:
            await _first_word(call)
            call.cancel()
        final = await call.wait_for_final(WITHIN_S + 4)
        if final.code == 200:
            call.hang_up()
            await call.wait_ended(WITHIN_S)
        went = next(iter(self.rig.lab.invites()[before:]), None)
        sound = call.media.heard.first_sound_at
        if went is None:
            assert not listens or (final.code, "cause=21" in final.reason) == (403, True), final
            assert sound is not None, "the refusal was not spoken"
            self.refusals.append(dialled)
            return Heard(call=call, went=None, refused=True, delay_ms=_ms(call, sound.epoch))
        return Heard(call=call, went=went, refused=False, delay_ms=_ms(call, went.at))

    async def emergency(self) -> float:
        """Call for help; gives the milliseconds from INVITE to INVITE."""
        heard = await self.dial(EMERGENCY)
        assert heard.went is not None
        assert heard.went.user == EMERGENCY
        assert heard.call.answered_at is not None
        return heard.delay_ms

    async def ordinary(self) -> float:
        """Call Paris, which must go; gives the milliseconds from INVITE to INVITE."""
        heard = await self.dial(PARIS)
        assert heard.went is not None, self.rig.rows()[-1]
        assert heard.went.user == PARIS_WIRE
        return heard.delay_ms

    async def costly_goes(self) -> float:
        """Call Reunion, which must go; gives the milliseconds from INVITE to INVITE."""
        heard = await self.dial(REUNION)
        assert heard.went is not None, self.rig.rows()[-1]
        return heard.delay_ms

    async def costly_is_refused(self) -> float:
        """Call Reunion, which must be refused; gives the milliseconds from INVITE to the first word."""
        heard = await self.dial(REUNION)
        assert heard.refused
        assert heard.delay_ms < HEARD_WITHIN_S * 1000 or not is_measured(), heard.delay_ms
        return heard.delay_ms

    async def contract(self, reason: Reason | None = None) -> None:
        """Demand what is due while the store or the gate is away: ordinary goes, costly is refused and told why."""
        before = len(self.rig.rows("call.refused"))
        self.saw(f"ordinary goes in {await self.ordinary():.0f} ms")
        self.saw(f"costly refused in {await self.costly_is_refused():.0f} ms")
        if reason is not None:
            assert self.rig.last_row("call.refused", before).reasons == (reason,)

    @asynccontextmanager
    async def during(self, breaks: Callable[[], object], mends: Callable[[], object]) -> AsyncIterator[None]:
        """Break something, call for help at once and again before it is mended."""
        await asyncio.to_thread(breaks)
        try:
            await self._call_for_help()
            yield
            await self._call_for_help()
        finally:
            await asyncio.to_thread(mends)

    async def _call_for_help(self) -> None:
        self.emergencies_ms.append(await self.emergency())
        self.beside_ms.append((await self.dial(BESIDE)).delay_ms)

    async def recovers(self) -> float:
        """Dial until a costly call goes again; gives the seconds that it took."""
        began = time.monotonic()
        while (await self.dial(REUNION, listens=False)).refused:
            assert time.monotonic() - began < RECOVERED_WITHIN_S, self.rig.rows()[-1]
        took_s = time.monotonic() - began
        self.saw(f"costly goes again after {took_s:.1f} s")
        return took_s

    async def book(self) -> LedgerBook:
        """Read the clinic's ledger, past wire and gate."""
        async with connect(f"redis://{self.store.place}", _PATIENT) as client:
            book = await RedisLedger(client, _PATIENT).book(practice.CLINIC)
        assert isinstance(book, LedgerBook), book
        return book

    async def books_at_rest(self) -> LedgerBook:
        """Wait until no hold is live but the abandoned, and everything the dialplan wrote is booked."""
        end = time.monotonic() + RECOVERED_WITHIN_S
        while len((book := await self.book()).holds) != self.abandoned or not self._is_spool_read():
            assert time.monotonic() < end, book.holds
            await asyncio.sleep(POLL_S)
        return book

    async def hold_to_account(self) -> None:
        """Check what must be true of every row: emergencies, grants, refusals, money.

        Raises:
            AssertionError: one of I-E, I-A, I-L and I-B (facts/reliability.md 4) is broken.
        """
        assert self.emergencies_ms, "no emergency call was placed under the fault"
        places: Counter[str] = Counter()
        for invite in (invite for invite in self.rig.lab.invites() if _is_costly(invite)):
            number = mask(invite.user)
            granted = [row for row in self.rig.rows("call.granted") if row.number == number]
            backed = [row for row in granted if row.held_micros and row.at.timestamp() <= invite.at]
            places[number] += 1
            assert len(backed) >= places[number], f"no durable grant for {invite}"
        await asyncio.to_thread(wait_for, self._is_every_refusal_kept, RECOVERED_WITHIN_S)
        book = await self.books_at_rest()
        spent = sum(_cost(event) for event in self._ended() if _is_costly(event))
        booked = next((purse.day_micros for purse in book.purses if purse.name == "costly"), 0)
        assert spent <= booked <= DAY_CEILING_MICROS, (spent, booked)
        held = sum(hold.amount_micros for hold in book.holds)
        assert next((purse.held_micros for purse in book.purses if purse.name == "costly"), 0) == held
        async with connect(f"redis://{self.store.place}", _PATIENT) as client:
            audit = await RedisLedger(client, _PATIENT).audit(practice.CLINIC)
        assert isinstance(audit, AuditReport)
        assert audit.findings == ()
        self.saw(f"emergency in {_span(self.emergencies_ms)} ms, past callgate in {_span(self.beside_ms)} ms")

    def _ended(self) -> list[CarrierEvent]:
        return [event for event in self.rig.lab.carrier_log() if event.event == "ended" and event.duration_s]

    def _is_every_refusal_kept(self) -> bool:
        kept = [row.dialled for row in self.rig.rows("call.refused")]
        return all(kept.count(mask(dialled)) >= self.refusals.count(dialled) for dialled in set(self.refusals))

    def _is_spool_read(self) -> bool:
        spool = self.rig.lab.folder / "spool" / "calls.log"
        offset = self.rig.lab.folder / "state" / "spool.offset"
        return not spool.exists() or (offset.exists() and offset.read_text() == str(spool.stat().st_size))


def is_measured() -> bool:
    """Whether this machine is quiet, so that durations mean something."""
    return bool(os.environ.get(MEASURED))


def as_many(measured: int, otherwise: int) -> int:
    """How often something is done: `make faults` does it all, `make test` a slice of it."""
    return measured if is_measured() else otherwise


def _span(durations_ms: list[float]) -> str:
    return f"{min(durations_ms):.0f} to {max(durations_ms):.0f}"


def _ms(call: OutgoingCall, at: float) -> float:
    return (at - call.authorized_at.epoch) * 1000


async def _first_word(call: OutgoingCall) -> None:
    """Wait until something is heard, or the call is answered."""
    ways = {
        asyncio.ensure_future(call.media.wait_for_sound(WITHIN_S)),
        asyncio.ensure_future(call.wait_for_final(WITHIN_S)),
    }
    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    for way in ways:
        way.cancel()
    await asyncio.gather(*ways, return_exceptions=True)


def _is_costly(event: CarrierEvent) -> bool:
    """Whether it is about a costly number: emergency numbers go to this trunk in their short form."""
    return event.user.startswith("+") and event.user not in ORDINARY_WIRE


def _cost(ended: CarrierEvent) -> int:
    return price(rate_of(ended.user), max(1, math.ceil(ended.duration_s - APART_S)))


async def is_declared(stage: Stage, wrong: str, after: int) -> None:
    """Wait until journal and status say what is wrong with the store; the first `after` rows were there before."""

    def is_written() -> bool:
        return any(wrong in row.note for row in stage.rig.rows(CONDITION)[after:][-1:])

    await asyncio.to_thread(wait_for, is_written)
    assert wrong in await asyncio.to_thread(stage.rig.lab.gate_exec, "callgate", "--language", "en", "status")
    stage.saw(f"journal and status: {wrong}")


async def is_taken_back(stage: Stage) -> None:
    """Wait until the journal says that nothing is wrong with the store any more."""
    await asyncio.to_thread(wait_for, lambda: stage.rig.rows(CONDITION)[-1].note == "")
