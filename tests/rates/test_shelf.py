"""The shelf of rate decks: a switch is whole or not at all, and what was in force before is never lost."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callgate.core.deck import COLUMNS
from callgate.errors import SettingsError
from callgate.rates.shelf import KEPT_MAX, DeckRevision, Origin, history, last_good, rollback, switch, text_of
from callgate.resources import resource

IS_ROOT = os.geteuid() == 0


def deck_text(*minutes: str) -> str:
    """A deck with a row for each price of a minute."""
    rows = (f"+3{place},a rate,0,{minute},60,60,EUR,0,," for place, minute in enumerate(minutes))
    return "\n".join((",".join(COLUMNS), "# a note", "", *rows)) + "\n"


OLD, NEW, NEWER = deck_text("0.10"), deck_text("0.20", "0.30"), deck_text("0.40")


@pytest.fixture
def deck(tmp_path: Path) -> Path:
    file = tmp_path / "rates.csv"
    file.write_text(OLD)
    return file


def listed(deck: Path) -> list[tuple[int, str, str, str, int]]:
    return [(entry.revision, entry.origin.value, entry.author, entry.note, entry.rows) for entry in history(deck)]


def test_a_switch_puts_the_deck_in_force_and_keeps_the_former_one(deck: Path) -> None:
    before = datetime.now(UTC)
    assert switch(deck, NEW, author="installer", note="spring tariff") == 2
    assert deck.read_text() == NEW
    assert (text_of(deck, 1), text_of(deck, 2)) == (OLD, NEW)
    assert listed(deck) == [(1, "found", "", "", 1), (2, "switch", "installer", "spring tariff", 2)]
    assert before <= history(deck)[-1].at <= datetime.now(UTC)


def test_the_first_deck_of_a_new_clinic_is_its_first_revision(tmp_path: Path) -> None:
    deck = tmp_path / "rates.csv"
    assert history(deck) == ()
    assert switch(deck, NEW, author="installer", note="") == 1
    assert deck.read_text() == NEW


def test_a_rollback_brings_an_earlier_deck_back_as_a_new_revision(deck: Path) -> None:
    switch(deck, NEW, author="installer", note="")
    assert rollback(deck, 1, currency="EUR", author="dr.lilas") == 3
    assert deck.read_text() == OLD
    assert [(entry.revision, entry.origin, entry.restored) for entry in history(deck)] == [
        (1, Origin.FOUND, 0),
        (2, Origin.SWITCH, 0),
        (3, Origin.ROLLBACK, 1),
    ]
    assert rollback(deck, 2, currency="EUR", author="dr.lilas") == 4
    assert deck.read_text() == NEW


def test_a_deck_that_was_changed_by_hand_is_kept_too(deck: Path) -> None:
    switch(deck, NEW, author="installer", note="")
    deck.write_bytes(b"by hand, in Latin-1: \xe9\n")
    assert switch(deck, NEWER, author="installer", note="") == 4
    assert [entry[:2] for entry in listed(deck)] == [(1, "found"), (2, "switch"), (3, "found"), (4, "switch")]
    assert (deck.parent / "rates.csv.history" / "0003.csv").read_bytes() == b"by hand, in Latin-1: \xe9\n"


@pytest.mark.parametrize("spoil", ["unknown", "removed", "changed", "no text"])
def test_what_is_not_kept_whole_is_not_brought_back(deck: Path, spoil: str) -> None:
    kept = deck.parent / "rates.csv.history" / "0001.csv"
    if spoil == "no text":
        deck.write_bytes(b"\xff")
    switch(deck, NEW, author="", note="")
    if spoil == "removed":
        kept.unlink()
    if spoil == "changed":
        kept.write_text(NEWER)
    with pytest.raises(SettingsError, match="is not kept, or damaged"):
        rollback(deck, 7 if spoil == "unknown" else 1, currency="EUR", author="")
    assert deck.read_text() == NEW


@pytest.mark.parametrize(
    ("spoilt", "problem"),
    [
        ("broken by hand\n", "revision 1 cannot be used: line 1: the header is missing"),
        (OLD.replace("0.10", "0,10"), "revision 1 cannot be used: line 4: it cannot be split into 10 fields"),
        (
            OLD.replace("EUR", "CHF"),
            "revision 1 cannot be used: line 4: the currency is 'CHF', that of the policy is EUR",
        ),
    ],
    ids=["no deck", "a decimal comma", "another currency"],
)
def test_a_deck_that_no_gate_can_use_is_not_brought_back(deck: Path, spoilt: str, problem: str) -> None:
    """What was found in place of a deck was never checked: a rollback to it left every gate that started without."""
    deck.write_text(spoilt)
    switch(deck, NEW, author="installer", note="")
    with pytest.raises(SettingsError) as raised:
        rollback(deck, 1, currency="EUR", author="installer")
    assert (raised.value.path, raised.value.problem, bool(raised.value.remedy)) == (str(deck), problem, True)
    assert (deck.read_text(), len(history(deck))) == (NEW, 2)


def test_the_last_good_deck_is_the_newest_that_can_be_used(deck: Path) -> None:
    switch(deck, NEW, author="", note="")
    switch(deck, NEWER.replace("EUR", "CHF"), author="", note="")
    deck.write_text("broken by hand\n")
    switch(deck, NEWER, author="", note="")
    (deck.parent / "rates.csv.history" / "0005.csv").unlink()
    deck.unlink()
    found, francs = last_good(deck, "EUR"), last_good(deck, "CHF")
    assert found is not None
    assert francs is not None
    assert (found.revision, found.text, found.deck.currency, len(found.deck.rates)) == (2, NEW, "EUR", 2)
    assert (francs.revision, francs.deck.currency) == (3, "CHF")
    assert last_good(deck, "GBP") is None


def test_a_deck_without_a_history_has_no_last_good_one(deck: Path) -> None:
    assert last_good(deck, "EUR") is None


def test_the_oldest_texts_go_and_the_list_stays(deck: Path) -> None:
    for number in range(KEPT_MAX + 1):
        switch(deck, deck_text(f"0.{number:03}"), author="", note="")
    assert [entry.revision for entry in history(deck)] == list(range(1, KEPT_MAX + 3))
    kept = sorted(file.name for file in (deck.parent / "rates.csv.history").glob("*.csv"))
    assert (len(kept), kept[0]) == (KEPT_MAX, "0003.csv")


def test_a_deck_keeps_its_rights_and_its_owner(deck: Path) -> None:
    owner = (4321, 1234) if IS_ROOT else (os.geteuid(), os.getegid())
    os.chown(deck, *owner)
    deck.chmod(0o640)
    switch(deck, NEW, author="", note="")
    folder = deck.parent / "rates.csv.history"
    for file in (deck, folder, *folder.iterdir()):
        assert (file.stat().st_uid, file.stat().st_gid) == owner, file
    assert {file.stat().st_mode & 0o777 for file in (deck, *folder.glob("*.csv"))} == {0o640}


def test_a_link_stays_a_link_and_the_deck_behind_it_is_switched(deck: Path) -> None:
    link = deck.parent / "link.csv"
    link.symlink_to(deck)
    assert switch(link, NEW, author="", note="") == 2
    assert link.is_symlink()
    assert (deck.read_text(), len(history(link)), text_of(link, 1)) == (NEW, 2, OLD)


@pytest.mark.parametrize("name", ["FR-default.csv", "new.csv"])
def test_a_deck_that_ships_with_callgate_is_not_changed_but_copied_first(name: str) -> None:
    folder = resource("policies/rates")
    before = sorted(folder.iterdir())
    with pytest.raises(SettingsError) as raised:
        switch(folder / name, NEW, author="", note="")
    assert "shipped with callgate" in raised.value.problem
    assert "copy" in raised.value.remedy
    assert sorted(folder.iterdir()) == before


def test_a_folder_that_takes_no_files_is_told_with_a_remedy() -> None:
    with pytest.raises(SettingsError) as raised:
        switch(Path("/proc/rates.csv"), NEW, author="", note="")
    assert raised.value.path == "/proc/rates.csv.history"
    assert "cannot be written" in raised.value.problem
    assert "copy the deck to a folder that can be written" in raised.value.remedy


def test_a_damaged_list_is_told_with_its_file(deck: Path) -> None:
    switch(deck, NEW, author="", note="")
    (deck.parent / "rates.csv.history" / "history.jsonl").write_text('{"revision": 0}\n')
    with pytest.raises(SettingsError, match=r"history\.jsonl: is damaged"):
        switch(deck, NEWER, author="", note="")
    assert deck.read_text() == NEW


def test_two_at_once_are_one_after_the_other(deck: Path) -> None:
    def put(number: int) -> int:
        return switch(deck, deck_text(f"0.{number}"), author=str(number), note="")

    with ThreadPoolExecutor(8) as pool:
        revisions = list(pool.map(put, range(24)))
    assert sorted(revisions) == list(range(2, 26))
    by_revision = {entry.revision: entry.author for entry in history(deck)}
    assert [by_revision[revision] for revision in revisions] == [str(number) for number in range(24)]
    assert deck.read_text() == deck_text(f"0.{by_revision[25]}")


# What happens to a switch in mid-way: a process of its own is killed before its n-th look at the disk, or meets a disk
# on which no file can grow beyond some size.

SWITCH = """
import os, resource, signal, sys
from pathlib import Path
from callgate.errors import SettingsError
from callgate.rates.shelf import switch

deck, text, kill_at, size_max = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
seen = 0

def watch(event, arguments):
    global seen
    if event in {"open", "os.rename", "os.remove", "os.chmod", "os.chown", "os.mkdir", "fcntl.flock"}:
        seen += 1
        if seen == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

resource.setrlimit(resource.RLIMIT_FSIZE, (size_max, size_max))
sys.addaudithook(watch)
try:
    switch(deck, text, author="installer", note="")
except SettingsError as error:
    sys.exit(str(error))
"""
NO_LIMIT = -1
KILLED = -9


def switch_apart(
    deck: Path, text: str, *, kill_at: int = 0, size_max: int = NO_LIMIT
) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", SWITCH, str(deck), text, str(kill_at), str(size_max)]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


def kept(deck: Path) -> set[str]:
    """Every text that the list can bring back."""
    return {text_of(deck, entry.revision) for entry in history(deck)}


def test_a_switch_that_is_killed_at_any_point_has_happened_or_not_and_nothing_is_lost(tmp_path: Path) -> None:
    states: list[tuple[str, int]] = []
    for kill_at in range(1, 100):
        folder = tmp_path / str(kill_at)
        folder.mkdir()
        deck = folder / "rates.csv"
        deck.write_text(OLD)
        switch(deck, NEW, author="", note="")
        ended = switch_apart(deck, NEWER, kill_at=kill_at)
        in_force = deck.read_text()
        assert in_force in {NEW, NEWER}
        states.append((in_force, len(history(deck))))
        # Whoever comes next finds everything that was in force, and puts his own on top.
        assert switch(deck, OLD, author="", note="") == len(history(deck)) == states[-1][1] + 1
        assert {OLD, NEW, in_force} <= kept(deck)
        if ended.returncode == 0:
            break
        assert ended.returncode == KILLED, ended.stderr
    assert states == sorted(states, key=lambda state: state[1])
    assert set(states) == {(NEW, 2), (NEWER, 3)}
    assert len(states) > 10


@pytest.mark.parametrize("size_max", [0, 20, len(NEW), len(NEW) + 100])
def test_a_disk_that_is_full_leaves_the_former_deck_in_force_and_says_so(deck: Path, size_max: int) -> None:
    switch(deck, NEW, author="", note="")
    ended = switch_apart(deck, deck_text(*["0.10"] * 100 if size_max > len(NEW) else ["0.10"] * 2), size_max=size_max)
    assert ended.returncode == 1
    assert "cannot be written: File too large" in ended.stderr
    assert deck.read_text() == NEW
    assert kept(deck) == {OLD, NEW}
    assert switch(deck, NEWER, author="", note="") == 3


def test_a_file_that_cannot_be_written_leaves_the_former_deck_in_force(deck: Path) -> None:
    (deck.parent / ".rates.csv.new").mkdir()
    with pytest.raises(SettingsError, match="cannot be written: Is a directory"):
        switch(deck, NEW, author="", note="")
    assert deck.read_text() == OLD
    (deck.parent / ".rates.csv.new").rmdir()
    assert switch(deck, NEW, author="", note="") == 2


def test_a_revision_is_one_line_of_json(deck: Path) -> None:
    switch(deck, NEW, author="installer", note="two\nlines")
    lines = (deck.parent / "rates.csv.history" / "history.jsonl").read_text().splitlines()
    assert len(lines) == 2
    assert isinstance(history(deck)[1], DeckRevision)
