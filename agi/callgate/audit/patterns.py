"""What an extension of the dialplan matches, and what a text that is only partly known may turn out to be.

Source: Asterisk's documentation, "Pattern Matching": X is 0-9, Z 1-9, N 2-9, a set stands in brackets, ``.`` is one
character or more, ``!`` none or more.

Values that only a call will show are written with marks, single characters from a range that no configuration uses:
"""

import re
from functools import cache

ANYTHING = "\ue000"
"""A text nobody can know from the files."""
CHOSEN = "\ue001"
"""A text that the caller chooses: what was dialled through an open pattern, or typed."""
DIGITS = "\ue002"
"""Digits and nothing else, but which and how many."""
DIGIT = "\ue003"
"""One digit."""
DEVICE = "\ue004"
"""The dial string of a telephone, which the PBX keeps in its own database."""
TRUNK = "\ue005"
"""The dial string of a trunk, which the PBX keeps in its own database."""
LENGTH_MAX = 250
"""Asterisk's own extensions end at 80."""
HOUSE_DIGITS_MAX = 5
"""An extension has no more digits than this."""
_ALL_DIGITS = frozenset("0123456789")
_MARKS: dict[str, tuple[frozenset[str] | None, bool]] = {
    ANYTHING: (None, True),
    CHOSEN: (None, True),
    DIGITS: (_ALL_DIGITS, True),
    DIGIT: (_ALL_DIGITS, False),
    DEVICE: (None, True),
    TRUNK: (None, True),
}
_SHOWN = {ANYTHING: "…", CHOSEN: "<dialled>", DIGITS: "<digits>", DIGIT: "#", DEVICE: "<telephone>", TRUNK: "<trunk>"}

_SETS = {"X": _ALL_DIGITS, "Z": _ALL_DIGITS - {"0"}, "N": _ALL_DIGITS - {"0", "1"}}
_PLACE = re.compile(r"\[[^]]*\]|.", re.DOTALL)

_Place = tuple[frozenset[str] | None, bool]
"""The characters that may stand in one place, None for any; and whether it repeats, from none on."""


@cache
def _places(extension: str) -> tuple[_Place, ...]:
    """The places of an extension, pattern or literal."""
    if not extension.startswith("_"):
        return tuple((frozenset(sign), False) for sign in extension)
    places: list[_Place] = []
    for place in _PLACE.findall(extension[1:]):
        match place:
            case ".":
                places += [(None, False), (None, True)]
            case "!":
                places.append((None, True))
            case _ if place in _SETS:
                places.append((_SETS[place], False))
            case _ if len(place) > 1:
                places.append((_set(place[1:-1]), False))
            case _:
                places.append((frozenset(place), False))
    return tuple(places)


def _set(inside: str) -> frozenset[str]:
    """The characters of ``[1-35]``."""
    signs: set[str] = set()
    for first, last in re.findall(r"(.)(?:-(.))?", inside, re.DOTALL):
        signs |= {chr(point) for point in range(ord(first), ord(last or first) + 1)}
    return frozenset(signs)


def may_meet(extension: str, text: str) -> bool:
    """Whether a partly known text may be one that an extension, pattern or literal, matches."""
    if max(len(extension), len(text)) > LENGTH_MAX:
        return False
    return _meet(_places(extension), tuple(_MARKS.get(sign, (frozenset(sign), False)) for sign in text))


@cache
def _meet(left: tuple[_Place, ...], right: tuple[_Place, ...]) -> bool:
    if not left or not right:
        return all(repeats for _, repeats in (*left, *right))
    (left_signs, left_repeats), (right_signs, right_repeats) = left[0], right[0]
    if left_repeats and _meet(left[1:], right):
        return True
    if right_repeats and _meet(left, right[1:]):
        return True
    if left_signs is not None and right_signs is not None and not left_signs & right_signs:
        return False
    if left_repeats and right_repeats:
        # Both may also be empty, which was tried.
        return False
    return _meet(left if left_repeats else left[1:], right if right_repeats else right[1:])


def fits(extension: str, dialled: str) -> bool:
    """Whether an extension, pattern or literal, matches what was dialled."""
    return may_meet(extension, dialled)


def dialled_as(extension: str) -> str:
    """What ``${EXTEN}`` is within an extension, as far as its pattern tells: sign by sign, or whatever was chosen."""
    if not extension.startswith("_"):
        return extension
    signs = []
    for allowed, repeats in _places(extension):
        if repeats or allowed is None or not (len(allowed) == 1 or allowed <= _ALL_DIGITS):
            return CHOSEN
        signs.append(next(iter(allowed)) if len(allowed) == 1 else DIGIT)
    return "".join(signs)


def is_choice(text: str) -> bool:
    """Whether a text leaves a caller the choice among numbers, and not only among the extensions of a house."""
    return CHOSEN in text or DIGITS in text or text.count(DIGIT) > HOUSE_DIGITS_MAX


def is_known(text: str) -> bool:
    """Whether nothing in a text is left open."""
    return not any(mark in text for mark in _MARKS)


def has_known_length(text: str) -> bool:
    """Whether each sign of a text stands for one sign."""
    return not any(mark in text for mark, (_, repeats) in _MARKS.items() if repeats)


def shown(text: str) -> str:
    """A partly known text for a person."""
    return "".join(_SHOWN.get(sign, sign) for sign in text)
