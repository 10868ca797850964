"""What an extension matches, and what a number that is only partly known may be."""

import pytest

from callgate.audit.patterns import ANYTHING, CHOSEN, DIGIT, DIGITS, dialled_as, fits, is_choice, may_meet, shown


@pytest.mark.parametrize(
    ("extension", "dialled", "matches"),
    [
        ("112", "112", True),
        ("112", "0112", False),
        ("_1XX", "112", True),
        ("_1XX", "15", False),
        ("_NXX", "112", False),
        ("_Z!", "1", True),
        ("_0.", "0", False),
        ("_0.", "0612", True),
        ("_[2-57]X", "71", True),
        ("_[2-57]X", "61", False),
        ("_+33.", "+33142", True),
        ("_[ .(]!", "(01", True),
        ("_.", "", False),
        ("_!", "", True),
        ("_X" * 300, "1" * 300, False),
    ],
)
def test_an_extension_matches_as_in_asterisk(extension: str, dialled: str, *, matches: bool) -> None:
    assert fits(extension, dialled) is matches


@pytest.mark.parametrize(
    ("extension", "text", "may"),
    [
        ("_8XX", DIGIT * 2, False),
        ("_8XX", DIGIT * 3, True),
        ("_8XX", DIGITS, True),
        ("carrier", DIGITS, False),
        ("9012", DIGITS, True),
        ("s-BUSY", f"s-{ANYTHING}", True),
        ("t-BUSY", f"s-{ANYTHING}", False),
        ("_X.", f"9{CHOSEN}", True),
        ("_X.", f"a{CHOSEN}", False),
    ],
)
def test_a_number_that_is_partly_known_meets_what_it_may_be(extension: str, text: str, *, may: bool) -> None:
    assert may_meet(extension, text) is may


@pytest.mark.parametrize(
    ("extension", "said", "choice"),
    [
        ("900", "900", False),
        ("_2[0-4]", f"2{DIGIT}", False),
        ("_0XXXXXXXXX", f"0{DIGIT * 9}", True),
        ("_0.", CHOSEN, True),
        ("_[a-z]XX", CHOSEN, True),
    ],
)
def test_a_fixed_pattern_tells_its_number_and_an_open_one_leaves_the_choice(
    extension: str, said: str, *, choice: bool
) -> None:
    assert dialled_as(extension) == said
    assert is_choice(said) is choice


def test_what_is_not_known_is_shown_as_such() -> None:
    assert shown(f"PJSIP/{CHOSEN}@{ANYTHING}") == "PJSIP/<dialled>@…"
