"""Over a network the ledger is spoken to under TLS, and only by a server and to a gate that can prove who they are."""

import asyncio
import ssl
import subprocess
from collections.abc import Iterator
from hashlib import sha1
from pathlib import Path

import pytest

from callgate.core.hold import Unavailable
from callgate.ledger.client import Access, Deadlines, ScriptRunner, connect
from callgate.ledger.scripts import Script
from ledger.fake_stores import FakeStore, Words, host_and_port, stores
from ledger.samples import PATIENT
from store_servers import StoreServer, free_port
from waiting import until

ONE = Script("#!lua\nreturn 1", sha1(b"#!lua\nreturn 1", usedforsecurity=False).hexdigest())
YES = b":1\r\n"
UNREACHABLE = Unavailable(cause="connection")


def make_certificate(folder: Path, name: str, *signed_by: str) -> None:
    """Make NAME.key and NAME.pem for 127.0.0.1; the ``openssl`` program is on every machine that has Redis with TLS."""
    ours = ("-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}", "-days", "2", "-nodes")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    names = ("-addext", "subjectAltName=IP:127.0.0.1") if signed_by else ()
    command = ["openssl", "req", "-x509", *curve, *ours, *names, *signed_by]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, a server and a gate that it vouches for, and an authority that vouches for nobody."""
    folder = tmp_path_factory.mktemp("tls")
    for authority in ("authority", "stranger"):
        make_certificate(folder, authority)
    for name in ("server", "gate"):
        make_certificate(folder, name, "-CA", "authority.pem", "-CAkey", "authority.key")
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    port = free_port()
    files = ("--tls-cert-file", "server.pem", "--tls-key-file", "server.key", "--tls-ca-cert-file", "authority.pem")
    with StoreServer(folder, "--tls-port", str(port), *files):
        yield f"127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("scheme", "authority", "certificate", "answer"),
    [
        pytest.param("rediss", "authority", "gate", 1, id="both prove who they are"),
        pytest.param("rediss", "authority", None, UNREACHABLE, id="the gate has no certificate"),
        pytest.param("rediss", "authority", "stranger", UNREACHABLE, id="the gate's is not vouched for"),
        pytest.param("rediss", "stranger", "gate", UNREACHABLE, id="the server's is not vouched for"),
        pytest.param("rediss", None, "gate", UNREACHABLE, id="nobody on this machine vouches for the server"),
        pytest.param("redis", None, None, UNREACHABLE, id="the gate speaks without TLS"),
    ],
)
async def test_both_ends_prove_who_they_are(
    *, folder: Path, address: str, scheme: str, authority: str | None, certificate: str | None, answer: object
) -> None:
    def file(name: str | None, ending: str) -> Path | None:
        return folder / f"{name}.{ending}" if name else None

    access = Access(ca=file(authority, "pem"), certificate=file(certificate, "pem"), key=file(certificate, "key"))
    async with connect(f"{scheme}://{address}", PATIENT, access) as client:
        assert await ScriptRunner(client, PATIENT).run(ONE, ("key",)) == answer


def of_server(folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return context


async def test_a_replica_that_hangs_as_soon_as_it_has_said_so_is_not_waited_for(folder: Path) -> None:
    """Its connections are closed, which under TLS the other side has to agree to."""

    def say_so_and_hang(_: Words) -> bytes:
        replica.hang()
        return b"-READONLY You can't write against a read only replica.\r\n"

    async with stores(say_so_and_hang, tls=of_server(folder)) as (replica,):
        async with connect(f"rediss://{replica.endpoint}", PATIENT, Access(ca=folder / "authority.pem")) as client:
            async with asyncio.timeout(PATIENT.connect_s / 2):
                assert await ScriptRunner(client, PATIENT).run(ONE, ("key",)) == Unavailable(cause="readonly")
        replica.go_on()


async def test_a_former_primary_that_hangs_is_not_waited_for_where_its_successor_is_known(folder: Path) -> None:
    """The links to it are closed within the very call that learns of the successor."""
    deadlines = Deadlines(connect_s=10, answer_s=0.5)
    primary: list[FakeStore] = []
    every = (lambda _: host_and_port(primary[0].endpoint), lambda _: YES, lambda _: YES)
    async with stores(*every, tls=of_server(folder)) as (sentinel, old, new):
        primary.append(old)
        address = f"rediss+sentinel://{sentinel.endpoint}/clinics"
        async with connect(address, deadlines, Access(ca=folder / "authority.pem")) as client:
            runner = ScriptRunner(client, deadlines)
            assert await runner.run(ONE, ("key",)) == 1
            await until(lambda: old.connections == 2)
            old.hang()
            primary[0] = new
            assert await runner.run(ONE, ("key",)) == 1
        old.go_on()
    assert new.names() == ["EVALSHA"]
