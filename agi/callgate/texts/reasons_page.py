"""Writes `docs/reasons.md` from the reason codes and their texts, so that the page cannot say anything else.

``python -m callgate.texts.reasons_page > docs/reasons.md``; `tests/test_texts.py` compares the page with the code.
"""

import sys

from callgate.core.reasons import WEIGHT, Reason
from callgate.texts.catalog import Language, text

_HEAD = """\
# Reason codes

Written by `python -m callgate.texts.reasons_page` from `core/reasons.py` and `texts/`; do not edit.

A refusal carries every reason found, heaviest (1) first. The phone says the prompt of the heaviest one; screens, the
journal and the logs show them all. A reason that does not refuse marks a call that was granted.

| Weight | Code | Refuses | English | Français |
| ---: | --- | --- | --- | --- |
"""


def reasons_page() -> str:
    """Write the whole page, in Markdown."""
    return _HEAD + "".join(map(_row, Reason))


def _row(reason: Reason) -> str:
    key = f"reason.{reason}"
    cells = (
        str(WEIGHT[reason] + 1),
        f"`{reason}`",
        "yes" if reason.refuses else "no",
        text(key, Language.EN),
        text(key, Language.FR),
    )
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    # The page is UTF-8 wherever it is written, whatever the terminal's locale.
    sys.stdout.buffer.write(reasons_page().encode())
