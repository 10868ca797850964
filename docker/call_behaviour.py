"""What the called side of a call does: a test phone has one behaviour, the fake carrier one for each number prefix."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path


class Reaction(StrEnum):
    """How a call that comes in is met."""

    ANSWER = "answer"
    RING = "ring"
    """Ring and never answer."""
    REJECT = "reject"
    REDIRECT = "redirect"
    IGNORE = "ignore"
    """Send nothing at all, as a trunk that is down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """One way to meet a call; delays in seconds.

    Fields:
        ring_after_s: until 180 (or 183 with SDP where `early_media`).
        react_after_s: from there until the 200, the rejection or the redirection.
        code: sent by REJECT.
        contact: the SIP URI that REDIRECT names in its 302.
        hang_up_after_s: from our 200 until our BYE; None leaves the end to the other side.
    """

    reaction: Reaction = Reaction.ANSWER
    ring_after_s: float = 0.0
    react_after_s: float = 0.05
    early_media: bool = False
    code: int = 486
    contact: str = ""
    hang_up_after_s: float | None = None


Rules = Mapping[str, Behaviour]
"""By prefix of the called user part (decoded); ``carrier-a/0142`` binds one trunk only and beats ``0142``."""


def behaviour_for(rules: Rules, *, trunk: str, user: str) -> Behaviour:
    """The rule with the longest prefix; one of this trunk before one of all; else ring at once, answer after 50 ms."""
    for called, prefix in ((f"{trunk}/{user}", f"{trunk}/"), (user, "")):
        fitting = [key for key in rules if called.startswith(key) and key.startswith(prefix)]
        if fitting:
            return rules[max(fitting, key=len)]
    return Behaviour()


def write_rules(path: Path, rules: Rules) -> None:
    """Replace the rules file in one step, so that nobody reads half of it."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({prefix: asdict(behaviour) for prefix, behaviour in rules.items()}), "utf-8")
    draft.replace(path)


def read_rules(path: Path) -> dict[str, Behaviour]:
    """Read a rules file.

    Raises:
        OSError, ValueError, TypeError, AttributeError: for a file that is missing or is not one of ours.
    """
    document = json.loads(path.read_text("utf-8"))
    return {prefix: _behaviour(fields) for prefix, fields in document.items()}


def _behaviour(fields: dict[str, object]) -> Behaviour:
    reaction = Reaction(str(fields.get("reaction", Reaction.ANSWER)))
    return Behaviour(**{**fields, "reaction": reaction})  # type: ignore[arg-type]  # a hand-written file: see the raises
