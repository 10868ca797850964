"""One worker process, as the supervisor sees it: started, heard, told, ended."""

import asyncio
import fcntl
import math
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from callgate.heartbeat import Silence, Word

_READ_BYTES = 4096
_NANOS = 1_000_000_000
_FLAT = {"MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_ARENA_MAX": "1"}
"""mallopt(3): a threshold that is set does not move. If it does, the 256 KiB into which asyncio reads, to keep a few of
them, come to lie on the heap, whose gaps grow with the calls: by 14 MB in 60,000, measured with glibc 2.42. And each
thread that waits for the disk had a heap of its own, up to 1.3 MB for nearly nothing: seven after a while.
"""


class Worker:
    """A process that was started with the other end of `link`.

    Args:
        process: its number; this process is its parent.
        link: the supervisor's end; closed when the worker has ended.
        news: called when it has said something, other than a beat, or has ended.

    Attributes:
        process: its number.
        is_prepared, is_serving: what it has said so far.
        told_s: when it was told to go on, or to end; None until then.
        is_killed: whether `kill` was called; where a disk holds it, it ends later.
        stirred_s: when it beat last, or was started; one that has much to read beats before it serves, too.
        code: its exit code, negative for a signal; None while it runs.
    """

    def __init__(self, process: int, link: socket.socket, news: Callable[[], None]) -> None:
        link.settimeout(0)
        self.process = process
        self.is_prepared = self.is_serving = self.is_killed = False
        self.told_s: float | None = None
        self.began_s = time.monotonic()
        self.stirred_s = self.began_s
        self.code: int | None = None
        self._link = link
        self._news = news
        self._has_beaten = False
        self._silence = Silence(self.began_s)
        self._ran_s = 0.0
        self._handle = os.pidfd_open(process)
        loop = asyncio.get_running_loop()
        loop.add_reader(link, self._hear)
        loop.add_reader(self._handle, self._ended)

    def go(self) -> None:
        """Let it take the journal over, and take calls."""
        self.told_s = time.monotonic()
        with suppress(OSError):
            self._link.send(bytes([Word.GO]))

    def leave(self) -> None:
        """Tell it to answer the calls it has, and to end."""
        self.told_s = time.monotonic()
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, and with it its connections."""
        self.is_killed = True
        self._signal(signal.SIGKILL)

    def is_silent(self, now_s: float) -> bool:
        """Whether it was silent for so long that it must be stuck; asked at each look, while it serves."""
        heard, self._has_beaten = self._has_beaten, False
        return self._silence.look(now_s, heard=heard, free_s=self._free_s())

    def _free_s(self) -> float:
        """How long since it was asked last it was free to speak, at most.

        It was not while it stood in the queue for a processor, nor while a disk holds it: no signal reaches it there,
        and the next one could not take the journal before it ends. Where the kernel does not say so, it was.
        """
        before_s, folder = self._ran_s, Path(f"/proc/{self.process}")
        try:
            # proc_pid_stat(5): the state stands behind the name. Linux, sched-stats: nanoseconds on the processor.
            state = (folder / "stat").read_text(errors="replace").rpartition(") ")[2][:1]
            self._ran_s = int((folder / "schedstat").read_text(encoding="ascii").split()[0]) / _NANOS
        except OSError:
            return math.inf
        match state:
            case "R":
                return self._ran_s - before_s
            case "D":
                return 0.0
            case _:
                return math.inf

    def _signal(self, number: signal.Signals) -> None:
        # By its handle: its number may be another's by now.
        if self.code is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)

    def _hear(self) -> None:
        try:
            heard = self._link.recv(_READ_BYTES)
        except ConnectionError:
            heard = b""
        if not heard:
            asyncio.get_running_loop().remove_reader(self._link)
        if Word.BEAT in heard:
            self._has_beaten, self.stirred_s = True, time.monotonic()
        if Word.PREPARED in heard or Word.SERVING in heard:
            self.is_prepared = True
            self.is_serving |= Word.SERVING in heard
            self._news()

    def _ended(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._handle)
        loop.remove_reader(self._link)
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        os.close(self._handle)
        self._link.close()
        self._news()


def start_worker(words: Sequence[str], sockets: Sequence[int], news: Callable[[], None]) -> Worker:
    """Start a program.

    Args:
        words: the program and its arguments; ``{link}`` in them becomes the number of its end of the link.
        sockets: more descriptors that it gets, under the same numbers.
        news: see `Worker`.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        for descriptor in (*sockets, theirs.fileno()):
            fcntl.fcntl(descriptor, fcntl.F_SETFD, 0)
        filled = [word.replace("{link}", str(theirs.fileno())) for word in words]
        try:
            process = os.posix_spawn(filled[0], filled, {**_FLAT, **os.environ})
        except OSError:
            ours.close()
            raise
        finally:
            for descriptor in sockets:
                fcntl.fcntl(descriptor, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    return Worker(process, ours, news)
