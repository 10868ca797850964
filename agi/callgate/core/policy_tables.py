"""The tables of a policy, as DESIGN section 5 writes them; ``[hours]`` is in `callgate.core.hours`.

What an installer leaves out gets the factory figure for France (facts/semantics.md), which is the default written here.
`docs/policy.md` says the same for people, and a test holds it to these fields.
"""

from enum import StrEnum

import msgspec

from callgate.core.dialling import NumberClass
from callgate.core.policy_values import (
    Count,
    ExtensionPattern,
    Instant,
    Micros,
    NumberPattern,
    PlainNumber,
    PlainText,
    Region,
    Seconds,
    Span,
    StartLimit,
)

SUBSCRIBERS = (
    NumberClass.NATIONAL_FIXED,
    NumberClass.NATIONAL_MOBILE,
    NumberClass.INTERNATIONAL_FIXED,
    NumberClass.INTERNATIONAL_MOBILE,
)
"""People's own lines. The overseas departments are national by class, so a country's entry must name both kinds."""


class ClassChoice(StrEnum):
    """What becomes of a class: the countries decide, or nothing passes, or only the numbers that somebody listed do.

    Listed are the plan's must-reach and practice numbers, and ``always_allow`` and ``exception`` of ``[numbers]``.
    """

    ALLOW = "allow"
    REFUSE = "refuse"
    LISTED = "listed"


class RuleHours(StrEnum):
    """When a country may be called: in opening hours only, or also outside them."""

    OPEN = "open"
    ALWAYS = "always"


class FirstCountry(StrEnum):
    """What the first call ever to a country does beside being judged."""

    ALERT = "alert"
    IGNORE = "ignore"


class ExtensionReach(StrEnum):
    """How far some internal lines may dial."""

    INTERNAL = "internal"
    NATIONAL = "national"
    AS_CLINIC = "as_clinic"


class LockWhen(StrEnum):
    """When a burst of refusals locks the extension: while the clinic is closed, or never."""

    CLOSED = "closed"
    NEVER = "never"


class UnknownRate(StrEnum):
    """What becomes of a number without a rate while the ledger is down; there is no other safe choice."""

    REFUSE = "refuse"


class CountryException(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[[countries.exception]]``: a country that may be called until an instant.

    Fields:
        country: which.
        until: when the permission ends by itself.
        classes: what may be called there.
        day: the most money in 24 rolling hours, or None for the common ceilings alone.
        reason: for the record.
    """

    country: Region
    until: Instant
    classes: tuple[NumberClass, ...] = SUBSCRIBERS
    day: Micros | None = None
    reason: PlainText = PlainText("")


class CountryRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[[countries.rule]]``: how one country may be called; it narrows a permission and is none by itself.

    Fields:
        country: which.
        classes: what the rule speaks of.
        hours: when it may be called; only this counts for it, not ``outside`` of ``[hours]``.
        day: the most money in 24 rolling hours, or None for the common ceilings alone.
        max_rate_per_minute: takes the place of the same field in ``[limits]``, or None to leave that.
    """

    country: Region
    classes: tuple[NumberClass, ...] = SUBSCRIBERS
    hours: RuleHours = RuleHours.OPEN
    day: Micros | None = None
    max_rate_per_minute: Micros | None = None


class Countries(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[countries]``: the countries that may be called at all, their exceptions and rules."""

    allow: tuple[Region, ...]
    exception: tuple[CountryException, ...] = ()
    rule: tuple[CountryRule, ...] = ()


class Classes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[classes]``: a choice for each class of number that can be billed; the field is the class's own word."""

    national_fixed: ClassChoice = ClassChoice.ALLOW
    national_mobile: ClassChoice = ClassChoice.ALLOW
    international_fixed: ClassChoice = ClassChoice.ALLOW
    international_mobile: ClassChoice = ClassChoice.ALLOW
    freephone: ClassChoice = ClassChoice.ALLOW
    shared_cost: ClassChoice = ClassChoice.LISTED
    special_short: ClassChoice = ClassChoice.LISTED
    premium: ClassChoice = ClassChoice.REFUSE
    directory: ClassChoice = ClassChoice.REFUSE
    personal_number: ClassChoice = ClassChoice.REFUSE
    m2m_pager: ClassChoice = ClassChoice.REFUSE
    satellite_global: ClassChoice = ClassChoice.REFUSE
    international_premium: ClassChoice = ClassChoice.REFUSE

    def choice(self, number_class: NumberClass) -> ClassChoice:
        """Return the choice for a class; what has none (``invalid``, ``internal_feature``) is refused."""
        choices: dict[str, ClassChoice] = msgspec.structs.asdict(self)
        return choices.get(number_class.value, ClassChoice.REFUSE)


class NumberException(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[[numbers.exception]]``: one number that may be called until an instant.

    Fields:
        number, until: which, and when the permission ends by itself.
        total: the most money in all, for a costly number; ordinary calls are not counted in it.
    """

    number: PlainNumber
    until: Instant
    total: Micros | None = None


class Numbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[numbers]``: single numbers and beginnings of numbers.

    Fields:
        always_allow: beats country, class, hours and the highest rate; never a lock or an invalid number.
        always_refuse: beats all but emergency.
        exception: numbers allowed for a time.
    """

    always_allow: tuple[NumberPattern, ...] = ()
    always_refuse: tuple[NumberPattern, ...] = ()
    exception: tuple[NumberException, ...] = ()


class PurseCeilings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The most money one call, or one window, may cost; None for no ceiling.

    Fields:
        per_call: one call.
        hour, day, week: rolling 60 minutes, 24 hours and 7 days.
        calendar_month: the month in the clinic's zone, as the bill counts it.
    """

    per_call: Micros | None = None
    hour: Micros | None = None
    day: Micros | None = None
    week: Micros | None = None
    calendar_month: Micros | None = None


class CostlyCeilings(PurseCeilings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[ceilings.costly]``: every costly call counts here."""

    per_call: Micros | None = Micros(5_000_000)
    hour: Micros | None = Micros(10_000_000)
    day: Micros | None = Micros(15_000_000)
    week: Micros | None = Micros(30_000_000)
    calendar_month: Micros | None = Micros(60_000_000)


class InternationalCeilings(PurseCeilings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[ceilings.international]``: calls to other countries."""

    day: Micros | None = Micros(10_000_000)
    week: Micros | None = Micros(25_000_000)


class OverseasCeilings(PurseCeilings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[ceilings.overseas]``: the overseas departments together."""

    day: Micros | None = Micros(5_000_000)
    week: Micros | None = Micros(15_000_000)


class NationalCeilings(PurseCeilings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[ceilings.national]``: ordinary calls; alarms in opening hours, refuses outside them."""

    day: Micros | None = Micros(20_000_000)
    week: Micros | None = Micros(60_000_000)


class ExtensionCeilings(PurseCeilings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[ceilings.extension]``: the costly calls of each internal line."""

    day: Micros | None = Micros(10_000_000)


class Ceilings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[ceilings.*]``: a purse for each group of calls; a costly call abroad counts in several."""

    costly: CostlyCeilings = CostlyCeilings()
    international: InternationalCeilings = InternationalCeilings()
    overseas: OverseasCeilings = OverseasCeilings()
    national: NationalCeilings = NationalCeilings()
    extension: ExtensionCeilings = ExtensionCeilings()


class InstallerMaximum(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[installer_maximum]``: what no ceiling of the clinic may exceed; None where the installer sets no bound."""

    costly: PurseCeilings = PurseCeilings()
    international: PurseCeilings = PurseCeilings()
    overseas: PurseCeilings = PurseCeilings()
    national: PurseCeilings = PurseCeilings()
    extension: PurseCeilings = PurseCeilings()


class Bundle(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[bundle]``: a flat-rate line.

    Fields:
        included: classes that cost 0 on this line.
        distinct_per_month: different numbers in 31 rolling days; more is an alert. The operator counts by the calendar
            month, which never holds more days.
        max_call_s: a longer call is no longer included: an alert, and where national ceilings bind, no call is granted
            longer.
    """

    included: tuple[NumberClass, ...] = ()
    distinct_per_month: Count = Count(99)
    max_call_s: Seconds = Seconds(3600)


class Concurrent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``concurrent``: most calls up at once.

    Fields:
        clinic: in all; None for the trunk's channels less one, which leaves 15 and 112 a channel.
        international, overseas, external_to_external: of these groups.
        closed: in all, outside opening hours.
        hotspot: to destinations of the highest risk tier.
    """

    clinic: Count | None = None
    international: Count = Count(2)
    overseas: Count = Count(2)
    external_to_external: Count = Count(2)
    closed: Count = Count(2)
    hotspot: Count = Count(1)


class Starts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``starts``: most granted costly calls begun in a time.

    Fields:
        international, overseas: of these groups.
        same_number: to one number.
        distinct_foreign: to different numbers abroad.
        hotspot: to destinations of the highest risk tier, together.
    """

    international: StartLimit = StartLimit(count_max=6, span_s=3600)
    overseas: StartLimit = StartLimit(count_max=6, span_s=3600)
    same_number: StartLimit = StartLimit(count_max=6, span_s=900)
    distinct_foreign: StartLimit = StartLimit(count_max=15, span_s=86400)
    hotspot: StartLimit = StartLimit(count_max=1, span_s=43200)


class MaxDuration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``max_duration_s``: the longest call, in seconds."""

    ordinary: Seconds = Seconds(7200)
    costly: Seconds = Seconds(1800)


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[limits]``: what bounds single calls and their number.

    Fields:
        max_rate_per_minute: a dearer costly number is refused; a country's rule may say otherwise.
        concurrent, starts, max_duration_s: calls at once, calls begun in a time, seconds a call.
        first_country: what the first costly call ever to a country does that no entry of `Countries` names.
    """

    max_rate_per_minute: Micros = Micros(500_000)
    concurrent: Concurrent = Concurrent()
    starts: Starts = Starts()
    max_duration_s: MaxDuration = MaxDuration()
    first_country: FirstCountry = FirstCountry.ALERT


class ExternalNumber(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[[external_to_external.number]]``: a number that forwards, transfers and DISA may reach from outside.

    Fields:
        number: whom.
        label: who that is.
        lines: calls at once.
        day: the most money in 24 rolling hours.
    """

    number: PlainNumber
    label: PlainText = PlainText("")
    lines: Count = Count(2)
    day: Micros = Micros(20_000_000)


class ExternalToExternal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[external_to_external]``: calls with both ends outside; nothing passes but to these numbers."""

    number: tuple[ExternalNumber, ...] = ()


class ExtensionRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[[extensions]]``: lines such as a fax or an alarm dialler, and how far they may dial."""

    match: ExtensionPattern
    allow: ExtensionReach


class AutomaticLock(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[automatic_lock]``: a burst of refusals locks the calls abroad, or all costly ones, of its extension.

    Ten in ten minutes: published attacks dial once in 2.67 s or, slowly, once a minute (facts/features.md 5.9), and are
    locked after half a minute or ten; who dials by hand and hears each refusal out hardly gets there.

    Fields:
        when: whether and when the rule holds.
        refused: so many refused costly calls of one extension in so long a time are a burst.
    """

    when: LockWhen = LockWhen.CLOSED
    refused: StartLimit = StartLimit(count_max=10, span_s=600)


class Allowance(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``ordinary``: at most `calls` in each `per`, and `total` money in an hour, without a ledger."""

    calls: Count = Count(30)
    per: Span = Span(60)
    total: Micros = Micros(5_000_000)


class LedgerDown(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[when_the_ledger_is_down]``: what ordinary calls may still do; costly ones are refused."""

    ordinary: Allowance = Allowance()
    unknown_rate: UnknownRate = UnknownRate.REFUSE
