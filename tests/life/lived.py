"""Takes ordinary life through replay, on machines that keep time well, badly or not at all."""

import argparse
import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from callgate.commands.site import site_of
from callgate.core.hold import Window
from callgate.core.reasons import Reason
from callgate.core.sighting import Ticks
from callgate.core.verdict import Refusal
from callgate.ledger.memory import at_second
from callgate.ledger.ticks import SYNCED_FOR_S
from callgate.replay.attempts import Attempt
from callgate.replay.channels import Lines
from callgate.replay.peaks import Use
from callgate.replay.reader import Zones, read_attempts
from callgate.replay.run import Outcome, Site, replay
from callgate.settings import DEFAULT_SETTINGS
from life.practices import PARIS, Call, Practice, attempts, rates

Clocks = Callable[[Callable[[], int]], Callable[[], Ticks]]


ON_FROM, OFF_FROM = time(7, 30), time(20, 30)
"""When a machine is up that is switched off every night. Calls at other times do not pass it."""


def while_on(calls: tuple[Call, ...]) -> tuple[Call, ...]:
    """Leave out the calls of the time when it is off."""
    return tuple(call for call in calls if ON_FROM <= call.start.time() < OFF_FROM)


def off_at_night(second: Callable[[], int]) -> Callable[[], Ticks]:
    """A machine that is switched off every night; a time server keeps its clock."""
    return _switched_off(second, is_synced=True)


def never_synced(second: Callable[[], int]) -> Callable[[], Ticks]:
    """A machine that is never switched off and has no time server: only its uptime proves time."""

    def look() -> Ticks:
        wall_s = second()
        return Ticks(boot="only", uptime_s=wall_s, wall_s=wall_s)

    return look


def off_and_never_synced(second: Callable[[], int]) -> Callable[[], Ticks]:
    """A machine that is switched off every night and has no time server: nothing proves the nights."""
    return _switched_off(second, is_synced=False)


def _switched_off(second: Callable[[], int], *, is_synced: bool) -> Callable[[], Ticks]:
    def look() -> Ticks:
        wall_s = second()
        wall = datetime.fromtimestamp(wall_s, PARIS)
        # A call that is still up when the machine would be switched off keeps it on.
        day = wall.date() if wall.time() >= ON_FROM else wall.date() - timedelta(days=1)
        up_s = wall_s - int(datetime.combine(day, ON_FROM, PARIS).timestamp())
        return Ticks(boot=day.isoformat(), uptime_s=up_s, wall_s=wall_s, is_synced=is_synced and up_s >= SYNCED_FOR_S)

    return look


OFF_AND_UNSYNCED = "off every night, no time server"
MACHINES: dict[str, Clocks] = {
    "always on": at_second,
    "off every night": off_at_night,
    "no time server": never_synced,
    OFF_AND_UNSYNCED: off_and_never_synced,
}
OFF = frozenset({off_at_night, off_and_never_synced})


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What became of the calls of a practice.

    Fields:
        calls, costly: how many, and how many of them are costly.
        refused_ordinary: ordinary calls that were refused, by reason.
        days, refused_days: working days, and days on which a costly call was refused.
        refused_costly: costly calls that were refused, by reason.
        cut: calls that a limit ended.
        uses: the highest use of each ceiling.
    """

    calls: int
    costly: int
    refused_ordinary: Counter[Reason]
    days: int
    refused_days: int
    refused_costly: Counter[Reason]
    cut: int
    uses: tuple[Use, ...]

    def highest(self, purse: str, window: Window) -> int:
        """The highest use of a ceiling, in percent."""
        return max((use.percent for use in self.uses if (use.purse, use.window) == (purse, window)), default=0)


def live(practice: Practice, calls: tuple[Call, ...], clocks: Clocks = at_second) -> Life:
    """Replay calls under the practice's policy and its operator's deck."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in {
            "policy.toml": practice.policy(),
            "rates.csv": rates(),
            "a.csv": attempts(while_on(calls) if clocks in OFF else calls),
        }.items():
            (folder / file).write_text(content, encoding="utf-8")
        site = _site(folder, practice)
        with (folder / "a.csv").open(encoding="utf-8", newline="") as stream:
            reading = read_attempts(stream, Zones(clinic=site.clinic.policy.timezone), Lines())
    assert reading.bad == 0
    replayed = asyncio.run(replay(reading.attempts, site, clocks))
    return _added_up(tuple(zip(reading.attempts, replayed.outcomes, strict=True)), replayed.highest_use)


def _site(folder: Path, practice: Practice) -> Site:
    site = site_of(
        argparse.Namespace(
            settings=DEFAULT_SETTINGS,
            clinic=None,
            policy=folder / "policy.toml",
            rates=folder / "rates.csv",
            prefix=None,
        )
    )
    return replace(site, clinic=replace(site.clinic, channels=practice.channels))


def _added_up(outcomes: tuple[tuple[Attempt, Outcome], ...], uses: tuple[Use, ...]) -> Life:
    def refused(*, ordinary: bool) -> list[tuple[date, Reason]]:
        return [
            (attempt.instant.astimezone(PARIS).date(), outcome.verdict.reasons[0])
            for attempt, outcome in outcomes
            if isinstance(outcome.verdict, Refusal) and outcome.ordinary is ordinary
        ]

    costly = refused(ordinary=False)
    days = {attempt.instant.astimezone(PARIS).date() for attempt, _ in outcomes if attempt.origin == "extension"}
    return Life(
        calls=len(outcomes),
        costly=sum(not outcome.ordinary for _, outcome in outcomes),
        refused_ordinary=Counter(reason for _, reason in refused(ordinary=True)),
        days=len(days),
        refused_days=len({day for day, _ in costly}),
        refused_costly=Counter(reason for _, reason in costly),
        cut=sum(outcome.is_cut for _, outcome in outcomes),
        uses=uses,
    )
