"""The daemon takes a switched rate deck without a restart; one that cannot be used leaves the former in force."""

import asyncio
import gc
import json
import os
import sys
from pathlib import Path

import pytest

from callgate.clinic import LoadedDeck, load_clinics, load_deck
from callgate.core.reasons import Reason
from callgate.core.verdict import Grant, Refusal
from callgate.ledger.memory import MemoryLedger, at_second
from callgate.policies import PolicyShelf, deck_to_serve
from callgate.rates.shelf import rollback, switch
from callgate.settings import load_settings
from clinic_samples import CLINIC, PARIS, POINTE_A_PITRE, SETTINGS, Site, open_site, policy_text, write_site

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
        rollback(site.folder / "rates.csv", number, currency="EUR", author="")
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


async def test_a_deck_that_was_written_over_with_its_date_kept_is_taken(site: Site) -> None:
    """Whoever gives a file its rights back, or copies another over it with its date, changes neither size nor date."""
    file = site.folder / "rates.csv"
    file.write_text(DEAR)
    await site.shelf.reload_decks()
    found = file.stat()
    file.write_text(DEAR.replace("0.50", "0.60"))
    os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
    await site.shelf.reload_decks()
    assert minute_micros(site) == 600_000


@pytest.mark.parametrize("text", [DEAR, BROKEN])
async def test_calls_have_the_right_of_way_while_a_deck_is_read_and_after_it_all_is_as_before(
    site: Site, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """A collection of garbage meanwhile, with some large decks in memory, stopped every call for 0.17 s."""
    during: list[tuple[bool, bool]] = []
    former = sys.getswitchinterval()

    def watched(file: Path, currency: str) -> LoadedDeck:
        during.append((gc.isenabled(), sys.getswitchinterval() < former))
        return load_deck(file, currency)

    monkeypatch.setattr("callgate.policies.load_deck", watched)
    (site.folder / "rates.csv").write_text(text)
    await site.shelf.reload_decks()
    assert during == [(False, True)]
    assert (gc.isenabled(), sys.getswitchinterval()) == (True, former)


ROSES = "cabinet-des-roses"


def two_clinics(folder: Path) -> PolicyShelf:
    """Two clinics with one operator, and one deck."""
    second = f'[[clinic]]\nname = "{ROSES}"\npolicy = "roses.toml"\nrates = "rates.csv"\n\n'
    settings = write_site(folder, settings=SETTINGS.replace("[[trunk]]", second + "[[trunk]]", 1))
    (folder / "roses.toml").write_text(policy_text({CLINIC: ROSES}))
    clinics = load_clinics(load_settings(settings), folder)
    return PolicyShelf(clinics, MemoryLedger(at_second(lambda: 1_800_000_000)), folder / "state")


async def test_clinics_that_share_a_deck_take_the_next_one_together_and_share_it(tmp_path: Path, capsys: Logs) -> None:
    shelf = two_clinics(tmp_path)
    (tmp_path / "rates.csv").write_text(DEAR)
    await shelf.reload_decks()
    assert shelf.clinic(ROSES).rates is shelf.clinic(CLINIC).rates
    assert len(shelf.clinic(ROSES).deck.rates) == 2
    assert len(events(capsys, "rates.adopted")) == 2


async def test_a_broken_deck_of_several_clinics_is_told_once_with_their_names(tmp_path: Path, capsys: Logs) -> None:
    shelf = two_clinics(tmp_path)
    (tmp_path / "rates.csv").write_text(BROKEN)
    for _ in range(2):
        await shelf.reload_decks()
    (told,) = events(capsys, "rates.refused")
    assert CLINIC in told
    assert ROSES in told


# A gate that starts while a deck cannot be used.


async def started_again(site: Site, text: str | None) -> None:
    """Leave a text in place of the deck, or nothing, and start the gate again."""
    file = site.folder / "rates.csv"
    file.unlink()
    if text is not None:
        file.write_text(text, errors="surrogateescape")
    site.shelf = PolicyShelf(
        load_clinics(site.settings, site.folder, deck_to_serve), site.ledger, site.folder / "state"
    )
    await site.shelf.open()


@pytest.mark.parametrize("text", [BROKEN, IN_FRANCS, "", None, "\udcff"])
async def test_a_gate_that_starts_with_a_broken_deck_serves_the_last_good_one_and_says_so(
    site: Site, capsys: Logs, text: str | None
) -> None:
    """A slip in one clinic's spreadsheet kept the gate down for every clinic of the fleet."""
    file = site.folder / "rates.csv"
    switch(file, DEAR, author="", note="")
    capsys.readouterr()
    await started_again(site, text)
    assert minute_micros(site) == 500_000
    (told,) = events(capsys, "rates.unusable")
    assert CLINIC in told
    assert site.shelf.clinic(CLINIC).rates.problem
    assert str(file) in told
    await site.shelf.reload_decks()
    assert events(capsys, "rates.") == [], "the same file is not read again"
    file.write_text(DEAR.replace("0.50", "0.60"))
    await site.shelf.reload_decks()
    assert (minute_micros(site), site.shelf.clinic(CLINIC).rates.problem) == (600_000, "")


@pytest.mark.parametrize("history", ["none", "damaged", "not for reading"])
async def test_without_a_good_deck_that_clinic_has_no_rates_and_costly_calls_stop(site: Site, history: str) -> None:
    folder = site.folder / "rates.csv.history"
    if history == "damaged":
        switch(site.folder / "rates.csv", DEAR, author="", note="")
        (folder / "history.jsonl").write_text("{}\n")
    if history == "not for reading":
        (folder / "history.jsonl").mkdir(parents=True)
    await started_again(site, BROKEN)
    costly = await site.gate.decide(site.passage(POINTE_A_PITRE), site.now)
    assert isinstance(costly, Refusal)
    assert costly.reasons == (Reason.RATE_UNKNOWN,)
    ordinary = await site.gate.decide(site.passage(PARIS), site.now)
    assert isinstance(ordinary, Grant)
    assert ordinary.held_micros == 150_000, "the cap of its class"


async def test_a_broken_deck_of_one_clinic_leaves_the_others_their_own(tmp_path: Path) -> None:
    two_clinics(tmp_path)
    settings = tmp_path / "callgate.toml"
    settings.write_text(settings.read_text().replace('"rates.csv"', '"broken.csv"', 1))
    (tmp_path / "broken.csv").write_text(BROKEN)
    clinics = load_clinics(load_settings(settings), tmp_path, deck_to_serve)
    assert clinics[CLINIC].deck.rates == {}
    assert clinics[ROSES].deck.rates
    assert clinics[ROSES].rates.problem == ""


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
