"""The Lua scripts guard themselves, whoever sends to them, and open with their meaning."""

from importlib.resources import files

import msgspec
import pytest
from redis.asyncio import Redis

from callgate.core.hold import Unavailable
from callgate.core.sighting import Seen, Sighting, Ticks
from callgate.ledger import scripts, wire
from callgate.ledger.client import ScriptRunner
from callgate.ledger.keys import clinic_keys
from ledger.samples import PATIENT, request

LUA = files("callgate.ledger") / "lua"
SCRIPTS = {
    "hold": scripts.HOLD,
    "renew": scripts.RENEW,
    "settle": scripts.SETTLE,
    "void": scripts.VOID,
    "lapse": scripts.LAPSE,
    "book": scripts.BOOK,
    "audit": scripts.AUDIT,
    "clock": scripts.CLOCK,
    "restore": scripts.RESTORE,
    "thaw": scripts.THAW,
    "publish": scripts.PUBLISH,
    "policy": scripts.POLICY,
    "policies": scripts.POLICIES,
}
READERS = ("book", "audit", "policy", "policies")
SIGHTING = wire.encode(
    Sighting(gate="gate", seen=Seen(), offer="0" * 16, ticks=Ticks(boot="boot", uptime_s=1, wall_s=1))
)


@pytest.mark.parametrize("name", [*SCRIPTS, "rights"])
def test_every_script_says_at_its_head_what_goes_in_and_what_comes_out(name: str) -> None:
    head = (LUA / f"{name}.lua").read_text().partition("\nlocal ")[0]
    assert all(f"\n-- {word}" in head for word in ("KEYS", "ARGV", "Repl"))


def test_no_script_file_is_left_unused() -> None:
    others = {"start", "accounts", "holds", "offers", "recount", "velocities", "rights"}
    assert {path.name.removesuffix(".lua") for path in LUA.iterdir()} == others | set(SCRIPTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_only_a_script_that_looks_is_marked_as_one_that_writes_nothing(name: str) -> None:
    """A full store then still shows its books."""
    shebang = SCRIPTS[name].source.partition("\n")[0]
    assert shebang == ("#!lua flags=no-writes" if name in READERS else "#!lua")


@pytest.mark.parametrize(
    ("field", "value"),
    [("seconds", 1.5), ("seconds", -1), ("seconds", 2**53), ("seconds", float("nan")), ("seconds", float("inf"))],
)
async def test_a_number_that_is_not_whole_or_too_large_changes_nothing(client: Redis, field: str, value: float) -> None:
    keys = clinic_keys("scripts-numbers")
    document = msgspec.msgpack.encode(msgspec.to_builtins(request()) | {field: value})
    reply = await ScriptRunner(client, PATIENT).run(scripts.HOLD, keys, SIGHTING, document, "fingerprint")
    assert reply == Unavailable(cause="invalid")
    assert await client.exists(*keys) == 0


@pytest.mark.parametrize("document", [b"", b"\xc1", b"\x93", msgspec.msgpack.encode({}), msgspec.msgpack.encode([])])
async def test_a_broken_request_changes_nothing(client: Redis, document: bytes) -> None:
    keys, runner = clinic_keys("scripts-broken"), ScriptRunner(client, PATIENT)
    for script in (scripts.HOLD, scripts.RENEW, scripts.SETTLE):
        assert isinstance(await runner.run(script, keys, SIGHTING, document, "f"), Unavailable)
    for script in SCRIPTS.values():
        assert isinstance(await runner.run(script, keys, document, "1", "2", "3", "4"), Unavailable)
    assert await client.exists(*keys) == 0


async def test_a_key_of_another_kind_stops_a_script_before_it_writes(client: Redis) -> None:
    """Scripts do not roll back: a WRONGTYPE midway once kept a balance that was already changed."""
    keys = clinic_keys("scripts-types")
    for position, key in enumerate(keys):
        await client.set(key, "text")
        for script in SCRIPTS.values():
            reply = await ScriptRunner(client, PATIENT).run(script, keys, SIGHTING, wire.encode(request()), "f")
            assert reply == Unavailable(cause="invalid"), position
        assert await client.exists(*keys) == 1
        await client.delete(key)


async def test_a_record_of_a_later_version_is_not_guessed_at(client: Redis) -> None:
    keys = clinic_keys("scripts-version")
    await client.hset(keys[1], "a", '[2,"live"]')
    reply = await ScriptRunner(client, PATIENT).run(scripts.VOID, keys, SIGHTING, "a")
    assert reply == Unavailable(cause="invalid")


async def test_a_revision_is_never_published_under_an_older_one(client: Redis) -> None:
    keys = clinic_keys("scripts-revision")
    reply = await ScriptRunner(client, PATIENT).run(scripts.PUBLISH, keys, SIGHTING, "2", "2", "{}")
    assert reply == Unavailable(cause="invalid")
