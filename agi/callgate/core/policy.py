"""The policy of one clinic: the whole document, read and checked once; past this door nothing is checked again."""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec

from callgate.core.dialling import NumberClass
from callgate.core.hours import Hours, overlapping_day
from callgate.core.money import format_amount
from callgate.core.policy_document import PolicyError, PolicyErrors, read_document, read_toml
from callgate.core.policy_tables import (
    AutomaticLock,
    Bundle,
    Ceilings,
    Classes,
    Countries,
    CountryException,
    CountryRule,
    ExtensionRule,
    ExternalToExternal,
    InstallerMaximum,
    LedgerDown,
    Limits,
    Numbers,
)
from callgate.core.policy_values import ClinicName, Currency, HolidayCode, PlainText, Region, Schema

OPEN_PATTERN_MIN_DIGITS = 5
"""``always_allow`` beats country and class, so the beginning of a number in it names more than a country."""

BUNDLED = frozenset({NumberClass.NATIONAL_FIXED, NumberClass.NATIONAL_MOBILE, NumberClass.FREEPHONE})
"""What a flat rate can include: a costly call at 0 would pass under every ceiling."""


class Mode(StrEnum):
    """Whether a refusal stops the call, or is only written down."""

    ENFORCE = "enforce"
    OBSERVE = "observe"


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one clinic's phones may dial, when and for how much (DESIGN section 5).

    Fields:
        schema: the version of the document.
        clinic: its name in settings, ledger and journal.
        name: its name for people.
        home: its country.
        timezone: its wall clock.
        holidays: whose public holidays it keeps; left out, those of `home`; ``none`` for no such days.
        currency: of every amount here and in its rate deck.
        mode: enforce, or observe and refuse nothing.
    """

    schema: Schema
    clinic: ClinicName
    home: Region
    timezone: ZoneInfo
    countries: Countries
    name: PlainText = PlainText("")
    holidays: HolidayCode = HolidayCode("")
    currency: Currency = Currency("EUR")
    mode: Mode = Mode.ENFORCE
    classes: Classes = Classes()
    numbers: Numbers = Numbers()
    hours: Hours = Hours()
    ceilings: Ceilings = Ceilings()
    bundle: Bundle = Bundle()
    limits: Limits = Limits()
    external_to_external: ExternalToExternal = ExternalToExternal()
    extensions: tuple[ExtensionRule, ...] = ()
    automatic_lock: AutomaticLock = AutomaticLock()
    installer_maximum: InstallerMaximum = InstallerMaximum()
    when_the_ledger_is_down: LedgerDown = LedgerDown()

    def __post_init__(self) -> None:
        if not self.holidays:
            msgspec.structs.force_setattr(self, "holidays", HolidayCode(self.home))


def parse_policy(text: str) -> Policy:
    """Read a policy document.

    Args:
        text: TOML, as `docs/policy.md` describes it.

    Returns:
        The policy: money in micros, instants aware UTC, hours in minutes, every choice an enum.

    Raises:
        PolicyErrors: with every mistake found, each with path, problem and remedy. Rules between fields are looked at
            only once each field can be read.
    """
    policy = read_document(Policy, read_toml(text))
    mistakes = tuple(mistake for check in _CHECKS for mistake in check(policy))
    if mistakes:
        raise PolicyErrors(mistakes)
    return policy


def _home_is_allowed(policy: Policy) -> Iterator[PolicyError]:
    if policy.home not in policy.countries.allow:
        yield PolicyError("countries.allow", f"the home country {policy.home} is missing", f'add "{policy.home}"')


def _ceilings_are_within_the_maximum(policy: Policy) -> Iterator[PolicyError]:
    for purse in policy.ceilings.__struct_fields__:
        ceilings = msgspec.structs.asdict(getattr(policy.ceilings, purse))
        maxima = msgspec.structs.asdict(getattr(policy.installer_maximum, purse))
        for window, most in maxima.items():
            ceiling = ceilings[window]
            if most is not None and (ceiling is None or ceiling > most):
                problem = f"{'no ceiling' if ceiling is None else format_amount(ceiling)} is above installer_maximum"
                yield PolicyError(f"ceilings.{purse}.{window}", problem, f'write at most "{format_amount(most)}"')


def _opening_hours_do_not_overlap(policy: Policy) -> Iterator[PolicyError]:
    day = overlapping_day(policy.hours.weekly)
    if day is not None:
        path = f"hours.weekly.{policy.hours.weekly.__struct_fields__[day]}"
        yield PolicyError(path, "two spans share a time", "join them, or end one before the other begins")


def _nothing_is_said_twice(policy: Policy) -> Iterator[PolicyError]:
    yield from _repeated("countries.exception", _country_classes(policy.countries.exception))
    yield from _repeated("countries.rule", _country_classes(policy.countries.rule))
    yield from _repeated("numbers.exception", ({entry.number} for entry in policy.numbers.exception))
    yield from _repeated(
        "external_to_external.number", ({entry.number} for entry in policy.external_to_external.number)
    )
    yield from _repeated("extensions", ({rule.match.expression} for rule in policy.extensions))


def _country_classes(entries: Iterable[CountryException | CountryRule]) -> Iterator[set[str]]:
    for entry in entries:
        yield {f"{entry.country} {number_class}" for number_class in entry.classes}


def _repeated(path: str, entries: Iterable[set[str]]) -> Iterator[PolicyError]:
    seen: set[str] = set()
    for place, subjects in enumerate(entries):
        for subject in sorted(subjects & seen):
            yield PolicyError(f"{path}[{place}]", f"{subject} is already spoken of above", "keep one of the two")
        seen |= subjects


def _classes_have_a_meaning_there(policy: Policy) -> Iterator[PolicyError]:
    billable = frozenset(map(NumberClass, policy.classes.__struct_fields__))
    lists: dict[str, tuple[CountryException | CountryRule, ...]] = {
        "countries.exception": policy.countries.exception,
        "countries.rule": policy.countries.rule,
    }
    for path, entries in lists.items():
        for place, entry in enumerate(entries):
            yield from _strangers(f"{path}[{place}].classes", entry.classes, billable)
            if not entry.classes:
                yield PolicyError(f"{path}[{place}].classes", "it is empty", "name a class, or remove the whole entry")
    yield from _strangers("bundle.included", policy.bundle.included, BUNDLED)


def _strangers(path: str, classes: Iterable[NumberClass], known: frozenset[NumberClass]) -> Iterator[PolicyError]:
    for stranger in classes:
        if stranger not in known:
            yield PolicyError(path, f'"{stranger}" has no meaning here', f"name only {', '.join(sorted(known))}")


def _number_lists_are_sound(policy: Policy) -> Iterator[PolicyError]:
    for place, pattern in enumerate(policy.numbers.always_allow):
        path = f"numbers.always_allow[{place}]"
        if pattern.is_prefix and len(pattern.digits) <= OPEN_PATTERN_MIN_DIGITS:
            remedy = f"write at least {OPEN_PATTERN_MIN_DIGITS} digits before the *, or allow the country"
            yield PolicyError(path, f"{pattern.digits}* would open a whole country", remedy)
        if pattern in policy.numbers.always_refuse:
            yield PolicyError(path, f"{pattern.digits} is also in always_refuse", "keep it in one of the two")


def _a_burst_is_more_than_nothing(policy: Policy) -> Iterator[PolicyError]:
    if policy.automatic_lock.refused.count_max == 0:
        remedy = 'write at least "1/10m", or when = "never"'
        yield PolicyError("automatic_lock.refused", "no refusal at all is no burst", remedy)


_CHECKS: tuple[Callable[[Policy], Iterator[PolicyError]], ...] = (
    _home_is_allowed,
    _classes_have_a_meaning_there,
    _number_lists_are_sound,
    _opening_hours_do_not_overlap,
    _ceilings_are_within_the_maximum,
    _nothing_is_said_twice,
    _a_burst_is_more_than_nothing,
)
