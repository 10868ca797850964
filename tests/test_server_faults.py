"""A fault of our own at any stop of a call's road: no verdict, so that the dialplan applies its contract by the class.

The dialplan refuses a costly call then and lets an ordinary one go by its own allowance (`tests/install`, and
`tests/system/test_no_verdict.py` on a real Asterisk). Never is the caller told anything of the fault.
"""

import socket
from pathlib import Path

import pytest

from asterisk_agi import CommandReader
from callgate import gate as gate_module
from callgate import server as server_module
from callgate.burst_watch import BurstWatch
from callgate.grants import Grants
from callgate.journal import Journal
from callgate.ledger.memory import MemoryLedger
from callgate.policies import PolicyShelf
from callgate.server import Server
from callgate.shared_nonces import SharedNonces
from callgate.tags import Tagger
from clinic_samples import BRUSSELS, PARIS, PASSAGE, POINTE_A_PITRE, Site, header, open_site, shared_by_one
from flood.asking import ask


class OddError(Exception):
    """Nobody names it, so nobody catches it by name."""


def _breaks(*_arguments: object, **_named: object) -> object:
    raise OddError("of our own")


STOPS = {
    "receive": (server_module, "receive"),
    "the policy": (PolicyShelf, "clinic"),
    "the number": (gate_module, "read_dialled"),
    "the price": (gate_module, "price_destination"),
    "the risk": (gate_module, "assess"),
    "the tag": (Tagger, "tagged"),
    "judge": (gate_module, "judge"),
    "hold": (MemoryLedger, "hold"),
    "the trunk's spelling": (gate_module, "wire_number"),
    "conclude": (gate_module, "conclude"),
    "the bursts": (BurstWatch, "note"),
    "the row": (gate_module, "verdict_row"),
    "record": (Journal, "_pay"),
    "observation": (gate_module, "in_observation"),
    "the grants": (Grants, "add"),
    "the log": (server_module, "_log_verdict"),
    "answer": (server_module, "token"),
}
ASKED = {"ordinary": PARIS, "costly": POINTE_A_PITRE, "refused": BRUSSELS}
"""What is dialled."""
NOT_MET = {("hold", "refused"), ("the grants", "refused")}
"""Stops that a call passes by."""


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    site = open_site(tmp_path)
    await site.shelf.open()
    return site


@pytest.mark.parametrize("dialled", ASKED)
@pytest.mark.parametrize("stop", STOPS)
async def test_a_fault_at_any_stop_leaves_the_call_to_the_dialplan_and_the_next_call_is_served(
    site: Site, stop: str, dialled: str, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server(site.settings, site.gate, lambda: site.now, None, shared=shared_by_one(SharedNonces))
    listening = await server.listen(socket.create_server(("127.0.0.1", 0)))
    port = listening.sockets[0].getsockname()[1]
    question = header(dialled=ASKED[dialled])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(*STOPS[stop], _breaks)
        told = await ask(port, question)
    await server.drain()
    assert b"OddError" not in told
    assert b"Traceback" not in told
    said = "".join(capsys.readouterr())
    if (stop, dialled) in NOT_MET:
        assert b"|refuse|" in told
    else:
        assert told == b""
        assert "call.failed" in said
        assert "OddError" in said
        assert PASSAGE in said, "the log names the call"
    # Another call: the hold of the failed one may have been voided, which is for good.
    another = header(dialled=ASKED[dialled], passage=PASSAGE.replace("1", "2"), nonce=PASSAGE)
    ((*_, token),) = CommandReader().receive(await ask(port, another))
    listening.close()
    await server.drain()
    assert token.split("|")[1] == ("refuse" if dialled == "refused" else "grant")
    holds = [hold.hold_id for hold in (await site.book()).holds]
    assert not [hold for hold in holds if PASSAGE in hold and told == b""], "the money of the failed call is free"
