"""Reads an Asterisk dialplan and matches its patterns, as far as the tests of ours need it.

Source: Asterisk's documentation, "Pattern Matching": X is 0-9, Z 1-9, N 2-9, a set stands in brackets, ``.`` is one
character or more, ``!`` none or more; a literal extension goes before any pattern.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_SETS = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]"}
_PLACE = re.compile(r"\[[^]]+\]|.", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One priority: its label, or "", and its application with the arguments."""

    label: str
    application: str


@dataclass(slots=True, kw_only=True)
class Context:
    """The extensions of one context by their name, and what it includes."""

    extensions: dict[str, list[Step]] = field(default_factory=dict)
    includes: list[str] = field(default_factory=list)

    def find(self, dialled: str) -> list[Step] | None:
        """The steps of the literal that is dialled, else of the first pattern that fits."""
        if dialled in self.extensions:
            return self.extensions[dialled]
        return next((steps for name, steps in self.extensions.items() if fits(name, dialled)), None)


def fits(extension: str, dialled: str) -> bool:
    """Whether a pattern, with its ``_``, matches; sets match single bytes, as in Asterisk."""
    if not extension.startswith("_"):
        return False
    expression = b""
    for place in _PLACE.findall(extension[1:]):
        match place:
            case "." | "!":
                expression += b".+" if place == "." else b".*"
            case "X" | "Z" | "N":
                expression += _SETS[place].encode()
            case _ if place.startswith("["):
                expression += b"[" + re.escape(place[1:-1]).replace("\\-", "-").encode() + b"]"
            case _:
                expression += re.escape(place).encode()
    return re.fullmatch(expression, dialled.encode(), re.DOTALL) is not None


def read(text: str) -> dict[str, Context]:
    """Read a whole dialplan."""
    contexts: dict[str, Context] = {}
    steps: list[Step] = []
    context = Context()
    for line in text.splitlines():
        if line.startswith(";") or not line.strip():
            continue
        if line.startswith("["):
            context = contexts.setdefault(line.strip("[]"), Context())
        elif found := re.fullmatch(r"include => (\S+)", line):
            context.includes.append(found[1])
        elif found := re.fullmatch(r"exten => (\[?.+?),1,(.+)", line):
            assert found[1] not in context.extensions, f"{found[1]} stands twice"
            steps = context.extensions[found[1]] = [Step(label="", application=found[2])]
        else:
            found = re.fullmatch(r" same => n(?:\((\w+)\))?,(.+)", line)
            assert found, line
            steps.append(Step(label=found[1] or "", application=found[2]))
    return contexts


def steps_of(contexts: dict[str, Context]) -> Iterator[tuple[str, str, Step]]:
    """Every step with its context and extension."""
    for name, context in contexts.items():
        for extension, steps in context.extensions.items():
            for step in steps:
                yield name, extension, step
