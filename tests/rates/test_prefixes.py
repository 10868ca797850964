"""The prefix cell: the many ways in which operators write one prefix, or several."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.plan import NumberPlan, parse_plan
from callgate.rates.findings import Place, Problem, UnusableError
from callgate.rates.prefixes import Prefixes, PrefixHabit, habit_of, read_prefixes
from rates.samples import PLAN, ROOT, said

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
        ("33 08-09", "+338 +339"),
        ("0033 0899", "+33899"),
        ("0033 08,09", "+338 +339"),
        ("+33 0 6", "+336"),
        ("+262 0262", "+262262"),
        ("00 33 6, 7", "+336 +337"),
        ("+33 6, +337", "+336 +337"),
        ("0033 6, 0044", "+336 +44"),
        ("0033 6, 07", "+336 +337"),
        ("33 6, short:3624", "+336 short:3624"),
        ("33 6, 6", "+336"),
        ("1-242, 246", "+1242 +1246"),
        ("+1-242, 246", "+1242 +1246"),
        ("+39 06", "+3906"),
        ("+390", "+390"),
        ("+598 0004", "+5980004"),
        ("+810", "+810"),
        ("+888 0", "+8880"),
        ("+999 0", "+9990"),
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
    assert read_prefixes(cell, PLAIN).found == tuple(prefixes.split())


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
    assert read_prefixes(cell, DIALLED) == Prefixes(found=tuple(prefixes.split()), is_guess=False)


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
        ("33 6, 337", PLAIN),
        ("+33 6, 337", PLAIN),
        ("0033 0", PLAIN),
        ("+330", PLAIN),
        ("+440", PLAIN),
        ("+44 020", PLAIN),
        ("0081 03", PLAIN),
        ("6", PLAIN),
        ("899", PLAIN),
        ("21", PLAIN),
        ("999", PLAIN),
    ],
)
def test_a_cell_with_no_meaning_or_with_two_is_refused(cell: str, habit: PrefixHabit) -> None:
    with pytest.raises(UnusableError) as caught:
        read_prefixes(cell, habit)
    assert caught.value.kind is Problem.BAD_PREFIX
    assert len(said(caught.value.at(Place()))) < 250


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


@pytest.mark.parametrize(
    ("country", "guesses", "plain"),
    [
        # The zero of 07, 01, 081 and 0820 may be lost; 3624, 118 and 15 may be short codes.
        ("FR", "7 1 81 820 3624 3919 118218 118 15", "33 336 44 39 32 262 3301 +7 007 0033 short:3624"),
        ("GB", "7 91 871", "44 33 353 +91"),
        ("ES", "91 6591", "33 34 346 +91"),
        ("US", "212 876 212555", "44 1 1876 33 3314 +212"),
    ],
)
def test_a_prefix_that_begins_numbers_at_home_too_is_a_guess(country: str, guesses: str, plain: str) -> None:
    habit = habit_of([], plan(country), None)
    assert [word for word in guesses.split() if not read(word, habit)] == []
    assert [word for word in plain.split() if read(word, habit)] == []


def read(word: str, habit: PrefixHabit) -> bool:
    """Whether a prefix is a guess; one that is refused needs no warning."""
    try:
        return read_prefixes(word, habit).is_guess
    except UnusableError:
        return True


def test_a_country_code_that_stands_apart_is_no_guess() -> None:
    assert not read_prefixes("32 46, 47", PLAIN).is_guess
    assert read_prefixes("3246", PLAIN).is_guess


def test_what_stands_before_country_codes_can_be_said() -> None:
    assert read_prefixes("01133", habit_of([], PLAN, "011")).found == ("+33",)
    assert read_prefixes("01133", habit_of([], plan("US"), None)).found == ("+33",)


def test_a_north_american_number_begins_with_its_country_code() -> None:
    assert read_prefixes("1242", habit_of(["1242"], plan("US"), None)).found == ("+1242",)


def test_italy_keeps_its_zero_and_wants_the_country_code() -> None:
    habit = habit_of(["3906", "3902"], plan("IT"), None)
    assert read_prefixes("3906", habit).found == ("+3906",)
    with pytest.raises(UnusableError):
        read_prefixes("06", habit)


@given(cell=st.text(alphabet="0123456789 ,;/|-+*X.short:='\"", max_size=40), marked=st.booleans())
def test_any_text_is_prefixes_of_the_deck_or_refused(cell: str, *, marked: bool) -> None:
    with suppress(UnusableError):
        found = read_prefixes(cell, PrefixHabit(plan=PLAN, international=("00",), marked=marked)).found
        assert found
        assert all(prefix.startswith(("+", "short:")) for prefix in found)
