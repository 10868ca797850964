"""Writes the table of rules of docs/audit.md from the code."""

from pathlib import Path

from callgate.audit.rules import SEVERITIES, Rule
from callgate.texts.catalog import Language, text

PAGE = Path(__file__).parents[2] / "docs" / "audit.md"
START, STOP = "<!-- rules -->\n", "<!-- end of rules -->\n"


def rules_table() -> str:
    """Every rule with its severity and texts, in Markdown."""
    lines = ["| Rule | Severity | What | Why | Remedy |", "| --- | --- | --- | --- | --- |"]
    for rule in Rule:
        what = text(f"audit.what_{rule}", Language.EN, subject="…")
        why, remedy = (text(f"audit.{part}_{rule}", Language.EN) for part in ("why", "remedy"))
        cells = (f"`{rule}`", SEVERITIES[rule].value, what, why, remedy)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return START + "\n".join(lines) + "\n" + STOP


if __name__ == "__main__":
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    PAGE.write_text(before + rules_table() + rest.partition(STOP)[2], encoding="utf-8")
