"""The addresses of the carriers: a call to one of them leaves the practice, whatever endpoint it goes by."""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress

from callgate.control.legs import user_of

RESOLVE_S = 2.0
_URI = re.compile(r"(sips?):(?:[^@]*@)?(\[[0-9a-fA-F:.]+\]|[^:;>?]+)(?::([0-9]{1,5}))?")
_TLS_PORT, _PORT = "5061", "5060"
_CONFIGURED = "@@"
"""Stands in the id of a contact that is written in pjsip.conf; one that was registered has ``;@`` (Asterisk 22.10)."""

Ask = Callable[[str], Awaitable[str | None]]
"""Reads a function of Asterisk's, such as ``PJSIP_AOR(carrier-a,contact)``; None if it does not say."""


class _UntoldError(Exception):
    """Asterisk did not say."""


class TrunkAddresses:
    """Knows which address is whose trunk's.

    Args:
        endpoints: of the trunks.
        ask: Asterisk.
    """

    def __init__(self, endpoints: Iterable[str], ask: Ask) -> None:
        self._endpoints = tuple(endpoints)
        self._ask = ask
        self._trunks: Mapping[str, str] = {}

    async def learn(self) -> None:
        """Ask Asterisk for the trunks' addresses, and for those behind names; of what it does not say, keep the old."""
        found: dict[str, str] = {}
        for endpoint in self._endpoints:
            with suppress(_UntoldError):
                for address in await self._configured(endpoint):
                    for one in (address, *await _resolved(address)):
                        found.setdefault(one, endpoint)
        self._trunks = {**self._trunks, **found}

    async def trunk_called(self, endpoint: str, uri: str, began_as: str) -> str | None:
        """Say which trunk's address is called by another endpoint.

        Args:
            endpoint: by which it is called. One with that very address in its own configuration is another trunk of
                the installer's, which is not in the settings and so not watched.
            uri: what is called now, such as ``sip:+8821600001@192.0.2.2:5080``: also where a 302 led to, and once it
                rings what the device calls itself.
            began_as: what was called at first, as Asterisk remembers it: without its port. Of a line's own name nobody
                makes a number: a device with lines and the trunk at one address is asked so for its line.

        Returns:
            The trunk's endpoint; "" for none, None if Asterisk does not say whether the address is the endpoint's own.
        """
        address = address_of(uri)
        trunk = self._trunks.get(address, "")
        line = began_as if _host(began_as) == _host(uri) else uri
        if not trunk or user_of(line) == endpoint:
            return ""
        try:
            return "" if address in await self._configured(endpoint) else trunk
        except _UntoldError:
            return None

    async def _configured(self, endpoint: str) -> list[str]:
        """The addresses that the configuration gives an endpoint, as they are written."""
        contacts: list[str] = []
        for aor in _listed(await self._told(f"PJSIP_ENDPOINT({endpoint},aors)")):
            contacts += _listed(await self._told(f"PJSIP_AOR({aor},contact)"))
        configured = [contact for contact in contacts if _CONFIGURED in contact]
        uris = [await self._told(f"PJSIP_CONTACT({contact},uri)") for contact in configured]
        return [address for uri in uris if (address := address_of(uri))]

    async def _told(self, function: str) -> str:
        text = await self._ask(function)
        if text is None:
            raise _UntoldError
        return text


def address_of(uri: str) -> str:
    """Read host and port of a SIP URI, as ``192.0.2.2:5080``; "" for what is none."""
    found = _URI.match(uri.rpartition("<")[2])
    if found is None:
        return ""
    is_tls = found[1] == "sips" or "transport=tls" in uri.lower()
    return f"{found[2].lower()}:{found[3] or (_TLS_PORT if is_tls else _PORT)}"


def _host(uri: str) -> str:
    return address_of(uri).rpartition(":")[0]


async def _resolved(address: str) -> list[str]:
    """The numeric addresses behind a name; none for one that nobody knows now."""
    host, _, port = address.rpartition(":")
    if host.startswith("["):
        return []
    with suppress(OSError, TimeoutError, UnicodeError):
        async with asyncio.timeout(RESOLVE_S):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
            numeric = (str(place[4][0]) for place in found)
            return [f"[{one}]:{port}" if ":" in one else f"{one}:{port}" for one in numeric]
    return []


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
