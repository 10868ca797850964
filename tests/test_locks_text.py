"""A lock is told on one line: what it stops, until when on the clinic's clock, by whom and why, and how to lift it."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from callgate.cli import parser
from callgate.core.locks import Lock, LockedCalls, LockScope
from callgate.locks_text import lock_line, scope_words, selector
from callgate.texts.catalog import Language
from core.samples import a_lock

PARIS = ZoneInfo("Europe/Paris")
EVENING = datetime(2026, 11, 24, 20, tzinfo=UTC)
EVENING_IN_PARIS = "2026-11-24T21:00:00+01:00"
BY_LILAS = "by dr.lilas on 2026-11-24T10:00:00+01:00"
SCOPES = [LockScope(calls=calls, extension=line) for calls in LockedCalls for line in ("", "23")]


@pytest.mark.parametrize(
    ("lock", "english"),
    [
        (
            a_lock(),
            f"Locked: every call but emergency calls; until somebody unlocks; {BY_LILAS}: strange calls at night",
        ),
        (
            replace(a_lock(LockedCalls.INTERNATIONAL, "23", EVENING, cut=True), reason=""),
            f"Locked, calls in progress cut: calls abroad, extension 23; until {EVENING_IN_PARIS}; {BY_LILAS}: -",
        ),
    ],
)
def test_a_lock_is_told_on_the_clinic_s_clock(lock: Lock, english: str) -> None:
    assert lock_line(lock, PARIS, Language.EN) == english


def test_in_french_it_is_french() -> None:
    assert (
        scope_words(LockScope(calls=LockedCalls.COSTLY, extension="23"), Language.FR) == "les appels coûteux, poste 23"
    )


@pytest.mark.parametrize("scope", SCOPES)
def test_what_it_says_to_lift_a_lock_names_that_very_lock(scope: LockScope) -> None:
    assert parser().parse_args(["unlock", *selector(scope).split()]).only == scope
