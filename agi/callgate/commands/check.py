"""`callgate check NUMBER`: what the gate would say to a call, step by step. It changes nothing.

It asks by the policy in force, which only the ledger knows, and by the settings' file where the ledger has none.
"""

import argparse
import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec

from callgate.clinic import (
    Clinic,
    closed_days,
)
from callgate.commands import Exit
from callgate.commands.context import printable, say
from callgate.commands.site import site_of
from callgate.core.attempt import CallAttempt, Origin
from callgate.core.case import open_case
from callgate.core.judge import Reserve, Ruling, judge
from callgate.core.locks import Locks
from callgate.core.money import format_amount
from callgate.core.plan import NumberClass
from callgate.core.pricing import PricedDestination
from callgate.core.reasons import Reason
from callgate.core.verdict import Grant, Refusal, Verdict, conclude
from callgate.gate import Passage, classify, wire_number
from callgate.ledger.memory import MemoryLedger, at_second
from callgate.limits_text import limit_lines
from callgate.locks_text import lock_line
from callgate.texts.catalog import Language, text

_NO_UUID = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Everything `check` found out, in the order of the road."""

    passage: Passage
    clinic: Clinic
    instant: datetime
    priced: PricedDestination
    ruling: Ruling
    verdict: Verdict

    @property
    def locks(self) -> Locks:
        """The locks that stop it; none for what no rule was asked about."""
        if Reason.LOCKED not in self.verdict.reasons:
            return ()
        return open_case(self.passage.attempt, self.priced, self.clinic.rulebook, self.instant).locks


def check(arguments: argparse.Namespace) -> Exit:
    """Print the reasoning; exit 0 if the call would go, 1 if not."""
    site = site_of(arguments)
    clinic, entry, trunk = site.clinic, site.entry, site.trunk
    instant = _instant(arguments.at, clinic)
    # The public holidays of the year that is asked for, which need not be this one.
    year = instant.astimezone(clinic.policy.timezone).year
    clinic = replace(clinic, closed_days=closed_days(clinic.policy, year))
    attempt = CallAttempt(
        passage=f"check.{_NO_UUID}",
        attempt=1,
        supersedes="",
        nonce=_NO_UUID,
        clinic=clinic.name,
        entry=entry.context,
        trunk=trunk.name,
        extension=arguments.extension,
        caller_id="",
        dialled=arguments.number,
        origin=Origin.EXTENSION,
    )
    answer = ask(Passage(attempt=attempt, entry=entry, trunk=trunk), clinic, instant)
    if arguments.json:
        say(msgspec.json.encode(as_json(answer)).decode())
    else:
        for line in reasoning(answer, Language(arguments.language)):
            say(line)
    return Exit.OK if isinstance(answer.verdict, Grant) else Exit.NEGATIVE


def ask(passage: Passage, clinic: Clinic, instant: datetime) -> Answer:
    """Take a made-up call down the same road as a real one, with every purse empty."""
    priced = classify(passage, clinic, instant)
    ruling = judge(passage.attempt, priced, clinic.rulebook, instant)
    outcome = None
    if isinstance(ruling, Reserve):
        # Whether a country was called before is not known here, and it refuses nothing.
        request = replace(ruling.request, novelty="")
        # The hold's age counts from its own instant: a call checked for next week is not one from the past.
        outcome = asyncio.run(MemoryLedger(at_second(lambda: int(instant.timestamp()))).hold(request))
    verdict = conclude(ruling, outcome, wire_number(passage, priced, clinic))
    return Answer(passage=passage, clinic=clinic, instant=instant, priced=priced, ruling=ruling, verdict=verdict)


def _instant(at: datetime | None, clinic: Clinic) -> datetime:
    """The instant to ask for; one without a zone is on the clinic's own clock."""
    if at is None:
        return datetime.now(UTC)
    return (at if at.tzinfo else at.replace(tzinfo=clinic.policy.timezone)).astimezone(UTC)


def reasoning(answer: Answer, language: Language) -> list[str]:
    """Write the reasoning for a person, one stop a line."""
    attempt, destination, rate = answer.passage.attempt, answer.priced.destination, answer.priced.rate
    local = answer.instant.astimezone(answer.clinic.policy.timezone)
    opened = open_case(attempt, answer.priced, answer.clinic.rulebook, answer.instant).is_open
    currency = answer.clinic.policy.currency
    lines = [
        text("cli.check_dialled", language, dialled=printable(attempt.dialled), extension=attempt.extension or "-"),
        text(
            "cli.check_when",
            language,
            at=local.isoformat(),
            hours=text(f"cli.check_{'open' if opened else 'closed'}", language),
        ),
        text(
            "cli.check_number",
            language,
            number=destination.number or "-",
            region=destination.region or "-",
            number_class=text(f"class.{destination.number_class.value}", language),
        ),
    ]
    lines.append(_risk_line(answer, language))
    if destination.number_class not in (NumberClass.INVALID, NumberClass.INTERNAL_FEATURE, NumberClass.EMERGENCY):
        lines.append(
            text(
                "cli.check_rate",
                language,
                label=rate.label if rate else "-",
                connect=format_amount(rate.connect_micros) if rate else "-",
                minute=format_amount(rate.per_minute_micros) if rate else "-",
                currency=currency,
                kind=text(f"cli.check_{'ordinary' if answer.priced.ordinary else 'costly'}", language),
            )
        )
    if isinstance(answer.ruling, Reserve):
        for purse in answer.ruling.request.purses:
            limits = ", ".join(
                f"{ceiling.window.value} {format_amount(ceiling.limit_micros)} {currency}"
                + ("" if ceiling.enforced else " *")
                for ceiling in purse.ceilings
            )
            lines.append(text("cli.check_purse", language, name=purse.name, limits=limits or "-"))
    return [*lines, *_verdict_lines(answer, language)]


def _risk_line(answer: Answer, language: Language) -> str:
    risk, table = answer.priced.risk, answer.clinic.risks
    if not risk.because:
        return text("cli.check_risk_normal", language, version=risk.version)
    sources = "; ".join(f"{table.sources[key].title} ({table.sources[key].date})" for key in risk.sources)
    return text(
        "cli.check_risk",
        language,
        tier=text(f"cli.risk_{risk.tier}", language),
        because=risk.because,
        version=risk.version,
        sources=sources,
    )


def _verdict_lines(answer: Answer, language: Language) -> list[str]:
    match answer.verdict:
        case Grant() as grant:
            held, currency = format_amount(grant.held_micros), answer.clinic.policy.currency
            return [
                text(
                    "cli.check_grant",
                    language,
                    number=grant.number,
                    seconds=grant.seconds,
                    held=held,
                    currency=currency,
                ),
                *_reason_lines(grant.reasons, language),
            ]
        case Refusal() as refusal:
            limits = limit_lines(
                refusal.denials,
                at=answer.instant,
                zone=answer.clinic.policy.timezone,
                currency=answer.clinic.policy.currency,
                language=language,
            )
            told = [text("cli.check_refusal", language), *_reason_lines(refusal.reasons, language)]
            locks = [printable(line) for line in _lock_lines(answer, language)]
            return [*told, *(f"    {line}" for line in (*limits, *locks))]


def _lock_lines(answer: Answer, language: Language) -> list[str]:
    return [lock_line(lock, answer.clinic.policy.timezone, language) for lock in answer.locks]


def _reason_lines(reasons: tuple[Reason, ...], language: Language) -> list[str]:
    return [f"  {reason.value}: {text(f'reason.{reason.value}', language)}" for reason in reasons]


def as_json(answer: Answer) -> dict[str, object]:
    """The answer as one JSON object: its keys are for programs and stay."""
    destination, rate, verdict = answer.priced.destination, answer.priced.rate, answer.verdict
    grant = verdict if isinstance(verdict, Grant) else None
    denials = verdict.denials if isinstance(verdict, Refusal) else ()
    return {
        "dialled": answer.passage.attempt.dialled.encode(errors="backslashreplace").decode(),
        "at": answer.instant.isoformat(),
        "clinic": answer.clinic.name,
        "extension": answer.passage.attempt.extension,
        "number": destination.number,
        "region": destination.region,
        "class": destination.number_class.value,
        "ordinary": answer.priced.ordinary,
        "must_reach": destination.must_reach,
        "risk": msgspec.to_builtins(answer.priced.risk),
        "rate": None if rate is None else msgspec.to_builtins(rate),
        "purses": [msgspec.to_builtins(purse) for purse in answer.ruling.request.purses]
        if isinstance(answer.ruling, Reserve)
        else [],
        "verdict": "grant" if grant else "refuse",
        "reasons": [reason.value for reason in verdict.reasons],
        "locks": [msgspec.to_builtins(lock) for lock in answer.locks],
        "limits": [msgspec.to_builtins(denial) for denial in denials],
        "wire_number": grant.number if grant else "",
        "seconds": grant.seconds if grant else 0,
        "held_micros": grant.held_micros if grant else 0,
    }
