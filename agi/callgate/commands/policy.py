"""`callgate policy validate|apply|show|history`: the clinic's rules, and every revision of them."""

import argparse
from datetime import UTC, datetime

import msgspec

from callgate.clinic import (
    check_numbers,
    check_policy,
    closed_days,
    in_document,
    load_clinics,
    load_plan,
    read_text,
    under_policy,
)
from callgate.commands import Exit
from callgate.commands.context import (
    check_reach,
    clinic_named,
    ledger_place,
    printable,
    say,
    settings_of,
    warn,
    with_ledger,
)
from callgate.commands.lock import still_locked
from callgate.core.hold import Unavailable
from callgate.core.locks import locks_in_force
from callgate.ledger.redis import RedisLedger
from callgate.ledger.revisions import NoPolicy, Outdated, PolicyRevision, Published
from callgate.locks_text import lock_line
from callgate.policies import author, deck_to_serve
from callgate.settings import Settings
from callgate.texts.catalog import Language

ORIGIN = "command"


def validate(arguments: argparse.Namespace) -> Exit:
    """Check a policy file; every mistake is named with its path and remedy."""
    file = arguments.file
    policy = check_policy(read_text(file), file)
    with in_document(file):
        check_numbers(policy, load_plan(policy.home))
        closed_days(policy, datetime.now(UTC).year)
    say(f"{file}: valid; clinic {policy.clinic}")
    return Exit.OK


def apply(arguments: argparse.Namespace) -> Exit:
    """Publish a policy file as the next revision; it binds the very next call."""
    settings, folder = settings_of(arguments)
    check_reach(settings, folder)
    document = read_text(arguments.file)
    clinic = clinic_named(settings, check_policy(document, arguments.file).clinic)
    # A broken rate deck must not keep anybody from tightening the rules.
    under_policy(load_clinics(settings, folder, deck_to_serve)[clinic], document, arguments.file)

    at = datetime.now(UTC)

    async def publish(ledger: RedisLedger) -> PolicyRevision | Outdated | Unavailable:
        current = await ledger.fetch_policy(clinic)
        if isinstance(current, Unavailable):
            return current
        number = 0 if isinstance(current, NoPolicy) else current.revision
        revision = PolicyRevision(
            clinic=clinic,
            revision=number + 1,
            author=arguments.author or author(),
            at=at,
            origin=ORIGIN,
            reason=arguments.reason,
            document=document,
            locks=() if isinstance(current, NoPolicy) else locks_in_force(current.locks, at),
        )
        outcome = await ledger.publish(revision, number)
        return revision if isinstance(outcome, Published) else outcome

    match with_ledger(settings, folder, publish):
        case PolicyRevision() as revision:
            say(f"{clinic}: revision {revision.revision} is in force")
            # A policy says what is allowed; it lifts no lock.
            for line in still_locked(revision, at, Language(arguments.language)):
                say(line)
            return Exit.OK
        case Outdated(revision=number):
            warn(f"callgate: revision {number} came in between. Remedy: look at it with 'callgate policy show', again")
            return Exit.NEGATIVE
        case Unavailable(cause=cause):
            return _unreachable(settings, cause)


def show(arguments: argparse.Namespace) -> Exit:
    """Print the policy in force, or one revision of it."""
    settings, folder = settings_of(arguments)
    check_reach(settings, folder)
    clinic = clinic_named(settings, arguments.clinic)
    found = with_ledger(settings, folder, lambda ledger: ledger.fetch_policy(clinic, arguments.revision))
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
    check_reach(settings, folder)
    clinic = clinic_named(settings, arguments.clinic)
    found = with_ledger(settings, folder, lambda ledger: ledger.policy_history(clinic))
    if isinstance(found, Unavailable):
        return _unreachable(settings, found.cause)
    for revision in found:
        if arguments.json:
            say(msgspec.json.encode(revision).decode())
            continue
        say(_line(revision))
        for lock in revision.locks:
            say(f"    {printable(lock_line(lock, UTC, Language(arguments.language)))}")
    return Exit.OK


def _line(revision: PolicyRevision) -> str:
    at = revision.at.strftime("%Y-%m-%d %H:%M:%SZ")
    words = f"{revision.clinic} {revision.revision}  {at}  {revision.author}  {revision.origin}  {revision.reason}"
    return printable(words)


def _unreachable(settings: Settings, cause: str) -> Exit:
    where = ledger_place(settings)
    warn(f"callgate: {where} does not answer ({cause}). Remedy: start the daemon, or see 'callgate status'")
    return Exit.UNREACHABLE
