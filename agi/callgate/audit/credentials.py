"""Finds secrets that can be guessed. A secret is compared here and goes nowhere else: no finding holds one."""

import re
from collections.abc import Iterable, Iterator, Mapping

from callgate.audit.arguments import at, split
from callgate.audit.devices import Credential
from callgate.audit.lines import Document, Section
from callgate.audit.rules import Finding, Rule
from callgate.audit.sources import mailboxes

SECRET_MIN = 10
"""Shorter ones are found within a weekend of trying."""
PIN_MIN = 4
_KNOWN = frozenset(
    {"0000", "1234", "12345", "123456", "12345678", "1234567890", "admin", "amp111", "amp109", "asterisk"}
    | {"asteriskuser", "callgate", "changeme", "default", "elastix", "elastix456", "freepbx", "issabel", "letmein"}
    | {"manager", "mypassword", "mysecret", "pass", "passw0rd", "password", "proformatique", "qwerty", "qwerty1234"}
    | {"secret", "superpassword", "superpassword1", "test", "unsecurepassword", "voipvoip", "wazo", "xivo"}
)
"""From the samples and manuals of Asterisk, FreePBX, Issabel and Wazo."""
_INTERFACES = {"manager.conf": "secret", "ari.conf": "password"}
_NOT_USERS = frozenset({"general"})


def weak_secrets(documents: Mapping[str, Document], devices: Iterable[Credential]) -> Iterator[Finding]:
    """Judge what telephones, AMI users and ARI users log in with."""
    for credential in (*devices, *_interface_users(documents)):
        rule = _judged(credential)
        if rule is not None:
            yield Finding(rule=rule, place=credential.place, subject=credential.user)


def _interface_users(documents: Mapping[str, Document]) -> Iterator[Credential]:
    for file, name in _INTERFACES.items():
        for section in documents[file].sections if file in documents else ():
            if section.name not in _NOT_USERS and _is_in_use(documents[file], section):
                hashed = name == "password" and section.get("password_format") == "crypt"
                if not hashed:
                    yield Credential(user=section.name, secret=section.get(name), place=section.place_of(name))


def _is_in_use(document: Document, section: Section) -> bool:
    general = document.section("general")
    is_user = document.name == "manager.conf" or section.get("type") == "user"
    return is_user and general is not None and general.get("enabled", "no").lower() in ("yes", "true", "1", "on")


def _judged(credential: Credential) -> Rule | None:
    secret = credential.secret
    if not secret:
        return Rule.LOGIN_OPEN
    is_weak = (
        len(secret) < SECRET_MIN
        or secret.isdigit()
        or secret.lower() in _KNOWN
        or secret.lower().strip("0123456789") in _KNOWN
        or secret.lower() in (credential.user.lower(), credential.user.lower() * 2)
        or len(set(secret)) <= PIN_MIN
    )
    return Rule.LOGIN_WEAK if is_weak else None


def voicemail_pins(documents: Mapping[str, Document]) -> Iterator[Finding]:
    """Judge the PINs of mailboxes from which somebody can call out."""
    for option, settings in mailboxes(documents):
        if not any(settings.get(name) for name in ("dialout", "callback")):
            continue
        pin = at(split(option.value), 0).lstrip("-")
        if is_guessable(pin, option.name):
            yield Finding(rule=Rule.VOICEMAIL_PIN, place=option.place, subject=option.name)


def is_guessable(pin: str, mailbox: str) -> bool:
    """Whether a PIN is among those tried first: short, the mailbox itself, one digit, a row of digits, a year."""
    rows = "01234567890123456789"
    return (
        len(pin) < PIN_MIN
        or pin in (mailbox, mailbox[::-1], mailbox * 2)
        or len(set(pin)) == 1
        or pin in rows
        or pin in rows[::-1]
        or pin[: len(pin) // 2] == pin[len(pin) // 2 :]
        or re.fullmatch(r"(?:19|20)\d\d", pin) is not None
    )
