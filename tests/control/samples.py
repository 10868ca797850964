"""A practice whose calls are up in a PBX made of values: it tells what happens, does what it is told, and keeps time.

The gate, the policies, the ledger and the journal are the real ones; time passes only when a test says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from callgate.control.calls import Clocks
from callgate.control.live import Around, LiveControl, make_live
from callgate.control.switch import Leg, Switch, Watcher
from callgate.core.attempt import Origin
from callgate.core.hold import (
    Frozen,
    FrozenCause,
    HoldOutcome,
    HoldRequest,
    RenewOutcome,
    RenewRequest,
    SettleOutcome,
    Unavailable,
)
from callgate.core.locks import Lock
from callgate.core.tariff import price
from callgate.core.verdict import Grant
from callgate.gate import Gate
from callgate.grants import Grants
from callgate.journal import JournalRow
from callgate.ledger.base import LedgerBook, LiveHold, Settlement
from callgate.ledger.memory import MemoryLedger, at_second
from callgate.ledger.revisions import NoPolicy, PolicyRevision, Published
from callgate.recall import Recall
from callgate.tags import load_tagger
from clinic_samples import CLINIC, TUESDAY_11, Site, open_site, policy_text

STEP_S = 0.25
RING_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One thing the switch was told: ``hang_up``, ``limit`` or ``warn``, and when, in seconds since the start."""

    what: str
    channel: str
    at_s: float
    seconds: int = 0


@dataclass(slots=True)
class Clock:
    """Seconds since the start."""

    s: float = 0.0


class Pbx(Switch):
    """Asterisk as live control sees it.

    Attributes:
        done: what it was told, in order.
        ends_at: when the limit of each leg ends it.
        up, all: the legs that are up, and those that ever were.
        ended: when each leg ended.
        deaf: whether it does nothing it is told.
        is_up: whether the link is.
        lost: legs that ended without a word to the spool.
    """

    def __init__(self, seconds: Clock) -> None:
        self.watcher = Watcher()
        self.done: list[Done] = []
        self.ends_at: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self.up: dict[str, Leg] = {}
        self.all: dict[str, Leg] = {}
        self.lost: set[str] = set()
        self.deaf = False
        self.is_up = True
        self._seconds = seconds

    @property
    def is_linked(self) -> bool:
        """See `Switch.is_linked`."""
        return self.is_up

    def legs(self) -> tuple[Leg, ...]:
        """See `Switch.legs`."""
        return tuple(self.up.values())

    async def hang_up(self, channel: str) -> bool:
        """See `Switch.hang_up`."""
        self._note("hang_up", channel)
        if not self.deaf:
            self.end(channel)
        return not self.deaf

    async def limit(self, channel: str, seconds: int) -> bool:
        """See `Switch.limit`."""
        self._note("limit", channel, seconds)
        if self.deaf:
            return False
        self.ends_at.pop(channel, None)
        if seconds:
            self.ends_at[channel] = self._seconds.s + seconds
        return True

    async def is_limited(self, channel: str) -> bool | None:
        """See `Switch.is_limited`."""
        return None if self.deaf else channel in self.ends_at

    async def warn(self, channel: str) -> bool:
        """See `Switch.warn`."""
        self._note("warn", channel)
        return not self.deaf

    def begin(self, leg: Leg, ends_in_s: float) -> None:
        """A leg is about to send its INVITE."""
        self.up[leg.channel] = self.all[leg.channel] = leg
        self.ends_at[leg.channel] = self._seconds.s + ends_in_s
        if self.is_up:
            self.watcher.began(leg)

    def answer(self, leg: Leg, at: datetime, ends_in_s: float) -> Leg:
        """The carrier answers."""
        self.up[leg.channel] = self.all[leg.channel] = leg = replace(leg, answered=at)
        self.ends_at[leg.channel] = self._seconds.s + ends_in_s
        if self.is_up:
            self.watcher.answered(leg)
        return leg

    def change(self, leg: Leg, **fields: str) -> None:
        """Keep something else of a leg from now on; nobody is told."""
        self.up[leg.channel] = self.all[leg.channel] = replace(self.up[leg.channel], **fields)  # type: ignore[arg-type]  # a test names its fields

    def end(self, channel: str) -> None:
        """A leg ends."""
        leg = self.up.pop(channel, None)
        self.ends_at.pop(channel, None)
        if leg is not None:
            self.ended[channel] = self._seconds.s
            if self.is_up:
                self.watcher.ended(leg)

    def expire(self) -> None:
        """End the legs whose limit is over."""
        for channel in [channel for channel, at_s in self.ends_at.items() if at_s <= self._seconds.s]:
            self.end(channel)

    def unlink(self) -> None:
        """The link is lost."""
        self.is_up = False
        self.watcher.unlinked()

    def link(self) -> None:
        """The link is up again, or for the first time."""
        self.is_up = True
        for leg in self.up.values():
            self.watcher.began(replace(leg, is_new=False))
        self.watcher.linked()

    def _note(self, what: str, channel: str, seconds: int = 0) -> None:
        self.done.append(Done(what=what, channel=channel, at_s=self._seconds.s, seconds=seconds))

    def told(self, what: str) -> list[Done]:
        """What it was told of one kind."""
        return [done for done in self.done if done.what == what]


class Store(MemoryLedger):
    """A ledger that can be out of reach, or know that it has lost something; it counts what it is asked."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(at_second(lambda: int(TUESDAY_11.timestamp() + clock.s)))
        self.is_down = False
        self.is_frozen = False
        self.settles = True
        self.renewals = 0
        self.fetches = 0

    async def hold(self, request: HoldRequest) -> HoldOutcome:
        """See `Ledger.hold`."""
        return Unavailable(cause="timeout") if self.is_down else await super().hold(request)

    async def renew(self, request: RenewRequest) -> RenewOutcome:
        """See `Ledger.renew`."""
        self.renewals += 1
        if self.is_down:
            return Unavailable(cause="timeout")
        return Frozen(cause=FrozenCause.REGRESSED) if self.is_frozen else await super().renew(request)

    async def book(self, clinic: str) -> LedgerBook | Unavailable:
        """See `Ledger.book`."""
        book = await super().book(clinic)
        if self.is_down or isinstance(book, Unavailable):
            return Unavailable(cause="timeout")
        return replace(book, frozen=FrozenCause.REGRESSED) if self.is_frozen else book

    async def settle(self, settlement: Settlement) -> SettleOutcome:
        """See `Ledger.settle`."""
        if self.is_down or not self.settles:
            return Unavailable(cause="timeout")
        return await super().settle(settlement)

    async def fetch_policy(self, clinic: str, revision: int | None = None) -> PolicyRevision | NoPolicy | Unavailable:
        """See `Revisions.fetch_policy`."""
        self.fetches += 1
        return Unavailable(cause="timeout") if self.is_down else await super().fetch_policy(clinic, revision)


@dataclass(slots=True, kw_only=True)
class Stage:
    """The practice, its PBX, and live control between them."""

    site: Site
    store: Store
    pbx: Pbx
    clock: Clock
    gate: Gate
    control: LiveControl
    began: datetime = TUESDAY_11
    calls: int = 0
    granted: dict[str, int] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)

    async def dial(self, dialled: str, *, origin: Origin = Origin.EXTENSION) -> Leg:
        """Take a call through the gate; its leg rings."""
        self.calls += 1
        passage = self.site.passage(dialled, origin=origin)
        attempt = replace(passage.attempt, passage=f"pbx1.call-{self.calls}", nonce=f"nonce-{self.calls}")
        grant = await self.gate.decide(replace(passage, attempt=attempt), self.site.now)
        assert isinstance(grant, Grant), grant
        leg = Leg(
            channel=f"PJSIP/carrier-a-{self.calls:08x}",
            uniqueid=f"1795000000.{self.calls}",
            linkedid="",
            endpoint="carrier-a",
            dialled=grant.number,
            grant=grant.grant_id,
            entry=attempt.entry,
            extension=attempt.extension,
            origin=origin,
            answered=None,
            is_new=True,
        )
        self.granted[leg.channel] = grant.seconds
        self.pbx.begin(leg, RING_S + grant.seconds)
        return leg

    def answer(self, leg: Leg) -> Leg:
        """The carrier answers: the dialplan arms what was granted."""
        return self.pbx.answer(leg, self.site.now, self.granted[leg.channel])

    async def talk(self, dialled: str, **how: Origin) -> Leg:
        """Dial, and be answered at once."""
        return self.answer(await self.dial(dialled, **how))

    def start_at(self, after: timedelta) -> None:
        """Let some hours pass before anything begins."""
        self.began += after
        self.site.now = self.began

    async def wait(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(seconds / STEP_S)):
            self.clock.s += STEP_S
            self.site.now = self.began + timedelta(seconds=self.clock.s)
            self.pbx.expire()
            await self.settle()
            await self.look()

    async def look(self) -> None:
        """What live control does of itself, all at once."""
        await self.control.endings.free()
        await self.control.slices.look()
        await self.control.cuts.look()

    async def settle(self) -> None:
        """What the dialplan writes when a leg ends, and the bookkeeper reads."""
        for channel, at_s in self.pbx.ended.items():
            if channel not in self.settled | self.pbx.lost:
                self.settled.add(channel)
                leg, ended_s = self.pbx.all[channel], int(self.began.timestamp()) + at_s
                answered = f"{leg.answered.timestamp():.3f}" if leg.answered else ""
                self.site.write_spool(f"1|settle|{leg.grant}|callgate|{leg.dialled}|{answered}|{ended_s:.3f}|16|end")
        await self.site.bookkeeper.read_spool()

    async def publish(self, changes: Mapping[str, str], *locks: Lock) -> None:
        """Put another policy in force, or locks, as a command on another machine does."""
        number = (await self.site.book()).policy_revision
        revision = PolicyRevision(
            clinic=CLINIC,
            revision=number + 1,
            author="dr.lilas",
            at=self.site.now,
            origin="command",
            reason="",
            document=policy_text(changes),
            locks=locks,
        )
        assert isinstance(await self.store.publish(revision, number), Published)

    async def hold(self, leg: Leg) -> LiveHold | None:
        """What the ledger holds for a leg."""
        return next((hold for hold in (await self.site.book()).holds if hold.hold_id == leg.grant), None)

    def price(self, leg: Leg, seconds: int) -> int:
        """What the operator asks for so many seconds, in micros."""
        issued = self.gate.grants.get(leg.grant)
        assert issued is not None
        assert issued.priced.rate is not None
        return price(issued.priced.rate, seconds)

    def rows(self, event: str) -> list[JournalRow]:
        """The journal's rows of one kind."""
        return [row for row in self.site.rows if row.event == event]

    def restart_gate(self) -> None:
        """Begin anew with a gate that knows nothing of any call."""
        self.pbx.is_up = False
        self.gate, self.control = _control(self.site, self.pbx, self.clock)
        self.pbx.link()


async def open_stage(folder: Path, changes: Mapping[str, str] | None = None) -> Stage:
    """Open the practice, with its link up."""
    clock = Clock()
    store = Store(clock)
    site = open_site(folder, policy_text(changes), store)
    await site.shelf.open()
    pbx = Pbx(clock)
    gate, control = _control(site, pbx, clock)
    pbx.link()
    return Stage(site=site, store=store, pbx=pbx, clock=clock, gate=gate, control=control)


def _control(site: Site, pbx: Pbx, clock: Clock) -> tuple[Gate, LiveControl]:
    clocks = Clocks(now=lambda: site.now, monotonic=lambda: clock.s)
    recall = Recall(
        settings=site.settings, shelf=site.shelf, tagger=load_tagger(site.folder / "state"), clock=clocks.now
    )
    gate = replace(site.gate, slices=lambda: pbx.is_linked, grants=Grants(clocks.monotonic))
    around = Around(
        pbx=site.settings.gate.pbx,
        grants=gate.grants,
        recall=recall.issued,
        ledger=site.ledger,
        shelf=site.shelf,
        journal=site.journal,
        clocks=clocks,
        is_spool_read=site.spool.is_read,
    )
    control = make_live(pbx, around)
    pbx.watcher = control.calls
    return gate, control
