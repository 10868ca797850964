"""The ways in which one number is written: those that every reader must accept, and those that look like them."""

import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from fuzz.plan_files import PlanFile
from fuzz.spelling import SEPARATORS

_DIGITS = "0123456789"
_ZEROS = [
    code_point
    for code_point in range(ord("0"), sys.maxunicode)
    if unicodedata.category(chr(code_point)) == "Nd" and unicodedata.decimal(chr(code_point)) == 0
]
_SCRIPTS = [dict(zip(map(ord, _DIGITS), map(chr, range(zero, zero + 10)), strict=True)) for zero in _ZEROS]
"""Every script's ten digits, for `str.translate`."""

_USUAL_SEPARATORS = " .-\u00a0\u202f\u2010\u2011"
_HOSTS = ("pbx.local", "192.0.2.10", "192.0.2.10:5060", "[2001:db8::1]")
_HOST_PARAMETERS = ("", ";user=phone", ";transport=tcp;user=phone")
_AFTER = ("w99", "p1", "x12", " x12", ";ext=123", "w1w2", "p12#", "x")

_IDD: tuple[str, ...] = (
    *("+", "\uff0b", "00", "011", "0011", "000", "810", "0000", "00 00"),
    *("+00", "00+", "++", "0", "+0", "1010288", "1690"),
)
_CODES: tuple[str, ...] = (
    *("*31#", "#31#", "3651", "*67", "*82", "141", "1470", "067", "1831"),
    *("*31*", "#30#", "*21*", "*72"),
)
_DIGIT_OR_NONE: tuple[str, ...] = ("", *_DIGITS)
_FILLING: tuple[str, ...] = ("", "*", "#", *_DIGITS, *SEPARATORS)
_STRAYS: tuple[str, ...] = (
    *SEPARATORS,
    *"&@/,;|$%?!=:'\"\\<>[]{}^~`_\n\r\t\x00\x1b\x7f",
    *"aAxXpPwWdDeEoOlI",
    *"\u00ad\u061c\u200b\u200c\u200d\u200e\u200f\u202a\u202d\u202e\u2060\u2066\u2069\ufeff",
    *"\u2007\u2012\u2013\u2014\u2212\uff0d\u3000\uff03\uff0a\u00b2\u2460\u4e00\u0660\U0001f600\ud800\udcff\u0301",
)
_TAILS: tuple[str, ...] = (
    *("&SIP/other", "@evil.example", "/n", ",60,tT", "|60", "${EXTEN}", "$(id)", "';x", "\n"),
    *("\r\nVia: x", "?a=b", "%0A", ";phone-context=+881", ";00881612345678", "&00881612345678"),
    *("x", "w&1", "p1\n2", "##", "#1", "*", "+", "h"),
)
_FRAMES: tuple[tuple[str, str], ...] = (
    *(("sip:", "@pbx.local"), ("sip:", ""), ("sip:", "@pbx.local?Replaces=x"), ("sip:", ":secret@pbx.local")),
    *(("tel:", ""), ("TEL:", ""), ("tel:", ";phone-context=+44"), ("tel:", ";phone-context=example.com")),
    *(("(", ")"), ("<", ">"), (" ", "  "), ("-", ""), ('"', '"'), ("\u200e", ""), ("\u202e", ""), ("(0)", "")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number before it is dressed.

    Fields:
        digits: as the public network gets them; with `abroad`, in international form without any prefix.
        full: whether it is a subscriber's number, which digits for after the answer may follow.
    """

    digits: str
    abroad: bool
    full: bool


def chance(rng: Random, share: float) -> bool:
    """Whether something happens that does so in this share of all draws; in the smallest draw, it does not."""
    return rng.random() >= 1 - share


def plain(number: Number, prefix: str) -> str:
    """Write a number in the simplest way."""
    return f"+{number.digits}" if number.abroad else prefix + number.digits


def dressed(rng: Random, number: Number, plan: PlanFile, prefix: str) -> str:
    """Write a number in one of the ways that rules 1, 3, 5 and 6 accept; all of them mean the same."""
    if chance(rng, 0.08) and (number.full or not prefix):
        return _as_uri(rng, number, plan)
    start, subscriber = "", number.digits
    if number.abroad:
        start, subscriber = _international(rng, number, plan)
    code = rng.choice(plan.caller_id_codes) if chance(rng, 0.15) else ""
    needs_prefix = start not in {"+", "\uff0b"} or chance(rng, 0.5)
    parts = [code, prefix] if chance(rng, 0.5) else [prefix, code]
    text = "".join(part for part in parts if part is code or needs_prefix) + start
    text += _separated(rng, subscriber) if chance(rng, 0.4) else subscriber
    if chance(rng, 0.15):
        text = text.translate(rng.choice(_SCRIPTS))
    if number.full and chance(rng, 0.05):
        return text + rng.choice(_AFTER)
    return f"{text}#" if chance(rng, 0.05) else text


def misdialled(rng: Random, number: Number, plan: PlanFile, prefix: str) -> str:
    """Put prefixes, codes and exit codes in front at will."""
    front = rng.choices(("", prefix, "0", "9", plan.trunk_prefix, plan.dial_code), k=rng.randint(0, 2))
    front += rng.choices(_CODES, k=rng.randint(0, 2)) if chance(rng, 0.4) else []
    rng.shuffle(front)
    exit_code = rng.choice(_IDD) if number.abroad or chance(rng, 0.1) else ""
    return "".join((*front, exit_code, number.digits))


def tampered(rng: Random, text: str) -> str:
    """Change a dialled string a little; it may mean the same, something else or nothing."""
    return rng.choice(_TAMPERINGS)(rng, text)


def one_digit_off(rng: Random, text: str) -> str:
    """A digit more, less or other."""
    place = rng.randint(0, len(text))
    return text[:place] + rng.choice(_DIGIT_OR_NONE) + text[place + rng.randint(0, 1) :]


def random_digits(rng: Random, count: int) -> str:
    """So many digits."""
    return "".join(rng.choices(_DIGITS, k=count))


def _international(rng: Random, number: Number, plan: PlanFile) -> tuple[str, str]:
    start = rng.choice(("+", "+", "\uff0b", *plan.international_prefixes))
    if number.digits.startswith(plan.dial_code) and plan.trunk_prefix == "0" and number.full and chance(rng, 0.2):
        rest = number.digits.removeprefix(plan.dial_code)
        return start, f"{plan.dial_code} {rng.choice(('0', '(0)'))}{rest}"
    return start, number.digits


def _as_uri(rng: Random, number: Number, plan: PlanFile) -> str:
    if number.abroad and number.digits.startswith(plan.dial_code) and chance(rng, 0.3):
        return f"tel:{number.digits.removeprefix(plan.dial_code)};phone-context=+{plan.dial_code}"
    user, host = plain(number, ""), rng.choice(_HOSTS) + rng.choice(_HOST_PARAMETERS)
    return rng.choice((f"tel:{user}", f"sip:{user}@{host}", f"sips:{user}@{host}"))


def _separated(rng: Random, digits: str) -> str:
    mark, step = rng.choice(_USUAL_SEPARATORS), rng.randint(1, 4)
    return mark.join(digits[place : place + step] for place in range(0, len(digits), step))


def _stray(rng: Random, text: str) -> str:
    place = rng.randint(0, len(text))
    return text[:place] + rng.choice(_STRAYS) + text[place:]


def _tail(rng: Random, text: str) -> str:
    return text + rng.choice(_TAILS)


def _mixed_scripts(rng: Random, text: str) -> str:
    return "".join(character.translate(rng.choice(_SCRIPTS)) if chance(rng, 0.5) else character for character in text)


def _escaped(rng: Random, text: str) -> str:
    place = rng.randint(0, len(text))
    return f"{text[:place]}%{ord(text[place : place + 1] or '&') & 0xFF:02X}{text[place + 1 :]}"


def _overlong(rng: Random, text: str) -> str:
    return text + (rng.choice(_FILLING) or text) * rng.choice((8, 60, 200, 2000))


def _framed(rng: Random, text: str) -> str:
    before, after = rng.choice(_FRAMES)
    return before + text + after


_TAMPERINGS: tuple[Callable[[Random, str], str], ...] = (
    *(one_digit_off, one_digit_off, one_digit_off),
    *(_stray, _tail, _mixed_scripts, _escaped, _overlong, _framed),
)
