"""`callgate check NUMBER`: what the gate would say to a call, step by step. It changes nothing.

It asks by the policy in force, which only the ledger knows, and by the settings' file where the ledger has none.
"""

import argparse
import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from callgate.clinic import (
    Clinic,
    check_numbers,
    check_policy,
    closed_days,
    in_document,
    in_force,
    load_deck,
    load_plan,
    load_risks,
    read_text,
)
from callgate.commands import Exit
from callgate.commands.context import clinics_of, ledger_place, printable, say, settings_of, warn, with_ledger
from callgate.core.attempt import CallAttempt, Origin
from callgate.core.case import open_case
from callgate.core.judge import Reserve, Ruling, judge
from callgate.core.money import format_amount
from callgate.core.plan import NumberClass
from callgate.core.pricing import PricedDestination
from callgate.core.reasons import Reason
from callgate.core.verdict import Grant, Refusal, Verdict, conclude
from callgate.core.wire import NumberFormat
from callgate.errors import SettingsError
from callgate.gate import Passage, classify, wire_number
from callgate.ledger.memory import MemoryLedger
from callgate.resources import resource
from callgate.settings import DEFAULT_SETTINGS, EntrySettings, Settings, TrunkSettings
from callgate.texts.catalog import Language, text

FACTORY_POLICY = "policies/presets/cabinet-france-seule.toml"
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


def check(arguments: argparse.Namespace) -> Exit:
    """Print the reasoning; exit 0 if the call would go, 1 if not."""
    clinic, entry, trunk = _site(arguments)
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
        # The hold's age counts from its own instant: a call checked for next week is not one from the past.
        outcome = asyncio.run(MemoryLedger(lambda: int(instant.timestamp())).hold(ruling.request))
    verdict = conclude(ruling, outcome, wire_number(passage, priced, clinic))
    return Answer(passage=passage, clinic=clinic, instant=instant, priced=priced, ruling=ruling, verdict=verdict)


def _site(arguments: argparse.Namespace) -> tuple[Clinic, EntrySettings, TrunkSettings]:
    """The clinic, entry and trunk to ask for: from the settings, or, where there are none, one clinic by itself."""
    # Settings that were named must be there; the usual place may be empty.
    if arguments.policy is None and (arguments.settings != DEFAULT_SETTINGS or arguments.settings.exists()):
        settings, folder = settings_of(arguments)
        clinics = clinics_of(settings, folder)
        entry = next((found for found in settings.entry if found.clinic == (arguments.clinic or found.clinic)), None)
        if entry is None:
            raise SettingsError("clinic", f'no entry serves "{arguments.clinic}"', "name another with --clinic")
        trunk = settings.trunk_named(entry.trunks[0])
        assert trunk is not None
        clinic = _current(clinics[entry.clinic], settings, folder)
        if arguments.rates is not None:
            clinic = replace(clinic, rates=load_deck(arguments.rates, clinic.policy.currency))
        return clinic, _with_prefix(entry, arguments.prefix), trunk
    if arguments.policy is None:
        warn("callgate: no settings file; asking the factory policy, cabinet France seule")
    clinic = _alone(arguments.policy or resource(FACTORY_POLICY), arguments.rates)
    entry = EntrySettings(context="check", clinic=clinic.name, trunks=("check",))
    trunk = TrunkSettings(name="check", endpoint="check", channels=10, number_format=NumberFormat.E164_PLUS)
    return clinic, _with_prefix(entry, arguments.prefix), trunk


def _current(clinic: Clinic, settings: Settings, folder: Path) -> Clinic:
    """The clinic under the policy in force, or, said so, under its file."""
    current = in_force(clinic, with_ledger(settings, folder, lambda ledger: ledger.fetch_policy(clinic.name)))
    if current.revision == 0:
        warn(f"callgate: {ledger_place(settings)} gives no policy in force; asking the policy file of the settings")
    return current


def _with_prefix(entry: EntrySettings, prefix: str | None) -> EntrySettings:
    return entry if prefix is None else msgspec.structs.replace(entry, outside_prefix=prefix)


def _alone(policy_file: Path, rates_file: Path | None) -> Clinic:
    policy = check_policy(document := read_text(policy_file), policy_file)
    with in_document(policy_file):
        plan, days = load_plan(policy.home), closed_days(policy, datetime.now(UTC).year)
        check_numbers(policy, plan)
    return Clinic(
        name=policy.clinic,
        language="fr",
        document=document,
        policy=policy,
        revision=0,
        plan=plan,
        risks=load_risks(),
        rates=load_deck(rates_file or resource(f"policies/rates/{policy.home}-default.csv"), policy.currency),
        closed_days=days,
        channels=10,
        ring_timeout_s=60,
    )


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
            return [text("cli.check_refusal", language), *_reason_lines(refusal.reasons, language)]


def _reason_lines(reasons: tuple[Reason, ...], language: Language) -> list[str]:
    return [f"  {reason.value}: {text(f'reason.{reason.value}', language)}" for reason in reasons]


def as_json(answer: Answer) -> dict[str, object]:
    """The answer as one JSON object: its keys are for programs and stay."""
    destination, rate, verdict = answer.priced.destination, answer.priced.rate, answer.verdict
    grant = verdict if isinstance(verdict, Grant) else None
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
        "wire_number": grant.number if grant else "",
        "seconds": grant.seconds if grant else 0,
        "held_micros": grant.held_micros if grant else 0,
    }
