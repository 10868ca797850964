"""The demo's stage: the running lab with its registered phones. It places one call after the other and keeps count."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import cycle
from typing import TypeVar

from callgate.core.money import format_amount
from callgate.journal import JournalRow
from demo_call import Outcome, Step, Verdict, differences, named
from demo_records import Record, in_journal, in_spool, journal, settlement, spool
from demo_screen import Screen
from lab import Lab
from lab_containers import wait_until
from outgoing_call import OutgoingCall
from sip_phone import Phone

DECIDED_MAX_S = 10.0
RECORDED_MAX_S = 5.0
PROMPT_MAX_S = 15.0
TALK_S = 1.0
REFUSED_CODE = 403
REFUSED_CAUSE = "cause=21"

Found = TypeVar("Found")


class Stage:
    """Places calls.

    Fields:
        gate_answers: whether verdicts are to be looked for in the gate's journal, or in Asterisk's spool.
        problems: what differed so far, in words.
    """

    def __init__(self, lab: Lab, phones: Sequence[Phone], screen: Screen) -> None:
        self.lab = lab
        self.gate_answers = True
        self.problems: list[str] = []
        self._phones = cycle(phones)
        self._screen = screen
        self._expected: list[str] = []
        self._refused: list[tuple[Step, OutgoingCall]] = []
        self._lent: list[str] = []

    async def place(self, step: Step) -> None:
        """Dial, talk for a second if somebody answers, print the line. A refused caller stays and listens."""
        phone = next(self._phones)
        rows, lines = await asyncio.to_thread(self._records)
        invites = len(self.lab.invites())
        call = phone.call(step.dialled)
        await _decided(call)
        if call.answered_at is not None:
            await asyncio.sleep(TALK_S)
            call.hang_up()
        outcome = Outcome(extension=phone.number, verdict=Verdict.NONE, invites=tuple(self.lab.invites()[invites:]))
        outcome = replace(outcome, delay_ms=_delay_ms(call, outcome))
        if step.verdict is Verdict.EMERGENCY:
            connected = call.answered_at is not None and outcome.invites
            outcome = replace(outcome, verdict=Verdict.EMERGENCY if connected else Verdict.NONE)
        else:
            outcome = await self._recorded(step, outcome, rows=rows, lines=lines)
        if outcome.verdict is Verdict.REFUSED:
            self._refused.append((step, call))
        self._expected += step.invites
        self.problems += differences(step, outcome)
        self._screen.show(step, outcome)

    async def book(self) -> None:
        """Wait until the gate has booked what went without it, and say so."""

        def booked() -> list[JournalRow]:
            rows = journal(self.lab)
            found = [row for grant in self._lent if (row := settlement(rows, grant)) is not None]
            return found if len(found) == len(self._lent) else []

        rows = await _soon(booked)
        if rows is None:
            self.problems.append("the gate did not book the calls that went without it")
        else:
            amount = format_amount(sum(row.amount_micros for row in rows))
            self._screen.say(f"     The gate is back and has booked what went meanwhile: {amount} EUR.")
        self._lent.clear()

    async def close(self) -> None:
        """Hear every refusal out, then compare everything the carrier ever saw with what it should have."""
        for step, call in self._refused:
            with contextlib.suppress(TimeoutError):
                await call.wait_for_final(PROMPT_MAX_S)
            final = call.final
            if final is None or final.code != REFUSED_CODE or REFUSED_CAUSE not in final.reason:
                self.problems.append(f"{step.what} ({step.dialled}): the refusal ended with {final}")
        seen = sorted(named(invite) for invite in self.lab.invites())
        if seen != sorted(self._expected):
            self.problems.append(f"the carrier saw {seen} in all, expected {sorted(self._expected)}")

    def _records(self) -> tuple[int, int]:
        """How many rows the journal has, and how many lines the spool."""
        return len(journal(self.lab)) if self.gate_answers else 0, len(spool(self.lab))

    async def _recorded(self, step: Step, outcome: Outcome, *, rows: int, lines: int) -> Outcome:
        """Add the verdict that was written down since, and the money."""

        def find() -> Record | None:
            if self.gate_answers:
                return in_journal(journal(self.lab)[rows:], outcome.extension, step.dialled)
            return in_spool(spool(self.lab)[lines:], outcome.extension)

        record = await _soon(find)
        if record is None:
            return outcome
        outcome = replace(outcome, verdict=record.verdict, reason=record.reason, held_micros=record.held_micros)
        if record.verdict is Verdict.ALLOWANCE:
            self._lent.append(record.grant)
        if record.verdict is not Verdict.GRANTED:
            return outcome
        booked = await _soon(lambda: settlement(journal(self.lab)[rows:], record.grant))
        return replace(outcome, settled_micros=None if booked is None else booked.amount_micros)


async def _decided(call: OutgoingCall) -> None:
    """Wait until somebody answers, the call ends, or a voice begins to speak."""
    waits = [
        asyncio.create_task(call.wait_for_final(DECIDED_MAX_S)),
        asyncio.create_task(call.media.wait_for_sound(DECIDED_MAX_S)),
    ]
    _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in pending:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)


def _delay_ms(call: OutgoingCall, outcome: Outcome) -> int | None:
    """From the phone's INVITE to the carrier's last one, or to the first sound where there was none."""
    if outcome.invites:
        return round((outcome.invites[-1].at - call.sent_at.epoch) * 1000)
    sound = call.media.heard.first_sound_at
    return None if sound is None else round((sound.monotonic - call.sent_at.monotonic) * 1000)


async def _soon(find: Callable[[], Found]) -> Found | None:
    """Ask until the answer is true; None if it never is. Beside the event loop, which serves the phones."""
    try:
        return await asyncio.to_thread(wait_until, find, RECORDED_MAX_S)
    except TimeoutError:
        return None
