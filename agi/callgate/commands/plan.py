"""`callgate plan show|lint`: what is known of a home country's numbers, and what is unsound about it."""

import argparse
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from callgate.clinic import load_plan, plan_countries, read_plan
from callgate.commands import Exit
from callgate.commands.context import printable, say
from callgate.commands.words import outside_prefix
from callgate.core.plan import OUTSIDE_PREFIXES, Family, NumberPlan, ServiceNumber, ShortCode
from callgate.core.plan_lint import Flaw, lint_plan
from callgate.core.ranges import counts_downwards
from callgate.texts.catalog import Language, text

_SPAN = re.compile(r"([0-9]{1,6})-([0-9]{1,6})", re.ASCII)
_PATTERN = re.compile(r"(?:[0-9X]|\[(?:[0-9](?:-[0-9])?)+\]){1,6}", re.ASCII)


def add_plan(add_command: Callable[..., argparse.ArgumentParser]) -> None:
    """Describe the command line."""
    commands = add_command("plan", help="the number plans of home countries").add_subparsers(
        dest="plan_command", required=True, metavar="show|lint"
    )
    showing = commands.add_parser("show", help="print a number plan, each fact with its source")
    showing.add_argument("plan", metavar="COUNTRY", help="such as FR, or a plan file of your own")
    showing.add_argument("--json", action="store_true", help="one JSON object")
    showing.set_defaults(run=show)
    linting = commands.add_parser("lint", help="look for what is unsound about number plans")
    linting.add_argument("plans", nargs="*", metavar="COUNTRY", help="such as FR, or a plan file (default: all)")
    linting.add_argument(
        "--extensions", type=_extensions, default=(), metavar="LIST", help="your internal numbers: 100-139,2XX"
    )
    linting.add_argument("--exceptions", action="store_true", help="list also the ranges taken out of wider ones")
    linting.add_argument("--prefix", type=outside_prefix, metavar="DIGIT", help="your outside prefix (0 and 9)")
    linting.set_defaults(run=lint)


def show(arguments: argparse.Namespace) -> Exit:
    """Print one plan."""
    plan = _named(arguments.plan)
    if arguments.json:
        say(msgspec.json.format(msgspec.json.encode(plan)).decode())
        return Exit.OK
    language = Language(arguments.language)
    for line in _pages(plan, language):
        say(line)
    return Exit.OK


def lint(arguments: argparse.Namespace) -> Exit:
    """Look at plans; what is wrong makes the exit code negative, what is only worth knowing does not."""
    code = Exit.OK
    language = Language(arguments.language)
    for name in arguments.plans or plan_countries():
        prefixes = OUTSIDE_PREFIXES if arguments.prefix is None else (arguments.prefix,)
        found = lint_plan(_named(name), arguments.extensions, prefixes, datetime.now(UTC).date())
        wrong = sum(finding.flaw.wrong for finding in found)
        say(text("cli.plan_lint", language, plan=name, wrong=wrong, notes=len(found) - wrong))
        for finding in found:
            if finding.flaw is Flaw.EXCEPTION and not arguments.exceptions:
                continue
            sentence = text(f"flaw.{finding.flaw}", language, subject=finding.subject, detail=printable(finding.detail))
            say("  " + text("cli.plan_wrong" if finding.flaw.wrong else "cli.plan_note", language, sentence=sentence))
        code = Exit.NEGATIVE if wrong else code
    return code


def _named(name: str) -> NumberPlan:
    return read_plan(Path(name)) if name.endswith(".toml") else load_plan(name)


def _pages(plan: NumberPlan, language: Language) -> Iterator[str]:
    codes = ", ".join(f"{region} +{code}" for region, code in plan.dial_codes.items())
    yield text("cli.plan_head", language, country=plan.country, currency=plan.currency, codes=codes)
    yield text(
        "cli.plan_prefixes",
        language,
        international=", ".join(plan.international_prefixes),
        trunk=plan.trunk_prefix or "-",
        carriers=", ".join(plan.carrier_selection) or "-",
    )
    yield from _services("cli.plan_emergency", plan.emergency, language)
    yield from _services("cli.plan_must_reach", plan.must_reach, language)
    yield from _services("cli.plan_practice", plan.practice_numbers, language)
    yield text("cli.plan_codes", language)
    for code in plan.caller_id_codes:
        yield f"  {code.code:<16}{text(f'cli.plan_{code.presentation}', language)}  [{code.source}]"
    yield text("cli.plan_ranges", language)
    for entry in plan.ranges:
        yield _range(entry, plan, language)
    yield text("cli.plan_sources", language)
    for name, source in plan.sources.items():
        yield f"  {printable(name)} ({source.date}): {printable(source.title)}"


def _services(key: str, numbers: tuple[ServiceNumber, ...], language: Language) -> Iterator[str]:
    yield text(key, language)
    for entry in numbers:
        yield f"  {entry.number:<16}{printable(entry.service)}  [{entry.source}]"


def _range(entry: ShortCode, plan: NumberPlan, language: Language) -> str:
    beyond = "-".join(str(length) for length in dict.fromkeys((entry.lengths[0], entry.lengths[-1])))
    region = entry.region if isinstance(entry, Family) else plan.country
    name = text(f"class.{entry.number_class}", language)
    most = []
    if entry.price_cap is not None:
        call, minute = entry.cap_per_call or "0", entry.cap_per_minute or "0"
        most = [text("cli.plan_cap", language, call=call, minute=minute, currency=plan.currency)]
    return f"  {entry.prefix:<16}{beyond:<7}{region:<4}{', '.join((name, *most))}  [{entry.source}]"


def _extensions(words: str) -> tuple[str, ...]:
    return tuple(pattern for word in words.split(",") for pattern in _extension(word.strip()))


def _extension(word: str) -> Iterator[str]:
    span = _SPAN.fullmatch(word)
    if span is not None and len(span[1]) == len(span[2]) and int(span[1]) <= int(span[2]):
        yield from (f"{number:0{len(span[1])}}" for number in range(int(span[1]), int(span[2]) + 1))
    elif _PATTERN.fullmatch(word) and not counts_downwards(word):
        yield word
    else:
        message = f"{word!r} is neither a number such as 101, a span such as 100-139, nor a pattern such as 2XX"
        raise argparse.ArgumentTypeError(message)
