"""The gate's user in the store can do its work and no harm; what `docs/scale.md` says to type is what was tried."""

import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, ResponseError

from callgate.core.hold import HoldRequest, RenewRequest
from callgate.ledger.address import StoreKind
from callgate.ledger.base import Settlement
from callgate.ledger.client import Access, connect
from callgate.ledger.permissions import script_commands, sentinel_rules, store_rules
from callgate.ledger.redis import RedisLedger
from callgate.ledger.restoration import Coverage
from callgate.ledger.scripts import RIGHTS
from callgate.ledger.store import check_store
from ledger.fake_stores import bulk, stores
from ledger.samples import PATIENT, costly, policy, request, starts
from store_servers import DURABLE, HOST, StoreServer

PAGE = Path(__file__).parent.parent.parent / "docs" / "scale.md"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """A store whose only user but its owner is the gate's."""
    folder = tmp_path_factory.mktemp("permissions")
    (folder / "password").write_text("gate's own\n")
    with StoreServer(folder, *DURABLE) as server:
        server.ask("ACL", "SETUSER", "callgate", "on", ">gate's own", *store_rules(StoreKind.ONE))
        server.ask("CONFIG", "SET", "requirepass", "owner's")
        yield server


def renewal(held: HoldRequest) -> RenewRequest:
    return RenewRequest(
        clinic=held.clinic,
        hold_id=held.hold_id,
        number=1,
        seconds=held.seconds,
        slice_s=20,
        partial=True,
        purses=held.purses,
        grace_s=held.grace_s,
        policy_revision=1,
    )


def as_gate(server: StoreServer, database: int = 0) -> Redis:
    address = f"redis://callgate@{server.place}/{database}"
    return connect(address, PATIENT, Access(password_file=server.folder / "password"))


@pytest.mark.parametrize("database", [0, 1])
async def test_the_whole_ledger_runs_with_these_rights(server: StoreServer, database: int) -> None:
    async with as_gate(server, database) as client:
        assert await check_store(client) == ()
        ledger = RedisLedger(client, PATIENT)
        asked = replace(request(), hold_id=f"pbx.boot.a.{int(time.time())}", velocities=starts(2, 3600, "tag"))
        asked = replace(asked, slice_s=20, partial=True, purses=costly(day=1000, lines=3), novelty="country:BE")
        done = [
            await ledger.publish(policy(), 0),
            await ledger.fetch_policy("clinic"),
            await ledger.policy_history("clinic"),
            await ledger.hold(replace(asked, policy_revision=1)),
            await ledger.renew(renewal(asked)),
            await ledger.settle(Settlement(clinic="clinic", hold_id=asked.hold_id, answered=True, duration_s=30)),
            await ledger.void("clinic", asked.hold_id),
            await ledger.lapse("clinic", 10),
            await ledger.audit("clinic"),
            await ledger.book("clinic"),
            await ledger.set_clock("clinic", None),
            await ledger.restore("clinic", ()),
            await ledger.thaw("clinic", Coverage(covered=0, highest=0), 0, 0),
        ]
    kinds = [type(outcome).__name__ for outcome in done]
    assert kinds == [
        "Published",
        "PolicyRevision",
        "tuple",
        "Held",
        "Held",
        "Settled",
        "Settled",
        "LapseReport",
        "AuditReport",
        "LedgerBook",
        "ClockSet",
        "Restored",
        "ThawReport",
    ], done


@pytest.mark.parametrize(
    "words",
    [
        "FLUSHALL",
        "FLUSHDB",
        "KEYS *",
        "SCAN 0",
        "CONFIG SET appendonly no",
        "CONFIG REWRITE",
        "DEBUG SLEEP 0",
        "SHUTDOWN",
        "ACL LIST",
        "SCRIPT FLUSH",
        "MONITOR",
        "REPLICAOF NO ONE",
        "DEL cg:{a}:meta",
        "GET cg:{a}:meta",
        "HGET other key",
        "PUBLISH channel text",
    ],
)
async def test_everything_else_is_refused(server: StoreServer, words: str) -> None:
    async with as_gate(server) as client:
        execute: Callable[..., Awaitable[object]] = client.execute_command
        with pytest.raises(ResponseError, match=r"(?i)no permissions|not allowed"):
            await execute(*words.split())


async def test_a_script_reaches_no_key_but_the_gates(server: StoreServer) -> None:
    async with as_gate(server) as client:
        with pytest.raises(NoPermissionError):
            await client.eval("return redis.call('HGET', KEYS[1], 'field')", 1, "other")
        with pytest.raises(ResponseError):
            await client.eval("return redis.call('FLUSHALL')", 1, "cg:{a}:meta")


# What the daemon asks of its user.

NETWORK = "0.0.0.0"
"""No address of the loopback, though Linux connects it to this machine."""
RULES = store_rules(StoreKind.ONE)
KEYED = sorted({"evalsha", *script_commands()} - {"time"})


@pytest.fixture(scope="module")
def lax(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """A store where everybody may do anything, and the gate's user what a test says."""
    with StoreServer(tmp_path_factory.mktemp("lax"), *DURABLE) as server:
        yield server


async def found(server: StoreServer, user: str, host: str, *rules: str) -> list[tuple[str, str]]:
    """What is found of a user with these rules, and how."""
    server.ask("ACL", "SETUSER", "callgate", "reset", "on", "nopass", *rules)
    async with connect(f"redis://{user}{host}:{server.port}", PATIENT) as client:
        findings = await check_store(client)
    assert all("ACL SETUSER of docs/scale.md" in finding.remedy for finding in findings if finding.setting == "user")
    return [(finding.setting, finding.found) for finding in findings]


@pytest.mark.parametrize(
    ("rules", "missing"),
    [
        (("-zadd", "-time"), ["time", "zadd"]),
        (("-wait",), ["wait"]),
        (("-evalsha",), ["evalsha"]),
        (("resetkeys", "~other:*"), KEYED),
    ],
)
@pytest.mark.parametrize("host", [HOST, NETWORK])
async def test_what_an_operation_needs_and_the_user_may_not_is_found_before_a_call_meets_it(
    *, lax: StoreServer, host: str, rules: tuple[str, ...], missing: list[str]
) -> None:
    assert await found(lax, "callgate@", host, *RULES, *rules) == [("user", f"refused {', '.join(missing)}")]


async def test_a_user_who_may_not_run_scripts_is_found(lax: StoreServer) -> None:
    ((setting, said),) = await found(lax, "callgate@", HOST, *RULES, "-eval")
    assert setting == "answer"
    assert "eval" in said


async def test_of_a_server_of_a_cluster_more_is_asked(tmp_path: Path) -> None:
    with StoreServer(tmp_path, *DURABLE, "--cluster-enabled", "yes") as node:
        assert await found(node, "callgate@", NETWORK, *store_rules(StoreKind.CLUSTER)) == []
        assert await found(node, "callgate@", NETWORK, *RULES) == [("user", "refused asking, cluster|slots")]


@pytest.mark.parametrize(
    ("rules", "needless"),
    [
        (RULES, []),
        (("allkeys", "allcommands"), ["FLUSHALL", "CONFIG SET", "keys that are not cg:*"]),
        ((*RULES, "allkeys"), ["keys that are not cg:*"]),
        ((*RULES, "%R~*"), ["keys that are not cg:*"]),
        ((*RULES, "+flushall"), ["FLUSHALL"]),
        ((*RULES, "+config"), ["CONFIG SET"]),
        ((*RULES, "(~* +hget)"), ["keys that are not cg:*"]),
    ],
)
async def test_a_user_who_may_do_harm_over_a_network_is_found_and_on_this_machine_left_alone(
    *, lax: StoreServer, rules: tuple[str, ...], needless: list[str]
) -> None:
    over_network = await found(lax, "callgate@", NETWORK, *rules)
    assert over_network == ([("user", f"allowed {', '.join(needless)}")] if needless else [])
    assert await found(lax, "callgate@", HOST, *rules) == []


@pytest.mark.parametrize("host", [HOST, "127.1.2.3", "localhost", ""])
async def test_who_names_no_user_may_do_anything_which_counts_over_a_network_alone(lax: StoreServer, host: str) -> None:
    lax.ask("CONFIG", "SET", "bind", "* -::*")
    counts = [] if host else [("user", "allowed FLUSHALL, CONFIG SET, keys that are not cg:*")]
    assert await found(lax, "", host or NETWORK) == counts


async def test_a_command_that_a_server_has_not_is_one_that_nobody_may(tmp_path: Path) -> None:
    without = ("--rename-command", "WAIT", "", "--rename-command", "FLUSHALL", "")
    with StoreServer(tmp_path, *DURABLE, *without) as server:
        assert await found(server, "callgate@", NETWORK, "allkeys", "allcommands") == [
            ("user", "refused wait"),
            ("user", "allowed CONFIG SET, keys that are not cg:*"),
        ]


async def test_a_server_that_cannot_tell_what_a_user_may_is_not_accused(lax: StoreServer) -> None:
    """As one that speaks Redis' wire and has no ``redis.acl_check_cmd``."""
    async with connect(lax.url, PATIENT) as client:
        assert await client.eval(RIGHTS.source, 0, "TIME", "FLUSHALL", "NO-SUCH") == [1, 1, 0]
        assert await client.eval(RIGHTS.source.replace("acl_check_cmd", "acl_unknown"), 0, "TIME") == []

    def tell(words: list[str]) -> bytes:
        return bulk("role:master") if words[0] == "INFO" else b"*0\r\n"

    async with stores(tell) as (store,), connect(f"redis://{NETWORK}:{store.port}", PATIENT) as client:
        assert "user" not in {finding.setting for finding in await check_store(client)}
    assert "EVAL" in store.names()


def test_in_a_cluster_the_gate_may_also_ask_where_a_clinic_lives() -> None:
    one, cluster = set(store_rules(StoreKind.ONE)), set(store_rules(StoreKind.CLUSTER))
    assert (cluster - one, one - cluster) == ({"+asking", "+cluster|slots"}, {"+select"})
    assert store_rules(StoreKind.SENTINEL) == store_rules(StoreKind.ONE)


def test_every_command_of_a_script_is_written_so_that_it_is_found() -> None:
    for file in (files("callgate.ledger") / "lua").iterdir():
        text = file.read_text()
        assert text.count("redis.call(") == text.count("redis.call('"), file.name
        assert "redis.pcall" not in text
    assert {"hget", "time", "type"} <= script_commands()


@pytest.mark.parametrize(
    ("opening", "rules"),
    [
        ("ACL SETUSER callgate on >PASSWORD ", store_rules(StoreKind.ONE)),
        ("ACL SETUSER callgate on >PASSWORD ", store_rules(StoreKind.CLUSTER)),
        ("ACL SETUSER callgate on >PASSWORD ", sentinel_rules()),
    ],
)
def test_the_page_says_what_to_type(opening: str, rules: tuple[str, ...]) -> None:
    line = opening + " ".join(rules)
    assert line in PAGE.read_text().splitlines(), f"write this into {PAGE.name}: {line}"
