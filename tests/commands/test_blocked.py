"""`callgate blocked` shows the refused calls, also as they happen, and is safe to read on a terminal."""

import argparse
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from callgate.cli import main
from callgate.commands.blocked import blocked_line, since_instant
from callgate.core.hold import Denial, DenialKind, Window
from callgate.core.reasons import Reason
from callgate.core.risk import Tier
from callgate.journal import JOURNAL_FILE, JournalRow
from callgate.texts.catalog import Language, text
from clinic_samples import write_site
from core.samples import a_lock
from journal_samples import write_journal

Out = pytest.CaptureFixture[str]
AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
FOLLOW_MAX_S = 20


def refusal(
    call: str = "a", at: datetime = AT, *, dialled: str = "000325551••••", extension: str = "101"
) -> JournalRow:
    return JournalRow(
        at=at,
        event="call.refused",
        clinic="c",
        call=call,
        extension=extension,
        dialled=dialled,
        reasons=(Reason.COUNTRY_REFUSED, Reason.CLOSED),
    )


GRANT = JournalRow(at=AT, event="call.granted", clinic="c", call="g", grant="x")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_site(tmp_path)
    return tmp_path


def write(folder: Path, *rows: JournalRow) -> None:
    write_journal(folder / "state", *rows)


def blocked(folder: Path, *words: str, language: str = "en") -> int:
    return main(["--settings", str(folder / "callgate.toml"), "--language", language, "blocked", *words])


@pytest.mark.parametrize(("language", "said"), [("en", "No refused call.\n"), ("fr", "Aucun appel refusé.\n")])
def test_before_the_first_call_there_is_none(folder: Path, capsys: Out, language: str, said: str) -> None:
    assert blocked(folder, language=language) == 0
    assert capsys.readouterr().out == said
    (folder / "state").rmdir()
    assert blocked(folder, language=language) == 0
    assert capsys.readouterr().out == said


def test_refused_calls_are_listed_oldest_first_and_granted_ones_are_not(folder: Path, capsys: Out) -> None:
    write(folder, refusal("a", dialled="1"), GRANT, refusal("b", dialled="2"))
    assert blocked(folder) == 0
    assert [line.split()[3] for line in capsys.readouterr().out.splitlines()] == ["1", "2"]


CUT = JournalRow(
    at=AT,
    event="call.cut",
    clinic="c",
    call="k",
    extension="102",
    number="+3225551••••",
    reasons=(Reason.NUMBER_REFUSED,),
    seconds=75,
)
UNGATED = JournalRow(
    at=AT, event="call.ungated", clinic="", call="", trunk="carrier-a", number="0088216••••", note="no_grant"
)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize(
    ("row", "why", "marks"),
    [
        (CUT, "cli.blocked_cut", []),
        (msgspec.structs.replace(CUT, reasons=(), note="no hold"), "cli.blocked_no_hold", []),
        (msgspec.structs.replace(CUT, reasons=(), note="number_refused"), "cli.blocked_cut", []),
        (UNGATED, "ungated.no_grant", ["cli.blocked_ungated"]),
        (
            msgspec.structs.replace(UNGATED, observed=True, count=7),
            "ungated.no_grant",
            ["cli.blocked_ungated_observed", "cli.blocked_many"],
        ),
    ],
    ids=["cut by a rule", "cut without a hold", "cut by a newer callgate", "ungated", "seven ungated, only observed"],
)
def test_calls_that_were_ended_while_up_are_listed_and_marked(
    capsys: Out, folder: Path, language: Language, *, row: JournalRow, why: str, marks: list[str]
) -> None:
    """No command showed what the guard and live control had done."""
    write(folder, GRANT, row)
    assert blocked(folder, language=language) == 0
    words = text(why, language, seconds=75, reasons="number_refused")
    marked = "".join(f" [{text(mark, language, count=7)}]" for mark in marks)
    assert capsys.readouterr().out.endswith(f"  {row.extension or '-':>6}  {row.number:<18}  {words}{marked}\n")


def test_in_french_the_lock_below_a_refusal_is_french(folder: Path, capsys: Out) -> None:
    r"""It said ``Verrouillé\xa0:``."""
    locked = msgspec.structs.replace(refusal(), reasons=(Reason.LOCKED,), locks=(a_lock(),), zone="Europe/Paris")
    write(folder, locked)
    assert blocked(folder, language="fr") == 0
    line = capsys.readouterr().out.splitlines()[1]
    assert line.startswith("    Verrouillé\u00a0: tous les appels, sauf les urgences\u202f; ")
    assert "\\" not in line


def test_programs_get_one_object_a_line_and_nothing_when_there_is_none(folder: Path, capsys: Out) -> None:
    assert blocked(folder, "--json") == 0
    assert capsys.readouterr().out == ""
    write(folder, refusal())
    assert blocked(folder, "--json") == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["reasons"], row["at"]) == (["country_refused", "closed"], "2026-11-24T10:00:00Z")


def test_only_what_came_since(folder: Path, capsys: Out) -> None:
    now = datetime.now(UTC)
    write(folder, refusal(at=now - timedelta(hours=3), dialled="1"), refusal(at=now - timedelta(hours=1), dialled="2"))
    assert blocked(folder, "--since", "2h") == 0
    assert capsys.readouterr().out.split()[3] == "2"
    assert blocked(folder, "--since", "30m") == 0
    assert capsys.readouterr().out == "No refused call.\n"


def test_a_refusal_is_followed_by_the_limits_it_hit_on_the_clinics_clock(folder: Path, capsys: Out) -> None:
    hit = Denial(kind=DenialKind.MONEY, name="costly", window=Window.HOUR, left=1_250_000, retry_s=600)
    limited = msgspec.structs.replace(
        refusal(), reasons=(Reason.CEILING_HOUR,), limits=(hit,), currency="EUR", zone="Europe/Paris"
    )
    write(folder, limited)
    assert blocked(folder) == 0
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 2
    assert told[1].startswith("    ")
    assert "1.25 EUR" in told[1]
    assert "11:10" in told[1]


@pytest.mark.parametrize("zone", ["Europe/Nowhere", "../x", ""])
def test_a_zone_that_this_machine_does_not_know_hides_no_refusal(folder: Path, capsys: Out, zone: str) -> None:
    hit = Denial(kind=DenialKind.MONEY, name="costly", window=Window.HOUR, left=1_250_000, retry_s=600)
    limited = msgspec.structs.replace(refusal(), limits=(hit,), currency="EUR", zone=zone)
    write(folder, limited, refusal("b", dialled="2"))
    assert blocked(folder) == 0
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 3
    assert "10:10" in told[1], "the time of Greenwich"


def test_refusals_that_cannot_be_read_are_said_and_all_others_are_listed(folder: Path, capsys: Out) -> None:
    write(folder, refusal("alpha", dialled="1"), refusal("bravo", dialled="2"), refusal("carol", dialled="3"))
    file = folder / "state" / JOURNAL_FILE
    file.write_bytes(file.read_bytes().replace(b"bravo", b"brava"))
    assert blocked(folder) == 1
    said = capsys.readouterr()
    assert [line.split()[3] for line in said.out.splitlines()] == ["1", "3"]
    assert "1 places of the journal are damaged or cannot be read" in said.err


@pytest.mark.parametrize(
    ("word", "ago"),
    [
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        ("7d", timedelta(days=7)),
        ("99999d", timedelta(99999)),
    ],
)
def test_a_span_counts_back_from_now(word: str, ago: timedelta) -> None:
    assert abs(datetime.now(UTC) - ago - since_instant(word)) < timedelta(seconds=5)


def test_an_instant_without_a_zone_is_local() -> None:
    assert since_instant("2026-11-21T19:00+01:00") == datetime(2026, 11, 21, 18, tzinfo=UTC)
    assert since_instant("2026-11-21T19:00") == datetime(2026, 11, 21, 19).astimezone()


@pytest.mark.parametrize("word", ["", "0m", "-1h", "1w", "123456m", "1.5h", "noon", "0001-01-01", "1 h"])
def test_any_other_word_is_refused(word: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is neither a span"):
        since_instant(word)


def test_a_line_says_when_who_what_and_why() -> None:
    why = text("reason.country_refused", Language.EN)
    line = f"2026-11-24 11:00:00     101  000325551••••       country_refused: {why}"
    assert blocked_line(refusal(), Language.EN, PARIS) == line
    assert "observed only" in blocked_line(msgspec.structs.replace(refusal(), observed=True), Language.EN)
    assert blocked_line(refusal(extension=""), Language.EN, PARIS).split()[2] == "-"


@pytest.mark.parametrize(
    ("tier", "because", "language", "said"),
    [
        (Tier.NORMAL, "", Language.EN, ""),
        (Tier.HOTSPOT, "country:LV", Language.EN, " [hotspot, country:LV]"),
        (Tier.HOTSPOT, "outside_plan", Language.FR, " [zone à fraude, outside_plan]"),
        (Tier.SPECIAL, "class:premium", Language.EN, " [special number, class:premium]"),
        (Tier.WATCH, "country:BE", Language.EN, " [watched, country:BE]"),
    ],
)
def test_a_risky_destination_is_pointed_out_with_the_entry_of_the_list(
    tier: Tier, because: str, language: Language, said: str
) -> None:
    row = msgspec.structs.replace(refusal(), risk=tier, risk_because=because, risk_version="2026-11-22")
    assert blocked_line(row, language) == blocked_line(refusal(), language) + said


@pytest.mark.parametrize("hostile", ["\x1b[2J", "a\nb", "\u202e15", "\x9b31m", "\r", "\0"])
def test_a_stranger_cannot_play_with_the_terminal(hostile: str) -> None:
    row = refusal(dialled=f"06{hostile}", extension=hostile)
    line = blocked_line(msgspec.structs.replace(row, risk_because=hostile), Language.FR)
    assert line.replace("\u00a0", " ").replace("\u202f", " ").isprintable()
    assert line.count(hostile.encode("unicode_escape").decode()) >= 1


def test_a_row_without_a_reason_is_shown_all_the_same() -> None:
    assert "000325551" in blocked_line(msgspec.structs.replace(refusal(), reasons=()), Language.FR)


@contextmanager
def following(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`callgate blocked --follow`, read through a pipe."""
    # A job in the background inherits an ignored SIGINT, and so would the command: it is started as at a terminal.
    as_at_a_terminal = "signal.signal(signal.SIGINT, signal.default_int_handler)"
    start = f"import signal, sys; {as_at_a_terminal}; from callgate import cli; sys.exit(cli.main())"
    words = [sys.executable, "-c", start, "--settings", str(folder / "callgate.toml"), "blocked", "--follow"]
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def next_line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], FOLLOW_MAX_S)
    assert ready, "nothing came"
    return process.stdout.readline().decode()


def test_refused_calls_are_shown_as_they_happen_also_through_a_pipe(folder: Path) -> None:
    """Lines once stayed in a buffer until there were four thousand bytes of them."""
    with following(folder) as process:
        for number in range(2):
            write(folder, refusal(dialled=f"call-{number}"), GRANT)
            assert f"call-{number}" in next_line(process)
        # Taken away, as by a rotation of logs: it goes on with what is new.
        (folder / "state" / JOURNAL_FILE).unlink()
        write(folder, refusal(dialled="anew"))
        assert "anew" in next_line(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(FOLLOW_MAX_S) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b""


COUNTED = msgspec.structs.replace(
    refusal(dialled=""), call="", reasons=(Reason.COUNTRY_REFUSED,), until=AT + timedelta(minutes=1), count=480
)


def test_refusals_of_a_flood_are_one_line_that_says_how_many_and_until_when(folder: Path, capsys: Out) -> None:
    write(folder, COUNTED)
    assert blocked(folder) == 0
    (line,) = capsys.readouterr().out.splitlines()
    until = f"{COUNTED.last_at.astimezone():%H:%M:%S}"
    assert line.endswith(f" [480 such calls until {until}]")
    assert "480 appels semblables" in blocked_line(COUNTED, Language.FR, PARIS)


@pytest.mark.parametrize(("since", "shown"), [("2026-11-24T10:00:30Z", 1), ("2026-11-24T10:01:01Z", 0)])
def test_a_row_for_many_is_listed_as_long_as_its_last_call_is_asked_for(
    folder: Path, capsys: Out, *, since: str, shown: int
) -> None:
    write(folder, COUNTED)
    blocked(folder, "--json", "--since", since)
    assert len(capsys.readouterr().out.splitlines()) == shown
