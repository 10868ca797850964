"""`callgate rates import|history|rollback`: an operator's price list, looked at first and then put in force."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from callgate.clinic import check_policy, load_plan, read_text
from callgate.commands import Exit
from callgate.commands.context import clinic_named, printable, say, settings_of, warn
from callgate.commands.words import matching
from callgate.core.money import format_amount
from callgate.core.policy import Policy
from callgate.policies import author
from callgate.rates import shelf
from callgate.rates.cells import read_currency, read_tax
from callgate.rates.cgrates import COLUMNS
from callgate.rates.columns import Format
from callgate.rates.encoding import FILE_MAX_BYTES
from callgate.rates.findings import UnusableError
from callgate.rates.offers import ImportOptions
from callgate.rates.preview import SampleCall, SampleKind, three_calls
from callgate.rates.reader import Imported, read_files
from callgate.rates.row_terms import read_increments
from callgate.rates.week import read_hours
from callgate.resources import resource
from callgate.settings import DEFAULT_SETTINGS

FACTORY_POLICY = "policies/presets/cabinet-france-seule.toml"
ROWS_SHOWN = 5
_ANY_FORMAT = "auto"

_Value = TypeVar("_Value")


def add_rates(add_command: Callable[..., argparse.ArgumentParser]) -> None:
    """Describe the command line."""
    rates = add_command("rates", help="the operator's prices").add_subparsers(
        dest="rates_command", required=True, metavar="import|history|rollback"
    )
    importing = rates.add_parser("import", help="look at an operator's price list; with --apply put it in force")
    importing.add_argument("files", type=Path, nargs="+", metavar="FILE", help="a table; for cgrates its folder or zip")
    importing.add_argument("--format", choices=(_ANY_FORMAT, *Format), default=_ANY_FORMAT, help="of the file (auto)")
    importing.add_argument("--clinic", metavar="NAME", help="whose, where there are several")
    importing.add_argument("--currency", type=_word(read_currency), metavar="EUR", help="of a file that names none")
    importing.add_argument("--tax", type=_word(read_tax), metavar="0.20", help="to add to prices without tax")
    importing.add_argument(
        "--country-prefix", type=_digits, metavar="00", help="before country codes, if not as dialled at home"
    )
    importing.add_argument("--peak", type=_word(read_hours), metavar="HOURS", help='such as "mon-fri 08:00-19:00"')
    importing.add_argument(
        "--increments", type=_word(read_increments), metavar="60/1", help="of a file that names none (60/60)"
    )
    importing.add_argument("--apply", action="store_true", help="put the deck in force")
    importing.add_argument("--json", action="store_true", help="one JSON object")
    importing.set_defaults(run=import_rates)
    listing = rates.add_parser("history", help="every deck that was in force, newest first")
    listing.add_argument("--clinic", metavar="NAME")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    listing.set_defaults(run=history)
    undoing = rates.add_parser("rollback", help="put an earlier deck in force again")
    undoing.add_argument("revision", type=_revision, metavar="N")
    undoing.add_argument("--clinic", metavar="NAME")
    undoing.set_defaults(run=rollback)


def _word(read: Callable[[str], _Value]) -> Callable[[str], _Value]:
    """Make a reader of cells a reader of the command line."""

    def reading(word: str) -> _Value:
        try:
            return read(word)
        except UnusableError as error:
            message = f"{error.problem}; {error.remedy}"
            raise argparse.ArgumentTypeError(message) from None

    return reading


_digits = matching(r"[0-9]{1,4}", "what stands before country codes, such as 00 or 011")


def _revision(word: str) -> int:
    return int(matching(r"[1-9][0-9]{0,8}", "the number of a revision, from 1")(word))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Owner:
    """Whose rates they are: the clinic's policy, and the file its deck is in; None where there are no settings."""

    clinic: str
    policy: Policy
    deck: Path | None


def import_rates(arguments: argparse.Namespace) -> Exit:
    """Show what an operator's file means for the clinic; with ``--apply`` put it in force."""
    owner = _owner(arguments)
    now = datetime.now(owner.policy.timezone)
    options = ImportOptions(
        plan=load_plan(owner.policy.home),
        currency=owner.policy.currency,
        today=now.date(),
        file_format=None if arguments.format == _ANY_FORMAT else Format(arguments.format),
        stated_currency=arguments.currency,
        tax=arguments.tax,
        international=arguments.country_prefix,
        peak=arguments.peak,
        increments=arguments.increments,
    )
    try:
        files = _contents(arguments.files)
    except (FileNotFoundError, NotADirectoryError) as error:
        warn(f"callgate: {error.filename} cannot be read: {error.strerror}. Remedy: name the operator's file")
        return Exit.USAGE
    imported = read_files(files, options)
    calls = () if imported.refused else three_calls(imported.deck, owner.policy.home, now)
    revision = _put_in_force(arguments, owner, imported) if arguments.apply and not imported.refused else None
    if arguments.json:
        say(msgspec.json.encode(as_json(imported, calls, revision)).decode())
    else:
        for line in preview(imported, calls, owner.policy.currency):
            say(printable(line))
        say(_outcome(owner, imported, revision))
    return Exit.INVALID if imported.refused else Exit.OK


def history(arguments: argparse.Namespace) -> Exit:
    """List the decks that were in force, newest first."""
    for revision in reversed(shelf.history(_deck_of(arguments))):
        if arguments.json:
            say(msgspec.json.encode(revision).decode())
        else:
            at = revision.at.strftime("%Y-%m-%d %H:%M:%SZ")
            how = f"{revision.origin} of {revision.restored}" if revision.restored else revision.origin.value
            words = (str(revision.revision), at, revision.author or "-", how, f"{revision.rows} rows", revision.note)
            say(printable("  ".join(words).rstrip()))
    return Exit.OK


def rollback(arguments: argparse.Namespace) -> Exit:
    """Put an earlier deck in force again, as a new revision."""
    revision = shelf.rollback(_deck_of(arguments), arguments.revision, author=author())
    say(f"revision {revision} is in force: the deck of revision {arguments.revision}")
    return Exit.OK


def preview(imported: Imported, calls: tuple[SampleCall, ...], currency: str) -> list[str]:
    """Write what was read for a person, the findings last."""
    lines = [f"Format: {imported.file_format or 'not recognised'}", *(f"  {line}" for line in imported.reading)]
    if not imported.refused:
        header, *rows = imported.text.splitlines()
        lines += [f"Rows: {len(rows)}; the first of them:", *(f"  {row}" for row in (header, *rows[:ROWS_SHOWN]))]
        lines += ["Three calls now:", *(f"  {_call_line(call, currency)}" for call in calls)]
    errors = sum(finding.refuses for finding in imported.findings)
    lines.append(f"Errors: {errors}, warnings: {len(imported.findings) - errors}")
    lines += [f"  {'error' if found.refuses else 'warning'} {found.kind}: {found}" for found in imported.findings]
    return lines


_CALL_NAMES = {
    SampleKind.NATIONAL_MOBILE: "national mobile",
    SampleKind.NEIGHBOUR: "neighbour country",
    SampleKind.DEAREST: "dearest row",
}


def _call_line(call: SampleCall, currency: str) -> str:
    price = "no rate" if call.micros is None else f"{format_amount(call.micros)} {currency} ({call.label})"
    return f"{_CALL_NAMES[call.kind]} {call.number}, {call.seconds // 60} min: {price}"


def as_json(imported: Imported, calls: tuple[SampleCall, ...], revision: int | None) -> dict[str, object]:
    """Give the preview as one JSON object: its keys are for programs and stay."""
    header, *rows = imported.text.splitlines() or [""]
    return {
        "format": imported.file_format,
        "reading": imported.reading,
        "rows": len(rows),
        "columns": header.split(","),
        "first_rows": rows[:ROWS_SHOWN],
        "calls": [msgspec.to_builtins(call) for call in calls],
        "findings": [{"refuses": finding.refuses, **msgspec.to_builtins(finding)} for finding in imported.findings],
        "revision": revision,
    }


def _outcome(owner: _Owner, imported: Imported, revision: int | None) -> str:
    if imported.refused:
        return "Nothing was written: correct the errors, or ask the operator to."
    if revision is None:
        return "Nothing was written. To put the deck in force, give the same command with --apply."
    return f"{owner.clinic}: revision {revision} of the deck is in force."


def _put_in_force(arguments: argparse.Namespace, owner: _Owner, imported: Imported) -> int:
    assert owner.deck is not None
    names = ", ".join(file.name for file in arguments.files)
    note = f"import of {names} ({imported.file_format})"
    return shelf.switch(owner.deck, imported.text, author=author(), note=note)


def _contents(paths: list[Path]) -> dict[str, bytes]:
    """Read the files, no further than a file may be long; of a folder, those of a tariff plan."""
    found = [file for path in paths for file in ([path] if not path.is_dir() else map(path.joinpath, COLUMNS))]
    contents = {}
    for file in found:
        if file in paths or file.exists():
            with file.open("rb") as stream:
                contents[str(file)] = stream.read(FILE_MAX_BYTES + 1)
    return contents


def _deck_of(arguments: argparse.Namespace) -> Path:
    settings, folder = settings_of(arguments)
    name = clinic_named(settings, arguments.clinic)
    return next(folder / clinic.rates for clinic in settings.clinic if clinic.name == name)


def _owner(arguments: argparse.Namespace) -> _Owner:
    """The clinic of the settings; where there are none, and nothing is to be written, one in France."""
    if arguments.settings == DEFAULT_SETTINGS and not arguments.settings.exists() and not arguments.apply:
        warn("callgate: no settings file; reading for a clinic in France")
        file = resource(FACTORY_POLICY)
        return _Owner(clinic="", policy=check_policy(read_text(file), file), deck=None)
    settings, folder = settings_of(arguments)
    name = clinic_named(settings, arguments.clinic)
    clinic = next(clinic for clinic in settings.clinic if clinic.name == name)
    policy_file = folder / clinic.policy
    policy = check_policy(read_text(policy_file), policy_file)
    return _Owner(clinic=name, policy=policy, deck=folder / clinic.rates)
