"""A ledger that has lost entries is restored from the journal, whatever happened to it, and costly calls go again."""

import asyncio
import os
import re
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from io import FileIO
from pathlib import Path
from statistics import median
from typing import Self

import msgspec
import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from callgate import journal_writer, ledger_memory, retention
from callgate.core.hold import FrozenCause, Settled, Unavailable
from callgate.core.reasons import Reason
from callgate.core.sighting import Seen
from callgate.core.verdict import Refusal
from callgate.journal import Journal
from callgate.ledger.base import AuditReport, Settlement
from callgate.ledger.client import connect
from callgate.ledger.memory import MemoryLedger
from callgate.ledger.redis import RedisLedger
from callgate.ledger.restoration import Change, Coverage, Restoration, Restored, ThawReport
from callgate.ledger.revisions import PolicyRevision, Published
from callgate.ledger_memory import Freeze, Places, Purged, gate_name
from callgate.policies import PolicyShelf
from callgate.repair import (
    AGAIN_S,
    BATCH,
    BATCH_BYTES,
    GREETING_S,
    PATIENCE_S,
    PRICE_MICROS,
    Loss,
    Repair,
    find_loss,
    missing_price,
    places_of,
    restore_and_thaw,
)
from callgate.retention import purge_journal
from callgate.server import utc_now
from clinic_samples import CLINIC, PARIS, POINTE_A_PITRE, Site, open_site, policy_text
from journal_samples import end_of, read_changes
from ledger.samples import PATIENT
from redis_server import RedisServer

ALWAYS_OPEN = policy_text({'outside = "national"': 'outside = "as_open"'})
Out = pytest.CaptureFixture[str]


@dataclass(kw_only=True)
class Scripted(Restoration):
    """A ledger that answers as it is told and keeps what it is asked.

    It takes nothing of `refused`, nor more than `fast` changes or bytes in time.
    """

    base: int = 0
    cause: str = ""
    missing: dict[str, list[int]] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()
    fast: int = BATCH_BYTES
    taken: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    greetings: list[tuple[str, Coverage]] = field(default_factory=list)
    thaws: list[tuple[str, Coverage, int]] = field(default_factory=list)

    async def restore(self, clinic: str, records: tuple[str, ...]) -> Restored | Unavailable:
        """See `Restoration.restore`."""
        assert len(records) <= BATCH
        self.asked.append(len(records))
        if self.cause:
            return Unavailable(cause=self.cause)
        if self.refused.intersection(records):
            return Unavailable(cause="invalid")
        if records and sum(map(len, records)) > self.fast:
            return Unavailable(cause="timeout")
        if records:
            self.taken.setdefault(clinic, []).append(records)
        return Restored(taken=len(records), base=self.base)

    def taken_of(self, clinic: str) -> list[str]:
        """The records of a clinic, oldest first as each batch must be; batches may overtake each other."""
        batches = sorted(self.taken[clinic], key=lambda batch: int(batch[0].split(",")[2]))
        return [record for batch in batches for record in batch]

    async def thaw(
        self, clinic: str, coverage: Coverage, price_micros: int, patience_s: int
    ) -> ThawReport | Unavailable:
        """See `Restoration.thaw`."""
        if patience_s == GREETING_S:
            self.greetings.append((clinic, coverage))
            return ThawReport(is_frozen=True, missing=coverage.highest - self.base, booked_micros=0)
        assert patience_s == PATIENCE_S
        self.thaws.append((clinic, coverage, price_micros))
        left = self.missing.get(clinic, [0])
        if not left:
            return Unavailable(cause="timeout")
        missing = left.pop(0)
        return ThawReport(is_frozen=missing > 0, missing=missing, booked_micros=0)


def change(sequence: int, epoch: str = "e1", clinic: str = CLINIC, length: int = 0) -> Change:
    records = f'[1,"{epoch}",{sequence},[["novelty","{"x" * length}"]]]'
    return Change(clinic=clinic, epoch=epoch, sequence=sequence, records=records)


def frozen_journal(folder: Path, *changes: Change, cause: FrozenCause = FrozenCause.REGRESSED) -> Journal:
    """The journal of a gate that made these changes and then learnt that the ledgers are frozen."""
    journal = Journal(folder)
    for one in changes:
        journal.witness(one.clinic, Seen(epoch=one.epoch, mine=one.sequence), one)
    for clinic in journal.memory.clinics() or (CLINIC,):
        journal.witness(clinic, journal.seen(clinic), None)
        journal.freeze(clinic, cause)
    return journal


@dataclass(kw_only=True)
class Clock:
    """Seconds that go forward when they are told to."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def repair_of(journal: Journal, ledger: Restoration, shelf: PolicyShelf, clock: Clock | None = None) -> Repair:
    return Repair(journal=journal, ledger=ledger, shelf=shelf, monotonic=clock or Clock())


def shelf_of(site: Site, *names: str) -> PolicyShelf:
    """The shelf of a site that serves these clinics, all by the same policy."""
    clinic = site.shelf.clinic(CLINIC)
    assert isinstance(site.ledger, MemoryLedger)
    return PolicyShelf({name: replace(clinic, name=name) for name in names}, site.ledger, site.folder / "state")


# What is asked of the ledger.


async def test_every_change_is_taken_back_oldest_first_in_batches_and_others_are_left_alone(tmp_path: Path) -> None:
    site = open_site(tmp_path)
    changes = [change(number) for number in range(1, 2 * BATCH + 2)]
    journal = frozen_journal(site.folder / "state", *changes)
    journal.witness("another", Seen(epoch="e1", mine=7), change(7, clinic="another"))
    ledger = Scripted()
    repair = repair_of(journal, ledger, site.shelf)
    await repair.mend()
    assert list(ledger.taken) == [CLINIC]
    assert ledger.taken_of(CLINIC) == [one.records for one in changes]
    assert ledger.greetings == [(CLINIC, Coverage(covered=0, highest=401))]
    assert ledger.thaws == [(CLINIC, Coverage(covered=401, highest=401), 5_000_000)]
    assert (journal.memory.frozen, repair.waiting) == ({}, {})
    await repair.mend()
    assert len(ledger.thaws) == 1
    journal.close()


async def test_a_ledger_that_waits_for_other_gates_or_does_not_answer_is_repaired_the_next_time(
    tmp_path: Path, capsys: Out
) -> None:
    site, clock = open_site(tmp_path), Clock()
    journal = frozen_journal(site.folder / "state", change(1), change(2))
    ledger = Scripted(missing={CLINIC: [4, 0]}, cause="timeout")
    repair = repair_of(journal, ledger, site.shelf, clock)
    for cause, wait_s, is_frozen in (("timeout", 0.0, True), ("", 0.0, True), ("", 1.0, True), ("", AGAIN_S, False)):
        clock.now += wait_s
        ledger.cause = cause
        await repair.mend()
        assert bool(journal.memory.frozen) == is_frozen
    assert len(ledger.thaws) == 2, "whoever waits is asked again no sooner than that it may thaw"
    assert len(ledger.greetings) == 1, "said again, it would undo what was restored since"
    said = "".join(capsys.readouterr())
    for event in ("ledger.frozen", "ledger.not_restored", "ledger.restored", "ledger.not_thawed", "ledger.thawed"):
        assert event in said
    journal.freeze(CLINIC, FrozenCause.REGRESSED)
    await repair.mend()
    assert CLINIC in journal.memory.frozen, "a thaw that was not answered is none"
    journal.close()


@pytest.mark.parametrize(("missing", "cause"), [(4, "missing"), (0, "awaited")])
async def test_the_log_says_whether_changes_are_missing_or_only_another_gate_is_waited_for(
    tmp_path: Path, missing: int, cause: str
) -> None:
    """It said that changes were missing when none was."""

    class Frozen(Scripted):
        async def thaw(
            self, clinic: str, coverage: Coverage, price_micros: int, patience_s: int
        ) -> ThawReport | Unavailable:
            del clinic, coverage, price_micros, patience_s
            return ThawReport(is_frozen=True, missing=missing, booked_micros=0)

    site = open_site(tmp_path)
    journal = frozen_journal(site.folder / "state", change(1))
    with capture_logs() as logs:
        await repair_of(journal, Frozen(), site.shelf).mend()
    (said,) = [entry for entry in logs if entry["event"] == "ledger.not_thawed"]
    assert (said["cause"], said["missing"]) == (cause, missing)
    journal.close()


async def test_a_ledger_that_is_lost_once_more_is_told_of_this_gate_once_more(tmp_path: Path) -> None:
    """Others thawed it between two looks; by the first loss this gate knew less."""
    site, clock = open_site(tmp_path), Clock()
    journal = frozen_journal(site.folder / "state", change(1), change(2))
    ledger = Scripted(missing={CLINIC: [4, 0]})
    repair = repair_of(journal, ledger, site.shelf, clock)
    await repair.mend()
    for one in (change(3), change(4)):
        journal.witness(CLINIC, Seen(epoch="e1", mine=one.sequence), one)
    journal.freeze(CLINIC, FrozenCause.REGRESSED)
    clock.now += AGAIN_S
    await repair.mend()
    assert [coverage.highest for _, coverage in ledger.greetings] == [2, 3]
    assert [coverage.highest for _, coverage, _ in ledger.thaws] == [2, 3]
    assert journal.memory.frozen == {}
    journal.close()
    again = Journal(site.folder / "state")
    again.open()
    assert again.memory.frozen == {}
    again.close()


async def test_a_gate_that_has_nothing_says_so_and_does_not_greet(tmp_path: Path) -> None:
    """Greeted, a ledger of which nobody knows a number would thaw before anything is restored."""
    site = open_site(tmp_path)
    journal = frozen_journal(site.folder / "state")
    ledger = Scripted()
    await repair_of(journal, ledger, site.shelf).mend()
    assert ledger.greetings == []
    assert ledger.thaws == [(CLINIC, Coverage(covered=0, highest=0), 5_000_000)]
    journal.close()


async def test_a_gate_that_comes_back_after_others_have_thawed_the_ledger_gives_it_all_it_has_still(
    tmp_path: Path,
) -> None:
    """They knew nothing of its calls. The ledger goes on meanwhile, so its number is another each time."""

    class Moving(Scripted):
        async def restore(self, clinic: str, records: tuple[str, ...]) -> Restored | Unavailable:
            self.base += 1
            return await super().restore(clinic, records)

    site = open_site(tmp_path)
    journal = frozen_journal(site.folder / "state", change(1))
    ledger = Moving()
    journal.witness(CLINIC, journal.seen(CLINIC), None)
    await repair_of(journal, ledger, site.shelf).mend()
    assert (ledger.taken_of(CLINIC), ledger.greetings, journal.memory.frozen) == ([change(1).records], [], {})
    journal.close()


async def test_a_clinic_that_left_the_settings_stops_no_other(tmp_path: Path) -> None:
    """Its name was looked up in vain, and no ledger at all was repaired any more."""
    site = open_site(tmp_path)
    journal = frozen_journal(site.folder / "state", change(1, clinic="gone"), change(1))
    ledger = Scripted()
    await repair_of(journal, ledger, site.shelf).mend()
    assert list(journal.memory.frozen) == ["gone"]
    assert list(ledger.taken) == [CLINIC]
    journal.close()


async def test_the_clinics_are_thawed_one_by_one_the_least_work_first_and_a_failure_concerns_one(
    tmp_path: Path,
) -> None:
    site = open_site(tmp_path)
    names = ("large", "small", "failing")
    counts = {"large": 30, "small": 2, "failing": 10}
    changes = [change(number, clinic=name) for number in range(1, 31) for name in names if number <= counts[name]]
    journal = frozen_journal(site.folder / "state", *changes)
    ledger = Scripted(missing={"failing": []})
    await repair_of(journal, ledger, shelf_of(site, *names)).mend()
    assert sorted(name for name, _ in ledger.greetings) == sorted(names), "all are told first"
    assert [name for name, *_ in ledger.thaws] == ["small", "failing", "large"]
    assert list(journal.memory.frozen) == ["failing"]
    journal.close()


async def test_a_change_that_cannot_be_taken_is_left_out_and_has_its_price(tmp_path: Path, capsys: Out) -> None:
    """One such change kept a clinic frozen for good."""
    site = open_site(tmp_path)
    changes = [change(number) for number in range(1, 301)]
    journal = frozen_journal(site.folder / "state", *changes)
    journal.keep(replace(change(300), sequence=250))
    bad = [changes[6], changes[7], changes[255]]
    ledger = Scripted(refused=frozenset(one.records for one in bad))
    await repair_of(journal, ledger, site.shelf).mend()
    assert ledger.taken_of(CLINIC) == [one.records for one in changes if one not in bad]
    assert ledger.thaws == [(CLINIC, Coverage(covered=297, highest=300), 5_000_000)]
    said = "".join(capsys.readouterr())
    assert said.count("change.refused") == 3
    assert "change.unreadable" in said
    journal.close()


@pytest.mark.parametrize("fault", ["a worn disk", "a journal that is gone"])
async def test_what_the_disk_cannot_read_has_its_price_and_a_journal_that_is_gone_thaws_nothing(
    tmp_path: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Reading the unmapped beginning of a process's memory fails as a worn disk does."""
    freeze = Freeze(cause=FrozenCause.REGRESSED, before=Seen(epoch="e1", mine=400))
    loss = Loss(clinic=CLINIC, freeze=freeze, epoch="e1", base=0)
    places = Places(file=tmp_path / "gone", keys=["worn"])
    places.offsets.extend(range(400))
    places.sizes.extend([1] * 400)
    places.parts.extend([0] * 400)
    if fault == "a worn disk":
        monkeypatch.setattr(ledger_memory, "open_part", lambda _file, _key: FileIO("/proc/self/mem"))
    ledger = Scripted()
    await restore_and_thaw(ledger, loss, places, 7)
    assert ledger.taken == {}
    said = "".join(capsys.readouterr())
    if fault == "a worn disk":
        assert ledger.thaws == [(CLINIC, Coverage(covered=0, highest=0), 7)]
        assert said.count("change.unreadable") == 400
    else:
        assert ledger.thaws == []
        assert "No such file or directory" in said


@pytest.mark.parametrize(
    ("length", "fast", "most"),
    [(0, BATCH_BYTES, 200), (2000, BATCH_BYTES, 15), (0, 5_000, 100), (10, 70, 1)],
    ids=["small changes", "large changes", "a slow store", "a very slow one"],
)
async def test_a_batch_is_as_large_as_the_store_can_take_in_time(
    tmp_path: Path, length: int, fast: int, most: int
) -> None:
    site = open_site(tmp_path)
    changes = [change(number, length=length) for number in range(1, 401)]
    journal = frozen_journal(site.folder / "state", *changes)
    ledger = Scripted(fast=fast)
    await repair_of(journal, ledger, site.shelf).mend()
    assert ledger.taken_of(CLINIC) == [one.records for one in changes]
    assert Counter(ledger.asked).most_common(1)[0][0] == most
    assert journal.memory.frozen == {}
    journal.close()


async def test_a_store_that_takes_not_even_one_change_in_time_is_tried_again(tmp_path: Path) -> None:
    site = open_site(tmp_path)
    journal = frozen_journal(site.folder / "state", change(1), change(2))
    ledger = Scripted(fast=10)
    await repair_of(journal, ledger, site.shelf).mend()
    assert (ledger.asked, ledger.thaws) == ([0, 2, 1], [])
    assert CLINIC in journal.memory.frozen
    journal.close()


async def test_a_ledger_that_is_lost_once_more_while_it_is_restored_is_restored_from_the_beginning(
    tmp_path: Path,
) -> None:
    site = open_site(tmp_path)
    journal = frozen_journal(site.folder / "state", *(change(number) for number in range(1, 402)))

    class LostAgain(Scripted):
        async def restore(self, clinic: str, records: tuple[str, ...]) -> Restored | Unavailable:
            outcome = await super().restore(clinic, records)
            self.base = 3
            return outcome

    ledger = LostAgain()
    repair = repair_of(journal, ledger, site.shelf)
    await repair.mend()
    assert ledger.thaws == []
    await repair.mend()
    assert ledger.thaws == [(CLINIC, Coverage(covered=398, highest=401), 5_000_000)]
    journal.close()


def lost(cause: FrozenCause, known: Seen, epoch: str, base: int = 0) -> Loss:
    return Loss(clinic=CLINIC, freeze=Freeze(cause=cause, before=known), epoch=epoch, base=base)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (lost(FrozenCause.REGRESSED, Seen(epoch="e1", mine=9), "e1", 6), (2, 9)),
        (lost(FrozenCause.ERASED, Seen(epoch="e1", mine=9), "e1"), (4, 9)),
        (lost(FrozenCause.REPLACED, Seen(epoch="e1", mine=9), "e2"), (4, 9)),
        (lost(FrozenCause.REPLACED, Seen(epoch="e2", mine=3), "e2"), (0, 0)),
        (lost(FrozenCause.REGRESSED, Seen(epoch="e1", mine=9), "e1", 9), (0, 0)),
        (lost(FrozenCause.ERASED, Seen(epoch="e3", mine=9), "e3"), (0, 0)),
        (lost(FrozenCause.ERASED, Seen(epoch="e1", mine=1_000_010), "e1"), (4, 9)),
    ],
    ids=[
        "an old backup: what came after it",
        "erased: all",
        "replaced: all of the ledger before",
        "replaced, by the one this gate knows: nothing",
        "nothing of this gate's was lost",
        "a journal without a change of it",
        "erased once more after a thaw: those before it",
    ],
)
async def test_only_lost_numbers_are_counted_and_none_of_those_made_since(
    tmp_path: Path, loss: Loss, expected: tuple[int, int]
) -> None:
    numbers = {"e1": (2, 5, 8, 9, 1_000_010), "e2": (1, 2, 3)}
    changes = [change(number, epoch) for epoch, made in numbers.items() for number in made]
    journal = frozen_journal(tmp_path, *changes)
    places = await places_of(journal.file, [CLINIC])
    ledger = Scripted(base=loss.base)
    await restore_and_thaw(ledger, loss, places[CLINIC], 7)
    assert ledger.thaws == [(CLINIC, Coverage(covered=expected[0], highest=expected[1]), 7)]
    journal.close()


async def test_numbers_that_were_purged_in_their_time_are_made_up_for(tmp_path: Path) -> None:
    """A ledger that is emptied lacks them; each would have been booked at the price of a whole call."""
    journal = frozen_journal(tmp_path, *(change(number, "e1") for number in (7, 8, 9)))
    journal.memory.purged = Purged(changes={CLINIC: {"e1": [(1, 3), (5, 7)], "e0": [(4, 4)]}})
    for base, expected in ((0, (8, 9)), (5, (4, 9))):
        ledger = Scripted(base=base)
        loss = await find_loss(ledger, journal.memory, CLINIC)
        assert isinstance(loss, Loss)
        places = await places_of(journal.file, [CLINIC])
        await restore_and_thaw(ledger, loss, places[CLINIC], 7)
        assert ledger.thaws == [(CLINIC, Coverage(covered=expected[0], highest=expected[1]), 7)]
    journal.close()


@pytest.mark.parametrize(
    ("per_call", "hour", "price_micros"),
    [(3_000_000, 10_000_000, 3_000_000), (None, 10_000_000, 10_000_000), (None, None, PRICE_MICROS)],
    ids=["one call", "one hour, where a call has no bound", "neither has one"],
)
def test_a_change_that_nobody_kept_is_booked_at_the_most_a_call_may_cost(
    tmp_path: Path, per_call: int | None, hour: int | None, price_micros: int
) -> None:
    policy = open_site(tmp_path).shelf.clinic(CLINIC).policy
    costly = msgspec.structs.replace(policy.ceilings.costly, per_call=per_call, hour=hour)
    ceilings = msgspec.structs.replace(policy.ceilings, costly=costly)
    assert missing_price(policy) == 5_000_000
    assert missing_price(msgspec.structs.replace(policy, ceilings=ceilings)) == price_micros


# On a real Redis.


@dataclass(kw_only=True)
class Practice:
    """A practice whose ledger is in a real Redis, with the gate's journal as its witness."""

    site: Site
    client: Redis
    number: int = 0

    @classmethod
    async def open(cls, folder: Path, client: Redis, gate: str = "pbx1-one") -> Self:
        """Start a gate; started again in the same folder, it has the old journal."""
        journal = Journal(folder / "state")
        site = open_site(folder, ALWAYS_OPEN, RedisLedger(client, PATIENT, gate=gate, witness=journal))
        site.journal = journal
        journal.memory.gate = gate
        journal.open()
        await site.shelf.open()
        return cls(site=site, client=client)

    async def call(self, dialled: str = POINTE_A_PITRE, seconds: int | None = None) -> tuple[Reason, ...]:
        """One call, settled if it went and has a length; the reasons of a refusal."""
        self.number += 1
        passage = self.site.passage(dialled)
        attempt = replace(passage.attempt, passage=f"pbx1.{self.site.folder.name}-{self.number}")
        verdict = await self.site.gate.decide(replace(passage, attempt=attempt), utc_now())
        if isinstance(verdict, Refusal):
            return verdict.reasons
        if seconds is not None:
            settlement = Settlement(clinic=CLINIC, hold_id=verdict.grant_id, answered=True, duration_s=seconds)
            assert isinstance(await self.site.ledger.settle(settlement), Settled)
        return ()

    async def mend(self) -> None:
        """Repair until nothing is frozen; others' journals are waited for."""
        assert isinstance(self.site.ledger, RedisLedger)
        repair = Repair(journal=self.site.journal, ledger=self.site.ledger, shelf=self.site.shelf)
        async with asyncio.timeout(20):
            await repair.mend()
            while self.site.journal.memory.frozen:
                await asyncio.sleep(0.1)
                await repair.mend()

    async def money(self) -> dict[str, tuple[int, int, int]]:
        """Each purse: calls up, what they hold, and what was spent this week."""
        purses = (await self.site.book()).purses
        return {purse.name: (purse.live, purse.held_micros, purse.week_micros) for purse in purses}

    async def snapshot(self) -> dict[bytes | str, bytes]:
        """An image of the whole store, as a backup takes it."""
        raw = Redis(unix_socket_path=self.client.connection_pool.connection_kwargs["path"])
        async with raw:
            return {key: await raw.dump(key) or b"" for key in await raw.keys("*")}

    async def bring_back(self, image: dict[bytes | str, bytes]) -> None:
        """Put a backup in place of what is there."""
        raw = Redis(unix_socket_path=self.client.connection_pool.connection_kwargs["path"])
        async with raw:
            await raw.flushall()
            for key, value in image.items():
                await raw.restore(key, 0, value)


def made(folder: Path, name: str) -> Path:
    (folder / name).mkdir(exist_ok=True)
    return folder / name


@pytest.fixture
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Redis]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        async with connect(server.url, PATIENT) as client:
            yield client


@pytest.mark.parametrize("is_started_again", [False, True], ids=["the same gate", "a gate that is started again"])
@pytest.mark.parametrize("loss", ["erased", "an old backup", "replaced"])
async def test_a_ledger_that_lost_entries_is_found_out_at_the_first_call_and_gets_them_back(
    tmp_path: Path, client: Redis, capsys: Out, *, loss: str, is_started_again: bool
) -> None:
    practice = await Practice.open(made(tmp_path, "one"), client)
    assert await practice.call(seconds=60) == ()
    assert await practice.call(PARIS) == ()
    image: dict[bytes | str, bytes] = {} if loss == "erased" else await practice.snapshot()
    assert await practice.call(seconds=120) == ()
    assert await practice.call(PARIS, seconds=60) == ()
    money = await practice.money()
    if loss == "replaced":
        await client.flushall()
        await RedisLedger(client, PATIENT, gate="pbx2-other").void(CLINIC, "pbx2.x.1.1800000000")
    else:
        await practice.bring_back(image)
    if is_started_again:
        practice.site.journal.close()
        practice = await Practice.open(made(tmp_path, "one"), client)
        practice.number = 10
    assert await practice.call() == (Reason.LEDGER_FROZEN,)
    assert await practice.call(PARIS, seconds=0) == (), "ordinary calls go on"
    await practice.mend()
    assert await practice.money() == money
    audit = await practice.site.ledger.audit(CLINIC)
    assert isinstance(audit, AuditReport)
    assert audit.findings == ()
    assert await practice.call(seconds=1) == ()
    said = "".join(capsys.readouterr())
    for event in ("ledger.frozen", "ledger.restored", "ledger.thawed"):
        assert said.count(event) == 1, event
    practice.site.journal.close()


async def test_a_ledger_that_is_lost_again_and_again_gets_everything_back_each_time(
    tmp_path: Path, client: Redis
) -> None:
    practice = await Practice.open(made(tmp_path, "one"), client)
    for turn in range(4):
        assert await practice.call(PARIS, seconds=60) == ()
        image = await practice.snapshot()
        assert await practice.call(seconds=6) == ()
        money = await practice.money()
        await practice.bring_back(image if turn % 2 else {})
        assert await practice.call() == (Reason.LEDGER_FROZEN,)
        began = time.monotonic()
        await practice.mend()
        assert await practice.money() == money
        assert time.monotonic() - began < PATIENCE_S, "nothing was waited for"
    practice.site.journal.close()


async def test_what_no_gate_kept_is_booked_at_its_price_after_three_seconds(tmp_path: Path, client: Redis) -> None:
    """A second gate's machine is lost together with the ledger."""
    first = await Practice.open(made(tmp_path, "one"), client)
    second = await Practice.open(made(tmp_path, "two"), client, gate="pbx2-two")
    assert await first.call(seconds=60) == ()
    assert await second.call(seconds=60) == ()
    assert await first.call(PARIS, seconds=60) == ()
    spent = (await first.money())["costly"][2]
    await client.flushall()
    assert await first.call() == (Reason.LEDGER_FROZEN,)
    began = time.monotonic()
    await first.mend()
    assert PATIENCE_S - 1 <= time.monotonic() - began < PATIENCE_S + 3
    # The hold and the settlement of the other gate are missing; of the first gate's own call nothing is.
    assert (await first.money())["costly"][2] == spent // 2 + 2 * 5_000_000
    first.site.journal.close()
    second.site.journal.close()


async def test_two_gates_restore_a_ledger_together(tmp_path: Path, client: Redis) -> None:
    first = await Practice.open(made(tmp_path, "one"), client)
    second = await Practice.open(made(tmp_path, "two"), client, gate="pbx2-two")
    for practice in (first, second, first):
        assert await practice.call(PARIS, seconds=60) == ()
    money = await first.money()
    await client.flushall()
    assert await first.call() == (Reason.LEDGER_FROZEN,)
    assert await second.call() == (Reason.LEDGER_FROZEN,)
    await asyncio.gather(first.mend(), second.mend())
    assert await second.money() == money
    assert await second.call(seconds=1) == ()
    first.site.journal.close()
    second.site.journal.close()


async def test_the_policy_in_force_comes_back_with_the_ledger(tmp_path: Path, client: Redis) -> None:
    """It was published by somebody else, and the gate that repairs has it in memory alone."""
    practice = await Practice.open(made(tmp_path, "one"), client)
    tightened = ALWAYS_OPEN.replace('allow = ["FR", "GP",', 'allow = ["FR",')
    revision = PolicyRevision(
        clinic=CLINIC, revision=2, author="a", at=utc_now(), origin="cli", reason="", document=tightened
    )
    assert isinstance(await RedisLedger(client, PATIENT).publish(revision, 1), Published)
    assert await practice.call() == (Reason.COUNTRY_REFUSED,)
    await client.flushall()
    assert await practice.call(PARIS) == ()
    await practice.mend()
    assert (await practice.site.book()).policy_revision == 2
    assert await practice.site.ledger.fetch_policy(CLINIC) == revision
    practice.site.journal.close()


async def started(folder: Path, client: Redis, number: int) -> Practice:
    """A gate that has the name of its journal, as the daemon names it; its calls are numbered from `number` on."""
    made(folder, "state")
    journal = Journal(folder / "state")
    name = gate_name("pbx1", journal.open())
    journal.close()
    practice = await Practice.open(folder, client, gate=name)
    practice.number = number
    return practice


async def test_a_journal_that_is_removed_while_the_gate_runs_freezes_nothing_that_is_sound(
    tmp_path: Path, client: Redis
) -> None:
    """After the next start the gate had a new name, and numbers that the ledger knew of the former one."""
    practice = await started(made(tmp_path, "one"), client, 0)
    assert await practice.call(seconds=5) == ()
    practice.site.journal.file.unlink()
    assert await practice.call(PARIS, seconds=5) == ()
    assert await practice.call(seconds=5) == (Reason.GATE_UNAVAILABLE,)
    assert await practice.call(seconds=5) == ()
    practice.site.journal.close()
    again = await started(tmp_path / "one", client, 100)
    assert await again.call(seconds=5) == ()
    assert again.site.journal.memory.frozen == {}
    again.site.journal.close()


async def test_one_journal_counts_once_whatever_the_asterisk_beside_it_is_called(tmp_path: Path, client: Redis) -> None:
    """Renamed while it was frozen, a gate made up for its own changes twice, and so for another's that were lost."""
    first = await started(made(tmp_path, "one"), client, 0)
    second = await started(made(tmp_path, "two"), client, 500)
    assert await first.call(PARIS, seconds=5) == ()
    image = await first.snapshot()
    for _ in range(3):
        assert await second.call(seconds=60) == ()
    for _ in range(6):
        assert await first.call(PARIS, seconds=5) == ()
    await first.bring_back(image)
    await first.call()
    assert isinstance(first.site.ledger, RedisLedger)
    await Repair(journal=first.site.journal, ledger=first.site.ledger, shelf=first.site.shelf).mend()
    first.site.journal.close()
    again = await started(tmp_path / "one", client, 900)
    await again.mend()
    assert (await again.money())["costly"][2] == 6 * 5_000_000, "three holds and settlements of the second gate"
    for practice in (again, second):
        practice.site.journal.close()


async def test_a_journal_whose_last_rows_were_cut_off_is_found_out_at_the_next_start(
    tmp_path: Path, client: Redis, capsys: Out
) -> None:
    practice = await started(made(tmp_path, "one"), client, 0)
    assert await practice.call(seconds=5) == ()
    file = practice.site.journal.file
    end = end_of(file)
    assert await practice.call(seconds=5) == ()
    practice.site.journal.close()
    os.truncate(file, end)
    again = await started(tmp_path / "one", client, 100)
    assert "journal.behind" in "".join(capsys.readouterr())
    assert [row.event for row in again.site.rows][-1] == "journal.behind"
    again.site.journal.close()


async def next_month(journal: Journal) -> None:
    """Let the journal go on in another file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_writer, "TURN_BYTES", 1)
        assert await retention.turn(journal)


async def test_a_ledger_that_is_lost_is_restored_from_all_files_of_the_journal(tmp_path: Path, client: Redis) -> None:
    practice = await started(made(tmp_path, "one"), client, 0)
    for _ in range(3):
        assert await practice.call(seconds=60) == ()
        await next_month(practice.site.journal)
    assert await practice.call() == ()
    money = await practice.money()
    await client.flushall()
    assert await practice.call() == (Reason.LEDGER_FROZEN,)
    await practice.mend()
    assert await practice.money() == money
    practice.site.journal.close()


async def test_what_was_purged_is_neither_restored_nor_booked_when_a_ledger_is_lost(
    tmp_path: Path, client: Redis, capsys: Out
) -> None:
    practice = await started(made(tmp_path, "one"), client, 0)
    spent = []
    for _ in range(4):
        assert await practice.call(seconds=60) == ()
        spent.append((await practice.money())["costly"][2])
        await next_month(practice.site.journal)
    journal = practice.site.journal
    due = await purge_journal(journal, utc_now() + timedelta(days=40), 30)
    assert due is not None
    assert len(due.files) == 3
    journal.close()
    practice = await started(tmp_path / "one", client, 100)
    await client.flushall()
    assert await practice.call() == (Reason.LEDGER_FROZEN,)
    await practice.mend()
    said = "".join(capsys.readouterr())
    assert re.search(r"missing\W+0\b", said)
    assert (await practice.money())["costly"][2] == spent[3] - spent[2], "the last month's alone"
    assert await practice.call() == ()
    practice.site.journal.close()


async def test_a_journal_that_goes_on_in_another_file_while_a_ledger_is_restored_gives_every_change(
    tmp_path: Path,
) -> None:
    """Found under the one name and read under the other."""
    site = open_site(tmp_path)
    journal = frozen_journal(site.folder / "state", *(change(number) for number in range(1, 401)))
    places = await places_of(journal.file, [CLINIC])
    await next_month(journal)
    ledger = Scripted()
    loss = await find_loss(ledger, journal.memory, CLINIC)
    assert isinstance(loss, Loss)
    await restore_and_thaw(ledger, loss, places[CLINIC], 7)
    assert ledger.thaws == [(CLINIC, Coverage(covered=400, highest=400), 7)]
    journal.close()


async def test_one_change_that_no_ledger_takes_costs_its_price_and_not_the_repair(
    tmp_path: Path, client: Redis, capsys: Out
) -> None:
    """Left there by hand, or by a newer callgate before it was taken back."""
    practice = await Practice.open(made(tmp_path, "one"), client)
    assert await practice.call(seconds=60) == ()
    money = await practice.money()
    epoch = practice.site.journal.seen(CLINIC).epoch
    for number, entry in ((98, '["hold","x",[]]'), (99, '["of tomorrow"]')):
        records = f'[1,"{epoch}",{number},[{entry}]]'
        practice.site.journal.keep(Change(clinic=CLINIC, epoch=epoch, sequence=number, records=records))
    await client.flushall()
    assert await practice.call() == (Reason.LEDGER_FROZEN,)
    await practice.mend()
    assert await practice.money() == money
    assert "".join(capsys.readouterr()).count("change.refused") == 2
    practice.site.journal.close()


# How long it takes.

MADE_CHANGES = 100_000
FLEET = 300


def telling(capsys: Out, words: str) -> None:
    """Print a figure, whatever is captured."""
    with capsys.disabled():
        sys.stdout.write(f"\n{words}\n")


async def test_a_hundred_thousand_changes_are_restored_while_other_calls_go_on(
    tmp_path: Path, client: Redis, capsys: Out
) -> None:
    practice = await Practice.open(made(tmp_path, "one"), client)
    journal = practice.site.journal
    assert await practice.call(seconds=6) == ()
    epoch, settled = journal.seen(CLINIC).epoch, read_changes(journal.file, CLINIC)[-1]
    (hold_id,) = set(re.findall(r'"(pbx1\.[^"]+)"', settled.records))
    for number in range(settled.sequence + 1, MADE_CHANGES):
        name = f"pbx1.made-{number}.1.{hold_id.rpartition('.')[2]}"
        records = settled.records.replace(hold_id, name).replace(f",{settled.sequence},", f",{number},")
        journal.witness(CLINIC, Seen(epoch=epoch, mine=number), replace(settled, sequence=number, records=records))
    await client.flushall()
    assert await practice.call() == (Reason.LEDGER_FROZEN,)
    late: list[float] = []

    async def neighbour() -> None:
        while True:
            began = time.monotonic()
            assert isinstance(await practice.site.ledger.void("neighbour", "pbx1.x.1.1800000000"), Settled)
            late.append(time.monotonic() - began)
            await asyncio.sleep(0.01)

    calls, began = asyncio.create_task(neighbour()), time.monotonic()
    assert isinstance(practice.site.ledger, RedisLedger)
    await Repair(journal=journal, ledger=practice.site.ledger, shelf=practice.site.shelf).mend()
    took_s = time.monotonic() - began
    calls.cancel()
    assert journal.memory.frozen == {}
    waited = f"{1000 * median(late):.0f} ms, at most {1000 * max(late):.0f} ms"
    each_us = 1e6 * took_s / MADE_CHANGES
    telling(capsys, f"{MADE_CHANGES} changes: {took_s:.1f} s, {each_us:.0f} us each; calls waited {waited}")
    assert took_s < 60
    journal.close()


async def test_a_fleet_of_three_hundred_clinics_thaws_clinic_by_clinic_after_one_look_at_the_journal(
    tmp_path: Path, capsys: Out
) -> None:
    """The journal was read anew for each clinic: the last one waited for all to be read three hundred times."""
    site = open_site(tmp_path)
    names = [f"clinic-{number}" for number in range(FLEET)]
    made_by = [change(number, clinic=name, length=400) for number in range(1, 201) for name in names]
    journal = frozen_journal(site.folder / "state", *made_by)
    thawed: list[float] = []

    class Watched(Scripted):
        async def thaw(
            self, clinic: str, coverage: Coverage, price_micros: int, patience_s: int
        ) -> ThawReport | Unavailable:
            if patience_s == PATIENCE_S:
                thawed.append(time.monotonic() - began)
            return await super().thaw(clinic, coverage, price_micros, patience_s)

    began = time.monotonic()
    ledger = Watched()
    await repair_of(journal, ledger, shelf_of(site, *names)).mend()
    assert journal.memory.frozen == {}
    assert all(coverage == Coverage(covered=200, highest=200) for _, coverage, _ in ledger.thaws)
    telling(
        capsys,
        f"{FLEET} clinics, {len(made_by)} changes, a ledger that answers at once: first thaw after {thawed[0]:.1f} s, "
        f"last after {thawed[-1]:.1f} s",
    )
    assert thawed[-1] < 60
    journal.close()


async def test_a_journal_that_was_lost_takes_the_ledger_as_it_is(tmp_path: Path, client: Redis, capsys: Out) -> None:
    practice = await Practice.open(made(tmp_path, "one"), client)
    assert await practice.call(seconds=60) == ()
    money = await practice.money()
    practice.site.journal.close()
    practice.site.journal.file.unlink()
    again = await Practice.open(made(tmp_path, "one"), client, gate="pbx1-two")
    again.number = 10
    assert again.site.journal.memory.frozen == {}
    assert await again.money() == money
    assert "ledger.adopted" in "".join(capsys.readouterr())
    assert await again.call(seconds=0) == ()
    again.site.journal.close()
