"""`callgate status` says on one screen whether the clinic is protected now."""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from callgate.cli import main
from callgate.core.verdict import Grant
from callgate.ledger.client import connect
from callgate.ledger.redis import RedisLedger
from callgate.server import Server, utc_now
from clinic_samples import BRUSSELS, CLINIC, PARIS, SETTINGS, open_site, policy_text, write_site
from redis_server import RedisServer

Out = pytest.CaptureFixture[str]


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


def status(folder: Path, *words: str) -> int:
    return main(["--settings", str(folder / "callgate.toml"), "--language", "en", "status", *words])


def test_with_nothing_running_it_says_so(tmp_path: Path, capsys: Out) -> None:
    write_site(tmp_path, settings=SETTINGS.replace("127.0.0.1:0", "127.0.0.1:1"))
    assert status(tmp_path) == 1
    assert capsys.readouterr().out.splitlines() == [
        "Gate: Connection refused (127.0.0.1:1)",
        "Ledger: connection",
        f"{CLINIC}: enforce, policy revision 0, 0 live holds",
    ]
    assert status(tmp_path, "--quiet") == 1
    assert capsys.readouterr().out == ""
    assert status(tmp_path, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["gate"], found["ledger"], found["last_refusal"]) == ("Connection refused", "connection", None)


async def test_with_everything_running_it_shows_what_is_held_and_the_last_refusal(
    tmp_path: Path, redis: RedisServer, capsys: Out
) -> None:
    async with connect(redis.url) as client:
        always_open = policy_text({'outside = "national"': 'outside = "as_open"'})
        site = open_site(tmp_path, always_open, ledger=RedisLedger(client))
        await site.shelf.open()
        site.now = utc_now()
        server = Server(site.settings, site.gate, utc_now)
        listening = await server.listen()
        port = listening.sockets[0].getsockname()[1]
        address = f'[gate]\nredis = "{redis.url}"'
        write_site(
            tmp_path, always_open, SETTINGS.replace("[gate]", address).replace("127.0.0.1:0", f"127.0.0.1:{port}")
        )
        assert isinstance(await site.gate.decide(site.passage(PARIS), site.now), Grant)
        await site.gate.decide(site.passage(BRUSSELS), site.now + timedelta(seconds=1))
        assert await asyncio.to_thread(status, tmp_path) == 0
        said = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert ["Gate:", "up", f"(127.0.0.1:{port})"] in said
        assert ["Ledger:", "up"] in said
        assert f"{CLINIC}: enforce, policy revision 1, 1 live holds".split() in said
        assert ["national:", "held", "0.02,", "24", "h", "0.00,", "7", "days", "0.00", "(EUR)"] in said
        assert said[-1][:2] == ["Last", "refusal:"]
        assert await asyncio.to_thread(status, tmp_path, "--quiet") == 0
        assert await asyncio.to_thread(status, tmp_path, "--json") == 0
        found = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert found["clinics"][0]["purses"]["national"]["held"] == 20_000
        assert found["last_refusal"]["reasons"][0] == "country_refused"
        # Connections are taken in their order: when this last one has been let go, so have those of the status.
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        listening.close()
        await server.drain()


def test_a_journal_with_damaged_lines_is_no_fault(tmp_path: Path, capsys: Out) -> None:
    write_site(tmp_path, settings=SETTINGS.replace("127.0.0.1:0", "127.0.0.1:1"))
    (tmp_path / "state" / "journal.jsonl").write_bytes(b"\xff\n{}\n" + msgspec.json.encode({"at": 1}) + b"\n{")
    assert status(tmp_path) == 1
    assert "Last refusal" not in capsys.readouterr().out
