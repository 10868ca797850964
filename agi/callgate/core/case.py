"""One call before its rules: everything they may look at, looked up once."""

from dataclasses import dataclass
from datetime import date, datetime

from callgate.core.attempt import CallAttempt, Origin
from callgate.core.hours import is_open
from callgate.core.locks import Locks, locks_on
from callgate.core.plan import NumberPlan
from callgate.core.policy import Policy
from callgate.core.policy_tables import CountryException, CountryRule, ExternalNumber, NumberException
from callgate.core.pricing import PricedDestination


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """Everything one clinic's calls are judged by, beside the call itself and the instant.

    Fields:
        policy, revision: the policy in force and its number (0: not published).
        plan: of its home country.
        closed_days: public holidays, in the clinic's zone.
        channels: of its trunks together.
        ring_timeout_s: how long a call may ring, during which its hold must not lapse.
        slices: whether somebody renews holds while calls are up, so that a costly call need not hold all its money.
        locks: of the same revision.
    """

    policy: Policy
    revision: int
    plan: NumberPlan
    closed_days: frozenset[date]
    channels: int
    ring_timeout_s: int
    slices: bool = False
    locks: Locks = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One call before its rules: what each of them may look at, looked up once."""

    attempt: CallAttempt
    priced: PricedDestination
    book: Rulebook
    instant: datetime
    is_open: bool
    country_rule: CountryRule | None
    country_exception: CountryException | None
    number_exception: NumberException | None
    external_number: ExternalNumber | None
    permitted: bool

    @property
    def number(self) -> str:
        """The number, as E.164 or short code."""
        return self.priced.destination.number

    @property
    def free_of_hours(self) -> bool:
        """Whether the number may be dialled whatever country, class or hour: listed, excepted or must-reach."""
        return self.permitted or self.priced.destination.must_reach

    @property
    def locks(self) -> Locks:
        """The locks that stop it."""
        return locks_on(self.book.locks, self.attempt, self.priced, plan=self.book.plan, instant=self.instant)

    @property
    def between_outsiders(self) -> bool:
        """Whether both ends are outside, or may be: a forward that no line is charged for may have brought anybody."""
        match self.attempt.origin:
            case Origin.EXTERNAL:
                return True
            case Origin.FORWARDED | Origin.PHONE_FORWARDED:
                return not self.attempt.extension
            case _:
                return False


def open_case(attempt: CallAttempt, priced: PricedDestination, book: Rulebook, instant: datetime) -> Case:
    """Look up what the policy says of this very call."""
    policy, destination = book.policy, priced.destination
    numbers, countries = policy.numbers, policy.countries
    number_exception = next(
        (found for found in numbers.exception if found.number == destination.number and instant < found.until), None
    )
    return Case(
        attempt=attempt,
        priced=priced,
        book=book,
        instant=instant,
        is_open=is_open(policy.hours, instant, policy.timezone, book.closed_days),
        country_rule=next(
            (
                rule
                for rule in countries.rule
                if rule.country == destination.region and destination.number_class in rule.classes
            ),
            None,
        ),
        country_exception=next(
            (
                found
                for found in countries.exception
                if found.country == destination.region
                and destination.number_class in found.classes
                and instant < found.until
            ),
            None,
        ),
        number_exception=number_exception,
        external_number=next(
            (found for found in policy.external_to_external.number if found.number == destination.number), None
        ),
        permitted=number_exception is not None
        or any(pattern.matches(destination.number) for pattern in numbers.always_allow),
    )
