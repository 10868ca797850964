"""`callgate policy` checks a clinic's rules, puts them in force on a real Redis, and shows every revision there was."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callgate.cli import main
from callgate.ledger.client import connect
from callgate.ledger.redis import RedisLedger
from callgate.ledger.revisions import PolicyRevision
from clinic_samples import CLINIC, SETTINGS, policy_text, write_site
from redis_server import RedisServer

Out = pytest.CaptureFixture[str]


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis of its own: the clinic's name is the same in every test."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path, redis: RedisServer) -> Path:
    write_site(tmp_path, settings=SETTINGS.replace("[gate]", f'[gate]\nredis = "{redis.url}"'))
    return tmp_path


def policy(folder: Path, *words: str) -> int:
    return main(["--settings", str(folder / "callgate.toml"), "policy", *words])


def test_a_valid_policy_is_said_to_be(folder: Path, capsys: Out) -> None:
    assert policy(folder, "validate", str(folder / "policy.toml")) == 0
    assert capsys.readouterr().out == f"{folder / 'policy.toml'}: valid; clinic {CLINIC}\n"


def test_a_broken_rate_deck_keeps_nobody_from_tightening_the_rules(folder: Path, capsys: Out) -> None:
    (folder / "rates.csv").write_text("broken by hand", encoding="utf-8")
    assert policy(folder, "apply", str(folder / "policy.toml")) == 0
    assert capsys.readouterr().out == f"{CLINIC}: revision 1 is in force\n"


def test_a_policy_is_applied_shown_and_kept_in_the_history(folder: Path, capsys: Out) -> None:
    first, second = policy_text(), policy_text({'allow = ["FR",': 'allow = ["FR", "BE",'})
    for number, document in enumerate((first, second), start=1):
        (folder / "next.toml").write_text(document, encoding="utf-8")
        words = ("--reason", "congrès à Bruxelles", "--author", "dr.lilas")
        assert policy(folder, "apply", str(folder / "next.toml"), *words) == 0
        assert capsys.readouterr().out == f"{CLINIC}: revision {number} is in force\n"
    assert policy(folder, "show") == 0
    shown = capsys.readouterr()
    assert shown.out == second
    assert shown.err.endswith("dr.lilas  command  congrès à Bruxelles\n")
    assert policy(folder, "show", "--revision", "1") == 0
    assert capsys.readouterr().out == first
    assert policy(folder, "history") == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["2", "1"]
    assert policy(folder, "history", "--json") == 0
    assert [json.loads(line)["revision"] for line in capsys.readouterr().out.splitlines()] == [2, 1]


def test_before_the_first_policy_there_is_none_to_show(folder: Path, capsys: Out) -> None:
    assert policy(folder, "show") == 1
    assert "has no such revision" in capsys.readouterr().err
    assert policy(folder, "history") == 0
    assert capsys.readouterr().out == ""


def test_a_policy_in_another_currency_than_the_rates_is_not_put_in_force(folder: Path, capsys: Out) -> None:
    (folder / "next.toml").write_text(policy_text({'currency = "EUR"': 'currency = "CHF"'}), encoding="utf-8")
    assert policy(folder, "apply", str(folder / "next.toml")) == 3
    assert 'next.toml: currency: says "CHF"' in capsys.readouterr().err
    assert policy(folder, "history") == 0
    assert capsys.readouterr().out == ""


def test_words_another_program_wrote_cannot_play_with_the_terminal(
    folder: Path, redis: RedisServer, capsys: Out
) -> None:
    hostile = PolicyRevision(
        clinic=CLINIC,
        revision=1,
        author="\x1b[2Jroot",
        at=datetime(2026, 11, 24, tzinfo=UTC),
        origin="console",
        reason="\u202e\n1",
        document=policy_text(),
    )

    async def publish() -> None:
        async with connect(redis.url) as client:
            await RedisLedger(client).publish(hostile, 0)

    asyncio.run(publish())
    assert policy(folder, "history") == 0
    assert capsys.readouterr().out.rstrip("\n").endswith(r"\x1b[2Jroot  console  \u202e\n1")


def test_of_several_clinics_one_must_be_named(tmp_path: Path, capsys: Out) -> None:
    other = '[[clinic]]\nname = "roses"\npolicy = "roses.toml"\nrates = "rates.csv"\n'
    write_site(tmp_path, settings=f"{SETTINGS}\n{other}")
    assert policy(tmp_path, "show") == 3
    assert (
        "several clinics are set up. Remedy: name one with --clinic: cabinet-des-lilas, roses"
        in capsys.readouterr().err
    )


def test_a_redis_that_is_away_is_named_without_its_user(tmp_path: Path, capsys: Out) -> None:
    address = 'redis = "redis://user@127.0.0.1:1/0"'
    write_site(tmp_path, settings=SETTINGS.replace("[gate]", f"[gate]\n{address}"))
    assert policy(tmp_path, "show") == 4
    said = capsys.readouterr().err
    assert said.startswith("callgate: 127.0.0.1:1/0 does not answer (connection). Remedy: ")
