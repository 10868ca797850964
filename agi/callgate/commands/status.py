"""`callgate status`: one screen that says whether the clinic is protected now."""

import argparse
import contextlib
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from callgate.clinic import Clinic, in_force, load_clinics
from callgate.commands import Exit
from callgate.commands.blocked import blocked_line, ungated_words
from callgate.commands.context import (
    check_reach,
    printable,
    say,
    say_json,
    settings_of,
    silence_words,
    state_folder,
    warn,
    with_ledger,
)
from callgate.commands.daemon import ControlStatus, Daemon, GateState, look_at_daemon
from callgate.core.hold import Unavailable
from callgate.core.hours import calendar_month
from callgate.core.locks import Lock, Locks, locks_in_force
from callgate.core.money import format_amount
from callgate.disk import SLOW_MS
from callgate.errors import SettingsError
from callgate.journal import JOURNAL_FILE, JournalRow, last_row
from callgate.journal_files import journal_bytes
from callgate.ledger.base import LedgerBook
from callgate.ledger.redis import RedisLedger
from callgate.ledger.revisions import NoPolicy, PolicyRevision
from callgate.limits_text import scope
from callgate.locks_text import lock_line, selector
from callgate.policies import deck_to_serve
from callgate.settings import Settings
from callgate.store_watch import CONDITION, WARNING
from callgate.texts.catalog import Language, text

JOURNAL_ALARM_PERCENT = 80
CLOCK_BEHIND_S = 3600
"""A ledger whose clock is further behind is pointed out, in whole hours."""
BREACHED = timedelta(minutes=10)
"""So long is an alarm what it is."""
_INSTANT = "%Y-%m-%d %H:%M:%S UTC"


class PolicySource(StrEnum):
    """Where a clinic's policy was found: in the ledger, or in the settings' file, which may be another one."""

    IN_FORCE = "in_force"
    FILE = "file"


class ClinicStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One clinic, as the ledger knows it; empty where the ledger does not answer. Money in micros of `currency`.

    Fields:
        policy: which policy `mode` and `currency` are from.
        policy_revision: the one in force, also where its document cannot be used here.
        ledger: "up", or the cause of its silence about this clinic.
        rates_problem: why the rate deck of the settings cannot be used; "" where it can.
        locks: those in force now.
        zone: the clinic's clock, on which they are told.
        frozen: how the ledger lost entries, until it is restored; "" for a sound one.
        wall_ahead_s: how far the clock of the ledger's server is ahead of the ledger's own.
    """

    clinic: str
    policy: PolicySource
    mode: str
    currency: str
    zone: str
    ledger: str = "up"
    policy_revision: int = 0
    rates_problem: str = ""
    frozen: str = ""
    wall_ahead_s: int = 0
    live_holds: int = 0
    purses: dict[str, dict[str, int]] = {}
    locks: Locks = ()


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer. `ledger` is "up", or the cause of its silence about the first clinic that it is silent about.

    `sync_p99_ms` is how slow the disk was when the gate started last; 0 where nobody knows. `control_since` is when the
    link came up or went down, `ungated` how many calls no grant covered since the gate started, `escaped` how many
    were answered, also before that, the last one at `escaped_at`. `condition` is what the gate says is wrong with its
    store, since `condition_since`; "" where nothing is, or no gate is up to say it. So is `warning`, of what stops no
    call yet. `journal_percent` is how full the journal is.
    """

    at: datetime
    gate: GateState
    ledger: str
    clinics: tuple[ClinicStatus, ...]
    last_refusal: JournalRow | None
    sync_p99_ms: int = 0
    control: ControlStatus = ControlStatus.NONE
    control_since: datetime | None = None
    ungated: int = 0
    escaped: int = 0
    escaped_at: datetime | None = None
    last_ungated: JournalRow | None = None
    condition: str = ""
    condition_since: datetime | None = None
    warning: str = ""
    warning_since: datetime | None = None
    journal_percent: int = 0

    @property
    def is_well(self) -> bool:
        """Whether all that is set up does its work: gate, ledger, each clinic's books, and control."""
        is_sound = not any(clinic.frozen for clinic in self.clinics) and not self.is_breached
        is_up = self.gate == self.ledger == "up" and self.control is not ControlStatus.DOWN
        return is_up and is_sound and not self.condition

    @property
    def is_breached(self) -> bool:
        """Whether a call that went past the gate was answered just now."""
        return self.escaped_at is not None and self.at - self.escaped_at < BREACHED


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What the ledger says of one clinic."""

    policy: PolicyRevision | NoPolicy | Unavailable
    book: LedgerBook | Unavailable

    @property
    def ledger(self) -> str:
        return next((said.cause for said in (self.policy, self.book) if isinstance(said, Unavailable)), "up")


def status(arguments: argparse.Namespace) -> Exit:
    """Print it; exit 0 if all that is set up does its work, 1 if not."""
    settings, folder = settings_of(arguments)
    found = find_status(settings, folder)
    if arguments.json:
        say_json(found)
    elif arguments.metrics:
        from callgate.commands.metrics import metrics_text  # noqa: PLC0415 - nobody else needs that library

        say(metrics_text(found))
    elif not arguments.quiet:
        for line in status_lines(found, settings, Language(arguments.language)):
            say(line)
    return Exit.OK if found.is_well else Exit.NEGATIVE


def find_status(settings: Settings, folder: Path) -> Status:
    """Ask the gate, the ledger, control and the journal how it stands; `folder` is that of the settings."""
    clinics = load_clinics(settings, folder, deck_to_serve)
    check_reach(settings, folder)

    async def entries(ledger: RedisLedger) -> list[_Entry]:
        return [_Entry(policy=await ledger.fetch_policy(name), book=await ledger.book(name)) for name in clinics]

    found = with_ledger(settings, folder, entries)
    known = [
        _clinic_status(_current(clinic, entry.policy), entry)
        for clinic, entry in zip(clinics.values(), found, strict=True)
    ]
    journal = state_folder(settings, folder) / JOURNAL_FILE
    daemon = look_at_daemon(settings, folder)
    standing = daemon.standing
    last_start = _last_row(journal, "gate.started")
    is_up = daemon.gate is GateState.UP
    condition, warning = (_last_row(journal, event) if is_up else None for event in (CONDITION, WARNING))
    return Status(
        at=datetime.now(UTC),
        gate=daemon.gate,
        ledger=next((entry.ledger for entry in found if entry.ledger != "up"), "up"),
        clinics=tuple(known),
        last_refusal=_last_row(journal, "call.refused"),
        sync_p99_ms=last_start.sync_p99_ms if last_start else 0,
        control=daemon.control,
        control_since=_since(daemon),
        ungated=standing.ungated if standing else 0,
        escaped=standing.answered if standing else 0,
        escaped_at=standing.answered_at if standing else None,
        last_ungated=_last_row(journal, "call.ungated"),
        condition=condition.note if condition else "",
        condition_since=condition.at if condition and condition.note else None,
        warning=warning.note if warning else "",
        warning_since=warning.at if warning and warning.note else None,
        journal_percent=_used_percent(journal, settings.gate.journal_max_bytes),
    )


def _since(daemon: Daemon) -> datetime | None:
    """Since when control is as it is; of a daemon that ended nobody wrote down when."""
    standing = daemon.standing
    is_true = standing is not None and standing.is_linked is (daemon.control is ControlStatus.UP)
    return standing.since if standing is not None and is_true else None


def _current(clinic: Clinic, found: PolicyRevision | NoPolicy | Unavailable) -> Clinic:
    """The clinic under the policy in force, or under its file where that cannot be used, as in the gate itself."""
    try:
        return in_force(clinic, found)
    except SettingsError as error:
        warn(f"callgate: {printable(str(error))}")
        return replace(clinic, locks=found.locks) if isinstance(found, PolicyRevision) else clinic


def _clinic_status(clinic: Clinic, entry: _Entry) -> ClinicStatus:
    now = datetime.now(UTC)
    month = calendar_month(now, clinic.policy.timezone)
    alone = ClinicStatus(
        clinic=clinic.name,
        policy=PolicySource.IN_FORCE if clinic.revision else PolicySource.FILE,
        mode=clinic.policy.mode.value,
        currency=clinic.policy.currency,
        zone=clinic.policy.timezone.key,
        ledger=entry.ledger,
        locks=locks_in_force(clinic.locks, now),
        policy_revision=clinic.revision,
        rates_problem=clinic.rates.problem,
    )
    match entry.book:
        case Unavailable():
            return alone
        case LedgerBook() as book:
            return msgspec.structs.replace(
                alone,
                policy_revision=book.policy_revision,
                frozen=book.frozen.value if book.frozen else "",
                wall_ahead_s=book.wall_ahead_s,
                live_holds=len(book.holds),
                purses={
                    purse.name: {
                        "held": purse.held_micros,
                        "hour": purse.hour_micros,
                        "day": purse.day_micros,
                        "week": purse.week_micros,
                        "month": sum(spend.micros for spend in purse.months if spend.month == month),
                    }
                    for purse in book.purses
                },
            )


def _last_row(journal: Path, event: str) -> JournalRow | None:
    with contextlib.suppress(FileNotFoundError):
        return last_row(journal, event)
    return None


def _used_percent(journal: Path, quota_bytes: int) -> int:
    """How much of what the journal may take it has taken: of its quota, or of less where the disk has less."""
    try:
        taken_bytes = journal_bytes(journal)
    except FileNotFoundError:
        return 0
    return taken_bytes * 100 // min(quota_bytes, taken_bytes + shutil.disk_usage(journal.parent).free)


def _clinic_lines(clinic: ClinicStatus, language: Language) -> list[str]:
    lines = [
        text(
            "cli.status_clinic",
            language,
            clinic=clinic.clinic,
            mode=text(f"cli.mode_{clinic.mode}", language),
            revision=clinic.policy_revision,
            calls=clinic.live_holds,
        )
    ]
    lines += [_lock_line(lock, clinic, language) for lock in clinic.locks]
    if clinic.frozen:
        cause = text(f"cli.frozen_{clinic.frozen}", language)
        lines.append(text("cli.status_frozen", language, clinic=clinic.clinic, cause=cause))
    if clinic.wall_ahead_s > CLOCK_BEHIND_S:
        lines.append(
            text("cli.status_clock", language, clinic=clinic.clinic, hours=clinic.wall_ahead_s // CLOCK_BEHIND_S)
        )
    if clinic.rates_problem:
        lines.append(text("cli.status_rates", language, problem=printable(clinic.rates_problem)))
    lines += [
        text(
            "cli.status_purse",
            language,
            name=scope(name, language),
            held=format_amount(spent["held"]),
            day=format_amount(spent["day"]),
            week=format_amount(spent["week"]),
            currency=clinic.currency,
        )
        for name, spent in clinic.purses.items()
    ]
    return lines


def status_lines(found: Status, settings: Settings, language: Language) -> list[str]:
    """Write the status for a person."""
    gate, ledger = found.gate.name.lower(), "up" if found.ledger == "up" else "down"
    lines = [
        text(f"cli.status_gate_{gate}", language, listen=settings.gate.listen),
        text(f"cli.status_ledger_{ledger}", language, cause=silence_words(found.ledger, language)),
        _control_line(found, language),
    ]
    if found.condition:
        since = f"{found.condition_since:{_INSTANT}}"
        lines.append(text("cli.status_condition", language, since=since, wrong=printable(found.condition)))
    if found.warning:
        since = f"{found.warning_since:{_INSTANT}}"
        lines.append(text("cli.status_warning", language, since=since, wrong=printable(found.warning)))
    if found.is_breached:
        at = f"{found.escaped_at:{_INSTANT}}"
        lines.append(text("cli.status_breached", language, at=at, escaped=found.escaped))
    if found.sync_p99_ms > SLOW_MS:
        lines.append(text("cli.status_disk", language, milliseconds=found.sync_p99_ms, slow=SLOW_MS))
    if found.journal_percent >= JOURNAL_ALARM_PERCENT:
        lines.append(text("cli.status_journal", language, percent=found.journal_percent))
    for clinic in found.clinics:
        lines += _clinic_lines(clinic, language)
    if found.last_refusal is not None:
        lines.append(text("cli.status_last_refusal", language, line=blocked_line(found.last_refusal, language)))
    if found.last_ungated is not None:
        lines.append(_ungated_line(found.last_ungated, language))
    return lines


def _lock_line(lock: Lock, clinic: ClinicStatus, language: Language) -> str:
    told = printable(lock_line(lock, ZoneInfo(clinic.zone), language))
    line = text("cli.lock_remains", language, line=told, selector=selector(lock.scope))
    return text("cli.status_lock", language, clinic=clinic.clinic, line=line)


def _control_line(found: Status, language: Language) -> str:
    since = f"{found.control_since:{_INSTANT}}" if found.control_since else "?"
    return text(f"cli.status_control_{found.control.value}", language, since=since, ungated=found.ungated)


def _ungated_line(row: JournalRow, language: Language) -> str:
    at, number, why = f"{row.at:{_INSTANT}}", printable(row.number), ungated_words(row, language)
    return text("cli.status_ungated", language, at=at, trunk=printable(row.trunk), number=number, why=why)
