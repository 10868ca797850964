"""The journal's format: what was written is read, and whatever is changed in it is found, located and passed over."""

import errno
import io
import os
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate import journal_file
from callgate.journal_file import (
    HEADERS_BYTES,
    PAYLOAD_MAX_BYTES,
    Damage,
    Flaw,
    Kind,
    Record,
    chain_of,
    encode_header,
    encode_record,
    identity_of,
    is_cut_short,
    payload_in,
    read_header,
    scan,
)

IDENTITY = bytes(range(16))
NOON_MS = 1_795_600_000_000
ZEROS = bytes(100)


def written(*payloads: bytes, kind: Kind = Kind.ROW) -> bytes:
    """A journal of these payloads, a second apart, with a tail of zeros."""
    journal = encode_header(IDENTITY)
    header, _ = read_header(journal)
    assert header is not None
    chain = header.chain
    for number, payload in enumerate(payloads, start=1):
        record = encode_record(kind, payload, number=number, written_ms=NOON_MS + number * 1000, chain=chain)
        chain = chain_of(record)
        journal += record
    return journal + ZEROS


SMALL = written(b'{"call":"a"}', b"", b'{"call":"the third one"}', b'{"call":"d"}')


def read(journal: bytes, start: int = 0) -> tuple[list[Record], list[Damage]]:
    found = list(scan(io.BytesIO(journal), start))
    return [one for one in found if isinstance(one, Record)], [one for one in found if isinstance(one, Damage)]


WHOLE = read(SMALL)[0]
CONTENT_END = WHOLE[-1].end


@pytest.fixture(params=[1024 * 1024, 97, 7], ids=lambda size: f"read by {size} bytes")
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    size = request.param
    assert isinstance(size, int)
    monkeypatch.setattr(journal_file, "_CHUNK_BYTES", size)
    return size


@pytest.mark.usefixtures("chunk")
def test_records_come_back_as_they_were_written() -> None:
    records, damages = read(SMALL)
    assert [record.payload for record in records] == [
        b'{"call":"a"}',
        b"",
        b'{"call":"the third one"}',
        b'{"call":"d"}',
    ]
    assert [(record.number, record.kind) for record in records] == [(number, Kind.ROW) for number in range(1, 5)]
    assert records[0].written.isoformat() == "2026-11-25T09:46:41+00:00"
    assert damages == []
    for record in records:
        assert read(SMALL, record.end)[0] == records[record.number :]


def test_a_header_says_whose_the_journal_is() -> None:
    header, damages = read_header(SMALL)
    assert header is not None
    assert (header.identity, header.version, damages) == (IDENTITY, 1, [])


@pytest.mark.usefixtures("chunk")
@pytest.mark.parametrize("change", [0x01, 0x80, 0xFF])
def test_one_changed_byte_anywhere_is_found_and_located_and_costs_no_other_record(change: int) -> None:
    for position in range(len(SMALL)):
        changed = bytearray(SMALL)
        changed[position] ^= change
        records, damages = read(bytes(changed))
        (damage,) = damages
        assert damage.offset <= position <= damage.offset + damage.length, position
        hit = next((record for record in WHOLE if record.offset <= position < record.end), None)
        assert records == [record for record in WHOLE if record is not hit]
        if position < HEADERS_BYTES:
            assert (damage.flaw, damage.number, damage.after) == (Flaw.HEADER, 0, None)
        elif hit is None:
            assert (damage.flaw, damage.number) == (Flaw.TORN, 5)
            assert position - 3 <= damage.offset <= position
            assert damage.after == WHOLE[-1].written
        else:
            assert damage.flaw is (Flaw.TORN if hit is WHOLE[-1] else Flaw.DAMAGED)
            assert damage.number == hit.number
            assert damage.after == (WHOLE[hit.number - 2].written if hit.number > 1 else None)


@pytest.mark.usefixtures("chunk")
def test_a_journal_cut_at_any_byte_gives_every_whole_record_before_the_cut() -> None:
    for size in range(len(SMALL)):
        records, damages = read(SMALL[:size])
        assert records == [record for record in WHOLE if record.end <= size]
        flaws = {damage.flaw for damage in damages}
        if size < HEADERS_BYTES:
            assert flaws == {Flaw.HEADER}
        elif size >= CONTENT_END or size in {HEADERS_BYTES, *(record.end for record in WHOLE)}:
            assert flaws == set()
        else:
            assert flaws == {Flaw.TORN}


@pytest.mark.usefixtures("chunk")
def test_damage_over_several_records_is_one_place_and_the_numbers_say_how_many_are_gone() -> None:
    second, third = WHOLE[1], WHOLE[2]
    changed = SMALL[: second.offset + 9] + bytes(third.end - second.offset - 9) + SMALL[third.end :]
    records, (damage,) = read(changed)
    assert [record.number for record in records] == [1, 4]
    assert (damage.flaw, damage.number, damage.offset) == (Flaw.DAMAGED, 2, second.offset)
    assert damage.length == third.end - second.offset


def test_a_hole_that_a_power_cut_left_is_no_end() -> None:
    """The disk may have had a later block and not an earlier one."""
    second = WHOLE[1]
    changed = SMALL[: second.offset] + bytes(second.end - second.offset) + SMALL[second.end :]
    records, (damage,) = read(changed)
    assert [record.number for record in records] == [1, 3, 4]
    assert (damage.flaw, damage.offset) == (Flaw.DAMAGED, second.offset)


def test_a_record_is_read_again_from_its_place_as_long_as_every_byte_is_as_it_was() -> None:
    for record in WHOLE:
        frame = SMALL[record.offset : record.end]
        assert payload_in(frame) == record.payload
        assert payload_in(frame + b"\0") is None
        for place in range(len(frame)):
            assert payload_in(frame[:place]) is None
            assert payload_in(frame[:place] + bytes([frame[place] ^ 1]) + frame[place + 1 :]) is None


@pytest.mark.parametrize("size", [1, 3, 4, 30, 46, 47, 60])
def test_the_beginning_of_one_record_is_what_a_crash_leaves(size: int) -> None:
    frame = SMALL[WHOLE[2].offset : WHOLE[2].end]
    assert is_cut_short(frame[:size])
    assert not is_cut_short(frame)
    assert not is_cut_short(b"!" + frame[1:size])
    assert not is_cut_short(frame[:size] + frame)


def test_a_journal_has_a_name_of_its_own_whatever_is_left_of_its_headers() -> None:
    beginning = SMALL[:HEADERS_BYTES]
    assert identity_of(beginning) == identity_of(b"!" + beginning[1:]) == IDENTITY.hex()
    both = b"!" + beginning[1:32] + b"!" + beginning[33:]
    assert identity_of(both) == identity_of(both) != IDENTITY.hex()
    assert len(identity_of(both)) == 32


def forged(record: Record, payload: bytes) -> bytes:
    """A record with another payload, its CRC made right."""
    head = bytearray(SMALL[record.offset : record.end - 4 - len(record.payload)])
    head[4:8] = len(payload).to_bytes(4, "big")
    frame = bytes(head) + payload
    return frame + zlib.crc32(frame).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("changed", "numbers", "broken"),
    [
        (forged(WHOLE[1], b"clean") + SMALL[WHOLE[1].end :], [1, 2, 3, 4], (3, 3)),
        (SMALL[WHOLE[2].offset :], [1, 3, 4], (2, 3)),
        (SMALL[WHOLE[0].offset : WHOLE[0].end] + SMALL[WHOLE[1].offset :], [1, 1, 2, 3, 4], (2, 1)),
    ],
    ids=["a record rewritten with its CRC", "a record left out", "a record put in twice"],
)
def test_a_chain_shows_what_no_checksum_can(changed: bytes, numbers: list[int], broken: tuple[int, int]) -> None:
    """Where it breaks: the number that was due, and that of the record found there."""
    records, damages = read(SMALL[: WHOLE[0].end] + changed)
    assert [record.number for record in records] == numbers
    damage = damages[0]
    at_fault = next(record for record in records if record.offset == damage.offset)
    assert (damage.flaw, damage.length, (damage.number, at_fault.number)) == (Flaw.CHAIN, 0, broken)


def test_a_mark_that_begins_nothing_hides_nothing() -> None:
    end = WHOLE[0].end
    records, (damage,) = read(SMALL[:end] + b"\xffCG\xff\xffCG\xff\xffCG" + SMALL[end:])
    assert [record.number for record in records] == [1, 2, 3, 4]
    assert (damage.flaw, damage.offset, damage.length) == (Flaw.DAMAGED, end, 11)


def test_a_length_beyond_all_measure_is_not_believed() -> None:
    head = bytearray(SMALL)
    head[WHOLE[0].offset + 4 : WHOLE[0].offset + 8] = (PAYLOAD_MAX_BYTES + 1).to_bytes(4, "big")
    assert [record.number for record in read(bytes(head))[0]] == [2, 3, 4]


def test_a_version_of_tomorrow_is_a_header_all_the_same() -> None:
    tomorrow = bytearray(SMALL[:28])
    tomorrow[8:10] = b"\0\2"
    header, _ = read_header((bytes(tomorrow) + zlib.crc32(tomorrow).to_bytes(4, "big")) * 2)
    assert header is not None
    assert header.version == 2


class BeingWritten(io.BytesIO):
    """A file whose second record was not whole at the first look and is at the next."""

    def __init__(self) -> None:
        second = WHOLE[1]
        super().__init__(SMALL[: second.offset + 20] + bytes(second.end - second.offset - 20) + SMALL[second.end :])

    def seek(self, offset: int, whence: int = 0) -> int:
        if offset == WHOLE[1].offset:
            self.getbuffer()[:] = SMALL
        return super().seek(offset, whence)


def test_a_record_that_is_being_written_is_no_damage() -> None:
    found = list(scan(BeingWritten()))
    assert found == WHOLE


payloads = st.lists(st.binary(max_size=60) | st.just(b"\xffCG\xff"), max_size=6)


@given(payloads)
def test_whatever_is_written_is_read(contents: list[bytes]) -> None:
    records, damages = read(written(*contents, kind=Kind.CHANGE))
    assert [record.payload for record in records] == contents
    assert damages == []


def pieces() -> Iterator[st.SearchStrategy[bytes]]:
    yield st.binary(max_size=40)
    yield st.sampled_from([SMALL, SMALL[:HEADERS_BYTES], ZEROS, b"\xffCG\xff", SMALL[HEADERS_BYTES : WHOLE[2].end]])


@given(st.lists(st.one_of(*pieces()), max_size=5).map(b"".join))
def test_any_bytes_at_all_are_read_to_their_end(journal: bytes) -> None:
    for found in scan(io.BytesIO(journal)):
        assert 0 <= found.offset <= max(len(journal), HEADERS_BYTES)


class _Worn(io.BytesIO):
    """A file on a disk that cannot read one of its sectors, or any from there on."""

    def __init__(self, content: bytes, begin: int, end: int) -> None:
        super().__init__(content)
        self.unreadable = range(begin, end)

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to the worn sector, as a kernel does."""
        if self.tell() in self.unreadable:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if self.tell() < self.unreadable.start:
            size = min(size or 0, self.unreadable.start - self.tell())
        return super().read(size)


@pytest.mark.parametrize("sector", [3, 7, -1], ids=["early", "within a large record", "the last one"])
def test_a_sector_that_the_disk_cannot_read_takes_only_its_own_records_and_is_reported(sector: int) -> None:
    journal = written(*(b"." * size for size in (2000, 5000, 30, 30, 9000, 12, 13, 14, 15_000, 7, 8, 9, 45_000)))
    sector %= (len(journal) - len(ZEROS)) // 4096 + 1
    worn = range(sector * 4096, (sector + 1) * 4096)
    found = list(scan(_Worn(journal, worn.start, worn.stop)))
    whole = [one for one in read(journal)[0] if one.end <= worn.start or one.offset >= worn.stop]
    assert [one for one in found if isinstance(one, Record)] == whole
    (damage,) = (one for one in found if isinstance(one, Damage))
    assert damage.offset <= worn.start < damage.offset + damage.length


def test_a_disk_that_reads_no_more_ends_the_scan_with_its_own_words() -> None:
    with pytest.raises(OSError, match="Input/output error"):
        list(scan(_Worn(SMALL + bytes(8 * 1024 * 1024), HEADERS_BYTES, 2**40)))
