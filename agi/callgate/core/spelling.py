"""The characters of a dialled string: what a person, a phone or a web page writes around the digits, taken off.

Nothing is known here of countries. What is not written in an accepted way is no number, whatever digits it holds
(numbers/RULES.md, rule 5).
"""

import re
import unicodedata
from dataclasses import dataclass

SEPARATORS = " .-()\u00a0\u2007\u2009\u202f\u2010\u2011\u2012\u2013\u2212\uff0d"
"""Space and the no-break and thin spaces, dot, hyphens and the dashes pasted for them, parentheses."""
FULL_WIDTH_PLUS = "\uff0b"

_SPELLING = str.maketrans(dict.fromkeys(SEPARATORS) | {FULL_WIDTH_PLUS: "+"})
_URI = re.compile(r"(?:tel:([^?]*)|sips?:([^@?]*)@[\w.:\[\]-]+(?:;[\w.=-]+)*)", re.ASCII | re.IGNORECASE)
_PARAMETER = re.compile(r"(?:(?P<ext>ext=[0-9]+)|phone-context=(?P<context>\+[0-9]+))", re.IGNORECASE)
_DIALLED = re.compile(r"(?P<body>[0-9+*#]+)(?P<after>;ext=[0-9]+|[xpw][0-9*#xpw]*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelled:
    """A dialled string in plain characters.

    Fields:
        body: ASCII digits, ``+``, ``*`` and ``#``.
        is_uri: it came in a tel: or sip: address, which needs no outside prefix.
        has_more: digits for after the answer followed; they were cut off.
    """

    body: str
    is_uri: bool
    has_more: bool


def spell(dialled: str) -> Spelled | None:
    """Read the characters of a dialled string; None if one of them is not accepted."""
    uri = _URI.fullmatch(dialled.strip(" "))
    read = _DIALLED.fullmatch(_ascii(_subscriber(uri[1] or uri[2] or "") if uri else dialled))
    if read is None:
        return None
    return Spelled(body=read["body"], is_uri=uri is not None, has_more=read["after"] is not None)


def _subscriber(text: str) -> str:
    """Write the number part of a URI as a person would dial it; what cannot be dialled stays, and is invalid later."""
    number, *parameters = text.split(";")
    found = [_PARAMETER.fullmatch(parameter) for parameter in parameters]
    read = [parameter for parameter in found if parameter is not None]
    if len(read) < len(parameters):
        return text
    contexts = [parameter["context"] for parameter in read if parameter["context"]]
    extensions = [f";{parameter['ext'].lower()}" for parameter in read if parameter["ext"]]
    return "".join((*contexts, number, *extensions))


def _ascii(text: str) -> str:
    """Drop separators and write every Unicode decimal digit as ASCII; anything else stays as it is."""
    spelled = text.translate(_SPELLING)
    return "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in spelled)
