"""Finds what must not be read by strangers in a text: telephone numbers, secrets, and who sits at which extension.

One reader of texts serves two: `screened` hides what it finds, for every line of the log; `leaks_in` names the place,
for whoever must not hand anything out. A masked number is none, and neither are the long figures of a machine:
instants, identifiers of calls and channels, hashes, addresses, decimals.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum, auto

from callgate.core.wire import mask

HIDDEN = "***"


class Leak(StrEnum):
    """What was found."""

    NUMBER = auto()
    SECRET = auto()
    PERSON = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One find: what, and where in a document, as a path of its keys; never the thing itself."""

    leak: Leak
    path: str


# In the order in which they are tried at each place. Digits with letters before them are the middle of a name or hash,
# unless the letter ends a code, as of the plus in a URI (%2B) or of a line's end (\\n).
_PATTERN = re.compile(
    r"""
    (?P<key>-----BEGIN\ [A-Z ]{0,20}PRIVATE\ KEY-----(?:.{0,8192}?-----END\ [A-Z ]{0,20}PRIVATE\ KEY-----)?)
  | (?<=://)(?P<login>[^\s/@:]{0,128}:[^\s/@]{1,256})(?=@)
  | (?P<named>\b\w*(?:password|passwd|passphrase|secret|token|api_?key|requirepass|masterauth)\b["']?\s*[:=>]+\s*["']?
        (?P<value>[^\s"',;*)}\]][^\s"',;)}\]]*))
  | (?P<person>
        \bcallerid\b[\s=>]{0,8}[^\s<>=\d,][^<>\n]{0,80}<\+?\d[^>\n]{0,32}>
      | ["'][^"'\n<>]{0,80}[^\W\d][^"'\n<>]{0,80}\\?["']\ ?<\+?\d{2,20}>)
  | (?P<known>
        # an instant or a day
        (?<!\d)(?:19|20)\d\d-\d\d-\d\d(?:[T_ ]\d\d:?\d\d(?::?\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?(?![\d-])
        # a call or a grant, with the name of its Asterisk
      | (?<![0-9a-zA-Z])(?:[A-Z][\w-]{0,63}\.)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}
        (?:\.\d{1,2})?(?:\.\d{10})?(?!\d)
        # a hash; a channel; an address
      | (?<![0-9a-zA-Z])(?=[0-9]*[a-f])[0-9a-f]{16,}(?![0-9a-zA-Z])
      | (?<=[0-9a-zA-Z]-)[0-9a-f]{8}(?![0-9a-zA-Z])
      | (?<![\d.])(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}(?::\d{1,5})?(?!\.?\d)
        # an id of Asterisk's; a decimal
      | (?<![\d.+])1\d{9}\.\d{1,6}(?:\.\d{10})?(?!\.?\d)
      | (?<![\w.+])(?:0|[1-9]\d{0,5})\.\d{1,6}(?!\w|\.\d)
    )
  | (?P<number>(?:(?<![0-9a-zA-Z•+])|(?<=%[0-9a-f][a-f])|(?<=\\[abfnrtv]))
        (?:
            (?:\+\ ?)?(?>\(?\d(?:[ .()\u00a0\u00ad\u2002-\u2015\u202f-]{0,2}\d){6,})
            (?![ .()\u00a0\u00ad\u2002-\u2015\u202f-]{0,2}•)
            # Odd signs part the figures of lists, too: only what begins like a number, with the same sign throughout.
          | (?>(?:\+\d{1,3}|(?<=%2b)\d{1,3}|0\d{1,3})(?P<odd>\ {0,3}[ /_|;,*'·\t.-]\ {0,3}|%[0-9a-f]{2})
                \d{1,4}(?:(?P=odd)\d{2,4}){3,})(?!(?P=odd)•)
        ))
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_KINDS = {"key": Leak.SECRET, "login": Leak.SECRET, "named": Leak.SECRET, "person": Leak.PERSON, "number": Leak.NUMBER}
_SECRET_KEY = re.compile(
    r"\w*(?:password|passwd|passphrase|secret|token|api_?key|requirepass|masterauth)", re.IGNORECASE
)


def leaks(text: str) -> Iterator[Leak]:
    """What a text gives away, in its order."""
    for found in _PATTERN.finditer(text):
        kind = found.lastgroup if found.lastgroup != "value" else "named"
        if kind in _KINDS:
            yield _KINDS[kind]


def screened(text: str) -> str:
    """A text with the last four digits of each number hidden, and secrets and people wholly."""
    return _PATTERN.sub(_hide, text)


def _hide(found: re.Match[str]) -> str:
    if found["number"]:
        # Between the codes of a URI the last four figures are not the number's.
        return HIDDEN if "%" in found["number"] else mask(found["number"])
    if found["value"]:
        return found[0][: found.start("value") - found.start()] + HIDDEN
    return found[0] if found["known"] else HIDDEN


def screened_value(value: object) -> object:
    """A document of texts, lists and mappings with all its texts screened.

    Figures stay; a text under the name of a secret is hidden whatever it is; of anything else its `repr` is screened.
    """
    match value:
        case str():
            return screened(value)
        case bool() | int() | float() | None:
            return value
        case Mapping():
            return {
                screened(str(key)): HIDDEN if _is_secret(key, below) else screened_value(below)
                for key, below in value.items()
            }
        case list() | tuple():
            return [screened_value(below) for below in value]
        case _:
            return screened(repr(value))


def leaks_in(value: object, path: str = "") -> Iterator[Found]:
    """What a document as JSON knows it gives away, keys included, and where."""
    match value:
        case str():
            yield from (Found(leak=leak, path=path) for leak in leaks(value))
        case Mapping():
            for key, below in value.items():
                # A key that is itself a number must not be named.
                inner = f"{path}.{screened(str(key))}" if path else screened(str(key))
                yield from (Found(leak=leak, path=inner) for leak in leaks(str(key)))
                if _is_secret(key, below):
                    yield Found(leak=Leak.SECRET, path=inner)
                else:
                    yield from leaks_in(below, inner)
        case list() | tuple():
            for place, below in enumerate(value):
                yield from leaks_in(below, f"{path}[{place}]")
        case _:
            pass


def _is_secret(key: object, value: object) -> bool:
    return isinstance(value, str) and value not in {"", HIDDEN} and _SECRET_KEY.fullmatch(str(key)) is not None
