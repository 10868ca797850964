"""Ten thousand refused calls a minute at the gate's port while phones call: they notice nothing, and none is lost."""

import asyncio
import os
import re
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from statistics import median

import msgspec
import pytest

from callgate.core.reasons import Reason
from callgate.journal import JOURNAL_FILE, JournalRow, read_rows
from callgate.log_lines import KIND_LINES_MAX, WINDOW_S
from faults.gate_process import next_workers, said
from faults.matrix import proves
from faults.refused_flood import EXTENSION, PER_MINUTE
from faults.stage import REUNION_WIRE, Stage
from journal_samples import write_journal
from system.rig import IVORY_COAST, wait_for

pytestmark = pytest.mark.system

PROGRAM = Path(__file__).with_name("refused_flood.py")
SECONDS = 15
CALLS = PER_MINUTE * SECONDS // 60
TOLD_WITHIN_S = 40.0
JOURNAL_BYTES_EACH = 200
PHONE_CALLS = 7
ADDED_MS = 20
REFUSED = "call.refused"
MIB = 1024 * 1024
QUOTA_MIB = 16
ROOM_BYTES = 200 * 1024
"""So little is left: a fraction of what the flood's rows would take by themselves."""
FILLER = JournalRow(at=datetime(2026, 1, 1, tzinfo=UTC), event="gate.started", clinic="", call="", note="x" * 16_000)


def start_flood(stage: Stage) -> None:
    """Start it, and wait until it asks."""
    stage.rig.lab.copy_to_asterisk("/root/refused_flood.py", PROGRAM.read_bytes())
    stage.rig.in_asterisk("sh", "-c", f"cd; python3 refused_flood.py {IVORY_COAST} {CALLS} >flood.log 2>&1 &")
    wait_for(lambda: "standing" in told(stage))


def told(stage: Stage) -> str:
    """What the flood has said."""
    return stage.rig.in_asterisk("cat", "/root/flood.log")


async def refused(stage: Stage) -> int:
    """Wait for the flood's end; gives how many of it heard that they were refused."""
    found = await asyncio.to_thread(
        wait_for, lambda: re.search(r"^refused (\d+) of", told(stage), re.MULTILINE), TOLD_WITHIN_S
    )
    return int(found[1])


def rows_of(stage: Stage) -> list[JournalRow]:
    """The journal's rows for the flood."""
    return [row for row in stage.rig.rows(REFUSED) if row.extension == EXTENSION]


def counted(stage: Stage) -> int:
    """How many refusals they stand for."""
    return sum(row.count for row in rows_of(stage))


async def added_ms(stage: Stage) -> float:
    """What an ordinary call waits longer than an emergency call, median."""
    took = [(await stage.ordinary(), await stage.emergency()) for _ in range(PHONE_CALLS)]
    return median(ordinary for ordinary, _ in took) - median(emergency for _, emergency in took)


@proves(62)
async def test_in_a_flood_of_refusals_phones_call_as_ever_and_each_refusal_is_counted(stage: Stage) -> None:
    async with stage.during(lambda: start_flood(stage), lambda: None):
        stage.within(await added_ms(stage), ADDED_MS, f"{PER_MINUTE:,} refusals a minute: added")
        await stage.costly_goes()
        answered = await refused(stage)
        assert answered == CALLS
        await asyncio.to_thread(wait_for, lambda: counted(stage) >= answered, TOLD_WITHIN_S)
        assert counted(stage) == answered
        each = sum(len(msgspec.json.encode(row)) for row in rows_of(stage)) / answered
        assert each < JOURNAL_BYTES_EACH
        await asyncio.to_thread(wait_for, lambda: logged(stage) >= answered, TOLD_WITHIN_S)
        assert logged(stage) == answered
        lines = len(said(stage, REFUSED))
        assert lines <= KIND_LINES_MAX * (TOLD_WITHIN_S / WINDOW_S + 1)
    stage.saw(f"{answered:,} refused and counted, {each:.0f} bytes of journal each, {lines} lines of log in all")


def logged(stage: Stage) -> int:
    """How many refusals the text log tells of, one by one and in numbers."""
    omitted = [line for line in said(stage, "lines.omitted") if line["of"] == REFUSED]
    return len(said(stage, REFUSED)) + sum(int(str(line["count"])) for line in omitted)


def fill(file: Path, size_bytes: int) -> None:
    """Make a journal that nobody writes so long, with no room taken in advance behind its last row."""
    while (end := max(end for _, end in read_rows(file))) < size_bytes:
        write_journal(file.parent, *[FILLER] * ceil((size_bytes - end) / len(msgspec.json.encode(FILLER))))
    os.truncate(file, end)


@proves(62)
async def test_where_the_journal_is_almost_as_long_as_it_may_become_a_flood_has_room_and_makes_it_no_longer(
    stage: Stage,
) -> None:
    lab, journal = stage.rig.lab, stage.rig.lab.folder / "state" / JOURNAL_FILE
    settings = lab.folder / "config" / "callgate.toml"
    usual = settings.read_text(encoding="utf-8")
    await stage.costly_goes()
    await stage.books_at_rest()

    def fill_and_flood() -> None:
        lab.gate_stop()
        settings.write_text(usual.replace("[gate]", f"[gate]\njournal_max_mib = {QUOTA_MIB}"), encoding="utf-8")
        fill(journal, QUOTA_MIB * MIB - ROOM_BYTES)
        lab.gate_start()
        start_flood(stage)

    def make_room() -> None:
        settings.write_text(usual, encoding="utf-8")
        next_workers(stage)

    async with stage.during(fill_and_flood, make_room):
        await stage.contract()
        assert stage.rig.last_row(REFUSED, number=REUNION_WIRE).reasons == (Reason.GATE_UNAVAILABLE,)
        answered = await refused(stage)
        assert answered == CALLS
        await asyncio.to_thread(wait_for, lambda: counted(stage) >= answered, TOLD_WITHIN_S)
        assert counted(stage) == answered
        assert journal.stat().st_size <= QUOTA_MIB * MIB
    stage.saw(f"with {ROOM_BYTES // 1024} KiB left of the quota: {answered:,} refused and counted, never longer")
    await stage.recovers()
