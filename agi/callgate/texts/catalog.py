"""Finds the words for a person, in the person's language.

The keys are ``place.meaning``. Places: ``reason`` (one sentence on a screen), ``prompt`` (what the phone says),
``class`` and ``verdict`` (names, in lower case), ``cli``. `tests/test_texts.py` holds both languages to the same keys
and placeholders, and to the reason codes and number classes of the core.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import msgspec


class Language(StrEnum):
    """A language callgate speaks. The value names its text file and its folder of prompts."""

    FR = "fr"
    EN = "en"


def text(key: str, /, language: Language = Language.FR, **fields: str | int) -> str:
    """Say one thing.

    Args:
        key: ``place.meaning``, such as ``reason.country_refused``.
        language: French unless said otherwise.
        fields: a value for each placeholder of the text; most texts have none.

    Returns:
        The sentence, its placeholders filled.

    Raises:
        KeyError: no such text, or a placeholder without its field. That is a broken promise of our own code.
    """
    return catalog(language)[key].format(**fields)


@cache
def catalog(language: Language) -> Mapping[str, str]:
    """Read every text of a language, by key, its placeholders not yet filled; the file is read once."""
    document = files(__package__).joinpath(f"{language}.json").read_bytes()
    return MappingProxyType(msgspec.json.decode(document, type=dict[str, str]))
