"""The real daemon looks after its journal's files, while calls come."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from callgate.commands.journal import verification
from callgate.journal import JOURNAL_FILE, Journal, read_rows
from callgate.journal_files import closed_files
from callgate.retention import turn
from clinic_samples import BRUSSELS
from commands.daemon_process import ask, daemon, free_port, until, write_settings
from journal_samples import row

MONTH = timedelta(days=31)


async def years_ago(state: Path, months: int) -> None:
    """A journal that nobody has written for two years, with a file for each month."""
    now = datetime.now(UTC) - timedelta(days=730)
    journal = Journal(state, lambda: int(now.timestamp() * 1000))
    journal.open()
    for number in range(months):
        await turn(journal)
        await journal.write(msgspec.structs.replace(row(f"{number}"), at=now), durable=True)
        now += MONTH
    journal.close()


def is_closed(file: Path, call: str) -> bool:
    """Whether the row of a call is in a closed file, and the journal goes on in another one."""
    closed = closed_files(file)
    is_there = bool(closed) and call in {found.call for found, _ in read_rows(closed[-1])}
    return is_there and verification(file).files == len(closed) + 1


async def test_a_gate_that_was_off_for_two_years_closes_its_file_and_removes_none_by_the_word_of_its_clock(
    tmp_path: Path,
) -> None:
    """Nobody can tell it from a clock that leapt: they go once it has seen enough months begin."""
    port = free_port()
    write_settings(tmp_path, port)
    state = tmp_path / "state"
    state.mkdir(exist_ok=True)
    await years_ago(state, 3)
    file = state / JOURNAL_FILE
    name, oldest = verification(file).journal, closed_files(file)[0]
    with daemon(tmp_path) as gate:
        gate.wait_for("worker.serving")
        assert ask(port, BRUSSELS)[1] == "refuse"
        until(lambda: is_closed(file, "2"))
        gate.wait_for("purge.doubted")
        assert ask(port, BRUSSELS)[1] == "refuse"
        assert gate.end() == 0
    found = verification(file)
    assert (found.damages, found.journal) == ((), name)
    events = [found.event for found, _ in read_rows(file)]
    assert (events.count("privacy.purged"), oldest.exists()) == (0, True)
