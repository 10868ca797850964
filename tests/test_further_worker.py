"""The line between the workers of one gate, with a real journal at its end: nothing said is lost, nor done twice."""

import asyncio
import resource
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import structlog

from callgate import further_worker, journal, unsaid
from callgate.burst_watch import Counted
from callgate.core.burst import Refused
from callgate.core.hold import FrozenCause
from callgate.core.reasons import Reason
from callgate.core.sighting import Seen
from callgate.errors import JournalError
from callgate.first_worker import FirstWorker
from callgate.further_worker import AnnouncedGrants, FurtherWorker
from callgate.grants import Grants, Issued
from callgate.journal import JOURNAL_FILE, Journal, JournalRow, read_rows
from callgate.journal_file import Kind, Record, scan
from callgate.ledger.restoration import Change
from callgate.letters import Letter, RowToWrite, frame
from callgate.listening import open_line, way_place
from callgate.unsaid import Unsaid, take_unsaid
from clinic_samples import HOLD, POINTE_A_PITRE, open_site
from waiting import PATIENCE_S, until

AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def row(grant: str, event: str = "call.granted") -> JournalRow:
    reasons = (Reason.COUNTRY_REFUSED,) if event == "call.refused" else ()
    return JournalRow(at=AT, event=event, clinic="lilas", call=grant, grant=grant, reasons=reasons)


async def granted(folder: Path) -> Issued:
    """A grant of a costly call, as a gate gives it."""
    (folder / "site").mkdir()
    site = open_site(folder / "site")
    gate = site.gate
    await site.shelf.open()
    await gate.decide(site.passage(POINTE_A_PITRE), site.now)
    issued = gate.grants.get(HOLD)
    assert issued is not None
    return issued


@dataclass(kw_only=True)
class House:
    """A state folder, the first workers that have been there, and the line to them."""

    folder: Path
    way: int
    listening: socket.socket
    line: FurtherWorker
    unsaid: Unsaid
    counted: list[Counted] = field(default_factory=list)
    grants: Grants = field(default_factory=Grants)
    journal: Journal = field(init=False)
    ending: AsyncExitStack = field(init=False)
    is_linked: bool = False
    serves: Callable[[str], bool] = lambda _: True
    when_counted: Callable[[Counted], None] = field(init=False)

    def __post_init__(self) -> None:
        self.when_counted = self.counted.append

    def first_worker(self) -> None:
        self.journal = Journal(self.folder)
        self.journal.memory.gate = self.journal.open()
        self.ending = AsyncExitStack()
        first = FirstWorker(
            journal=self.journal,
            grants=self.grants,
            count=self.when_counted,
            is_linked=lambda: self.is_linked,
            serves=self.serves,
        )
        first.open(self.listening.dup(), self.ending)

    async def no_first_worker(self) -> None:
        await self.ending.aclose()
        self.journal.close()

    def rows(self) -> list[str]:
        return [row.grant for row, _ in read_rows(self.folder / JOURNAL_FILE)]

    def files(self) -> list[str]:
        return [file.name for file in self.folder.iterdir()]

    def kinds(self) -> list[int]:
        with (self.folder / JOURNAL_FILE).open("rb") as stream:
            return [record.kind for record in scan(stream) if isinstance(record, Record)]


@pytest.fixture(autouse=True)
def _a_machine_that_may_be_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(further_worker, "DISK_DEADLINE_S", PATIENCE_S)
    monkeypatch.setattr(journal, "SYNC_DEADLINE_S", PATIENCE_S)


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    with open_line(folder) as opened:
        kept = Unsaid(folder)
        line = FurtherWorker(way_place(opened.way), kept)
        found = House(folder=folder, way=opened.way, listening=opened.listening, line=line, unsaid=kept)
        found.first_worker()
        talking = asyncio.create_task(line.run())
        try:
            async with asyncio.timeout(PATIENCE_S):
                await line.introduced()
            yield found
        finally:
            talking.cancel()
            await asyncio.wait({talking})
            kept.close()
            await found.no_first_worker()


async def test_what_a_further_worker_writes_stands_in_the_journal_in_its_order(tmp_path: Path) -> None:
    change = Change(clinic="lilas", epoch="e", sequence=1, records="[]")
    async with house(tmp_path) as found:
        assert found.line.gate == found.journal.memory.gate != ""
        found.line.witness("lilas", Seen(epoch="e", mine=1), change)
        await found.line.write(row("a"), durable=False)
        await found.line.write(row("b"), durable=True)
        assert found.rows() == ["a", "b"]
        assert found.kinds()[-3:] == [Kind.CHANGE, Kind.ROW, Kind.ROW], "a grant has its change before it"
        assert found.journal.memory.seen("lilas") == Seen(epoch="e", mine=1)
        await found.line.emptied(PATIENCE_S)
        assert set(found.journal.memory.granted) == {"a", "b"}


async def test_a_refusal_is_counted_by_the_first_worker(tmp_path: Path) -> None:
    refusal = row("r", "call.refused")
    async with house(tmp_path) as found:
        await found.line.refuse(refusal)
        assert found.rows() == ["r"]


async def test_the_guard_knows_a_grant_before_the_caller_has_his_answer(tmp_path: Path) -> None:
    given = await granted(tmp_path)
    async with house(tmp_path) as found:
        await AnnouncedGrants(found.line).announce(given)
        assert found.grants.get(given.grant) == given


async def test_a_refusal_that_counts_towards_a_burst_is_counted_once_for_all_workers(tmp_path: Path) -> None:
    counted = Counted(clinic="lilas", extension="31", revision=2, refused=Refused(at=AT, abroad=True))
    async with house(tmp_path) as found:
        found.line.count(counted)
        await until(lambda: found.counted)
        assert found.counted == [counted]


async def test_what_a_worker_says_of_a_clinic_that_was_removed_holds_up_nothing_behind_it(tmp_path: Path) -> None:
    """It still has the settings of before a reload."""
    given = await granted(tmp_path)
    gone = Counted(clinic="gone", extension="31", revision=2, refused=Refused(at=AT, abroad=True))
    async with house(tmp_path) as found:
        await found.no_first_worker()
        found.serves = frozenset({given.attempt.clinic}).__contains__
        found.first_worker()
        found.line.count(gone)
        of_gone = replace(given, grant="of-gone", attempt=replace(given.attempt, clinic="gone"))
        await AnnouncedGrants(found.line).announce(of_gone)
        await AnnouncedGrants(found.line).announce(given)
        assert (found.counted, found.grants.get("of-gone"), found.grants.get(given.grant)) == ([], None, given)


async def test_what_another_worker_saw_of_a_ledger_is_known_here_too(tmp_path: Path) -> None:
    async with house(tmp_path) as found:
        found.journal.witness("lilas", Seen(epoch="e", mine=7), None)
        found.is_linked = True
        await until(lambda: found.line.seen("lilas") == Seen(epoch="e", mine=7) and found.line.is_linked)


async def test_a_frozen_ledger_is_told_to_whoever_repairs_it(tmp_path: Path) -> None:
    async with house(tmp_path) as found:
        found.line.freeze("lilas", FrozenCause.REGRESSED)
        await until(lambda: "lilas" in found.journal.memory.frozen)


async def test_what_is_said_while_the_first_worker_is_away_the_next_one_hears(tmp_path: Path) -> None:
    async with house(tmp_path) as found:
        await found.line.write(row("a"), durable=True)
        await found.no_first_worker()
        await until(lambda: not found.line.is_there)
        await found.line.write(row("b"), durable=False)
        await found.line.announce(await granted(tmp_path))
        assert not found.line.is_linked
        found.first_worker()
        await found.line.write(row("c"), durable=True)
        assert found.rows() == ["a", "b", "c"], "each once"


async def test_another_daemon_in_the_same_folder_takes_nothing_from_this_one(tmp_path: Path) -> None:
    """It took the name of the socket: no costly call of a further worker was granted any more, until a restart."""
    async with house(tmp_path) as found:
        with open_line(tmp_path):
            assert found.files() == [JOURNAL_FILE], "nothing to take, or to remove"
        await found.no_first_worker()
        await until(lambda: not found.line.is_there)
        found.first_worker()
        await found.line.write(row("a"), durable=True)
        assert found.rows() == ["a"]


@pytest.mark.parametrize("durable", [True, False], ids=["a costly call", "an ordinary one"])
async def test_without_a_first_worker_a_costly_call_is_refused_and_an_ordinary_one_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, durable: bool
) -> None:
    monkeypatch.setattr(further_worker, "DISK_DEADLINE_S", 0.05)
    async with house(tmp_path) as found:
        await found.no_first_worker()
        await until(lambda: not found.line.is_there)
        with pytest.raises(JournalError, match="first worker is away") if durable else nullcontext():
            await found.line.write(row("a"), durable=durable)
        found.first_worker()
        await found.line.emptied(PATIENCE_S)
        assert found.rows() == ([] if durable else ["a"]), "a call that was refused was never granted"


async def test_a_refusal_without_a_first_worker_is_written_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(further_worker, "DISK_DEADLINE_S", 0.05)
    async with house(tmp_path) as found:
        await found.no_first_worker()
        await until(lambda: not found.line.is_there)
        with pytest.raises(JournalError):
            await found.line.refuse(row("r", "call.refused"))
        found.first_worker()
        await found.line.emptied(PATIENCE_S)
        assert found.rows() == ["r"]


@pytest.mark.parametrize("mode", ["enforce", "observe"])
async def test_a_refusal_that_was_answered_without_a_first_worker_outlives_the_further_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Of 50,099 refusals that callers had heard 1,610 were nowhere: both workers were killed one after the other."""
    monkeypatch.setattr(further_worker, "AWAY_S", 0.0)
    refused = row("r", "call.refused")
    observed = msgspec.structs.replace(refused, observed=True)
    async with house(tmp_path) as found:
        await found.no_first_worker()
        await until(lambda: not found.line.is_there)
        with pytest.raises(JournalError):
            await (found.line.refuse(refused) if mode == "enforce" else found.line.write(observed, durable=True))
        found.unsaid.close()
        found.journal = Journal(tmp_path)
        await take_unsaid(tmp_path, found.journal)
        assert found.rows() == ["r"]


async def test_a_refusal_that_a_first_worker_does_not_answer_in_time_is_kept_in_a_file_until_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(further_worker, "DISK_DEADLINE_S", 0.0)
    async with house(tmp_path) as found:
        with pytest.raises(JournalError):
            await found.line.refuse(row("r", "call.refused"))
        assert len(found.files()) == 2, "the journal and what it has not said yet"
        await until(lambda: found.files() == [JOURNAL_FILE])
        assert found.rows() == ["r"]


async def test_a_worker_that_ends_without_a_first_one_leaves_all_its_rows(tmp_path: Path) -> None:
    async with house(tmp_path) as found:
        await found.no_first_worker()
        await until(lambda: not found.line.is_there)
        await found.line.write(row("a"), durable=False)
        found.line.freeze("lilas", FrozenCause.REGRESSED)
        await found.line.emptied(0)
        found.unsaid.close()
        found.journal = Journal(tmp_path)
        await take_unsaid(tmp_path, found.journal)
        assert found.rows() == ["a"]


async def test_where_no_file_can_be_written_a_refusal_is_kept_in_memory_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(further_worker, "DISK_DEADLINE_S", 0.0)
    monkeypatch.setattr(unsaid, "UNSAID_MAX_BYTES", 1)
    async with house(tmp_path) as found:
        await found.no_first_worker()
        await until(lambda: not found.line.is_there)
        with structlog.testing.capture_logs() as said, pytest.raises(JournalError):
            await found.line.refuse(row("r", "call.refused"))
        assert [line["event"] for line in said] == ["letter.not_kept"], "once, however many there are"
        found.first_worker()
        await found.line.emptied(PATIENCE_S)
        assert found.rows() == ["r"]


async def test_a_disk_that_takes_nothing_is_told_to_the_worker_that_asked(tmp_path: Path) -> None:
    async with house(tmp_path) as found:
        long = "x" * (16 * 1024 * 1024 + 1)
        with pytest.raises(JournalError, match="too long"):
            await found.line.write(row(long), durable=True)


async def test_of_too_many_letters_the_oldest_are_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(further_worker, "KEPT_MAX", 2)
    async with house(tmp_path) as found:
        await found.no_first_worker()
        await until(lambda: not found.line.is_there)
        for grant in "abc":
            await found.line.write(row(grant), durable=False)
        found.first_worker()
        await found.line.emptied(PATIENCE_S)
        assert found.rows() == ["b", "c"]


async def test_of_too_many_refusals_none_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(further_worker, "KEPT_MAX", 2)
    monkeypatch.setattr(further_worker, "AWAY_S", 0.0)
    async with house(tmp_path) as found:
        await found.no_first_worker()
        await until(lambda: not found.line.is_there)
        with structlog.testing.capture_logs() as said:
            for grant in "abc":
                with pytest.raises(JournalError):
                    await found.line.refuse(row(grant, "call.refused"))
        assert said == []
        found.first_worker()
        await found.line.emptied(PATIENCE_S)
        await take_unsaid(tmp_path, found.journal)
        assert sorted(found.rows()) == ["a", "b", "c"]
        assert found.files() == [JOURNAL_FILE]


async def test_what_was_kept_is_told_in_many_steps_so_that_the_first_worker_is_not_held_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one step 10,000 letters took so long that the next first worker looked stuck, and so did the one after it."""
    monkeypatch.setattr(further_worker, "TOLD_AT_ONCE", 2)
    counted = Counted(clinic="lilas", extension="31", revision=2, refused=Refused(at=AT, abroad=True))
    async with house(tmp_path) as found:
        await found.no_first_worker()
        await until(lambda: not found.line.is_there)
        for _ in range(5):
            found.line.count(counted)
        steps, loop = [0], asyncio.get_running_loop()
        counted_at: list[int] = []

        def step() -> None:
            steps[0] += 1
            if len(counted_at) < 5:
                loop.call_soon(step)

        found.when_counted = lambda _: counted_at.append(steps[0])
        found.first_worker()
        step()
        await found.line.emptied(PATIENCE_S)
        assert sorted(Counter(counted_at).values()) == [1, 2, 2]


@pytest.mark.parametrize(
    "said",
    [b"\0\0\0\1\xc1", frame([Letter(1, RowToWrite(row("wrong"), durable=False))]).replace(b"wrong", b"\xffrong")],
    ids=["of another version", "no text"],
)
async def test_who_speaks_another_language_is_not_heard(tmp_path: Path, said: bytes) -> None:
    with structlog.testing.capture_logs() as lines:
        async with house(tmp_path) as found:
            reader, writer = await asyncio.open_unix_connection(str(way_place(found.way)))
            writer.write(said)
            async with asyncio.timeout(PATIENCE_S):
                await reader.read()
            writer.close()
            await found.line.write(row("a"), durable=True)
            assert found.rows() == ["a"]
    assert "letter.unreadable" in [line["event"] for line in lines]


async def test_a_first_worker_that_had_no_file_left_for_a_moment_hears_the_others_afterwards(tmp_path: Path) -> None:
    """It never accepted a worker again: costly calls of every one that was started after that were refused for good."""
    async with house(tmp_path) as found:
        loop, (soft, hard) = asyncio.get_running_loop(), resource.getrlimit(resource.RLIMIT_NOFILE)
        with socket.socket(socket.AF_UNIX) as link, structlog.testing.capture_logs() as said:
            link.settimeout(0)
            resource.setrlimit(resource.RLIMIT_NOFILE, (link.fileno() + 1, hard))
            try:
                await loop.sock_connect(link, str(way_place(found.way)))
                await until(lambda: said)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            async with asyncio.timeout(PATIENCE_S):
                assert await loop.sock_recv(link, 1), "its standing"
        assert [line["event"] for line in said] == ["worker.not_heard"]
