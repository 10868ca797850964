"""Twenty-five holes that people make are found where they are, and next to nothing else is reported."""

from pathlib import Path

import pytest

from audit.seeds import SAMPLES, SEEDS, Seed, copy_of, line_of, plant
from callgate.audit.rules import Finding, Rule, Severity
from callgate.audit.survey import survey

FALSE_MAX = 2
TRUE_OF_EVERY_PBX = {Rule.MANAGER_ORIGINATE, Rule.ARI_ORIGINATE, Rule.PHONE_FORWARDS}
"""FreePBX, Issabel and Wazo have a user of AMI or ARI that may start calls, and let telephones forward: true, low."""


def found(folder: Path) -> list[Finding]:
    return [finding for finding in survey(folder).findings if finding.rule not in TRUE_OF_EVERY_PBX]


@pytest.mark.parametrize("sample", sorted(folder.name for folder in SAMPLES.iterdir()))
def test_a_clean_configuration_has_nothing_to_act_upon(sample: str, tmp_path: Path) -> None:
    findings = survey(copy_of(sample, tmp_path)).findings
    assert {finding.rule for finding in findings} <= TRUE_OF_EVERY_PBX
    assert all(finding.severity is Severity.LOW for finding in findings)


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"{seed.sample}: {seed.story}")
def test_a_hole_is_found_in_its_file_and_line(seed: Seed, tmp_path: Path) -> None:
    folder = plant(seed, tmp_path)
    places = [(finding.rule, finding.place.file, finding.place.line) for finding in found(folder)]
    assert (seed.rule, seed.where or seed.file, line_of(seed, folder)) in places


def test_twenty_five_holes_bring_at_most_two_findings_that_are_not_theirs(tmp_path: Path) -> None:
    others = []
    for number, seed in enumerate(SEEDS):
        folder = plant(seed, tmp_path / str(number))
        expected = (seed.rule, seed.where or seed.file, line_of(seed, folder))
        others += [
            (seed.story, finding)
            for finding in found(folder)
            if (finding.rule, finding.place.file, finding.place.line) != expected
        ]
    assert len(SEEDS) == 25
    assert len(others) <= FALSE_MAX, others
