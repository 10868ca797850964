"""Bytes to text: every encoding an operator's export comes in, and what is no text at all."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.deck import LINES_MAX
from callgate.rates.encoding import FILE_MAX_BYTES, LINE_MAX_CHARACTERS, decode
from callgate.rates.findings import Finding, Place, Problem, UnusableError

TEXT = "Préfixe;Libellé\n0033;Côte d\u2019Ivoire €\n"


@pytest.mark.parametrize(
    ("encoding", "mark", "told"),
    [
        ("utf-8", b"", "utf-8"),
        ("utf-8-sig", b"", "utf-8"),
        ("cp1252", b"", "cp1252"),
        ("utf-16-le", b"\xff\xfe", "utf-16"),
        ("utf-16-be", b"\xfe\xff", "utf-16"),
        ("utf-16-le", b"", "utf-16-le"),
        ("utf-16-be", b"", "utf-16-be"),
    ],
)
def test_the_encoding_of_an_export_is_found_out(encoding: str, mark: bytes, told: str) -> None:
    decoded = decode(mark + TEXT.encode(encoding))
    assert (decoded.text, decoded.encoding) == (TEXT, told)


@pytest.mark.parametrize("ending", ["\r\n", "\r", "\n"])
def test_lines_may_end_as_on_any_machine(ending: str) -> None:
    assert decode(TEXT.replace("\n", ending).encode()).text == TEXT


@pytest.mark.parametrize(
    ("raw", "kind", "line", "fields"),
    [
        (b"PK\x03\x04xl/workbook.xml", Problem.NOT_TEXT, 0, {"found": "XLSX, ODS, ZIP"}),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", Problem.NOT_TEXT, 0, {"found": "XLS"}),
        (b"%PDF-1.7", Problem.NOT_TEXT, 0, {"found": "PDF"}),
        (b"\x1f\x8b\x08", Problem.NOT_TEXT, 0, {"found": "GZIP"}),
        (b"prefix;label\n33;\x1b[2J\n", Problem.NOT_TEXT, 2, {"found": "U+001B"}),
        (b"prefix;label\n33;\x00\n", Problem.NOT_TEXT, 2, {"found": "U+0000"}),
        (b"\xff\xfe\x00", Problem.NOT_TEXT, 1, {"found": "utf-16, 0x00"}),
        (b"prix\ncaf\xe9 \x81", Problem.NOT_TEXT, 2, {"found": "cp1252, 0x81"}),
        (b"\n" + b"x" * (LINE_MAX_CHARACTERS + 1), Problem.UNSPLIT_ROW, 2, {"most": LINE_MAX_CHARACTERS}),
        (b"x" * 10_000_000, Problem.UNSPLIT_ROW, 1, {"most": LINE_MAX_CHARACTERS}),
        (b"\n" * (LINES_MAX + 1), Problem.TOO_MANY_ROWS, 0, {"most": 200_000}),
        (b"x" * (FILE_MAX_BYTES + 1), Problem.TOO_LARGE, 0, {"most_mib": 64}),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else str(value),
)
def test_what_is_no_list_of_prices_is_refused_at_once(
    raw: bytes, kind: Problem, line: int, fields: dict[str, str | int]
) -> None:
    with pytest.raises(UnusableError) as caught:
        decode(raw)
    assert caught.value.at(Place()) == Finding(kind=kind, place=Place(line=line), fields=fields)


@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_refused(raw: bytes) -> None:
    with suppress(UnusableError):
        assert "\r" not in decode(raw).text
