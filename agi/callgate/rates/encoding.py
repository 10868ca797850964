"""Bytes to text: which encoding an operator's file is in, and whether it is text at all."""

import codecs
import re
from dataclasses import dataclass

from callgate.core.deck import LINES_MAX
from callgate.rates.findings import Problem, UnusableError

FILE_MAX_BYTES = 64 * 1024 * 1024
LINE_MAX_CHARACTERS = 20_000

_NOT_TEXT = {b"PK\x03\x04": "XLSX, ODS, ZIP", b"\xd0\xcf\x11\xe0": "XLS", b"%PDF": "PDF", b"\x1f\x8b": "GZIP"}
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_SAMPLE_BYTES = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """The text of a file, its line ends made line feeds, and the encoding it was in."""

    text: str
    encoding: str


def decode(raw: bytes) -> Decoded:
    """Read bytes as text: UTF-8 or UTF-16 with or without a mark, else Windows-1252.

    Raises:
        UnusableError: for what is too large or no text, and for lines that no deck has.
    """
    if len(raw) > FILE_MAX_BYTES:
        raise too_large()
    for mark, what in _NOT_TEXT.items():
        if raw.startswith(mark):
            raise UnusableError(Problem.NOT_TEXT, found=what)
    encoding = _encoding(raw)
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].decode(encoding, errors="ignore").count("\n") + 1
        found = f"{encoding}, 0x{raw[error.start]:02X}"
        raise UnusableError(Problem.NOT_TEXT, on_line=line, found=found) from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    _refuse_odd_lines(text)
    return Decoded(text=text, encoding=encoding.removesuffix("-sig"))


def too_large() -> UnusableError:
    """What there is to say of a file, or of the files in a zip, above `FILE_MAX_BYTES`."""
    return UnusableError(Problem.TOO_LARGE, most_mib=FILE_MAX_BYTES // 1024 // 1024)


def _encoding(raw: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if raw.startswith(mark):
            return encoding
    sample = raw[:_SAMPLE_BYTES]
    # Of western text in UTF-16 nearly every second byte is zero, of any other text none.
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if 2 * sample[start::2].count(0) > len(sample[start::2]):
            return encoding
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _refuse_odd_lines(text: str) -> None:
    control = _CONTROL.search(text)
    if control is not None:
        line = text.count("\n", 0, control.start()) + 1
        raise UnusableError(Problem.NOT_TEXT, on_line=line, found=f"U+{ord(control[0]):04X}")
    if text.count("\n") > LINES_MAX:
        raise UnusableError(Problem.TOO_MANY_ROWS, most=LINES_MAX)
    for line, content in enumerate(text.split("\n"), start=1):
        if len(content) > LINE_MAX_CHARACTERS:
            raise unsplit(line)


def unsplit(line: int) -> UnusableError:
    """What there is to say of a line whose quotes do not close, or that is too long to be a row."""
    return UnusableError(Problem.UNSPLIT_ROW, on_line=line, most=LINE_MAX_CHARACTERS)
