"""What makes a channel a leg: its name, its variables, what it dials. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import unquote

from callgate.control.news import Found
from callgate.control.switch import Leg
from callgate.core.attempt import Origin

GRANT, LEG, FOR, ANSWERED = "CALLGATE_GRANT", "CALLGATE_LEG", "CALLGATE_FOR", "CALLGATE_ANSWERED"
_SIMPLE = re.compile(r"(?:[^@/]+/sips?:)?([0-9+*#]+)@")
"""The number that a dial string begins with. It is not believed, but of a leg that is gone there is nothing better."""
_SUFFIX = 9
"""`-0000001a`: what stands behind the endpoint in the name of a PJSIP channel."""
_ORIGINS = {origin.value: origin for origin in Origin}


@dataclass(slots=True, kw_only=True)
class Coming:
    """A leg that has not begun; `endpoint` is "" while nobody knows whether it is one."""

    uniqueid: str
    linkedid: str
    endpoint: str
    dialled: str | None = None
    dial_string: str = ""
    is_dialled: bool = False
    is_asked: bool = False
    is_shown: bool = False
    answered: datetime | None = None
    variables: dict[str, str] = field(default_factory=dict)


def endpoint_of(channel: str) -> str:
    """The endpoint of a PJSIP channel's name; "" for any other channel."""
    kind, _, rest = channel.partition("/")
    return rest[:-_SUFFIX] if kind == "PJSIP" and rest[-_SUFFIX:-8] == "-" else ""


def user_of(uri: str) -> str:
    """The user part of a SIP URI, with or without brackets and a name before it, without percent encoding."""
    address = uri.rpartition("<")[2]
    return unquote(address.partition(":")[2].rpartition("@")[0])


def dialled_in(remote_uri: str) -> str:
    """What a leg dials: the user part of its URI, or all of one that has none, which is no number; "" of ""."""
    return user_of(remote_uri) or remote_uri


def new_leg(channel: str, coming: Coming) -> Leg:
    """Make the leg of what is known when it begins."""
    extension, origin = _charged(coming.variables)
    simple = _SIMPLE.match(coming.dial_string)
    return Leg(
        channel=channel,
        uniqueid=coming.uniqueid,
        linkedid=coming.linkedid,
        endpoint=coming.endpoint,
        dialled=(simple[1] if simple else "") if coming.dialled is None else coming.dialled,
        grant=coming.variables.get(GRANT, ""),
        entry=_part(coming.variables, 1),
        extension=extension,
        origin=origin,
        answered=None,
        is_new=True,
    )


def found_leg(found: Found, answered: datetime | None, at: datetime) -> Leg:
    """Make the leg of a channel that was up before; `answered` as events told, `at` now."""
    if found.is_up and answered is None:
        answered = _instant(found.variables.get(ANSWERED, "")) or at
    extension, origin = _charged(found.variables)
    return Leg(
        channel=found.channel,
        uniqueid=found.uniqueid,
        linkedid=found.linkedid,
        endpoint=endpoint_of(found.channel),
        dialled=dialled_in(found.remote_uri),
        # The road sets the grant anew on a leg that is transferred; what it wrote down for the settlement stays.
        grant=_part(found.variables, 0) or found.variables.get(GRANT, ""),
        entry=_part(found.variables, 1),
        extension=extension,
        origin=origin,
        answered=answered,
        is_new=False,
    )


def _part(variables: Mapping[str, str], place: int) -> str:
    """One part of ``grant|entry|number``."""
    parts = variables.get(LEG, "").split("|")
    return parts[place] if place < len(parts) else ""


def _charged(variables: Mapping[str, str]) -> tuple[str, Origin]:
    extension, _, origin = variables.get(FOR, "").partition("|")
    return extension, _ORIGINS.get(origin, Origin.UNKNOWN)


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        return None
