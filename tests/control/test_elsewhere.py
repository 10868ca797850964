"""Grants that this run of the gate did not give: which of them pay for the leg that shows them."""

from dataclasses import replace
from pathlib import Path

import pytest

from callgate.control.elsewhere import EARLIER_S, OtherGrants
from callgate.control.switch import Leg
from callgate.core.verdict import Grant
from callgate.ledger.base import Ledger
from callgate.recall import Recall
from callgate.tags import load_tagger
from clinic_samples import PARIS, POINTE_A_PITRE, Site, open_site, silent_ledger
from control.guard_post import LEG, PARIS_WIRE

GUADELOUPE_WIRE = "+590590271212"
SATELLITE = "+881612345678"


async def open_clinic(folder: Path) -> Site:
    site = open_site(folder)
    await site.shelf.open()
    return site


async def held(site: Site, dialled: str) -> Leg:
    """A leg with a grant of another gate."""
    grant = await site.gate.decide(site.passage(dialled), site.now)
    assert isinstance(grant, Grant)
    return replace(LEG, grant=grant.grant_id, dialled=grant.number, entry="callgate")


def others(site: Site, ledger: Ledger, now_s: list[float]) -> OtherGrants:
    tagger = load_tagger(site.folder / "state")
    recall = Recall(settings=site.settings, shelf=site.shelf, tagger=tagger, clock=lambda: site.now)
    return OtherGrants(recall.issued, ledger, lambda: now_s[0])


@pytest.mark.parametrize(
    ("granted", "changes", "covers"),
    [
        (PARIS, {}, True),
        (POINTE_A_PITRE, {}, True),
        (POINTE_A_PITRE, {"dialled": PARIS_WIRE}, True),
        (PARIS, {"dialled": GUADELOUPE_WIRE}, False),
        (PARIS, {"dialled": SATELLITE}, False),
        (POINTE_A_PITRE, {"dialled": SATELLITE}, False),
        (POINTE_A_PITRE, {"dialled": "+41446681800"}, False),
        (POINTE_A_PITRE, {"dialled": "+99999"}, False),
        (PARIS, {"grant": "pbx1.x.1.1795370990"}, False),
        (PARIS, {"entry": ""}, False),
        (PARIS, {"endpoint": "unknown"}, False),
    ],
)
async def test_a_hold_covers_a_leg_whose_number_it_pays_for(
    tmp_path: Path, granted: str, changes: dict[str, str], *, covers: bool
) -> None:
    site = await open_clinic(tmp_path)
    leg = replace(await held(site, granted), **changes)  # type: ignore[arg-type]  # a table of tests names the fields
    assert await others(site, site.ledger, [0.0]).cover(leg) is covers


async def test_a_call_that_is_over_covers_nothing(tmp_path: Path) -> None:
    site = await open_clinic(tmp_path)
    leg = await held(site, PARIS)
    await site.ledger.void("cabinet-des-lilas", leg.grant)
    assert not await others(site, site.ledger, [0.0]).cover(leg)


@pytest.mark.parametrize(("after_s", "covers"), [(EARLIER_S, True), (EARLIER_S + 1, False)])
async def test_while_the_ledger_is_silent_a_grant_is_believed_just_after_a_start(
    tmp_path: Path, after_s: float, *, covers: bool
) -> None:
    """A gate that was restarted with its Redis away once hung up calls that the run before had granted."""
    site, now_s = await open_clinic(tmp_path), [50.0]
    asked = others(site, silent_ledger(tmp_path), now_s)
    now_s[0] += after_s
    assert await asked.cover(await held(site, PARIS)) is covers
