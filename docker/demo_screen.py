"""What the demo prints: one line a call, for a person at a terminal."""

import os
from typing import TextIO

from callgate.core.money import format_amount
from callgate.core.reasons import Reason
from callgate.texts.catalog import Language, text
from demo_call import Outcome, Step, Verdict

WIDTH = 132
HEADER = "from called        dialled          verdict   INVITE  ms  held  settled  why"

_DIALLED_MAX = 16
_BOLD = "1"
_COLOURS = {
    Verdict.EMERGENCY: "36",
    Verdict.GRANTED: "32",
    Verdict.REFUSED: "31",
    Verdict.ALLOWANCE: "33",
    Verdict.NONE: "35",
}


class Screen:
    """Writes lines; in colour only where a terminal shows them and NO_COLOR (no-color.org) is not set."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._coloured = stream.isatty() and not os.environ.get("NO_COLOR")

    def say(self, words: str = "") -> None:
        """Write a line at once."""
        self._stream.write(words + "\n")
        self._stream.flush()

    def head(self, words: str) -> None:
        """Write a heading."""
        self.say(f"\n{self._painted(words, _BOLD)}")

    def show(self, step: Step, outcome: Outcome) -> None:
        """Write the line of one call."""
        cells = call_line(step, outcome)
        verdict = outcome.verdict.value.ljust(9)
        self.say(cells.replace(verdict, self._painted(verdict, _COLOURS[outcome.verdict]), 1))

    def _painted(self, words: str, colour: str) -> str:
        return f"\x1b[{colour}m{words}\x1b[0m" if self._coloured else words


def call_line(step: Step, outcome: Outcome) -> str:
    """Lay out one call, aligned with `HEADER`."""
    invite = f"yes {outcome.invites[-1].trunk[-1]}" if outcome.invites else "no"
    delay = "-" if outcome.delay_ms is None else str(outcome.delay_ms)
    why = step.note if outcome.reason is None else spoken(outcome.reason)
    return cut(
        f"{outcome.extension:<4} {step.what:<13} {_shortened(step.dialled):<16} {outcome.verdict.value:<9} "
        f"{invite:<5} {delay:>4} {_amount(outcome.held_micros):>5} {_amount(outcome.settled_micros):>8}  {why}",
    )


def spoken(reason: Reason) -> str:
    """The first sentence of what the phone says, in French: the second one says whom to ask."""
    return text(f"prompt.{reason.value}", Language.FR).partition(". ")[0].rstrip(".")


def cut(words: str) -> str:
    """End a line before it is too wide."""
    return words if len(words) <= WIDTH else words[: WIDTH - 1] + "…"


def _amount(micros: int | None) -> str:
    return "-" if micros is None else format_amount(micros)


def _shortened(dialled: str) -> str:
    return dialled if len(dialled) <= _DIALLED_MAX else dialled[: _DIALLED_MAX - 1] + "…"
