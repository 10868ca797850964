"""Reads a TOML document of facts (a number plan, a list of risk tiers), or says where its first mistake is."""

import re
import tomllib
from typing import TypeVar

import msgspec

_Document = TypeVar("_Document", bound=msgspec.Struct)


class DocumentError(ValueError):
    """A document that cannot be used. Fields: `path` in it, `problem`, `remedy`."""

    def __init__(self, path: str, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem}. Remedy: {remedy}")
        self.path = path
        self.problem = problem
        self.remedy = remedy


def read_document(text: str, kind: type[_Document], name: str, remedy: str) -> _Document:
    """Read a document.

    Args:
        text: the TOML document.
        kind: what it must be.
        name: what it is called where a mistake has no place of its own.
        remedy: what to do about a mistake that says none itself, behind a semicolon.

    Raises:
        DocumentError: with the path of the first mistake and what to do about it.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # tomllib passes on what int() and deep nesting raise
        line = re.search(r"line \d+", str(error))
        raise DocumentError(line[0] if line else name, f"this is not TOML: {error}", "correct the spelling") from None
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        problem, _, own = what.partition("; ")
        raise DocumentError(where.strip("`").removeprefix("$.") or name, problem, own or remedy) from None
