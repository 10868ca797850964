"""The spool: every line the dialplan wrote is handed out until it is acknowledged, and no line can stop the others."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate import spool as spool_module
from callgate.core.allowance import LENT_SECONDS
from callgate.core.reasons import Reason
from callgate.spool import (
    AGE_MAX_S,
    READ_BYTES_MAX,
    ROTATE_BYTES,
    GrantUnused,
    LegEnded,
    LocalGrant,
    LocalRefusal,
    Spool,
    parse_line,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "calls.log"


def texts(spool: Spool) -> list[str]:
    """What is new, acknowledged at once."""
    lines = spool.read()
    for _, offset in lines:
        spool.pass_over(offset)
    spool.acknowledge()
    return [line for line, _ in lines]


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        (
            "1|settle|pbx.a.1.1800000000|callgate|+33142685300|1800000001.250|1800000061.750|16|end",
            LegEnded(
                grant="pbx.a.1.1800000000",
                entry="callgate",
                number="+33142685300",
                answered=1800000001.25,
                ended=1800000061.75,
                cause="16",
            ),
        ),
        (
            "1|settle|pbx.a.1.1800000000|callgate|0142685300||1800000061.750|19|end",
            LegEnded(
                grant="pbx.a.1.1800000000", entry="callgate", number="0142685300", ended=1800000061.75, cause="19"
            ),
        ),
        (
            "1|void|pbx.a.1.1800000000|callgate|1800000001|end",
            GrantUnused(grant="pbx.a.1.1800000000", entry="callgate", at=1800000001),
        ),
        (
            "1|local|local:n.1800000000|callgate|+33142685300|1800000000|101|900|end",
            LocalGrant(
                grant="local:n.1800000000",
                entry="callgate",
                number="+33142685300",
                at=1800000000,
                extension="101",
                seconds=900,
            ),
        ),
        (
            "1|refused|callgate|1800000000||injection|0612%40trunk|end",
            LocalRefusal(entry="callgate", at=1800000000, reason=Reason.INJECTION, dialled="0612%40trunk"),
        ),
    ],
)
def test_each_kind_of_line_is_understood(line: str, meaning: object) -> None:
    assert parse_line(line) == meaning


@pytest.mark.parametrize(
    "line",
    [
        "",
        "1",
        "1|end",
        "1|settle|end",
        "2|void|pbx.a.1.1|callgate|1800000001|end",
        "1|void|pbx.a.1.1|callgate|1800000001",
        "1|void|pbx.a.1.1|callgate|18000",
        "1|void|pbx.a.1.1|callgate|1800000001|more|end",
        "1|void||callgate|1800000001|end",
        "1|void|pbx.a.1.1|callgate|yesterday|end",
        "1|void|pbx.a.1.1|callgate|inf|end",
        "1|void|pbx.a.1.1|callgate|nan|end",
        "1|void|pbx.a.1.1|callgate|-5|end",
        "1|void|pbx.a.1.1|callgate|1800000001000|end",
        "1|refused|callgate|1800000000|101|because|06|end",
        "1|settle|1|void|pbx.a.1.1|callgate|1800000001|end",
        "1|forget|pbx.a.1.1|end",
    ],
)
def test_a_line_that_is_cut_short_or_not_ours_means_nothing(line: str) -> None:
    assert parse_line(line) is None


@given(st.text(max_size=80) | st.lists(st.text(max_size=8)).map("|".join).map("1|settle|{}|end".format))
def test_any_line_is_read_without_a_fault(line: str) -> None:
    parse_line(line)


@pytest.mark.parametrize(
    ("answered", "ended", "seconds"),
    [
        (None, 100.0, 0),
        (100.0, 160.0, 60),
        (100.0, 160.1, 61),
        (100.0, 100.0, 1),
        (100.0, 99.9, LENT_SECONDS),
        (100.0, 90.0, LENT_SECONDS),
    ],
)
def test_a_call_lasts_whole_seconds_and_a_clock_set_back_makes_it_as_long_as_one_can_be_lent(
    answered: float | None, ended: float, seconds: int
) -> None:
    leg = LegEnded(grant="g", entry="e", number="1", answered=answered, ended=ended)
    assert leg.duration_s == seconds
    assert leg.clock_ran_back == (seconds == LENT_SECONDS)


def test_a_line_is_handed_out_until_it_is_acknowledged_also_after_a_restart(file: Path, tmp_path: Path) -> None:
    file.write_text("one\ntwo\n")
    spool = Spool(file, tmp_path)
    (_, behind_one), _ = spool.read()
    spool.pass_over(behind_one)
    spool.acknowledge()
    assert [line for line, _ in Spool(file, tmp_path).read()] == ["two"]
    assert texts(Spool(file, tmp_path)) == ["two"]
    assert Spool(file, tmp_path).read() == []


def test_a_line_still_being_written_waits_for_its_end(file: Path, tmp_path: Path) -> None:
    file.write_text("one\ntw")
    spool = Spool(file, tmp_path)
    assert texts(spool) == ["one"]
    with file.open("a") as stream:
        stream.write("o\n")
    assert texts(spool) == ["two"]


def test_no_spool_yet_is_no_line(file: Path, tmp_path: Path) -> None:
    assert Spool(file, tmp_path).read() == []


def test_a_spool_that_was_emptied_by_hand_is_read_from_its_beginning(file: Path, tmp_path: Path) -> None:
    file.write_text("one\ntwo\n")
    spool = Spool(file, tmp_path)
    assert texts(spool) == ["one", "two"]
    file.write_text("new\n")
    assert texts(spool) == ["new"]


def test_what_is_handled_before_its_turn_is_known_to_the_next_process_until_its_turn_has_come(
    file: Path, tmp_path: Path
) -> None:
    file.write_text("one\ntwo\nthree\n")
    spool = Spool(file, tmp_path)
    (_, behind_one), (_, behind_two), _ = spool.read()
    spool.ahead.add(behind_two)
    spool.acknowledge()
    again = Spool(file, tmp_path)
    assert (again.ahead, len(again.read())) == ({behind_two}, 3)
    again.pass_over(behind_one)
    again.acknowledge()
    assert Spool(file, tmp_path).ahead == {behind_two}
    again.pass_over(behind_two)
    again.acknowledge()
    assert Spool(file, tmp_path).ahead == set()


def test_what_a_full_disk_did_not_let_be_remembered_is_when_it_does(file: Path, tmp_path: Path) -> None:
    """It was not tried again before the next line: whoever was told to end before that had its lines handled again."""
    file.write_text("one\n")
    spool = Spool(file, tmp_path)
    ((_, behind_one),) = spool.read()
    spool.pass_over(behind_one)
    (tmp_path / "spool.new").mkdir()
    with pytest.raises(IsADirectoryError):
        spool.acknowledge()
    (tmp_path / "spool.new").rmdir()
    spool.acknowledge()
    assert Spool(file, tmp_path).read() == []


@pytest.mark.usefixtures("small")
def test_of_an_old_spool_that_cannot_be_removed_yet_no_line_is_handed_out_again(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(_file: Path) -> None:
        raise PermissionError

    file.write_text("one\ntwo\n")
    spool = Spool(file, tmp_path)
    assert texts(spool) == ["one", "two"]
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", forbidden)
        with pytest.raises(PermissionError):
            spool.read()
    assert (texts(spool), texts(spool)) == ([], [])
    assert not (tmp_path / "calls.log.old").exists()


def test_of_a_spool_that_was_emptied_by_hand_no_line_counts_as_handled(file: Path, tmp_path: Path) -> None:
    file.write_text("one\ntwo\nthree\n")
    spool = Spool(file, tmp_path)
    (_, behind_one), (_, behind_two), _ = spool.read()
    spool.pass_over(behind_one)
    spool.ahead.add(behind_two)
    file.write_text("a\n")
    assert (len(spool.read()), spool.ahead) == (1, set())


@pytest.mark.parametrize("kept", ["", "nonsense", "-5", "0 x", "\udcff"])
def test_a_damaged_note_of_the_place_costs_no_line(file: Path, tmp_path: Path, kept: str) -> None:
    file.write_text("one\n")
    (tmp_path / "spool.offset").write_bytes(kept.encode(errors="surrogateescape"))
    assert texts(Spool(file, tmp_path)) == ["one"]


def test_a_carriage_return_inside_a_line_does_not_hold_up_the_lines_behind_it(file: Path, tmp_path: Path) -> None:
    """Bytes were once split at carriage returns too: what came before one was a line that never ended."""
    file.write_bytes(b"half\rbad\nnext\r\nlast\n")
    assert texts(Spool(file, tmp_path)) == ["half\rbad", "next", "last"]


def test_bytes_that_are_no_text_do_not_stop_it(file: Path, tmp_path: Path) -> None:
    file.write_bytes(b"\xff\0\n\nnext\n")
    assert texts(Spool(file, tmp_path)) == ["\ufffd\0", "", "next"]


def test_a_line_without_end_is_passed_on_in_pieces_and_the_next_one_is_read(file: Path, tmp_path: Path) -> None:
    """A megabyte without a newline was once read again and again, and nothing behind it ever."""
    file.write_bytes(b"x" * (READ_BYTES_MAX + 10) + b"\nnext\n")
    spool = Spool(file, tmp_path)
    assert all(parse_line(line) is None for line in texts(spool))
    assert texts(spool)[-1] == "next"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "ROTATE_BYTES", 8)


@pytest.mark.usefixtures("small")
def test_a_large_spool_is_moved_aside_read_to_its_end_and_removed(file: Path, tmp_path: Path) -> None:
    file.write_text("one\ntwo\n")
    spool = Spool(file, tmp_path)
    assert texts(spool) == ["one", "two"]
    old = tmp_path / "calls.log.old"
    assert (file.exists(), old.exists()) == (False, True)
    with old.open("a") as stream:
        stream.write("straggler\n")
    file.write_text("three\n")
    assert texts(spool) == ["straggler"]
    assert texts(spool) == []
    assert not old.exists()
    assert texts(spool) == ["three"]


@pytest.mark.usefixtures("small")
def test_a_half_line_at_the_end_of_the_old_spool_does_not_keep_the_new_one_waiting(file: Path, tmp_path: Path) -> None:
    """The old file was once kept until it had nothing unread, which a line torn by a full disk never let happen."""
    file.write_text("one\ntwo\nthr")
    spool = Spool(file, tmp_path)
    assert texts(spool) == ["one", "two"]
    file.write_text("four\n")
    assert texts(spool) == []
    assert texts(spool) == ["four"]


@pytest.mark.usefixtures("small")
def test_a_restart_in_the_middle_of_a_move_loses_and_repeats_nothing(file: Path, tmp_path: Path) -> None:
    file.write_text("one\ntwo\nthree\n")
    spool = Spool(file, tmp_path)
    _, (_, behind_two), _ = spool.read()
    spool.pass_over(behind_two)
    spool.acknowledge()
    file.write_text("four\n")
    again = Spool(file, tmp_path)
    assert [texts(again), texts(again), texts(again)] == [["three"], [], ["four"]]


@pytest.mark.usefixtures("small")
def test_a_spool_is_read_once_every_whole_line_is_acknowledged(file: Path, tmp_path: Path) -> None:
    spool = Spool(file, tmp_path)
    assert spool.is_read()
    file.write_text("one\nto")
    assert not spool.is_read()
    ((_, behind_one),) = spool.read()
    assert not spool.is_read()
    spool.pass_over(behind_one)
    spool.acknowledge()
    assert spool.is_read(), "half a line, torn by a full disk, is none"
    with file.open("a") as stream:
        stream.write("rn\n")
    assert texts(spool) == ["torn"]
    assert not spool.is_read(), "the one that was moved aside may still get a straggler"
    assert texts(spool) == []
    assert spool.is_read()


def test_a_spool_is_moved_aside_at_four_megabytes_and_read_so_little_at_a_time_that_no_call_waits() -> None:
    assert (ROTATE_BYTES, READ_BYTES_MAX) == (4 * 1024 * 1024, 64 * 1024)


NOW_S = 1_800_000_000


def leg(ended: int) -> str:
    return f"1|settle|g|callgate|+33142685300||{ended}.000|16|end\n"


@pytest.mark.parametrize(
    ("first", "is_old"),
    [
        (leg(NOW_S - AGE_MAX_S), True),
        (leg(NOW_S - AGE_MAX_S + 1), False),
        (leg(NOW_S + 1), True),
        (f"1|void|g|callgate|{NOW_S - AGE_MAX_S}.0|end\n", True),
        ("not ours\n", True),
    ],
    ids=["a day", "less", "of a clock that ran ahead", "a void", "not ours"],
)
def test_numbers_that_were_handled_go_after_a_day_however_few_they_are(
    file: Path, tmp_path: Path, first: str, *, is_old: bool
) -> None:
    """A small practice took three years to fill four megabytes, and its calls stood there as long, whole."""
    file.write_text(first + leg(NOW_S))
    spool = Spool(file, tmp_path)
    spool.turn(NOW_S)
    assert file.exists(), "nothing of it was handled"
    assert texts(spool) == [first.rstrip(), leg(NOW_S).rstrip()]
    again = Spool(file, tmp_path)
    again.turn(NOW_S)
    assert file.exists() != is_old
    with file.open("a") as stream:
        stream.write(leg(NOW_S + 2))
    again.turn(NOW_S)
    assert texts(again) + texts(again) + texts(again) == [leg(NOW_S + 2).rstrip()]
    assert not (tmp_path / "calls.log.old").exists()


def test_a_spool_that_somebody_took_away_is_none_to_turn_over(file: Path, tmp_path: Path) -> None:
    file.write_text("one\n")
    spool = Spool(file, tmp_path)
    assert texts(spool) == ["one"]
    file.unlink()
    spool.turn(NOW_S)


@pytest.mark.parametrize("name", ["calls.log", "calls.log.old"])
def test_a_pipe_in_the_place_of_the_spool_is_an_error_and_holds_up_no_worker(tmp_path: Path, name: str) -> None:
    """Asterisk's user shares the folder. The worker waited for a writer for ever, and so did each that replaced it."""
    os.mkfifo(tmp_path / name)
    with pytest.raises(OSError, match="no plain file"):
        Spool(tmp_path / "calls.log", tmp_path).read()
