"""`callgate serve --worker`: the first worker, which decides calls, settles them and looks after those that are up."""

import argparse
import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path

import structlog

from callgate import acts
from callgate.allowance_files import AllowanceFiles
from callgate.bookkeeper import CHORES_PAUSE_S, Bookkeeper
from callgate.burst_watch import BurstWatch
from callgate.clinic import Clinic, load_clinics
from callgate.commands import Exit
from callgate.commands.answering import answer
from callgate.commands.context import (
    ledger_deadlines,
    ledger_link,
    manager_account,
    repair_deadlines,
    state_folder,
    warn,
)
from callgate.commands.handed import Handed
from callgate.commands.taking_calls import take_calls, told_to_stop
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
from callgate.errors import JournalError, JournalInUseError
from callgate.first_worker import FirstWorker
from callgate.gate import Gate, price_on
from callgate.grants import Grants
from callgate.heartbeat import Heart, Word
from callgate.journal import Journal, JournalRow
from callgate.ledger.redis import RedisLedger
from callgate.ledger_memory import gate_name
from callgate.policies import PolicyShelf, deck_to_serve
from callgate.recall import Recall
from callgate.repair import Repair
from callgate.repeating import repeat
from callgate.retention import Retention
from callgate.seal import load_seal
from callgate.sealing import Seals, key_folder
from callgate.server import Server, utc_now
from callgate.settings import Settings, check_settings
from callgate.spool import Spool
from callgate.store_watch import StoreWatch
from callgate.tags import load_tagger
from callgate.unsaid import take_unsaid

JOURNAL_PATIENCE_S = 8.0
JOURNAL_AGAIN_S = 0.005
OOM_FIRST = "500"
"""How much likelier than others the kernel ends a worker, of 1000 (proc(5))."""
CLOCKS = Clocks(now=utc_now, monotonic=time.monotonic)

log = structlog.get_logger()


def work(arguments: argparse.Namespace) -> Exit:
    """Decide calls, as the supervisor's child, until told to leave or the supervisor is gone."""
    with suppress(OSError):
        # Where memory runs out, this process can be replaced; Asterisk, the store and the supervisor cannot.
        Path("/proc/self/oom_score_adj").write_text(OOM_FIRST, encoding="ascii")
    # A terminal that is closed tells every process; what that means is for the supervisor to say.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    handed = Handed.of(arguments)
    papers, folder = handed.read_papers(), arguments.settings.resolve().parent
    settings = check_settings(papers.settings, arguments.settings)
    clinics = load_clinics(settings, folder, deck_to_serve, papers.policies)
    serve = answer if handed.place else _serve
    try:
        return asyncio.run(serve(settings, folder, clinics, handed))
    except JournalInUseError as error:
        warn(f"callgate: {error}")
    return Exit.UNREACHABLE


async def _serve(settings: Settings, folder: Path, clinics: dict[str, Clinic], handed: Handed) -> Exit:
    stop, state = told_to_stop(), state_folder(settings, folder)
    async with AsyncExitStack() as ending:
        heart = Heart(handed.link(), stop)
        ending.callback(heart.close)
        client = await ending.enter_async_context(ledger_link(settings, folder))
        journal = Journal(state, quota_bytes=settings.gate.journal_max_bytes)
        ending.callback(journal.close)
        preload()
        journal.read_ahead(partial(heart.say, Word.BEAT))
        # Nothing is written before this, nor is anything afterwards that can be done here: meanwhile calls wait.
        if not await heart.may_go():
            return Exit.OK
        name = await _take_journal(journal, settings, handed, ending)
        ledger = RedisLedger(client, ledger_deadlines(settings), gate=name, witness=journal)
        shelf = PolicyShelf(clinics, ledger, state)
        repairing = await _patient_ledger(settings, folder, journal, ending)
        repair = Repair(journal=journal, ledger=repairing, shelf=shelf)
        bursts, grants, tagger = BurstWatch(shelf=shelf, revisions=repairing), Grants(), load_tagger(state)
        # As early as can be: costly calls at the further workers wait for their rows.
        first = FirstWorker(journal=journal, grants=grants, count=bursts.count, serves=clinics.__contains__)
        first.open(handed.line_of_others(), ending)
        await shelf.open()
        counts = AllowanceFiles(spool=settings.gate.spool, clock=utc_now)
        bookkeeper = Bookkeeper(
            settings=settings,
            shelf=shelf,
            ledger=ledger,
            journal=journal,
            spool=Spool(Path(settings.gate.spool), state),
            clock=utc_now,
            up=lambda: _up(desk),
            others=(repair.mend, *_left(journal), bursts.publish, counts.tidy),
        )
        watch = StoreWatch(client=client, bookkeeper=bookkeeper, clock=utc_now)
        await watch.check()
        recall = Recall(settings=settings, shelf=shelf, tagger=tagger, clock=utc_now)
        desk = _desk(folder, bookkeeper, grants, recall)
        ending.push_async_callback(_close, desk)
        live = None if desk is None else _live(desk.switch, bookkeeper, grants, recall)
        retention = _retention(folder, bookkeeper)
        # A call that comes at once is to find its key; nobody waits for one later.
        await asyncio.to_thread(retention.seals.prepare, shelf.names(), utc_now())
        first.is_linked = partial(_is_linked, desk)
        gate = Gate(
            ledger=ledger,
            shelf=shelf,
            journal=journal,
            lending=handed.lending(),
            tagger=tagger,
            bursts=bursts,
            grants=grants,
            slices=first.is_linked,
            seal=retention.seals.seal,
            is_store_trusted=watch.is_trusted,
        )
        works = [work.run for work in (bookkeeper, desk, live, retention) if work is not None]
        works += [partial(repeat, watch.look, CHORES_PAUSE_S), partial(_try_disk, journal), heart.beat]
        server = Server(settings, gate, utc_now, load_seal(settings.gate), shared=handed.shared_nonces())
        return await take_calls(server, works, handed.listening(), stop=stop)


async def _patient_ledger(settings: Settings, folder: Path, journal: Journal, ending: AsyncExitStack) -> RedisLedger:
    """The ledger by a link of its own, for what no call waits for."""
    patient = repair_deadlines(settings)
    link = await ending.enter_async_context(ledger_link(settings, folder, patient))
    return RedisLedger(link, patient, gate=journal.memory.gate, witness=journal)


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


async def _close(desk: Desk | None) -> None:
    """Have control finish what it saw last."""
    if desk is not None:
        await desk.close()


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


def _retention(folder: Path, bookkeeper: Bookkeeper) -> Retention:
    """Prepare what looks after the keys of full numbers, and the files of the journal."""
    keys = key_folder(bookkeeper.settings, folder)
    return Retention(
        seals=Seals(keys),
        folder=keys,
        days=bookkeeper.settings.privacy.full_number_days,
        journal_days=bookkeeper.settings.privacy.journal_days,
        clinics=bookkeeper.shelf.names,
        journal=bookkeeper.journal,
        clock=utc_now,
    )


def _is_linked(desk: Desk | None) -> bool:
    """Whether live calls are looked after, so that their holds can be renewed."""
    return desk is not None and desk.switch.is_linked


def _up(desk: Desk | None) -> set[str] | None:
    """The grants of the legs that are up, as far as control sees them; None while it sees none."""
    if desk is None or not desk.switch.is_linked:
        return None
    # Emergency calls have one grant, and nothing to settle.
    return {leg.grant for leg in desk.switch.legs()} - {EMERGENCY_GRANT}


async def _take_journal(journal: Journal, settings: Settings, handed: Handed, ending: AsyncExitStack) -> str:
    """Open the journal, and give the gate its name by it."""
    journal.memory.gate = gate_name(settings.gate.pbx, await _identity(journal))
    if handed.is_one_of_more:
        journal.take_over()
    await _take_left(journal)
    ending.push_async_callback(_take_left, journal)
    return journal.memory.gate


async def _identity(journal: Journal) -> str:
    """Open the journal; one that cannot be stops costly calls, and no others: each of them tries again.

    The worker before this one closes it as soon as its calls have their answer. So does one whose supervisor is gone.
    """
    until_s = time.monotonic() + JOURNAL_PATIENCE_S
    while True:
        try:
            return journal.open()
        except JournalInUseError:
            if time.monotonic() > until_s:
                raise
        except JournalError:
            log.exception("journal.failed")
            return ""
        await asyncio.sleep(JOURNAL_AGAIN_S)


async def _take_left(journal: Journal) -> None:
    """Take what commands left while the gate was down, before the ledger is asked: it knows of that already.

    Also what workers left that are gone: now, and once more when no further one of this gate can follow.
    """
    for take in _left(journal):
        try:
            await take()
        except (OSError, JournalError):
            log.exception("left.not_taken")


def _left(journal: Journal) -> tuple[Callable[[], Awaitable[None]], ...]:
    """What takes into the journal what others left in its folder."""
    return tuple(partial(take, journal.file.parent, journal) for take in (acts.take, take_unsaid))


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
