"""What a gate knows of each clinic's ledger, kept in memory, and how the journal keeps it over a restart."""

import contextlib
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Literal

import msgspec

from callgate.core.hold import FrozenCause
from callgate.core.sighting import Seen
from callgate.journal_file import Damage, Kind, Record, payload_in, scan
from callgate.journal_files import open_part, open_parts
from callgate.ledger.restoration import Change, Witness

SETTLED_MAX = 2_000
"""So many settlements are remembered: more than one read of the spool hands out, and a crash hands out again."""
GRANTED_MAX = 10_000
"""So many grants whose end was not told are remembered: more than can be up. The oldest are forgotten."""
_NAME_MAX = 64
_CLINIC_FIRST = b'{"clinic":"'
_CLINIC = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """A ledger that lost entries: how, and what the gate knew of it before. Numbers above that are not lost ones."""

    cause: FrozenCause
    before: Seen


def gate_name(pbx: str, identity: str) -> str:
    """Name a gate for the ledger: by its journal, which counts once there, whatever the Asterisk beside it is called.

    A journal that begins anew is another gate, which never saw what the old one did.

    Args:
        pbx: as the settings have it; names a gate whose journal cannot be opened.
        identity: the journal's (`journal_file.identity_of`), or "" where it cannot be opened.
    """
    return identity or pbx.replace("_", "-")[:_NAME_MAX]


class _Kept(msgspec.Struct, frozen=True):
    """A `Change` in the journal; `own` is false for one that a command made, not the gate."""

    clinic: str
    epoch: str
    sequence: int
    records: str
    own: bool = True


class _Numbered(msgspec.Struct, frozen=True):
    """The same without its records, which are many and not needed at the start."""

    clinic: str
    epoch: str
    sequence: int
    own: bool = True


class _Noted(msgspec.Struct, frozen=True):
    """What is known of a ledger, and under which name this gate knew it."""

    clinic: str
    seen: Seen
    freeze: Freeze | None
    gate: str = ""


class Purged(msgspec.Struct, frozen=True, kw_only=True):
    """What was removed from a journal because its time was over: all that came before its oldest file.

    Fields:
        number, chain: of the last record that was removed; its hash, hexadecimal.
        changes: the numbers of the changes that were removed, by clinic and epoch, as ranges, both ends included. They
            are not lost: they have left every window long ago, and a ledger that lacks them lacks nothing.
    """

    number: int = 0
    chain: str = ""
    changes: dict[str, dict[str, list[tuple[int, int]]]] = {}


class _Told(msgspec.Struct, frozen=True):
    """What of a row says whether a grant is over."""

    event: str
    grant: str = ""


def later(kept: Seen, told: Seen) -> Seen:
    """Take in what an answer said. Answers may overtake each other: within an epoch the highest number stays."""
    return kept if kept.epoch == told.epoch and kept.mine > told.mine else told


def seen_in(change: Change | _Numbered) -> Seen:
    """What a change alone says of its ledger."""
    return Seen(epoch=change.epoch, mine=change.sequence)


class LedgerMemory(Witness):
    """A witness that writes nothing.

    Attributes:
        gate: the name of this gate. What another name saw is not its own: the ledger counts numbers by that name.
        purged: what was removed from its journal.
        granted: the grants this gate gave, in order, of which the spool has not told the end. The ledger has those of
            other gates, too, and how they are named proves nothing.
        settled: the last grants whose settlement is in the journal, in order.
        frozen: the clinics whose ledger is said to be frozen, or was, until this gate is told that it has thawed.
    """

    def __init__(self) -> None:
        self.gate = ""
        self.purged = Purged()
        self.granted: dict[str, None] = {}
        self.settled: dict[str, None] = {}
        self.frozen: dict[str, Freeze] = {}
        self._seen: dict[str, Seen] = {}
        self._before: dict[str, Seen] = {}
        self._gates: dict[str, str] = {}
        self._highest: dict[str, Seen] = {}
        self._sound: set[str] = set()
        self._over: set[str] = set()

    def clinics(self) -> tuple[str, ...]:
        """Every clinic of whose ledger something is known."""
        return tuple(self._seen)

    def seen(self, clinic: str) -> Seen:
        """See `Witness.seen`."""
        known = self._seen.get(clinic, Seen())
        return known if self._gates.get(clinic, self.gate) == self.gate else Seen(epoch=known.epoch)

    def highest(self, clinic: str) -> Seen:
        """The highest number of a change that the journal has, whoever made it; of its latest epoch."""
        return self._highest.get(clinic, Seen())

    def is_noted(self, clinic: str) -> bool:
        """Whether what is known of a ledger is known under this gate's name."""
        return self._gates.get(clinic) == self.gate

    def is_sound(self, clinic: str) -> bool:
        """Whether the last answer said that the ledger is not frozen."""
        return clinic in self._sound

    def witness(self, clinic: str, seen: Seen, change: Change | None) -> None:
        """See `Witness.witness`.

        Only a ledger that was replaced has another epoch. It is taken for frozen at once, before anything it says is
        kept: should the gate be killed now, it still knows what it knew of the former one.
        """
        before = self._before[clinic] = self.seen(clinic)
        if self.is_sound(clinic):
            # The last answer was not followed by a freeze.
            self._over.add(clinic)
        # Its number says nothing: a change may be told again.
        self._seen[clinic] = later(before, seen)
        self._gates[clinic] = self.gate
        if later(before, seen) == seen:
            # One that was overtaken may be from before a freeze.
            self._sound.add(clinic)
        if change is not None:
            self.keep(change)
        if before.epoch not in {"", seen.epoch}:
            self.freeze(clinic, FrozenCause.REPLACED)

    def keep(self, change: Change) -> None:
        """Learn that the journal has a change that this gate did not make."""
        self._highest[change.clinic] = later(self.highest(change.clinic), seen_in(change))

    def freeze(self, clinic: str, cause: FrozenCause) -> None:
        """See `Witness.freeze`. What was known before is what was known before the answer that told it.

        A freeze that is over, though nobody said so here, is not the one that is told now.
        """
        self._sound.discard(clinic)
        if clinic not in self.frozen or clinic in self._over:
            self._over.discard(clinic)
            self.frozen[clinic] = Freeze(cause=cause, before=self._before.get(clinic, Seen()))

    def thaw(self, clinic: str) -> None:
        """Learn that the ledger of a clinic has thawed."""
        self.frozen.pop(clinic, None)
        self._over.discard(clinic)

    def note(self, event: str, grant: str) -> None:
        """Learn that a call was granted, or settled, of a row of the journal."""
        match event:
            case "call.granted":
                self.granted[grant] = None
                if len(self.granted) > GRANTED_MAX:
                    del self.granted[next(iter(self.granted))]
            case "call.settled":
                self.granted.pop(grant, None)
            case _:
                pass

    def note_written(self, event: str, grant: str) -> None:
        """Learn that the journal has a row that says so."""
        if event == "call.settled":
            self.settled[grant] = None
            if len(self.settled) > SETTLED_MAX:
                del self.settled[next(iter(self.settled))]

    def recall(self, record: Record) -> None:
        """Take in what a record of the journal says, oldest first; one that cannot be read says nothing.

        Of a ledger that was heard of since this start it says what was before that.
        """
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
            match record.kind:
                case Kind.CHANGE:
                    self._recall_change(msgspec.json.decode(record.payload, type=_Numbered))
                case Kind.SEEN:
                    self._recall_noted(msgspec.json.decode(record.payload, type=_Noted))
                case Kind.ROW:
                    row = msgspec.json.decode(record.payload, type=_Told)
                    self.note(row.event, row.grant)
                    self.note_written(row.event, row.grant)
                case Kind.PURGED:
                    self.purged = msgspec.json.decode(record.payload, type=Purged)
                case _:
                    pass

    def _recall_change(self, change: _Numbered) -> None:
        clinic = change.clinic
        self._highest[clinic] = later(self.highest(clinic), seen_in(change))
        if change.own and clinic not in self._before:
            self._seen[clinic] = later(self._seen.get(clinic, Seen()), seen_in(change))

    def _recall_noted(self, noted: _Noted) -> None:
        clinic = noted.clinic
        if clinic not in self._before:
            self._seen[clinic], self._gates[clinic] = noted.seen, noted.gate
            self.thaw(clinic)
            if noted.freeze is not None:
                self.frozen[clinic] = noted.freeze

    def noted(self, clinic: str) -> bytes:
        """Write for the journal what is known of a ledger."""
        return msgspec.json.encode(_Noted(clinic, self.seen(clinic), self.frozen.get(clinic), self.gate))


def change_payload(change: Change, *, own: bool = True) -> bytes:
    """Write a change for the journal; `own` is false for one that a command made."""
    return msgspec.json.encode(_Kept(change.clinic, change.epoch, change.sequence, change.records, own))


# Made once: a repair reads 100,000 of them. Lua writes an empty list as an empty object.
read_change = msgspec.json.Decoder(Change).decode
"""Read a change from the payload of a record. Raises `msgspec.DecodeError`."""
_read_records = msgspec.json.Decoder(tuple[Literal[1], str, int, list[msgspec.Raw] | dict[str, msgspec.Raw]]).decode


def is_sound(change: Change) -> bool:
    """Whether the records of a change are of its own number, as ``lua/start.lua`` writes them; of any, if told again.

    Only such a change makes up for its number when a ledger is restored: any other text might stand for anything. The
    entries themselves are the ledger's to read; a clock that was set has none.
    """
    try:
        _, epoch, number, entries = _read_records(change.records)
    except msgspec.DecodeError:
        return False
    is_told = bool(entries) if isinstance(entries, list) else not entries
    is_its_own = (epoch, change.sequence) == (change.epoch, change.sequence and number)
    return is_told and is_its_own and bool(_CLINIC.fullmatch(change.clinic))


@dataclass(slots=True, kw_only=True)
class Places:
    """Where a journal has the changes of one clinic, oldest first: byte offsets, how long each record is, and the file.

    Fields:
        file: the journal.
        keys: those of its files that are named here (`journal_files.Part.key`); each change's place in them is `parts`.
    """

    file: Path
    offsets: "array[int]" = field(default_factory=lambda: array("Q"))
    sizes: "array[int]" = field(default_factory=lambda: array("L"))
    parts: "array[int]" = field(default_factory=lambda: array("L"))
    keys: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        """How many."""
        return len(self.offsets)

    def end_of(self, begin: int, count: int, size: int) -> int:
        """Where a batch ends that begins at a place: at most `count` of them and `size` bytes, but at least one."""
        end, held = begin, 0
        while end < min(begin + count, len(self)) and (end == begin or held + self.sizes[end] <= size):
            held += self.sizes[end]
            end += 1
        return end

    def note(self, found: "FoundChange") -> None:
        """Add the place of one."""
        if found.key not in self.keys[-1:]:
            self.keys.append(found.key)
        self.parts.append(len(self.keys) - 1)
        self.offsets.append(found.record.offset)
        self.sizes.append(found.record.end - found.record.offset)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundChange:
    """A record with a change of a clinic's ledger, and the file that has it."""

    clinic: str
    key: str
    record: Record


def find_changes(file: Path) -> Iterator[FoundChange | None]:
    """Look for the changes of every clinic, oldest first; None for each record that is none, and for damage.

    What a former journal has, which was lost, is passed over: its numbers are not this gate's.

    Raises:
        OSError: the journal cannot be read (`journal_file.scan`).
    """
    for part in open_parts(file):
        for found in scan(part.stream) if part.is_own else ():
            match found:
                case Record(kind=Kind.CHANGE, payload=payload) if payload.startswith(_CLINIC_FIRST):
                    # Most are not wanted: they are not even parsed.
                    name = payload[len(_CLINIC_FIRST) : payload.find(b'"', len(_CLINIC_FIRST))]
                    yield FoundChange(clinic=name.decode(errors="replace"), key=part.key, record=found)
                case Record() | Damage():
                    yield None


def changes_at(places: Places, begin: int, end: int) -> Iterator[Change | None]:
    """Read the changes at some places; None for one that is not sound, or that the disk cannot read.

    Raises:
        OSError: a file cannot be opened, or is gone.
    """
    for part, group in groupby(range(begin, end), places.parts.__getitem__):
        with open_part(places.file, places.keys[part]) as stream:
            for position in group:
                change = None
                with contextlib.suppress(OSError, msgspec.DecodeError):
                    stream.seek(places.offsets[position])
                    payload = payload_in(stream.read(places.sizes[position]))
                    change = payload and read_change(payload)
                yield change if change and is_sound(change) else None
