"""The daemon takes a switched rate deck without a restart; one that cannot be used leaves the former in force."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from callgate.core.verdict import Grant
from callgate.rates.shelf import rollback, switch
from clinic_samples import CLINIC, POINTE_A_PITRE, Site, open_site

HEADER = "prefix,label,connect_fee,per_minute,first_increment_s,increment_s,currency,tax,valid_from,valid_to"
DEAR = f"{HEADER}\n+590,dear,0,0.50,1,1,EUR,0,,\n+33,France,0,0.02,1,1,EUR,0,,\n"
BROKEN = f"{HEADER}\n+590,broken,0,-1,1,1,EUR,0,,\n"
IN_FRANCS = DEAR.replace("EUR", "CHF")

Logs = pytest.CaptureFixture[str]


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    site = open_site(tmp_path)
    await site.shelf.open()
    return site


def minute_micros(site: Site) -> int:
    """What a minute to Guadeloupe costs."""
    at = site.now.astimezone(site.shelf.clinic(CLINIC).policy.timezone)
    rate = site.shelf.clinic(CLINIC).deck.rate_at("+590590271212", at)
    assert rate is not None
    return rate.per_minute_micros


def events(logs: Logs, event: str) -> list[str]:
    return [line for line in "".join(logs.readouterr()).splitlines() if event in line]


async def test_a_switched_deck_prices_the_next_call(site: Site) -> None:
    switch(site.folder / "rates.csv", DEAR, author="installer", note="")
    await site.shelf.reload_decks()
    verdict = await site.gate.decide(site.passage(POINTE_A_PITRE), site.now)
    assert isinstance(verdict, Grant)
    # EUR 5.00 of the overseas departments' day, at 0.50 a minute, less the margin of a cut.
    assert (verdict.seconds, verdict.held_micros) == (598, 5_000_000)


async def test_a_rollback_is_taken_as_well(site: Site) -> None:
    former = minute_micros(site)
    for number in (switch(site.folder / "rates.csv", DEAR, author="", note=""), 1):
        await site.shelf.reload_decks()
        rollback(site.folder / "rates.csv", number, author="")
    await site.shelf.reload_decks()
    assert minute_micros(site) == former


@pytest.mark.parametrize("text", [BROKEN, IN_FRANCS, "", None, "\udcff"])
async def test_a_deck_that_cannot_be_used_leaves_the_former_and_is_told_once(
    site: Site, capsys: Logs, text: str | None
) -> None:
    file, clinic = site.folder / "rates.csv", site.shelf.clinic(CLINIC)
    if text is None:
        file.unlink()
    else:
        file.write_text(text, errors="surrogateescape")
    for _ in range(3):
        await site.shelf.reload_decks()
    assert site.shelf.clinic(CLINIC) is clinic
    assert len(events(capsys, "rates.refused")) == 1
    file.write_text(DEAR)
    await site.shelf.reload_decks()
    assert minute_micros(site) == 500_000


async def test_the_same_fault_is_told_again_after_a_good_deck(site: Site, capsys: Logs) -> None:
    file = site.folder / "rates.csv"
    for _ in range(2):
        file.unlink()
        await site.shelf.reload_decks()
        file.write_text(DEAR)
        await site.shelf.reload_decks()
    assert len(events(capsys, "rates.refused")) == 2


async def test_a_deck_that_has_not_changed_is_not_read_again(site: Site) -> None:
    clinic = site.shelf.clinic(CLINIC)
    await site.shelf.reload_decks()
    assert site.shelf.clinic(CLINIC) is clinic


async def test_a_deck_of_the_same_size_and_age_in_the_place_of_another_is_taken(site: Site) -> None:
    file = site.folder / "rates.csv"
    file.write_text(DEAR)
    await site.shelf.reload_decks()
    found = file.stat()
    other = file.with_name("other.csv")
    other.write_text(DEAR.replace("0.50", "0.60"))
    os.utime(other, ns=(found.st_atime_ns, found.st_mtime_ns))
    other.replace(file)
    await site.shelf.reload_decks()
    assert minute_micros(site) == 600_000


async def test_the_log_says_which_deck_is_in_force(tmp_path: Path, capsys: Logs) -> None:
    site = open_site(tmp_path)
    await site.shelf.open()
    switch(tmp_path / "rates.csv", DEAR, author="", note="")
    await site.shelf.reload_decks()
    first, second = events(capsys, "rates.adopted")
    assert str(tmp_path / "rates.csv") in first
    kept = (tmp_path / "rates.csv.history" / "history.jsonl").read_text().splitlines()
    assert json.loads(kept[1])["sha256"] in second


async def test_the_background_looks_at_the_decks_by_itself(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callgate.bookkeeper.DECKS_PAUSE_S", 0.01)
    (site.folder / "rates.csv").write_text(DEAR)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(site.bookkeeper.run(), 1)
    assert minute_micros(site) == 500_000
