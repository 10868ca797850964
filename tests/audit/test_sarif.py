"""The SARIF log has the shape that section 3 of the standard asks of one, and says the findings."""

from pathlib import Path

from audit.small import report_of
from callgate.audit.rules import Rule
from callgate.audit.sarif import Json, sarif
from callgate.texts.catalog import Language

LEVELS = {"none", "note", "warning", "error"}


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


def test_the_log_has_every_required_property(tmp_path: Path) -> None:
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
