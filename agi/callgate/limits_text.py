"""Says which limits a refused call hit: what was left under each, and no sooner than when it reopens.

Numbers are never told: where a limit is one number's own, it is "this number".
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from callgate.core.hold import Denial, DenialKind, Window
from callgate.core.hours import next_month
from callgate.core.money import format_amount
from callgate.texts.catalog import Language, catalog, text

_MINUTE = timedelta(minutes=1)


def limit_lines(
    denials: Iterable[Denial], *, at: datetime, zone: ZoneInfo, currency: str, language: Language
) -> list[str]:
    """Write one line for each limit, in the order given.

    Args:
        denials: of the refusal.
        at: when it was refused, aware UTC.
        zone: the clinic's clock, on which the times are told.
        currency: of its policy.
        language: of the reader.
    """
    return [
        text(
            f"limit.{denial.kind}",
            language,
            scope=scope(denial.name, language),
            window=text(f"window.{denial.window}", language) if denial.window else "",
            left=format_amount(denial.left),
            currency=currency,
            reopens=_reopens(denial, at, zone, language),
        )
        for denial in denials
    ]


def scope(name: str, language: Language) -> str:
    """Say what a purse or start limit counts; the name itself if it is one of another version."""
    kind, _, detail = name.partition(":")
    words = catalog(language).get(f"scope.{kind}")
    return name if words is None else words.format(detail=detail)


def _reopens(denial: Denial, at: datetime, zone: ZoneInfo, language: Language) -> str:
    if denial.kind is DenialKind.LINES:
        return text("cli.reopens_after_calls", language)
    # Of these two the ledger cannot tell whether money that was spent is in the way, or what calls in progress hold.
    if denial.window is Window.TOTAL:
        return text("cli.reopens_total", language)
    if denial.window is Window.MONTH:
        return text("cli.reopens_month", language, at=_minute(next_month(at, zone), zone))
    if denial.retry_s == 0:
        return text("cli.reopens_unknown", language)
    return text("cli.reopens_at", language, at=_minute(at + timedelta(seconds=denial.retry_s), zone))


def _minute(instant: datetime, zone: ZoneInfo) -> str:
    """Write an instant to the minute, and never too early."""
    return (instant + _MINUTE - timedelta(microseconds=1)).astimezone(zone).strftime("%Y-%m-%d %H:%M")
