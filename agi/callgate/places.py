"""One worker's place, which is never empty for long.

What can happen is one table, gone through at every look::

the worker           and                      then
serves               could speak, and does not for 0.8 s
                                              kill it: the kernel closes its connections, the contract has its calls
ended                                         start another one, later each time if they die one after another
serves               a reload is asked for    start the next one beside it
serves               the next is prepared     tell this one to leave, the next one to go
leaves               takes too long           kill it
is the next one      ended                    the reload is refused; the one that serves goes on
serves               is outdated              start the next one beside it, later each time if that ends
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

import structlog

from callgate.errors import CallgateError
from callgate.heartbeat import restart_pause_s
from callgate.workers import Worker

START_PATIENCE_S = 120.0
"""A worker that is not prepared, and has said nothing for so long, is stuck."""
LEAVE_PATIENCE_S = 6.0
"""A worker that was told to leave, or to go, and has not by then, is stuck: its calls have had their answer."""
STEADY_S = 10.0
"""A worker that served for so long did not die of how it was started."""

log = structlog.get_logger()


class News(Enum):
    """What happened in a place: a worker failed, takes calls, or a reload was refused."""

    REPLACING = auto()
    SERVING = auto()
    REFUSED = auto()


class Recruiter(Protocol):
    """Starts workers."""

    def start(self, place: int, news: Callable[[], None], *, anew: bool) -> Worker:
        """Start one.

        Args:
            place: which of them, from 0.
            news: called when it has news.
            anew: with the settings as they are now; otherwise as they were when a worker last took calls with them.

        Raises:
            CallgateError: the settings cannot be used.
            OSError: it cannot be started.
        """

    def took_calls(self) -> None:
        """Learn that the worker that was started last anew takes calls: its settings are good."""


@dataclass(kw_only=True, slots=True)
class Place:
    """A place; `look` is called again and again.

    Fields:
        number: which, from 0.
        recruiter: starts its workers.
        news: called when there is something to look at.
        serving: the worker that takes calls; None for none.
        has_served: whether one ever did.
        is_outdated: whether the worker that serves began with other settings than the first place has now.
        failed_code: how the first one ended that never took a call, where nobody else can: in the first place.
    """

    number: int
    recruiter: Recruiter
    news: Callable[[], None]
    serving: Worker | None = None
    has_served: bool = False
    is_outdated: bool = False
    failed_code: int | None = None
    _next: Worker | None = None
    _leaving: list[Worker] = field(default_factory=list)
    _is_anew: bool = False
    _is_update: bool = False
    _deaths: int = 0
    _start_at_s: float = 0.0

    @property
    def is_changing(self) -> bool:
        """Whether a worker is being started."""
        return self._next is not None

    def workers(self) -> list[Worker]:
        """Every process of this place."""
        return [worker for worker in (self.serving, self._next, *self._leaving) if worker is not None]

    def reload(self, now_s: float, *, anew: bool) -> Iterator[News]:
        """Start the next worker, beside the one that serves if there is one; see `Recruiter.start`."""
        self._is_anew, self._is_update = anew, self.is_outdated
        try:
            self._next = self.recruiter.start(self.number, self.news, anew=anew)
        except (CallgateError, OSError) as error:
            if self.number == 0 and not self.has_served:
                raise
            yield from self._refuse(str(error), now_s)

    def outdate(self) -> None:
        """Learn that the first place has other settings now; a worker that is being started here lacks them, too."""
        self.is_outdated, self._is_update = True, False

    def look(self, now_s: float) -> Iterator[News]:
        """Do what is to be done at an instant of a clock that only goes forward."""
        yield from self._look_at_serving(now_s)
        self._look_at_leaving(now_s)
        yield from self._look_at_next(now_s)

    def _look_at_serving(self, now_s: float) -> Iterator[News]:
        worker = self.serving
        if worker is None:
            return
        if worker.code is None:
            if not worker.is_silent(now_s):
                return
            worker.kill()
        cause = "stuck" if worker.code is None else _ending(worker.code)
        self.serving = None
        self._leaving.append(worker)
        self._deaths = 1 if now_s - worker.began_s > STEADY_S else self._deaths + 1
        self._start_at_s = now_s + restart_pause_s(self._deaths)
        log.error("worker.replaced", pid=worker.process, cause=cause, pause_s=restart_pause_s(self._deaths))
        yield News.REPLACING

    def _look_at_leaving(self, now_s: float) -> None:
        self._leaving = [worker for worker in self._leaving if worker.code is None]
        for worker in self._leaving:
            if worker.told_s is not None and now_s - worker.told_s > LEAVE_PATIENCE_S:
                _give_up(worker, "does not leave")

    def _look_at_next(self, now_s: float) -> Iterator[News]:
        worker = self._next
        if worker is None:
            if (self.serving is None or self.is_outdated) and now_s >= self._start_at_s:
                yield from self.reload(now_s, anew=False)
        elif worker.code is not None:
            yield from self._next_ended(worker.code, now_s)
        elif worker.is_serving:
            self._next, self.serving = None, worker
            self.has_served = True
            # One that was started before it was outdated is so still.
            self.is_outdated &= not self._is_update
            if self._is_anew:
                self.recruiter.took_calls()
            log.info("worker.serving", pid=worker.process)
            yield News.SERVING
        elif worker.is_prepared and worker.told_s is None:
            # The lock of the journal is the baton: the next one has it as soon as this one has let go of it.
            if self.serving is not None:
                self.serving.leave()
                self._leaving.append(self.serving)
                self.serving = None
            worker.go()
        elif now_s - (worker.told_s or worker.stirred_s) > (
            LEAVE_PATIENCE_S * 2 if worker.told_s else START_PATIENCE_S
        ):
            _give_up(worker, "does not start")

    def _next_ended(self, code: int, now_s: float) -> Iterator[News]:
        self._next = None
        if self.number == 0 and not self.has_served:
            self.failed_code = abs(code)
            return
        yield from self._refuse(_ending(code), now_s)

    def _refuse(self, problem: str, now_s: float) -> Iterator[News]:
        """Go on with the worker that serves; without one, or with one that is outdated, try again a little later."""
        yield News.REFUSED
        self._deaths += 1
        self._start_at_s = now_s + restart_pause_s(self._deaths)
        if self.serving is not None:
            log.error("reload.refused", problem=problem, pid=self.serving.process)
            return
        log.error("worker.not_started", cause=problem, pause_s=restart_pause_s(self._deaths))


def _give_up(worker: Worker, cause: str) -> None:
    """Kill one that does not do as it was told, and say so; nothing of one that was killed already."""
    if not worker.is_killed:
        log.error("worker.killed", pid=worker.process, cause=cause)
        worker.kill()


def _ending(code: int) -> str:
    """Name how a process ended: ``exit 3``, ``signal 9``."""
    return f"signal {-code}" if code < 0 else f"exit {code}"
