"""The reader of dialplans that the tests of ours lean on."""

import pytest

from install.asterisk_patterns import fits


@pytest.mark.parametrize(
    ("extension", "dialled", "expected"),
    [
        ("_0X.", "01", False),
        ("_0X.", "012", True),
        ("_0X!", "01", True),
        ("_[1-37]Z", "29", True),
        ("_[1-37]Z", "49", False),
        ("_[1-37]Z", "70", False),
        ("_N", "1", False),
        ("_+33X", "+331", True),
        ("_*31#.", "*31#1", True),
        ("15", "15", False),
    ],
)
def test_the_matcher_of_these_tests_reads_patterns_as_asterisk_does(
    extension: str, dialled: str, *, expected: bool
) -> None:
    assert fits(extension, dialled) is expected
