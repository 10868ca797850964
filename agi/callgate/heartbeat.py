"""The link between the supervisor and a worker: one byte a word, over a pair of sockets whose end is heard at once."""

import asyncio
import math
import socket
from contextlib import suppress
from enum import IntEnum

import structlog

LOOK_S = 0.1
"""How often the supervisor looks at its worker."""
BEAT_S = 0.1
SILENCE_MAX_S = 0.8
"""A worker that is silent for so long is killed: with the pause of a look within 1 s (DESIGN section 8)."""
LATE_S = 0.2
"""A beat that is so late is said: every call waited so long."""
RESTART_PAUSE_MAX_S = 5.0
_PAUSE_S = 0.25
_READ_BYTES = 4096

log = structlog.get_logger()


class Word(IntEnum):
    """What the two say: a worker the first three, the supervisor the last.

    * PREPARED: all is done that needs no lock; the worker before may end.
    * SERVING: it takes calls, and beats from now on.
    * BEAT: its event loop runs; before it serves: it still reads the journal.
    * GO: take the journal over, and take calls.
    """

    PREPARED = 1
    SERVING = 2
    BEAT = 3
    GO = 4


class Silence:
    """How long a worker has been silent that could have spoken, as far as the supervisor was there to hear it.

    A supervisor that was frozen, or got no processor, has not heard what was said meanwhile: of such a time no more
    counts than two looks are apart. Nor does the time count in which the machine held the worker up: the next one would
    be held up as well, and has all of its start before it.
    """

    def __init__(self, now_s: float) -> None:
        self._looked_s = now_s
        self._silent_s = 0.0

    def look(self, now_s: float, *, heard: bool, free_s: float = math.inf) -> bool:
        """Take in what came of it since the last look; tell whether it is dead.

        Args:
            now_s: of a monotonic clock.
            heard: whether a beat came.
            free_s: how long of that time it was free to speak, at most.
        """
        passed_s = min(now_s - self._looked_s, 2 * LOOK_S, free_s)
        self._looked_s = now_s
        self._silent_s = 0.0 if heard else self._silent_s + passed_s
        return self._silent_s >= SILENCE_MAX_S


def restart_pause_s(deaths: int) -> float:
    """How long to wait before the next worker, after so many have died one after another: none at the first."""
    return min(_PAUSE_S * 2 ** min(deaths - 2, 10), RESTART_PAUSE_MAX_S) if deaths > 1 else 0.0


class Heart:
    """The worker's end of the link.

    Args:
        link: its socket.
        stop: set when the supervisor is gone: nobody would replace this worker, or end it.
    """

    def __init__(self, link: socket.socket, stop: asyncio.Event) -> None:
        link.settimeout(0)
        self._link = link
        self._stop = stop
        self._go = asyncio.Event()
        asyncio.get_running_loop().add_reader(link, self._hear)

    def say(self, word: Word) -> None:
        """Tell the supervisor. One that does not listen (it is frozen, or gone) is not waited for."""
        with suppress(OSError):
            self._link.send(bytes([word]))

    async def may_go(self) -> bool:
        """Say that all is prepared, and wait; false if this worker is to end instead."""
        self.say(Word.PREPARED)
        waits = [asyncio.create_task(event.wait()) for event in (self._go, self._stop)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return not self._stop.is_set()

    async def beat(self) -> None:
        """Say that calls are taken, and go on beating."""
        self.say(Word.SERVING)
        clock = asyncio.get_running_loop().time
        while True:
            self.say(Word.BEAT)
            due_s = clock() + BEAT_S
            await asyncio.sleep(BEAT_S)
            if (late_s := clock() - due_s) > LATE_S:
                log.warning("loop.late", late_ms=round(late_s * 1000))

    def close(self) -> None:
        """Hear no more."""
        asyncio.get_running_loop().remove_reader(self._link)
        self._link.close()

    def _hear(self) -> None:
        try:
            heard = self._link.recv(_READ_BYTES)
        except ConnectionError:
            heard = b""
        if Word.GO in heard:
            self._go.set()
        if not heard:
            asyncio.get_running_loop().remove_reader(self._link)
            self._stop.set()
