"""`callgate serve`: the daemon."""

import argparse
import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path

import structlog

from callgate import acts
from callgate.bookkeeper import Bookkeeper
from callgate.burst_watch import BurstWatch
from callgate.clinic import load_clinics
from callgate.commands import Exit
from callgate.commands.context import (
    ledger_deadlines,
    ledger_link,
    manager_account,
    repair_deadlines,
    settings_of,
    state_folder,
    warn,
)
from callgate.control.asterisk import AsteriskSwitch
from callgate.control.calls import Clocks
from callgate.control.desk import Books, Desk, make_desk
from callgate.control.elsewhere import OtherGrants
from callgate.control.live import Around, LiveControl, make_live
from callgate.control.standing import STANDING_FILE
from callgate.control.trunks import Trunks
from callgate.core.dialling import preload
from callgate.core.verdict import EMERGENCY_GRANT
from callgate.disk import SLOW_MS, sync_p99_ms
from callgate.errors import JournalError, JournalInUseError, SettingsError
from callgate.gate import Gate, price_on
from callgate.grants import Grants
from callgate.journal import Journal, JournalRow
from callgate.ledger.embedded import EmbeddedFault, EmbeddedRedis, EmbeddedStoreError, start_embedded
from callgate.ledger.redis import RedisLedger
from callgate.ledger.store import check_store
from callgate.ledger_memory import gate_name
from callgate.lending import Lending
from callgate.policies import PolicyShelf, deck_to_serve
from callgate.recall import Recall
from callgate.repair import Repair
from callgate.server import Server, utc_now
from callgate.settings import Settings
from callgate.spool import Spool
from callgate.tags import load_tagger
from callgate.telemetry import configure_logs

RESTART_PAUSE_S = 1.0
CANCEL_AGAIN_S = 0.5
CLOCKS = Clocks(now=utc_now, monotonic=time.monotonic)

Works = Sequence[Callable[[], Awaitable[None]]]
"""What goes on in the background, for ever."""

log = structlog.get_logger()


_REMEDIES: dict[EmbeddedFault, str] = {
    EmbeddedFault.NOT_INSTALLED: "apt-get install redis-server, or set gate.redis to a Redis of your own",
    EmbeddedFault.PATH_TOO_LONG: "name a shorter folder in gate.state",
    EmbeddedFault.FOLDER_IN_USE: "end the other daemon, or name another folder in gate.state",
    EmbeddedFault.DIED: "see redis/redis.log in the state folder",
    EmbeddedFault.SILENT: "see redis/redis.log in the state folder",
}


def serve(arguments: argparse.Namespace) -> Exit:
    """Run until SIGTERM or SIGINT."""
    configure_logs()
    settings, folder = settings_of(arguments)
    state = state_folder(settings, folder)
    try:
        state.mkdir(mode=0o750, parents=True, exist_ok=True)
        Path(settings.gate.spool).parent.mkdir(mode=0o770, parents=True, exist_ok=True)
    except PermissionError:
        raise
    except OSError as error:
        raise SettingsError("gate.state or gate.spool", f"{error}", "make the folder, or name another") from None
    try:
        return asyncio.run(_serve(settings, folder))
    except EmbeddedStoreError as error:
        warn(f"callgate: {error}. Remedy: {_REMEDIES[error.fault]}")
    except JournalInUseError as error:
        warn(f"callgate: {error}")
    return Exit.UNREACHABLE


async def _serve(settings: Settings, folder: Path) -> Exit:
    stop = asyncio.Event()
    for told in (signal.SIGTERM, signal.SIGINT):
        # Before anything is started, so that whoever is told on the way up ends what was started, too.
        asyncio.get_running_loop().add_signal_handler(told, stop.set)
    state = state_folder(settings, folder)
    clinics = load_clinics(settings, folder, deck_to_serve)
    async with AsyncExitStack() as ending:
        if not settings.gate.redis:
            ending.push_async_callback((await KeptStore.start(state)).stop)
        client = await ending.enter_async_context(ledger_link(settings, folder))
        for finding in await check_store(client, settings.gate.redis_replicas):
            log.warning("store.unsafe", **asdict(finding))
        journal = Journal(state, quota_bytes=settings.gate.journal_max_bytes)
        ending.callback(journal.close)
        journal.memory.gate = name = gate_name(settings.gate.pbx, _identity(journal))
        await _take_acts(state, journal)
        ledger = RedisLedger(client, ledger_deadlines(settings), gate=name, witness=journal)
        shelf = PolicyShelf(clinics, ledger, state)
        await shelf.open()
        preload()
        patient = repair_deadlines(settings)
        own_link = await ending.enter_async_context(ledger_link(settings, folder, patient))
        repairing = RedisLedger(own_link, patient, gate=name, witness=journal)
        repair = Repair(journal=journal, ledger=repairing, shelf=shelf)
        bursts = BurstWatch(shelf=shelf, revisions=repairing)
        bookkeeper = Bookkeeper(
            settings=settings,
            shelf=shelf,
            ledger=ledger,
            journal=journal,
            spool=Spool(Path(settings.gate.spool), state),
            clock=utc_now,
            up=lambda: _up(desk),
            others=(repair.mend, partial(acts.take, state, journal), bursts.publish),
        )
        grants, tagger = Grants(), load_tagger(state)
        recall = Recall(settings=settings, shelf=shelf, tagger=tagger, clock=utc_now)
        desk = _desk(folder, bookkeeper, grants, recall)
        live = None if desk is None else _live(desk.switch, bookkeeper, grants, recall)
        gate = Gate(
            ledger=ledger,
            shelf=shelf,
            journal=journal,
            lending=Lending(),
            tagger=tagger,
            bursts=bursts,
            grants=grants,
            slices=lambda: desk is not None and desk.switch.is_linked,
        )
        works = [work.run for work in (bookkeeper, desk, live) if work is not None]
        return await _run(Server(settings, gate, utc_now), bookkeeper, works, stop)


def _desk(folder: Path, bookkeeper: Bookkeeper, grants: Grants, recall: Recall) -> Desk | None:
    """Prepare control, where the settings name Asterisk's manager interface."""
    settings = bookkeeper.settings
    account = manager_account(settings, folder)
    if account is None:
        (state_folder(settings, folder) / STANDING_FILE).unlink(missing_ok=True)
        return None
    return make_desk(
        account,
        books=Books(pbx=settings.gate.pbx, ledger=bookkeeper.ledger, journal=bookkeeper.journal),
        trunks=Trunks(settings, bookkeeper.shelf, price_on),
        grants=grants,
        others=OtherGrants(recall.issued, bookkeeper.ledger, CLOCKS.monotonic),
        clocks=CLOCKS,
    )


def _live(switch: AsteriskSwitch, bookkeeper: Bookkeeper, grants: Grants, recall: Recall) -> LiveControl:
    """Prepare what looks after the calls that are up; the switch tells it of them from now on."""
    settings, shelf = bookkeeper.settings, bookkeeper.shelf
    around = Around(
        pbx=settings.gate.pbx,
        grants=grants,
        recall=recall.issued,
        ledger=bookkeeper.ledger,
        shelf=shelf,
        journal=bookkeeper.journal,
        clocks=CLOCKS,
        is_spool_read=bookkeeper.is_spool_read,
    )
    live = make_live(switch, around)
    switch.watch(live.calls)
    return live


def _up(desk: Desk | None) -> set[str] | None:
    """The grants of the legs that are up, as far as control sees them; None while it sees none."""
    if desk is None or not desk.switch.is_linked:
        return None
    # Emergency calls have one grant, and nothing to settle.
    return {leg.grant for leg in desk.switch.legs()} - {EMERGENCY_GRANT}


def _identity(journal: Journal) -> str:
    """Open the journal; one that cannot be stops costly calls, and no others: each of them tries again."""
    try:
        return journal.open()
    except JournalInUseError:
        raise
    except JournalError:
        log.exception("journal.failed")
        return ""


async def _take_acts(state: Path, journal: Journal) -> None:
    """Take what commands left while the gate was down, before the ledger is asked: it knows of that already."""
    try:
        await acts.take(state, journal)
    except (OSError, JournalError):
        log.exception("acts.not_taken")


async def _try_disk(journal: Journal) -> None:
    """Say how slow the disk is, in the journal's row of this start."""
    try:
        slowest_ms = await asyncio.to_thread(sync_p99_ms, journal.file.parent)
        row = JournalRow(at=utc_now(), event="gate.started", clinic="", call="", sync_p99_ms=slowest_ms)
        await journal.write(row, durable=False)
    except (OSError, JournalError):
        log.exception("disk.not_tried")
    else:
        (log.warning if slowest_ms > SLOW_MS else log.info)("disk.tried", sync_p99_ms=slowest_ms, slow_ms=SLOW_MS)


class KeptStore:
    """The daemon's own store, started again whenever it ends: it ends by itself on a full disk."""

    def __init__(self, state: Path, store: EmbeddedRedis) -> None:
        self._state = state
        self._store = store
        self._keeper = asyncio.create_task(self._keep())

    @classmethod
    async def start(cls, state: Path) -> "KeptStore":
        """Start it.

        Raises:
            EmbeddedStoreError: if it does not start the first time.
        """
        return cls(state, await start_embedded(state))

    async def _keep(self) -> None:
        while True:
            status = await self._store.wait()
            log.error("store.ended", status=status)
            await self._store.stop()
            while True:
                await asyncio.sleep(RESTART_PAUSE_S)
                try:
                    self._store = await start_embedded(self._state)
                except (EmbeddedStoreError, OSError) as error:
                    log.warning("store.not_started", problem=str(error))
                else:
                    break

    async def stop(self) -> None:
        """End it with the daemon."""
        await _end(self._keeper)
        await self._store.stop()


async def _end(task: asyncio.Task[None]) -> None:
    while not task.done():
        # More than once: a cancellation that meets redis-py while it connects can be lost.
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_AGAIN_S)


async def _background(journal: Journal, works: Works) -> None:
    await asyncio.gather(_try_disk(journal), *(work() for work in works))


async def _run(server: Server, bookkeeper: Bookkeeper, works: Works, stop: asyncio.Event) -> Exit:
    """Take calls until told to stop, and let the last ones have their answer.

    The background never ends by itself (`repeat`). If it does all the same, the daemon ends with it: a gate that
    settles or guards nothing any more must not look like one that does, and whoever keeps daemons starts it anew.
    """
    settings = bookkeeper.settings
    try:
        listening = await server.listen()
    except OSError as error:
        remedy = "end what holds the port, or change gate.listen"
        warn(f"callgate: cannot listen on {settings.gate.listen}: {error.strerror}. Remedy: {remedy}")
        return Exit.UNREACHABLE
    background = asyncio.create_task(_background(bookkeeper.journal, works))
    background.add_done_callback(lambda _: stop.set())
    log.info("gate.started", listen=settings.gate.listen, clinics=bookkeeper.shelf.names(), pid=os.getpid())
    await stop.wait()
    is_broken = background.done()
    listening.close()
    await server.drain()
    await _end(background)
    if is_broken:
        log.critical("gate.broken", exc_info=background.exception())
        return Exit.NEGATIVE
    log.info("gate.stopped")
    return Exit.OK
