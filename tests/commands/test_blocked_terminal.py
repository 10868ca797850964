"""The list of refused calls is read on a terminal, and what stands in it was dialled by strangers."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callgate.cli import main
from callgate.commands.blocked import blocked_line
from callgate.journal import JournalRow
from callgate.texts.catalog import Language
from clinic_samples import CLINIC, write_site
from journal_samples import write_journal

STRANGE = pytest.mark.parametrize(
    "text", ["\x1b[2J", "0612\r\n0", "\x9b31m", "\x85", "\x7f", "\u202e15", "\U000e0001", "\x00", "\x07"]
)


@STRANGE
def test_what_a_stranger_dialled_moves_no_cursor(text: str) -> None:
    at = datetime(2026, 11, 24, tzinfo=UTC)
    row = JournalRow(at=at, event="call.refused", clinic="a", call="", dialled=text, extension=text, risk_because=text)
    assert blocked_line(row, Language.EN).isprintable()


@STRANGE
@pytest.mark.parametrize(
    "words", [("blocked",), ("blocked", "--json"), ("journal", "export"), ("journal", "export", "--json")]
)
def test_no_form_of_the_journal_moves_a_cursor_and_each_still_says_what_was_dialled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: tuple[str, ...]
) -> None:
    """JSON wrote ESC as a code, and the one-byte form of the same control (C1) as it was."""
    write_site(tmp_path)
    at = datetime(2026, 11, 24, tzinfo=UTC)
    row = JournalRow(
        at=at, event="call.refused", clinic=CLINIC, call="c", dialled=text, extension=text, risk_because=text, note=text
    )
    write_journal(tmp_path / "state", row)
    assert main(["--settings", str(tmp_path / "callgate.toml"), "--language", "en", *words]) == 0
    out = capsys.readouterr().out
    assert out.replace("\n", "").isprintable()
    shown = text.encode("unicode_escape").decode()
    if "--json" in words:
        assert json.loads(out)["dialled"] == text
    elif "export" in words:
        (found,) = csv.DictReader(io.StringIO(out))
        assert found["dialled"].removeprefix("'") == shown
    else:
        assert shown in out
