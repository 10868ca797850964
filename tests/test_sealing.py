"""The full number of a refused costly call opens with its key, in its row, for its time, and in no other way."""

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from callgate.journal import JournalRow
from callgate.key_file import KEY_BYTES
from callgate.sealing import KeyName, Seals, Unreadable, key_name, purge_keys, unseal
from journal_samples import AT, row

NUMBER = "+2250123456615"
WEEK = "2026-W48"


def seals(folder: Path, *clinics: str, now: datetime = AT) -> Seals:
    made = Seals(folder)
    made.prepare(clinics or ("c",), now)
    return made


def live(folder: Path, number: int) -> None:
    """Let weeks go by in which a gate makes keys, of another clinic."""
    for later in range(1, number + 1):
        seals(folder, "other", now=AT + timedelta(weeks=later))


def sealed_row(folder: Path, plain: JournalRow | None = None) -> JournalRow:
    plain = plain or row()
    return msgspec.structs.replace(plain, sealed=seals(folder, plain.clinic).seal(plain, NUMBER))


def test_a_sealed_number_opens_with_its_key_and_nothing_of_it_can_be_read_without(tmp_path: Path) -> None:
    found = sealed_row(tmp_path)
    assert unseal(found, tmp_path) == NUMBER
    assert not any(digits in found.sealed for digits in (NUMBER[1:], NUMBER[-4:], NUMBER[4:8]))


def test_the_same_number_of_the_same_call_never_looks_the_same_twice(tmp_path: Path) -> None:
    maker = seals(tmp_path)
    assert len({maker.seal(row(), NUMBER) for _ in range(20)}) == 20


@pytest.mark.parametrize(
    "changed",
    [
        {"call": "b"},
        {"attempt": 2},
        {"clinic": "d"},
        {"at": AT + timedelta(milliseconds=1)},
    ],
    ids=["another call", "another attempt", "another clinic", "another instant"],
)
def test_a_sealed_number_that_was_moved_to_another_row_does_not_open(
    tmp_path: Path, changed: dict[str, object]
) -> None:
    seals(tmp_path, "d")
    moved = msgspec.structs.replace(sealed_row(tmp_path), **changed)
    assert unseal(moved, tmp_path) is Unreadable.NOT_OF_THIS_ROW


@pytest.mark.parametrize(
    "damage", ["", "1", "2.2026-W48.AAAA", "1.2026-W48.", "1.2026-W48.!", "1.../../x.AAAA", "1.2026-W48.ÅÅÅÅ"]
)
def test_what_is_no_sealed_number_is_said_to_be_none(tmp_path: Path, damage: str) -> None:
    sealed_row(tmp_path)
    assert unseal(msgspec.structs.replace(row(), sealed=damage), tmp_path) is Unreadable.NOT_OF_THIS_ROW


def test_one_changed_letter_of_a_sealed_number_is_noticed(tmp_path: Path) -> None:
    found = sealed_row(tmp_path)
    start, last = found.sealed[:-2], found.sealed[-2:]
    changed = msgspec.structs.replace(found, sealed=start + ("AA" if last != "AA" else "EE"))
    assert unseal(changed, tmp_path) is Unreadable.NOT_OF_THIS_ROW


def test_each_clinic_has_a_key_of_its_own_for_this_week_and_the_next_that_its_owner_alone_may_read(
    tmp_path: Path,
) -> None:
    keys = tmp_path / "state" / "keys"
    seals(keys, "c", "d")
    names = sorted(file.name for file in keys.iterdir())
    assert names == [f"{clinic}.2026-{week}.key" for clinic in "cd" for week in ("W48", "W49")]
    assert {stat.S_IMODE(file.stat().st_mode) for file in keys.iterdir()} == {0o600}
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    assert len({file.read_bytes() for file in keys.iterdir()}) == 4
    assert {file.stat().st_size for file in keys.iterdir()} == {KEY_BYTES}


def test_a_key_stays_the_same_after_a_restart_and_for_every_worker(tmp_path: Path) -> None:
    assert unseal(sealed_row(tmp_path), tmp_path) == unseal(sealed_row(tmp_path), tmp_path) == NUMBER


def test_the_week_of_a_key_is_that_of_the_call_in_universal_time(tmp_path: Path) -> None:
    monday = datetime(2026, 11, 23, tzinfo=UTC)
    assert key_name("c", monday) == key_name("c", AT) == KeyName(clinic="c", week=WEEK)
    assert key_name("c", monday - timedelta(microseconds=1)).week == "2026-W47"
    assert key_name("c", datetime(2027, 1, 1, tzinfo=UTC)).week == "2026-W53"
    late = msgspec.structs.replace(row(), at=monday + timedelta(days=13))
    assert unseal(sealed_row(tmp_path, late), tmp_path) == NUMBER


def test_a_call_of_the_last_second_of_a_week_is_sealed_in_the_next(tmp_path: Path) -> None:
    monday = datetime(2026, 11, 30, tzinfo=UTC)
    maker = seals(tmp_path, now=monday - timedelta(seconds=1))
    maker.prepare(["c"], monday)
    late = msgspec.structs.replace(row(), at=monday - timedelta(seconds=1))
    assert unseal(msgspec.structs.replace(late, sealed=maker.seal(late, NUMBER)), tmp_path) == NUMBER
    maker.prepare(["c"], monday + timedelta(days=7))
    assert maker.seal(late, NUMBER) == ""


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 100])
def test_a_damaged_key_costs_the_number_and_not_the_row_and_is_said_once(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / f"c.{WEEK}.key").write_bytes(damage)
    with capture_logs() as said:
        maker = seals(tmp_path)
        assert [maker.seal(row(), NUMBER) for _ in range(3)] == ["", "", ""]
    assert [(event["event"], event["log_level"]) for event in said] == [
        ("key.unusable", "warning"),
        ("number.not_sealed", "warning"),
    ]
    assert "is no secret of 32 bytes. Remedy: remove it" in said[0]["problem"]
    assert not any(NUMBER[-8:] in str(event) for event in said)


def test_a_key_folder_that_cannot_be_made_costs_the_number_and_not_the_row(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("")
    with capture_logs() as said:
        assert seals(tmp_path / "keys").seal(row(), NUMBER) == ""
    assert [event["event"] for event in said] == ["key.unusable", "key.unusable", "number.not_sealed"]


def test_a_key_that_was_removed_is_made_anew_and_numbers_sealed_before_stay_lost(tmp_path: Path) -> None:
    found = sealed_row(tmp_path)
    (tmp_path / f"c.{WEEK}.key").unlink()
    assert unseal(found, tmp_path) is Unreadable.KEY_GONE
    assert unseal(sealed_row(tmp_path), tmp_path) == NUMBER
    assert unseal(found, tmp_path) is Unreadable.NOT_OF_THIS_ROW


def test_neither_a_link_nor_a_pipe_in_the_place_of_a_key_is_followed_or_waited_for(tmp_path: Path) -> None:
    found = sealed_row(tmp_path)
    key = tmp_path / f"c.{WEEK}.key"
    key.rename(tmp_path / "elsewhere")
    key.symlink_to("elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        unseal(found, tmp_path)
    key.unlink()
    os.mkfifo(key)
    assert unseal(found, tmp_path) is Unreadable.KEY_DAMAGED


# The end of a number's time.


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


@pytest.mark.parametrize(
    ("days_later", "is_readable"),
    [(0, True), (88, True), (89, False), (400, False)],
)
def test_a_number_of_tuesday_can_be_read_for_eighty_eight_days_and_never_for_more_than_ninety(
    tmp_path: Path, days_later: int, *, is_readable: bool
) -> None:
    """Its week began on Monday at midnight: ninety days after that, nothing of the week can be read any more."""
    found = sealed_row(tmp_path)
    live(tmp_path, 12)
    later = AT + timedelta(days=days_later)
    removed = purge_keys(tmp_path, later, 90)
    assert unseal(found, tmp_path) == (NUMBER if is_readable else Unreadable.KEY_GONE)
    assert (KeyName(clinic="c", week=WEEK) in removed) is not is_readable


def test_a_purge_removes_what_is_due_of_every_clinic_also_what_a_crash_left_and_nothing_else(tmp_path: Path) -> None:
    seals(tmp_path, "c", "d")
    (tmp_path / f".c.{WEEK}.key.0123abcd").write_bytes(b"x" * KEY_BYTES)
    kept = {"c.2026-W99.key", "notes.txt", f"c.{WEEK}.key.bak"}
    for name in kept:
        (tmp_path / name).write_text("")
    live(tmp_path, 12)
    others = {name for name in names(tmp_path) if name.startswith("other")}
    monday = datetime(2026, 11, 23, tzinfo=UTC)
    assert purge_keys(tmp_path, monday + timedelta(days=90), 90) == [
        KeyName(clinic=clinic, week=WEEK) for clinic in "cd"
    ]
    assert names(tmp_path) == kept | others | {"c.2026-W49.key", "d.2026-W49.key"}
    assert purge_keys(tmp_path, monday + timedelta(days=90), 90) == []


def test_the_shortest_time_leaves_the_key_of_this_week_alone(tmp_path: Path) -> None:
    seals(tmp_path)
    assert purge_keys(tmp_path, datetime(2026, 11, 29, 23, 59, tzinfo=UTC), 7) == []


def test_where_no_number_was_ever_sealed_there_is_nothing_to_purge(tmp_path: Path) -> None:
    assert purge_keys(tmp_path / "keys", AT, 90) == []
