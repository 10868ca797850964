"""The same prices in eight operators' files: whatever the format, the clinic gets the same deck.

The samples are made from the published column descriptions of each format (docs/rates.md names them). What a format
cannot say is listed here, and nothing else may differ.
"""

from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

import pytest

from callgate.core.deck import parse_deck
from callgate.rates.columns import Format
from callgate.rates.findings import Problem
from callgate.rates.offers import Offer
from callgate.rates.reader import Imported, read_files
from callgate.rates.week import read_hours
from rates.samples import DECKS, OPTIONS, ROOT, errors, place_free, read_text

NO_DAYS = "days"
NO_HOURS = "hours"
NO_LABELS = "labels"
NO_SHORT_CODES = "short codes"
PEAK = read_hours("mon-fri 08:00-19:00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One sample, and what its format cannot say."""

    path: str
    file_format: Format
    cannot_say: frozenset[str] = frozenset()
    warned: frozenset[Problem] = frozenset({Problem.GAP, Problem.DEAR})


SAMPLES = [
    Sample(path="simple.csv", file_format=Format.SIMPLE),
    Sample(path="excel.txt", file_format=Format.SIMPLE),
    Sample(path="ovh.csv", file_format=Format.OVH, warned=frozenset({Problem.GAP, Problem.DEAR, Problem.LEFT_OUT})),
    Sample(
        path="a2billing.csv",
        file_format=Format.A2BILLING,
        cannot_say=frozenset({NO_SHORT_CODES}),
        warned=frozenset({Problem.GAP, Problem.DEAR, Problem.LEFT_OUT, Problem.PREFIX_ASSUMED}),
    ),
    Sample(
        path="astpp.csv",
        file_format=Format.ASTPP,
        cannot_say=frozenset({NO_DAYS, NO_HOURS, NO_SHORT_CODES}),
        warned=frozenset({Problem.GAP, Problem.DEAR, Problem.PREFIX_ASSUMED}),
    ),
    Sample(
        path="kazoo.csv",
        file_format=Format.KAZOO,
        cannot_say=frozenset({NO_DAYS, NO_HOURS, NO_SHORT_CODES}),
        warned=frozenset(
            {Problem.GAP, Problem.DEAR, Problem.LEFT_OUT, Problem.COLUMNS_LEFT_OUT, Problem.PREFIX_ASSUMED}
        ),
    ),
    Sample(path="yeastar.csv", file_format=Format.YEASTAR, cannot_say=frozenset({NO_DAYS, NO_HOURS})),
    Sample(path="cgrates", file_format=Format.CGRATES, cannot_say=frozenset({NO_DAYS, NO_LABELS})),
]


def imported(sample: Sample) -> Imported:
    path = DECKS / sample.path
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    # Nothing in OVH's list tells that it is OVH's; the others are known by their columns.
    wanted = Format.OVH if sample.file_format is Format.OVH else None
    options = replace(OPTIONS, file_format=wanted, tax=Fraction("0.2"), peak=PEAK)
    return read_files({file.name: file.read_bytes() for file in files}, options)


def as_far_as_said(offers: tuple[Offer, ...], cannot_say: frozenset[str]) -> list[Offer]:
    """What of the deck a format can say; of several rates for a prefix the first."""
    kept: dict[object, Offer] = {}
    for offer in offers:
        if NO_SHORT_CODES in cannot_say and offer.prefix.startswith("short:"):
            continue
        said = place_free(offer)
        if NO_LABELS in cannot_say:
            said = replace(said, label="")
        if NO_DAYS in cannot_say:
            said = replace(said, first=None, last=None)
        if NO_HOURS in cannot_say:
            said = replace(said, week=None)
        days = () if NO_DAYS in cannot_say else (offer.first, offer.last)
        hours = () if NO_HOURS in cannot_say else (offer.week,)
        kept.setdefault((offer.prefix, days, hours), said)
    return list(kept.values())


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.path)
def test_every_format_gives_the_same_deck_as_far_as_it_can_say_it(sample: Sample) -> None:
    simple, found = imported(SAMPLES[0]), imported(sample)
    assert errors(found) == []
    assert found.file_format is sample.file_format
    expected = as_far_as_said(simple.rows, sample.cannot_say)
    assert [replace(place_free(row), label="") for row in found.rows] == [replace(row, label="") for row in expected]
    if NO_LABELS not in sample.cannot_say:
        assert [row.label for row in found.rows] == [row.label for row in expected]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.path)
def test_a_sample_is_warned_about_for_nothing_but_what_is_in_it(sample: Sample) -> None:
    assert {finding.kind for finding in imported(sample).findings} == sample.warned


def test_the_canonical_sample_is_imported_as_it_stands() -> None:
    assert imported(SAMPLES[0]).text == (DECKS / "simple.csv").read_text(encoding="utf-8")


def test_the_deck_that_ships_is_imported_as_it_stands() -> None:
    shipped = (ROOT / "policies" / "rates" / "FR-default.csv").read_text(encoding="utf-8")
    assert read_text(shipped).deck == parse_deck(shipped, "EUR")


def test_the_canonical_sample_has_forty_rows_and_every_kind_of_them() -> None:
    rows = imported(SAMPLES[0]).rows
    assert len(rows) >= 40
    assert any(row.week is not None for row in rows)
    assert date(2027, 1, 1) in {row.first for row in rows}
