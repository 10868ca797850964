"""What a store must be before money is trusted to it, asked once when the daemon starts; of a cluster, each primary."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

from callgate.ledger.address import is_loopback
from callgate.ledger.permissions import NEEDLESS, needed_commands
from callgate.ledger.primaries import Primaries
from callgate.ledger.scripts import RIGHTS

SILENT = "answer"
"""What a finding is called that is no weakness: the store did not say what it is."""
VERSION_MIN = 7
LAG_MAX_S = 2

_DURABLE = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
_GUARDS = ("min-replicas-to-write", "min-replicas-max-lag")
_COVERAGE = "cluster-require-full-coverage"
_ALL = "(on each server, the replicas, too)"
_USER = f"type the ACL SETUSER of docs/scale.md and ACL SAVE {_ALL}, and name that user in gate.redis"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFinding:
    """One thing that is too weak: what was found, what is wanted, and the command or step that mends it.

    `server` is host and port where there are several.
    """

    setting: str
    found: str
    wanted: str
    remedy: str
    server: str = ""

    def sentence(self) -> str:
        """Say it in one line, remedy and all."""
        place = f" of {self.server}" if self.server else ""
        return f"{self.setting}{place} is {self.found}, not {self.wanted}: {self.remedy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFacts:
    """What one server says of itself.

    Fields:
        version: as ``7.2.4``; Valkey says the Redis version it stands for.
        role: ``master`` or another.
        replicas: how many are linked to it.
        settings: as CONFIG GET gives them.
        missing: what the gate needs, and its user may not.
        needless: what its user may, and never needs; nothing where the server is on this machine.
    """

    version: str
    role: str
    replicas: int
    settings: Mapping[str, str]
    missing: tuple[str, ...] = ()
    needless: tuple[str, ...] = ()


async def check_store(client: Redis, replicas: int = 0) -> tuple[StoreFinding, ...]:
    """Ask a store whether it keeps what it acknowledges (facts/reliability.md 0.7, 6.8 and 6.10).

    Args:
        client: from `client.connect`.
        replicas: that many must acknowledge what a costly call depends on.

    Returns:
        What to mend, empty if it may be used. A store that does not answer, or will not say, is itself a finding.
    """
    if not isinstance(client, Primaries):
        return await _check(client, "", replicas)
    try:
        primaries = await client.every()
    except (OSError, RedisError) as error:
        return (_silent("", error),)
    # Where another server may take over, one replica at least must be in step before anything is acknowledged.
    checked = [await _check(node, str(endpoint), max(replicas, 1)) for endpoint, node in primaries.items()]
    return tuple(finding for findings in checked for finding in findings)


async def _check(node: Redis, server: str, replicas: int) -> tuple[StoreFinding, ...]:
    try:
        about = {**await node.info("server"), **await node.info("replication")}
        # One by one: a server too old to be used does not know the question for several.
        told = [await node.config_get(name) for name in (*_DURABLE, *_GUARDS, _COVERAGE, "cluster-enabled")]
        settings = {str(name): str(value) for answer in told for name, value in answer.items()}
        needed = needed_commands(is_cluster=settings.get("cluster-enabled") == "yes")
        asked = {**needed, **NEEDLESS}
        rights = dict(zip(asked, await node.eval(RIGHTS.source, 0, *asked.values()), strict=False))
    except (OSError, RedisError) as error:
        return (_silent(server, error),)
    is_here = is_loopback(node.connection_pool.connection_kwargs.get("host", "localhost"))
    facts = StoreFacts(
        version=str(about.get("redis_version")),
        role=str(about.get("role")),
        replicas=int(about.get("connected_slaves", 0)),
        settings=settings,
        missing=tuple(sorted(name for name in needed if rights.get(name) == 0)),
        needless=() if is_here else tuple(name for name in NEEDLESS if rights.get(name) == 1),
    )
    return judge_store(facts, replicas, server)


def _silent(server: str, error: Exception) -> StoreFinding:
    wanted, remedy = "INFO, CONFIG GET and EVAL", "check address, password and ACL (docs/scale.md)"
    return StoreFinding(setting=SILENT, found=str(error), wanted=wanted, remedy=remedy, server=server)


def judge_store(facts: StoreFacts, replicas: int, server: str = "") -> tuple[StoreFinding, ...]:
    """Find what is too weak.

    Args:
        facts: of one server.
        replicas: how many it must have; 0 where nobody takes over.
        server: its host and port, where there are several.
    """
    return tuple(
        StoreFinding(setting=setting, found=found, wanted=wanted, remedy=remedy, server=server)
        for setting, found, wanted, remedy in (*_alone(facts), *(_among(facts, replicas) if replicas else ()))
    )


_Row = tuple[str, str, str, str]


def _alone(facts: StoreFacts) -> Iterator[_Row]:
    for name, wanted in _DURABLE.items():
        found = facts.settings.get(name, "not known")
        if found != wanted:
            yield name, found, wanted, f"CONFIG SET {name} {wanted}; CONFIG REWRITE"
    if _number(facts.version.partition(".")[0]) < VERSION_MIN:
        yield "version", facts.version, f"{VERSION_MIN} or newer", "upgrade the server"
    if facts.role != "master":
        yield "role", facts.role, "master", "use the primary's address, or name the sentinels"
    if facts.missing:
        yield "user", f"refused {', '.join(facts.missing)}", "allowed what the gate needs", _USER
    if facts.needless:
        yield "user", f"allowed {', '.join(facts.needless)}", "held to what the gate needs", _USER


def _among(facts: StoreFacts, replicas: int) -> Iterator[_Row]:
    told = {name: facts.settings.get(name, "not known") for name in (*_GUARDS, _COVERAGE)}
    fewest, lag, coverage = told.values()
    if facts.replicas < replicas:
        remedy = "start a replica, and see why it is not linked"
        yield "connected_slaves", str(facts.replicas), f"{replicas} or more", remedy
    if _number(fewest) < replicas:
        yield _GUARDS[0], fewest, f"{replicas} or more", f"CONFIG SET {_GUARDS[0]} {replicas}; CONFIG REWRITE {_ALL}"
    if not 0 < _number(lag) <= LAG_MAX_S:
        yield _GUARDS[1], lag, f"1 to {LAG_MAX_S}", f"CONFIG SET {_GUARDS[1]} {LAG_MAX_S}; CONFIG REWRITE {_ALL}"
    if facts.settings.get("cluster-enabled") == "yes" and coverage != "no":
        # One primary that is down would stop every clinic.
        yield _COVERAGE, coverage, "no", f"CONFIG SET {_COVERAGE} no; CONFIG REWRITE {_ALL}"


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else -1
