"""What a dial string means: a trunk, a telephone, another place in the dialplan, an address, or nobody can say."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from callgate.audit.devices import LINE_CARDS, Devices, Kind
from callgate.audit.patterns import ANYTHING, CHOSEN, DEVICE, TRUNK, is_known, may_meet


class Sort(StrEnum):
    """What a dial string leads to."""

    TRUNK = "trunk"
    PHONE = "phone"
    LOCAL = "local"
    ADDRESS = "address"
    CHOSEN = "chosen"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One leg of a dial string.

    Fields:
        sort: what it leads to.
        name: the trunk's dial string without the number, or the context of a Local channel.
        number: what is dialled there.
    """

    sort: Sort
    name: str = ""
    number: str = ""


def legs_of(dialled: str, devices: Devices) -> Iterator[Leg]:
    """Take a dial string apart, its marks included."""
    for word in dialled.split("&"):
        if word.strip():
            yield _leg(word.strip(), devices)


def _leg(word: str, devices: Devices) -> Leg:
    technology, _, rest = word.partition("/")
    if word.startswith(DEVICE):
        return Leg(sort=Sort.PHONE)
    if word.startswith(TRUNK):
        return Leg(sort=Sort.TRUNK, name=TRUNK, number=rest)
    if not is_known(technology):
        return Leg(sort=Sort.CHOSEN if CHOSEN in technology else Sort.UNKNOWN)
    read = _READERS.get(technology.upper(), _line)
    return read(technology.upper(), rest, devices)


def _local(_technology: str, rest: str, _devices: Devices) -> Leg:
    number, _, context = rest.partition("/")[0].partition("@")
    return Leg(sort=Sort.LOCAL, name=context or "default", number=number)


def _pjsip(_technology: str, rest: str, devices: Devices) -> Leg:
    first, _, behind = rest.partition("/")
    number, at_sign, endpoint = first.partition("@")
    endpoint = endpoint if at_sign else first
    if behind.lower().startswith(("sip:", "sips:")):
        is_trunk = _may_be_carrier("PJSIP", endpoint, devices)
        return Leg(sort=Sort.TRUNK if is_trunk else Sort.ADDRESS, name=f"PJSIP/{endpoint}/sip:", number=behind)
    return _on_endpoint("PJSIP", endpoint, number if at_sign else behind, devices)


def _peer(technology: str, rest: str, devices: Devices) -> Leg:
    first, _, behind = rest.partition("/")
    # `user:secret@host` is a login: nothing before the last @ is shown.
    number, at_sign, peer = first.rpartition("@")
    if at_sign and is_known(peer) and (technology, peer) not in devices.known:
        return Leg(sort=Sort.ADDRESS, name=f"{technology}/{peer}", number=behind or number.partition(":")[0])
    return _on_endpoint(technology, peer, behind or number, devices)


def _line(technology: str, rest: str, devices: Devices) -> Leg:
    """A line card or a channel driver of its own."""
    line, _, number = rest.partition("/")
    # A single line with a number behind it goes out; without one it is a telephone on a port.
    is_out = devices.is_carrier(technology, line) or (technology in LINE_CARDS and bool(number))
    return Leg(sort=Sort.TRUNK if is_out else Sort.PHONE, name=f"{technology}/{line}", number=number)


_READERS = {"LOCAL": _local, "PJSIP": _pjsip, "SIP": _peer, "IAX2": _peer}


def _on_endpoint(technology: str, endpoint: str, number: str, devices: Devices) -> Leg:
    name = f"{technology}/{endpoint}"
    if CHOSEN in endpoint:
        return Leg(sort=Sort.CHOSEN, name=name, number=number)
    if ANYTHING in endpoint:
        return Leg(sort=Sort.UNKNOWN, name=name, number=number)
    is_trunk = _may_be_carrier(technology, endpoint, devices)
    return Leg(sort=Sort.TRUNK if is_trunk else Sort.PHONE, name=name, number=number)


def _may_be_carrier(technology: str, endpoint: str, devices: Devices) -> bool:
    if is_known(endpoint):
        return devices.is_carrier(technology, endpoint)
    carriers = (device for device in devices.of(Kind.CARRIER) if device.technology == technology)
    return any(may_meet(device.name, endpoint) for device in carriers)
