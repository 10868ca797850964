"""What the tests of the importer share: a clinic in France, and one row to vary."""

from dataclasses import replace
from datetime import date
from pathlib import Path

from callgate.core.plan import parse_plan
from callgate.rates.findings import Finding, Place
from callgate.rates.offers import ImportOptions, Offer
from callgate.rates.reader import Imported, read_file
from callgate.texts.catalog import Language, text

ROOT = Path(__file__).parents[2]
DECKS = ROOT / "tests" / "data" / "decks"
PLAN = parse_plan((ROOT / "policies" / "plans" / "FR.toml").read_text(encoding="utf-8"))
TODAY = date(2026, 11, 22)
OPTIONS = ImportOptions(plan=PLAN, currency="EUR", today=TODAY, stated_currency="EUR")


def read_text(text: str, options: ImportOptions = OPTIONS) -> Imported:
    """Import a text."""
    return read_file(text.encode(), options)


def said(finding: Finding, language: Language = Language.EN) -> str:
    """What a person reads of a finding."""
    return text(f"finding.{finding.kind}", language, **finding.fields)


def errors(imported: Imported) -> list[Finding]:
    """The findings that refuse the file; whatever was found can be said in both languages, and on any terminal."""
    for finding in imported.findings:
        assert all(said(finding, language) for language in Language)
        assert all(str(value).isprintable() for value in finding.fields.values())
    return [finding for finding in imported.findings if finding.refuses]


def place_free(offer: Offer) -> Offer:
    """An offer wherever it stood."""
    return replace(offer, place=Place())
