"""What `callgate replay` says: how the file was read, and what came out, for a person and for programs."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from callgate.commands.context import printable
from callgate.core.hold import Window
from callgate.core.limits import PurseKind
from callgate.core.money import MICROS_PER_UNIT, ceil_div, format_amount
from callgate.core.policy_values import shown
from callgate.core.reasons import Reason
from callgate.limits_text import scope
from callgate.replay.layout import Form
from callgate.replay.peaks import Use
from callgate.replay.reader import Reading
from callgate.replay.report import Report
from callgate.replay.run import Site
from callgate.texts.catalog import Language, text

REFUSED_CALLS_SHOWN = 10
USES_SHOWN = 15
_CENT_MICROS = MICROS_PER_UNIT // 100
_TAGGED = {PurseKind.NUMBER.value, PurseKind.EXTERNAL.value}


def bad_lines(reading: Reading, file: Path, language: Language) -> list[str]:
    """Say what is wrong with the lines that could not be used, the first of them one by one."""
    lines = [
        text(
            f"cli.replay_bad_{bad.fault}",
            language,
            file=printable(str(file)),
            line=bad.line,
            found=printable(bad.found),
            columns=reading.layout.columns.start,
        )
        for bad in reading.bad_lines
    ]
    more = reading.bad - len(lines)
    return [*lines, *([text("cli.replay_bad_more", language, lines=more)] if more else [])]


def read_as(reading: Reading, language: Language) -> list[str]:
    """Say how the file was read, and what it cannot tell."""
    layout = reading.layout
    lines = [
        text(f"cli.replay_form_{layout.form}", language),
        text("cli.replay_columns", language, delimiter=shown(layout.delimiter), columns=", ".join(layout.names)),
        text(f"cli.replay_zone_{reading.zone_from}", language, zone=str(reading.zone)),
    ]
    if layout.form is not Form.ATTEMPTS:
        how = "named" if reading.lines.named else "guessed"
        met = printable(", ".join(sorted(reading.lines.met))) or "-"
        lines.append(text(f"cli.replay_lines_{how}", language, lines=met))
        taken = {"rows": reading.rows, "taken": len(reading.attempts), "left_out": reading.left_out}
        lines.append(text("cli.replay_taken", language, **taken))
        lines.append(text("cli.replay_unknown", language))
    counted = {
        "numberless": reading.numberless,
        "redirected": reading.redirected,
        "joined": reading.joined,
        "unordered": reading.unordered,
        "skipped": reading.bad,
    }
    return [*lines, *(text(f"cli.replay_{what}", language, rows=rows) for what, rows in counted.items() if rows)]


def summary(found: Report, reading: Reading, site: Site, language: Language) -> list[str]:
    """Write what came out for a person."""
    policy, attempts = site.clinic.policy, reading.attempts
    zone, currency = policy.timezone, policy.currency
    lines = [text("cli.replay_attempts", language, attempts=found.attempts, clinic=policy.clinic)]
    if attempts:
        first, last = (_minute(attempt.instant, zone) for attempt in (attempts[0], attempts[-1]))
        lines.append(text("cli.replay_span", language, first=first, last=last))
    cost, avoided = _to_the_cent(found.cost_micros), _to_the_cent(found.avoided_micros)
    lines += [
        text("cli.replay_granted", language, calls=found.granted, cost=cost, currency=currency, cut=found.cut),
        text("cli.replay_refused", language, calls=found.refused, avoided=avoided, currency=currency),
    ]
    lines += _reason_lines("cli.replay_reason", found.refused_by_reason, language)
    lines += _reason_lines("cli.replay_noticed", found.noticed_by_reason, language)
    if found.unpriced:
        lines.append(text("cli.replay_unpriced", language, calls=found.unpriced))
    for refused in found.refused_calls[:REFUSED_CALLS_SHOWN]:
        extension, number = refused.extension or "-", printable(refused.number)
        lines.append(text("cli.replay_call", language, extension=extension, number=number, calls=refused.calls))
    fullest = sorted(found.highest_use, key=lambda use: use.percent, reverse=True)
    return [*lines, *(_use_line(use, zone, currency, language) for use in fullest[:USES_SHOWN])]


def _reason_lines(key: str, calls: Mapping[Reason, int], language: Language) -> list[str]:
    return [
        text(key, language, reason=reason, calls=count, sentence=text(f"reason.{reason}", language))
        for reason, count in calls.items()
    ]


def _use_line(use: Use, zone: ZoneInfo, currency: str, language: Language) -> str:
    return text(
        "cli.replay_use",
        language,
        scope=scope(use.purse, language),
        window=text("cli.replay_month" if use.window is Window.MONTH else f"window.{use.window}", language),
        used=_to_the_cent(use.micros),
        limit=format_amount(use.limit_micros),
        currency=currency,
        percent=use.percent,
        at=_minute(use.at, zone),
    )


def _to_the_cent(micros: int) -> str:
    """Write an amount for a person, rounded up."""
    return format_amount(ceil_div(micros, _CENT_MICROS) * _CENT_MICROS)


def _minute(instant: datetime, zone: ZoneInfo) -> str:
    return instant.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def as_json(found: Report) -> dict[str, object]:
    """What came out as one JSON object: its keys are for programs and stay."""
    return {
        "attempts": found.attempts,
        "granted": found.granted,
        "refused": found.refused,
        "cost_micros": found.cost_micros,
        "avoided_micros": found.avoided_micros,
        "refused_by_reason": {reason.value: calls for reason, calls in found.refused_by_reason.items()},
        "noticed_by_reason": {reason.value: calls for reason, calls in found.noticed_by_reason.items()},
        "highest_use": [
            {
                "purse": without_tag(use.purse),
                "window": use.window.value,
                "micros": use.micros,
                "limit_micros": use.limit_micros,
                "percent": use.percent,
            }
            for use in found.highest_use
        ],
    }


def without_tag(purse: str) -> str:
    """Name a purse without the tag of the number that it is about: of many numbers one can be tried out."""
    kind = purse.partition(":")[0]
    return kind if kind in _TAGGED else purse
