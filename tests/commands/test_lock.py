"""`callgate lock` and `unlock`, as an installer types them in a hurry: on a real Redis, with no gate running."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from callgate.core.locks import LOCKS_MAX, Lock, LockedCalls, LockScope
from callgate.ledger.client import connect
from callgate.ledger.redis import RedisLedger
from callgate.ledger.revisions import PolicyRevision
from callgate.locking import TRIES
from callgate.policies import author
from clinic_samples import CLINIC, policy_text
from commands.lock_site import TWO_CLINICS, callgate, in_force, locks, publish, with_settings
from core.samples import a_lock
from ledger.samples import costly, request
from redis_server import RedisServer

Out = pytest.CaptureFixture[str]
PARIS = ZoneInfo("Europe/Paris")
WHOLE = LockScope()


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis of its own: the clinic's name is the same in every test."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path, redis: RedisServer) -> Path:
    return with_settings(tmp_path, redis.url)


def usage_error(folder: Path, *words: str) -> None:
    with pytest.raises(SystemExit) as ended:
        callgate(folder, *words)
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("words", "scope"),
    [
        ((), WHOLE),
        (("--only", "international"), LockScope(calls=LockedCalls.INTERNATIONAL)),
        (("--only", "costly"), LockScope(calls=LockedCalls.COSTLY)),
        (("--only", "extension", "23"), LockScope(extension="23")),
        (("--only", "costly", "extension", "23"), LockScope(calls=LockedCalls.COSTLY, extension="23")),
        (("--only", "international", "extension", "a-1"), LockScope(calls=LockedCalls.INTERNATIONAL, extension="a-1")),
    ],
)
def test_what_is_locked_is_unlocked_by_the_same_words(
    folder: Path, redis: RedisServer, words: tuple[str, ...], scope: LockScope
) -> None:
    assert callgate(folder, "lock", *words, "--clinic", CLINIC) == 0
    (lock,) = locks(redis)
    assert (lock.scope, lock.until, lock.cut, lock.author, lock.reason) == (scope, None, False, author(), "")
    assert callgate(folder, "unlock", *words) == 0
    assert locks(redis) == ()


def test_it_says_what_it_did_and_who_reads_the_history_sees_it(folder: Path, redis: RedisServer, capsys: Out) -> None:
    words = ("--only", "costly", "extension", "23", "--until", in_summer().isoformat())
    assert callgate(folder, "lock", *words, "--reason", "nobody knows these calls") == 0
    done, line, live, rest = capsys.readouterr().out.splitlines()
    assert done == f"{CLINIC}: locked from the very next call (revision 1)."
    told = f"Locked: costly calls, extension 23; until {in_summer().isoformat()}; by {author()} on "
    assert line.startswith(f"  {told}")
    assert line.endswith(": nobody knows these calls")
    assert live == "  Calls up in this clinic: 0."
    assert rest.startswith("  Calls that it stops get no further slice")
    found = in_force(redis)
    assert (found.author, found.reason, found.origin) == (author(), "nobody knows these calls", "file")
    assert callgate(folder, "policy", "history") == 0
    revision, shown = capsys.readouterr().out.splitlines()
    assert revision.endswith("file  nobody knows these calls")
    assert shown.strip().startswith(
        told.replace(in_summer().isoformat(), in_summer().astimezone(UTC).isoformat(timespec="seconds"))
    )


def in_summer() -> datetime:
    """A day within the year, at six in the evening of the clinic."""
    return (datetime.now(PARIS) + timedelta(days=200)).replace(hour=18, minute=0, second=0, microsecond=0)


def test_how_many_calls_are_up_is_told(folder: Path, redis: RedisServer, capsys: Out) -> None:
    async def hold() -> None:
        async with connect(redis.url) as client:
            now = int(datetime.now(UTC).timestamp())
            asked = replace(request(clinic=CLINIC), hold_id=f"pbx1.a.1.{now}", purses=costly(lines=3))
            await RedisLedger(client).hold(asked)

    asyncio.run(hold())
    assert callgate(folder, "lock") == 0
    assert "  Calls up in this clinic: 1.\n" in capsys.readouterr().out


def test_the_policy_in_force_stays_as_it_is_though_it_could_not_be_read_here(folder: Path, redis: RedisServer) -> None:
    """Whoever locks is in a hurry: neither a broken policy nor a broken deck may be in the way."""
    foreign = PolicyRevision(
        clinic=CLINIC,
        revision=1,
        author="a",
        at=datetime.now(UTC),
        origin="console",
        reason="",
        document="schema = 2",
    )
    publish(redis, foreign)
    for file in ("policy.toml", "rates.csv"):
        (folder / file).write_text("broken by hand", encoding="utf-8")
    assert callgate(folder, "lock") == 0
    found = in_force(redis)
    assert (found.revision, found.document, found.origin, len(found.locks)) == (2, "schema = 2", "console", 1)


def test_an_applied_policy_lifts_no_lock_and_says_which_are_left(folder: Path, redis: RedisServer, capsys: Out) -> None:
    callgate(folder, "lock", "--only", "costly")
    callgate(folder, "lock", "--only", "extension", "23", "--until", "1m")
    capsys.readouterr()
    ended = replace(in_force(redis), revision=3, locks=tuple(map(over, locks(redis))))
    publish(redis, ended)
    assert callgate(folder, "policy", "apply", str(folder / "policy.toml")) == 0
    done, left = capsys.readouterr().out.splitlines()
    assert done == f"{CLINIC}: revision 4 is in force"
    assert left.startswith("  Locked: costly calls; until somebody unlocks; ")
    assert left.endswith("(to lift it: callgate unlock --only costly)")
    assert [lock.scope.calls for lock in locks(redis)] == [LockedCalls.COSTLY]


def over(lock: Lock) -> Lock:
    """The lock some minutes later: one with an end has ended."""
    return lock if lock.until is None else replace(lock, until=datetime.now(UTC) - timedelta(minutes=1))


def test_an_unlock_lifts_no_narrower_lock_and_says_how_to_lift_what_is_left(
    folder: Path, redis: RedisServer, capsys: Out
) -> None:
    callgate(folder, "lock")
    callgate(folder, "lock", "--only", "international", "extension", "23")
    capsys.readouterr()
    assert callgate(folder, "unlock", "--reason", "all is well") == 0
    done, left = capsys.readouterr().out.splitlines()
    assert done == f"{CLINIC}: unlocked from the very next call (revision 3): every call but emergency calls."
    assert left.endswith("(to lift it: callgate unlock --only international extension 23)")
    assert in_force(redis).reason == "all is well"
    assert callgate(folder, "unlock") == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"{CLINIC}: there is no lock on every call but emergency calls.\n  Locked: calls abroad")
    assert in_force(redis).revision == 3


def test_a_lock_that_has_ended_is_none_to_lift(folder: Path, redis: RedisServer) -> None:
    callgate(folder, "lock", "--until", "1m")
    publish(redis, replace(in_force(redis), revision=2, locks=tuple(map(over, locks(redis)))))
    assert callgate(folder, "unlock") == 1


# Several clinics.


def test_all_clinics_are_locked_and_one_that_fails_keeps_no_other_from_it(
    tmp_path: Path, redis: RedisServer, capsys: Out
) -> None:
    folder = with_settings(tmp_path, redis.url, TWO_CLINICS)
    (folder / "policy.toml").write_text("broken by hand", encoding="utf-8")
    assert callgate(folder, "lock", "--all") == 3
    said = capsys.readouterr()
    assert f"callgate: {CLINIC}: NOT DONE: " in said.err
    assert "this is not TOML" in said.err
    assert said.out.startswith("roses: locked from the very next call (revision 1).")
    assert len(locks(redis, "roses")) == 1
    (folder / "policy.toml").write_text(policy_text(), encoding="utf-8")
    assert callgate(folder, "lock", "--all") == 0
    assert len(locks(redis)) == 1


def test_of_several_clinics_one_is_named_or_all(tmp_path: Path, redis: RedisServer, capsys: Out) -> None:
    folder = with_settings(tmp_path, redis.url, TWO_CLINICS)
    assert callgate(folder, "lock") == 3
    assert "several clinics are set up. Remedy: name one with --clinic" in capsys.readouterr().err
    assert callgate(folder, "lock", "--clinic", "roses") == 0
    assert len(locks(redis, "roses")) == 1
    assert callgate(folder, "unlock", "--all") == 1
    assert locks(redis, "roses") == ()
    usage_error(folder, "lock", "--clinic", "roses", "--all")


# What goes wrong.


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--only", "national"), "'national' is nothing that can be locked; write international, costly, extension N"),
        (("--only", "extension"), "'extension' is nothing that can be locked"),
        (("--only", "extension", "2 3"), "'extension 2 3' is nothing that can be locked"),
        (("--only", "extension", ""), "is nothing that can be locked"),
        (("--only", "costly", "international"), "'costly international' is nothing that can be locked"),
        (("--only", "costly", "--only", "extension", "23"), "can be said once; write --only costly extension N"),
        (("--only",), "expected at least one argument"),
        (("--until", "tomorrow"), '"tomorrow" is neither a span such as 30m, 12h or 7d nor an instant such as 20'),
        (("--until", "0h"), '"0h" is neither a span'),
        (("--until", "2020-12-01T18:00+01:00"), "is past; it is 20"),
        (("--until", "99999d"), "is more than a year away; for what shall not end by itself, leave it out"),
        (("--until", "2090-12-01T18:00+01:00"), "is more than a year away"),
        (("--until", "2050-07-01T18:00"), "does not say on which clock; write it such as 2050-07-01T18:00"),
        (("--reason", "two\nlines"), "cannot be printed"),
    ],
)
def test_words_that_mean_nothing_are_told_and_nothing_is_locked(
    folder: Path, capsys: Out, words: tuple[str, ...], said: str
) -> None:
    usage_error(folder, "lock", *words)
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("word", "hours"), [("90m", 1.5), ("12h", 12), ("7d", 168), ("366d", 8784)])
def test_a_lock_may_end_after_a_time(folder: Path, redis: RedisServer, word: str, hours: float) -> None:
    assert callgate(folder, "lock", "--until", word) == 0
    (lock,) = locks(redis)
    assert lock.until is not None
    assert abs(lock.until - datetime.now(UTC) - timedelta(hours=hours)) < timedelta(minutes=5)


def test_there_is_an_end_to_the_number_of_locks(folder: Path, redis: RedisServer, capsys: Out) -> None:
    callgate(folder, "lock", "--only", "costly")
    many = tuple(a_lock(extension=str(place)) for place in range(LOCKS_MAX))
    publish(redis, replace(in_force(redis), revision=2, locks=many))
    assert callgate(folder, "lock") == 3
    assert "locks: 100 are in force, and there are never more. Remedy: unlock some" in capsys.readouterr().err
    assert callgate(folder, "lock", "--only", "extension", "7") == 0


def test_if_others_never_stop_changing_the_policy_it_says_so(
    folder: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    callgate(folder, "lock", "--only", "costly")
    fetch = RedisLedger.fetch_policy

    async def overtaken(ledger: RedisLedger, clinic: str, revision: int | None = None) -> object:
        found = await fetch(ledger, clinic, revision)
        assert isinstance(found, PolicyRevision)
        await ledger.publish(replace(found, revision=found.revision + 1), found.revision)
        return found

    monkeypatch.setattr(RedisLedger, "fetch_policy", overtaken)
    assert callgate(folder, "lock") == 1
    assert f"NOT DONE: the policy kept changing meanwhile (revision {TRIES + 1})" in capsys.readouterr().err
