"""Without a configured Redis the daemon brings its own, private and durable, and says clearly when it cannot."""

import asyncio
import os
import signal
import stat
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from callgate.core.hold import Held
from callgate.ledger import embedded
from callgate.ledger.base import LedgerBook
from callgate.ledger.client import connect
from callgate.ledger.embedded import EmbeddedFault, EmbeddedStoreError, start_embedded
from callgate.ledger.redis import RedisLedger
from callgate.ledger.store import check_store
from ledger.samples import PATIENT, request

FakeProgram = Callable[[str, str], None]


@pytest.fixture
def fake_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeProgram:
    """Put a program of our own where the daemon looks for its store, and nothing else."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))

    def install(name: str, text: str) -> None:
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o700)

    return install


async def test_its_own_store_is_durable_private_and_keeps_its_holds(tmp_path: Path) -> None:
    asked = replace(request(), hold_id=f"pbx.boot.a.{int(time.time())}")
    for _ in range(2):
        store = await start_embedded(tmp_path)
        async with connect(store.url, PATIENT) as client:
            assert await check_store(client) == ()
            ledger = RedisLedger(client, PATIENT)
            assert isinstance(await ledger.hold(asked), Held)
            book = await ledger.book("clinic")
            assert isinstance(book, LedgerBook)
            assert (book.sequence, len(book.holds)) == (1, 1), "the second start finds what the first one held"
        files = [tmp_path / "redis", *(tmp_path / "redis").rglob("*")]
        assert [path for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
        await store.stop()
        await store.stop()
        assert await store.wait() == 0


async def test_two_daemons_never_share_a_folder(tmp_path: Path) -> None:
    store = await start_embedded(tmp_path)
    with pytest.raises(EmbeddedStoreError) as refused:
        await start_embedded(tmp_path)
    assert refused.value.fault is EmbeddedFault.FOLDER_IN_USE
    await store.stop()


async def test_a_store_left_over_by_a_killed_daemon_is_ended_first(tmp_path: Path) -> None:
    left_over = await start_embedded(tmp_path)
    left_over.lock.close()
    store = await start_embedded(tmp_path)
    assert await left_over.wait() == 0
    await store.stop()


async def test_a_left_over_store_that_hangs_is_not_doubled(tmp_path: Path) -> None:
    left_over = await start_embedded(tmp_path)
    left_over.lock.close()
    left_over.process.send_signal(signal.SIGSTOP)
    with pytest.raises(EmbeddedStoreError) as refused:
        await start_embedded(tmp_path, patience_s=0.3)
    assert refused.value.fault is EmbeddedFault.SILENT
    await left_over.stop(patience_s=0.1)
    assert left_over.process.returncode == -signal.SIGKILL


async def test_valkey_serves_as_well(tmp_path: Path, fake_program: FakeProgram) -> None:
    fake_program("valkey-server", f'exec /usr/bin/env PATH={os.defpath} redis-server "$@"')
    store = await start_embedded(tmp_path)
    await store.stop()


async def test_a_missing_program_is_named(tmp_path: Path, fake_program: FakeProgram) -> None:
    fake_program("something-else", "true")
    with pytest.raises(EmbeddedStoreError, match=r"install redis-server or valkey-server") as refused:
        await start_embedded(tmp_path)
    assert refused.value.fault is EmbeddedFault.NOT_INSTALLED
    assert refused.value.folder == tmp_path / "redis"


@pytest.mark.parametrize(
    ("text", "last_words"),
    [
        ("echo starting; echo Bad file format reading the append only file; exit 1", "Bad file format"),
        ("exit 1", "it wrote"),
    ],
)
async def test_a_program_that_dies_is_reported_with_its_last_words(
    tmp_path: Path, fake_program: FakeProgram, text: str, last_words: str
) -> None:
    fake_program("redis-server", text)
    with pytest.raises(EmbeddedStoreError, match=last_words) as refused:
        await start_embedded(tmp_path)
    assert refused.value.fault is EmbeddedFault.DIED


async def test_a_program_that_never_answers_is_ended(tmp_path: Path, fake_program: FakeProgram) -> None:
    fake_program("redis-server", "echo $$; exec /bin/sleep 600")
    with pytest.raises(EmbeddedStoreError) as refused:
        await start_embedded(tmp_path, patience_s=1)
    assert refused.value.fault is EmbeddedFault.SILENT
    with pytest.raises(ProcessLookupError):
        os.kill(int(refused.value.detail), 0)


async def test_a_start_that_is_given_up_leaves_nothing_running(tmp_path: Path, fake_program: FakeProgram) -> None:
    fake_program("redis-server", "exec /bin/sleep 600")
    starting = asyncio.create_task(start_embedded(tmp_path))
    await asyncio.wait([starting], timeout=0.2)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    lock = (tmp_path / "redis" / "store.lock").open("ab")
    assert embedded._take(lock)
    lock.close()


async def test_a_folder_too_deep_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedStoreError) as refused:
        await start_embedded(tmp_path / ("d" * 100))
    assert refused.value.fault is EmbeddedFault.PATH_TOO_LONG
