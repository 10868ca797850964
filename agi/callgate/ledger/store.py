"""What a Redis must be before money is trusted to it, asked once when the daemon starts."""

from collections.abc import Mapping
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

VERSION_MIN = 7

_WANTED = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFinding:
    """One thing that is too weak: what was found, what is wanted, and the command or step that mends it."""

    setting: str
    found: str
    wanted: str
    remedy: str


async def check_store(client: Redis) -> tuple[StoreFinding, ...]:
    """Ask a store whether it keeps what it acknowledges (facts/reliability.md 0.7 and 6.10).

    Returns:
        What to mend, empty if it may be used. A store that does not answer, or will not say, is itself a finding.
    """
    try:
        about = {**await client.info("server"), **await client.info("replication")}
        settings = {**await client.config_get("append*"), **await client.config_get("maxmemory-policy")}
    except (OSError, RedisError) as error:
        return (
            StoreFinding(setting="answer", found=str(error), wanted="INFO and CONFIG GET", remedy="check url and ACL"),
        )
    told = {str(name): str(value) for name, value in settings.items()}
    return judge_store(str(about.get("redis_version")), str(about.get("role")), told)


def judge_store(version: str, role: str, settings: Mapping[str, str]) -> tuple[StoreFinding, ...]:
    """Find what is too weak.

    Args:
        version: as ``7.2.4``; Valkey says the Redis version it stands for.
        role: ``master`` or another.
        settings: as CONFIG GET gives them.
    """
    findings = [
        StoreFinding(
            setting=name,
            found=settings.get(name, "not known"),
            wanted=wanted,
            remedy=f"CONFIG SET {name} {wanted}; CONFIG REWRITE",
        )
        for name, wanted in _WANTED.items()
        if settings.get(name) != wanted
    ]
    major = version.partition(".")[0]
    if not major.isdecimal() or int(major) < VERSION_MIN:
        wanted = f"{VERSION_MIN} or newer"
        findings.append(StoreFinding(setting="version", found=version, wanted=wanted, remedy="upgrade the server"))
    if role != "master":
        findings.append(StoreFinding(setting="role", found=role, wanted="master", remedy="use the primary's url"))
    return tuple(findings)
