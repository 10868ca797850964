"""The journal is as long as it may become, its disk fails, or thousands of refusals a minute want to be in it."""

import asyncio
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

import practice
from callgate.core.reasons import Reason
from callgate.journal import JOURNAL_FILE, JournalRow
from faults.gate_process import next_workers
from faults.matrix import proves
from faults.stage import Stage
from faults.store import FULL, READ_ONLY
from flood.neighbours import FLOODS, flood, gate_of_two
from journal_samples import write_journal
from system.rig import IVORY_COAST

QUOTA_MIB = 16
ALARM_BYTES = QUOTA_MIB * 1024 * 1024 * 81 // 100
FILLED_BYTES = 15 * 1024 * 1024 + 4096
"""Where the part begins that is for refusals alone."""
FILLER = JournalRow(at=datetime(2026, 1, 1, tzinfo=UTC), event="gate.started", clinic="", call="", note="x" * 16_000)
TROUBLE = "trouble"
SECONDS = 15
JOURNAL_BYTES_EACH = 200


def status(stage: Stage) -> str:
    """What `callgate status` says."""
    return stage.rig.lab.gate_exec("callgate", "--language", "en", "status")


@pytest.mark.system
@proves(63)
async def test_a_journal_at_its_quota_loses_no_row_and_keeps_every_refusal(stage: Stage) -> None:
    lab = stage.rig.lab
    settings = lab.folder / "config" / "callgate.toml"
    usual = settings.read_text(encoding="utf-8")
    file = lab.folder / "state" / JOURNAL_FILE
    await stage.costly_goes()
    await stage.books_at_rest()

    def fill(up_to: int) -> None:
        lab.gate_stop()
        settings.write_text(usual.replace("[gate]", f"[gate]\njournal_max_mib = {QUOTA_MIB}"), encoding="utf-8")
        while file.stat().st_size < up_to:
            write_journal(file.parent, *[FILLER] * 10)
        lab.gate_start()

    def alarm() -> str:
        found = re.search(r"ALARM: the journal has taken ([0-9]+) %", status(stage))
        return "" if found is None else found[1]

    def make_room() -> None:
        settings.write_text(usual, encoding="utf-8")
        next_workers(stage)

    await asyncio.to_thread(fill, ALARM_BYTES // 81 * 79)
    assert alarm() == "", "it comes too early"
    async with stage.during(lambda: fill(ALARM_BYTES), lambda: None):
        assert alarm() == "81"
        await stage.costly_goes()
        stage.saw("the status gives the alarm at 81 %, and costly calls go")
    async with stage.during(lambda: fill(FILLED_BYTES), make_room):
        await stage.contract(Reason.GATE_UNAVAILABLE)
        assert (await stage.dial(IVORY_COAST)).refused
        row = stage.rig.last_row("call.refused")
        assert row.reasons[0] is Reason.COUNTRY_REFUSED
        stage.saw(f"at {alarm()} % costly calls are refused, every refusal is kept")
    await stage.recovers()


class TestItsDiskFails:
    @pytest.fixture
    def extra(self, tmp_path: Path, disk: Path) -> practice.Practice:
        """A practice whose gate writes on a disk that obeys ``soak/disk.c``."""
        (tmp_path / "config").mkdir()
        shutil.copy(disk, tmp_path / "config" / disk.name)
        environment = {"LD_PRELOAD": f"/etc/callgate/{disk.name}", "DISK_TROUBLE": f"/etc/callgate/{TROUBLE}"}
        return practice.Practice(environment=environment)

    @pytest.mark.system
    @pytest.mark.parametrize(
        "error", [pytest.param(FULL, id="full", marks=proves(31)), pytest.param(READ_ONLY, id="ro", marks=proves(32))]
    )
    async def test_on_a_disk_that_takes_nothing_what_costs_is_refused_and_every_refusal_written_down_once_it_does(
        self, stage: Stage, error: int
    ) -> None:
        trouble = stage.rig.lab.folder / "config" / TROUBLE
        await stage.costly_goes()
        await stage.books_at_rest()
        before = len(stage.rig.rows())
        async with stage.during(lambda: trouble.write_text(f"{error}\n"), trouble.unlink):
            stage.saw(f"ordinary goes in {await stage.ordinary():.0f} ms")
            stage.saw(f"costly refused in {await stage.costly_is_refused():.0f} ms")
            assert (await stage.dial(IVORY_COAST)).refused
            assert (await stage.book()).holds == (), "what was held for it is given back"
            assert stage.rig.rows()[before:] == [], "something was written"
        await stage.recovers()
        rows = [row for row in stage.rig.rows()[before:] if row.is_refusal]
        assert [row.reasons[0] for row in rows] == [Reason.GATE_UNAVAILABLE, Reason.COUNTRY_REFUSED]
        stage.saw("nothing was written, and both refusals were once the disk took something")


@proves(62)
@pytest.mark.parametrize("name", FLOODS)
async def test_in_a_flood_each_refusal_is_counted_and_the_neighbours_notice_nothing(
    tmp_path: Path, name: str, record_property: Callable[[str, object], None]
) -> None:
    with gate_of_two(tmp_path, workers=practice.WORKERS) as gate:
        report = await flood(gate, dialled=FLOODS[name], seconds=SECONDS)
    record_property("fault", "62")
    record_property("seen", f"10,000 {name} a minute: " + "; ".join(line.strip() for line in report.lines()))
    assert "no verdict" not in report.verdicts
    assert report.counted == report.refused > 0
    assert report.journal_bytes / report.refused < JOURNAL_BYTES_EACH
