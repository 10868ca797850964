"""Takes the arguments of dialplan applications apart: commas, conditions, nested applications, ``${...}``."""

import re
from collections.abc import Iterator

_OPEN = "([{"
_CLOSE = ")]}"


def split(text: str, separator: str = ",") -> list[str]:
    """Split at a separator that is not within brackets or quotes."""
    parts: list[str] = [""]
    depth, quoted = 0, False
    for position, sign in enumerate(text):
        if sign == '"' and text[position - 1 : position] != "\\":
            quoted = not quoted
        depth += (sign in _OPEN) - (sign in _CLOSE)
        if sign == separator and depth <= 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


def whole(text: str) -> int | None:
    """Read a whole number of a size that somebody means; None for anything else."""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None


def at(parts: list[str], position: int) -> str:
    """One argument, "" where there is none."""
    return parts[position] if position < len(parts) else ""


def condition(text: str) -> tuple[str, str, str]:
    """Take ``condition?yes:no`` apart; "" for a branch that is not there."""
    asked, *rest = split(text, "?")
    branches = split("?".join(rest), ":")
    return asked, branches[0], ":".join(branches[1:])


def call(text: str) -> tuple[str, str]:
    """Take ``name(arguments)`` apart; the name in lower case."""
    name, _, rest = text.strip().partition("(")
    return name.strip().lower(), rest.rpartition(")")[0] if ")" in rest else rest


def pieces(text: str) -> Iterator[tuple[str, str]]:
    """Cut a text at its ``${...}`` and ``$[...]``: yields (kind, inside) with the kind "", "{" or "["."""
    plain, position = "", 0
    while position < len(text):
        opening = text[position + 1 : position + 2]
        if text[position] == "$" and opening in ("{", "["):
            end = _closing(text, position + 1)
            yield "", plain
            yield opening, text[position + 2 : end]
            plain, position = "", end + 1
        else:
            plain += text[position]
            position += 1
    yield "", plain


def _closing(text: str, start: int) -> int:
    """Where the bracket that opens at `start` closes, or the end of the text."""
    pair = {"{": "}", "[": "]"}[text[start]]
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] == text[start]) - (text[position] == pair)
        if depth == 0:
            return position
    return len(text)


def option_arguments(options: str) -> dict[str, str]:
    """Read the letters of an application's options, each with what stands in its parentheses."""
    found: dict[str, str] = {}
    letter, depth = "", 0
    for sign in options:
        if sign == ")":
            depth -= 1
        if depth > 0:
            found[letter] += sign
        elif sign not in "()":
            letter = sign
            found.setdefault(letter, "")
        if sign == "(":
            depth += 1
    return found
