"""The SARIF log has the shape that section 3 of the standard asks of one, and says the findings."""

from pathlib import Path

from audit.small import report_of
from callgate.audit.rules import Rule
from callgate.audit.sarif import Json, sarif
from callgate.texts.catalog import Language

LEVELS = {"none", "note", "warning", "error"}
SCHEMA: dict[str, tuple[set[str], dict[str, str]]] = {
    "log": ({"version", "runs"}, {"$schema": "", "version": "", "runs": "run"}),
    "run": ({"tool"}, {"tool": "tool", "columnKind": "", "results": "result"}),
    "tool": ({"driver"}, {"driver": "toolComponent"}),
    "toolComponent": ({"name"}, {"name": "", "version": "", "rules": "reportingDescriptor"}),
    "reportingDescriptor": (
        {"id"},
        {
            "id": "",
            "shortDescription": "multiformatMessageString",
            "fullDescription": "multiformatMessageString",
            "help": "multiformatMessageString",
            "defaultConfiguration": "reportingConfiguration",
            "properties": "",
        },
    ),
    "multiformatMessageString": ({"text"}, {"text": ""}),
    "reportingConfiguration": (set(), {"level": ""}),
    "result": (
        {"message"},
        {"ruleId": "", "ruleIndex": "", "level": "", "message": "message", "locations": "location"},
    ),
    "message": ({"text"}, {"text": ""}),
    "location": (set(), {"physicalLocation": "physicalLocation"}),
    "physicalLocation": ({"artifactLocation"}, {"artifactLocation": "artifactLocation", "region": "region"}),
    "artifactLocation": (set(), {"uri": ""}),
    "region": ({"startLine"}, {"startLine": ""}),
}
"""Of the standard's schema (2.1.0, errata 01): what each object must have, and those it may have that we may
write, each with what stands in it, "" for a plain value. No object may have another: a host refuses
a log with one misspelt."""


def log_of(folder: Path) -> Json:
    files = {"extensions.conf": "+[house](+)\nexten => 9,1,Dial(PJSIP/0612@carrier)\n"}
    spool = folder / "spool" / "outgoing"
    spool.mkdir(parents=True)
    spool.chmod(0o777)
    asterisk = f"[directories]\nastspooldir={folder}/spool\n"
    report = report_of(folder, {**files, "asterisk.conf": asterisk})
    return sarif(report.findings, "1.2.3", Language.EN)


def part(value: object, *keys: str | int) -> object:
    """Go down into a document; a key that is missing fails the test."""
    for key in keys:
        match value, key:
            case dict(), str():
                value = value[key]
            case list(), int():
                value = value[key]
            case _:
                raise AssertionError((value, key))
    return value


def items(value: object, *keys: str | int) -> list[object]:
    found = part(value, *keys)
    assert isinstance(found, list)
    return found


def assert_fits(value: object, name: str) -> None:
    """Hold an object, or each of a list of them, to the schema."""
    if isinstance(value, list):
        for item in value:
            assert_fits(item, name)
        return
    required, allowed = SCHEMA[name]
    assert isinstance(value, dict), name
    assert required <= value.keys() <= allowed.keys(), name
    for member, inside in value.items():
        if allowed[member]:
            assert_fits(inside, allowed[member])


def test_the_log_has_what_the_schema_requires_and_nothing_it_does_not_know(tmp_path: Path) -> None:
    assert_fits(log_of(tmp_path), "log")


def test_the_log_says_what_a_host_of_code_shows(tmp_path: Path) -> None:
    """Sections 3.13.2 version, 3.13.4 runs, 3.14.6 tool, 3.19.8 driver name, 3.49.3 rule id, 3.27.11 message."""
    log = log_of(tmp_path)
    assert part(log, "version") == "2.1.0"
    assert str(part(log, "$schema")).endswith("sarif-schema-2.1.0.json")
    [run] = items(log, "runs")
    assert part(run, "tool", "driver", "name") == "callgate audit"
    assert [part(rule, "id") for rule in items(run, "tool", "driver", "rules")] == [rule.value for rule in Rule]
    for rule in items(run, "tool", "driver", "rules"):
        assert all(part(rule, name, "text") for name in ("shortDescription", "fullDescription", "help"))
        assert part(rule, "defaultConfiguration", "level") in LEVELS
        assert 0 < float(str(part(rule, "properties", "security-severity"))) <= 10
    for result in items(run, "results"):
        index = part(result, "ruleIndex")
        assert isinstance(index, int)
        assert part(run, "tool", "driver", "rules", index, "id") == part(result, "ruleId")
        assert part(result, "level") in LEVELS
        assert part(result, "message", "text")


def test_a_result_names_file_and_line(tmp_path: Path) -> None:
    results = items(log_of(tmp_path), "runs", 0, "results")
    places = {part(result, "ruleId"): part(result, "locations", 0, "physicalLocation") for result in results}
    assert places["ungated_dial"] == {
        "artifactLocation": {"uri": "extensions.conf"},
        "region": {"startLine": 10},
    }
    assert part(places["call_file_folder"], "region", "startLine") == 2
