"""Foreign numbers as the second oracle takes them: whose they are, and which of them are dear."""

import pytest

from fuzz.foreign import ForeignNumbers
from fuzz.plan_files import read_plan_files
from fuzz.truth import INVALID

FOREIGN = ForeignNumbers(read_plan_files().values())
NOBODY: set[str] = set()


@pytest.mark.parametrize(
    ("digits", "regions", "classes"),
    [
        # Whose number it is, where several countries share a code.
        ("18765551234", {"JM"}, {"international_mobile"}),
        ("14165551234", {"CA"}, {"international_fixed"}),
        ("12125551234", {"US"}, {"international_fixed"}),
        ("18095551234", {"DO"}, {"international_fixed"}),
        ("447781123456", {"GG"}, {"international_mobile"}),
        ("447797123456", {"JE"}, {"international_mobile"}),
        ("447924123456", {"IM"}, {"international_mobile"}),
        ("442079460958", {"GB"}, {"international_fixed"}),
        ("77710009998", {"KZ"}, {"international_mobile"}),
        ("79161234567", {"RU"}, {"international_mobile"}),
        ("390669812345", {"VA"}, {"international_fixed"}),
        ("4779123456", {"SJ"}, {"international_fixed"}),
        ("61891621234", {"CC"}, {"international_fixed"}),
        ("61891641234", {"CX"}, {"international_fixed"}),
        ("212528812345", {"EH"}, {"international_fixed"}),
        ("262639691234", {"YT"}, {"international_mobile"}),
        ("35818123456", {"AX"}, {"international_fixed"}),
        ("590590271234", {"BL", "GP"}, {"international_fixed"}),
        ("590590791234", {"MF", "GP"}, {"international_fixed"}),
        ("5997151234", {"BQ"}, {"international_fixed"}),
        # Dear by the ranges of libphonenumber.
        ("43900123456", {"AT"}, {"international_premium"}),
        ("18005551234", {"US", "CA"}, {"international_premium"}),
        ("447012345678", {"GB"}, {"personal_number", "international_premium"}),
        # Dear by its own plan, or by nobody's but the operators'.
        ("12129761234", {"US"}, {"international_premium"}),
        ("18769761234", {"JM"}, {"international_premium"}),
        ("14165551212", {"CA"}, {"international_premium"}),
        ("61147112345", {"AU"}, {"satellite_global"}),
        ("445612345678", {"GB"}, {"international_premium"}),
        ("35271234567", {"LU"}, {"personal_number", "international_premium"}),
        ("3527123456", {"LU"}, {"international_fixed"}),
        ("393191234567", {"IT"}, {"international_premium"}),
        # Of the whole world.
        ("881612345678", {"001"}, {"satellite_global"}),
        ("80012345678", {"001"}, {"freephone"}),
        ("979987654321", {"001"}, {"international_premium"}),
        ("88812345678901", NOBODY, NOBODY),
        # No number: too short, no such code, or dialled at home alone.
        ("331", NOBODY, NOBODY),
        ("999123456", NOBODY, NOBODY),
        ("13101234", NOBODY, NOBODY),
        # One trunk zero is dropped where people write one.
        ("49030901820", {"DE"}, {"international_fixed"}),
        ("490030901820", NOBODY, NOBODY),
        ("3520621123456", NOBODY, NOBODY),
    ],
)
def test_what_may_be_said_of_a_foreign_number(digits: str, regions: set[str], classes: set[str]) -> None:
    answers = FOREIGN.truth(digits).answers - {INVALID}
    assert {answer.region for answer in answers} == regions
    assert {answer.number_class for answer in answers} == classes


@pytest.mark.parametrize("digits", ["18765551234", "43900123456", "881612345678", "49030901820", "33142685300"])
def test_a_number_that_exists_may_not_be_refused(digits: str) -> None:
    assert INVALID not in FOREIGN.truth(digits).answers


@pytest.mark.parametrize("digits", ["573031234567", "5703211054763"])
def test_where_a_carrier_code_follows_the_trunk_zero_a_number_written_with_it_may_be_refused(digits: str) -> None:
    written = digits if digits.startswith("570") else f"570{digits.removeprefix('57')}"
    assert INVALID in FOREIGN.truth(written).answers
