"""One clinic as the gate serves it: its policy in force, number plan, rate deck and trunks, loaded from files."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

from callgate.core.case import Rulebook
from callgate.core.deck import DeckError, RateDeck, parse_deck
from callgate.core.dialling import read_dialled
from callgate.core.document import DocumentError
from callgate.core.hold import Unavailable
from callgate.core.locks import Locks
from callgate.core.plan import NumberClass, NumberPlan, parse_plan
from callgate.core.policy import Policy, parse_policy
from callgate.core.policy_document import PolicyError, PolicyErrors
from callgate.core.risk import RiskTable, parse_risk
from callgate.core.tariff import CUT_MARGIN_S
from callgate.core.wire import NumberFormat, e164_to_wire
from callgate.errors import SettingsError
from callgate.holidays_table import HolidayError, holiday_dates
from callgate.ledger.revisions import NoPolicy, PolicyRevision
from callgate.resources import resource
from callgate.settings import ClinicSettings, EntrySettings, Settings, TrunkSettings

HOLIDAY_YEARS_AHEAD = 2


UNKNOWN_REVISION = 1_000_000_000
"""No policy is ever published under this number, the ledger's highest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStamp:
    """The state of a file: whoever writes it, changes its rights or puts another in its place changes one of these."""

    changed_ns: int
    size: int
    inode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedDeck:
    """A rate deck, and which file it was read from.

    Fields:
        stamp: of the file, just before it was read.
        sha256: of the deck's text with plain line ends, in hexadecimal digits.
        problem: why the file cannot be used, and `deck` is another; "" where it can.
    """

    deck: RateDeck
    file: Path
    stamp: FileStamp | None
    sha256: str
    problem: str = ""


DeckReader = Callable[[Path, str], LoadedDeck]
"""Reads the deck of a file, whose rows must be in a currency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clinic:
    """What binds the calls of one clinic.

    Fields:
        name, language: from the settings.
        document: the policy's text, as it was read; `policy` is the same, checked.
        revision: its number in Redis, 0 while it is not published.
        locks: what is locked beside it.
        since: when this policy was first seen in force, aware UTC: a later revision may only lock. None at revision 0.
        rates: the deck its calls are priced by.
        risks: the list of risk tiers.
        closed_days: public holidays of this year and the next two, in the clinic's zone.
        channels: of its trunks together.
    """

    name: str
    language: str
    document: str
    policy: Policy
    revision: int
    plan: NumberPlan
    rates: LoadedDeck
    risks: RiskTable
    closed_days: frozenset[date]
    channels: int
    ring_timeout_s: int
    locks: Locks = ()
    since: datetime | None = None

    @property
    def deck(self) -> RateDeck:
        """Its rates."""
        return self.rates.deck

    def reach_s(self, *, ordinary: bool) -> int:
        """How many seconds after its verdict an ordinary or a costly call may still go on, and meet another rate."""
        longest = self.policy.limits.max_duration_s
        return self.ring_timeout_s + (longest.ordinary if ordinary else longest.costly) + CUT_MARGIN_S

    @property
    def rulebook(self) -> Rulebook:
        """What the judge rules by.

        A gate that does not know which revision is in force must not pass for one that does: it names a revision that
        never is, so that its first hold is `Stale` as soon as the ledger knows better.
        """
        return Rulebook(
            policy=self.policy,
            revision=self.revision or UNKNOWN_REVISION,
            plan=self.plan,
            closed_days=self.closed_days,
            channels=self.channels,
            ring_timeout_s=self.ring_timeout_s,
            locks=self.locks,
        )


def plan_countries() -> tuple[str, ...]:
    """The home countries whose number plan is shipped."""
    return tuple(sorted(file.stem for file in resource("policies/plans").glob("*.toml")))


def load_plan(country: str) -> NumberPlan:
    """Load the shipped number plan of a home country.

    Raises:
        SettingsError: if none is shipped, or it is damaged.
    """
    if country not in plan_countries():
        remedy = f"use one of {', '.join(plan_countries())}, or add policies/plans/{country}.toml"
        raise SettingsError("home", f'no number plan for "{country}"', remedy)
    return read_plan(resource(f"policies/plans/{country}.toml"))


def read_plan(file: Path) -> NumberPlan:
    """Read a number plan.

    Raises:
        SettingsError: if it cannot be read, or is damaged.
    """
    try:
        return parse_plan(read_text(file))
    except DocumentError as error:
        raise SettingsError(f"{file}: {error.path}", error.problem, error.remedy) from None


@cache
def load_risks() -> RiskTable:
    """Load the shipped list of risk tiers, the same for every clinic.

    Raises:
        SettingsError: if it is damaged.
    """
    return read_risks(resource("policies/risk/risk.toml"))


def read_risks(file: Path) -> RiskTable:
    """Read a list of risk tiers.

    Raises:
        SettingsError: if it cannot be read, or is damaged.
    """
    try:
        return parse_risk(read_text(file))
    except DocumentError as error:
        raise SettingsError(f"{file}: {error.path}", error.problem, error.remedy) from None


def load_deck(file: Path, currency: str) -> LoadedDeck:
    """Load a rate deck.

    Raises:
        SettingsError: if it cannot be read, or with its first bad line.
        PermissionError: if it may not be read.
    """
    try:
        stamp = file_stamp(file)
        text = read_text(file)
        deck = parse_deck(text, currency)
    except DeckError as error:
        fault = error.faults[0]
        raise SettingsError(f"{file}, line {fault.line}", fault.problem, fault.remedy) from None
    return LoadedDeck(deck=deck, file=file, stamp=stamp, sha256=hashlib.sha256(text.encode()).hexdigest())


def file_stamp(file: Path) -> FileStamp | None:
    """Look at the state of a file; None if there is none, or it may not be looked at."""
    try:
        found = file.stat()
    except OSError:
        return None
    return FileStamp(changed_ns=found.st_ctime_ns, size=found.st_size, inode=found.st_ino)


def load_clinics(
    settings: Settings,
    folder: Path,
    read_deck: DeckReader = load_deck,
    policies: Mapping[str, str] | None = None,
) -> dict[str, Clinic]:
    """Load every clinic of the settings; those that name the same deck share it.

    Args:
        settings: checked.
        folder: what relative paths in them start from.
        read_deck: what to do with a deck's file: `callgate.policies.deck_to_serve` makes do with another deck.
        policies: what each policy file says, by its name in the settings; None to read them.

    Raises:
        SettingsError: with the file, the path in it, the problem and the remedy.
    """
    read_once = cache(read_deck)
    texts = read_policies(settings, folder) if policies is None else policies
    return {
        clinic.name: _load_clinic(settings, clinic, folder, read_once, document=texts[clinic.policy])
        for clinic in settings.clinic
    }


def read_policies(settings: Settings, folder: Path) -> dict[str, str]:
    """Read every policy file of the settings, and check nothing; by its name there. Raises as `load_clinics` does."""
    return {name: read_text(folder / name) for name in dict.fromkeys(clinic.policy for clinic in settings.clinic)}


def _load_clinic(
    settings: Settings, clinic: ClinicSettings, folder: Path, read_deck: DeckReader, *, document: str
) -> Clinic:
    policy = check_policy(document, folder / clinic.policy)
    if policy.clinic != clinic.name:
        raise SettingsError(
            f"{folder / clinic.policy}: clinic",
            f'says "{policy.clinic}", the settings say "{clinic.name}"',
            "use the same name in both",
        )
    entries = [entry for entry in settings.entry if entry.clinic == clinic.name]
    with in_document(folder / clinic.policy):
        plan, days = load_plan(policy.home), closed_days(policy, datetime.now(UTC).year)
        check_numbers(policy, plan)
    return Clinic(
        name=clinic.name,
        language=clinic.language,
        document=document,
        policy=policy,
        revision=0,
        plan=plan,
        rates=read_deck(folder / clinic.rates, policy.currency),
        risks=load_risks(),
        closed_days=days,
        channels=_channels(settings, entries),
        ring_timeout_s=settings.dialplan.ring_timeout_s,
    )


def under_policy(clinic: Clinic, document: str, where: Path | str) -> Clinic:
    """Put a clinic under another policy; its revision and its locks stay for the caller to set.

    Args:
        clinic: as it is.
        document: the policy's text.
        where: the file or revision it comes from, for a message.

    Raises:
        SettingsError: if it is no policy, or one for another clinic, country or currency: plan and rates stay.
    """
    policy = check_policy(document, where)
    for field in ("clinic", "home", "currency"):
        now, then = getattr(clinic.policy, field), getattr(policy, field)
        if now != then:
            problem = f'says "{then}", the clinic is set up with "{now}"'
            raise SettingsError(f"{where}: {field}", problem, "change the policy file of the settings, and restart")
    with in_document(where):
        check_numbers(policy, clinic.plan)
        return replace(clinic, policy=policy, closed_days=closed_days(policy, datetime.now(UTC).year))


def in_force(clinic: Clinic, found: PolicyRevision | NoPolicy | Unavailable) -> Clinic:
    """Put a clinic under what the ledger has in force; where that cannot be had, it stays as it is, at revision 0.

    Raises:
        SettingsError: if that is no policy for this clinic.
    """
    match found:
        case PolicyRevision():
            bound = under_policy(clinic, found.document, f"revision {found.revision}")
            return replace(bound, revision=found.revision, locks=found.locks)
        case NoPolicy() | Unavailable():
            return clinic


def closed_days(policy: Policy, year: int) -> frozenset[date]:
    """Compile the policy's public holidays for `year` and the two after it.

    Raises:
        SettingsError: if nobody knows them.
    """
    try:
        return holiday_dates(policy.holidays, range(year, year + HOLIDAY_YEARS_AHEAD + 1))
    except HolidayError as error:
        problem, _, remedy = str(error).removeprefix("holidays: ").partition(". Remedy: ")
        raise SettingsError("holidays", problem, remedy) from None


def emergency_wire(number: str, trunk: TrunkSettings, plan: NumberPlan) -> str:
    """Write an emergency number, such as 15, as a trunk wants it."""
    if trunk.emergency_format == "short":
        return trunk.emergency_prefix + number
    return e164_to_wire(plan.dial_code + number, NumberFormat(trunk.emergency_format), plan)


def _channels(settings: Settings, entries: list[EntrySettings]) -> int:
    names = {name for entry in entries for name in entry.trunks}
    return sum(trunk.channels for trunk in settings.trunk if trunk.name in names)


def read_text(file: Path) -> str:
    """Read a file an installer wrote.

    Raises:
        SettingsError: if it cannot be read.
        PermissionError: if it may not be read.
    """
    try:
        return file.read_text(encoding="utf-8")
    except PermissionError:
        raise
    except (OSError, ValueError) as error:  # no UTF-8, or no name that a file can have
        raise SettingsError(str(file), f"cannot be read: {error}", "name an existing UTF-8 text file") from None


def check_numbers(policy: Policy, plan: NumberPlan) -> None:
    """Check that a call can have the numbers a policy names: a rule for one that no call ever has does nothing.

    Raises:
        SettingsError: with every such number, each on its line.
    """
    mistakes = [mistake for path, number in _exact_numbers(policy) for mistake in _mistakes(path, number, plan)]
    if mistakes:
        raise _as_one(mistakes)


def _exact_numbers(policy: Policy) -> Iterator[tuple[str, str]]:
    """Every whole number in a policy, after its path there."""
    numbers = policy.numbers
    for field in ("always_allow", "always_refuse"):
        for place, pattern in enumerate(getattr(numbers, field)):
            if not pattern.is_prefix:
                yield f"numbers.{field}[{place}]", pattern.digits
    for place, exception in enumerate(numbers.exception):
        yield f"numbers.exception[{place}].number", exception.number
    for place, external in enumerate(policy.external_to_external.number):
        yield f"external_to_external.number[{place}].number", external.number


def _mistakes(path: str, number: str, plan: NumberPlan) -> Iterator[PolicyError]:
    found = read_dialled(number, plan=plan, outside_prefix="")
    if found.number_class is NumberClass.EMERGENCY:
        yield PolicyError(path, f"{number} is an emergency number and always connects", "take it out")
    elif found.number_class is NumberClass.INVALID:
        yield PolicyError(path, f"{number} is no number that can be called", "correct it, or take it out")
    elif found.number != number:
        yield PolicyError(path, f"no call ever has the number {number}", f"write {found.number}")


@contextmanager
def in_document(where: Path | str) -> Iterator[None]:
    """Name the file in what is said to be wrong with it."""
    try:
        yield
    except SettingsError as error:
        raise SettingsError(f"{where}: {error.path}", error.problem, error.remedy) from None


def check_policy(document: str, file: Path | str) -> Policy:
    """Check a policy document.

    Raises:
        SettingsError: with every mistake, each on its line.
    """
    try:
        return parse_policy(document)
    except PolicyErrors as error:
        with in_document(file):
            raise _as_one(error.errors) from None


def _as_one(mistakes: Sequence[PolicyError]) -> SettingsError:
    """Say every mistake of a policy, each on its line."""
    first, *others = mistakes
    return SettingsError(first.path, first.problem, "\n".join((first.remedy, *map(str, others))))
