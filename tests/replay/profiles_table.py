"""The five attacks through `callgate replay`, beside a calendar-day cap fed by CDRs: `make replay-profiles`.

The table goes into docs/replay.md, and a test holds the page to it.
"""

import argparse
import asyncio
import re
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import phonenumbers

from callgate.commands.site import site_of
from callgate.replay.attempts import Attempt
from callgate.replay.channels import Lines
from callgate.replay.reader import Zones, read_attempts
from callgate.replay.run import replay
from callgate.settings import DEFAULT_SETTINGS
from replay.calendar_cap import CAP_MICROS, under_calendar_cap, without_control
from replay.profiles import Profile, profiles

ROOT = Path(__file__).resolve().parents[2]
PRESETS = ROOT / "policies" / "presets"
FRANCE, BORDER = "cabinet-france-seule", "france-et-frontaliers"
BEGIN, END = "<!-- make replay-profiles: from here -->", "<!-- make replay-profiles: to here -->"

_EVERYTHING = (
    (r"^allow = \[.*\]", f"allow = {sorted(phonenumbers.SUPPORTED_REGIONS)}"),
    (r'^(\w+ *= )"(?:listed|refuse)"', r'\1"allow"'),
    (r'^(max_rate_per_minute = )"[0-9.]+"', r'\1"1000.00"'),
    (r'^(outside = )"national"', r'\1"as_open"'),
    (r'^(hours +=) "open"', r'\1 "always"'),
    (r"^\[limits.concurrent\].*", "[limits.concurrent]\nhotspot = 9"),
    (r"^\[limits.starts\].*", '[limits.starts]\nhotspot = "60/1h"'),
)
"""What an owner can tick, all of it: countries, classes, dear rates, nights, hotspots. The ceilings stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What an attack cost under a policy: in all, and at most in any 24 hours."""

    micros: int
    day_micros: int


def preset(name: str) -> str:
    return (PRESETS / f"{name}.toml").read_text(encoding="utf-8")


def with_everything_allowed(policy: str) -> str:
    """Tick every destination in a policy."""
    for pattern, instead in _EVERYTHING:
        policy = re.sub(pattern, instead, policy, flags=re.MULTILINE)
    # What the gate does when the ledger is down is no destination.
    return policy.replace('unknown_rate = "allow"', 'unknown_rate = "refuse"')


def with_countries(policy: str, countries: tuple[str, ...]) -> str:
    """Allow more countries in a policy, as an owner may who is asked to; not one of its other rules."""
    before, words, after = re.split(r"^allow = \[(.*)\]", policy, maxsplit=1, flags=re.MULTILINE)
    named = sorted({*re.findall(r"[A-Z]{2}", words), *countries})
    return f"{before}allow = {named}{after}"


def loss(profile: Profile, policy: str) -> Loss:
    """Replay an attack under a policy."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in {"policy.toml": policy, "rates.csv": profile.rates(), "a.csv": profile.attempts()}.items():
            (folder / file).write_text(text, encoding="utf-8")
        site = site_of(
            argparse.Namespace(
                settings=DEFAULT_SETTINGS,
                clinic=None,
                policy=folder / "policy.toml",
                rates=folder / "rates.csv",
                prefix=None,
            )
        )
        with (folder / "a.csv").open(encoding="utf-8", newline="") as stream:
            reading = read_attempts(stream, Zones(clinic=site.clinic.policy.timezone), Lines())
    replayed = asyncio.run(replay(reading.attempts, site))
    spent = [
        (attempt, outcome.cost_micros)
        for attempt, outcome in zip(reading.attempts, replayed.outcomes, strict=True)
        if outcome.cost_micros
    ]
    return Loss(micros=sum(micros for _, micros in spent), day_micros=most_in(spent, timedelta(hours=24)))


def most_in(spent: list[tuple[Attempt, int]], span: timedelta) -> int:
    """The most that calls cost which began within any such span."""
    return max(
        (
            sum(micros for other, micros in spent[place:] if other.instant < attempt.instant + span)
            for place, (attempt, _) in enumerate(spent)
        ),
        default=0,
    )


def euros(micros: int) -> str:
    return f"{-(-micros // 10_000) / 100:,.2f}"


def table() -> str:
    """The comparison, as a table in Markdown; amounts in euros, rounded up to the cent."""
    cap = CAP_MICROS // 1_000_000
    columns = (
        "attack (source)",
        "calls",
        "nothing stops it",
        f"{cap} a calendar day, by CDRs",
        "callgate, factory policy",
        "callgate, border preset",
        "factory policy and its countries allowed",
        "factory ceilings, all allowed",
        "of it in any 24 h",
    )
    lines = [f"| {' | '.join(columns)} |", f"| --- |{' --: |' * (len(columns) - 1)}"]
    everything = with_everything_allowed(preset(FRANCE))
    for profile in profiles():
        all_allowed = loss(profile, everything)
        amounts = (
            without_control(profile),
            under_calendar_cap(profile, profile.calls),
            loss(profile, preset(FRANCE)).micros,
            loss(profile, preset(BORDER)).micros,
            loss(profile, with_countries(preset(FRANCE), profile.countries)).micros,
            all_allowed.micros,
            all_allowed.day_micros,
        )
        cells = (f"{profile.name} ({profile.source})", str(len(profile.calls)), *map(euros, amounts))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def with_table(page: str, made: str) -> str:
    """Put the table between its two marks on the page."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{made}\n{END}{after}"


def main() -> int:
    """Print the table; with ``--write PAGE`` put it on that page too."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, help="a page whose table is brought up to date")
    page: Path | None = parser.parse_args().write
    made = table()
    print(made)
    if page is not None:
        page.write_text(with_table(page.read_text(encoding="utf-8"), made), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
