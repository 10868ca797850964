"""The format of the journal file: records to bytes and back. Nothing here opens a file, asks a clock or logs.

A file is a header, written twice, then records, then zeros up to its end (space taken in advance). Numbers are
big-endian::

    header   8 magic, 2 version, 2 zero, 16 journal id, 4 CRC-32
    record   4 mark, 4 length of the payload, 1 kind, 8 number (from 1), 8 epoch milliseconds, 16 hash of the record
             before, payload, 4 CRC-32

The CRC (``zlib.crc32``) covers all before it: one changed byte never passes. The hash is the first 16 bytes of
the SHA-256 of a whole record, or for the first one of the header: a record that was rewritten together with its CRC,
left out, or put in, breaks the chain. What is damaged is told and passed over, up to the next whole record.

A journal may be several files (`callgate.journal_files`). One that follows another has version 2; its first record is a
`Kind.TURN`, whose number and hash go on from the last one before, and whose payload is the hash of its own header and
that hash again.
"""

import errno
import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import BinaryIO

VERSION = 1
FOLLOWING_VERSION = 2
"""Of a file that goes on from another: a callgate that knows one file alone must not take it for the whole."""
IDENTITY_BYTES = 16
PAYLOAD_MAX_BYTES = 16 * 1024 * 1024
HEADERS_BYTES = 64

_MAGIC = b"\x89CGJ\r\n\x1a\n"
_HEADER = struct.Struct(">8sHH16s")
_HEADER_BYTES = HEADERS_BYTES // 2
# No byte of UTF-8 is 0xff, so that no payload can hold a mark.
_MARK = b"\xffCG\xff"
_HEAD = struct.Struct(">4sIBQQ16s")
_CHECK = struct.Struct(">I")
_HASH_BYTES = 16
_CHUNK_BYTES = 1024 * 1024
_SECTOR_BYTES = 4096
_UNREADABLE_MAX = 1024


class Kind(IntEnum):
    """What a payload is.

    A verdict row, a change of the ledger, or what the gate has seen of a ledger; the beginning of a file that follows
    another; or what was removed because its time was over.
    """

    ROW = 1
    CHANGE = 2
    SEEN = 3
    TURN = 4
    PURGED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One whole record.

    Fields:
        number: its own, from 1, one more each time.
        offset, end: where it begins, and the byte behind it.
        written_ms: epoch milliseconds of the writer's clock.
        kind: a `Kind`, or a number that only a newer callgate knows.
        chain: the hash that the next record carries.
    """

    number: int
    offset: int
    end: int
    written_ms: int
    kind: int
    payload: bytes
    chain: bytes

    @property
    def written(self) -> datetime:
        """When it was written."""
        return datetime.fromtimestamp(self.written_ms / 1000, UTC)


class Flaw(StrEnum):
    """What is wrong at a place.

    * ``header``: one of the two headers; the other serves.
    * ``damaged``: bytes that are no record, with whole records behind them.
    * ``chain``: a whole record that does not follow the one before: one of the two was exchanged, or some left out.
    * ``torn``: bytes that are no record, and none behind them: the end was cut by a crash, or damaged.
    * ``missing``: the first record of a file does not go on from the last one before: a file was taken away.
    """

    HEADER = "header"
    DAMAGED = "damaged"
    CHAIN = "chain"
    TORN = "torn"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """One place that is not as it was written.

    Fields:
        flaw: what is wrong.
        number: of the first record concerned; 0 for a header.
        offset, length: the bytes concerned; of a broken chain, where the second record begins, and 0.
        after: when the last whole record before it was written; None where there is none.
        file: the name of the file, where several were read.
    """

    flaw: Flaw
    number: int
    offset: int
    length: int
    after: datetime | None
    file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a journal says of itself; `chain` is the hash that its first record carries."""

    identity: bytes
    version: int
    chain: bytes


def encode_header(identity: bytes, version: int = VERSION) -> bytes:
    """Write the 64 bytes a journal begins with; `identity` has 16."""
    header = _HEADER.pack(_MAGIC, version, 0, identity)
    return (header + _CHECK.pack(zlib.crc32(header))) * 2


def read_header(beginning: bytes) -> tuple[Header | None, list[Damage]]:
    """Read a journal's first 64 bytes.

    Returns:
        The header, None if neither copy is whole; and each copy that is damaged.
    """
    found, damages = None, []
    for offset in (0, _HEADER_BYTES):
        copy = beginning[offset : offset + _HEADER_BYTES]
        if len(copy) == _HEADER_BYTES and zlib.crc32(copy[:-4]) == _CHECK.unpack(copy[-4:])[0] and copy[:8] == _MAGIC:
            _, version, _, identity = _HEADER.unpack(copy[:-4])
            found = found or Header(identity=identity, version=version, chain=_hash(copy))
        else:
            damages.append(Damage(flaw=Flaw.HEADER, number=0, offset=offset, length=_HEADER_BYTES, after=None))
    return found, damages


def identity_of(beginning: bytes) -> str:
    """Name a journal by its first 64 bytes, the same at every start: 32 hexadecimal digits.

    Where both headers are damaged, what is left of them names it.
    """
    header, _ = read_header(beginning)
    return (header.identity if header else hashlib.sha256(beginning).digest()[:IDENTITY_BYTES]).hex()


def encode_record(kind: Kind, payload: bytes, *, number: int, written_ms: int, chain: bytes) -> bytes:
    """Write one record; `chain` is the hash of the one before, or the header's."""
    assert len(payload) <= PAYLOAD_MAX_BYTES
    frame = _HEAD.pack(_MARK, len(payload), kind, number, written_ms, chain) + payload
    return frame + _CHECK.pack(zlib.crc32(frame))


def encode_turn(beginning: bytes, *, number: int, written_ms: int, chain: bytes) -> bytes:
    """Write the first record of a file that begins with these 64 bytes; `chain` is the hash of the last one before."""
    payload = _hash(beginning[:_HEADER_BYTES]) + chain
    return encode_record(Kind.TURN, payload, number=number, written_ms=written_ms, chain=chain)


def follows(first: Record, last: Record) -> bool:
    """Whether the first record of a file goes on from the last one of another."""
    return goes_on_from(first, last.number, last.chain)


def goes_on_from(first: Record, number: int, chain: bytes) -> bool:
    """Whether the first record of a file goes on from the record of this number and hash."""
    return first.kind == Kind.TURN and first.number == number + 1 and first.payload[_HASH_BYTES:] == chain


def chain_of(record: bytes) -> bytes:
    """The hash of a whole record, which the next one carries."""
    return _hash(record)


def payload_in(frame: bytes) -> bytes | None:
    """Read the payload of a record that a scan found at `Record.offset` to `Record.end`; None if it is whole no more.

    The chain is not looked at again.
    """
    return frame[_HEAD.size : -_CHECK.size] if frame.startswith(_MARK) and _passes(frame) else None


def is_cut_short(tail: bytes) -> bool:
    """Whether the bytes behind the last whole record are the beginning of one more, as a crash leaves it."""
    if not _MARK.startswith(tail[: len(_MARK)]) or tail.find(_MARK, 1) >= 0:
        return False
    if len(tail) < _HEAD.size:
        return True
    length: int = _HEAD.unpack_from(tail)[1]
    return len(tail) < _HEAD.size + length + _CHECK.size


def scan(stream: BinaryIO, start: int = 0, *, behind: Record | None = None) -> Iterator[Record | Damage]:
    """Read a journal from its beginning, or from where a record begins, in order, to the end.

    Args:
        stream: of the whole file, which may be written meanwhile.
        start: 0, or the `Record.end` of an earlier scan.
        behind: go on behind this record of an earlier scan, as if that had not ended; then `start` says nothing.

    Raises:
        OSError: the stream cannot be read. A few sectors that the disk cannot read are damage, and passed over.
    """
    chain: bytes | None = None
    turn: Header | None = None
    if behind is not None:
        start, chain = behind.end, behind.chain
    stream.seek(start)
    if start == 0:
        header, damages = read_header(stream.read(HEADERS_BYTES))
        yield from damages
        if header is not None:
            chain, turn = (None, header) if header.version == FOLLOWING_VERSION else (header.chain, None)
    window, last = _Window(stream, max(start, HEADERS_BYTES)), behind
    while True:
        found = _whole(window)
        if found is not None:
            record, _ = found
            if _is_broken(found, chain, turn):
                yield _damage(Flaw.CHAIN, last, record.offset, record.offset)
            yield record
            window.skip(record.end - record.offset)
            chain, turn, last = record.chain, None, record
            continue
        begin = window.offset
        damage = _pass_over(window, last)
        if damage is None:
            return
        if _whole(again := _Window(stream, begin)) is not None:
            # It was being written at the first look.
            window = again
            continue
        yield damage
        if damage.flaw is Flaw.TORN:
            return
        window, chain, turn = _Window(stream, window.offset), None, None


class _Window:
    """A view of a stream that moves forward only; `offset` is where it stands."""

    def __init__(self, stream: BinaryIO, offset: int) -> None:
        stream.seek(offset)
        self._stream = stream
        self._held = b""
        self._at = 0
        self._unreadable = 0
        self.offset = offset

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, or what is left of the stream."""
        while len(self._held) - self._at < size and (more := self._read(max(_CHUNK_BYTES, size))):
            self._held = self._held[self._at :] + more
            self._at = 0
        return self._held[self._at : self._at + size]

    def skip(self, size: int) -> None:
        """Move on, not beyond what was peeked at."""
        self._at += size
        self.offset += size

    def _read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except OSError as error:
            if error.errno != errno.EIO or self._unreadable == _UNREADABLE_MAX:
                raise
        begin = self.offset + len(self._held) - self._at
        end = begin + _SECTOR_BYTES - begin % _SECTOR_BYTES
        self._stream.seek(begin)
        try:
            return self._stream.read(end - begin)
        except OSError:
            self._unreadable += 1
            self._stream.seek(end)
            # Zeros would be room that nobody has written to yet.
            return b"\xff" * (end - begin)


def _whole(window: _Window) -> tuple[Record, bytes] | None:
    """Read the record here, with the hash it carries; None if none is whole."""
    head = window.peek(_HEAD.size)
    if len(head) < _HEAD.size or not head.startswith(_MARK):
        return None
    _, length, kind, number, written_ms, before = _HEAD.unpack(head)
    size = _HEAD.size + length + _CHECK.size
    if length > PAYLOAD_MAX_BYTES or len(frame := window.peek(size)) < size:
        return None
    if not _passes(frame):
        return None
    record = Record(
        number=number,
        offset=window.offset,
        end=window.offset + size,
        written_ms=written_ms,
        kind=kind,
        payload=frame[_HEAD.size : -_CHECK.size],
        chain=_hash(frame),
    )
    return record, before


def _is_broken(found: tuple[Record, bytes], chain: bytes | None, turn: Header | None) -> bool:
    """Whether a record does not carry the hash that is due, or, as the first one behind this header, is no turn.

    What a turn goes on from is in another file; that it is of this one, and says so itself, is seen here.
    """
    record, before = found
    if turn is not None:
        return (record.kind, record.payload) != (Kind.TURN, turn.chain + before)
    return chain is not None and before != chain


def _passes(frame: bytes) -> bool:
    """Whether the CRC at the end covers all before it."""
    return zlib.crc32(frame[: -_CHECK.size]) == int.from_bytes(frame[-_CHECK.size :])


def _pass_over(window: _Window, last: Record | None) -> Damage | None:
    """Move to the next whole record, or to the end, and tell what was in between; None for nothing but zeros there."""
    begin, is_none_here = window.offset, True
    dirty_begin = dirty_end = begin
    while chunk := window.peek(_CHUNK_BYTES):
        found = chunk.find(_MARK, int(is_none_here))
        # The end of a chunk may cut a mark: its last bytes are looked at again, with the next one.
        passed = chunk[: found if found >= 0 else max(len(chunk) - len(_MARK) + 1, 1)]
        if dirty := passed.strip(b"\0"):
            first = window.offset + passed.index(dirty)
            if dirty_end == begin and first >= begin + len(_MARK):
                # Nearer, it is a record that lacks its first bytes.
                dirty_begin = first
            dirty_end = window.offset + len(passed.rstrip(b"\0"))
        window.skip(len(passed))
        if found >= 0 and _whole(window) is not None:
            return _damage(Flaw.DAMAGED, last, begin, window.offset)
        is_none_here = found >= 0
    return _damage(Flaw.TORN, last, dirty_begin, dirty_end) if dirty_end > dirty_begin else None


def _damage(flaw: Flaw, last: Record | None, begin: int, end: int) -> Damage:
    number, after = (last.number + 1, last.written) if last else (1, None)
    return Damage(flaw=flaw, number=number, offset=begin, length=end - begin, after=after)


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:_HASH_BYTES]
