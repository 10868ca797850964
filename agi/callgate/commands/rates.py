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
from callgate.commands.site import FACTORY_POLICY
from callgate.commands.words import matching
from callgate.core.money import format_amount
from callgate.core.policy import Policy
from callgate.core.policy_values import shown
from callgate.policies import author
from callgate.rates import shelf
from callgate.rates.cells import read_tax
from callgate.rates.cgrates import COLUMNS
from callgate.rates.columns import AMOUNTS, Format, Heading
from callgate.rates.currencies import read_currency
from callgate.rates.encoding import FILE_MAX_BYTES
from callgate.rates.findings import Finding, Place, UnusableError
from callgate.rates.offers import ImportOptions
from callgate.rates.preview import SampleCall, three_calls
from callgate.rates.reader import Imported, PlanReading, TableReading, read_files
from callgate.rates.row_terms import read_increments
from callgate.rates.week import read_hours
from callgate.resources import resource
from callgate.settings import DEFAULT_SETTINGS
from callgate.texts.catalog import Language, text

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
    undoing.set_defaults(run=rollback, apply=True)


def _word(read: Callable[[str], _Value]) -> Callable[[str], _Value]:
    """Make a reader of cells a reader of the command line."""

    def reading(word: str) -> _Value:
        try:
            return read(word)
        except UnusableError as error:
            # The language is not known yet: what argparse itself says is English too.
            message = text(f"finding.{error.kind}", Language.EN, **error.fields)
            raise argparse.ArgumentTypeError(message) from None

    return reading


_digits = matching(r"[0-9]{1,4}", "what stands before country codes, such as 00 or 011")


def _revision(word: str) -> int:
    return int(matching(r"[1-9][0-9]{0,8}", "the number of a revision, from 1")(word))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Owner:
    """Whose rates they are: the clinic's policy, and the file its deck is in; None where there are no settings.

    `sharing` names the other clinics whose deck is the same file.
    """

    clinic: str
    policy: Policy
    deck: Path | None
    sharing: tuple[str, ...] = ()


def import_rates(arguments: argparse.Namespace) -> Exit:
    """Show what an operator's file means for the clinic; with ``--apply`` put it in force."""
    language = Language(arguments.language)
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
        warn(text("cli.rates_no_file", language, file=printable(str(error.filename))))
        return Exit.USAGE
    except _NoPlainFileError as error:
        warn(text("cli.rates_no_plain_file", language, file=printable(str(error.file))))
        return Exit.USAGE
    imported = read_files(files, options)
    calls = () if imported.refused else three_calls(imported.deck, options.plan, now)
    revision = _put_in_force(arguments, owner, imported) if arguments.apply and not imported.refused else None
    if arguments.json:
        sharing = owner.sharing if revision is not None else ()
        say(msgspec.json.encode({**as_json(imported, calls, revision), "also_in_force_for": sharing}).decode())
    else:
        for line in preview(imported, calls, owner.policy.currency, language):
            say(line)
        for line in _outcome(owner, imported, revision, language):
            say(line)
    return Exit.INVALID if imported.refused else Exit.OK


def history(arguments: argparse.Namespace) -> Exit:
    """List the decks that were in force, newest first."""
    language = Language(arguments.language)
    for entry in reversed(shelf.history(_deck_of(arguments))):
        if arguments.json:
            say(msgspec.json.encode(entry).decode())
        else:
            at = entry.at.strftime("%Y-%m-%d %H:%M:%SZ")
            how = text(f"origin.{entry.origin}", language, restored=entry.restored)
            rows = text("cli.rates_row_count", language, rows=entry.rows)
            words = (str(entry.revision), at, printable(entry.author or "-"), how, rows, printable(entry.note))
            say("  ".join(words).rstrip())
    return Exit.OK


def rollback(arguments: argparse.Namespace) -> Exit:
    """Put an earlier deck in force again, as a new revision."""
    owner = _owner(arguments)
    assert owner.deck is not None
    revision = shelf.rollback(owner.deck, arguments.revision, currency=owner.policy.currency, author=author())
    language = Language(arguments.language)
    say(text("cli.rates_rolled_back", language, revision=revision, restored=arguments.revision))
    for line in _to_do(owner, language):
        say(line)
    return Exit.OK


def preview(imported: Imported, calls: tuple[SampleCall, ...], currency: str, language: Language) -> list[str]:
    """Write what was read for a person, the findings last."""
    name = imported.file_format or text("cli.rates_unrecognised", language)
    lines = [text("cli.rates_format", language, format=name)]
    lines += [f"  {line}" for line in read_as(imported.reading, language)]
    if not imported.refused:
        header, *rows = imported.text.splitlines()
        lines.append(text("cli.rates_rows", language, rows=len(rows)))
        lines += [f"  {row}" for row in (header, *rows[:ROWS_SHOWN])]
        lines.append(text("cli.rates_calls", language))
        lines += [f"  {_call_line(call, currency, language)}" for call in calls]
    errors = sum(finding.refuses for finding in imported.findings)
    lines.append(text("cli.rates_counts", language, errors=errors, warnings=len(imported.findings) - errors))
    lines += [f"  {_finding_line(found, language)}" for found in imported.findings]
    return lines


def read_as(reading: TableReading | PlanReading | None, language: Language) -> list[str]:
    """Say how a file was read, a line each."""
    match reading:
        case None:
            return []
        case PlanReading(files=files):
            return [text("cli.rates_file", language, file=file, columns=", ".join(COLUMNS[file])) for file in files]
        case TableReading():
            delimiter, line = shown(reading.delimiter), reading.header_line
            head = text("cli.rates_table", language, encoding=reading.encoding, delimiter=delimiter, line=line)
            return [head, *(_column(heading, language) for heading in reading.taken)]


def _column(heading: Heading, language: Language) -> str:
    notes = [text(f"column.{heading.column}", language)]
    if heading.column in AMOUNTS:
        notes.append(text(f"taxed.{heading.taxed}", language))
    if heading.is_cents:
        notes.append(text("cli.rates_cents", language))
    notes += sorted(heading.currencies)
    return text("cli.rates_column", language, header=heading.header, meaning=", ".join(notes))


def _call_line(call: SampleCall, currency: str, language: Language) -> str:
    price = text("cli.rates_no_rate", language)
    if call.micros is not None:
        price = f"{format_amount(call.micros)} {currency} ({call.label})"
    name = text(f"sample.{call.kind}", language)
    minutes = call.seconds // 60
    return text("cli.rates_call", language, name=name, number=call.number, minutes=minutes, price=price)


def _finding_line(found: Finding, language: Language) -> str:
    key = "cli.rates_error" if found.refuses else "cli.rates_warning"
    sentence = text(f"finding.{found.kind}", language, **found.fields)
    return text(key, language, code=found.kind, place=_place(found.place, language), sentence=sentence)


def _place(place: Place, language: Language) -> str:
    line = text("cli.rates_line", language, line=place.line) if place.line else ""
    return ", ".join(word for word in (place.file, line) if word) or text("cli.rates_whole_file", language)


def as_json(imported: Imported, calls: tuple[SampleCall, ...], revision: int | None) -> dict[str, object]:
    """Give the preview as one JSON object: its keys are for programs and stay; its sentences are English."""
    header, *rows = imported.text.splitlines() or [""]
    return {
        "format": imported.file_format,
        "reading": read_as(imported.reading, Language.EN),
        "rows": len(rows),
        "columns": header.split(","),
        "first_rows": rows[:ROWS_SHOWN],
        "calls": [msgspec.to_builtins(call) for call in calls],
        "findings": [_finding_object(found) for found in imported.findings],
        "revision": revision,
    }


def _finding_object(found: Finding) -> dict[str, object]:
    sentence = text(f"finding.{found.kind}", Language.EN, **found.fields)
    return {"refuses": found.refuses, **msgspec.to_builtins(found), "sentence": sentence}


def _outcome(owner: _Owner, imported: Imported, revision: int | None, language: Language) -> list[str]:
    if imported.refused:
        return [text("cli.rates_refused", language)]
    if revision is None:
        return [text("cli.rates_looked_at", language)]
    return [text("cli.rates_in_force", language, clinic=owner.clinic, revision=revision), *_to_do(owner, language)]


def _to_do(owner: _Owner, language: Language) -> list[str]:
    """Say what else a changed deck touches: other clinics, and the prices in the dialplan."""
    shared = [text("cli.rates_shared", language, clinics=", ".join(owner.sharing))] if owner.sharing else []
    return [*shared, text("cli.rates_dialplan", language)]


def _put_in_force(arguments: argparse.Namespace, owner: _Owner, imported: Imported) -> int:
    assert owner.deck is not None
    names = ", ".join(file.name for file in arguments.files)
    # The note is kept for ever and read in either language: names only.
    note = f"{names} ({imported.file_format})"
    return shelf.switch(owner.deck, imported.text, author=author(), note=note)


class _NoPlainFileError(Exception):
    """What was named is no regular file: reading a pipe or a device may never end."""

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self.file = file


def _contents(paths: list[Path]) -> dict[str, bytes]:
    """Read the files, no further than a file may be long; of a folder, those of a tariff plan."""
    found = [file for path in paths for file in ([path] if not path.is_dir() else map(path.joinpath, COLUMNS))]
    contents = {}
    for file in found:
        if file.exists() and not file.is_file():
            raise _NoPlainFileError(file)
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
        warn(text("cli.rates_no_settings", Language(arguments.language)))
        file = resource(FACTORY_POLICY)
        return _Owner(clinic="", policy=check_policy(read_text(file), file), deck=None)
    settings, folder = settings_of(arguments)
    name = clinic_named(settings, arguments.clinic)
    clinic = next(clinic for clinic in settings.clinic if clinic.name == name)
    policy_file = folder / clinic.policy
    policy = check_policy(read_text(policy_file), policy_file)
    deck = folder / clinic.rates
    others = (other for other in settings.clinic if (folder / other.rates).resolve() == deck.resolve())
    sharing = tuple(other.name for other in others if other.name != name)
    return _Owner(clinic=name, policy=policy, deck=deck, sharing=sharing)
