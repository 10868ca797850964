"""Reads a TOML document into its structs and finds every mistake in it, not only the first.

A mistake names its path as ``countries.rule[0].day``: the tables' names, and places in lists counted from 0.
"""

import difflib
import re
import tomllib
from enum import StrEnum
from types import NoneType
from typing import TypeVar, get_args, get_origin

import msgspec

from callgate.core.policy_values import READERS, UnreadableError, shown

DOCUMENT_MAX_CHARACTERS = 262_144
LIST_MAX = 1000
"""No list of a policy is longer."""

Table = TypeVar("Table", bound=msgspec.Struct)


class PolicyError(ValueError):
    """One mistake in a policy. Fields: `path` in the document, `problem`, `remedy`."""

    def __init__(self, path: str, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem}. Remedy: {remedy}")
        self.path = path
        self.problem = problem
        self.remedy = remedy


class PolicyErrors(PolicyError):  # noqa: N818 - the plural is the meaning: it carries every mistake of one document
    """A policy that cannot be used. Field: `errors`, at least one; it reads like the first and prints them all."""

    def __init__(self, errors: tuple[PolicyError, ...]) -> None:
        super().__init__(errors[0].path, errors[0].problem, errors[0].remedy)
        self.errors = errors

    def __str__(self) -> str:
        return "\n".join(map(str, self.errors))


def read_toml(text: str) -> dict[str, object]:
    """Read TOML.

    Raises:
        PolicyErrors: with the line as its path, if the text is not TOML or is too long.
    """
    if len(text) > DOCUMENT_MAX_CHARACTERS:
        problem = f"it is longer than {DOCUMENT_MAX_CHARACTERS} characters"
        raise PolicyErrors((PolicyError("document", problem, "shorten it; a policy fits on a few pages"),))
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # tomllib passes on what int() and deep nesting raise
        line = re.search(r"line \d+", str(error))
        path = line[0] if line else "document"
        raise PolicyErrors((PolicyError(path, f"this is not TOML: {error}", "correct the spelling there"),)) from None


def read_document(kind: type[Table], raw: dict[str, object]) -> Table:
    """Turn what TOML gave into `kind`.

    Args:
        kind: a struct whose fields are readable types (`READERS`), choices, structs, or tuples of these.
        raw: the document.

    Raises:
        PolicyErrors: with every mistake: unknown fields, missing ones, values that cannot be read, repetitions.
    """
    mistakes: list[PolicyError] = []
    table = _read_table(kind, raw, "", mistakes)
    if table is None:
        raise PolicyErrors(tuple(mistakes))
    return table


def _read_table(kind: type[Table], raw: object, path: str, mistakes: list[PolicyError]) -> Table | None:
    """Read one table; None, with at least one more mistake, if anything in it is wrong."""
    if not isinstance(raw, dict):
        mistakes.append(PolicyError(path, f"{shown(raw)} is not a table", f"write it as a table named {path}"))
        return None
    before = len(mistakes)
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    mistakes.extend(_unknown_field(_inside(path, name), name, list(fields)) for name in raw if name not in fields)
    values = {}
    for name, field in fields.items():
        if name in raw:
            values[name] = _read_value(field.type, raw[name], _inside(path, name), mistakes)
        elif field.required:
            mistakes.append(PolicyError(_inside(path, name), "is missing", "add it; docs/policy.md says what it means"))
    return kind(**values) if len(mistakes) == before else None


def _read_value(kind: object, raw: object, path: str, mistakes: list[PolicyError]) -> object:
    if NoneType in get_args(kind):
        (kind,) = (member for member in get_args(kind) if member is not NoneType)
    if get_origin(kind) is tuple:
        return _read_list(get_args(kind)[0], raw, path, mistakes)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _read_table(kind, raw, path, mistakes)
    try:
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return _read_choice(kind, raw)
        return READERS[kind](raw)
    except UnreadableError as error:
        mistakes.append(PolicyError(path, error.problem, error.remedy))
        return None


def _read_list(kind: object, raw: object, path: str, mistakes: list[PolicyError]) -> tuple[object, ...] | None:
    if not isinstance(raw, list):
        mistakes.append(PolicyError(path, f"{shown(raw)} is not a list", "write it in square brackets"))
        return None
    if len(raw) > LIST_MAX:
        mistakes.append(PolicyError(path, f"it has {len(raw)} entries", f"keep at most {LIST_MAX}"))
        return None
    for place, entry in enumerate(raw):
        if entry in raw[:place]:
            problem = f"{shown(entry)} is there twice"
            mistakes.append(PolicyError(f"{path}[{place}]", problem, "keep one of the two"))
    return tuple(_read_value(kind, entry, f"{path}[{place}]", mistakes) for place, entry in enumerate(raw))


def _read_choice(kind: type[StrEnum], raw: object) -> StrEnum:
    for member in kind:
        if member.value == raw:
            return member
    raise UnreadableError(problem=f"{shown(raw)} is not one of the choices", remedy=f"write one of {_listed(kind)}")


def _unknown_field(path: str, name: str, known: list[str]) -> PolicyError:
    near = difflib.get_close_matches(name, known, n=1)
    remedy = f'write "{near[0]}"' if near else f"remove it; here can be {_listed(known)}"
    return PolicyError(path, "is not a field of a policy", remedy)


def _listed(words: type[StrEnum] | list[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)


def _inside(path: str, name: str) -> str:
    plain = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else shown(name)
    return f"{path}.{plain}" if path else plain
