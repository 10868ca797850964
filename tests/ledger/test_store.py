"""Before money is trusted to a store, the daemon asks whether it keeps what it acknowledges."""

from pathlib import Path

import pytest

from callgate.ledger.client import connect
from callgate.ledger.store import StoreFinding, check_store, judge_store
from ledger.samples import PATIENT
from redis_server import RedisServer

DURABLE = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}


def settings_of(findings: tuple[StoreFinding, ...]) -> list[str]:
    return [finding.setting for finding in findings]


async def test_a_durable_store_passes(tmp_path: Path) -> None:
    with RedisServer(tmp_path, "--appendonly", "yes", "--appendfsync", "always") as server:
        async with connect(server.url, PATIENT) as client:
            assert await check_store(client) == ()


async def test_each_setting_that_may_lose_money_is_named_with_its_remedy(tmp_path: Path) -> None:
    weak = ("--appendfsync", "everysec", "--maxmemory-policy", "allkeys-lru", "--replicaof", "127.0.0.1", "1")
    with RedisServer(tmp_path, *weak) as server:
        async with connect(server.url, PATIENT) as client:
            findings = await check_store(client)
            assert settings_of(findings) == ["appendonly", "appendfsync", "maxmemory-policy", "role"]
            assert findings[1] == StoreFinding(
                setting="appendfsync",
                found="everysec",
                wanted="always",
                remedy="CONFIG SET appendfsync always; CONFIG REWRITE",
            )


@pytest.mark.parametrize(
    ("version", "role", "settings", "found"),
    [
        ("7.0.15", "master", DURABLE, []),
        ("8.0.6", "master", DURABLE, []),
        ("6.2.14", "master", DURABLE, ["version"]),
        ("None", "master", DURABLE, ["version"]),
        ("7.2.4", "slave", DURABLE, ["role"]),
        ("7.2.4", "master", DURABLE | {"appendonly": "no"}, ["appendonly"]),
        ("7.2.4", "master", {}, ["appendonly", "appendfsync", "maxmemory-policy"]),
    ],
)
def test_a_store_is_judged_by_what_it_says(
    *, version: str, role: str, settings: dict[str, str], found: list[str]
) -> None:
    assert settings_of(judge_store(version, role, settings)) == found


async def test_a_store_that_does_not_answer_is_a_finding(tmp_path: Path) -> None:
    async with connect(f"unix://{tmp_path}/none") as client:
        assert settings_of(await check_store(client)) == ["answer"]


async def test_a_store_that_will_not_tell_its_settings_is_a_finding(tmp_path: Path) -> None:
    with RedisServer(tmp_path, "--rename-command", "CONFIG", "") as server:
        async with connect(server.url, PATIENT) as client:
            assert settings_of(await check_store(client)) == ["answer"]
