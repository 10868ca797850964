"""What a refusal says of the limits it hit: in words, on the clinic's clock, and never too early."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from callgate.core.hold import Denial, DenialKind, Window
from callgate.limits_text import limit_lines, scope
from callgate.texts.catalog import Language

EN, FR = Language.EN, Language.FR
PARIS = ZoneInfo("Europe/Paris")
AT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
"""10:30 in Paris."""
TAG = "0123456789abcdef"
TYPED = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2019": "'"})


def money(name: str, window: Window, left: int = 400_000, retry_s: int = 0) -> Denial:
    return Denial(kind=DenialKind.MONEY, name=name, window=window, left=left, retry_s=retry_s)


def other(kind: DenialKind, name: str, retry_s: int = 0) -> Denial:
    return Denial(kind=kind, name=name, window=None, left=0, retry_s=retry_s)


def told(denial: Denial, language: Language = EN, at: datetime = AT) -> str:
    (line,) = limit_lines([denial], at=at, zone=PARIS, currency="EUR", language=language)
    return line.translate(TYPED)


@pytest.mark.parametrize(
    ("denial", "english", "french"),
    [
        (
            money("costly", Window.DAY, retry_s=3600),
            "costly calls, in 24 hours: 0.40 EUR left; reopens on 2026-11-24 11:30 at the earliest",
            "appels coûteux, sur 24 heures : il reste 0.40 EUR ; réouverture le 2026-11-24 11:30 au plus tôt",
        ),
        (
            money("country:BE", Window.DAY, left=0),
            "calls to the country BE, in 24 hours: 0.00 EUR left; nobody can tell when it reopens",
            "appels vers le pays BE, sur 24 heures : il reste 0.00 EUR ; réouverture impossible à prévoir",
        ),
        (
            money(f"number:{TAG}:1796144400", Window.TOTAL),
            (
                "exception for this number, in all: 0.40 EUR left; "
                "may reopen when a call in progress ends, else with a new permission"
            ),
            (
                "autorisation exceptionnelle de ce numéro, en tout : il reste 0.40 EUR ; "
                "peut rouvrir à la fin d'un appel en cours, sinon avec une nouvelle autorisation"
            ),
        ),
        (
            money("costly", Window.MONTH),
            (
                "costly calls, this month: 0.40 EUR left; "
                "may reopen when a call in progress ends, else on 2026-12-01 00:00 at the earliest"
            ),
            (
                "appels coûteux, ce mois-ci : il reste 0.40 EUR ; "
                "peut rouvrir à la fin d'un appel en cours, sinon le 2026-12-01 00:00 au plus tôt"
            ),
        ),
        (
            other(DenialKind.LINES, "international"),
            "calls abroad: as many calls at once as are allowed are up; reopens when a call ends at the earliest",
            (
                "appels à l'étranger : tous les appels simultanés permis sont en cours ; "
                "réouverture à la fin d'un appel au plus tôt"
            ),
        ),
        (
            other(DenialKind.STARTS, f"same_number:{TAG}", retry_s=600),
            (
                "calls to this same number: as many starts as are allowed have taken place; "
                "reopens on 2026-11-24 10:40 at the earliest"
            ),
            (
                "appels vers ce même numéro : tous les départs permis ont eu lieu ; "
                "réouverture le 2026-11-24 10:40 au plus tôt"
            ),
        ),
        (
            other(DenialKind.NOVELTY, "country:BE"),
            "calls to the country BE: the first call; nobody can tell when it reopens",
            "appels vers le pays BE : premier appel ; réouverture impossible à prévoir",
        ),
    ],
)
def test_a_limit_is_told_with_what_is_left_and_when_it_reopens(denial: Denial, english: str, french: str) -> None:
    assert told(denial) == english
    assert told(denial, FR) == french


@pytest.mark.parametrize(
    ("at", "window", "retry_s", "reopens"),
    [
        (AT, Window.HOUR, 60, "2026-11-24 10:31"),
        # A second later than the minute is the next minute: never too early.
        (AT, Window.HOUR, 61, "2026-11-24 10:32"),
        (AT, Window.WEEK, 6 * 86_400, "2026-11-30 10:30"),
        # The clock goes back on the way: seconds pass, not hours of a wall.
        (datetime(2026, 10, 24, 22, tzinfo=UTC), Window.DAY, 86_400, "2026-10-25 23:00"),
    ],
)
def test_the_time_is_that_of_the_clinics_clock(at: datetime, window: Window, retry_s: int, reopens: str) -> None:
    line = told(money("costly", window, retry_s=retry_s), at=at)
    assert line.endswith(f"; reopens on {reopens} at the earliest")


@pytest.mark.parametrize(
    ("at", "month"),
    [
        (AT, "2026-12-01 00:00"),
        # In Paris it is December already.
        (datetime(2026, 11, 30, 23, tzinfo=UTC), "2027-01-01 00:00"),
    ],
)
def test_a_month_ends_on_the_clinics_clock_but_calls_in_progress_may_end_before(at: datetime, month: str) -> None:
    """EUR 5 held by one call of today were once said to be in the way until next month."""
    line = told(money("costly", Window.MONTH), at=at)
    assert line.endswith(f"; may reopen when a call in progress ends, else on {month} at the earliest")


def test_each_limit_has_its_line_in_the_order_given() -> None:
    denials = [money("costly", Window.DAY), money("international", Window.WEEK), other(DenialKind.LINES, "clinic")]
    lines = limit_lines(denials, at=AT, zone=PARIS, currency="CHF", language=EN)
    assert [line.partition(",")[0].partition(":")[0] for line in lines] == [
        "costly calls",
        "calls abroad",
        "calls of the clinic",
    ]
    assert "0.40 CHF" in lines[0]
    assert limit_lines([], at=AT, zone=PARIS, currency="EUR", language=EN) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("extension:101", "costly calls of extension 101"),
        ("external_to_external", "calls between two outside parties"),
        (f"external:{TAG}", "forwards and transfers to this number"),
        (f"number:{TAG}:1796144400", "exception for this number"),
        # The journal of another version is read too.
        ("unheard_of:{}", "unheard_of:{}"),
    ],
)
def test_what_a_limit_counts_is_said_in_words_and_without_a_number(name: str, words: str) -> None:
    assert scope(name, EN) == words
    assert TAG not in scope(name, FR)
