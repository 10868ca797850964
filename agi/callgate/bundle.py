"""A bundle of documents for an engineer elsewhere: packed only after a last look that nothing in it is for nobody."""

import gzip
import io
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from callgate.screening import Found, Leak, leaks, leaks_in

FOLDER = "callgate-support"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file of a bundle; the end of its name says what is in it: ``.json`` a document, ``.txt`` lines of a log."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAway:
    """What must not leave: in which file, where in it, and what it is; never the thing itself."""

    member: str
    place: str
    leak: Leak


def document(name: str, value: object) -> Member:
    """Make a member of what JSON knows, with its keys in their order."""
    return Member(name=f"{name}.json", content=msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")


def given_away(members: Sequence[Member]) -> Iterator[GivenAway]:
    """Look once more at what would be handed out, as it would be read."""
    for member in members:
        for found in _found(member):
            yield GivenAway(member=member.name, place=found.path, leak=found.leak)


def _found(member: Member) -> Iterator[Found]:
    if member.name.endswith(".json"):
        yield from leaks_in(msgspec.json.decode(member.content))
        return
    for number, line in enumerate(member.content.decode(errors="replace").splitlines(), start=1):
        try:
            # A line of the gate's own log: its figures are figures.
            value = msgspec.json.decode(line)
        except msgspec.DecodeError:
            yield from (Found(leak=leak, path=str(number)) for leak in leaks(line))
        else:
            yield from (Found(leak=one.leak, path=f"{number}: {one.path}") for one in leaks_in(value))


def packed(members: Sequence[Member], at: datetime) -> bytes:
    """Pack them, each for its owner alone; the same members at the same instant give the same bytes."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member in members:
            about = tarfile.TarInfo(f"{FOLDER}/{member.name}")
            about.size, about.mtime, about.mode = len(member.content), int(at.timestamp()), 0o600
            archive.addfile(about, io.BytesIO(member.content))
    return gzip.compress(plain.getvalue(), mtime=0)
