"""The way that others cap: money a calendar day, counted from CDRs, which come when a call is over.

A model of its own: it shares nothing with the gate but the price of a call.
"""

import heapq
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from callgate.core.money import ceil_div, parse_amount
from replay.profiles import Call, Profile

CAP_MICROS = 30_000_000
"""EUR 30 a day, as in the loss model of facts/features.md 1."""


def cost(profile: Profile, call: Call) -> int:
    """What a call costs, billed by the second: its number is that of the longest prefix."""
    number = f"+{call.dialled[2:]}" if call.dialled.startswith("00") else f"+33{call.dialled[1:]}"
    prefix = max((prefix for prefix in profile.prices if number.startswith(prefix)), key=len)
    return ceil_div(parse_amount(profile.prices[prefix]) * call.duration_s, 60)


def without_control(profile: Profile) -> int:
    """What the attack costs where nothing stops it."""
    return sum(cost(profile, call) for call in profile.calls)


def under_calendar_cap(profile: Profile, calls: Iterable[Call]) -> int:
    """What it costs where no call begins once the CDRs of the calendar day add up to the cap."""
    spent: Counter[date] = Counter()
    up: list[tuple[datetime, int]] = []
    total = 0
    for call in calls:
        while up and up[0][0] <= call.start:
            ended, micros = heapq.heappop(up)
            spent[ended.date()] += micros
        if spent[call.start.date()] < CAP_MICROS:
            micros = cost(profile, call)
            heapq.heappush(up, (call.start + timedelta(seconds=call.duration_s), micros))
            total += micros
    return total
