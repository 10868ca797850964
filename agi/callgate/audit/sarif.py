"""Writes a report as SARIF, which code hosts and CI systems show beside the lines.

Source: OASIS, Static Analysis Results Interchange Format 2.1.0, sections 3.13 (log), 3.14 (run), 3.27 (result).
"""

from urllib.parse import quote

from callgate.audit.rules import SEVERITIES, Finding, Rule, Severity
from callgate.texts.catalog import Language, text

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
}
_SCORES = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "3.0"}
"""GitHub sorts by these: critical from 9.0, high from 7.0, medium from 4.0."""

Json = dict[str, object]


def sarif(findings: tuple[Finding, ...], version: str, language: Language) -> Json:
    """Write the findings as one SARIF log with one run.

    Args:
        findings: in their order.
        version: of callgate.
        language: of the messages.
    """
    driver: Json = {
        "name": "callgate audit",
        "version": version,
        "rules": [_rule(rule, language) for rule in Rule],
    }
    run: Json = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, language) for finding in findings],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule, language: Language) -> Json:
    severity = SEVERITIES[rule]
    return {
        "id": rule.value,
        "shortDescription": {"text": text(f"audit.what_{rule}", language, subject="…")},
        "fullDescription": {"text": text(f"audit.why_{rule}", language)},
        "help": {"text": text(f"audit.remedy_{rule}", language)},
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": {"security-severity": _SCORES[severity], "tags": ["security"]},
    }


def _result(finding: Finding, language: Language) -> Json:
    said = [text(f"audit.what_{finding.rule}", language, subject=finding.subject)]
    if finding.path:
        said.append(text("cli.audited_path", language, path=" > ".join(finding.path)))
    said.append(text("cli.audited_remedy", language, remedy=text(f"audit.remedy_{finding.rule}", language)))
    physical: Json = {"artifactLocation": {"uri": quote(finding.place.file)}}
    if finding.place.line:
        physical["region"] = {"startLine": finding.place.line}
    return {
        "ruleId": finding.rule.value,
        "ruleIndex": list(Rule).index(finding.rule),
        "level": _LEVELS[finding.severity],
        "message": {"text": " ".join(said)},
        "locations": [{"physicalLocation": physical}],
    }
