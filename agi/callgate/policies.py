"""The policies in force: in memory for the call path, in Redis for every gate, on disk for a start without Redis.

The rate deck of a clinic is the file its settings name, and is read again whenever that changes.
"""

import asyncio
import gc
import hashlib
import math
import os
import pwd
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path

import msgspec
import structlog

from callgate.clinic import Clinic, FileStamp, LoadedDeck, file_stamp, load_deck, under_policy
from callgate.core.deck import RateDeck
from callgate.core.hold import Unavailable
from callgate.core.locks import Locks, with_lock
from callgate.errors import SettingsError
from callgate.ledger.revisions import NoPolicy, Outdated, PolicyRevision, Published, Revisions
from callgate.rates.shelf import last_good

ORIGIN_FILE = "file"
FETCH_PAUSE_S = 0.02
"""So far apart calls of one clinic fetch its policy; those that come in between share the next fetch."""
CALLS_WAIT_S = 0.0005
"""While a deck is read, calls wait no longer than this for their turn (Python's own figure is ten times that)."""

log = structlog.get_logger()


class PolicyShelf:
    """Every clinic with the policy that binds it now, and the rates.

    Args:
        clinics: by name, under the installer's files.
        revisions: of the policies, in the store.
        state: the gate's state folder.
        replaces: whether a file that has changed is published. Only the first worker does: for a moment of a reload a
            further one may still have the files of before.
    """

    def __init__(self, clinics: dict[str, Clinic], revisions: Revisions, state: Path, *, replaces: bool = True) -> None:
        self._clinics = clinics
        self._revisions = revisions
        self._state = state
        self._replaces = replaces
        # Clinics whose policy nobody could be asked for when they were opened.
        self._unopened: set[str] = set()
        self._in_force: dict[str, PolicyRevision] = {}
        self._refused: dict[str, PolicyRevision] = {}
        self._refused_decks: dict[tuple[Path, str], FileStamp | None] = {}
        self._next_fetch: dict[str, asyncio.Task[Clinic]] = {}
        self._last_fetch_s: dict[str, float] = {}

    def clinic(self, name: str) -> Clinic:
        """The clinic, as this gate knows it now."""
        return self._clinics[name]

    def names(self) -> tuple[str, ...]:
        """Every clinic's name."""
        return tuple(self._clinics)

    async def open(self) -> None:
        """Put each clinic under its policy in force.

        The installer's file is published where nothing is in force yet, or where it differs from the file that is. A
        policy from elsewhere (`callgate policy apply`, the console) is newer than the file and stays.
        """
        for clinic in tuple(self._clinics.values()):
            await self._open(clinic)
            _log_rates(clinic)

    async def reload_decks(self) -> None:
        """Take every deck whose file has changed, once for all clinics that name it, off the call path.

        One that cannot be used leaves the former in force.
        """
        for file, currency in {(clinic.rates.file, clinic.deck.currency) for clinic in self._clinics.values()}:
            await self._reload_deck(file, currency)

    async def _reload_deck(self, file: Path, currency: str) -> None:
        names = [
            clinic.name
            for clinic in self._clinics.values()
            if (clinic.rates.file, clinic.deck.currency) == (file, currency)
        ]
        stamp_in_force = self._clinics[names[0]].rates.stamp
        stamp = await asyncio.to_thread(file_stamp, file)
        if stamp in (stamp_in_force, self._refused_decks.get((file, currency), stamp_in_force)):
            return
        try:
            with _beside_calls():
                loaded = await asyncio.to_thread(load_deck, file, currency)
        except (OSError, SettingsError) as error:
            self._refused_decks[file, currency] = stamp
            log.warning("rates.refused", clinics=names, file=str(file), problem=str(error))
            return
        self._refused_decks.pop((file, currency), None)
        for name in names:
            # The policy may have changed in the meantime; its currency cannot have.
            self._clinics[name] = replace(self._clinics[name], rates=loaded)
            _log_rates(self._clinics[name])

    async def fetch(self, name: str) -> Clinic:
        """Bring a clinic to the revision in force; where that cannot be had, it stays as it is."""
        found = await self._revisions.fetch_policy(name)
        if name in self._unopened and not isinstance(found, Unavailable):
            await self._begin(self._clinics[name], found)
            return self._clinics[name]
        ours = self._in_force.get(name)
        match found:
            case PolicyRevision() if ours is not None and found.revision < ours.revision:
                await self._republish(ours, found)
            case PolicyRevision() if found != ours:
                self._adopt(found)
            case NoPolicy() if ours is not None:
                await self._republish(ours, found)
            case PolicyRevision() | NoPolicy() | Unavailable():
                pass
        return self._clinics[name]

    async def fetch_together(self, name: str) -> Clinic:
        """Fetch for a call: in a flood of refusals many share one fetch, which begins after the last of them has come.

        So what was put in force before a call binds it; it waits `FETCH_PAUSE_S` at most for others, alone not at all.
        """
        next_one = self._next_fetch.get(name)
        if next_one is None:
            next_one = self._next_fetch[name] = asyncio.create_task(self._fetch_next(name))
        # Whoever gives up leaves it to the others.
        return await asyncio.shield(next_one)

    async def _fetch_next(self, name: str) -> Clinic:
        loop = asyncio.get_running_loop()
        if (pause_s := self._last_fetch_s.get(name, -math.inf) + FETCH_PAUSE_S - loop.time()) > 0:
            await asyncio.sleep(pause_s)
        # From here on it has begun, and serves nobody who comes.
        del self._next_fetch[name]
        self._last_fetch_s[name] = loop.time()
        return await self.fetch(name)

    async def _republish(self, ours: PolicyRevision, found: PolicyRevision | NoPolicy) -> PolicyRevision:
        """Put back what the store has lost (a failover, an old backup): a tightened rule must not be undone by that.

        Neither must a lock that somebody has set there since.
        """
        expected = found.revision if isinstance(found, PolicyRevision) else 0
        since = tuple(lock for lock in _locks(found) if lock.at > ours.at and lock not in ours.locks)
        if since:
            # The same on every gate that does this.
            ours = replace(ours, revision=ours.revision + 1, locks=reduce(with_lock, since, ours.locks))
            self._adopt(ours)
        await self._revisions.publish(ours, expected)
        log.warning("policy.republished", clinic=ours.clinic, revision=ours.revision, found=expected)
        return ours

    async def fetch_missing(self) -> None:
        """Try again for clinics that started without Redis."""
        for clinic in tuple(self._clinics.values()):
            if clinic.revision == 0:
                await self._open(clinic)

    async def _open(self, clinic: Clinic) -> None:
        await self._begin(clinic, await self._revisions.fetch_policy(clinic.name))

    async def _begin(self, clinic: Clinic, found: PolicyRevision | NoPolicy | Unavailable) -> None:
        self._unopened.discard(clinic.name)
        kept = self._last_good(clinic)
        if kept is not None and not isinstance(found, Unavailable):
            is_lost = isinstance(found, NoPolicy) or found.revision < kept.revision
            if is_lost:
                # It was in force here before this start.
                found = await self._republish(kept, found)
        match found:
            case PolicyRevision() if self._replaces and _is_of_other_file(found, clinic):
                await self._publish_file(clinic, found)
            case PolicyRevision():
                self._adopt(found)
            case NoPolicy():
                await self._publish_file(clinic, found)
            case Unavailable():
                self._adopt_last_good(clinic)

    async def _publish_file(self, clinic: Clinic, found: PolicyRevision | NoPolicy) -> None:
        expected = found.revision if isinstance(found, PolicyRevision) else 0
        revision = replace(file_revision(clinic.name, clinic.document), revision=expected + 1, locks=_locks(found))
        match await self._revisions.publish(revision, expected):
            case Published():
                self._adopt(revision)
            case Outdated():
                await self.fetch(clinic.name)
            case Unavailable():
                self._adopt_last_good(clinic)

    def _adopt(self, revision: PolicyRevision) -> None:
        clinic = self._clinics[revision.clinic]
        if self._refused.get(clinic.name) == revision:
            return
        try:
            bound = under_policy(clinic, revision.document, f"revision {revision.revision}")
        except SettingsError as error:
            # Written by a newer callgate, or for other rates: the last good one stays, and its number with it, so
            # every hold says STALE and costly calls are refused until this gate is brought up to date. What is locked
            # binds the others, too.
            log.warning("policy.unusable", clinic=clinic.name, revision=revision.revision, problem=str(error))
            self._refused[clinic.name] = revision
            if clinic.locks != revision.locks:
                self._clinics[clinic.name] = replace(clinic, locks=revision.locks)
            return
        since = clinic.since if bound.policy == clinic.policy else None
        self._clinics[clinic.name] = replace(
            bound, revision=revision.revision, locks=revision.locks, since=since or revision.at
        )
        self._in_force[clinic.name] = revision
        log.info("policy.adopted", clinic=clinic.name, revision=revision.revision, origin=revision.origin)
        file = kept_policy(self._state, clinic.name)
        # Each worker writes it down.
        temporary = file.with_suffix(f".{os.getpid()}.new")
        try:
            temporary.write_bytes(msgspec.json.encode(revision))
            temporary.replace(file)
        except OSError as error:
            # It binds all the same; only a start without Redis would take an older one.
            log.warning("policy.not_kept", clinic=clinic.name, file=str(file), problem=error.strerror)

    def _adopt_last_good(self, clinic: Clinic) -> None:
        self._unopened.add(clinic.name)
        kept = self._last_good(clinic)
        if kept is None:
            return
        file = kept_policy(self._state, clinic.name)
        self._clinics[clinic.name] = clinic = replace(clinic, locks=kept.locks)
        try:
            self._clinics[clinic.name] = under_policy(clinic, kept.document, file)
        except SettingsError as error:
            log.warning("policy.last_good_unusable", clinic=clinic.name, problem=str(error))
        else:
            log.warning("policy.last_good", clinic=clinic.name, file=str(file))

    def _last_good(self, clinic: Clinic) -> PolicyRevision | None:
        """Read what bound this clinic before this start."""
        file = kept_policy(self._state, clinic.name)
        if not file.exists():
            return None
        try:
            kept = msgspec.json.decode(file.read_bytes(), type=PolicyRevision)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("policy.last_good_unusable", clinic=clinic.name, problem=str(error))
            return None
        return kept if kept.clinic == clinic.name else None


def kept_policy(state: Path, clinic: str) -> Path:
    """Where a gate keeps the revision that it had in force last, in its state folder."""
    return state / f"policy-{clinic}.json"


@contextmanager
def _beside_calls() -> Iterator[None]:
    """Let calls go on while a thread reads a large deck.

    The garbage collector would look through every deck in memory while this one grows, and hold all calls up meanwhile
    (0.1 s with five of 40,000 rows). It is told to leave them alone for good: they are freed without it.
    """
    former = sys.getswitchinterval()
    sys.setswitchinterval(CALLS_WAIT_S)
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        sys.setswitchinterval(former)


def deck_to_serve(file: Path, currency: str) -> LoadedDeck:
    """Read a rate deck for a gate that starts: a mistake in one clinic's file must not keep it from all the others.

    Returns:
        The file's; if that cannot be used, the last good one of its history, and without one a deck that has no rates:
        costly calls are refused, ordinary ones held at their cap. `problem` then says why.
    """
    stamp = file_stamp(file)
    try:
        return load_deck(file, currency)
    except (OSError, SettingsError) as error:
        problem = str(error)
    kept = None
    with suppress(OSError, SettingsError):
        kept = last_good(file, currency)
    problem += f"; revision {kept.revision} of its history is served" if kept else "; no deck is served"
    deck = kept.deck if kept else RateDeck(currency=currency, rates={}, longest=0)
    sha256 = hashlib.sha256((kept.text if kept else "").encode()).hexdigest()
    return LoadedDeck(deck=deck, file=file, stamp=stamp, sha256=sha256, problem=problem)


def _log_rates(clinic: Clinic) -> None:
    """Say which deck is in force, and loudly if it is not that of the file."""
    rates = clinic.rates
    if rates.problem:
        log.error("rates.unusable", clinic=clinic.name, file=str(rates.file), problem=rates.problem)
    log.info(
        "rates.adopted",
        clinic=clinic.name,
        file=str(rates.file),
        sha256=rates.sha256,
        prefixes=len(rates.deck.rates),
    )


def file_revision(clinic: str, document: str) -> PolicyRevision:
    """Make a revision of the installer's file, the first one."""
    return PolicyRevision(
        clinic=clinic,
        revision=1,
        author=author(),
        at=datetime.now(UTC),
        origin=ORIGIN_FILE,
        reason="settings",
        document=document,
    )


def _is_of_other_file(found: PolicyRevision, clinic: Clinic) -> bool:
    return found.origin == ORIGIN_FILE and found.document != clinic.document


def _locks(found: PolicyRevision | NoPolicy) -> Locks:
    return found.locks if isinstance(found, PolicyRevision) else ()


def author() -> str:
    """Name whoever runs this program: the user, or the number of one who has no name, as in a container.

    Never by the environment, as `getpass` does: it goes into rows that say who saw a number.
    """
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
