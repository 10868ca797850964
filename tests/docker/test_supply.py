"""What is said of the dependencies: a known hole fails the check, and what nobody could ask is not called sound."""

from typing import Any

import pytest

from supply import SOUND, VULNERABLE, findings

WELL = {"name": "redis", "version": "8.1.0", "vulns": []}
HOLED = {
    "name": "six",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}, {"id": "PYSEC-2", "fix_versions": []}],
}
UNKNOWN = {"name": "tzdata", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("parts", "status", "said"),
    [
        ([WELL], SOUND, ["1 of 1 dependencies audited"]),
        (
            [WELL, HOLED],
            VULNERABLE,
            [
                "six 1.0: PYSEC-1, mended in 1.1",
                "six 1.0: PYSEC-2, mended in no version",
                "2 of 2 dependencies audited",
            ],
        ),
        ([WELL, UNKNOWN], SOUND, ["1 of 2 dependencies audited", "NOT audited"]),
        ([UNKNOWN, HOLED], VULNERABLE, ["PYSEC-1", "PYSEC-2", "1 of 2", "tzdata. Remedy"]),
    ],
)
def test_the_report_names_every_hole_and_everything_nobody_could_ask(
    parts: list[dict[str, Any]], status: int, said: list[str]
) -> None:
    lines, found = findings({"dependencies": parts})
    assert found == status
    assert len(lines) == len(said)
    assert all(words in line for words, line in zip(said, lines, strict=True))
