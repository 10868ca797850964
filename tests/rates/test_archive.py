"""A zip with a tariff plan, and zips that are meant to do harm."""

import io
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.rates.archive import ENTRIES_MAX, unpack
from callgate.rates.cgrates import COLUMNS
from callgate.rates.encoding import FILE_MAX_BYTES
from callgate.rates.findings import Problem, UnusableError
from callgate.rates.reader import read_file, read_files
from rates.samples import DECKS, OPTIONS, errors

PLAN = {file.name: file.read_bytes() for file in sorted((DECKS / "cgrates").iterdir())}


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def test_a_zip_is_read_as_the_folder_it_was_made_of() -> None:
    inside = {f"tariff/{name}": content for name, content in PLAN.items()} | {"tariff/Actions.csv": b"x"}
    assert read_file(zipped(inside), OPTIONS) == read_files(PLAN, OPTIONS)


def test_a_workbook_is_to_be_saved_as_text() -> None:
    (found,) = errors(read_file(zipped({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"}), OPTIONS))
    assert (found.kind, found.fields) == (Problem.NOT_TEXT, {"found": "XLSX, ODS, ZIP"})


def test_a_zip_bomb_is_refused_before_it_fills_the_memory() -> None:
    bomb = zipped({"Rates.csv": b"0" * (FILE_MAX_BYTES + 1)})
    assert len(bomb) < 100_000
    with pytest.raises(UnusableError) as caught:
        unpack(bomb)
    assert caught.value.kind is Problem.TOO_LARGE


def test_many_files_count_together() -> None:
    half = b"0" * (FILE_MAX_BYTES // 2 + 1)
    with pytest.raises(UnusableError) as caught:
        unpack(zipped({"Rates.csv": half, "Destinations.csv": half}))
    assert caught.value.kind is Problem.TOO_LARGE


def test_a_zip_with_two_files_of_one_name_is_refused_because_nobody_knows_which_counts() -> None:
    (found,) = errors(read_file(zipped({f"{year}/Rates.csv": b"x" for year in (2025, 2026)}), OPTIONS))
    assert (found.kind, found.fields) == (Problem.SAME_NAME, {"file": "Rates.csv"})


def test_a_zip_of_very_many_files_is_looked_at_no_further() -> None:
    inside = {f"{number}.txt": b"" for number in range(ENTRIES_MAX)} | {"Rates.csv": b"x"}
    assert unpack(zipped(inside)) == {}


def test_a_method_of_packing_without_bounds_is_not_unpacked() -> None:
    assert unpack(zipped({"Rates.csv": b"x"}, zipfile.ZIP_LZMA)) == {}


def encrypted(raw: bytes) -> bytes:
    """Set the flag that says that entries need a password."""
    marked = bytearray(raw)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        marked[raw.index(mark) + offset] |= 1
    return bytes(marked)


def damaged(raw: bytes) -> bytes:
    """Break the packed bytes of the first entry."""
    packed = zlib.compress(b"x" * 1_000)[2:-4]
    place = raw.index(packed[:4])
    return raw[:place] + bytes(len(packed)) + raw[place + len(packed) :]


@pytest.mark.parametrize(
    "raw",
    [
        b"PK\x03\x04",
        zipped(PLAN)[:-30],
        encrypted(zipped({"Rates.csv": b"x" * 1_000})),
        damaged(zipped({"Rates.csv": b"x" * 1_000})),
    ],
    ids=["no zip", "cut off", "password", "damaged"],
)
def test_a_zip_that_cannot_be_read_is_refused(raw: bytes) -> None:
    (found,) = errors(read_file(raw, OPTIONS))
    assert found.kind is Problem.BAD_ARCHIVE


@given(place=st.integers(0, 2_000), value=st.integers(0, 255))
def test_a_zip_with_any_byte_changed_is_read_or_refused(place: int, value: int) -> None:
    raw = bytearray(zipped(PLAN))
    raw[place % len(raw)] = value
    imported = read_file(bytes(raw), OPTIONS)
    assert imported.refused or imported.rows


def test_the_sample_plan_has_every_file() -> None:
    assert set(PLAN) == set(COLUMNS)
