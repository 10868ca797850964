"""What the tests of the rules are made of: the shipped plan and rates, policies, and calls to be judged by them.

Nothing here stands in for anything: a call is read, priced and judged by the same functions as a real one.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from callgate.core.attempt import CallAttempt, Origin
from callgate.core.case import Case, Rulebook, open_case
from callgate.core.deck import COLUMNS, RateDeck, parse_deck
from callgate.core.dialling import Destination, read_dialled
from callgate.core.hold import HoldRequest
from callgate.core.judge import Refuse, Reserve, Ruling, judge
from callgate.core.locks import Lock, LockedCalls, Locks, LockScope
from callgate.core.plan import NumberPlan, parse_plan
from callgate.core.policy import Policy, parse_policy
from callgate.core.pricing import PricedDestination, price_destination
from callgate.core.reasons import Reason
from callgate.core.risk import assess, parse_risk
from callgate.core.tariff import Rate

EURO = 1_000_000
CENT = 10_000
POLICIES = Path(__file__).parent.parent.parent / "policies"
PLAN = parse_plan((POLICIES / "plans" / "FR.toml").read_text(encoding="utf-8"))
DECK = parse_deck((POLICIES / "rates" / "FR-default.csv").read_text(encoding="utf-8"), "EUR")
RISKS = parse_risk((POLICIES / "risk" / "risk.toml").read_text(encoding="utf-8"))
FRANCE = ("FR", "GP", "MQ", "GF", "RE", "YT")

OPEN = datetime(2026, 11, 24, 9, tzinfo=UTC)
"""A Tuesday, 10:00 in Paris: the factory's opening hours are 08:00 to 19:00."""
CLOSED = datetime(2026, 11, 24, 20, tzinfo=UTC)
"""The evening of the same day, 21:00."""

PARIS = "0142685300"
MOBILE = "0612345678"
REUNION = "0262301234"
SAINT_PIERRE = "0508412345"
BRUSSELS = "+3225551212"
SWISS_MOBILE = "+41795551212"
IVORY_COAST = "+2250707123456"
INMARSAT = "+870773111632"
LATVIA = "+37163123341"
"""A hotspot of the shipped list of risk tiers."""
PREMIUM = "0899123456"
SHARED_COST = "0826123456"
POISON_CENTRE = "0140054848"
SUICIDE_HELPLINE = "3114"
HEALTH_INSURANCE = "3646"
TAG = "0123456789abcdef"


def clinic_rules(*lines: str, allow: tuple[str, ...] = FRANCE) -> Policy:
    """Read a policy: the factory figures, these countries, and these lines of TOML."""
    start = ('schema = 1\nclinic = "cabinet"\nhome = "FR"\ntimezone = "Europe/Paris"', f"countries.allow = {[*allow]}")
    return parse_policy("\n".join((*start, *lines)))


FACTORY = clinic_rules()


def a_lock(
    calls: LockedCalls = LockedCalls.ALL, extension: str = "", until: datetime | None = None, *, cut: bool = False
) -> Lock:
    """What a person has locked at opening time."""
    scope = LockScope(calls=calls, extension=extension)
    return Lock(scope=scope, until=until, cut=cut, author="dr.lilas", at=OPEN, reason="strange calls at night")


def deck_of(*rows: str) -> RateDeck:
    """Read a deck of rows such as ``+32 0.10 0.30 60 60``: prefix, connect fee, minute, first and next increments."""
    lines = [",".join((prefix, "a rate", *figures, "EUR", "0", "", "")) for prefix, *figures in map(str.split, rows)]
    return parse_deck("\n".join((",".join(COLUMNS), *lines)), "EUR")


def a_rate(
    connect_micros: int = 0, per_minute_micros: int = 0, first_increment_s: int = 1, increment_s: int = 1
) -> Rate:
    """Write a rate by hand."""
    return Rate(
        prefix="32",
        label="a rate",
        connect_micros=connect_micros,
        per_minute_micros=per_minute_micros,
        first_increment_s=first_increment_s,
        increment_s=increment_s,
    )


def destination(dialled: str, plan: NumberPlan = PLAN) -> Destination:
    """Read what was dialled from a phone without an outside prefix."""
    return read_dialled(dialled, plan=plan, outside_prefix="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call and all that decides about it; without rows of its own (`deck_of`) its rates are the shipped ones."""

    dialled: str
    policy: Policy = FACTORY
    at: datetime = OPEN
    origin: Origin = Origin.EXTENSION
    extension: str = "101"
    rates: tuple[str, ...] = ()
    channels: int = 10
    holidays: frozenset[date] = frozenset()
    plan: NumberPlan = PLAN
    slices: bool = False
    locks: Locks = ()

    @property
    def attempt(self) -> CallAttempt:
        return CallAttempt(
            passage="pbx1.9b2f",
            attempt=1,
            supersedes="",
            nonce="n0nce",
            clinic="cabinet",
            entry="callgate",
            trunk="carrier-a",
            extension=self.extension,
            caller_id="",
            dialled=self.dialled,
            origin=self.origin,
        )

    @property
    def priced(self) -> PricedDestination:
        found = price_destination(
            destination(self.dialled, self.plan),
            plan=self.plan,
            deck=deck_of(*self.rates) if self.rates else DECK,
            bundle=self.policy.bundle,
            at=self.at.astimezone(self.policy.timezone),
            longest_s=7200,
        )
        return replace(found, tag=TAG, risk=assess(found.destination, self.plan.country, RISKS))

    @property
    def book(self) -> Rulebook:
        return Rulebook(
            policy=self.policy,
            revision=7,
            plan=self.plan,
            closed_days=self.holidays,
            channels=self.channels,
            ring_timeout_s=60,
            slices=self.slices,
            locks=self.locks,
        )

    @property
    def case(self) -> Case:
        return open_case(self.attempt, self.priced, self.book, self.at)

    @property
    def ruling(self) -> Ruling:
        return judge(self.attempt, self.priced, self.book, self.at)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why the rules refuse it; none if they let it go as far as the ledger."""
        match self.ruling:
            case Refuse(reasons=reasons):
                return reasons
            case ruling:
                assert isinstance(ruling, Reserve)
                return ()

    @property
    def request(self) -> HoldRequest:
        """What the ledger is asked for a call that the rules let go."""
        ruling = self.ruling
        assert isinstance(ruling, Reserve)
        return ruling.request
