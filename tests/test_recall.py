"""A call that was up before the gate started: what it is, from what Asterisk keeps of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from callgate.control.switch import Leg
from callgate.core.attempt import Origin
from callgate.core.verdict import Grant
from callgate.grants import Issued
from callgate.recall import Recall
from callgate.tags import load_tagger
from clinic_samples import HOLD, NONCE, PARIS, POINTE_A_PITRE, TUESDAY_11, Site, open_site

ANSWERED = TUESDAY_11 + timedelta(seconds=7)


def leg(**changes: object) -> Leg:
    known = Leg(
        channel="PJSIP/carrier-a-00000001",
        uniqueid="1",
        linkedid="1",
        endpoint="carrier-a",
        dialled="+590590271212",
        grant=HOLD,
        entry="callgate",
        extension="101",
        origin=Origin.EXTENSION,
        answered=ANSWERED,
        is_new=False,
    )
    return replace(known, **changes)  # type: ignore[arg-type]  # a table of tests names the fields


def recalled(site: Site, found: Leg) -> Issued | None:
    tagger = load_tagger(site.folder / "state")
    recall = Recall(settings=site.settings, shelf=site.shelf, tagger=tagger, clock=lambda: site.now)
    return recall.issued(found)


@pytest.mark.parametrize(
    ("dialled", "trunk", "sent"),
    [(POINTE_A_PITRE, "carrier-a", "+590590271212"), (PARIS, "carrier-b", "0142685300")],
)
async def test_a_call_is_what_it_was_when_it_was_granted(tmp_path: Path, dialled: str, trunk: str, sent: str) -> None:
    site = open_site(tmp_path)
    await site.shelf.open()
    gate = site.gate
    passage = site.passage(dialled, trunk=trunk)
    grant = await gate.decide(passage, site.now)
    assert isinstance(grant, Grant)
    given = gate.grants.get(HOLD)
    assert given is not None
    found = recalled(site, leg(endpoint=trunk, dialled=sent))
    assert found is not None
    assert (found.priced, found.number, found.endpoint, found.at) == (given.priced, sent, trunk, TUESDAY_11)
    assert found.attempt == replace(given.attempt, nonce="", dialled=sent)
    assert (found.request, found.held) == (None, None)


@pytest.mark.parametrize(
    ("grant", "at"),
    [
        (f"local:{NONCE}.1795600000", datetime.fromtimestamp(1795600000, UTC)),
        (f"observe:{NONCE}", ANSWERED),
    ],
)
async def test_a_call_that_was_never_held_is_known_too(tmp_path: Path, grant: str, at: datetime) -> None:
    site = open_site(tmp_path)
    site.now = at + timedelta(minutes=1)
    found = recalled(site, leg(grant=grant))
    assert found is not None
    assert (found.grant, found.at) == (grant, at)


@pytest.mark.parametrize(
    "changes",
    [
        {"grant": ""},
        {"grant": "emergency", "dialled": "15"},
        {"entry": ""},
        {"entry": "gone"},
        {"endpoint": "another"},
        {"dialled": ""},
        {"dialled": "15"},
        {"dialled": "+33"},
    ],
    ids=lambda changes: " ".join(f"{name}={value}" for name, value in changes.items()),
)
def test_nobody_judges_what_he_cannot_name(tmp_path: Path, changes: dict[str, str]) -> None:
    assert recalled(open_site(tmp_path), leg(**changes)) is None


@pytest.mark.parametrize(
    ("grant", "entry", "is_found"),
    [("local:x", "", True), ("local:x", "another", False), (HOLD, "", False), ("", "", False)],
)
async def test_a_call_that_the_dialplan_let_go_is_found_by_its_trunk_so_that_a_lock_can_end_it(
    tmp_path: Path, grant: str, entry: str, *, is_found: bool
) -> None:
    site = open_site(tmp_path)
    await site.shelf.open()
    found = recalled(site, leg(grant=grant, entry=entry, dialled="+33142685300"))
    assert (found is not None) is is_found
    assert found is None or found.attempt.clinic == site.settings.clinic[0].name


async def test_a_grant_that_says_that_it_is_of_the_future_is_of_now(tmp_path: Path) -> None:
    """No lock would be newer."""
    site = open_site(tmp_path)
    await site.shelf.open()
    found = recalled(site, leg(grant="local:x.9999999999", dialled="+33142685300"))
    assert found is not None
    assert found.at == site.now
