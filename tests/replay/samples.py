"""Attempts of a day, and the clinic that they are replayed for, under the factory policy with some of it changed."""

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from callgate.commands.site import site_of
from callgate.core.attempt import Origin
from callgate.replay.attempts import Attempt
from callgate.replay.run import Site
from callgate.settings import DEFAULT_SETTINGS
from clinic_samples import policy_text

PARIS = "0142685300"
MOBILE = "0612345678"
GUADELOUPE = "0590271212"
"""Costly, at 0.25 a minute by the second in `DECK`, and allowed while the clinic is open."""
BRUSSELS = "003225551212"
"""Refused by the factory policy."""
SAMU = "15"

DECK = """\
prefix,label,connect_fee,per_minute,first_increment_s,increment_s,currency,tax,valid_from,valid_to
+331,fixed,0,0.02,1,1,EUR,0,,
+336,mobile,0,0.06,1,1,EUR,0,,
+590,overseas,0,0.25,1,1,EUR,0,,
+32,Belgium,0.10,0.30,60,60,EUR,0,,
"""


def site(folder: Path, changes: Mapping[str, str] | None = None, *, prefix: str | None = None) -> Site:
    """A clinic by itself."""
    (folder / "policy.toml").write_text(policy_text(changes), encoding="utf-8")
    (folder / "deck.csv").write_text(DECK, encoding="utf-8")
    return site_of(
        argparse.Namespace(
            settings=DEFAULT_SETTINGS,
            clinic=None,
            policy=folder / "policy.toml",
            rates=folder / "deck.csv",
            prefix=prefix,
        )
    )


def attempt(
    at: str, dialled: str, duration_s: int = 60, *, extension: str = "101", origin: Origin = Origin.EXTENSION
) -> Attempt:
    """One call on Tuesday 24 November 2026, at a time of UTC; in Paris it is an hour later."""
    instant = datetime.fromisoformat(f"2026-11-24T{at}").replace(tzinfo=UTC)
    return Attempt(
        start=instant.isoformat(),
        instant=instant,
        extension=extension,
        dialled=dialled,
        duration_s=duration_s,
        origin=origin,
    )
