"""What a gate remembers of the grants it gave: control renews them, and the guard believes no others."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from callgate.core.verdict import Grant, Verdict
from callgate.gate import Gate
from callgate.grants import KEPT_S, Grants, is_held, made_at
from clinic_samples import (
    BRUSSELS,
    HOLD,
    NONCE,
    OBSERVING,
    PARIS,
    POINTE_A_PITRE,
    TUESDAY_11,
    Site,
    open_site,
    policy_text,
    silent_ledger,
)

EMERGENCY = "*31#*31#15"


async def gate_of(site: Site) -> Gate:
    await site.shelf.open()
    return site.gate


async def decided(gate: Gate, site: Site, dialled: str) -> Verdict:
    return await gate.decide(site.passage(dialled), site.now)


async def test_a_held_call_is_known_with_what_was_asked_and_what_was_held(tmp_path: Path) -> None:
    site = open_site(tmp_path)
    gate = await gate_of(site)
    grant = await decided(gate, site, POINTE_A_PITRE)
    issued = gate.grants.get(HOLD)
    assert isinstance(grant, Grant)
    assert issued is not None
    assert (issued.number, issued.endpoint, issued.at) == (grant.number, "carrier-a", TUESDAY_11)
    assert (issued.attempt, issued.priced.ordinary) == (site.passage(POINTE_A_PITRE).attempt, False)
    assert issued.request is not None
    assert issued.held is not None
    assert (issued.request.hold_id, issued.held.seconds) == (HOLD, grant.seconds)


async def test_a_call_on_the_allowance_is_known_without_a_hold(tmp_path: Path) -> None:
    site = open_site(tmp_path, ledger=silent_ledger(tmp_path))
    gate = await gate_of(site)
    await decided(gate, site, PARIS)
    issued = gate.grants.get(f"local:{NONCE}.{int(TUESDAY_11.timestamp())}")
    assert issued is not None
    assert (issued.number, issued.request, issued.held) == ("+33142685300", None, None)


async def test_a_call_that_is_only_observed_is_known_too(tmp_path: Path) -> None:
    site = open_site(tmp_path, policy_text(OBSERVING))
    gate = await gate_of(site)
    await decided(gate, site, BRUSSELS)
    issued = gate.grants.get(f"observe:{NONCE}")
    assert issued is not None
    assert (issued.request, issued.held) == (None, None)


async def test_a_refusal_a_call_nobody_wrote_down_and_an_emergency_are_no_grants(tmp_path: Path) -> None:
    site = open_site(tmp_path)
    site.journal.file.mkdir()
    gate = await gate_of(site)
    for dialled in (BRUSSELS, POINTE_A_PITRE, EMERGENCY):
        await decided(gate, site, dialled)
    assert (gate.grants.get(HOLD), gate.grants.get("emergency")) == (None, None)


@pytest.mark.parametrize(("is_linked", "seconds"), [(False, 1198), (True, 58)])
async def test_a_costly_call_is_granted_in_slices_exactly_while_somebody_can_renew_them(
    tmp_path: Path, *, is_linked: bool, seconds: int
) -> None:
    site = open_site(tmp_path)
    gate = replace(await gate_of(site), slices=lambda: is_linked)
    grant = await decided(gate, site, POINTE_A_PITRE)
    assert isinstance(grant, Grant)
    assert (grant.seconds, grant.is_final) == (seconds, not is_linked)


async def test_an_ordinary_call_is_granted_in_full_either_way(tmp_path: Path) -> None:
    site = open_site(tmp_path)
    gate = replace(await gate_of(site), slices=lambda: True)
    grant = await decided(gate, site, PARIS)
    assert isinstance(grant, Grant)
    assert grant.seconds == 7200


async def test_a_grant_is_forgotten_when_its_call_is_over_or_no_call_can_still_be_up(tmp_path: Path) -> None:
    site = open_site(tmp_path)
    gate = await gate_of(site)
    await decided(gate, site, PARIS)
    first = gate.grants.get(HOLD)
    assert first is not None
    now_s = [0.0]
    grants = Grants(lambda: now_s[0])
    for name, after_s in (("a", 0), ("b", 0), ("c", KEPT_S), ("d", 1)):
        now_s[0] += after_s
        grants.add(replace(first, grant=name))
        grants.end("b")
        grants.end("never given")
    assert [name for name in "abcd" if grants.get(name) is not None] == ["c", "d"]
    assert [grants.given_s(name) for name in "ad"] == [None, KEPT_S + 1]


@pytest.mark.parametrize("step", [timedelta(days=-365), timedelta(hours=3)], ids=["back", "ahead"])
async def test_a_clock_that_is_set_makes_no_grant_older_or_younger(tmp_path: Path, step: timedelta) -> None:
    """Set back it once kept every grant for a year; set ahead it forgot those of calls that were up."""
    site = open_site(tmp_path)
    gate = await gate_of(site)
    await decided(gate, site, PARIS)
    first = gate.grants.get(HOLD)
    assert first is not None
    now_s = [0.0]
    grants = Grants(lambda: now_s[0])
    grants.add(first)
    grants.add(replace(first, grant="after it", at=first.at + step))
    assert grants.get(HOLD) is not None
    now_s[0] += KEPT_S + 1
    grants.add(replace(first, grant="later", at=first.at + step))
    assert [grants.get(name) is not None for name in (HOLD, "after it", "later")] == [False, False, True]


@pytest.mark.parametrize(
    ("grant", "held", "made"),
    [
        (HOLD, True, TUESDAY_11),
        (f"local:{NONCE}.{int(TUESDAY_11.timestamp())}", False, TUESDAY_11),
        (f"observe:{NONCE}", False, None),
        ("emergency", False, None),
        ("", False, None),
    ],
)
def test_a_grant_says_by_its_id_whether_it_is_a_hold_and_when_it_was_given(
    grant: str, made: datetime | None, *, held: bool
) -> None:
    assert (is_held(grant), made_at(grant)) == (held, made)
