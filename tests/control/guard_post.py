"""The guard of a clinic with all around it, for the tests of what it does and of what that costs."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from callgate.control.calls import Clocks
from callgate.control.elsewhere import OtherGrants
from callgate.control.guard import Guard
from callgate.control.incident import Incidents
from callgate.control.standing import StandingFile
from callgate.control.switch import Leg, Switch
from callgate.control.toll import Toll
from callgate.control.trunks import Trunks
from callgate.core.attempt import Origin
from callgate.gate import price_on
from callgate.grants import Grants
from callgate.recall import Recall
from callgate.tags import load_tagger
from clinic_samples import Site, open_site

PARIS_WIRE = "+33142685300"
SATELLITE = "0088216001"
LEG = Leg(
    channel="PJSIP/carrier-a-00000001",
    uniqueid="1.1",
    linkedid="1.0",
    endpoint="carrier-a",
    dialled=PARIS_WIRE,
    grant="",
    entry="",
    extension="",
    origin=Origin.UNKNOWN,
    answered=None,
    is_new=True,
)


@dataclass(kw_only=True)
class Asterisk(Switch):
    """One that hangs up, or does not; it remembers what it was told."""

    answers: list[bool] = field(default_factory=list)
    up: tuple[Leg, ...] = ()
    ended: list[str] = field(default_factory=list)

    @property
    def is_linked(self) -> bool:
        return True

    def legs(self) -> tuple[Leg, ...]:
        return self.up

    async def hang_up(self, channel: str) -> bool:
        self.ended.append(channel)
        return self.answers.pop(0) if self.answers else True

    async def is_limited(self, channel: str) -> bool | None:
        raise NotImplementedError

    async def limit(self, channel: str, seconds: int) -> bool:
        raise NotImplementedError

    async def warn(self, channel: str) -> bool:
        raise NotImplementedError


@dataclass(kw_only=True)
class Post:
    """The guard of a clinic, with all around it."""

    site: Site
    asterisk: Asterisk
    grants: Grants
    trunks: Trunks
    incidents: Incidents
    standing: StandingFile
    toll: Toll
    guard: Guard
    now_s: list[float]

    def step(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s[0] += seconds
        self.site.now += timedelta(seconds=seconds)

    async def sees(self, leg: Leg) -> list[str]:
        """The guard meets a leg; which rows that gives."""
        return await self.hears(lambda: self.guard.began(leg))

    async def hears(self, *happened: Callable[[], None]) -> list[str]:
        """The guard is told that something happened; which rows that gives."""
        before = len(self.site.rows)
        for happens in happened:
            happens()
        while self.guard._working:
            await asyncio.gather(*self.guard._working)
        await self.incidents.write()
        return [row.note for row in self.site.rows[before:]]


async def make_post(folder: Path, policy: str = "", asterisk: Asterisk | None = None) -> Post:
    site = open_site(folder, policy)
    await site.shelf.open()
    now_s = [0.0]
    clocks = Clocks(now=lambda: site.now, monotonic=lambda: now_s[0])
    switch, grants = asterisk or Asterisk(), Grants(clocks.monotonic)
    trunks = Trunks(site.settings, site.shelf, price_on)
    standing = StandingFile(folder / "state", clocks.now)
    incidents = Incidents(site.journal, trunks, standing, clocks.now)
    recall = Recall(settings=site.settings, shelf=site.shelf, tagger=load_tagger(folder / "state"), clock=clocks.now)
    others = OtherGrants(recall.issued, site.ledger, clocks.monotonic)
    toll = Toll(
        pbx="pbx1",
        switch=switch,
        trunks=trunks,
        ledger=site.ledger,
        incidents=incidents,
        standing=standing,
        clocks=clocks,
    )
    guard = Guard(
        switch=switch,
        grants=grants,
        others=others,
        trunks=trunks,
        incidents=incidents,
        toll=toll,
        clocks=clocks,
        watched_from=lambda: standing.watched_from,
    )
    return Post(
        site=site,
        asterisk=switch,
        grants=grants,
        trunks=trunks,
        incidents=incidents,
        standing=standing,
        toll=toll,
        guard=guard,
        now_s=now_s,
    )
