"""Why a call was refused, or what its grant wants noticed: one closed list, heaviest first.

Logs, console texts, prompts and docs are keyed by these codes. A refusal carries every reason found, in this order.
"""

from collections.abc import Iterable
from enum import StrEnum


class Reason(StrEnum):
    """A reason code. The order of the members is their weight: safety, destination, time, money, velocity, degraded."""

    LOCKED = "locked"
    INVALID = "invalid"
    INJECTION = "injection"
    ORIGIN_UNKNOWN = "origin_unknown"

    NUMBER_REFUSED = "number_refused"
    NOT_A_PUBLIC_NUMBER = "not_a_public_number"
    EXTENSION_RESTRICTED = "extension_restricted"
    CLASS_REFUSED = "class_refused"
    COUNTRY_REFUSED = "country_refused"
    EXTERNAL_TO_EXTERNAL = "external_to_external"
    RATE_UNKNOWN = "rate_unknown"
    RATE_TOO_HIGH = "rate_too_high"

    CLOSED = "closed"

    CEILING_CALL = "ceiling_call"
    CEILING_HOUR = "ceiling_hour"
    CEILING_DAY = "ceiling_day"
    CEILING_WEEK = "ceiling_week"
    CEILING_MONTH = "ceiling_month"
    CEILING_TOTAL = "ceiling_total"

    TOO_MANY_LINES = "too_many_lines"
    TOO_MANY_STARTS = "too_many_starts"
    SAME_NUMBER = "same_number"
    DISTINCT_NUMBERS = "distinct_numbers"

    POLICY_UNAVAILABLE = "policy_unavailable"
    LEDGER_UNAVAILABLE = "ledger_unavailable"
    LEDGER_FROZEN = "ledger_frozen"
    ALLOWANCE_SPENT = "allowance_spent"
    GATE_UNAVAILABLE = "gate_unavailable"

    # What a grant may carry: nothing from here on refuses a call (`refuses`).
    EMERGENCY = "emergency"
    LOCAL_ALLOWANCE = "local_allowance"
    HOTSPOT = "hotspot"
    RISKY_NUMBER = "risky_number"
    WATCHED = "watched"
    FIRST_COUNTRY = "first_country"
    NATIONAL_ALARM = "national_alarm"
    BUNDLE_OVERRUN = "bundle_overrun"

    @property
    def refuses(self) -> bool:
        """Whether this is why a call was refused, and not what a grant wants noticed."""
        return WEIGHT[self] < WEIGHT[Reason.EMERGENCY]


WEIGHT: dict[Reason, int] = {reason: position for position, reason in enumerate(Reason)}


def by_weight(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Put reasons in order, heaviest first, each once."""
    return tuple(sorted(set(reasons), key=WEIGHT.__getitem__))
