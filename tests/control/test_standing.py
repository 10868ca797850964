"""Whether control has its hand on Asterisk, as `callgate status` reads it, and since when it watches."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from callgate.control.standing import STANDING_FILE, Standing, StandingFile, read_standing
from clinic_samples import TUESDAY_11


def test_the_standing_is_what_it_was_told_last(tmp_path: Path) -> None:
    now = [TUESDAY_11]
    file = StandingFile(tmp_path, lambda: now[0])
    assert read_standing(tmp_path) == Standing(is_linked=False, since=TUESDAY_11, ungated=0)
    now[0] += timedelta(seconds=5)
    file.linked()
    file.count(0)
    file.count(2)
    first = now[0]
    assert read_standing(tmp_path) == Standing(is_linked=True, since=first, ungated=2, watched_from=first)
    now[0] += timedelta(seconds=5)
    file.unlinked()
    assert read_standing(tmp_path) == Standing(is_linked=False, since=now[0], ungated=2, watched_from=first)
    # The next run knows it, too.
    StandingFile(tmp_path, lambda: now[0]).linked()
    assert read_standing(tmp_path) == Standing(is_linked=True, since=now[0], ungated=0, watched_from=first)


def test_a_restart_of_the_gate_ends_no_alarm(tmp_path: Path) -> None:
    """`callgate status` was content again as soon as somebody had restarted the gate."""
    file = StandingFile(tmp_path, lambda: TUESDAY_11)
    file.escaped(TUESDAY_11)
    file.count(1)
    later = StandingFile(tmp_path, lambda: TUESDAY_11)
    later.count(0)
    later.escaped(TUESDAY_11 + timedelta(seconds=1))
    later.count(1)
    standing = read_standing(tmp_path)
    assert standing is not None
    assert (standing.ungated, standing.answered, standing.answered_at) == (1, 2, TUESDAY_11 + timedelta(seconds=1))


@pytest.mark.parametrize("content", [None, b"", b"\xff", b'{"is_linked": 1}'])
def test_a_standing_that_is_none_says_nothing(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / STANDING_FILE).write_bytes(content)
    assert read_standing(tmp_path) is None


def test_a_disk_that_takes_no_standing_ends_nothing(tmp_path: Path) -> None:
    file = StandingFile(tmp_path / "missing", lambda: datetime.now(UTC))
    file.linked()
    assert read_standing(tmp_path / "missing") is None
