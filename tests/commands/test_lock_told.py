"""What `callgate lock` tells when something is amiss is true: no answer, or nobody to cut a call; in French, too."""

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from callgate.commands import context, daemon
from callgate.commands.daemon import GateState
from callgate.control.standing import STANDING_FILE, Standing
from callgate.ledger.client import connect
from callgate.ledger.redis import RedisLedger
from callgate.ledger.revisions import PolicyRevision
from callgate.texts.catalog import Language, text
from clinic_samples import CLINIC, SETTINGS, write_site
from commands.lock_site import TWO_CLINICS, callgate, locks, with_settings
from ledger.samples import PATIENT
from redis_server import RedisServer

Out = pytest.CaptureFixture[str]


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path, redis: RedisServer) -> Path:
    return with_settings(tmp_path, redis.url)


def test_a_redis_that_is_away_is_told_and_nothing_is_claimed_that_nobody_here_knows(
    tmp_path: Path, capsys: Out
) -> None:
    folder = with_settings(tmp_path, "redis://user@127.0.0.1:1/0", TWO_CLINICS)
    assert callgate(folder, "lock", "--all") == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert [line.split(" NOT DONE")[0] for line in said.err.splitlines()] == [
        f"callgate: {CLINIC}:",
        "callgate: roses:",
    ]
    assert "127.0.0.1:1/0 does not answer (no connection). Remedy: start that Redis" in said.err
    assert "Whether the gates reach it cannot be told from here" in said.err
    assert "Meanwhile" not in said.err
    assert "@" not in said.err


def test_without_the_daemons_own_redis_it_is_known_what_still_protects(tmp_path: Path, capsys: Out) -> None:
    write_site(tmp_path)
    assert callgate(tmp_path, "lock") == 4
    said = capsys.readouterr().err
    assert "own Redis does not answer (no connection). Remedy: start the daemon" in said
    assert "Meanwhile costly calls are refused and ordinary ones go by their allowance" in said


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that waits less for the ledger."""
    monkeypatch.setattr(context, "REPAIR_ANSWER_S", 0.2)


def stop_at_publication(redis: RedisServer, monkeypatch: pytest.MonkeyPatch, *, is_back: bool) -> None:
    """Stop Redis between the look at the policy and its publication; it goes on, or not, after that gave no answer."""
    publish_policy = RedisLedger.publish

    async def stopped(ledger: RedisLedger, policy: PolicyRevision, expected: int) -> object:
        redis.freeze()
        outcome = await publish_policy(ledger, policy, expected)
        if is_back:
            redis.thaw()
        return outcome

    monkeypatch.setattr(RedisLedger, "publish", stopped)


@pytest.mark.usefixtures("hasty")
def test_a_lock_that_was_made_without_an_answer_is_found_and_not_denied(
    folder: Path, redis: RedisServer, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It said NOT DONE, nothing was done; and all calls of the clinic were locked."""
    callgate(folder, "lock", "--only", "costly")
    stop_at_publication(redis, monkeypatch, is_back=True)
    assert callgate(folder, "lock") == 0
    assert f"{CLINIC}: locked from the very next call (revision 2)." in capsys.readouterr().out
    assert len(locks(redis)) == 2


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("language", Language)
def test_where_nobody_can_know_whether_it_was_done_that_is_said(
    folder: Path, redis: RedisServer, capsys: Out, monkeypatch: pytest.MonkeyPatch, *, language: Language
) -> None:
    callgate(folder, "lock", "--only", "costly")
    stop_at_publication(redis, monkeypatch, is_back=False)
    assert callgate(folder, "lock", language=language) == 4
    cause = text("cli.cause_timeout", language)
    assert capsys.readouterr().err == text("cli.lock_unknown", language, clinic=CLINIC, cause=cause) + "\n"
    redis.thaw()
    asyncio.run(done(redis))


async def done(redis: RedisServer) -> None:
    """It was, a moment later."""
    async with connect(redis.url, PATIENT) as client:
        found = await RedisLedger(client, PATIENT).fetch_policy(CLINIC)
    assert isinstance(found, PolicyRevision)
    assert len(found.locks) == 2


# Calls that are up.

CONTROL = '\n[control]\nami = "127.0.0.1:5038"\nsecret_file = "secret"\n'


@pytest.mark.parametrize(
    ("gate", "is_linked", "is_cut"),
    [
        (GateState.UP, True, True),
        (GateState.UP, False, False),
        # What it said last was another day's truth.
        (GateState.REFUSED, True, False),
    ],
    ids=["linked", "no link", "no gate"],
)
def test_calls_are_said_to_be_cut_only_where_somebody_can_cut_them(
    tmp_path: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch, *, gate: GateState, is_linked: bool, is_cut: bool
) -> None:
    """With the link down it said 2 s and ended with 0, and the calls went on."""
    write_site(tmp_path, settings=SETTINGS + CONTROL)
    standing = Standing(is_linked=is_linked, since=datetime.now(UTC), ungated=0)
    (tmp_path / "state" / STANDING_FILE).write_bytes(msgspec.json.encode(standing))
    monkeypatch.setattr(daemon, "_gate", lambda _: gate)
    (tmp_path / "state" / "redis").mkdir()
    with RedisServer(tmp_path / "state" / "redis") as own:
        assert callgate(tmp_path, "lock", "--cut") == (0 if is_cut else 1)
        assert [lock.cut for lock in locks(own)] == [True]
    said = capsys.readouterr()
    done, line, live, *cut = said.out.splitlines()
    assert done.startswith(f"{CLINIC}: locked from the very next call")
    assert line.startswith("  Locked, calls in progress cut: ")
    assert live == "  Calls up in this clinic: 0."
    if is_cut:
        assert (cut, said.err) == (["  Calls that it stops end within 2 s."], "")
    else:
        assert (cut, said.err.count("\n")) == ([], 1)
        assert said.err.startswith(f"callgate: {CLINIC}: NOT CUT: calls that are up go on to their limit, or until")


def test_without_control_nothing_can_be_cut_and_of_other_machines_nothing_is_known(
    folder: Path, redis: RedisServer, capsys: Out
) -> None:
    assert callgate(folder, "lock", "--cut") == 1
    said = capsys.readouterr()
    assert said.out.splitlines()[-1].startswith("  Of calls on other machines this command knows nothing")
    assert "NOT CUT: calls that are up go on to their limit. The lock is made, but [control] is not set" in said.err
    assert len(locks(redis)) == 1


ENGLISH = re.compile(r"\\x|\\u| (?:the|is|does|not|by|until|calls?) ", re.IGNORECASE)
"""What has no place in a French sentence; an escape code neither."""


def test_in_french_it_is_french(folder: Path, capsys: Out) -> None:
    r"""What repeats a lock wrote ``\xa0`` before each colon: a no-break space was taken for a stranger's trick."""
    assert callgate(folder, "lock", "--until", "12h", "--cut", language="fr") == 1
    said = capsys.readouterr()
    assert said.out.startswith(f"{CLINIC}\u00a0: verrouillé dès le prochain appel (révision 1).")
    assert "tous les appels, sauf les urgences" in said.out
    assert "PAS COUPÉ" in said.err
    callgate(folder, "lock", "--only", "extension", "23", "--reason", "appels de nuit", language="fr")
    for words in (("policy", "history"), ("unlock",), ("unlock",)):
        callgate(folder, *words, language="fr")
    again = capsys.readouterr()
    assert "Verrouillé\u00a0: tous les appels, sauf les urgences, poste 23\u202f; jusqu" in again.out
    assert "aucun verrou ne porte sur tous les appels" in again.err
    assert ENGLISH.findall(said.out + said.err + again.out + again.err) == []
