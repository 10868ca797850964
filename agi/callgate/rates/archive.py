"""A zip with the files of a tariff plan, unpacked in bounded memory whatever it claims of itself."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath

from callgate.rates.cgrates import COLUMNS
from callgate.rates.encoding import FILE_MAX_BYTES, too_large
from callgate.rates.findings import Problem, UnusableError

MARK = b"PK\x03\x04"
ENTRIES_MAX = 1_000
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


def unpack(raw: bytes) -> dict[str, bytes]:
    """Take the files of a CGRateS tariff plan out of a zip.

    Returns:
        Their contents by name, `FILE_MAX_BYTES` together at most; none if the zip holds none (a workbook is a zip too).

    Raises:
        UnusableError: if the zip is damaged, encrypted or too large, or two of its files have one name.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            return dict(_wanted(archive))
    # zipfile passes on what its parts raise for bytes that are no zip, for passwords and for unknown methods.
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError) as error:
        if isinstance(error, UnusableError):
            raise
        raise UnusableError(Problem.BAD_ARCHIVE, cause=type(error).__name__) from None


def _wanted(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    entries = archive.infolist()
    left = FILE_MAX_BYTES
    seen: set[str] = set()
    for entry in entries[:ENTRIES_MAX]:
        name = PurePosixPath(entry.filename).name
        if name not in COLUMNS or entry.compress_type not in _METHODS:
            continue
        if name in seen:
            raise UnusableError(Problem.SAME_NAME, file=name)
        seen.add(name)
        with archive.open(entry) as stream:
            content = stream.read(left + 1)  # not what the entry says of its own size
        left -= len(content)
        if left < 0:
            raise too_large()
        yield name, content
