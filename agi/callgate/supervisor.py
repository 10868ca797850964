"""Keeps one worker taking calls: replaces it when it is stuck or dead, and hands over to the next without a gap.

The supervisor owns what must outlive a worker, the listening socket and the daemon's own store, and does nothing that
could hang: a worker decides the calls. What can happen is one table, gone through at every look::

    the worker           and                      then
    serves               is silent for 0.8 s      kill it: the kernel closes its connections, the contract has its calls
    ended                                         start another one, later each time if they die one after another
    serves               a reload is asked for    start the next one beside it
    serves               the next is prepared     tell this one to leave, the next one to go
    leaves               takes too long           kill it
    is the next one      ended                    the reload is refused; the one that serves goes on
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

import structlog

from callgate.errors import CallgateError
from callgate.heartbeat import LOOK_S, restart_pause_s
from callgate.notify import Notifier
from callgate.texts.catalog import Language, text
from callgate.workers import Worker

START_PATIENCE_S = 120.0
"""A worker that is not prepared by then is stuck."""
LEAVE_PATIENCE_S = 6.0
"""A worker that was told to leave, or to go, and has not by then, is stuck: its calls have had their answer."""
STEADY_S = 10.0
"""A worker that served for so long did not die of how it was started."""

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
    """Keeps a worker.

    Fields:
        start: starts a worker that calls what it is given when it has news.
        notifier: who wants to know.
        language: of the sentences it is told.
    """

    start: Callable[[Callable[[], None]], Worker]
    notifier: Notifier = field(default_factory=Notifier)
    language: Language = Language.EN
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _is_stopping: bool = False
    _is_reload_asked: bool = False
    _has_served: bool = False
    _serving: Worker | None = None
    _next: Worker | None = None
    _leaving: Worker | None = None
    _deaths: int = 0
    _start_at_s: float = 0.0
    _alive_at_s: float = 0.0

    def stop(self) -> None:
        """Have the calls answered that are there, and end."""
        self._is_stopping = True
        self._wake.set()

    def reload(self) -> None:
        """Start a worker anew beside the one that serves, with the settings as they are now."""
        self._is_reload_asked = True
        self._wake.set()

    async def run(self) -> int:
        """Keep a worker until told to stop.

        Returns:
            0; or how the first worker ended if it never took a call: what is wrong then is for a person to mend.

        Raises:
            CallgateError: the first worker cannot be started.
        """
        self._say(Status.STARTING)
        while not self._is_stopping:
            self._next_look()
            if self._next is not None and self._next.code is not None and not self._has_served:
                return abs(self._next.code)
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
        self._look_at_serving(now_s)
        self._look_at_leaving(now_s)
        self._look_at_next(now_s)

    def _look_at_serving(self, now_s: float) -> None:
        worker = self._serving
        if worker is None:
            return
        if worker.code is None:
            if not worker.is_silent(now_s):
                return
            worker.kill()
        cause = "stuck" if worker.code is None else _ending(worker.code)
        self._serving, self._leaving = None, worker
        self._deaths = 1 if now_s - worker.began_s > STEADY_S else self._deaths + 1
        self._start_at_s = now_s + restart_pause_s(self._deaths)
        log.error("worker.replaced", pid=worker.process, cause=cause, pause_s=restart_pause_s(self._deaths))
        self._say(Status.REPLACING)

    def _look_at_leaving(self, now_s: float) -> None:
        worker = self._leaving
        if worker is None:
            return
        if worker.code is not None:
            self._leaving = None
        elif worker.told_s is not None and now_s - worker.told_s > LEAVE_PATIENCE_S:
            log.error("worker.killed", pid=worker.process, cause="does not leave")
            worker.kill()

    def _look_at_next(self, now_s: float) -> None:
        worker = self._next
        if worker is None:
            if self._is_reload_asked or (self._serving is None and now_s >= self._start_at_s):
                self._start(now_s)
        elif worker.code is not None:
            self._next_ended(worker, now_s)
        elif worker.is_serving:
            self._next, self._serving = None, worker
            self._has_served = True
            log.info("worker.serving", pid=worker.process)
            self.notifier.ready(self._sentence(Status.SERVING))
        elif worker.is_prepared and worker.told_s is None:
            # The lock of the journal is the baton: the next one has it as soon as this one has let go of it.
            if self._serving is not None:
                self._serving.leave()
                self._serving, self._leaving = None, self._serving
            worker.go()
        elif now_s - (worker.told_s or worker.began_s) > (LEAVE_PATIENCE_S * 2 if worker.told_s else START_PATIENCE_S):
            log.error("worker.killed", pid=worker.process, cause="does not start")
            worker.kill()

    def _start(self, now_s: float) -> None:
        is_reload, self._is_reload_asked = self._is_reload_asked, False
        if is_reload and self._serving is not None:
            self.notifier.reloading(self._sentence(Status.RELOADING))
        try:
            self._next = self.start(self._wake.set)
        except (CallgateError, OSError) as error:
            if not self._has_served:
                raise
            self._refuse(str(error), now_s)

    def _next_ended(self, worker: Worker, now_s: float) -> None:
        self._next = None if self._has_served else worker
        if self._has_served:
            assert worker.code is not None
            self._refuse(_ending(worker.code), now_s)

    def _refuse(self, problem: str, now_s: float) -> None:
        """Go on with the worker that serves; without one, try again a little later."""
        if self._serving is not None:
            log.error("reload.refused", problem=problem, pid=self._serving.process)
            self.notifier.ready(self._sentence(Status.SERVING))
            return
        self._deaths += 1
        self._start_at_s = now_s + restart_pause_s(self._deaths)
        log.error("worker.not_started", cause=problem, pause_s=restart_pause_s(self._deaths))

    async def _end(self) -> None:
        """Have every worker leave, and kill those that do not."""
        self.notifier.stopping(self._sentence(Status.STOPPING))
        workers = [worker for worker in (self._serving, self._next, self._leaving) if worker is not None]
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


def _ending(code: int) -> str:
    """Name how a process ended: ``exit 3``, ``signal 9``."""
    return f"signal {-code}" if code < 0 else f"exit {code}"
