"""The address of a store: one server, the nodes of a cluster, or the sentinels that know the primary.

One server is ``unix:///path``, ``redis://host:port/db`` or, with TLS, ``rediss://``. Of a cluster any nodes are named,
``redis+cluster://host:port,host:port``, of sentinels their own addresses and the name they give the primary,
``redis+sentinel://host:port,host:port/name``; both also begin ``rediss+``. Sentinels are told neither user nor password
unless ``sentinel_auth=yes`` stands in the query.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import parse_qsl, unquote

PORT = 6379
SENTINEL_PORT = 26379
_PORT_MAX = 65535
# Not urlsplit, which knows of one host only.
_MANY = re.compile(r"(?P<user>(?:[^/?#]*@)?)(?P<hosts>[^/?#@]*)/?(?P<path>[^/?#]*)/?(?P<query>(?:\?[^#]*)?)")
_PASSWORD = re.compile(r"[^/?#]*://[^/?#]*:[^/?#]+@")
_SENTINEL_AUTH = re.compile(r"(?<=[?&])sentinel_auth=yes(?:&|$)")


class StoreKind(StrEnum):
    """How the primary of a clinic is found."""

    ONE = "one"
    CLUSTER = "cluster"
    SENTINEL = "sentinel"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAddress:
    """An address, read; the password it may hold is not shown.

    Fields:
        kind: how the primary is found.
        url: of the one server.
        seeds: who is asked first; none for one server.
        name: of the primary among sentinels.
        base: ``redis`` or ``rediss``.
        user: user and password with the ``@`` after it, or "".
        query: with its question mark, or "".
        asks_sentinels_as_user: whether sentinels are told user and password, too.
    """

    kind: StoreKind
    url: str = field(default="", repr=False)
    seeds: tuple[Endpoint, ...] = ()
    name: str = ""
    base: str = "redis"
    user: str = field(default="", repr=False)
    query: str = ""
    asks_sentinels_as_user: bool = False

    def url_of(self, endpoint: Endpoint) -> str:
        """Write the address of one of the servers, with the user, password and query of this one."""
        return f"{self.base}://{self.user}{endpoint}{self.query}"

    def sentinel_url_of(self, endpoint: Endpoint) -> str:
        """Write the address of one of the sentinels."""
        return f"{self.base}://{self.user if self.asks_sentinels_as_user else ''}{endpoint}{self.query}"


def read_address(url: str) -> StoreAddress:
    """Read the address of a store.

    Raises:
        ValueError: for another kind of address; it never holds the address, which may hold a password.
    """
    scheme, _, rest = url.partition("://")
    base, plus, kind = scheme.partition("+")
    if not plus and base in {"unix", "redis", "rediss"}:
        return StoreAddress(kind=StoreKind.ONE, url=url)
    parts = _MANY.fullmatch(rest)
    if base not in {"redis", "rediss"} or kind not in {StoreKind.CLUSTER, StoreKind.SENTINEL} or parts is None:
        raise ValueError("begin it with unix://, redis://, redis+cluster:// or redis+sentinel://")
    name = unquote(parts["path"])
    if kind == StoreKind.CLUSTER and name:
        raise ValueError("a cluster has one database, which has no name")
    if kind == StoreKind.SENTINEL and not name:
        raise ValueError("name the primary after the sentinels: /NAME")
    port = PORT if kind == StoreKind.CLUSTER else SENTINEL_PORT
    return StoreAddress(
        kind=StoreKind(kind),
        seeds=tuple(_endpoint(host, port) for host in parts["hosts"].split(",")),
        name=name,
        base=base,
        user=parts["user"],
        query=_SENTINEL_AUTH.sub("", parts["query"]),
        asks_sentinels_as_user=_SENTINEL_AUTH.search(parts["query"]) is not None,
    )


def holds_password(url: str) -> bool:
    """Tell whether a password stands in an address, before the server or in the query; also that of a key."""
    _, _, query = url.partition("?")
    return _PASSWORD.match(url) is not None or any("password" in name for name, _ in parse_qsl(query))


def is_loopback(host: str) -> bool:
    """Tell whether a name or address is this machine's own, where no network is between."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _endpoint(text: str, port: int) -> Endpoint:
    host, colon, digits = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, digits = text, str(port)
    if not host or not digits.isdecimal() or not 0 < int(digits) <= _PORT_MAX:
        raise ValueError("write each server as host:port, with commas between")
    return Endpoint(host.strip("[]"), int(digits))
