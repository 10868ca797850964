"""A clinic with its settings, for `callgate lock` and `unlock` as an installer types them, and what came of it."""

import asyncio
from pathlib import Path

from callgate.cli import main
from callgate.core.locks import Lock
from callgate.ledger.client import connect
from callgate.ledger.redis import RedisLedger
from callgate.ledger.revisions import PolicyRevision
from clinic_samples import CLINIC, SETTINGS, policy_text, write_site
from redis_server import RedisServer

TWO_CLINICS = '\n[[clinic]]\nname = "roses"\npolicy = "roses.toml"\nrates = "rates.csv"\n'


def with_settings(folder: Path, url: str, more: str = "") -> Path:
    settings = SETTINGS.replace("[gate]", f'[gate]\nredis = "{url}"').replace("127.0.0.1:0", "127.0.0.1:1")
    write_site(folder, settings=settings + more)
    roses = policy_text().replace(f'clinic = "{CLINIC}"', 'clinic = "roses"')
    (folder / "roses.toml").write_text(roses, encoding="utf-8")
    return folder


def callgate(folder: Path, *words: str, language: str = "en") -> int:
    return main(["--settings", str(folder / "callgate.toml"), "--language", language, *words])


def in_force(redis: RedisServer, clinic: str = CLINIC) -> PolicyRevision:
    async def fetch() -> object:
        async with connect(redis.url) as client:
            return await RedisLedger(client).fetch_policy(clinic)

    found = asyncio.run(fetch())
    assert isinstance(found, PolicyRevision)
    return found


def publish(redis: RedisServer, revision: PolicyRevision) -> None:
    async def write() -> None:
        async with connect(redis.url) as client:
            await RedisLedger(client).publish(revision, revision.revision - 1)

    asyncio.run(write())


def locks(redis: RedisServer, clinic: str = CLINIC) -> tuple[Lock, ...]:
    return in_force(redis, clinic).locks
