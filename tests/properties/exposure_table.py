"""The closed form for every preset, as tables in Markdown: ``python -m properties.exposure_table --write PAGE``."""

import argparse
import sys
from pathlib import Path

from callgate.clinic import closed_days
from callgate.core.case import Rulebook
from callgate.core.deck import parse_deck
from callgate.core.exposure import exposures
from callgate.core.loss import LossKind, SpanLoss
from callgate.core.plan import parse_plan
from callgate.core.policy import parse_policy

POLICIES = Path(__file__).parents[2] / "policies"
BEGIN, END = "<!-- properties.exposure_table: from here -->", "<!-- properties.exposure_table: to here -->"
YEAR = 2026
"""Whose holidays count, with those of the two years after."""

_PARTS = {
    "costly": (LossKind.COSTLY,),
    "ordinary, closed": (LossKind.ORDINARY_CLOSED,),
    "ordinary, open": (LossKind.ORDINARY_OPEN,),
    "helplines": (LossKind.LISTED,),
    "ledger or gate away": (LossKind.ALLOWANCE,),
}


def preset_exposures(preset: Path) -> tuple[str, tuple[SpanLoss, ...]]:
    """Work a preset's exposure out at the shipped rates, or none; returns its currency too."""
    policy = parse_policy(preset.read_text(encoding="utf-8"))
    rates = POLICIES / "rates" / f"{policy.home}-default.csv"
    deck = rates if rates.exists() else POLICIES / "rates" / "none.csv"
    book = Rulebook(
        policy=policy,
        revision=0,
        plan=parse_plan((POLICIES / "plans" / f"{policy.home}.toml").read_text(encoding="utf-8")),
        closed_days=closed_days(policy, YEAR),
        channels=10,
        ring_timeout_s=60,
    )
    return policy.currency, exposures(book, parse_deck(deck.read_text(encoding="utf-8"), policy.currency))


def table() -> str:
    """One row a preset and span; amounts rounded up to whole units."""
    lines = [f"| preset | span | hours | {' | '.join(_PARTS)} |", f"| --- | --- | --: |{' --: |' * len(_PARTS)}"]
    for preset in sorted((POLICIES / "presets").glob("*.toml")):
        currency, losses = preset_exposures(preset)
        for loss in losses:
            cells = [
                f"{-(-sum(part.micros for part in loss.parts if part.kind in kinds) // 1_000_000):,}"
                for kinds in _PARTS.values()
            ]
            name = f"`{preset.stem}` ({currency})" if loss is losses[0] else ""
            lines.append(f"| {name} | {loss.span} | {loss.seconds / 3600:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


def with_table(page: str) -> str:
    """Put the table between its two marks on a page."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


def main() -> int:
    """Print the table; with ``--write PAGE`` bring that page up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="PAGE")
    page: Path | None = parser.parse_args().write
    if page is None:
        print(table())
    else:
        page.write_text(with_table(page.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
