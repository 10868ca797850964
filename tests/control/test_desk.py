"""All that control does for one Asterisk, in the background of the gate."""

import asyncio
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest

from callgate import repeating
from callgate.control import incident as incident_module
from callgate.control.calls import Clocks
from callgate.control.desk import Books, make_desk
from callgate.control.elsewhere import OtherGrants
from callgate.control.incident import ROWS_A_MINUTE, Incident
from callgate.control.link import Account
from callgate.control.switch import Leg, Watcher
from callgate.control.trunks import Trunks
from callgate.core.attempt import Origin
from callgate.gate import price_on
from callgate.grants import Grants
from clinic_samples import TUESDAY_11, open_site
from control.manager_sample import Manager, answered
from waiting import until

UNGATED = Incident(
    at=TUESDAY_11,
    leg=Leg(
        channel="PJSIP/carrier-a-00000001",
        uniqueid="1.1",
        linkedid="1.0",
        endpoint="carrier-a",
        dialled="+33142685300",
        grant="",
        entry="",
        extension="",
        origin=Origin.UNKNOWN,
        answered=None,
        is_new=True,
    ),
    cause="no_grant",
    is_ended=True,
)


class Broken(Watcher):
    """Does what a watcher must not: it raises when it is told of the first link."""

    def __init__(self) -> None:
        self.links = 0

    def linked(self) -> None:
        self.links += 1
        if self.links == 1:
            raise RuntimeError("told of the link")


def answers(asked: dict[str, str]) -> str:
    """Nothing is up."""
    end = f"Event: {asked['Action']}Complete\r\nActionID: {asked['ActionID']}\r\nEventList: Complete\r\n\r\n"
    return answered(asked) + (end if asked["Action"] in {"BridgeList", "CoreShowChannels"} else "")


async def test_a_fault_is_said_and_leaves_neither_the_trunks_unguarded_nor_incidents_unwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Either once ended for good, without a word, while the gate went on and said that the trunks are guarded."""
    monkeypatch.setattr(repeating, "FAILED_PAUSE_S", 0.01)
    monkeypatch.setattr(incident_module, "WRITE_PAUSE_S", 0.01)
    site, faults, broken = open_site(tmp_path), list[Exception](), Broken()

    def clock() -> datetime:
        if faults:
            raise faults.pop()
        return site.now

    manager = Manager(answers=answers)
    server = await asyncio.start_server(manager.serve, "127.0.0.1", 0)
    (tmp_path / "secret").write_text("s3cret")
    desk = make_desk(
        Account(host="127.0.0.1", port=server.sockets[0].getsockname()[1], user="x", secret_file=tmp_path / "secret"),
        books=Books(pbx="pbx1", ledger=site.ledger, journal=site.journal),
        trunks=Trunks(site.settings, site.shelf, price_on),
        grants=Grants(),
        others=OtherGrants(lambda _: None, site.ledger, time.monotonic),
        clocks=Clocks(now=clock, monotonic=time.monotonic),
    )
    desk.switch.watch(broken)
    running = asyncio.create_task(desk.run())
    await until(lambda: broken.links == 2)
    faults.append(RuntimeError("asked for the time"))
    await until(lambda: not faults)
    desk.incidents.add(UNGATED)
    await until(lambda: site.rows)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    for _ in range(ROWS_A_MINUTE):
        desk.incidents.add(UNGATED)
    await desk.close()
    assert sum(row.count for row in site.rows) == ROWS_A_MINUTE + 1, "also those that were only counted"
    server.close()
    for writer in manager.writers:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    said = "".join(capsys.readouterr())
    assert said.count("background.failed") == 2
    assert "told of the link" in said
    assert "asked for the time" in said
