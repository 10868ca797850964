"""`callgate replay ATTEMPTS.csv`: what a policy would have said to the calls of the past, and what it would save."""

import argparse
import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from callgate.commands import Exit
from callgate.commands.context import printable, say, warn
from callgate.commands.private_file import STANDARD_OUTPUT, is_taken, private_file
from callgate.commands.replayed import as_json, bad_lines, read_as, summary
from callgate.commands.site import site_of
from callgate.commands.words import matching, outside_prefix
from callgate.replay.attempts import Attempt
from callgate.replay.channels import Lines
from callgate.replay.reader import ROWS_MAX, Reading, UnusableError, Zones, read_attempts
from callgate.replay.report import report
from callgate.replay.run import Outcome, Replayed, Site, replay
from callgate.replay.verdicts import write_verdicts
from callgate.texts.catalog import Language, text

_CHANNELS_MAX = 10_000


def add_replay(add_command: Callable[..., argparse.ArgumentParser]) -> None:
    """Describe the command line."""
    replaying = add_command("replay", help="what a policy would have said to the calls of the past; changes nothing")
    replaying.add_argument(
        "attempts",
        type=Path,
        metavar="ATTEMPTS.csv",
        help="columns start,extension,dialled,duration_s[,origin], Asterisk's Master.csv or a FreePBX CDR export",
    )
    replaying.add_argument("--policy", type=Path, metavar="FILE", help="this policy instead of the one in force")
    replaying.add_argument("--rates", type=Path, metavar="FILE", help="another rate deck, in the same currency")
    replaying.add_argument("--clinic", metavar="NAME", help="the clinic of the settings whose lines and rates count")
    replaying.add_argument("--channels", type=_channels, metavar="N", help="lines of the clinic, if not the settings'")
    replaying.add_argument("--prefix", type=outside_prefix, metavar="DIGIT", help="outside prefix, if not the entry's")
    replaying.add_argument(
        "--zone", type=_zone, metavar="ZONE", help="of times without one, such as UTC (the clinic's)"
    )
    replaying.add_argument(
        "--trunk", action="append", default=[], metavar="NAME", help="an operator's channel name, in CDRs; repeatable"
    )
    replaying.add_argument("--skip-bad", action="store_true", help="leave bad lines out, and count them")
    replaying.add_argument(
        "--verdicts", type=Path, metavar="OUT.csv", help="write what became of each attempt; - for standard output"
    )
    replaying.add_argument("--force", action="store_true", help="let OUT.csv take the place of an existing file")
    replaying.add_argument("--json", action="store_true", help="one JSON object")
    replaying.set_defaults(run=run_replay)


def _zone(word: str) -> ZoneInfo:
    try:
        return ZoneInfo(word)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"{word!r} is no time zone, such as Europe/Paris or UTC"
        raise argparse.ArgumentTypeError(message) from None


def _channels(word: str) -> int:
    channels = int(matching(r"[1-9][0-9]{0,4}", f"a number of lines from 1 to {_CHANNELS_MAX}")(word))
    if channels > _CHANNELS_MAX:
        message = f"{word!r} is more than {_CHANNELS_MAX} lines"
        raise argparse.ArgumentTypeError(message)
    return channels


def run_replay(arguments: argparse.Namespace) -> Exit:
    """Replay the file; print what came out, and first how it was read."""
    language = Language(arguments.language)
    if problem := _spoils(arguments, language):
        warn(problem)
        return Exit.USAGE
    site = site_of(arguments)
    if arguments.channels is not None:
        site = replace(site, clinic=replace(site.clinic, channels=arguments.channels))
    file: Path = arguments.attempts
    try:
        reading = _read(arguments, site)
    except UnusableError as error:
        warn(text(f"cli.replay_{error.problem}", language, file=printable(str(file)), most=ROWS_MAX))
        return Exit.USAGE
    for line in bad_lines(reading, file, language):
        warn(line)
    if reading.bad and not arguments.skip_bad:
        warn(text("cli.replay_stopped", language, lines=reading.bad))
        return Exit.USAGE
    found = report(reading.attempts, _replay(reading, site, arguments))
    # Standard output holds one thing: the verdicts, the object or the summary.
    answer = warn if _to_standard_output(arguments) else say
    tell = warn if arguments.json else answer
    for line in read_as(reading, language):
        tell(line)
    if arguments.json:
        answer(msgspec.json.encode(as_json(found)).decode())
    else:
        for line in summary(found, reading, site, language):
            answer(line)
    return Exit.OK


def _spoils(arguments: argparse.Namespace, language: Language) -> str:
    """Say which file the verdicts would spoil; "" for none."""
    verdicts: Path | None = arguments.verdicts
    if verdicts is None or str(verdicts) in STANDARD_OUTPUT:
        return ""
    named = printable(str(verdicts))
    inputs = [file for file in (arguments.attempts, arguments.policy, arguments.rates) if file and file.exists()]
    if verdicts.exists() and any(map(verdicts.samefile, inputs)):
        return text("cli.replay_same_file", language, file=named)
    if is_taken(verdicts, may_replace=arguments.force):
        return text("cli.replay_taken_place", language, file=named)
    return ""


def _to_standard_output(arguments: argparse.Namespace) -> bool:
    return str(arguments.verdicts) in STANDARD_OUTPUT


def _replay(reading: Reading, site: Site, arguments: argparse.Namespace) -> Replayed:
    """Replay the attempts, and write the verdicts where they are wanted: their place is opened first."""
    if arguments.verdicts is None:
        return asyncio.run(replay(reading.attempts, site))
    with private_file(arguments.verdicts, may_replace=arguments.force) as verdicts:
        replayed = asyncio.run(replay(reading.attempts, site))
        write_verdicts(verdicts, in_order_of_file(reading, replayed))
    return replayed


def _read(arguments: argparse.Namespace, site: Site) -> Reading:
    zones = Zones(clinic=site.clinic.policy.timezone, asked=arguments.zone)
    lines = Lines(
        named=frozenset(arguments.trunk) or site.endpoints,
        number_format=site.trunk.number_format,
        outside_prefix=site.entry.outside_prefix,
        plan=site.clinic.plan,
    )
    # A byte that is no UTF-8 spoils at most its own cell.
    with arguments.attempts.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
        return read_attempts(stream, zones, lines)


def in_order_of_file(reading: Reading, replayed: Replayed) -> Iterator[tuple[Attempt, Outcome]]:
    """Put attempts and outcomes, which are in order of time, back in that of the file."""
    places = sorted(range(len(reading.order)), key=reading.order.__getitem__)
    return ((reading.attempts[place], replayed.outcomes[place]) for place in places)
