"""When the certificate of a store ends is asked of the store itself."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from callgate.ledger.address import Endpoint
from callgate.ledger.certificate import Certificate, find_certificates
from callgate.ledger.client import Access, connect
from callgate.ledger.primaries import ClusterDirectory, Layout, Primaries, Share
from certificate_samples import Authority
from ledger.samples import PATIENT
from store_servers import HOST, StoreServer, free_port

SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=20)
PAST = SOON - timedelta(days=25)

Serve = Callable[[datetime], str]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StoreServer]:
    """A server without TLS that can be given a port with it."""
    with StoreServer(tmp_path / "store") as server:
        yield server


@pytest.fixture
def serve(authority: Authority, server: StoreServer) -> Serve:
    """Have it show a certificate that ends then; gives host and port."""
    port = free_port()

    def show(ends: datetime) -> str:
        issued = [word for setting in authority.issue("server", HOST, ends).items() for word in setting]
        server.ask("CONFIG", "SET", *issued, "tls-port", port)
        return f"{HOST}:{port}"

    return show


def link(place: str, authority: Authority) -> Redis:
    return connect(f"rediss://{place}", PATIENT, Access(ca=authority.file))


async def test_a_server_shows_when_its_certificate_ends(authority: Authority, serve: Serve) -> None:
    place = serve(SOON)
    async with link(place, authority) as client:
        assert await find_certificates(client) == (Certificate(server=place, ends=SOON),)


async def test_one_that_has_ended_says_so_and_nothing_else(authority: Authority, serve: Serve) -> None:
    place = serve(PAST)
    async with link(place, authority) as client:
        (found,) = await find_certificates(client)
    assert (found.server, found.ends, found.problem) == (place, None, "certificate has expired")


async def test_where_nobody_checks_certificates_none_is_looked_at(serve: Serve) -> None:
    async with connect(f"rediss://{serve(SOON)}?ssl_cert_reqs=none", PATIENT) as client:
        assert await find_certificates(client) == ()


async def test_a_store_without_tls_has_none(server: StoreServer) -> None:
    async with connect(server.url, PATIENT) as client:
        assert await find_certificates(client) == ()


async def test_a_server_that_is_away_shows_nothing(authority: Authority) -> None:
    async with link(f"{HOST}:{free_port()}", authority) as client:
        assert await find_certificates(client) == ()


class Directory(ClusterDirectory):
    """One that knows a single primary, or none."""

    async def ask(self, witness: Endpoint) -> Layout:
        if not witness.port:
            raise OSError("nobody answers")
        return Layout(shares=(Share(first=0, last=16_383, primary=witness),), witnesses=(witness,))


async def test_each_primary_of_a_cluster_is_asked_if_one_is_known(authority: Authority, serve: Serve) -> None:
    place = serve(SOON)

    def open_node(endpoint: Endpoint) -> Redis:
        return link(str(endpoint), authority)

    for port, found in ((int(place.partition(":")[2]), (Certificate(server=place, ends=SOON),)), (0, ())):
        async with Primaries(Directory((Endpoint(HOST, port),), open_node), open_node) as client:
            assert await find_certificates(client) == found
