"""A flood of refusals before the journal: each is on the disk before it is answered, alone or counted."""

import asyncio
import errno
import os
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from callgate.core.hold import FrozenCause
from callgate.core.reasons import Reason
from callgate.errors import JournalError
from callgate.journal import Journal, JournalRow, read_rows
from callgate.journal_tally import KIND_ROWS_MAX
from callgate.journal_writer import JournalWriter
from journal_samples import end_of, row, write_journal

FLOOD = 300


def refused(number: int, clinic: str = "c", extension: str = "101") -> JournalRow:
    return msgspec.structs.replace(
        row(f"call-{number}"), clinic=clinic, extension=extension, reasons=(Reason.COUNTRY_REFUSED,)
    )


def rows_of(journal: Journal) -> list[JournalRow]:
    return [found for found, _ in read_rows(journal.file)]


async def test_every_refusal_of_a_flood_is_counted_and_the_first_have_rows_of_their_own(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    await asyncio.gather(*(journal.refuse(refused(number)) for number in range(FLOOD)))
    rows = rows_of(journal)
    assert [found.call for found in rows[:KIND_ROWS_MAX]] == [f"call-{number}" for number in range(KIND_ROWS_MAX)]
    assert [found.count for found in rows[KIND_ROWS_MAX:]] == [FLOOD - KIND_ROWS_MAX]
    journal.close()


async def test_a_counted_refusal_is_on_the_disk_before_it_is_answered(tmp_path: Path) -> None:
    journal, synced = Journal(tmp_path), []
    original = os.fdatasync

    def watched(descriptor: int) -> None:
        original(descriptor)
        synced.append(sum(found.count for found in rows_of(journal)))

    async def ask(number: int) -> None:
        await journal.refuse(refused(number))
        answered.append(number)
        assert synced[-1] >= len(answered)

    answered: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fdatasync", watched)
        await asyncio.gather(*map(ask, range(FLOOD)))
    assert synced[-1] == len(answered) == FLOOD
    journal.close()


async def test_another_clinic_has_its_own_rows_in_a_flood(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    await asyncio.gather(*(journal.refuse(refused(number)) for number in range(FLOOD)), journal.refuse(refused(0, "d")))
    assert [found for found in rows_of(journal) if found.clinic == "d"] == [refused(0, "d")]
    journal.close()


async def test_refusals_that_a_full_disk_does_not_take_are_counted_and_written_when_it_does(tmp_path: Path) -> None:
    journal, append = Journal(tmp_path), JournalWriter.append

    def full(*_arguments: object, **_named: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    await journal.refuse(refused(0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JournalWriter, "append", full)
        outcomes = await asyncio.gather(
            *(journal.refuse(refused(number, extension=str(number % 3))) for number in range(FLOOD)),
            return_exceptions=True,
        )
        assert {type(outcome) for outcome in outcomes} == {JournalError}
        taken: list[object] = []

        def takes_two(writer: JournalWriter, *arguments: object, **named: object) -> None:
            if len(taken) == 2:
                full()
            taken.append(arguments)
            append(writer, *arguments, **named)  # type: ignore[arg-type]  # whatever it was given

        patch.setattr(JournalWriter, "append", takes_two)
        with pytest.raises(JournalError):
            await journal.write(row("b"), durable=False)
    assert len(rows_of(journal)) == 3
    await journal.write(row("c"), durable=False)
    found = rows_of(journal)
    assert sum(each.count for each in found if each.event == "call.refused") == 1 + FLOOD + 1
    assert [each.call for each in (found[0], found[-1])] == ["call-0", "c"]
    journal.close()


async def test_refusals_that_a_full_disk_did_not_take_are_written_at_the_end_if_it_does_then(tmp_path: Path) -> None:
    """Room was made, and the gate started again before any call came: they were nowhere."""
    journal = Journal(tmp_path)
    await journal.refuse(refused(0))

    def full(*_arguments: object, **_named: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JournalWriter, "append", full)
        with pytest.raises(JournalError):
            await journal.refuse(refused(1))
    journal.close()
    assert [found.call for found in rows_of(journal)] == ["call-0", "call-1"]


async def test_a_group_that_one_caller_gave_up_is_written_for_the_others(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for number in range(KIND_ROWS_MAX):
        await journal.refuse(refused(number))
    leaving, staying = (asyncio.create_task(journal.refuse(refused(number))) for number in (20, 21))
    await asyncio.sleep(0)
    leaving.cancel()
    await staying
    assert rows_of(journal)[-1].count == 2
    journal.close()


async def test_a_journal_at_its_quota_takes_no_row_and_loses_none_that_it_has(tmp_path: Path) -> None:
    file = write_journal(tmp_path, row("a"))
    size = list(read_rows(file))[-1][1]
    journal = Journal(tmp_path, quota_bytes=size + len(msgspec.json.encode(refused(0))) + 100)
    await journal.refuse(refused(0))
    for durable in (True, False):
        with pytest.raises(JournalError, match=r"gate\.journal_max_mib"):
            await journal.write(row("b"), durable=durable)
    with pytest.raises(JournalError):
        await journal.refuse(refused(1))
    assert [found.call for found in rows_of(journal)] == ["a", "call-0"]
    journal.close()
    wider = Journal(tmp_path)
    await wider.write(row("d"), durable=True)
    assert [found.call for found in rows_of(wider)] == ["a", "call-0", "d"]
    wider.close()


def granted(call: str) -> JournalRow:
    return msgspec.structs.replace(row(call), event="call.granted")


async def test_near_its_quota_a_journal_takes_refusals_alone_and_they_wait_for_nothing_that_is_owed(
    tmp_path: Path,
) -> None:
    quota_bytes = 256 * 1024
    journal, written = Journal(tmp_path, quota_bytes=quota_bytes), 0
    with suppress(JournalError):
        while True:
            await journal.write(granted(f"ordinary-{written}"), durable=False)
            written += 1
    journal.freeze("c", FrozenCause.ERASED)
    await asyncio.gather(*(journal.refuse(refused(number)) for number in range(FLOOD)))
    with pytest.raises(JournalError):
        await journal.write(granted("b"), durable=True)
    await journal.write(row("of the dialplan"), durable=True)
    found = rows_of(journal)
    assert sum(each.count for each in found[written:]) == FLOOD + 1
    assert list(read_rows(journal.file))[-1][1] <= quota_bytes
    journal.close()


async def test_a_journal_nearly_full_is_opened_though_it_has_no_room_to_say_what_was_cut_off(tmp_path: Path) -> None:
    """The gate had no name for its ledger until somebody made room and started it again."""
    file = write_journal(tmp_path, row("a"), row("b"))
    os.truncate(file, end_of(file) - 5)
    name = Journal(tmp_path, quota_bytes=end_of(file)).open()
    assert len(name) == 32
