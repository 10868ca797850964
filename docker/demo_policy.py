"""The demo's rules: the shipped French preset, with dates and hours that are right on whatever day the demo runs."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import practice

ZONE = ZoneInfo("Europe/Paris")
BELGIAN_DAY = "0.50"
"""So small a ceiling that the second Belgian call, at 0.30 for each started minute, would break it."""

_MORNING_ENDS = 10


def rules(now: datetime, hours: str = practice.ALWAYS_OPEN) -> str:
    """The practice's policy.

    Args:
        now: Belgium is allowed until ten days later, Germany was until an hour ago.
        hours: the body of its table ``[hours]``.
    """
    lines = ['allow = ["FR", "GP", "MQ", "GF", "RE", "YT"]']
    lines += ["[[countries.exception]]", 'country = "BE"', f"until = {belgium_ends(now).isoformat()}"]
    lines += [f'day = "{BELGIAN_DAY}"', 'reason = "congress in Brussels"']
    lines += ["[[countries.exception]]", 'country = "DE"', f"until = {_hour_ago(now).isoformat()}"]
    return practice.with_table(practice.preset(hours), "countries", "\n".join(lines))


def belgium_ends(now: datetime) -> datetime:
    """Until when Belgium may be called."""
    return (now + timedelta(days=10)).astimezone(ZONE).replace(minute=0, second=0, microsecond=0)


def hours_closed_at(now: datetime) -> str:
    """Opening hours, on today's weekday only, that leave `now` and the two hours after it out."""
    local = now.astimezone(ZONE)
    opened = "13:00-19:00" if local.hour < _MORNING_ENDS else "08:00-10:00"
    return f'weekly = {{ {practice.DAYS[local.weekday()]} = ["{opened}"] }}\noutside = "national"'


def _hour_ago(now: datetime) -> datetime:
    return (now - timedelta(hours=1)).astimezone(ZONE).replace(microsecond=0)
