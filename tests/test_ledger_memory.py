"""What a gate knows of each ledger: the same after a restart, and never less because an answer came late."""

from pathlib import Path

import pytest

from callgate.core.hold import FrozenCause
from callgate.core.sighting import Seen
from callgate.journal_file import Kind, Record
from callgate.journal_writer import JournalWriter
from callgate.ledger.restoration import Change
from callgate.ledger_memory import (
    GRANTED_MAX,
    Freeze,
    LedgerMemory,
    Places,
    change_payload,
    changes_at,
    find_changes,
    gate_name,
    is_sound,
    later,
)

NOTED = b'{"clinic":"c","seen":{"epoch":"e1","mine":8},"freeze":null,"gate":"one"}'


def record(payload: bytes, kind: int = Kind.CHANGE) -> Record:
    return Record(number=1, offset=64, end=100, written_ms=0, kind=kind, payload=payload, chain=b"")


def change(sequence: int, clinic: str = "c", epoch: str = "e1", records: str | None = None) -> Change:
    told = f'[1,"{epoch}",{sequence},[["novelty","country:BE"]]]' if records is None else records
    return Change(clinic=clinic, epoch=epoch, sequence=sequence, records=told)


@pytest.mark.parametrize(
    ("kept", "told", "known"),
    [
        (Seen(), Seen(epoch="e1", mine=4), Seen(epoch="e1", mine=4)),
        (Seen(epoch="e1", mine=4), Seen(epoch="e1", mine=5), Seen(epoch="e1", mine=5)),
        (Seen(epoch="e1", mine=4), Seen(epoch="e1", mine=3), Seen(epoch="e1", mine=4)),
        (Seen(epoch="e1", mine=4), Seen(epoch="e2", mine=0), Seen(epoch="e2", mine=0)),
    ],
    ids=["the first answer", "the next", "one that was overtaken", "another ledger"],
)
def test_what_an_answer_says_is_taken_in(kept: Seen, told: Seen, known: Seen) -> None:
    assert later(kept, told) == known
    memory = LedgerMemory()
    memory.witness("c", kept, None)
    memory.witness("c", told, None)
    assert memory.seen("c") == known
    assert memory.seen("another") == Seen()


def test_what_a_gate_knows_is_what_the_ledger_says_of_it_and_no_number_of_a_change() -> None:
    """A change may be another gate's, told again: taken for its own, it once froze a ledger that had lost nothing."""
    memory = LedgerMemory()
    memory.witness("c", Seen(epoch="e1", mine=4), change(9))
    assert (memory.seen("c"), memory.highest("c")) == (Seen(epoch="e1", mine=4), Seen(epoch="e1", mine=9))


def test_a_freeze_is_known_until_the_thaw() -> None:
    memory = LedgerMemory()
    memory.witness("c", Seen(epoch="e1", mine=7), None)
    memory.witness("c", Seen(epoch="e1", mine=1_000_008), change(1_000_008))
    assert memory.is_sound("c")
    memory.freeze("c", FrozenCause.REGRESSED)
    memory.witness("c", Seen(epoch="e1", mine=1_000_009), change(1_000_009))
    memory.freeze("c", FrozenCause.REGRESSED)
    assert not memory.is_sound("c")
    known = Freeze(cause=FrozenCause.REGRESSED, before=Seen(epoch="e1", mine=7))
    assert memory.frozen == {"c": known}, "what the freezing answer itself changed was not lost"
    again = LedgerMemory()
    again.recall(record(memory.noted("c"), Kind.SEEN))
    assert (again.frozen, again.seen("c")) == ({"c": known}, Seen(epoch="e1", mine=1_000_009))
    memory.witness("c", Seen(epoch="e1", mine=1_000_009), None)
    assert memory.is_sound("c"), "the last answer did not say that it is frozen"
    memory.thaw("c")
    again.recall(record(memory.noted("c"), Kind.SEEN))
    assert memory.frozen == again.frozen == {}


def test_a_freeze_that_is_over_makes_room_for_the_next_one() -> None:
    """Others thawed the ledger, and it was lost once more before this gate was told: the first freeze once stayed."""
    memory = LedgerMemory()
    memory.witness("c", Seen(epoch="e1", mine=7), None)
    memory.witness("c", Seen(epoch="e2", mine=0), None)
    memory.freeze("c", FrozenCause.REPLACED)
    for mine in (3, 9):
        memory.witness("c", Seen(epoch="e2", mine=mine), None)
    assert memory.frozen["c"].before == Seen(epoch="e1", mine=7), "it is still to be ended here"
    memory.witness("c", Seen(epoch="e1", mine=7), None)
    memory.freeze("c", FrozenCause.REPLACED)
    known = Freeze(cause=FrozenCause.REPLACED, before=Seen(epoch="e2", mine=9))
    assert memory.frozen == {"c": known}
    memory.witness("c", Seen(epoch="e1", mine=8), None)
    memory.freeze("c", FrozenCause.REPLACED)
    assert memory.frozen == {"c": known}


def test_an_answer_that_was_overtaken_says_nothing_of_a_freeze() -> None:
    memory = LedgerMemory()
    memory.witness("c", Seen(epoch="e1", mine=7), None)
    for mine in (1_000_008, 1_000_009):
        memory.witness("c", Seen(epoch="e1", mine=mine), None)
        memory.freeze("c", FrozenCause.ERASED)
    memory.witness("c", Seen(epoch="e1", mine=7), None)
    assert not memory.is_sound("c")
    memory.witness("c", Seen(epoch="e1", mine=1_000_009), None)
    memory.freeze("c", FrozenCause.ERASED)
    assert memory.frozen["c"].before.mine == 7


def test_of_a_ledger_that_was_frozen_before_the_first_answer_nothing_is_known() -> None:
    memory = LedgerMemory()
    memory.freeze("c", FrozenCause.ERASED)
    assert memory.frozen["c"].before == Seen()


def test_another_ledger_in_the_place_of_the_known_one_is_frozen_before_anybody_says_so() -> None:
    memory = LedgerMemory()
    memory.witness("c", Seen(epoch="e1", mine=7), None)
    memory.witness("c", Seen(epoch="e2", mine=3), change(3, epoch="e2"))
    memory.freeze("c", FrozenCause.REPLACED)
    assert memory.frozen == {"c": Freeze(cause=FrozenCause.REPLACED, before=Seen(epoch="e1", mine=7))}


@pytest.mark.parametrize(
    ("records", "known", "highest"),
    [
        ([record(change_payload(change(2)))], Seen(epoch="e1", mine=2), 2),
        ([record(change_payload(change(2))), record(change_payload(change(1)))], Seen(epoch="e1", mine=2), 2),
        ([record(NOTED, Kind.SEEN)], Seen(epoch="e1", mine=8), 0),
        ([record(NOTED, Kind.SEEN), record(change_payload(change(9), own=False))], Seen(epoch="e1", mine=8), 9),
        ([record(b"{}"), record(b"{}", Kind.SEEN), record(b"{}", Kind.ROW), record(b"", 99)], Seen(), 0),
    ],
    ids=["a change", "changes out of order", "a sighting", "a change of a command", "what cannot be read"],
)
def test_the_journal_is_remembered(records: list[Record], known: Seen, highest: int) -> None:
    memory = LedgerMemory()
    memory.gate = "one"
    for one in records:
        memory.recall(one)
    assert memory.seen("c") == known
    assert memory.highest("c").mine == highest


def test_what_another_gate_saw_is_not_this_gates_own() -> None:
    memory = LedgerMemory()
    memory.gate = "two"
    memory.recall(record(NOTED, Kind.SEEN))
    assert (memory.seen("c"), memory.is_noted("c"), memory.clinics()) == (Seen(epoch="e1"), False, ("c",))
    memory.witness("c", Seen(epoch="e1", mine=3), None)
    assert (memory.seen("c"), memory.is_noted("c")) == (Seen(epoch="e1", mine=3), True)


def test_a_gate_has_the_name_of_its_journal_and_keeps_it_when_its_asterisk_is_renamed() -> None:
    assert gate_name("pbx1", "0123456789abcdef" * 2) == gate_name("new", "0123456789abcdef" * 2)
    assert gate_name("pbx_1", "") == "pbx-1"


@pytest.mark.parametrize(
    ("records", "is_one"),
    [
        ('[1,"e1",5,[["novelty","country:BE"]]]', True),
        ('[1,"e1",5,{}]', True),
        ('[1,"e1",5,[]]', False),
        ('[1,"e1",5,{"a":1}]', False),
        ('[2,"e1",5,{}]', False),
        ('[1,"e1",6,{}]', False),
        ('[1,"e2",5,{}]', False),
        ("", False),
        ("r", False),
    ],
    ids=[
        "of one entry",
        "of none, as when a clock was set",
        "of none, as nobody writes it",
        "no list",
        "of a newer callgate",
        "another number",
        "another ledger",
        "empty",
        "no JSON",
    ],
)
def test_only_records_of_its_own_number_make_up_for_a_change(*, records: str, is_one: bool) -> None:
    """A text that said nothing once covered a number, and the money of another change was forgotten."""
    assert is_sound(change(5, records=records)) is is_one
    is_told_again = is_one or records == '[1,"e1",6,{}]'
    assert is_sound(change(0, records=records)) is is_told_again, "of any number"
    assert not is_sound(change(5, clinic="../c", records=records))


def test_the_changes_of_each_clinic_are_found_and_read_in_order(tmp_path: Path) -> None:
    file = tmp_path / "journal.cgj"
    writer = JournalWriter(file, lambda _record: None)
    for one in (change(1), change(2, clinic="d"), change(3, clinic="c2"), change(4, epoch="e2")):
        writer.append(Kind.CHANGE, change_payload(one), 1)
    writer.append(Kind.CHANGE, b'{"clinic":"c","epoch":7}', 1)
    writer.append(Kind.CHANGE, b"[]", 1)
    writer.append(Kind.CHANGE, change_payload(change(6, records="[]")), 1)
    writer.append(Kind.ROW, change_payload(change(5)), 1)
    writer.append(Kind.SEEN, NOTED, 1)
    writer.close()
    whole = file.read_bytes()

    def found() -> list[Change | None]:
        places = Places(file=file)
        for one in find_changes(file):
            if one is not None and one.clinic == "c":
                places.note(one)
        return list(changes_at(places, 0, len(places)))

    file.write_bytes(whole.replace(b"country:BE", b"country:B!", 1))
    assert found() == [change(4, epoch="e2"), None, None]
    file.write_bytes(whole)
    assert found() == [change(1), change(4, epoch="e2"), None, None]
    places = Places(file=file)
    for place in find_changes(file):
        if place is not None:
            places.note(place)
    file.write_bytes(whole.replace(b"country:BE", b"country:B!", 1))
    assert next(changes_at(places, 0, 1)) is None, "damaged since it was found"


def test_a_batch_has_a_bounded_number_of_changes_and_bytes_but_at_least_one() -> None:
    places = Places(file=Path("j"))
    places.sizes.extend([10, 20, 30, 500, 10])
    places.offsets.extend([0, 10, 30, 60, 560])
    assert [places.end_of(begin, 3, 100) for begin in range(5)] == [3, 3, 3, 4, 5]
    assert places.end_of(0, 1, 100) == 1
    assert places.end_of(0, 5, 30) == 2


def test_a_grant_is_this_gates_until_the_spool_has_told_its_end() -> None:
    memory = LedgerMemory()
    for event, grant in (("call.granted", "a"), ("call.granted", "b"), ("call.settled", "a"), ("call.lost", "b")):
        memory.recall(record(f'{{"event":"{event}","grant":"{grant}","more":1}}'.encode(), Kind.ROW))
    for payload in (b'{"event":"gate.started"}', b'{"grant":"c"}', b'{"event":"\xff"}', b"x"):
        memory.recall(record(payload, Kind.ROW))
    assert list(memory.granted) == ["b"]


def test_of_too_many_grants_the_oldest_are_forgotten() -> None:
    memory = LedgerMemory()
    for number in range(GRANTED_MAX + 1):
        memory.note("call.granted", f"{number}")
    assert (len(memory.granted), "0" in memory.granted, "1" in memory.granted) == (GRANTED_MAX, False, True)
