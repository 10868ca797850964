"""A clinic on disk and the gate that serves it, as the tests of the edges need them: real files, a real ledger."""

import os
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from asterisk_agi import encode_request
from callgate.bookkeeper import Bookkeeper
from callgate.burst_watch import BurstWatch
from callgate.clinic import load_clinics
from callgate.core.attempt import CallAttempt, Origin
from callgate.gate import Gate, Passage
from callgate.journal import Journal, JournalRow, read_rows
from callgate.ledger.base import LedgerBook, PurseBook
from callgate.ledger.client import connect
from callgate.ledger.memory import MemoryLedger, at_second
from callgate.ledger.redis import RedisLedger
from callgate.lending import Lending
from callgate.policies import PolicyShelf
from callgate.seal import KEY_NAME, Seal
from callgate.settings import Settings, load_settings
from callgate.shared_nonces import SharedNonces
from callgate.spool import Spool
from callgate.tags import load_tagger

ROOT = Path(__file__).parent.parent
Shared = TypeVar("Shared", Lending, SharedNonces)
CLINIC = "cabinet-des-lilas"
TUESDAY_11 = datetime(2026, 11, 24, 10, tzinfo=UTC)
"""In Paris it is 11 o'clock, and the practice is open."""
PASSAGE = "11111111-1111-4111-8111-111111111111"
NONCE = "22222222-2222-4222-8222-222222222222"
HOLD = f"pbx1.{PASSAGE}.1.{int(TUESDAY_11.timestamp())}"

PARIS = "00142685300"
POINTE_A_PITRE = "00590271212"
"""Costly: an overseas department, allowed by the factory policy."""
BRUSSELS = "0003225551212"
"""Refused: another country."""

SETTINGS = f"""\
[gate]
listen = "127.0.0.1:0"
state  = "state"
spool  = "/SPOOL/calls.log"
pbx    = "pbx1"

[[clinic]]
name   = "{CLINIC}"
policy = "policy.toml"
rates  = "rates.csv"

[[trunk]]
name          = "carrier-a"
endpoint      = "carrier-a"
channels      = 10
number_format = "e164_plus"

[[trunk]]
name             = "carrier-b"
endpoint         = "carrier-b"
channels         = 5
number_format    = "national"
emergency_format = "e164_plus"

[[entry]]
context        = "callgate"
clinic         = "{CLINIC}"
outside_prefix = "0"
trunks         = ["carrier-a", "carrier-b"]
"""


def policy_text(changes: Mapping[str, str] | None = None) -> str:
    """The factory policy as this clinic fills it in, with some texts of it replaced."""
    text = (ROOT / "policies" / "presets" / "cabinet-france-seule.toml").read_text(encoding="utf-8")
    for old, new in {'clinic   = "mon-cabinet"': f'clinic = "{CLINIC}"', **(changes or {})}.items():
        assert old in text
        text = text.replace(old, new)
    return text


OBSERVING = {'mode     = "enforce"': 'mode = "observe"'}


def write_site(folder: Path, policy: str = "", settings: str = SETTINGS) -> Path:
    """Write a clinic's files into a folder; returns the settings file."""
    (folder / "state").mkdir(exist_ok=True)
    (folder / "spool").mkdir(exist_ok=True)
    (folder / "spool" / KEY_NAME).write_text(KEY, encoding="ascii")
    (folder / "policy.toml").write_text(policy or policy_text(), encoding="utf-8")
    rates = (ROOT / "policies" / "rates" / "FR-default.csv").read_text(encoding="utf-8")
    (folder / "rates.csv").write_text(rates, encoding="utf-8")
    file = folder / "callgate.toml"
    file.write_text(settings.replace("/SPOOL", str(folder / "spool")), encoding="utf-8")
    return file


ASKED = {
    "entry": "callgate",
    "trunk": "carrier-a",
    "passage": PASSAGE,
    "attempt": "1",
    "nonce": NONCE,
    "supersedes": "",
    "extension": "101",
    "origin": "extension",
    "caller": "0142000000",
    "dialled": PARIS,
    "asked": f"{TUESDAY_11.timestamp():.3f}",
}
KEY = "0123456789abcdef" * 4
"""Of the seal: `write_site` leaves it where the gate finds it."""


def header(script: str = "v1", **changes: str) -> bytes:
    """What Asterisk sends for the dialplan's AGI line, with some arguments changed; sealed as they are then."""
    named = {**ASKED, **changes}
    question = [f"{name}={value}" for name, value in named.items() if name != "seal"]
    question.append(f"seal={changes.get('seal', Seal(KEY).of(question))}")
    arguments = {f"agi_arg_{number}": argument for number, argument in enumerate(question, start=1)}
    return encode_request({"agi_network": "yes", "agi_network_script": script, "agi_callerid": "x", **arguments})


def silent_ledger(folder: Path) -> RedisLedger:
    """The ledger of a Redis that nobody started."""
    return RedisLedger(connect(f"unix://{folder}/nobody.sock"))


def shared_by_one(kind: type[Shared]) -> Shared:
    """What the workers of a gate share, of one process alone."""
    descriptor = os.memfd_create("shared")
    made = kind(descriptor)
    weakref.finalize(made, os.close, descriptor)
    return made


@dataclass(kw_only=True)
class Site:
    """One clinic and everything that serves it; `now` is the clock of all of it."""

    folder: Path
    settings: Settings
    ledger: MemoryLedger | RedisLedger
    shelf: PolicyShelf
    journal: Journal
    spool: Spool
    lending: Lending = field(default_factory=lambda: shared_by_one(Lending))
    bursts: BurstWatch = field(init=False)
    now: datetime = TUESDAY_11

    def __post_init__(self) -> None:
        self.bursts = BurstWatch(shelf=self.shelf, revisions=self.ledger)

    @property
    def gate(self) -> Gate:
        tagger = load_tagger(self.folder / "state")
        return Gate(
            ledger=self.ledger,
            shelf=self.shelf,
            journal=self.journal,
            lending=self.lending,
            tagger=tagger,
            bursts=self.bursts,
        )

    @property
    def bookkeeper(self) -> Bookkeeper:
        return Bookkeeper(
            settings=self.settings,
            shelf=self.shelf,
            ledger=self.ledger,
            journal=self.journal,
            spool=self.spool,
            clock=lambda: self.now,
        )

    def passage(
        self, dialled: str, *, trunk: str = "carrier-a", origin: Origin = Origin.EXTENSION, attempt: int = 1
    ) -> Passage:
        """One try of extension 101 to dial."""
        entry, found = self.settings.entry[0], self.settings.trunk_named(trunk)
        assert found is not None
        return Passage(
            attempt=CallAttempt(
                passage=f"pbx1.{PASSAGE}",
                attempt=attempt,
                supersedes="",
                nonce=NONCE,
                clinic=CLINIC,
                entry=entry.context,
                trunk=trunk,
                extension="101",
                caller_id="",
                dialled=dialled,
                origin=origin,
            ),
            entry=entry,
            trunk=found,
        )

    @property
    def rows(self) -> list[JournalRow]:
        """What the journal holds."""
        return [row for row, _ in read_rows(self.journal.file)] if self.journal.file.exists() else []

    async def book(self) -> LedgerBook:
        """What the ledger holds."""
        book = await self.ledger.book(CLINIC)
        assert isinstance(book, LedgerBook)
        return book

    async def purse(self, name: str) -> PurseBook:
        """One purse of it."""
        return next(purse for purse in (await self.book()).purses if purse.name == name)

    def write_spool(self, *lines: str) -> None:
        """Append lines as the dialplan does."""
        with (self.folder / "spool" / "calls.log").open("a", encoding="utf-8") as stream:
            stream.writelines(line + "\n" for line in lines)


def open_site(folder: Path, policy: str = "", ledger: MemoryLedger | RedisLedger | None = None) -> Site:
    """Write a clinic's files and load them; the policies are not put in force yet (`site.shelf.open()`)."""
    file = write_site(folder, policy)
    settings = load_settings(file)
    ledger = ledger or MemoryLedger(at_second(lambda: int(site.now.timestamp())))
    state = folder / "state"
    site = Site(
        folder=folder,
        settings=settings,
        ledger=ledger,
        shelf=PolicyShelf(load_clinics(settings, folder), ledger, state),
        journal=Journal(state),
        spool=Spool(folder / "spool" / "calls.log", state),
    )
    return site
