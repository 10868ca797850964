"""`callgate audit`: every way to an operator that skips the gate, and whatever else lets somebody call at our cost."""

import argparse
import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import msgspec

from callgate.audit.dialplan import dialplan_of
from callgate.audit.lines import parse_document
from callgate.audit.picture import picture
from callgate.audit.rules import Finding, Severity
from callgate.audit.sarif import sarif
from callgate.audit.survey import Known, Report, survey
from callgate.commands import Exit
from callgate.commands.context import clinics_of, manager_account, printable, say, settings_of, warn
from callgate.commands.running import Event, Unheard, ask_dialplan
from callgate.errors import SettingsError
from callgate.install.dialplan import write_dialplan, write_last_resort
from callgate.settings import DEFAULT_SETTINGS
from callgate.texts.catalog import Language, text

ASTERISK = Path("/etc/asterisk")


def add_audit(add_command: Callable[..., argparse.ArgumentParser]) -> None:
    """Describe the command line."""
    auditing = add_command("audit", help="every way out of this Asterisk that skips the gate; changes nothing")
    auditing.add_argument("--config", type=Path, default=ASTERISK, metavar="FOLDER", help=f"Asterisk's ({ASTERISK})")
    auditing.add_argument("--ami", action="store_true", help="the dialplan the running Asterisk has, by [control]")
    form = auditing.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object")
    form.add_argument("--sarif", action="store_true", help="a SARIF 2.1.0 log, for a CI")
    auditing.add_argument("--graph", type=Path, metavar="OUT.svg", help="draw the ways out, holes in red")
    auditing.set_defaults(run=audit)


def audit(arguments: argparse.Namespace) -> Exit:
    """Audit a folder of Asterisk's configuration, and print what was found."""
    language = Language(arguments.language)
    events = _running(arguments) if arguments.ami else None
    if isinstance(events, Unheard):
        warn(text("cli.audited_unheard", language, problem=text(f"audit.unheard_{events}", language)))
        return Exit.UNREACHABLE
    report = survey(arguments.config, known_to(arguments), events)
    if arguments.graph is not None:
        arguments.graph.write_text(picture(report, language), encoding="utf-8")
    if arguments.sarif:
        say(msgspec.json.encode(sarif(report.findings, version("callgate"), language)).decode())
    elif arguments.json:
        say(msgspec.json.encode(as_json(report, language)).decode())
    else:
        for line in told(report, language):
            say(line)
    return Exit.NEGATIVE if report.is_bad else Exit.OK


def _running(arguments: argparse.Namespace) -> list[Event] | Unheard:
    """Ask the Asterisk that the settings name for its dialplan."""
    account = manager_account(*settings_of(arguments))
    if account is None:
        remedy = "fill in [control] (docs/control.md), or leave out --ami to audit the files alone"
        raise SettingsError("control.ami", "names no Asterisk to ask", remedy)
    return asyncio.run(ask_dialplan(account))


def known_to(arguments: argparse.Namespace) -> Known | None:
    """What the settings say; the usual place may be empty, but what was named must be there."""
    if arguments.settings == DEFAULT_SETTINGS and not arguments.settings.exists():
        return None
    settings, folder = settings_of(arguments)
    clinics = clinics_of(settings, folder)
    written = write_dialplan(settings, clinics) + write_last_resort(settings, clinics)
    return Known(
        trunks=tuple(trunk.endpoint for trunk in settings.trunk),
        entries=tuple(entry.context for entry in settings.entry),
        written=dialplan_of(parse_document("callgate.conf", written)),
    )


def told(report: Report, language: Language) -> Iterator[str]:
    """The report in lines for a person, the worst first."""
    for finding in report.findings:
        yield text(
            "cli.audited_finding",
            language,
            place=printable(_place(finding)),
            severity=text(f"audit.severity_{finding.severity}", language),
            rule=finding.rule,
        )
        yield "  " + text(f"audit.what_{finding.rule}", language, subject=printable(finding.subject))
        if finding.path:
            yield "  " + text("cli.audited_path", language, path=printable(" > ".join(finding.path)))
        yield "  " + text(f"audit.why_{finding.rule}", language)
        yield "  " + text("cli.audited_remedy", language, remedy=text(f"audit.remedy_{finding.rule}", language))
    for remark in report.remarks:
        note = text(f"audit.note_{remark.note}", language, subject=printable(remark.subject))
        yield text("cli.audited_note", language, note=note)
    yield text("cli.audited_count", language, **_counts(report))


def _place(finding: Finding) -> str:
    return f"{finding.place.file}:{finding.place.line}" if finding.place.line else finding.place.file


def _counts(report: Report) -> dict[str, int]:
    counted = Counter(finding.severity for finding in report.findings)
    return {severity.value: counted[severity] for severity in Severity}


def as_json(report: Report, language: Language) -> dict[str, object]:
    """The report as one JSON object: its keys are for programs and stay."""
    return {
        "counts": _counts(report),
        "findings": [
            {
                "rule": finding.rule.value,
                "severity": finding.severity.value,
                "file": finding.place.file,
                "line": finding.place.line,
                "subject": finding.subject,
                "path": list(finding.path),
                "what": text(f"audit.what_{finding.rule}", language, subject=finding.subject),
                "why": text(f"audit.why_{finding.rule}", language),
                "remedy": text(f"audit.remedy_{finding.rule}", language),
            }
            for finding in report.findings
        ],
        "notes": [
            {
                "note": remark.note.value,
                "subject": remark.subject,
                "text": text(f"audit.note_{remark.note}", language, subject=remark.subject),
            }
            for remark in report.remarks
        ],
    }
