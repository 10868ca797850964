"""SIP messages as values (RFC 3261 section 7): bytes in, a request or a response out, and back.

Shared by the fake carrier and the test phones; standard library only. Enough of SIP to speak with Asterisk over UDP.
"""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

Headers = tuple[tuple[str, str], ...]

REASONS = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    302: "Moved Temporarily",
    404: "Not Found",
    405: "Method Not Allowed",
    481: "Call/Transaction Does Not Exist",
    486: "Busy Here",
    487: "Request Terminated",
    503: "Service Unavailable",
}

# RFC 3261 section 7.3.3 and the registry of compact forms.
_COMPACT = {
    "i": "call-id",
    "m": "contact",
    "l": "content-length",
    "c": "content-type",
    "f": "from",
    "t": "to",
    "v": "via",
    "r": "refer-to",
    "b": "referred-by",
    "o": "event",
    "s": "subject",
    "k": "supported",
}
_REQUIRED = ("Via", "From", "To", "Call-ID")
_SEQUENCE = re.compile(r"\d{1,10} [A-Z]+")
_URI = re.compile(r"<([^>]*)>")
_TAG = re.compile(r";\s*tag=([^;\s>]+)", re.IGNORECASE)
_HOST_PORT = re.compile(r"^sips?:(?:[^@]*@)?(\[[^\]]+\]|[^:;?>]+)(?::(\d+))?", re.IGNORECASE)
SIP_PORT = 5060
TRYING = 100
"""Belongs to the hop and not to the call: it carries no tag."""
FINAL = 200
"""Statuses below are provisional (RFC 3261 section 7.2)."""
GIVEN_UP = 487
"""How a call ends that was never answered and is cancelled."""
REFUSED = 300
"""Statuses from here on are no success; in this lab a redirection is none either."""


class MalformedMessageError(ValueError):
    """The bytes are not a SIP message."""


class _Fields:
    """What requests and responses share: reading headers, case-blind and through the compact forms."""

    __slots__ = ()
    headers: Headers

    def all(self, name: str) -> list[str]:
        """Every value of a header, in order."""
        wanted = canonical(name)
        return [value for field, value in self.headers if canonical(field) == wanted]

    def get(self, name: str) -> str:
        """The first value of a header, or "" where there is none."""
        return next(iter(self.all(name)), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(_Fields):
    """A SIP request. `uri` is what stands on the request line, escapes and all."""

    method: str
    uri: str
    headers: Headers
    body: bytes = b""

    def encode(self) -> bytes:
        """Write it as it goes over the wire, with its Content-Length."""
        return _encode(f"{self.method} {self.uri} SIP/2.0", self.headers, self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response(_Fields):
    """A SIP response."""

    code: int
    phrase: str
    headers: Headers
    body: bytes = b""

    def encode(self) -> bytes:
        """Write it as it goes over the wire, with its Content-Length."""
        return _encode(f"SIP/2.0 {self.code} {self.phrase}", self.headers, self.body)

    @property
    def final(self) -> bool:
        """Whether it ends its transaction (RFC 3261 section 17)."""
        return self.code >= FINAL


def canonical(name: str) -> str:
    """Give a header name its long, lower-case form."""
    lower = name.strip().lower()
    return _COMPACT.get(lower, lower)


def parse(datagram: bytes) -> Request | Response:
    """Read one message.

    Args:
        datagram: one UDP payload, at most 64 KiB.

    Raises:
        MalformedMessageError: for anything that is not a SIP request or response.
    """
    head, _, body = datagram.partition(b"\r\n\r\n")
    lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    first, _, rest = lines[0].partition(" ")
    second, _, third = rest.partition(" ")
    headers = tuple(_headers(lines[1:]))
    message: Request | Response
    if first == "SIP/2.0" and second.isdecimal():
        message = Response(code=int(second), phrase=third, headers=headers, body=body)
    elif third == "SIP/2.0":
        message = Request(method=first, uri=second, headers=headers, body=body)
    else:
        raise MalformedMessageError(lines[0][:80])
    if not all(message.get(name) for name in _REQUIRED) or not _SEQUENCE.fullmatch(message.get("CSeq")):
        raise MalformedMessageError(lines[0][:80])
    return message


def answer(request: Request, code: int, *, tag: str = "", headers: Headers = (), body: bytes = b"") -> Response:
    """Make the response to a request (RFC 3261 section 8.2.6): Via, From, To, Call-ID and CSeq are copied.

    Args:
        request: what is answered.
        code: the status.
        tag: added to To where it has none.
        headers: put after the copied ones.
        body: an SDP answer, or nothing.
    """
    copied: list[tuple[str, str]] = [("Via", via) for via in request.all("Via")]
    copied += [("Record-Route", route) for route in request.all("Record-Route")]
    to = request.get("To")
    if tag and not tag_of(to):
        to = f"{to};tag={tag}"
    copied += [("From", request.get("From")), ("To", to)]
    copied += [("Call-ID", request.get("Call-ID")), ("CSeq", request.get("CSeq"))]
    return Response(code=code, phrase=REASONS.get(code, "Answer"), headers=(*copied, *headers), body=body)


def uri_of(value: str) -> str:
    """The URI in a name-addr or addr-spec such as ``"A" <sip:101@host>;tag=x``."""
    match = _URI.search(value)
    return match[1] if match else value.partition(";")[0].strip()


def tag_of(value: str) -> str:
    """The tag of a From or To, or ""."""
    match = _TAG.search(value)
    return match[1] if match else ""


def user_of(uri: str) -> str:
    """The user part of a SIP URI, its percent escapes undone, or "" where there is none."""
    rest = uri.partition(":")[2]
    user, at, _ = rest.rpartition("@")
    return unquote(user) if at else ""


def host_port_of(uri: str) -> tuple[str, int]:
    """Where a SIP URI points to.

    Raises:
        MalformedMessageError: for a URI without a host.
    """
    match = _HOST_PORT.match(uri)
    if match is None:
        raise MalformedMessageError(uri[:80])
    return match[1], int(match[2] or SIP_PORT)


def token() -> str:
    """A fresh tag, branch or Call-ID part."""
    return secrets.token_hex(8)


def _headers(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    name, value = "", ""
    for line in lines:
        if line[:1] in {" ", "\t"}:  # a folded line continues the one before it
            value = f"{value} {line.strip()}"
            continue
        if name:
            yield name, value
        name, colon, value = line.partition(":")
        name, value = (name.strip(), value.strip()) if colon else ("", "")
    if name:
        yield name, value


def _encode(start_line: str, headers: Headers, body: bytes) -> bytes:
    lines = [start_line]
    lines += [f"{name}: {value}" for name, value in headers if canonical(name) != "content-length"]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body
