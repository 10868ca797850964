"""The daemon keeps keys ready for the week that comes, removes those whose time is over, and writes that down."""

from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from callgate.errors import JournalError
from callgate.journal import Journal, JournalRow, read_rows
from callgate.retention import Retention, purge_rows
from callgate.sealing import KeyName, Seals, unseal
from journal_samples import AT, row

NUMBER = "+2250123456615"


class Clock:
    def __init__(self) -> None:
        self.now = AT

    def __call__(self) -> datetime:
        return self.now


def retention(folder: Path, clock: Clock, journal: Journal | None = None) -> Retention:
    keys = folder / "keys"
    journal = journal or Journal(folder)
    return Retention(
        seals=Seals(keys),
        folder=keys,
        days=90,
        journal_days=366,
        clinics=lambda: ["c", "d"],
        journal=journal,
        clock=clock,
    )


def live(keeper: Retention, clock: Clock, number: int) -> None:
    """Let weeks go by in which the daemon has keys made."""
    for _ in range(number):
        clock.now += timedelta(weeks=1)
        keeper.seals.prepare(keeper.clinics(), clock.now)


def weeks(folder: Path) -> list[str]:
    return sorted({file.name.split(".")[1] for file in (folder / "keys").iterdir()})


async def test_week_after_week_there_is_a_key_before_it_is_needed_and_none_that_is_too_old(tmp_path: Path) -> None:
    clock = Clock()
    keeper = retention(tmp_path, clock)
    for _ in range(200):
        await keeper.tend()
        soon = msgspec.structs.replace(row(), at=clock.now + timedelta(days=6))
        assert keeper.seals.seal(soon, NUMBER)
        assert all(clock.now - KeyName(clinic="c", week=week).begins < timedelta(days=90) for week in weeks(tmp_path))
        clock.now += timedelta(days=1)
    assert len(weeks(tmp_path)) == 14
    keeper.journal.close()


async def test_what_was_purged_stands_in_the_journal_whose_chain_stays_whole(tmp_path: Path) -> None:
    clock = Clock()
    keeper = retention(tmp_path, clock)
    await keeper.tend()
    sealed = keeper.seals.seal(row(), NUMBER)
    live(keeper, clock, 13)
    clock.now += timedelta(days=6)
    with capture_logs() as said:
        await keeper.tend()
    found = [one for one, _ in read_rows(keeper.journal.file)]
    assert [(one.event, one.clinic, one.note) for one in found] == [
        ("privacy.purged", "c", "2026-W48 2026-W49"),
        ("privacy.purged", "d", "2026-W48 2026-W49"),
    ]
    assert [event["event"] for event in said] == ["privacy.purged", "privacy.purged"]
    assert sealed
    keeper.journal.close()


async def test_a_disk_that_takes_no_row_does_not_lengthen_the_life_of_a_number(tmp_path: Path) -> None:
    class FullDisk(Journal):
        async def write(self, row: JournalRow, *, durable: bool) -> None:
            raise JournalError(f"{row.event} {durable}", "full")

    clock = Clock()
    keeper = retention(tmp_path, clock, FullDisk(tmp_path))
    await keeper.tend()
    live(keeper, clock, 13)
    clock.now += timedelta(days=6)
    with capture_logs() as said:
        await keeper.tend()
    assert weeks(tmp_path)[0] == "2026-W50"
    assert [event["event"] for event in said] == ["privacy.purged", "journal.failed"] * 2


@pytest.mark.parametrize(("author", "note"), [("", "2026-W30 2026-W31"), ("anne", "anne: 2026-W30 2026-W31")])
def test_a_purge_is_one_row_for_each_clinic_with_its_weeks_and_who_did_it(author: str, note: str) -> None:
    removed = [KeyName(clinic=clinic, week=week) for week in ("2026-W30", "2026-W31") for clinic in "cd"]
    assert [(one.clinic, one.note) for one in purge_rows(removed, AT, author)] == [("c", note), ("d", note)]


async def test_a_number_sealed_in_one_week_opens_in_every_week_until_it_is_due(tmp_path: Path) -> None:
    clock = Clock()
    keeper = retention(tmp_path, clock)
    await keeper.tend()
    plain = row()
    found = msgspec.structs.replace(plain, sealed=keeper.seals.seal(plain, NUMBER))
    for _ in range(12):
        clock.now += timedelta(weeks=1)
        await keeper.tend()
        assert unseal(found, tmp_path / "keys") == NUMBER
    clock.now += timedelta(weeks=1)
    await keeper.tend()
    assert unseal(found, tmp_path / "keys") == "key_gone"
    keeper.journal.close()


async def test_hour_after_hour_the_daemon_removes_files_of_the_journal_whose_time_is_over(tmp_path: Path) -> None:
    clock = Clock()
    journal = Journal(tmp_path, lambda: int(clock.now.timestamp() * 1000))
    keeper = retention(tmp_path, clock, journal)
    journal.open()
    for month in range(16):
        await keeper.turn()
        await journal.write(row(f"{month}"), durable=True)
        await keeper.tend()
        clock.now += timedelta(days=31)
    assert 12 <= len({found.call for found, _ in read_rows(journal.file) if found.call}) <= 13
    purged = [found.note for found, _ in read_rows(journal.file) if found.note.startswith("journal records")]
    assert purged
    journal.close()


@pytest.mark.parametrize(("lived", "kept"), [(1, 3), (6, 8), (12, 8)])
async def test_a_clock_that_leapt_ahead_ends_no_number_of_the_last_weeks_and_the_log_says_so(
    tmp_path: Path, lived: int, kept: int
) -> None:
    """All keys went in the first hour. A gate that runs on sees weeks begin: in the end they go."""
    clock = Clock()
    keeper = retention(tmp_path, clock)
    await keeper.tend()
    live(keeper, clock, lived)
    clock.now += timedelta(days=730)
    with capture_logs() as said:
        await keeper.tend()
    assert len([week for week in weeks(tmp_path) if week < "2028"]) == kept
    assert {"event": "purge.doubted", "days": 90, "keys": 2 * kept, "log_level": "warning"} in said
    for _ in range(9):
        live(keeper, clock, 1)
        await keeper.tend()
    assert [week for week in weeks(tmp_path) if week < "2028"] == []
    keeper.journal.close()
