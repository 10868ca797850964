"""`callgate policy validate|apply|show|history`: the clinic's rules, and every revision of them."""

import argparse
import getpass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from callgate.clinic import check_policy, closed_days, load_plan, read_text
from callgate.commands import Exit
from callgate.commands.context import clinic_named, ledger_url, say, settings_of, warn, with_ledger
from callgate.core.hold import Unavailable
from callgate.ledger.redis import RedisLedger
from callgate.ledger.revisions import NoPolicy, Outdated, PolicyRevision, Published
from callgate.settings import Settings

ORIGIN = "command"


def validate(arguments: argparse.Namespace) -> Exit:
    """Check a policy file; every mistake is named with its path and remedy."""
    policy = _checked(arguments.file)
    say(f"{arguments.file}: valid; clinic {policy}")
    return Exit.OK


def _checked(file: Path) -> str:
    policy = check_policy(read_text(file), file)
    load_plan(policy.home)
    closed_days(policy, datetime.now(UTC).year)
    return policy.clinic


def apply(arguments: argparse.Namespace) -> Exit:
    """Publish a policy file as the next revision; it binds the very next call."""
    settings, folder = settings_of(arguments)
    clinic = clinic_named(settings, _checked(arguments.file))
    document = read_text(arguments.file)

    async def publish(ledger: RedisLedger) -> Published | Outdated | Unavailable:
        current = await ledger.fetch_policy(clinic)
        if isinstance(current, Unavailable):
            return current
        number = 0 if isinstance(current, NoPolicy) else current.revision
        revision = PolicyRevision(
            clinic=clinic,
            revision=number + 1,
            author=arguments.author or getpass.getuser(),
            at=datetime.now(UTC),
            origin=ORIGIN,
            reason=arguments.reason,
            document=document,
        )
        return await ledger.publish(revision, number)

    match with_ledger(ledger_url(settings, folder), publish):
        case Published(revision=number):
            say(f"{clinic}: revision {number} is in force")
            return Exit.OK
        case Outdated(revision=number):
            warn(f"callgate: revision {number} came in between. Remedy: look at it with 'callgate policy show', again")
            return Exit.NEGATIVE
        case Unavailable(cause=cause):
            return _unreachable(settings, cause)


def show(arguments: argparse.Namespace) -> Exit:
    """Print the policy in force, or one revision of it."""
    settings, folder = settings_of(arguments)
    clinic = clinic_named(settings, arguments.clinic)
    found = with_ledger(ledger_url(settings, folder), lambda ledger: ledger.fetch_policy(clinic, arguments.revision))
    match found:
        case PolicyRevision():
            warn(f"# {_line(found)}")
            say(found.document.rstrip("\n"))
            return Exit.OK
        case NoPolicy():
            warn(f"callgate: {clinic} has no such revision. Remedy: 'callgate policy history' lists them")
            return Exit.NEGATIVE
        case Unavailable(cause=cause):
            return _unreachable(settings, cause)


def history(arguments: argparse.Namespace) -> Exit:
    """List the revisions, newest first."""
    settings, folder = settings_of(arguments)
    clinic = clinic_named(settings, arguments.clinic)
    found = with_ledger(ledger_url(settings, folder), lambda ledger: ledger.policy_history(clinic))
    if isinstance(found, Unavailable):
        return _unreachable(settings, found.cause)
    for revision in found:
        say(msgspec.json.encode(revision).decode() if arguments.json else _line(revision))
    return Exit.OK


def _line(revision: PolicyRevision) -> str:
    at = revision.at.strftime("%Y-%m-%d %H:%M:%SZ")
    return f"{revision.clinic} {revision.revision}  {at}  {revision.author}  {revision.origin}  {revision.reason}"


def _unreachable(settings: Settings, cause: str) -> Exit:
    where = settings.gate.redis or "the daemon's own Redis"
    warn(f"callgate: {where} does not answer ({cause}). Remedy: start the daemon, or see 'callgate status'")
    return Exit.UNREACHABLE
