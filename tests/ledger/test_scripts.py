"""The Lua scripts guard themselves, whoever sends to them, and open with their meaning."""

from importlib.resources import files

import msgspec
import pytest
from redis.asyncio import Redis

from callgate.core.hold import Unavailable
from callgate.ledger import scripts, wire
from callgate.ledger.client import ScriptRunner
from callgate.ledger.keys import clinic_keys
from ledger.samples import PATIENT, request

LUA = files("callgate.ledger") / "lua"
SCRIPTS = ("hold", "settle", "void", "lapse", "book", "publish", "policy", "policies")


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_says_at_its_head_what_goes_in_and_what_comes_out(name: str) -> None:
    head = (LUA / f"{name}.lua").read_text().partition("\nlocal ")[0]
    assert head.startswith("#!lua")
    assert all(f"\n-- {word}" in head for word in ("KEYS", "ARGV", "Repl"))


def test_no_script_file_is_left_unused() -> None:
    foundations = {"start", "accounts", "holds", "velocities"}
    assert {path.name.removesuffix(".lua") for path in LUA.iterdir()} == foundations | set(SCRIPTS)


@pytest.mark.parametrize(
    ("field", "value"),
    [("seconds", 1.5), ("seconds", -1), ("seconds", 2**53), ("seconds", float("nan")), ("seconds", float("inf"))],
)
async def test_a_number_that_is_not_whole_or_too_large_changes_nothing(client: Redis, field: str, value: float) -> None:
    keys = clinic_keys("scripts-numbers")
    document = msgspec.to_builtins(request()) | {field: value}
    reply = await ScriptRunner(client, PATIENT).run(scripts.HOLD, keys, msgspec.msgpack.encode(document), "fingerprint")
    assert reply == Unavailable(cause="invalid")
    assert await client.exists(*keys) == 0


@pytest.mark.parametrize("document", [b"", b"\xc1", b"\x93", msgspec.msgpack.encode({}), msgspec.msgpack.encode([])])
async def test_a_broken_request_changes_nothing(client: Redis, document: bytes) -> None:
    keys = clinic_keys("scripts-broken")
    for script in (scripts.HOLD, scripts.SETTLE):
        assert isinstance(await ScriptRunner(client, PATIENT).run(script, keys, document, "f"), Unavailable)
    assert await client.exists(*keys) == 0


async def test_a_key_of_another_kind_stops_a_script_before_it_writes(client: Redis) -> None:
    """Scripts do not roll back: a WRONGTYPE midway once kept a balance that was already changed."""
    keys = clinic_keys("scripts-types")
    for position, key in enumerate(keys):
        await client.set(key, "text")
        for script in (scripts.HOLD, scripts.BOOK):
            reply = await ScriptRunner(client, PATIENT).run(script, keys, wire.encode(request()), "f")
            assert reply == Unavailable(cause="invalid"), position
        assert await client.exists(*keys) == 1
        await client.delete(key)


async def test_a_revision_is_never_published_under_an_older_one(client: Redis) -> None:
    keys = clinic_keys("scripts-revision")
    reply = await ScriptRunner(client, PATIENT).run(scripts.PUBLISH, keys, "2", "2", "{}")
    assert reply == Unavailable(cause="invalid")
