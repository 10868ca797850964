"""What the characters of a dialled string may stand for, by rule 5 of numbers/RULES.md.

Where the rule leaves a choice (which dashes are hyphens, whether `TEL:` is `tel:`), the string is doubtful: it may be
read, or refused as invalid; nothing else.
"""

import re
import unicodedata
from dataclasses import dataclass, replace

SURE_CHARACTERS = 64
"""A longer string may be refused for its length alone."""

SEPARATORS = " .-()\u00a0\u202f\u2010\u2011"
"""Spaces, no-break spaces, dot, hyphens, parentheses: nobody may refuse a number for them."""

_DOUBTFUL_SEPARATORS = (
    "\u2007\u2012\u2013\u2014\u2015\u2043\u2060\u2212\u3000\ufe58\ufe63\ufeff\uff08\uff09\uff0d\uff0e\u00ad"
)
_DOUBT, _BAD = "?", "!"

_URI = re.compile(r"(tel|sips?):(.*)", re.IGNORECASE | re.DOTALL)
_GAP = f"[{re.escape(SEPARATORS + _DOUBTFUL_SEPARATORS)}]*"
_AFTER = re.compile(rf"[xpw]|{_GAP.join(';ext=')}", re.IGNORECASE)
_SURE_AFTER = re.compile(r"[xpw][0-9*#xpw]*|;ext=[0-9]+")
_SURE_CONTEXT = re.compile(r"\+[0-9]+")
_SURE_HOST = re.compile(r"(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]+)?(?:;(?!phone-context)[a-z]+=[a-z]+)*")
_MARKS_AT_ENDS = "\u200e\u200f"
_SURE_START = re.compile(r"[ \u00a0\u202f]*\(?[\d+\uff0b*#]")
_PARENTHESES = re.compile(r"[^()]*(?:\([^()]*\)[^()]*)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelled:
    """A dialled string down to its digits.

    Fields:
        body: of the characters ``0-9*#+`` alone.
        doubtful: it may be refused as invalid, too.
        is_uri: it was a tel: or sip: address.
        has_after: digits for after the answer were cut off.
    """

    body: str
    doubtful: bool = False
    is_uri: bool = False
    has_after: bool = False


class _Alphabet(dict[int, str]):
    """What each character stands for, worked out when it is first met; for `str.translate`."""

    def __missing__(self, code_point: int) -> str:
        symbol = self[code_point] = _symbol(chr(code_point))
        return symbol


def _symbol(character: str) -> str:
    if character in "*#+":
        return character
    if character == "\uff0b":
        return "+"
    if unicodedata.category(character) == "Nd":
        return str(unicodedata.decimal(character))
    if character in SEPARATORS:
        return ""
    return _DOUBT if character in _DOUBTFUL_SEPARATORS or unicodedata.category(character) == "Zs" else _BAD


_ALPHABET = _Alphabet()


def spell(dialled: str) -> Spelled | None:
    """Bring a dialled string down to its digits.

    Returns:
        None if no reading of rule 5 admits it.
    """
    uri = _URI.fullmatch(dialled.strip(" "))
    spelled = _plain(dialled) if uri is None else _of_uri(uri[1], uri[2])
    if spelled is not None and (len(dialled) > SURE_CHARACTERS or (uri and not dialled.startswith(uri[1].lower()))):
        spelled = replace(spelled, doubtful=True)
    return spelled


def _plain(text: str) -> Spelled | None:
    unmarked = text.strip(_MARKS_AT_ENDS)
    after = _AFTER.search(unmarked)
    head = unmarked[: after.start()] if after else unmarked
    body = head.translate(_ALPHABET)
    if _BAD in body:
        return None
    doubtful = (
        unmarked != text
        or _DOUBT in body
        or _SURE_START.match(head) is None
        or _PARENTHESES.fullmatch(head) is None
        or (after is not None and _SURE_AFTER.fullmatch(unmarked, after.start()) is None)
    )
    return Spelled(body=body.replace(_DOUBT, ""), doubtful=doubtful, has_after=after is not None)


def _of_uri(scheme: str, rest: str) -> Spelled | None:
    if "?" in rest:
        return None
    is_tel = scheme.lower() == "tel"
    subscriber, _, host = (rest, "", "") if is_tel else rest.partition("@")
    if "@" in host:
        return None
    number, *parameters = subscriber.split(";")
    spelled = _plain(number)
    if spelled is None:
        return None
    doubtful = spelled.doubtful or " " in number or not (is_tel or _SURE_HOST.fullmatch(host))
    spelled = replace(spelled, is_uri=True, doubtful=doubtful)
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.lower() != "phone-context":
            sure = name == "ext" and value.isdigit() and value.isascii()
            after = spelled.has_after or name == "ext"
            spelled = replace(spelled, has_after=after, doubtful=spelled.doubtful or not sure)
            continue
        context = value.translate(_ALPHABET)
        if re.fullmatch(r"\+[0-9]+", context) is None:
            return None
        is_global = spelled.body.startswith("+")
        sure = is_tel and name.islower() and _SURE_CONTEXT.fullmatch(value) is not None and not is_global
        body = spelled.body if is_global else context + spelled.body
        spelled = replace(spelled, body=body, doubtful=spelled.doubtful or not sure)
    return spelled
