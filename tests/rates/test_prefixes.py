"""The prefix cell: the many ways in which operators write one prefix, or several."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.plan import NumberPlan, parse_plan
from callgate.rates.findings import Problem, UnusableError
from callgate.rates.prefixes import PrefixHabit, habit_of, read_prefixes
from rates.samples import PLAN, ROOT

DIALLED = PrefixHabit(plan=PLAN, international=("00",), marked=True)
PLAIN = PrefixHabit(plan=PLAN, international=("00",), marked=False)


def plan(country: str) -> NumberPlan:
    return parse_plan((ROOT / "policies" / "plans" / f"{country}.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("cell", "prefixes"),
    [
        ("33", "+33"),
        ("+33", "+33"),
        ("0033", "+33"),
        ("00 33", "+33"),
        (" 33 1 42 ", "+33142"),
        ('="0033"', "+33"),
        ("'0033", "+33"),
        ("33*", "+33"),
        ("33XXX", "+33"),
        ("_33X.", "+33"),
        ("61 38,39", "+6138 +6139"),
        ("6138, 6139", "+6138 +6139"),
        ("0033 6,7", "+336 +337"),
        ("44 20/33 1", "+4420 +331"),
        ("33 1;2|3", "+331 +332 +333"),
        ("33 1-5", "+331 +332 +333 +334 +335"),
        ("0041 76\u201379", "+4176 +4177 +4178 +4179"),
        ("33 08-10", "+3308 +3309 +3310"),
        ("331-333", "+331 +332 +333"),
        ("+331-333", "+331 +332 +333"),
        ("1-242", "+1242"),
        ("+1-242", "+1242"),
        ("0892", "+33892"),
        ("06, 07", "+336 +337"),
        ("0262", "+262262"),
        ("0590", "+590590"),
        ("05082", "+5082"),
        ("05", "+335"),
        ("short:3624", "short:3624"),
        ("short:3624, short:3646", "short:3624 short:3646"),
        ("3624", "+3624"),
    ],
)
def test_a_cell_of_a_plain_file_is_read_as_international(cell: str, prefixes: str) -> None:
    assert read_prefixes(cell, PLAIN) == prefixes.split()


@pytest.mark.parametrize(
    ("cell", "prefixes"),
    [
        ("3624", "short:3624"),
        ("118218/118712", "short:118218 short:118712"),
        ("15", "short:15"),
        ("0036", "+36"),
        ("0892", "+33892"),
    ],
)
def test_in_a_file_that_is_written_as_one_dials_a_short_code_needs_no_mark(cell: str, prefixes: str) -> None:
    assert read_prefixes(cell, DIALLED) == prefixes.split()


@pytest.mark.parametrize(
    ("cell", "habit"),
    [
        ("", PLAIN),
        ("33,", PLAIN),
        ("France", PLAIN),
        ("33 (0)1", PLAIN),
        ("33-1-42", PLAIN),
        ("short:", PLAIN),
        ("short:1234567", PLAIN),
        ("+0033", PLAIN),
        ("00", PLAIN),
        ("1" * 16, PLAIN),
        ("\u0663\u0663", PLAIN),
        ("=33+1", PLAIN),
        ("44-79", PLAIN),
        ("335-331", PLAIN),
        ("33 0000-9999", PLAIN),
        ("33," * 1_000, PLAIN),
        ("0", PLAIN),
        ("36", DIALLED),
        ("33", DIALLED),
    ],
)
def test_a_cell_with_no_meaning_or_with_two_is_refused(cell: str, habit: PrefixHabit) -> None:
    with pytest.raises(UnusableError) as caught:
        read_prefixes(cell, habit)
    assert caught.value.kind is Problem.BAD_PREFIX
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("cells", "marked"),
    [
        (["0033", "0044", "3624"], True),
        (["+33", "+44", "44"], True),
        (["0892", "06", "3624"], True),
        (["33", "44", "0892"], False),
        (["short:3624"], False),
        (["", ""], False),
    ],
)
def test_a_file_is_written_as_one_dials_if_most_of_its_prefixes_are(cells: list[str], *, marked: bool) -> None:
    assert habit_of(cells, PLAN, None).marked is marked


def test_what_stands_before_country_codes_can_be_said() -> None:
    assert read_prefixes("01133", habit_of([], PLAN, "011")) == ["+33"]
    assert read_prefixes("01133", habit_of([], plan("US"), None)) == ["+33"]


def test_a_north_american_number_begins_with_its_country_code() -> None:
    assert read_prefixes("1242", habit_of(["1242"], plan("US"), None)) == ["+1242"]


def test_italy_keeps_its_zero_and_wants_the_country_code() -> None:
    habit = habit_of(["3906", "3902"], plan("IT"), None)
    assert read_prefixes("3906", habit) == ["+3906"]
    with pytest.raises(UnusableError):
        read_prefixes("06", habit)


@given(cell=st.text(alphabet="0123456789 ,;/|-+*X.short:='\"", max_size=40), marked=st.booleans())
def test_any_text_is_prefixes_of_the_deck_or_refused(cell: str, *, marked: bool) -> None:
    with suppress(UnusableError):
        found = read_prefixes(cell, PrefixHabit(plan=PLAN, international=("00",), marked=marked))
        assert found
        assert all(prefix.startswith(("+", "short:")) for prefix in found)
