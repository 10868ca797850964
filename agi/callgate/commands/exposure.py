"""`callgate exposure`: the most that a policy can cost in an hour, a night, a weekend and a month, and what binds."""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from callgate.clinic import Clinic
from callgate.commands import Exit
from callgate.commands.context import say
from callgate.commands.site import site_of
from callgate.commands.words import matching
from callgate.core.exposure import exposures
from callgate.core.loss import AllowanceBound, CeilingBound, LinesBound, Loss, LossKind, SpanLoss
from callgate.core.money import MICROS_PER_UNIT, ceil_div, format_amount
from callgate.limits_text import scope
from callgate.texts.catalog import Language, text

_CENT_MICROS = MICROS_PER_UNIT // 100


def add_exposure(add_command: Callable[..., argparse.ArgumentParser]) -> None:
    """Describe the command line."""
    exposing = add_command("exposure", help="the most that a policy can cost, and what binds it; changes nothing")
    exposing.add_argument("--policy", type=Path, metavar="FILE", help="this policy instead of the one in force")
    exposing.add_argument("--rates", type=Path, metavar="FILE", help="another rate deck, in the same currency")
    exposing.add_argument("--clinic", metavar="NAME", help="the clinic of the settings whose lines and rates count")
    exposing.add_argument("--channels", type=_count, metavar="N", help="lines of the clinic, if not the settings'")
    exposing.add_argument(
        "--hosts", type=_count, default=1, metavar="N", help="machines with a gate and an Asterisk (1)"
    )
    exposing.add_argument("--json", action="store_true", help="one JSON object")
    exposing.set_defaults(run=exposure, prefix=None)


def exposure(arguments: argparse.Namespace) -> Exit:
    """Print the worst loss of each span, its parts and what binds them."""
    clinic = site_of(arguments).clinic
    if arguments.channels is not None:
        clinic = replace(clinic, channels=arguments.channels)
    found = exposures(clinic.rulebook, clinic.deck, arguments.hosts)
    if arguments.json:
        say(msgspec.json.encode(as_json(clinic, arguments.hosts, found)).decode())
    else:
        for line in told(clinic, arguments.hosts, found, Language(arguments.language)):
            say(line)
    return Exit.OK


def _count(word: str) -> int:
    return int(matching(r"[1-9][0-9]{0,3}", "a number from 1 to 9999")(word))


def as_json(clinic: Clinic, hosts: int, found: tuple[SpanLoss, ...]) -> dict[str, object]:
    """The answer as one JSON object: its keys are for programs and stay."""
    return {
        "clinic": clinic.name,
        "mode": clinic.policy.mode.value,
        "currency": clinic.policy.currency,
        "channels": clinic.channels,
        "hosts": hosts,
        "spans": msgspec.to_builtins(found),
    }


def told(clinic: Clinic, hosts: int, found: tuple[SpanLoss, ...], language: Language) -> Iterator[str]:
    """Write the answer for a person."""
    currency = clinic.policy.currency
    yield text("cli.exposure_head", language, clinic=clinic.name, lines=clinic.channels, hosts=hosts, currency=currency)
    for loss in found:
        if loss.total_micros is None:
            yield text("cli.exposure_observed", language)
            return
        hours, total = _hours(loss.seconds), _to_the_cent(loss.total_micros)
        yield text(f"cli.exposure_{loss.span}", language, hours=hours, total=total, currency=currency)
        costly, *others = loss.parts
        outside = [part for part in loss.within if part.kind is LossKind.EXTERNAL]
        yield "  " + _line(costly, language)
        yield from (_line_within(part, language) for part in loss.within if part not in outside)
        yield from ("  " + _line(part, language) for part in others)
        yield from (_line_within(part, language) for part in outside)
    yield text("cli.exposure_assumed", language)
    yield text("cli.exposure_uncovered", language)


def _line(loss: Loss, language: Language) -> str:
    what, amount = text(f"cli.exposure_{loss.kind}", language), _to_the_cent(loss.micros)
    return text("cli.exposure_part", language, what=what, amount=amount, bound=_bound(loss, language))


def _line_within(loss: Loss, language: Language) -> str:
    return "    " + text("cli.exposure_within", language, part=_line(loss, language))


def _bound(loss: Loss, language: Language) -> str:
    match loss.bound:
        case CeilingBound() as ceiling:
            return text(
                "cli.exposure_by_ceiling" if ceiling.beyond_micros == 0 else "cli.exposure_by_ceiling_and_calls",
                language,
                scope=scope(ceiling.purse, language),
                window=text(f"window.{ceiling.window}", language),
                limit=format_amount(ceiling.limit_micros),
                times=ceiling.times,
                beyond=_to_the_cent(ceiling.beyond_micros),
            )
        case LinesBound() as lines:
            hour = _to_the_cent(lines.hour_micros)
            return text("cli.exposure_by_lines", language, lines=lines.lines, hours=_hours(lines.seconds), hour=hour)
        case AllowanceBound() as allowance:
            total = format_amount(allowance.total_micros)
            return text(
                "cli.exposure_by_allowance", language, total=total, counters=allowance.counters, hours=allowance.hours
            )


def _hours(seconds: int) -> str:
    """Write a duration, rounded up to the minute."""
    hours, minutes = divmod(ceil_div(seconds, 60), 60)
    return f"{hours}\u00a0h {minutes:02}" if minutes else f"{hours}\u00a0h"


def _to_the_cent(micros: int) -> str:
    """Write an amount, rounded up."""
    return format_amount(ceil_div(micros, _CENT_MICROS) * _CENT_MICROS)
