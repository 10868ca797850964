"""Which policy binds: the installer's file, one from elsewhere, or the last good one while Redis is away."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from callgate.clinic import Clinic, load_clinics
from callgate.core.hold import Unavailable
from callgate.core.locks import Lock, LockedCalls
from callgate.ledger.client import connect
from callgate.ledger.memory import MemoryLedger, at_second
from callgate.ledger.redis import RedisLedger
from callgate.ledger.revisions import NoPolicy, Outdated, PolicyRevision, Published
from callgate.policies import PolicyShelf, author
from callgate.settings import load_settings
from clinic_samples import CLINIC, policy_text, silent_ledger, write_site
from core.samples import a_lock
from ledger.samples import PATIENT
from redis_server import RedisServer

FACTORY = policy_text()
ALSO_BELGIUM = policy_text({'allow = ["FR",': 'allow = ["FR", "BE",'})
ALSO_ITALY = policy_text({'allow = ["FR",': 'allow = ["FR", "IT",'})
FROM_TOMORROW = "schema = 2\n"


@dataclass(kw_only=True)
class Start:
    """A gate that starts: its shelf is loaded from the files as they are."""

    folder: Path
    revisions: MemoryLedger | RedisLedger

    def __post_init__(self) -> None:
        settings = load_settings(self.folder / "callgate.toml")
        self.shelf = PolicyShelf(load_clinics(settings, self.folder), self.revisions, self.folder / "state")

    @property
    def clinic(self) -> Clinic:
        return self.shelf.clinic(CLINIC)

    def binds(self) -> tuple[int, tuple[str, ...]]:
        """The revision, and which countries it allows beside France's own."""
        return self.clinic.revision, tuple(sorted({"BE", "IT"} & set(self.clinic.policy.countries.allow)))


def revision(number: int, document: str, origin: str = "command") -> PolicyRevision:
    at = datetime(2026, 11, 24, 10, tzinfo=UTC)
    return PolicyRevision(
        clinic=CLINIC, revision=number, author="dr.lilas", at=at, origin=origin, reason="", document=document
    )


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger(at_second(lambda: 1_800_000_000))


async def start(folder: Path, revisions: MemoryLedger | RedisLedger, file: str = FACTORY) -> Start:
    write_site(folder, file)
    started = Start(folder=folder, revisions=revisions)
    await started.shelf.open()
    return started


async def test_the_first_start_puts_the_file_in_force(tmp_path: Path, ledger: MemoryLedger) -> None:
    started = await start(tmp_path, ledger)
    assert (started.binds(), started.shelf.names()) == ((1, ()), (CLINIC,))
    found = await ledger.fetch_policy(CLINIC)
    assert isinstance(found, PolicyRevision)
    assert (found.origin, found.document, found.author) == ("file", FACTORY, author())


async def test_a_start_with_the_same_file_publishes_nothing(tmp_path: Path, ledger: MemoryLedger) -> None:
    await start(tmp_path, ledger)
    assert (await start(tmp_path, ledger)).binds() == (1, ())


async def test_a_file_that_changed_between_two_starts_is_the_next_revision(
    tmp_path: Path, ledger: MemoryLedger
) -> None:
    await start(tmp_path, ledger)
    assert (await start(tmp_path, ledger, ALSO_BELGIUM)).binds() == (2, ("BE",))


async def test_a_further_worker_with_the_files_of_before_undoes_no_reload(tmp_path: Path, ledger: MemoryLedger) -> None:
    await start(tmp_path, ledger)
    settings = load_settings(tmp_path / "callgate.toml")
    clinics = load_clinics(settings, tmp_path)
    assert (await start(tmp_path, ledger, ALSO_BELGIUM)).binds() == (2, ("BE",))
    further = PolicyShelf(clinics, ledger, tmp_path / "state", replaces=False)
    await further.open()
    assert further.clinic(CLINIC).revision == 2
    assert "BE" in further.clinic(CLINIC).policy.countries.allow


async def test_a_policy_from_elsewhere_wins_over_the_file_also_over_a_changed_one(
    tmp_path: Path, ledger: MemoryLedger
) -> None:
    await start(tmp_path, ledger)
    assert isinstance(await ledger.publish(revision(2, ALSO_ITALY), 1), Published)
    assert (await start(tmp_path, ledger)).binds() == (2, ("IT",))
    assert (await start(tmp_path, ledger, ALSO_BELGIUM)).binds() == (2, ("IT",))


async def test_a_fetch_brings_the_revision_in_force(tmp_path: Path, ledger: MemoryLedger) -> None:
    started = await start(tmp_path, ledger)
    await ledger.publish(revision(2, ALSO_ITALY), 1)
    assert (await started.shelf.fetch(CLINIC)).revision == 2
    assert started.binds() == (2, ("IT",))


async def test_a_fetch_of_what_already_binds_changes_nothing(tmp_path: Path, ledger: MemoryLedger) -> None:
    """Every refused call looks whether a permission has come: each one once wrote the policy to the disk again."""
    started = await start(tmp_path, ledger)
    (tmp_path / "state" / f"policy-{CLINIC}.json").unlink()
    clinic = started.clinic
    assert await started.shelf.fetch(CLINIC) is clinic
    assert not (tmp_path / "state" / f"policy-{CLINIC}.json").exists()


class Slow(MemoryLedger):
    """A ledger whose answers are on their way for as long as somebody wants."""

    looks: int
    looked: asyncio.Event
    arrive: asyncio.Event

    async def fetch_policy(self, clinic: str, revision: int | None = None) -> PolicyRevision | NoPolicy | Unavailable:
        found = await super().fetch_policy(clinic, revision)
        self.looks += 1
        self.looked.set()
        await self.arrive.wait()
        return found


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[tuple[Start, Slow]]:
    ledger = Slow(at_second(lambda: 1_800_000_000))
    ledger.looks, ledger.looked, ledger.arrive = 0, asyncio.Event(), asyncio.Event()
    ledger.arrive.set()
    started = await start(tmp_path, ledger)
    ledger.looks, ledger.looked = 0, asyncio.Event()
    ledger.arrive.clear()
    yield started, ledger
    ledger.arrive.set()


async def test_a_hundred_refused_calls_at_once_share_one_look_at_the_policy(slow: tuple[Start, Slow]) -> None:
    started, ledger = slow
    calls = [asyncio.create_task(started.shelf.fetch_together(CLINIC)) for _ in range(100)]
    await ledger.looked.wait()
    ledger.arrive.set()
    assert {clinic.revision for clinic in await asyncio.gather(*calls)} == {1}
    assert ledger.looks == 1


async def test_what_is_in_force_before_a_call_binds_it_though_anothers_look_is_under_way(
    slow: tuple[Start, Slow],
) -> None:
    started, ledger = slow
    earlier = asyncio.create_task(started.shelf.fetch_together(CLINIC))
    await ledger.looked.wait()
    await ledger.publish(revision(2, ALSO_ITALY), 1)
    call = asyncio.create_task(started.shelf.fetch_together(CLINIC))
    ledger.arrive.set()
    assert (await call).revision == 2
    await earlier


async def test_a_call_that_is_given_up_leaves_the_look_to_the_others(slow: tuple[Start, Slow]) -> None:
    started, ledger = slow
    first, second = (asyncio.create_task(started.shelf.fetch_together(CLINIC)) for _ in range(2))
    await ledger.looked.wait()
    first.cancel()
    ledger.arrive.set()
    assert (await second).revision == 1
    assert ledger.looks == 1


class Overtaken(MemoryLedger):
    """A ledger where another gate publishes between our look and our own publication."""

    async def publish(self, policy: PolicyRevision, expected: int) -> Published | Outdated | Unavailable:
        await super().publish(replace(policy, document=ALSO_ITALY, author="the other gate"), expected)
        return await super().publish(policy, expected)


@pytest.mark.parametrize("left", ["nothing", "an older revision"])
async def test_a_store_that_lost_a_revision_gets_it_back_and_nothing_is_undone(tmp_path: Path, left: str) -> None:
    """An old backup of Redis once put the gate back under the rules of before."""
    started = await start(tmp_path, MemoryLedger(at_second(lambda: 1_800_000_000)))
    await started.revisions.publish(revision(2, ALSO_BELGIUM), 1)
    await started.shelf.fetch(CLINIC)
    damaged = MemoryLedger(at_second(lambda: 1_800_000_000))
    if left == "an older revision":
        await damaged.publish(revision(1, FACTORY), 0)
    started.shelf = replace_store(started.shelf, damaged)
    await started.shelf.fetch(CLINIC)
    assert started.binds() == (2, ("BE",))
    assert await damaged.fetch_policy(CLINIC) == revision(2, ALSO_BELGIUM)


@pytest.mark.parametrize("left", ["nothing", "an older revision"])
async def test_a_gate_that_is_started_again_beside_such_a_store_gives_it_back_too(tmp_path: Path, left: str) -> None:
    """It put the installer's file in force, and undid what a doctor had tightened since."""
    started = await start(tmp_path, MemoryLedger(at_second(lambda: 1_800_000_000)))
    await started.revisions.publish(revision(2, ALSO_BELGIUM), 1)
    await started.shelf.fetch(CLINIC)
    damaged = MemoryLedger(at_second(lambda: 1_800_000_000))
    if left == "an older revision":
        await damaged.publish(revision(1, FACTORY), 0)
    assert (await start(tmp_path, damaged)).binds() == (2, ("BE",))
    assert await damaged.fetch_policy(CLINIC) == revision(2, ALSO_BELGIUM)


async def test_a_policy_kept_for_another_clinic_is_not_taken(tmp_path: Path, ledger: MemoryLedger) -> None:
    write_site(tmp_path)
    stranger = replace(revision(9, ALSO_ITALY), clinic="another")
    (tmp_path / "state" / f"policy-{CLINIC}.json").write_bytes(msgspec.json.encode(stranger))
    assert (await start(tmp_path, ledger)).binds() == (1, ())


def replace_store(shelf: PolicyShelf, store: MemoryLedger) -> PolicyShelf:
    """The same gate, whose Redis has come back with less than it had."""
    shelf._revisions = store
    return shelf


async def test_a_policy_that_was_published_in_between_is_taken(tmp_path: Path) -> None:
    assert (await start(tmp_path, Overtaken(at_second(lambda: 1_800_000_000)))).binds() == (1, ("IT",))


@pytest.mark.parametrize(
    "document",
    [
        FROM_TOMORROW,
        policy_text({'currency = "EUR"': 'currency = "CHF"'}),
        policy_text({'holidays = "FR"': 'holidays = "XX"'}),
    ],
    ids=["of a newer callgate", "in another currency than the rates", "with holidays nobody knows"],
)
async def test_a_policy_that_cannot_be_used_here_leaves_the_last_good_one_and_its_number(
    tmp_path: Path, ledger: MemoryLedger, document: str
) -> None:
    started = await start(tmp_path, ledger)
    await ledger.publish(revision(2, document), 1)
    await started.shelf.fetch(CLINIC)
    assert started.binds() == (1, ())


async def test_a_policy_that_cannot_be_used_is_said_once_and_not_whenever_somebody_looks(
    tmp_path: Path, ledger: MemoryLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    """Live control looks twice a second: the log once got 120 lines a minute for each clinic."""
    started = await start(tmp_path, ledger)
    for number in (2, 3):
        await ledger.publish(revision(number, FROM_TOMORROW), number - 1)
        for _ in range(5):
            await started.shelf.fetch(CLINIC)
    await ledger.publish(revision(4, ALSO_BELGIUM), 3)
    await started.shelf.fetch(CLINIC)
    assert "".join(capsys.readouterr()).count("policy.unusable") == 2
    assert started.binds() == (4, ("BE",))


async def test_a_clinic_that_starts_with_a_policy_it_cannot_use_says_so_once(
    tmp_path: Path, ledger: MemoryLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    await ledger.publish(revision(1, FROM_TOMORROW), 0)
    started = await start(tmp_path, ledger)
    for _ in range(5):
        await started.shelf.fetch_missing()
    assert "".join(capsys.readouterr()).count("policy.unusable") == 1
    assert started.binds() == (0, ())


async def test_a_lock_is_no_newer_policy(tmp_path: Path, ledger: MemoryLedger) -> None:
    started = await start(tmp_path, ledger)
    since = started.clinic.since
    await locked_elsewhere(started)
    assert (await started.shelf.fetch(CLINIC)).since == since
    await ledger.publish(revision(3, ALSO_BELGIUM), 2)
    assert (await started.shelf.fetch(CLINIC)).since == revision(3, ALSO_BELGIUM).at


# Locks.


async def locked_elsewhere(started: Start, *, calls: LockedCalls = LockedCalls.COSTLY, document: str = "") -> Lock:
    """Lock by a new revision of what is in force, as `callgate lock` does."""
    found = await started.revisions.fetch_policy(CLINIC)
    assert isinstance(found, PolicyRevision)
    lock = replace(a_lock(calls), at=found.at + timedelta(minutes=1))
    revision = replace(found, revision=found.revision + 1, at=lock.at, locks=(*found.locks, lock))
    revision = replace(revision, document=document or found.document)
    assert isinstance(await started.revisions.publish(revision, found.revision), Published)
    return lock


async def test_a_lock_binds_with_its_revision_and_outlives_a_change_of_the_file(
    tmp_path: Path, ledger: MemoryLedger
) -> None:
    started = await start(tmp_path, ledger)
    lock = await locked_elsewhere(started)
    assert (await started.shelf.fetch(CLINIC)).locks == (lock,)
    again = await start(tmp_path, ledger, ALSO_BELGIUM)
    assert again.binds() == (3, ("BE",))
    assert again.clinic.locks == again.clinic.rulebook.locks == (lock,)


async def test_a_gate_that_starts_without_redis_keeps_the_last_locks_it_knew(
    tmp_path: Path, ledger: MemoryLedger
) -> None:
    started = await start(tmp_path, ledger)
    lock = await locked_elsewhere(started)
    await started.shelf.fetch(CLINIC)
    assert (await start(tmp_path, silent_ledger(tmp_path))).clinic.locks == (lock,)


async def test_so_it_does_where_it_can_no_longer_use_the_policy_beside_them(tmp_path: Path) -> None:
    write_site(tmp_path)
    kept = replace(revision(1, FROM_TOMORROW), locks=(a_lock(),))
    (tmp_path / "state" / f"policy-{CLINIC}.json").write_bytes(msgspec.json.encode(kept))
    assert (await start(tmp_path, silent_ledger(tmp_path))).clinic.locks == (a_lock(),)


async def test_a_lock_binds_also_where_the_policy_beside_it_cannot_be_used(
    tmp_path: Path, ledger: MemoryLedger
) -> None:
    started = await start(tmp_path, ledger)
    lock = await locked_elsewhere(started, document=FROM_TOMORROW)
    locked = await started.shelf.fetch(CLINIC)
    assert (locked.revision, locked.locks) == (1, (lock,))
    assert await started.shelf.fetch(CLINIC) is locked


async def test_a_store_that_lost_a_lock_gets_it_back(tmp_path: Path, ledger: MemoryLedger) -> None:
    started = await start(tmp_path, ledger)
    lock = await locked_elsewhere(started)
    await started.shelf.fetch(CLINIC)
    damaged = MemoryLedger(at_second(lambda: 1_800_000_000))
    started.shelf = replace_store(started.shelf, damaged)
    await started.shelf.fetch(CLINIC)
    found = await damaged.fetch_policy(CLINIC)
    assert isinstance(found, PolicyRevision)
    assert (found.revision, found.locks) == (2, (lock,))


async def test_a_lock_that_was_set_in_a_store_which_had_lost_the_policy_is_not_undone_when_that_is_put_back(
    tmp_path: Path, ledger: MemoryLedger
) -> None:
    """Somebody locks right after a failover: what the gates put back was made before that, and knew no lock."""
    started = await start(tmp_path, ledger)
    for number in (2, 3):
        await ledger.publish(revision(number, ALSO_BELGIUM), number - 1)
    await started.shelf.fetch(CLINIC)
    damaged = MemoryLedger(at_second(lambda: 1_800_000_000))
    await damaged.publish(revision(1, FACTORY), 0)
    started.revisions = damaged
    lock = await locked_elsewhere(started)
    started.shelf = replace_store(started.shelf, damaged)
    for _ in range(2):
        assert (await started.shelf.fetch(CLINIC)).locks == (lock,)
        assert started.binds() == (4, ("BE",))
    found = await damaged.fetch_policy(CLINIC)
    assert isinstance(found, PolicyRevision)
    assert (found.revision, found.document, found.locks) == (4, ALSO_BELGIUM, (lock,))


async def test_a_lock_that_was_lifted_in_what_the_store_lost_stays_lifted(tmp_path: Path, ledger: MemoryLedger) -> None:
    started = await start(tmp_path, ledger)
    before = replace(revision(2, FACTORY), locks=(a_lock(),))
    await ledger.publish(before, 1)
    later = before.at + timedelta(minutes=5)
    await ledger.publish(replace(revision(3, FACTORY), at=later), 2)
    await started.shelf.fetch(CLINIC)
    damaged = MemoryLedger(at_second(lambda: 1_800_000_000))
    await damaged.publish(before, 0)
    started.shelf = replace_store(started.shelf, damaged)
    assert (await started.shelf.fetch(CLINIC)).locks == ()
    found = await damaged.fetch_policy(CLINIC)
    assert isinstance(found, PolicyRevision)
    assert (found.revision, found.locks) == (3, ())


# Without Redis.


async def test_a_start_without_redis_takes_the_last_good_policy_from_disk(tmp_path: Path, ledger: MemoryLedger) -> None:
    started = await start(tmp_path, ledger)
    await ledger.publish(revision(2, ALSO_ITALY), 1)
    await started.shelf.fetch(CLINIC)
    assert (await start(tmp_path, silent_ledger(tmp_path))).binds() == (0, ("IT",))


async def test_the_very_first_start_without_redis_takes_the_file(tmp_path: Path) -> None:
    assert (await start(tmp_path, silent_ledger(tmp_path), ALSO_BELGIUM)).binds() == (0, ("BE",))


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"\xff\xfe", b"schema = 1", msgspec.json.encode(revision(1, FROM_TOMORROW))]
)
async def test_a_damaged_last_good_policy_does_not_keep_the_gate_from_starting(tmp_path: Path, damage: bytes) -> None:
    write_site(tmp_path)
    (tmp_path / "state" / f"policy-{CLINIC}.json").write_bytes(damage)
    assert (await start(tmp_path, silent_ledger(tmp_path), ALSO_BELGIUM)).binds() == (0, ("BE",))


async def test_a_state_folder_that_is_full_or_closed_does_not_keep_a_policy_from_binding(
    tmp_path: Path, ledger: MemoryLedger
) -> None:
    started = await start(tmp_path, ledger)
    (tmp_path / "state" / f"policy-{CLINIC}.new").mkdir()
    await ledger.publish(revision(2, ALSO_ITALY), 1)
    await started.shelf.fetch(CLINIC)
    assert started.binds() == (2, ("IT",))


async def test_a_clinic_without_a_revision_is_brought_under_it_when_redis_returns(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    redis_folder = tmp_path_factory.mktemp("redis")
    client = connect(f"unix://{redis_folder}/redis.sock", PATIENT)
    async with client:
        started = await start(tmp_path, RedisLedger(client, PATIENT))
        await started.shelf.fetch_missing()
        assert started.binds() == (0, ())
        with RedisServer(redis_folder):
            ledger = RedisLedger(client, PATIENT)
            await ledger.publish(revision(7, ALSO_ITALY), 0)
            await started.shelf.fetch_missing()
            assert started.binds() == (7, ("IT",))


async def test_a_file_that_changed_while_redis_was_away_is_in_force_with_the_first_call_after(
    tmp_path: Path, ledger: MemoryLedger
) -> None:
    await start(tmp_path, ledger)
    started = await start(tmp_path, silent_ledger(tmp_path), ALSO_BELGIUM)
    await started.shelf.fetch(CLINIC)
    started.shelf = replace_store(started.shelf, ledger)
    await started.shelf.fetch(CLINIC)
    await started.shelf.fetch_missing()
    assert started.binds() == (2, ("BE",))


async def test_what_a_store_has_lost_is_put_back_also_where_a_call_comes_first(
    tmp_path: Path, ledger: MemoryLedger
) -> None:
    before = await start(tmp_path, ledger)
    await ledger.publish(revision(2, ALSO_ITALY), 1)
    await before.shelf.fetch(CLINIC)
    started = await start(tmp_path, silent_ledger(tmp_path))
    backup = MemoryLedger(at_second(lambda: 1_800_000_000))
    await backup.publish(revision(1, FACTORY), 0)
    started.shelf = replace_store(started.shelf, backup)
    await started.shelf.fetch(CLINIC)
    assert started.binds() == (2, ("IT",))


async def test_looking_for_missing_policies_leaves_every_other_clinic_alone(
    tmp_path: Path, ledger: MemoryLedger
) -> None:
    """An old gate once put its own file in force again, over a newer one, whenever another clinic lacked a policy."""
    started = await start(tmp_path, ledger)
    await ledger.publish(revision(2, ALSO_BELGIUM, origin="file"), 1)
    await started.shelf.fetch(CLINIC)
    await started.shelf.fetch_missing()
    assert started.binds() == (2, ("BE",))


def test_whoever_runs_the_gate_has_a_name_or_at_least_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the process: with another name in the environment a number was seen, and somebody else had done it."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert author() == Path("/proc/self").owner()
    monkeypatch.setattr("os.getuid", lambda: 4_000_000)
    assert author() == "uid 4000000"
