"""What reading a plan does not find: facts without a source, lifelines in no range, desks that dial for rescue."""

from datetime import date

import pytest

from callgate.core.plan import parse_plan
from callgate.core.plan_lint import Flaw, PlanFinding, lint_plan

TODAY = date(2026, 11, 22)
PLAN = """
country                = "ZZ"
currency               = "EUR"
international_prefixes = ["00"]
trunk_prefix           = "0"
overseas               = []
foreign_tollfree       = "international_premium"
unknown_rate_cap       = "0.15"
carrier_selection      = []
caller_id_codes        = []
emergency              = [{ number = "112", service = "rescue", source = "law" }]
must_reach             = [{ number = "3114", service = "helpline", source = "law" }]
practice_numbers       = [{ number = "+99919345", service = "pharmacy", source = "law" }]
short_codes            = [{ prefix = "31", length = 4, class = "freephone", source = "law" }]
families               = [
  { prefix = "01", length = 6, class = "national_fixed", region = "ZZ", cap_per_minute = "0.80", source = "law" },
]
dial_codes             = { ZZ = "999" }
sources                = { law = { title = "a law", date = 2026-11-22 } }
"""
CODE = '{ code = "31", presentation = "withheld", source = "law" }'
DEARER = (
    '{ prefix = "013", length = 6, class = "national_fixed", region = "ZZ", cap_per_minute = "9.00", source = "law" },'
)
PREMIUM = '{ prefix = "012", length = 6, class = "premium", region = "ZZ", source = "law" },'


def flaws(*changes: tuple[str, str], extensions: tuple[str, ...] = ()) -> list[tuple[Flaw, str, str]]:
    text = PLAN
    for right, wrong in changes:
        assert right in text
        text = text.replace(right, wrong)
    return [
        (found.flaw, found.subject, found.detail)
        for found in lint_plan(parse_plan(text), extensions, ("0", "9"), TODAY)
    ]


def test_a_sound_plan_has_no_flaw() -> None:
    assert flaws() == []


@pytest.mark.parametrize(
    ("right", "wrong", "found"),
    [
        (
            "sources                = {",
            'sources = { x = { title = "x", date = 2026-01-01 },',
            (Flaw.SOURCE_UNUSED, "x", ""),
        ),
        ('"a law"', '" "', (Flaw.SOURCE_UNTITLED, "law", "")),
        ("2026-11-22", "2026-11-23", (Flaw.SOURCE_FROM_TOMORROW, "law", "2026-11-23")),
        ('number = "3114"', 'number = "112"', (Flaw.NAMED_TWICE, "112", "")),
        ('number = "+99919345"', 'number = "3114"', (Flaw.NAMED_TWICE, "3114", "")),
        ('number = "112"', 'number = "1129999"', (Flaw.EMERGENCY_TOO_LONG, "1129999", "rescue")),
        ('unknown_rate_cap       = "0.15"', 'unknown_rate_cap = "9.99"', (Flaw.CAP_TOO_HIGH, "9.99", "")),
        (', cap_per_minute = "0.80"', "", (Flaw.PRACTICE_UNPRICED, "+99919345", "pharmacy")),
        ("caller_id_codes        = []", f"caller_id_codes = [{CODE}]", (Flaw.CODE_TAKES_NUMBERS, "31", "3114, 31")),
        (
            "caller_id_codes        = []",
            f"caller_id_codes = [{CODE.replace('31', '112')}]",
            (Flaw.CODE_TAKES_NUMBERS, "112", "112"),
        ),
        ("families               = [", f"families = [{DEARER}", (Flaw.EXCEPTION, "013", "01")),
        ('number = "3114"', 'number = "3214"', (Flaw.IN_NO_RANGE, "3214", "helpline")),
        ('number = "+99919345"', 'number = "012345"', (Flaw.IN_NO_RANGE, "012345", "pharmacy")),
        ("families               = [", f"families = [{PREMIUM}", (Flaw.EXCEPTION, "012", "01")),
    ],
)
def test_a_flaw_is_found(right: str, wrong: str, found: tuple[Flaw, str, str]) -> None:
    assert found in flaws((right, wrong))


@pytest.mark.parametrize(
    ("extension", "flaw", "subject"),
    [
        ("112", Flaw.EXTENSION_IS_EMERGENCY, "112"),
        ("1XX", Flaw.EXTENSION_IS_EMERGENCY, "112"),
        ("0112", Flaw.EXTENSION_IS_EMERGENCY, "0112"),
        ("9[01]12", Flaw.EXTENSION_IS_EMERGENCY, "9112"),
        ("31[0-2]4", Flaw.EXTENSION_IS_LIFELINE, "3114"),
        ("03114", Flaw.EXTENSION_IS_LIFELINE, "03114"),
        ("113", None, ""),
        ("11", None, ""),
        ("1120", None, ""),
    ],
)
def test_an_extension_that_people_dial_for_rescue_is_found(extension: str, flaw: Flaw | None, subject: str) -> None:
    service = "helpline" if flaw is Flaw.EXTENSION_IS_LIFELINE else "rescue"
    assert flaws(extensions=(extension,)) == ([] if flaw is None else [(flaw, subject, service)])


def test_a_caller_id_code_that_begins_no_number_is_sound() -> None:
    assert flaws(("caller_id_codes        = []", f"caller_id_codes = [{CODE.replace('31', '88')}]")) == []


def test_an_exception_in_many_ranges_is_one_finding() -> None:
    many = "".join(PREMIUM.replace("012", f"01{digit}").replace("premium", "shared_cost") for digit in range(2, 8))
    change = ("families               = [", "families = [" + PREMIUM.replace("012", "01X1") + many)
    assert flaws(change)[0] == (Flaw.EXCEPTION, "01X1", "012, 013, 014, 015, 016 (+2)")


def test_mistakes_come_before_what_is_only_worth_knowing() -> None:
    found = flaws(("families               = [", f"families = [{PREMIUM}"), ('"a law"', '""'))
    assert [flaw for flaw, _, _ in found] == [Flaw.SOURCE_UNTITLED, Flaw.EXCEPTION]
    assert [PlanFinding(flaw=flaw, subject="").flaw.wrong for flaw in (Flaw.SOURCE_UNTITLED, Flaw.EXCEPTION)] == [
        True,
        False,
    ]
