"""Who is on the other end of each channel: telephones, trunks to a carrier, and callers nobody knows.

From pjsip.conf, pjsip_wizard.conf, sip.conf and iax.conf. Which trunks are the carrier's callgate's settings say;
without them those are taken that log in somewhere themselves and where no telephone can register.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from callgate.audit.arguments import whole
from callgate.audit.lines import Document, Place, Section

DEFAULT_CONTEXT = "default"
_YES = frozenset({"yes", "true", "y", "t", "1", "on"})
LINE_CARDS = frozenset({"DAHDI", "ZAP"})
_GROUP = re.compile(r"[gGrRiI]\d+")
_CARRIER_TECHNOLOGIES = frozenset(
    {"capi", "dongle", "h323", "khomp", "misdn", "motif", "ooh323", "quectel", "woomera", "xmpp"}
)


class Kind(StrEnum):
    """Who calls through a device."""

    PHONE = "phone"
    CARRIER = "carrier"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One endpoint: its technology in capitals, its name, and the context its calls land in."""

    technology: str
    name: str
    kind: Kind
    context: str
    place: Place
    variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A secret somebody logs in with. Its text is compared and never shown.

    Fields:
        user: the name that goes with it.
        secret: None where the device asks for none.
    """

    user: str
    secret: str | None
    place: Place


@dataclass(slots=True, kw_only=True)
class Devices:
    """Every device by technology and name, and the secrets of those that log in here."""

    known: dict[tuple[str, str], Device] = field(default_factory=dict)
    credentials: list[Credential] = field(default_factory=list)
    are_guessed: bool = False

    def of(self, kind: Kind) -> list[Device]:
        """The devices of a kind."""
        return [device for device in self.known.values() if device.kind is kind]

    def is_carrier(self, technology: str, name: str) -> bool:
        """Whether a dial string's technology and first part mean a line to a carrier."""
        device = self.known.get((technology, name))
        if device is not None:
            return device.kind is Kind.CARRIER
        return technology.lower() in _CARRIER_TECHNOLOGIES or (
            technology in LINE_CARDS and _GROUP.fullmatch(name) is not None
        )


def is_yes(word: str) -> bool:
    """Whether Asterisk takes a word for yes."""
    return word.strip().lower() in _YES


def devices_of(documents: Mapping[str, Document], trunks: Iterable[str] | None) -> Devices:
    """Read every device.

    Args:
        documents: the configuration by file name.
        trunks: names of the carrier's endpoints, from callgate's settings; None to guess.
    """
    named = frozenset(trunks) if trunks is not None else None
    devices = Devices(are_guessed=named is None)
    for read in (_pjsip, _wizard, _peers):
        for device in read(documents, devices.credentials, named):
            devices.known.setdefault((device.technology, device.name), device)
    return devices


def _kind(name: str, named: frozenset[str] | None, *, looks_like_one: bool) -> Kind:
    if name == "anonymous":
        return Kind.ANONYMOUS
    is_carrier = looks_like_one if named is None else name in named
    return Kind.CARRIER if is_carrier else Kind.PHONE


def _sections(documents: Mapping[str, Document], name: str) -> list[Section]:
    document = documents.get(name)
    return document.sections if document is not None else []


def _pjsip(
    documents: Mapping[str, Document], credentials: list[Credential], named: frozenset[str] | None
) -> Iterator[Device]:
    sections = _sections(documents, "pjsip.conf")
    by_type = {
        kind: {section.name: section for section in sections if section.get("type") == kind} for kind in ("aor", "auth")
    }
    registering = {section.get("endpoint") for section in sections if section.get("type") == "registration"}
    identified = {section.get("endpoint") for section in sections if section.get("type") == "identify"}
    for section in sections:
        if section.get("type") != "endpoint":
            continue
        aors = [by_type["aor"].get(name.strip()) for name in section.get("aors").split(",")]
        is_fixed = not any(aor is not None and whole(aor.get("max_contacts")) for aor in aors)
        logs_in = bool(section.get("outbound_auth")) or section.name in registering
        dials_fixed = not section.get("auth") and any(aor is not None and aor.get("contact") for aor in aors)
        kind = _kind(section.name, named, looks_like_one=is_fixed and (logs_in or dials_fixed))
        if kind is Kind.PHONE and section.name not in identified:
            credentials += _pjsip_credentials(section, by_type["auth"])
        yield _device("PJSIP", section, kind)


def _pjsip_credentials(endpoint: Section, auths: Mapping[str, Section]) -> Iterator[Credential]:
    names = [name.strip() for name in endpoint.get("auth").split(",") if name.strip()]
    if not names:
        yield Credential(user=endpoint.name, secret=None, place=endpoint.place)
    for auth in (auths[name] for name in names if name in auths):
        if auth.get("md5_cred"):
            # What it was made from cannot be seen.
            continue
        user = auth.get("username", endpoint.name)
        yield Credential(user=user, secret=auth.get("password"), place=auth.place_of("password"))


def _device(technology: str, section: Section, kind: Kind, context: str = "") -> Device:
    variables = tuple(option.value for option in section.options if option.name in ("set_var", "setvar"))
    return Device(
        technology=technology,
        name=section.name,
        kind=kind,
        context=context or section.get("context", DEFAULT_CONTEXT),
        place=section.place_of("context"),
        variables=variables,
    )


def _wizard(
    documents: Mapping[str, Document], credentials: list[Credential], named: frozenset[str] | None
) -> Iterator[Device]:
    for section in _sections(documents, "pjsip_wizard.conf"):
        if section.get("type") != "wizard":
            continue
        sends = is_yes(section.get("sends_auth")) or is_yes(section.get("sends_registrations"))
        accepts = is_yes(section.get("accepts_registrations"))
        kind = _kind(section.name, named, looks_like_one=not accepts and (sends or bool(section.get("remote_hosts"))))
        if kind is Kind.PHONE and accepts:
            secret = section.get("inbound_auth/password") if is_yes(section.get("accepts_auth")) else None
            user = section.get("inbound_auth/username", section.name)
            place = section.place_of("inbound_auth/password")
            credentials.append(Credential(user=user, secret=secret, place=place))
        yield _device("PJSIP", section, kind, section.get("endpoint/context", DEFAULT_CONTEXT))


def _peers(
    documents: Mapping[str, Document], credentials: list[Credential], named: frozenset[str] | None
) -> Iterator[Device]:
    """chan_sip and IAX2: gone from Asterisk 21, still on the machines of practices."""
    for file, technology in (("sip.conf", "SIP"), ("iax.conf", "IAX2")):
        for section in _sections(documents, file):
            if section.name == "general":
                # chan_sip takes calls from anybody unless told not to.
                if technology == "SIP" and is_yes(section.get("allowguest", "yes")):
                    yield Device(
                        technology=technology,
                        name="(guest)",
                        kind=Kind.ANONYMOUS,
                        context=section.get("context", DEFAULT_CONTEXT),
                        place=section.place_of("allowguest"),
                    )
                continue
            if section.get("type") not in ("peer", "user", "friend"):
                continue
            is_fixed = section.get("host", "dynamic") != "dynamic"
            logs_in = any(section.get(name) for name in ("username", "defaultuser", "fromuser", "remotesecret"))
            kind = _kind(section.name, named, looks_like_one=is_fixed and logs_in)
            if kind is Kind.PHONE and not section.get("md5secret"):
                secret = section.get("secret") if section.get("secret") or not is_fixed else "fixed-address-checked"
                credentials.append(Credential(user=section.name, secret=secret, place=section.place_of("secret")))
            yield _device(technology, section, kind)
