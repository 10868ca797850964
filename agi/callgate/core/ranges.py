"""Ranges of numbers as digit patterns: what each covers, where two meet, and what one leaves of another.

A pattern is Asterisk's own: digits, ``X`` for any digit, ``[0-57]`` for one of several. `Places` are the digits that
may stand at each place; places beyond the last take any digit.
"""

import re

Places = tuple[frozenset[str], ...]

_PLACE = re.compile(r"\[[^]]+\]|.")
_ANY = frozenset("0123456789")
_RUN_MIN = 3
"""From so many digits on a run is written with a hyphen."""


def counts_downwards(pattern: str) -> bool:
    """Tell whether a set in a pattern, such as ``[4-0]``, has its larger digit first: no digit fits it."""
    return any(low > high for low, high in re.findall(r"(\d)-(\d)", pattern))


def places_of(pattern: str) -> Places:
    """Read a pattern."""
    places = (place.replace("X", "[0-9]") for place in _PLACE.findall(pattern))
    return tuple(frozenset(re.findall(place, "0123456789")) for place in places)


def pattern_of(places: Places, length: int) -> str:
    """Write places as a pattern of `length` digits."""
    return "".join(map(_write_place, places)) + "X" * (length - len(places))


def regex_of(pattern: str) -> str:
    """Write a pattern as a regular expression over ASCII digits."""
    return pattern.replace("X", "[0-9]")


def meet(one: Places, other: Places) -> bool:
    """Tell whether some digits fit both, as far as the shorter one goes."""
    return all(mine & theirs for mine, theirs in zip(one, other, strict=False))


def without(one: Places, other: Places) -> list[Places]:
    """Take `other` out of `one`: the ranges that are left, none of which meets another."""
    if not meet(one, other):
        return [one]
    wide = one + (_ANY,) * (len(other) - len(one))
    left: list[Places] = []
    shared: Places = ()
    for position, theirs in enumerate(other):
        rest = wide[position] - theirs
        if rest:
            left.append((*shared, rest, *wide[position + 1 :]))
        shared = (*shared, wide[position] & theirs)
    return left


def _write_place(digits: frozenset[str]) -> str:
    if digits == _ANY:
        return "X"
    if len(digits) == 1:
        return min(digits)
    runs = "".join(digit if digit in digits else " " for digit in "0123456789").split()
    return f"[{''.join(run if len(run) < _RUN_MIN else f'{run[0]}-{run[-1]}' for run in runs)}]"
