"""Before money is trusted to a store, the daemon asks whether it keeps what it acknowledges."""

from dataclasses import replace
from pathlib import Path

import pytest

from callgate.ledger.address import Endpoint
from callgate.ledger.client import connect
from callgate.ledger.store import StoreFacts, StoreFinding, check_store, judge_store
from ledger.fake_stores import host_and_port, slots, stores
from ledger.samples import PATIENT
from redis_server import RedisServer
from store_servers import DURABLE as STORE_DURABLE
from store_servers import StoreServer

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


def facts(
    *, version: str = "7.2.4", role: str = "master", replicas: int = 0, settings: dict[str, str] = DURABLE
) -> StoreFacts:
    return StoreFacts(version=version, role=role, replicas=replicas, settings=settings)


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (facts(version="7.0.15"), []),
        (facts(version="8.0.6"), []),
        (facts(version="6.2.14"), ["version"]),
        (facts(version="None"), ["version"]),
        (facts(role="slave"), ["role"]),
        (facts(settings=DURABLE | {"appendonly": "no"}), ["appendonly"]),
        (facts(settings={}), ["appendonly", "appendfsync", "maxmemory-policy"]),
    ],
)
def test_a_store_is_judged_by_what_it_says(*, told: StoreFacts, found: list[str]) -> None:
    assert settings_of(judge_store(told, 0)) == found


def guarded(fewest: str, lag: str) -> dict[str, str]:
    return DURABLE | {"min-replicas-to-write": fewest, "min-replicas-max-lag": lag}


def clustered(coverage: str) -> dict[str, str]:
    return guarded("1", "2") | {"cluster-enabled": "yes", "cluster-require-full-coverage": coverage}


@pytest.mark.parametrize(
    ("told", "wanted", "found"),
    [
        (facts(replicas=1, settings=guarded("1", "2")), 1, []),
        (facts(replicas=2, settings=guarded("2", "1")), 2, []),
        (facts(replicas=1, settings=guarded("1", "2")), 2, ["connected_slaves", "min-replicas-to-write"]),
        (facts(replicas=1, settings=guarded("0", "10")), 1, ["min-replicas-to-write", "min-replicas-max-lag"]),
        (facts(replicas=1, settings=guarded("1", "0")), 1, ["min-replicas-max-lag"]),
        (facts(replicas=1, settings=clustered("yes")), 1, ["cluster-require-full-coverage"]),
        (facts(replicas=1, settings=clustered("no")), 1, []),
        (facts(), 1, ["connected_slaves", "min-replicas-to-write", "min-replicas-max-lag"]),
    ],
)
def test_where_another_may_take_over_a_primary_alone_acknowledges_nothing(
    *, told: StoreFacts, wanted: int, found: list[str]
) -> None:
    """An old primary that goes on alone would grant what its successor never hears of (facts/reliability.md 4, 41)."""
    assert settings_of(judge_store(told, wanted)) == found


async def test_each_primary_of_a_cluster_is_asked() -> None:
    def tell(words: list[str]) -> bytes:
        rows = (0, 8_000, low.endpoint), (8_001, 16_383, high.endpoint)
        return slots(*rows) if words[0] == "CLUSTER" else b"-NOPERM not for you\r\n"

    async with stores(tell, tell) as (low, high), connect(f"redis+cluster://{low.endpoint}", PATIENT) as client:
        findings = await check_store(client)
    assert [(found.setting, found.server) for found in findings] == [
        ("answer", str(low.endpoint)),
        ("answer", str(high.endpoint)),
    ]


async def test_a_primary_without_a_replica_is_named_with_its_server(tmp_path: Path) -> None:
    with StoreServer(tmp_path / "store", *STORE_DURABLE) as server:
        async with (
            stores(lambda _: host_and_port(Endpoint("127.0.0.1", server.port))) as (sentinel,),
            connect(f"redis+sentinel://{sentinel.endpoint}/clinics", PATIENT) as client,
        ):
            findings = await check_store(client)
    assert settings_of(findings) == ["connected_slaves", "min-replicas-to-write", "min-replicas-max-lag"]
    assert {finding.server for finding in findings} == {server.place}


async def test_a_cluster_that_nobody_tells_of_is_a_finding() -> None:
    async with stores(lambda _: None) as (node,), connect(f"redis+cluster://{node.endpoint}", PATIENT) as client:
        assert settings_of(await check_store(client)) == ["answer"]


async def test_a_store_that_does_not_answer_is_a_finding(tmp_path: Path) -> None:
    async with connect(f"unix://{tmp_path}/none") as client:
        assert settings_of(await check_store(client)) == ["answer"]


async def test_a_store_that_will_not_tell_its_settings_is_a_finding(tmp_path: Path) -> None:
    with RedisServer(tmp_path, "--rename-command", "CONFIG", "") as server:
        async with connect(server.url, PATIENT) as client:
            assert settings_of(await check_store(client)) == ["answer"]


def test_a_finding_says_in_one_line_what_to_do_and_where() -> None:
    finding = StoreFinding(setting="role", found="slave", wanted="master", remedy="mend it")
    assert finding.sentence() == "role is slave, not master: mend it"
    assert replace(finding, server="host:1").sentence() == "role of host:1 is slave, not master: mend it"
