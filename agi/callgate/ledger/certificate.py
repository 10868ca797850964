"""When the certificates of a store end. From then on no new connection is made: costly calls would be refused."""

import asyncio
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from redis.asyncio import Redis, SSLConnection
from redis.exceptions import RedisError

from callgate.ledger.primaries import Primaries

LOOK_S = 1.0
"""A server that has not shown its certificate by then is looked at the next time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a server showed.

    Fields:
        server: host and port.
        ends: when it ends, aware UTC; None for one that is not taken, which `problem` says why.
    """

    server: str
    ends: datetime | None = None
    problem: str = ""


async def find_certificates(client: Redis) -> tuple[Certificate, ...]:
    """Ask each server of a store, or each primary, for its certificate, on a connection of its own.

    Args:
        client: from `client.connect`.

    Returns:
        Those that were shown in `LOOK_S`; none of a store that is not spoken to under TLS.
    """
    found = await asyncio.gather(*(_look(node) for node in await _nodes(client)))
    return tuple(certificate for certificate in found if certificate is not None)


async def _nodes(client: Redis) -> Iterable[Redis]:
    if not isinstance(client, Primaries):
        return (client,)
    try:
        return (await client.every()).values()
    except (OSError, RedisError):
        return ()


async def _look(node: Redis) -> Certificate | None:
    pool = node.connection_pool
    connection = pool.connection_class(**pool.connection_kwargs)
    if not isinstance(connection, SSLConnection):
        return None
    server = f"{connection.host}:{connection.port}"
    context = connection.ssl_context.get()
    try:
        async with asyncio.timeout(LOOK_S):
            _, writer = await asyncio.open_connection(connection.host, connection.port, ssl=context)
    except ssl.SSLCertVerificationError as error:
        return Certificate(server=server, problem=error.verify_message)
    except OSError:
        return None
    told = writer.get_extra_info("peercert")
    writer.transport.abort()
    # Of one that nobody verified Python tells nothing.
    return Certificate(server=server, ends=_instant(told["notAfter"])) if told else None


def _instant(told: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(told), UTC)
