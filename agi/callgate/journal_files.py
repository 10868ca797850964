"""The files of a journal, in their order: the one that is written, and those that were closed, beside it.

A file is closed when it is long, or a month is over (`callgate.journal_writer`); the next one begins with a record
`Kind.TURN`, in which number and chain go on. The one that is written always has the journal's own name. A closed one is
named ``<journal>.closed-<n>``: what is in it, and not its name, says where it belongs.
"""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from callgate.disk import open_plain
from callgate.journal_file import HEADERS_BYTES, Damage, Flaw, Header, Record, follows, identity_of, read_header, scan

_ASIDE = ".torn-"
_CLOSED = ".closed-"
_NEXT = ".next"
_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of a journal, open.

    Fields:
        path: what it was found as; while it is open it may be closed, and then has another name.
        key: tells it from every other file, whatever it is called.
        header: None where neither copy is whole.
        beginning: its first 64 bytes.
        is_own: whether it is of the same journal as the one that is written now. A journal that was lost is begun anew
            under another name; what was closed before is still evidence, but says nothing of this gate's numbers.
    """

    path: Path
    key: str
    header: Header | None
    beginning: bytes
    is_own: bool
    stream: BinaryIO


def closed_files(file: Path) -> list[Path]:
    """The closed files of a journal, oldest first; one that is being closed just now may be the journal itself."""
    pattern = re.compile(re.escape(file.name + _CLOSED) + "[0-9]+")
    return sorted(found for found in file.parent.iterdir() if pattern.fullmatch(found.name))


def is_closed_file(file: Path) -> bool:
    """Whether a file is named like a closed one."""
    return re.search(re.escape(_CLOSED) + r"[0-9]+\Z", file.name) is not None


def next_closed_file(file: Path) -> Path:
    """The name that a journal gets when it is closed now."""
    closed = closed_files(file)
    number = int(closed[-1].name.rpartition("-")[2]) + 1 if closed else 1
    return file.with_name(f"{file.name}{_CLOSED}{number:0{_DIGITS}}")


def next_file(file: Path) -> Path:
    """The name of the file that is made ready to follow a journal."""
    return file.with_name(file.name + _NEXT)


def journal_bytes(file: Path) -> int:
    """How many bytes the files of a journal take.

    Raises:
        OSError: there is no such journal.
    """
    sizes = {part.key: os.fstat(part.stream.fileno()).st_size for part in open_parts(file)}
    return sum(sizes.values())


def open_parts(file: Path) -> Iterator[Part]:
    """Open the files of a journal, oldest first, each until the next one is asked for. It may be written meanwhile.

    Raises:
        FileNotFoundError: there is no such journal.
        OSError: a file cannot be read.
    """
    with open_plain(file) as stream:
        # Opened before the others are looked for: one that is closed meanwhile has its second name first.
        current = _part(file, stream, "")
        for path in closed_files(file):
            with ExitStack() as ending:
                part = _opened(path, current, ending)
                if part is not None:
                    yield part
        yield current


def open_parts_backwards(file: Path) -> Iterator[Part]:
    """The same, the latest first."""
    with open_plain(file) as stream:
        current = _part(file, stream, "")
        yield current
        for path in reversed(closed_files(file)):
            with ExitStack() as ending:
                part = _opened(path, current, ending)
                if part is not None:
                    yield part


def open_part(file: Path, key: str) -> BinaryIO:
    """Open one file of a journal again, whatever it is called by now.

    Raises:
        OSError: it is gone, or cannot be read.
    """
    for path in (file, *closed_files(file)):
        stream = open_plain(path)
        if _part(path, stream, "").key == key:
            return stream
        stream.close()
    raise OSError(errno.ESTALE, "a file of the journal was removed", str(file))


def scan_journal(file: Path) -> Iterator[tuple[Part, Record | Damage]]:
    """Read all files of a journal, oldest first; a damage says of which file it is.

    Raises:
        OSError: one cannot be read (`journal_file.scan`).
    """
    last: Record | None = None
    for part in open_parts(file):
        for found in scan_part(part, last):
            if isinstance(found, Record):
                last = found
            yield part, found


def scan_part(part: Part, last: Record | None, *, behind: Record | None = None) -> Iterator[Record | Damage]:
    """Read one file.

    Args:
        part: the file.
        last: the last record of the file before it; None where none was read.
        behind: go on behind this record of it (`journal_file.scan`).
    """
    is_first = behind is None
    for found in scan(part.stream, behind=behind):
        match found:
            case Record():
                # Damage at the beginning is told already.
                if is_first and last is not None and found.offset == HEADERS_BYTES and not follows(found, last):
                    yield missing(part, found, last)
                is_first = False
                yield found
            case Damage():
                yield _placed(found, part, last)


def _placed(damage: Damage, part: Part, last: Record | None) -> Damage:
    """Say in which file it is, and count from the file before it where nothing of this one is whole before it."""
    if last is None or damage.after is not None or damage.flaw is Flaw.HEADER:
        return replace(damage, file=part.path.name)
    return replace(damage, file=part.path.name, number=last.number + 1, after=last.written)


def missing(part: Part, first: Record, last: Record | None) -> Damage:
    """Say that what was between two files is not there; `last` is None where there is nothing in front."""
    number, after = (last.number + 1, last.written) if last else (1, None)
    return Damage(flaw=Flaw.MISSING, number=number, offset=first.offset, length=0, after=after, file=part.path.name)


def aside_files(file: Path) -> list[Path]:
    """The ends that were cut off a journal and wait for a person to look at them, beside it."""
    return sorted(found for found in file.parent.iterdir() if found.name.startswith(file.name + _ASIDE))


def next_aside_file(file: Path, begin: int) -> Path:
    """A name for the end that is cut off at a byte, which nothing has yet."""
    number = len(aside_files(file)) + 1
    while (aside := file.with_name(f"{file.name}{_ASIDE}{number}-at-{begin}")).exists():
        number += 1
    return aside


def _opened(path: Path, current: Part, ending: ExitStack) -> Part | None:
    """Open a closed file; None if it was removed meanwhile, or is the current one under its second name."""
    try:
        stream = ending.enter_context(open_plain(path))
    except FileNotFoundError:
        return None
    part = _part(path, stream, identity_of(current.beginning))
    return None if part.key == current.key else part


def _part(path: Path, stream: BinaryIO, identity: str) -> Part:
    found, beginning = os.fstat(stream.fileno()), stream.read(HEADERS_BYTES)
    own = identity_of(beginning)
    return Part(
        path=path,
        key=f"{found.st_dev}-{found.st_ino}-{own}",
        header=read_header(beginning)[0],
        beginning=beginning,
        is_own=identity in {"", own},
        stream=stream,
    )
