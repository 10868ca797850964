"""Keeps workers taking calls: replaces those that are stuck or dead, and hands over to the next ones without a gap.

The supervisor owns what must outlive a worker, the listening socket and the daemon's own store, and does nothing that
could hang: workers decide the calls. What becomes of each is in `callgate.places`; here is in which order. The first
place is filled first, and its worker keeps the journal for all; a reload goes from place to place; and at the end the
first worker leaves last.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import structlog

from callgate.heartbeat import LOOK_S
from callgate.notify import Notifier
from callgate.places import LEAVE_PATIENCE_S, News, Place, Recruiter
from callgate.texts.catalog import Language, text
from callgate.workers import Worker

log = structlog.get_logger()


class Status(StrEnum):
    """What goes on, as `callgate.texts` says it."""

    STARTING = "starting"
    SERVING = "serving"
    REPLACING = "replacing"
    RELOADING = "reloading"
    STOPPING = "stopping"


@dataclass(kw_only=True, slots=True)
class Supervisor:
    """Keeps workers.

    Fields:
        recruiter: starts them.
        workers: how many, at least one.
        notifier: who wants to know.
        language: of the sentences it is told.
    """

    recruiter: Recruiter
    workers: int = 1
    notifier: Notifier = field(default_factory=Notifier)
    language: Language = Language.EN
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _places: Sequence[Place] = ()
    _reloading: list[Place] = field(default_factory=list)
    _is_stopping: bool = False
    _is_reload_asked: bool = False
    _alive_at_s: float = 0.0

    def __post_init__(self) -> None:
        """Make the places."""
        self._places = [
            Place(number=number, recruiter=self.recruiter, news=self._wake.set) for number in range(self.workers)
        ]

    def stop(self) -> None:
        """Have the calls answered that are there, and end."""
        self._is_stopping = True
        self._wake.set()

    def reload(self) -> None:
        """Start each worker anew beside the one that serves, one after another, with the settings as they are now."""
        self._is_reload_asked = True
        self._wake.set()

    async def run(self) -> int:
        """Keep the workers until told to stop.

        Returns:
            0; or how the first worker ended if it never took a call: what is wrong then is for a person to mend.

        Raises:
            CallgateError: the first worker cannot be started.
        """
        self._say(Status.STARTING)
        first = self._places[0]
        while not self._is_stopping:
            self._next_look()
            if first.failed_code is not None:
                return first.failed_code
            await self._pause()
        await self._end()
        return 0

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(LOOK_S):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    def _next_look(self) -> None:
        now_s = time.monotonic()
        if self.notifier.watchdog_s and now_s >= self._alive_at_s:
            self._alive_at_s = now_s + self.notifier.watchdog_s
            self.notifier.alive()
        first, *further = self._places
        self._reload(now_s)
        for place in (first, *(further if first.has_served else ())):
            for news in place.look(now_s):
                self._hear(place, news)

    def _reload(self, now_s: float) -> None:
        """Begin a reload, or go on with the next place."""
        first = self._places[0]
        is_free = first.has_served and not any(place.is_changing for place in (first, *self._reloading[:1]))
        if self._is_reload_asked and is_free:
            self._is_reload_asked = False
            # Whatever comes of this one: they owe what was asked for before.
            for place in self._reloading:
                place.outdate()
            self._reloading = list(self._places)
            if first.serving is not None:
                self.notifier.reloading(self._sentence(Status.RELOADING))
            for news in first.reload(now_s, anew=True):
                self._hear(first, news)

    def _hear(self, place: Place, news: News) -> None:
        is_reloading = self._reloading[:1] == [place]
        match news:
            case News.REPLACING:
                self._say(Status.REPLACING)
            case News.SERVING:
                if is_reloading and not place.is_outdated:
                    del self._reloading[0]
                    if self._reloading:
                        # From now on it looks after that by itself, whatever else happens to it.
                        self._reloading[0].outdate()
                if not self._reloading:
                    self.notifier.ready(self._sentence(Status.SERVING))
                self._wake.set()
            case News.REFUSED if is_reloading:
                # The first one has tried the settings; a further one that fails with them all the same tries again.
                if place is self._places[0]:
                    self._reloading.clear()
                if place.serving is not None:
                    self.notifier.ready(self._sentence(Status.SERVING))
            case News.REFUSED:
                pass

    async def _end(self) -> None:
        """Have every worker leave, and kill those that do not; the first one last: it writes down what others did."""
        self.notifier.stopping(self._sentence(Status.STOPPING))
        first, *further = self._places
        for places in (further, (first,)):
            await self._leave([worker for place in places for worker in place.workers()])

    async def _leave(self, workers: Sequence[Worker]) -> None:
        for worker in workers:
            worker.leave()
        patient_until_s = time.monotonic() + LEAVE_PATIENCE_S
        while any(worker.code is None for worker in workers):
            if time.monotonic() > patient_until_s:
                for worker in workers:
                    worker.kill()
            await self._pause()

    def _say(self, status: Status) -> None:
        self.notifier.status(self._sentence(status))

    def _sentence(self, status: Status) -> str:
        return text(f"service.{status}", self.language)
