"""What the system tests share: the practice's lab, phones, stub gates, and what the carrier, journal and phone saw."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

import practice
from asterisk_conf import QUIET_LOGGER
from callgate.core.wire import mask
from callgate.journal import JOURNAL_FILE, JournalRow, read_rows
from callgate.ledger.base import LedgerBook
from callgate.ledger.client import connect
from callgate.ledger.redis import RedisLedger
from carrier_log import CarrierEvent
from lab import Lab
from outgoing_call import OutgoingCall, Progress
from sip_digest import Credentials
from sip_phone import Phone

WITHIN_S = 8.0
POLL_S = 0.02

PARIS = "00142685300"
PARIS_WIRE = "+33142685300"
MOBILE = "00612345678"
IVORY_COAST = "0002250123456615"
PREMIUM = "00899701234"

STUB = Path(__file__).parent / "stub_gate.py"

Found = TypeVar("Found")


class Config(msgspec.Struct, frozen=True):
    """What a test may have changed and the next one must find restored."""

    policy: str
    dialplan: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """The running lab of the practice."""

    lab: Lab
    config: Config
    began: float

    def log_no_steps(self) -> None:
        """Have Asterisk log what it logs in a practice, and not each step of the dialplan."""
        self.lab.copy_to_asterisk("logger.conf", QUIET_LOGGER)
        self.lab.asterisk_cli("logger", "reload")

    @asynccontextmanager
    async def phones(self, *numbers: str) -> AsyncIterator[list[Phone]]:
        """Register some phones for a while."""
        async with AsyncExitStack() as stack:
            found = []
            for number in numbers:
                credentials = Credentials(username=number, password=self.lab.secrets.phones)
                phone = await stack.enter_async_context(Phone(credentials, self.lab.sip))
                await phone.register(WITHIN_S)
                found.append(phone)
            yield found

    async def dial(self, dialled: str, extension: str = "101") -> "Outcome":
        """Dial, hang up if it was answered, and tell what everybody saw."""
        before = len(self.lab.invites())
        async with self.phones(extension) as (phone,):
            call = phone.call(dialled)
            final = await call.wait_for_final(WITHIN_S + 4)
            if final.code == 200:
                await call.wait_connected(WITHIN_S)
                call.hang_up()
                await call.wait_ended(WITHIN_S)
            return Outcome(call=call, final=final, invites=tuple(self.lab.invites()[before:]))

    async def dial_together(self, dialled: list[str], extension: str = "101") -> tuple[list[OutgoingCall], list[str]]:
        """Dial many at once from one phone, wait for every final answer, and tell what the carrier was asked for."""
        before = len(self.lab.invites())
        async with self.phones(extension) as (phone,):
            calls = [phone.call(number) for number in dialled]
            await asyncio.gather(*(call.wait_for_final(WITHIN_S + 4) for call in calls))
        return calls, [invite.user for invite in self.lab.invites()[before:]]

    def apply_policy(self, text: str) -> None:
        """Put a policy in force as the clinic would."""
        (self.lab.folder / "config" / "policy.toml").write_text(text, encoding="utf-8")
        said = self.lab.gate_exec("callgate", "policy", "apply", "/etc/callgate/policy.toml", "--reason", "test")
        assert "is in force" in said or "en vigueur" in said, said

    def load_dialplan(self, text: str) -> None:
        """Replace `callgate.conf` and reload."""
        self.lab.copy_to_asterisk("callgate.conf", text)
        self.lab.asterisk_cli("dialplan", "reload")

    def load_extension(self, lines: str) -> None:
        """Add extensions to what the phones can dial, as an installer might."""
        text = (self.lab.folder / "etc" / "callgate.conf").read_text(encoding="utf-8")
        self.load_dialplan(f"{text}\n[internal]\n{lines}\n")

    def start_stub(self, mode: str) -> None:
        """Put a stub in the place of the gate, which must be stopped."""
        self.lab.copy_to_asterisk("/root/stub_gate.py", STUB.read_bytes())
        self.in_asterisk("sh", "-c", f"cd; python3 stub_gate.py {mode} >stub.log 2>&1 & echo $! >~/stub.pid")
        wait_for(lambda: "listening" in self.stub_log())

    def stop_stub(self) -> None:
        """End the stub, if one runs."""
        self.in_asterisk("sh", "-c", "cd; test -e stub.pid && kill -9 $(cat stub.pid); rm -f stub.pid")

    def stub_log(self) -> str:
        """What the stub heard."""
        return self.in_asterisk("cat", "/root/stub.log")

    def in_asterisk(self, *words: str) -> str:
        """Run a program beside Asterisk."""
        return self.lab.asterisk_exec(*words)

    def set_phone_language(self, language: str) -> None:
        """Change the language of the phones."""
        file = self.lab.folder / "etc" / "pjsip.conf"
        text = re.sub(
            r"^language = .*$", f"language = {language}", file.read_text(encoding="utf-8"), flags=re.MULTILINE
        )
        self.lab.copy_to_asterisk("pjsip.conf", text)
        self.lab.asterisk_cli("module", "reload", "res_pjsip.so")

    @staticmethod
    def now() -> float:
        """The carrier's clock, which is this machine's."""
        return time.time()

    def rows(self, event: str | None = None) -> list[JournalRow]:
        """The journal's rows, oldest first."""
        file = self.lab.folder / "state" / JOURNAL_FILE
        if not file.exists():
            return []
        return [row for row, _ in read_rows(file) if event in {None, row.event}]

    def last_row(self, event: str, after: int = 0, within_s: float = WITHIN_S, number: str = "") -> JournalRow:
        """Wait for a row of this event beyond the first `after` ones, and of this number where one is named.

        An earlier test's flood may be counted in a row that is only written at the minute's end, or the gate's.
        """

        def found() -> list[JournalRow]:
            return [row for row in self.rows(event)[after:] if not number or row.number == mask(number)]

        return wait_for(found, within_s)[-1]

    async def book(self) -> LedgerBook:
        """The clinic's ledger as it is now."""
        client = connect(f"redis://{self.lab.redis_host}:6379")
        try:
            book = await RedisLedger(client).book(practice.CLINIC)
        finally:
            await client.aclose()
        assert isinstance(book, LedgerBook)
        return book

    async def wait_for_no_holds(self) -> LedgerBook:
        """Wait until every hold has ended."""
        for _ in range(round(WITHIN_S / POLL_S)):
            if not (book := await self.book()).holds:
                return book
            await asyncio.sleep(POLL_S)
        message = "holds remain"
        raise AssertionError(message)

    async def logged(self, event: str, user: str, within_s: float = WITHIN_S) -> CarrierEvent:
        """Wait for an event of the carrier's log in this test."""

        def found() -> CarrierEvent | None:
            lines = [line for line in self.lab.carrier_log() if (line.event, line.user) == (event, user)]
            return lines[-1] if lines and lines[-1].at >= self.began else None

        return await asyncio.to_thread(wait_for, found, within_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one call: the phone's side, and the INVITEs the carrier received meanwhile."""

    call: OutgoingCall
    final: Progress
    invites: tuple[CarrierEvent, ...]

    @property
    def users(self) -> list[str]:
        """The numbers the carrier was asked for."""
        return [invite.user for invite in self.invites]


def wait_for(condition: Callable[[], Found | None], within_s: float = WITHIN_S) -> Found:
    """Wait until something is true, and return it.

    Raises:
        AssertionError: if it is not in time.
    """
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(POLL_S)
    return found


def assert_refused(outcome: Outcome) -> None:
    """The phone heard a refusal, and the carrier saw nothing."""
    assert outcome.users == []
    assert_refused_call(outcome.call)


def assert_refused_call(call: OutgoingCall) -> None:
    """The refusal was spoken within 1.5 s as early media, and then cause 21."""
    heard = call.media.heard.first_sound_at
    assert heard is not None, "nothing was heard"
    assert heard.monotonic - call.sent_at.monotonic < 1.5
    assert call.answered_at is None
    assert call.final is not None
    assert call.final.code == 403, call.final
    assert "cause=21" in call.final.reason


def assert_emergency(outcome: Outcome, number: str) -> None:
    """The carrier was asked for exactly this emergency number, and answered."""
    assert outcome.users == [number]
    assert outcome.final.code == 200
