"""The list of refused calls is read on a terminal, and what stands in it was dialled by strangers."""

from datetime import UTC, datetime

import pytest

from callgate.commands.blocked import blocked_line
from callgate.journal import JournalRow
from callgate.texts.catalog import Language


@pytest.mark.parametrize("text", ["\x1b[2J", "0612\r\n0", "\x9b31m", "\u202e15", "\x00", "\x07"])
def test_what_a_stranger_dialled_moves_no_cursor(text: str) -> None:
    at = datetime(2026, 11, 24, tzinfo=UTC)
    row = JournalRow(at=at, event="call.refused", clinic="a", call="", dialled=text, extension=text, risk_because=text)
    assert blocked_line(row, Language.EN).isprintable()
