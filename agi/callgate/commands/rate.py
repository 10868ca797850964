"""`callgate rate NUMBER`: what a call would cost, from which row of the rate deck, in parts where the rate changes.

It asks the clinic's files, or with ``--home`` what ships for a country; the ledger and the policy's rules have no say.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from callgate.clinic import check_policy, load_deck, load_plan, read_text
from callgate.commands import Exit
from callgate.commands.context import clinic_named, clinics_of, say, settings_of, warn
from callgate.commands.words import country, iso_instant, outside_prefix
from callgate.core.deck import DatedRate, RateDeck
from callgate.core.dialling import Destination, read_dialled
from callgate.core.money import format_amount
from callgate.core.plan import NumberClass, NumberPlan
from callgate.core.policy import Policy
from callgate.core.pricing import timed_rates
from callgate.core.reasons import Reason
from callgate.core.tariff import Bill, BilledPart, bill
from callgate.errors import SettingsError
from callgate.resources import resource
from callgate.settings import DEFAULT_SETTINGS
from callgate.texts.catalog import Language, text

SECONDS_MAX = 86_400
_NO_PRICE: dict[NumberClass, Reason] = {
    NumberClass.EMERGENCY: Reason.EMERGENCY,
    NumberClass.INVALID: Reason.INVALID,
    NumberClass.INTERNAL_FEATURE: Reason.NOT_A_PUBLIC_NUMBER,
}


def add_rate(add_command: Callable[..., argparse.ArgumentParser]) -> None:
    """Describe the command line."""
    pricing = add_command("rate", help="say what a call to a number would cost")
    pricing.add_argument("number", metavar="NUMBER", help="such as +41791234567 or 3624")
    pricing.add_argument("--seconds", type=_seconds, default=60, metavar="N", help="how long it lasts (60)")
    pricing.add_argument(
        "--at", type=iso_instant, metavar="ISO", help="when it is answered, on the clinic's clock (now)"
    )
    pricing.add_argument("--clinic", metavar="NAME", help="whose rates, where there are several")
    pricing.add_argument("--rates", type=Path, metavar="FILE", help="another rate deck, in the same currency")
    pricing.add_argument("--home", type=country, metavar="XX", help="no clinic: what ships for this country")
    pricing.add_argument("--prefix", type=outside_prefix, default="", metavar="DIGIT", help="the outside prefix in it")
    pricing.add_argument("--json", action="store_true", help="one JSON object")
    pricing.set_defaults(run=rate)


def _seconds(word: str) -> int:
    if word.isascii() and word.isdigit() and len(word) <= len(str(SECONDS_MAX)) and 1 <= int(word) <= SECONDS_MAX:
        return int(word)
    message = f"{word!r} is not a number of seconds from 1 to {SECONDS_MAX}"
    raise argparse.ArgumentTypeError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tariff:
    """What prices a call: a policy's zone, currency and bundle, the plan of its country, and a deck."""

    policy: Policy
    plan: NumberPlan
    deck: RateDeck


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The answer: `bill` is None where nobody knows the price, or there is none, and `reason` then says why."""

    destination: Destination
    answered: datetime
    seconds: int
    currency: str
    bill: Bill | None
    reason: Reason | None
    rows: tuple[DatedRate, ...]

    def row_of(self, part: BilledPart) -> DatedRate | None:
        """The row of the deck that a part is billed by; None for a rate that is not from the deck."""
        return next((row for row in self.rows if row.rate is part.rate), None)

    def begins(self, part: BilledPart) -> datetime:
        """When a part begins, on the clinic's clock."""
        begin = self.answered.astimezone(UTC) + timedelta(seconds=part.begins_s)
        return begin.astimezone(self.answered.tzinfo)


def rate(arguments: argparse.Namespace) -> Exit:
    """Print the price and how it comes about; exit 0 if it is known, 1 if not."""
    tariff = _tariff(arguments)
    answered = arguments.at or datetime.now(UTC).replace(microsecond=0)
    zone = tariff.policy.timezone
    # By way of UTC: an hour that the clock jumps over in spring does not exist, and is the one after it.
    answered = (answered if answered.tzinfo else answered.replace(tzinfo=zone)).astimezone(UTC).astimezone(zone)
    destination = read_dialled(arguments.number, plan=tariff.plan, outside_prefix=arguments.prefix)
    found = _quote(tariff, destination, answered, arguments.seconds)
    if arguments.json:
        say(msgspec.json.encode(as_json(found)).decode())
    else:
        for line in quote_lines(found, Language(arguments.language)):
            say(line)
    return Exit.OK if found.bill else Exit.NEGATIVE


def _tariff(arguments: argparse.Namespace) -> _Tariff:
    # Settings that were named must be there; the usual place may be empty.
    if arguments.home is None and (arguments.settings != DEFAULT_SETTINGS or arguments.settings.exists()):
        settings, folder = settings_of(arguments)
        clinic = clinics_of(settings, folder)[clinic_named(settings, arguments.clinic)]
        deck = load_deck(arguments.rates, clinic.policy.currency).deck if arguments.rates else clinic.deck
        return _Tariff(policy=clinic.policy, plan=clinic.plan, deck=deck)
    home = arguments.home or "FR"
    if arguments.home is None:
        warn(f"callgate: no settings file; asking the factory policy of {home}")
    plan, policy = load_plan(home), _factory_policy(home)
    return _Tariff(policy=policy, plan=plan, deck=load_deck(arguments.rates or _shipped(home), policy.currency).deck)


def _factory_policy(home: str) -> Policy:
    for file in sorted(resource("policies/presets").glob("*.toml")):
        policy = check_policy(read_text(file), file)
        if policy.home == home:
            return policy
    raise SettingsError("home", f'no factory policy for "{home}"', "name the settings of a clinic there")


def _shipped(home: str) -> Path:
    file = resource("policies/rates") / f"{home}-default.csv"
    return file if file.exists() else resource("policies/rates/none.csv")


def _quote(tariff: _Tariff, destination: Destination, answered: datetime, seconds: int) -> Quote:
    no_price = _NO_PRICE.get(destination.number_class)
    found = None
    if no_price is None:
        timed = timed_rates(
            destination,
            plan=tariff.plan,
            deck=tariff.deck,
            bundle=tariff.policy.bundle,
            at=answered,
            longest_s=seconds,
        )
        found = bill(timed, seconds)
    return Quote(
        destination=destination,
        answered=answered,
        seconds=seconds,
        currency=tariff.policy.currency,
        bill=found,
        reason=None if found else no_price or Reason.RATE_UNKNOWN,
        rows=tariff.deck.rows_for(destination.number),
    )


def quote_lines(found: Quote, language: Language) -> Iterator[str]:
    """Write the answer for a person."""
    destination = found.destination
    yield text(
        "cli.check_number",
        language,
        number=destination.number or "-",
        region=destination.region or "-",
        number_class=text(f"class.{destination.number_class.value}", language),
    )
    yield text("cli.rate_when", language, at=found.answered.isoformat(), seconds=found.seconds)
    if found.reason is not None:
        yield text(f"reason.{found.reason.value}", language)
    if found.bill is None:
        return
    for part in found.bill.parts:
        yield _row_line(found, part, language)
        yield "  " + text(
            "cli.rate_part",
            language,
            at=found.begins(part).isoformat(),
            seconds=part.billed_s,
            amount=format_amount(part.micros),
            currency=found.currency,
        )
    yield text(
        "cli.rate_price",
        language,
        price=format_amount(found.bill.micros),
        connect=format_amount(found.bill.connect_micros),
        seconds=sum(part.billed_s for part in found.bill.parts),
        currency=found.currency,
    )


def _row_line(found: Quote, part: BilledPart, language: Language) -> str:
    row = found.row_of(part)
    return text(
        "cli.rate_row",
        language,
        prefix=part.rate.prefix or "-",
        label=part.rate.label,
        connect=format_amount(part.rate.connect_micros),
        minute=format_amount(part.rate.per_minute_micros),
        currency=found.currency,
        first=part.rate.first_increment_s,
        following=part.rate.increment_s,
        valid_from=(row and _day(row.first)) or "-",
        valid_to=(row and _day(row.last)) or "-",
        hours=row.hours.text if row and row.hours else "-",
    )


def _day(day: date) -> str:
    """Write a bound of a row's days; "" for one that is open."""
    return "" if day in (date.min, date.max) else day.isoformat()


def as_json(found: Quote) -> dict[str, object]:
    """The answer as one JSON object: its keys are for programs and stay."""
    return {
        "number": found.destination.number,
        "region": found.destination.region,
        "class": found.destination.number_class.value,
        "at": found.answered.isoformat(),
        "seconds": found.seconds,
        "currency": found.currency,
        "reason": "" if found.reason is None else found.reason.value,
        "price_micros": None if found.bill is None else found.bill.micros,
        "connect_micros": None if found.bill is None else found.bill.connect_micros,
        "parts": [_part_json(found, part) for part in (found.bill.parts if found.bill else ())],
    }


def _part_json(found: Quote, part: BilledPart) -> dict[str, object]:
    row = found.row_of(part)
    return {
        "at": found.begins(part).isoformat(),
        "begins_s": part.begins_s,
        "billed_s": part.billed_s,
        "micros": part.micros,
        "rate": msgspec.to_builtins(part.rate),
        "in_deck": row is not None,
        "valid_from": _day(row.first) if row else "",
        "valid_to": _day(row.last) if row else "",
        "hours": row.hours.text if row and row.hours else "",
    }
