"""After calls of every kind, none of the numbers that were dialled can be read in what the gate has written."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import pytest

from callgate.screening import leaks, leaks_in
from system.rig import IVORY_COAST, PREMIUM, Rig, wait_for

pytestmark = pytest.mark.system

MOBILE, FIXED = "00677880099", "00158761342"
"""That no policy names, not even as an example: what an installer wrote down is not hidden."""
NEEDLES = tuple(dialled[-9:] for dialled in (FIXED, MOBILE, IVORY_COAST, PREMIUM))
"""What every way to write one of them ends with."""
READ = {
    "string": ("GET",),
    "hash": ("HGETALL",),
    "list": ("LRANGE", "0", "-1"),
    "set": ("SMEMBERS",),
    "zset": ("ZRANGE", "0", "-1", "WITHSCORES"),
    "stream": ("XRANGE", "-", "+"),
}
"""What tells all that is under a key of this kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One thing that the gate has written, and where."""

    place: str
    content: bytes

    @property
    def found(self) -> list[str]:
        """Where which number can be read, hidden as in a log: the report of a test is one, too."""
        return [f"{self.place}: ...{needle[:5]}" for needle in NEEDLES if needle.encode() in self.content]


def state(rig: Rig) -> Iterator[Written]:
    for file in sorted((rig.lab.folder / "state").rglob("*")):
        if file.is_file():
            yield Written(place=file.name, content=file.read_bytes())


def store(rig: Rig) -> Iterator[Written]:
    """Every key of the ledger with all that is under it."""
    for key in rig.lab.redis_cli("KEYS", "*").splitlines():
        read, *rest = READ[rig.lab.redis_cli("TYPE", key).strip()]
        yield Written(place=key, content=rig.lab.redis_cli("--no-raw", read, key, *rest).encode())


async def call_everybody(rig: Rig) -> None:
    """Granted and refused calls, with the gate and without it."""
    for dialled in (FIXED, MOBILE, IVORY_COAST, PREMIUM):
        await rig.dial(dialled)
    rows = len(rig.rows("call.local"))
    rig.lab.gate_stop()
    await rig.dial(FIXED)
    await rig.dial(IVORY_COAST)
    rig.lab.gate_start()
    rig.last_row("call.local", after=rows)
    await rig.wait_for_no_holds()


async def test_no_number_that_was_dialled_can_be_read_in_the_log_the_state_or_the_ledger(rig: Rig) -> None:
    await call_everybody(rig)
    said = rig.lab.gate_output()
    written = [*state(rig), *store(rig), Written(place="log", content=said.encode())]
    assert {"journal.cgj", "log"} <= {one.place for one in written}
    assert any("{" in one.place for one in written), "the ledger has the clinic's keys"
    assert [found for one in written for found in one.found] == []
    for line in said.splitlines():
        given_away = list(leaks_in(json.loads(line)) if line.startswith("{") else leaks(line))
        assert given_away == [], "see the log of the gate"
    for row in rig.rows():
        assert [(row.event, found) for found in leaks_in(msgspec.to_builtins(row))] == []


async def test_a_refused_costly_number_is_shown_to_whoever_says_why_and_the_journal_says_who(rig: Rig) -> None:
    before = len(rig.rows("call.refused"))
    await rig.dial(IVORY_COAST)
    row = rig.last_row("call.refused", after=before)
    said = rig.lab.gate_exec("callgate", "blocked", "--reveal", row.call, "--reason", "the bill of November")
    assert said.split()[-1] == f"+{IVORY_COAST.removeprefix('000')}"
    shown = wait_for(lambda: rig.rows("privacy.revealed"))[-1]
    assert (shown.call, shown.note) == (row.call, "callgate: the bill of November")
    rights = rig.lab.gate_exec("sh", "-c", "stat -c '%a %U' /var/lib/callgate/keys /var/lib/callgate/keys/*.key")
    assert sorted(set(rights.splitlines())) == ["600 callgate", "700 callgate"]


async def test_a_bundle_of_the_running_gate_has_what_its_store_says_and_passes_the_last_look(rig: Rig) -> None:
    await rig.dial(IVORY_COAST)
    make = "rm -f b.tar.gz && callgate --language en support-bundle b.tar.gz >/dev/null"
    read = f"cd /var/lib/callgate && {make} && tar -xzOf b.tar.gz callgate-support/"
    assert json.loads(rig.lab.gate_exec("sh", "-c", f"{read}store.json"))["redis_version"]
    status = json.loads(rig.lab.gate_exec("sh", "-c", f"{read}status.json"))
    assert (status["gate"], status["ledger"]) == ("up", "up")
