"""A further worker: it decides calls, and leaves the journal, the spool and all that is up to the first worker."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from callgate.bookkeeper import CHORES_PAUSE_S, DECKS_PAUSE_S
from callgate.burst_watch import BurstWatch
from callgate.clinic import Clinic
from callgate.commands import Exit
from callgate.commands.context import ledger_deadlines, ledger_link, state_folder
from callgate.commands.handed import Handed
from callgate.commands.taking_calls import take_calls, told_to_stop
from callgate.core.dialling import preload
from callgate.further_worker import AnnouncedGrants, FurtherWorker
from callgate.gate import Gate
from callgate.heartbeat import Heart
from callgate.kept_store import end_task
from callgate.ledger.redis import RedisLedger
from callgate.policies import PolicyShelf
from callgate.repeating import repeat
from callgate.retention import PAUSE_S as KEYS_PAUSE_S
from callgate.seal import load_seal
from callgate.sealing import Seals, key_folder
from callgate.server import Server, utc_now
from callgate.settings import Settings
from callgate.store_watch import StoreTrust
from callgate.tags import load_tagger
from callgate.unsaid import Unsaid

LINE_EMPTIED_S = 1.0
"""So long a worker that ends waits for the first one to take what it has to say."""


async def answer(settings: Settings, folder: Path, clinics: dict[str, Clinic], handed: Handed) -> Exit:
    """Decide calls until told to leave or the supervisor is gone."""
    stop, state = told_to_stop(), state_folder(settings, folder)
    async with AsyncExitStack() as ending:
        heart = Heart(handed.link(), stop)
        ending.callback(heart.close)
        client = await ending.enter_async_context(ledger_link(settings, folder))
        unsaid = Unsaid(state)
        ending.callback(unsaid.close)
        line = FurtherWorker(handed.way_to_first(), unsaid)
        talking = asyncio.create_task(line.run())
        talking.add_done_callback(lambda _: stop.set())
        ending.push_async_callback(end_task, talking)
        preload()
        await _introduced(line, stop)
        if stop.is_set() or not await heart.may_go():
            return Exit.OK
        gate_name = line.gate
        ledger = RedisLedger(client, ledger_deadlines(settings), gate=gate_name, witness=line)
        shelf = PolicyShelf(clinics, ledger, state, replaces=False)
        await shelf.open()
        trust = StoreTrust(client=client, settings=settings)
        await trust.check()
        seals = Seals(key_folder(settings, folder))

        async def tend_keys() -> None:
            await asyncio.to_thread(seals.prepare, shelf.names(), utc_now())

        async def do_chores() -> None:
            await trust.check()
            await ledger.void_doubtful()
            await shelf.fetch_missing()
            if line.gate != gate_name:
                # The journal began anew: this is another gate now, and the next worker one of it.
                stop.set()

        await tend_keys()
        gate = Gate(
            ledger=ledger,
            shelf=shelf,
            journal=line,
            lending=handed.lending(),
            tagger=load_tagger(state),
            bursts=BurstWatch(shelf=shelf, revisions=ledger, elsewhere=line.count),
            grants=AnnouncedGrants(line),
            slices=lambda: line.is_linked,
            seal=seals.seal,
            is_store_trusted=trust.is_trusted,
        )
        works = (
            heart.beat,
            partial(repeat, do_chores, CHORES_PAUSE_S),
            partial(repeat, shelf.reload_decks, DECKS_PAUSE_S),
            partial(repeat, tend_keys, KEYS_PAUSE_S),
        )
        server = Server(settings, gate, utc_now, load_seal(settings.gate), shared=handed.shared_nonces())
        code = await take_calls(server, works, handed.listening(), stop=stop)
        await line.emptied(LINE_EMPTIED_S)
    return code


async def _introduced(line: FurtherWorker, stop: asyncio.Event) -> None:
    """Wait for the first worker, or until this one is to end."""
    waits = [asyncio.create_task(wait()) for wait in (line.introduced, stop.wait)]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
