"""The supervisor with real processes for workers, that hang, die, refuse to leave or never begin as they are told."""

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs
from structlog.typing import EventDict

from callgate import places, supervisor
from callgate.errors import SettingsError
from callgate.heartbeat import LOOK_S, SILENCE_MAX_S
from callgate.notify import Notifier
from callgate.places import Place
from callgate.supervisor import Supervisor
from callgate.workers import Worker, start_worker
from waiting import PATIENCE_S, until

WORKER = """\
import asyncio, os, resource, signal, socket, sys, time
from callgate.heartbeat import Heart

async def live(mode):
    stop = asyncio.Event()
    for told in (signal.SIGTERM, signal.SIGUSR1):
        asyncio.get_running_loop().add_signal_handler(told, stop.set)
    heart = Heart(socket.socket(fileno=int(sys.argv[1])), stop)
    if mode == "broken":
        sys.exit(3)
    if mode == "crashes":
        os.kill(os.getpid(), signal.SIGKILL)
    if mode == "unprepared":
        await asyncio.sleep(3600)
    if not await heart.may_go():
        return
    print(os.getpid(), "goes", flush=True)
    beating = asyncio.create_task(heart.beat())
    if mode == "short":
        await asyncio.sleep(0.05)
        sys.exit(1)
    if mode == "stuck":
        await asyncio.sleep(0.3)
        while True:
            pass
    if mode == "starved":
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    if mode.startswith("/"):
        await asyncio.sleep(0.3)
        # Until somebody reads there the parent is where one is whose disk does not answer.
        os.posix_spawn("/bin/true", ["true"], {}, file_actions=[(os.POSIX_SPAWN_OPEN, 9, mode, os.O_WRONLY, 0)])
    if mode == "greedy":
        await asyncio.sleep(0.3)
        resource.setrlimit(resource.RLIMIT_AS, (2**28, 2**28))
        bytes(2**30)
    await stop.wait()
    if mode == "stays":
        await asyncio.sleep(3600)

asyncio.run(live(sys.argv[2]))
"""


@dataclass(kw_only=True)
class House:
    """A supervisor whose next workers are as `modes` say; the last one of them again and again.

    `text` stands for the settings' file, `settings` for what each worker began with, `good` for what worked.
    """

    modes: list[str]
    text: str = "first"
    good: str = "first"
    settings: list[str] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    said: list[EventDict] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    asked: list[tuple[int, bool]] = field(default_factory=list)
    taken: int = 0
    supervisor: Supervisor = field(init=False)
    ended: asyncio.Task[int] = field(init=False)
    _tried: str = "first"

    def start(self, place: int, news: Callable[[], None], *, anew: bool) -> Worker:
        self.asked.append((place, anew))
        mode = self.modes.pop(0) if len(self.modes) > 1 else self.modes[0]
        if mode == "refused" or (anew and self.text == "bad"):
            raise SettingsError("gate.listen", "it cannot change", "restart")
        self._tried = self.text if anew else self._tried
        self.settings.append(self.text if anew else self.good)
        self.workers.append(start_worker([sys.executable, "-c", WORKER, "{link}", mode], (), news))
        return self.workers[-1]

    def took_calls(self) -> None:
        self.taken += 1
        self.good = self._tried

    @property
    def in_use(self) -> list[str]:
        """By what settings each place takes calls."""
        serving = [place.serving for place in self.supervisor._places]
        return [self.settings[self.workers.index(worker)] for worker in serving if worker is not None]

    async def until(self, condition: Callable[[], object]) -> None:
        await until(condition)

    async def serving(self, number: int) -> Worker:
        """Wait until the worker of this number, from 1, takes calls."""
        await self.until(lambda: len(self.workers) >= number and self.workers[number - 1].is_serving)
        return self.workers[number - 1]

    def events(self, name: str) -> list[EventDict]:
        return [event for event in self.said if event["event"] == name]


@pytest.fixture
def said() -> Iterator[list[EventDict]]:
    with structlog.testing.capture_logs() as events:
        yield events


@asynccontextmanager
async def house(said: list[EventDict], *modes: str, watchdog_s: float = 0.0, workers: int = 1) -> AsyncIterator[House]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0callgate-test-{os.getpid()}")
        systemd.settimeout(0)
        found = House(modes=list(modes), said=said)
        loop = asyncio.get_running_loop()
        loop.add_reader(systemd, lambda: found.told.append(systemd.recv(4096).decode()))
        notifier = Notifier(address=f"@callgate-test-{os.getpid()}", watchdog_s=watchdog_s)
        found.supervisor = Supervisor(recruiter=found, workers=workers, notifier=notifier)
        found.ended = asyncio.create_task(found.supervisor.run())
        try:
            yield found
        finally:
            found.supervisor.stop()
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.wait({found.ended})
            loop.remove_reader(systemd)
            for worker in found.workers:
                worker.kill()


async def test_a_worker_serves_until_the_supervisor_is_told_to_stop(said: list[EventDict]) -> None:
    async with house(said, "sound", watchdog_s=0.2) as found:
        worker = await found.serving(1)
        await found.until(lambda: found.told.count("WATCHDOG=1") > 1)
        found.supervisor.stop()
        assert await found.ended == 0
        assert worker.code == 0
        await found.until(lambda: any(told.startswith("STOPPING=1") for told in found.told))
    told = [line for line in found.told if line != "WATCHDOG=1"]
    assert [line.partition("\n")[0].partition("=")[0] for line in told] == ["STATUS", "READY", "STOPPING"]


@pytest.mark.parametrize(("mode", "cause"), [("stuck", "stuck"), ("greedy", "exit 1")])
async def test_a_worker_that_hangs_or_has_no_memory_is_replaced(said: list[EventDict], mode: str, cause: str) -> None:
    async with house(said, mode, "sound") as found:
        await found.serving(2)
        assert found.workers[0].code is not None
        (event,) = found.events("worker.replaced")
    assert (event["pid"], event["cause"], event["pause_s"]) == (found.workers[0].process, cause, 0.0)


@pytest.mark.parametrize(
    ("number", "cause"), [(signal.SIGSTOP, "stuck"), (signal.SIGKILL, "signal 9"), (signal.SIGUSR1, "exit 0")]
)
async def test_a_worker_that_somebody_stops_is_replaced(
    said: list[EventDict], number: signal.Signals, cause: str
) -> None:
    async with house(said, "sound") as found:
        first = await found.serving(1)
        os.kill(first.process, number)
        await found.serving(2)
        assert first.code is not None
    assert [event["cause"] for event in found.events("worker.replaced")] == [cause]


BURNER = """\
import os, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
until_s = time.monotonic() + 4.0
while time.monotonic() < until_s:
    pass
"""


async def test_a_worker_that_gets_no_processor_is_not_replaced_by_one_that_gets_none_either(
    said: list[EventDict],
) -> None:
    """It was killed again and again on a crowded machine, and its calls with it, though it would have answered."""
    async with house(said, "starved", "sound") as found:
        await found.serving(1)
        burners = [await asyncio.create_subprocess_exec(sys.executable, "-c", BURNER) for _ in range(4)]
        await asyncio.gather(*(burner.wait() for burner in burners))
        assert not found.events("worker.replaced")


async def test_a_worker_that_waits_for_a_disk_is_not_replaced_by_one_that_waits_for_the_same(
    said: list[EventDict], tmp_path: Path
) -> None:
    """The next one could not take the journal before that one ends, which it does not while the disk holds it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    async with house(said, str(pipe), "sound") as found:
        worker = await found.serving(1)
        status = Path(f"/proc/{worker.process}/status")
        await found.until(lambda: "State:\tD" in status.read_text())
        await asyncio.sleep(2 * SILENCE_MAX_S)
        assert not found.events("worker.replaced")
        with pipe.open("rb"):
            await found.until(lambda: "State:\tS" in status.read_text())
        assert not found.events("worker.replaced")


async def test_workers_that_die_again_and_again_are_started_later_and_later(said: list[EventDict]) -> None:
    async with house(said, "short") as found:
        await found.until(lambda: len(found.events("worker.replaced")) >= 4)
    assert [event["pause_s"] for event in found.events("worker.replaced")][:4] == [0.0, 0.25, 0.5, 1.0]


async def test_a_replacement_that_does_not_start_is_tried_again(said: list[EventDict]) -> None:
    async with house(said, "sound", "broken", "crashes", "refused", "sound") as found:
        os.kill((await found.serving(1)).process, signal.SIGKILL)
        await found.serving(4)
    causes = [event["cause"] for event in found.events("worker.not_started")]
    assert causes == ["exit 3", "signal 9", "gate.listen: it cannot change. Remedy: restart"]


@pytest.mark.parametrize(("mode", "code"), [("broken", 3), ("crashes", 9)])
async def test_a_first_worker_that_cannot_start_ends_the_supervisor_with_its_code(
    said: list[EventDict], mode: str, code: int
) -> None:
    async with house(said, mode) as found:
        assert await found.ended == code
        assert len(found.workers) == 1


async def test_settings_that_are_refused_at_the_first_start_are_said(said: list[EventDict]) -> None:
    async with house(said, "refused") as found:
        with pytest.raises(SettingsError):
            await found.ended


async def test_a_reload_hands_over_to_a_worker_that_is_prepared(said: list[EventDict]) -> None:
    async with house(said, "sound") as found:
        first = await found.serving(1)
        found.supervisor.reload()
        second = await found.serving(2)
        await found.until(lambda: first.code is not None)
        assert (first.code, second.code) == (0, None)
        assert not found.events("worker.replaced")
        await found.until(lambda: len([told for told in found.told if told.startswith("READY=1")]) == 2)
    assert [told.partition("\n")[0] for told in found.told].count("RELOADING=1") == 1


async def test_two_workers_are_reloaded_one_after_the_other(said: list[EventDict]) -> None:
    async with house(said, "sound", workers=2) as found:
        before = [await found.serving(1), await found.serving(2)]
        assert found.asked == [(0, False), (1, False)], "the first keeps the journal: it begins"
        found.supervisor.reload()
        after = [await found.serving(3), await found.serving(4)]
        await found.until(lambda: all(worker.code == 0 for worker in before))
        await found.until(lambda: len([told for told in found.told if told.startswith("READY=1")]) > 1)
        assert found.asked[2:] == [(0, True), (1, False)], "the settings are read once"
        assert found.taken == 1
        assert all(worker.code is None for worker in after)
    assert not found.events("worker.replaced")


async def test_a_reload_that_the_first_worker_refuses_reaches_no_other(said: list[EventDict]) -> None:
    async with house(said, "sound", "sound", "broken", workers=2) as found:
        before = [await found.serving(1), await found.serving(2)]
        found.supervisor.reload()
        await found.until(lambda: found.events("reload.refused"))
        assert [worker.code for worker in before] == [None, None]
        assert found.taken == 0


async def test_a_worker_that_was_replaced_during_a_reload_gets_the_new_settings_all_the_same(
    said: list[EventDict],
) -> None:
    """It was started with the former ones, counted as reloaded, and decided by them until somebody reloaded again."""
    async with house(said, "sound", workers=2) as found:
        await found.serving(1)
        other = await found.serving(2)
        found.supervisor.reload()
        await found.until(lambda: len(found.workers) == 3)
        # It begins before the first one takes calls, so with the settings that worked before.
        other.kill()
        await found.until(lambda: found.taken and not found.supervisor._reloading)
        assert sorted(found.asked[2:]) == [(0, True), (1, False), (1, False)]
        assert found.workers[-1].is_serving


async def test_a_further_worker_that_fails_at_a_reload_is_tried_again_until_all_have_the_same_settings(
    said: list[EventDict],
) -> None:
    async with house(said, "sound", "sound", "sound", "broken", "crashes", "sound", workers=2) as found:
        before = [await found.serving(1), await found.serving(2)]
        found.supervisor.reload()
        await found.serving(6)
        await found.until(lambda: all(worker.code == 0 for worker in before))
        assert found.asked[2:] == [(0, True), (1, False), (1, False), (1, False)]
    assert [event["problem"] for event in found.events("reload.refused")] == ["exit 3", "signal 9"]


async def test_a_reload_need_not_wait_for_one_that_a_further_worker_cannot_follow(said: list[EventDict]) -> None:
    async with house(said, "sound", "sound", "sound", "broken", "broken", "broken", "sound", workers=2) as found:
        await found.serving(2)
        found.supervisor.reload()
        await found.until(lambda: len(found.events("reload.refused")) == 3)
        found.supervisor.reload()
        await found.until(lambda: found.taken == 2 and not found.supervisor._reloading)
        assert [worker.is_serving for worker in found.workers[-2:]] == [True, True]


async def test_a_reload_that_is_refused_ends_none_that_others_have_still_to_follow(said: list[EventDict]) -> None:
    """The first worker went by the new settings and the other for ever by the former ones."""
    async with house(said, "sound", workers=2) as found:
        await found.serving(2)
        found.text = "second"
        found.supervisor.reload()
        await found.until(lambda: len(found.workers) == 3)
        found.supervisor.reload()
        await found.until(lambda: found.taken)
        found.text = "bad"
        await found.until(lambda: found.events("reload.refused"))
        await found.until(lambda: found.in_use == ["second"] * 2)


async def test_a_worker_that_is_tried_again_during_the_next_reload_goes_by_that_one_in_the_end(
    said: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "restart_pause_s", lambda _deaths: 0.0)
    async with house(said, "sound", "sound", "sound", "broken", "slow", "sound", workers=2) as found:
        await found.serving(2)
        found.text = "second"
        found.supervisor.reload()
        await found.until(lambda: found.events("reload.refused"))
        found.text = "third"
        found.supervisor.reload()
        await found.until(lambda: found.taken == 2)
        await found.until(lambda: found.in_use == ["third"] * 2)


async def test_every_worker_that_does_not_leave_is_killed_also_where_two_were_replaced_after_one_another(
    said: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one took the place of the first in the supervisor's memory, which then stayed for good."""
    monkeypatch.setattr(places, "LEAVE_PATIENCE_S", 3600.0)
    async with house(said, "stays", "stays", "sound") as found:
        for number in (1, 2):
            await found.serving(number)
            found.supervisor.reload()
        await found.serving(3)
        monkeypatch.setattr(places, "LEAVE_PATIENCE_S", 0.0)
        await found.until(lambda: [worker.code for worker in found.workers] == [-9, -9, None])


async def test_each_of_two_workers_is_replaced_by_itself(said: list[EventDict]) -> None:
    async with house(said, "sound", workers=2) as found:
        first, other = await found.serving(1), await found.serving(2)
        other.kill()
        await found.serving(3)
        assert first.code is None
        assert found.asked[2:] == [(1, False)], "with the settings that worked"
    assert [event["pid"] for event in found.events("worker.replaced")] == [other.process]


async def test_the_first_of_two_workers_leaves_last(said: list[EventDict]) -> None:
    async with house(said, "sound", workers=2) as found:
        first, other = await found.serving(1), await found.serving(2)
        found.supervisor.stop()
        await found.until(lambda: other.code is not None or first.code is not None)
        assert other.code == 0
        assert await found.ended == 0
        assert (first.told_s or 0) > (other.told_s or 0)


@pytest.mark.parametrize(
    ("mode", "problem"), [("broken", "exit 3"), ("refused", "gate.listen: it cannot change. Remedy: restart")]
)
async def test_a_reload_that_fails_changes_nothing(said: list[EventDict], mode: str, problem: str) -> None:
    async with house(said, "sound", mode, "sound") as found:
        first = await found.serving(1)
        found.supervisor.reload()
        await found.until(lambda: found.events("reload.refused"))
        assert first.code is None
        assert [event["problem"] for event in found.events("reload.refused")] == [problem]
        found.supervisor.reload()
        await found.until(lambda: first.code is not None)


async def test_a_worker_that_dies_while_the_next_one_prepares_is_followed_by_that_one(said: list[EventDict]) -> None:
    async with house(said, "sound") as found:
        first = await found.serving(1)
        found.supervisor.reload()
        await found.until(lambda: len(found.workers) == 2)
        first.kill()
        await found.serving(2)
    assert len(found.workers) == 2


async def test_a_worker_that_does_not_leave_is_killed(said: list[EventDict], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "LEAVE_PATIENCE_S", 0.3)
    async with house(said, "stays", "sound") as found:
        first = await found.serving(1)
        found.supervisor.reload()
        await found.until(lambda: first.code is not None)
        assert first.code == -signal.SIGKILL
        await found.serving(2)
    assert [event["cause"] for event in found.events("worker.killed")] == ["does not leave"]


async def test_a_worker_that_does_not_leave_at_the_end_is_killed(
    said: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "LEAVE_PATIENCE_S", 0.3)
    async with house(said, "stays") as found:
        first = await found.serving(1)
        found.supervisor.stop()
        assert await found.ended == 0
        assert first.code == -signal.SIGKILL


async def test_a_worker_that_is_never_prepared_is_killed(
    said: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(said, "sound", "unprepared") as found:
        first = await found.serving(1)
        monkeypatch.setattr(places, "START_PATIENCE_S", 0.0)
        found.supervisor.reload()
        await found.until(lambda: found.events("reload.refused"))
        assert first.code is None
    assert found.events("worker.killed")[0]["cause"] == "does not start"


async def test_a_worker_that_reads_a_long_journal_is_waited_for_from_its_last_beat() -> None:
    """With 120 s in all, a journal of 20 GB let no gate start ever again: each worker was killed as it read."""
    beats_once = "import os, sys, time; os.write(int(sys.argv[1]), bytes([3])); time.sleep(60)"
    worker = start_worker([sys.executable, "-c", beats_once, "{link}"], (), lambda: None)
    place = Place(number=0, recruiter=_Only(worker), news=lambda: None)
    list(place.reload(worker.began_s, anew=True))
    await until(lambda: worker.stirred_s > worker.began_s)
    with capture_logs() as said:
        list(place.look((worker.began_s + worker.stirred_s) / 2 + places.START_PATIENCE_S))
        assert said == []
        list(place.look(worker.stirred_s + places.START_PATIENCE_S + 1))
    assert [(one["event"], one["cause"]) for one in said] == [("worker.killed", "does not start")]
    await until(lambda: worker.code is not None)


async def test_a_worker_that_was_killed_because_it_hung_is_not_said_to_stay_as_well() -> None:
    """It was told to go long before: `worker.killed`, which is to be reported, was said of each stuck one."""
    worker = start_worker([sys.executable, "-c", WORKER, "{link}", "sound"], (), lambda: None)
    place = Place(number=0, recruiter=_Only(worker), news=lambda: None)
    list(place.reload(worker.began_s, anew=True))
    await until(lambda: worker.is_prepared)
    list(place.look(worker.began_s))
    await until(lambda: worker.is_serving)
    list(place.look(worker.began_s))
    assert worker.told_s is not None
    os.kill(worker.process, signal.SIGSTOP)
    later_s = worker.told_s + places.LEAVE_PATIENCE_S
    with capture_logs() as said:
        while place.serving is worker:
            later_s += LOOK_S
            list(place.look(later_s))
    assert [(one["event"], one["cause"]) for one in said] == [("worker.replaced", "stuck")]
    await until(lambda: worker.code is not None)


class _Only:
    """Recruits one worker, who is there already."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._is_asked = False

    def start(self, place: int, news: Callable[[], None], *, anew: bool) -> Worker:
        news()
        assert place == 0
        assert anew is not self._is_asked, "with the settings as they are now at a reload only"
        self._is_asked = True
        return self._worker

    def took_calls(self) -> None:
        """Hear that it serves."""


async def test_workers_of_a_supervisor_that_is_killed_end() -> None:
    """Their calls have their answer: they hear it as the end of the link."""
    program = f"""\
import asyncio, sys
from callgate.supervisor import Supervisor
from callgate.workers import start_worker
words = [sys.executable, "-c", {WORKER!r}, "{{link}}", "sound"]

class Recruiter:
    def start(self, place, news, *, anew):
        return start_worker(words, (), news)

asyncio.run(Supervisor(recruiter=Recruiter()).run())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    assert re.fullmatch(r"\d+ goes\n", line)
    process.kill()
    await process.wait()
    # The worker holds the other end of this pipe for as long as it lives.
    async with asyncio.timeout(PATIENCE_S):
        await process.stdout.read()
