"""`callgate lock` and `callgate unlock`: stop calls at once, on every gate, whatever the policy says.

The next policy revision carries the locks, and each hold names its revision: so no gate has to run or to be told. Only
the ledger must answer; neither policy nor rate deck is read, unless a clinic never had a policy in force.
"""

import argparse
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

from callgate.clinic import check_policy, read_text
from callgate.commands import Exit
from callgate.commands.context import (
    check_reach,
    clinic_named,
    ledger_place,
    printable,
    say,
    settings_of,
    silence_words,
    warn,
    with_ledger,
)
from callgate.commands.daemon import ControlStatus, look_at_daemon
from callgate.commands.words import until_instant
from callgate.core.hold import Unavailable
from callgate.core.locks import LOCKS_MAX, Lock, LockedCalls, Locks, LockScope, locks_in_force, with_lock, without_lock
from callgate.core.policy import parse_policy
from callgate.core.policy_document import PolicyError
from callgate.errors import SettingsError
from callgate.ledger.base import LedgerBook
from callgate.ledger.redis import RedisLedger
from callgate.ledger.revisions import Outdated, PolicyRevision
from callgate.locking import Changed, Doubtful, Order, Outcome, Unchanged, carry_out
from callgate.locks_text import lock_line, scope_words, selector
from callgate.policies import author, file_revision
from callgate.settings import Settings
from callgate.texts.catalog import Language, text

WHOLE = LockScope()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody wants to have done, and when it was asked; `folder` is that of the settings."""

    arguments: argparse.Namespace
    settings: Settings
    folder: Path
    at: datetime

    @property
    def language(self) -> Language:
        """That of the answer."""
        return Language(self.arguments.language)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of an order at one clinic; the book is that of afterwards."""

    clinic: str
    outcome: Outcome | SettingsError
    book: LedgerBook | Unavailable


Tell = Callable[[PolicyRevision, LedgerBook | Unavailable], Exit]
"""Says what an order has done: under which revision, and what is up meanwhile."""


def add_lock(add_command: Callable[..., argparse.ArgumentParser], words: Callable[[str], str]) -> None:
    """Describe ``callgate lock`` and ``callgate unlock``; `words` reads a reason."""
    locking = add_command("lock", help="stop every call but emergency calls, or some, from the very next one")
    _add_selectors(locking)
    locking.add_argument("--cut", action="store_true", help="end calls that are up, too")
    locking.add_argument(
        "--until", type=until_instant, metavar="WHEN", help="30m, 12h, 7d or an ISO instant (until unlocked)"
    )
    locking.add_argument("--reason", type=words, default="", help="for the record")
    locking.set_defaults(run=lock)
    unlocking = add_command("unlock", help="lift a lock, named as it was made")
    _add_selectors(unlocking)
    unlocking.add_argument("--reason", type=words, default="", help="for the record")
    unlocking.set_defaults(run=unlock)


def _add_selectors(command: argparse.ArgumentParser) -> None:
    whose = command.add_mutually_exclusive_group()
    whose.add_argument("--clinic", metavar="NAME", help="whose calls, where there are several clinics")
    whose.add_argument("--all", action="store_true", help="every clinic of the settings")
    command.add_argument(
        "--only",
        action=_ScopeAction,
        nargs="+",
        default=WHOLE,
        metavar="WORD",
        help="international, costly, extension N, or both: costly extension N",
    )


class _ScopeAction(argparse.Action):
    """Reads the words behind ``--only``."""

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        _option: str | None = None,
    ) -> None:
        if getattr(namespace, self.dest) is not WHOLE:
            # The second would silently take the place of the first.
            raise argparse.ArgumentError(self, "can be said once; write --only costly extension N, or lock twice")
        setattr(namespace, self.dest, self._scope([str(word) for word in values or ()]))

    def _scope(self, words: list[str]) -> LockScope:
        calls, rest = LockedCalls.ALL, words
        if words[0] in {LockedCalls.COSTLY, LockedCalls.INTERNATIONAL}:
            calls, rest = LockedCalls(words[0]), words[1:]
        match rest:
            case []:
                return LockScope(calls=calls)
            case ["extension", extension] if re.fullmatch(r"[0-9A-Za-z_-]{1,64}", extension):
                return LockScope(calls=calls, extension=extension)
            case _:
                remedy = "write international, costly, extension N, or both: costly extension N"
                raise argparse.ArgumentError(self, f"{' '.join(words)!r} is nothing that can be locked; {remedy}")


def lock(arguments: argparse.Namespace) -> Exit:
    """Lock, and say for each clinic what came of it; exit 1 where calls that are up were to be cut and are not."""
    asked = _asked(arguments)
    # Before anything is done: whoever may not look needs other rights for all of it.
    control = look_at_daemon(asked.settings, asked.folder).control if arguments.cut else None
    wanted = Lock(
        scope=arguments.only,
        until=arguments.until,
        cut=arguments.cut,
        author=author(),
        at=asked.at,
        reason=arguments.reason,
    )

    def change(current: PolicyRevision) -> Locks:
        locks = with_lock(current.locks, wanted)
        if len(locks) > LOCKS_MAX:
            problem = f"{LOCKS_MAX} are in force, and there are never more"
            raise SettingsError("locks", problem, "unlock some, or lock the whole clinic without --only")
        return locks

    def tell(now: PolicyRevision, book: LedgerBook | Unavailable) -> Exit:
        clinic, language = now.clinic, asked.language
        say(text("cli.lock_done", language, clinic=clinic, revision=now.revision))
        say(f"  {lock_line(wanted, _zone(now), language)}")
        if isinstance(book, LedgerBook):
            say(f"  {text('cli.lock_up', language, calls=len(book.holds))}")
            if book.frozen is not None:
                cause = text(f"cli.frozen_{book.frozen}", language)
                say(text("cli.lock_frozen", language, clinic=clinic, cause=cause))
        return _told_of_cut(clinic, control, asked)

    return _carry_out(asked, change, tell)


def _told_of_cut(clinic: str, control: ControlStatus | None, asked: Asked) -> Exit:
    """Say what becomes of the calls that are up: how it stands with control here, None where nobody wants them cut."""
    language = asked.language
    if control is not None and asked.settings.gate.redis:
        say(f"  {text('cli.lock_other_gates', language)}")
    match control:
        case None:
            say(f"  {text('cli.lock_uncut', language)}")
            return Exit.OK
        case ControlStatus.UP:
            say(f"  {text('cli.lock_cut', language)}")
            return Exit.OK
        case ControlStatus.DOWN | ControlStatus.NONE:
            warn(text(f"cli.lock_not_cut_{control}", language, clinic=clinic))
            return Exit.NEGATIVE


def unlock(arguments: argparse.Namespace) -> Exit:
    """Lift the lock of this very scope, and say what is still locked."""
    asked = _asked(arguments)
    scope = scope_words(arguments.only, asked.language)

    def change(current: PolicyRevision) -> Locks:
        is_there = any(found.scope == arguments.only for found in locks_in_force(current.locks, asked.at))
        return without_lock(current.locks, arguments.only, asked.at) if is_there else current.locks

    def tell(now: PolicyRevision, _book: LedgerBook | Unavailable) -> Exit:
        say(text("cli.unlock_done", asked.language, clinic=now.clinic, revision=now.revision, scope=scope))
        for line in still_locked(now, asked.at, asked.language):
            say(line)
        return Exit.OK

    return _carry_out(asked, change, tell)


def _asked(arguments: argparse.Namespace) -> Asked:
    settings, folder = settings_of(arguments)
    check_reach(settings, folder)
    return Asked(arguments=arguments, settings=settings, folder=folder, at=datetime.now(UTC))


def still_locked(now: PolicyRevision, at: datetime, language: Language) -> Iterator[str]:
    """Say what a revision locks, and how to lift each lock."""
    for found in locks_in_force(now.locks, at):
        line = printable(lock_line(found, _zone(now), language))
        yield f"  {text('cli.lock_remains', language, line=line, selector=selector(found.scope))}"


def _zone(revision: PolicyRevision) -> tzinfo:
    """The clinic's clock; UTC where its policy cannot be read here."""
    try:
        return parse_policy(revision.document).timezone
    except PolicyError:
        return UTC


def _carry_out(asked: Asked, change: Callable[[PolicyRevision], Locks], tell: Tell) -> Exit:
    """Change the locks of each clinic that is meant; one that fails keeps no other from it, and is the exit code."""
    arguments, settings, folder = asked.arguments, asked.settings, asked.folder
    files = {clinic.name: folder / clinic.policy for clinic in settings.clinic}
    names = list(files) if arguments.all else [clinic_named(settings, arguments.clinic)]

    async def answer(ledger: RedisLedger, name: str) -> Answer:
        order = Order(clinic=name, author=author(), at=asked.at, reason=arguments.reason, change=change)
        outcome: Outcome | SettingsError
        try:
            outcome = await carry_out(order, ledger, lambda: _first(name, files[name]))
        except SettingsError as error:
            outcome = error
        return Answer(clinic=name, outcome=outcome, book=await ledger.book(name))

    async def answers(ledger: RedisLedger) -> list[Answer]:
        return [await answer(ledger, name) for name in names]

    # No call waits for this, and on a slow disk it must not fail.
    found = with_ledger(settings, folder, answers)
    return max(_told(answer, asked, tell) for answer in found)


def _first(clinic: str, file: Path) -> PolicyRevision:
    """Make the first revision of a clinic whose gate never ran."""
    document = read_text(file)
    check_policy(document, file)
    return file_revision(clinic, document)


def _told(answer: Answer, asked: Asked, tell: Tell) -> Exit:
    language, clinic = asked.language, answer.clinic
    match answer.outcome:
        case Changed(now=now):
            return tell(now, answer.book)
        case Unchanged(now=now):
            scope = scope_words(asked.arguments.only, language)
            warn(text("cli.unlock_none", language, clinic=clinic, scope=scope))
            for line in still_locked(now, datetime.now(UTC), language):
                warn(line)
            return Exit.NEGATIVE
        case Outdated(revision=revision):
            warn(text("cli.lock_outdated", language, clinic=clinic, revision=revision))
            return Exit.NEGATIVE
        case Unavailable(cause=cause):
            # What gates do meanwhile is known of those alone that have no other ledger than this daemon's.
            place = "elsewhere" if asked.settings.gate.redis else "own"
            ledger, words = ledger_place(asked.settings), silence_words(cause, language)
            warn(text(f"cli.lock_unreachable_{place}", language, clinic=clinic, ledger=ledger, cause=words))
            return Exit.UNREACHABLE
        case Doubtful(cause=cause):
            warn(text("cli.lock_unknown", language, clinic=clinic, cause=silence_words(cause, language)))
            return Exit.UNREACHABLE
        case SettingsError() as error:
            warn(text("cli.lock_failed", language, clinic=clinic, problem=printable(str(error))))
            return Exit.INVALID
