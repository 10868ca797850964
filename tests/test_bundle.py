"""A bundle is looked at once more before it leaves, as it would be read, and is the same each time."""

import io
import tarfile

import pytest

from callgate.bundle import FOLDER, GivenAway, Member, document, given_away, packed
from callgate.screening import Leak
from journal_samples import AT

LOG = """\
{"ts": "2026-11-24T10:00:00Z", "event": "call.granted", "dialled": "0014268••••", "held_micros": 120000000}
plain words of 1732442400.12
"""


def test_a_bundle_holds_each_member_whole_and_for_its_owner_alone() -> None:
    members = [document("status", {"gate": "up", "micros": 120000000}), Member(name="log.txt", content=LOG.encode())]
    assert list(given_away(members)) == []
    with tarfile.open(fileobj=io.BytesIO(packed(members, AT))) as archive:
        found = archive.getmembers()
        assert [(one.name, one.mode, one.mtime) for one in found] == [
            (f"{FOLDER}/status.json", 0o600, int(AT.timestamp())),
            (f"{FOLDER}/log.txt", 0o600, int(AT.timestamp())),
        ]
        log = archive.extractfile(found[1])
        assert log is not None
        assert log.read() == LOG.encode()


def test_the_same_members_make_the_same_bytes() -> None:
    members = [document("status", {"gate": "up"})]
    assert packed(members, AT) == packed(members, AT)


@pytest.mark.parametrize(
    ("member", "place", "leak"),
    [
        (document("rows", [{"number": "+3314268••••"}, {"number": "+33142685300"}]), "[1].number", Leak.NUMBER),
        (document("settings", {"gate": {"password": "hunter2"}}), "gate.password", Leak.SECRET),
        (Member(name="log.txt", content=LOG.encode() + b"called 0142685300\n"), "3", Leak.NUMBER),
        (Member(name="log.txt", content=b'{"event": "x", "number": "0142685300"}'), "1: number", Leak.NUMBER),
        (Member(name="log.txt", content=b'\xff "Dr Martin" <101>'), "1", Leak.PERSON),
    ],
    ids=["a row", "a secret in the settings", "a plain line", "a line of the gate", "bytes that are no text"],
)
def test_what_must_not_leave_is_named_with_its_place_and_not_shown(member: Member, place: str, leak: Leak) -> None:
    found = list(given_away([member]))
    assert found == [GivenAway(member=member.name, place=place, leak=leak)]
    assert not any(thing in str(found) for thing in ("685300", "hunter2", "Martin"))
