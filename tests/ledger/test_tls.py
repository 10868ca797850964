"""Over a network the ledger is spoken to under TLS, and only by a server and to a gate that can prove who they are."""

import asyncio
import ssl
import subprocess
from collections.abc import Iterator
from hashlib import sha1
from pathlib import Path

import pytest

from callgate.core.hold import Unavailable
from callgate.ledger.client import Access, ScriptRunner, connect
from callgate.ledger.scripts import Script
from ledger.samples import PATIENT
from store_servers import StoreServer, free_port

ONE = Script("#!lua\nreturn 1", sha1(b"#!lua\nreturn 1", usedforsecurity=False).hexdigest())
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


async def test_a_replica_that_hangs_as_soon_as_it_has_said_so_is_not_waited_for(folder: Path) -> None:
    """Its connections are closed, which under TLS the other side has to agree to."""
    links: list[asyncio.StreamWriter] = []

    async def say_so_and_hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        links.append(writer)
        await reader.read(1)
        writer.write(b"-READONLY You can't write against a read only replica.\r\n")
        assert isinstance(writer.transport, asyncio.Transport)
        writer.transport.pause_reading()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    async with await asyncio.start_server(say_so_and_hang, "127.0.0.1", ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        async with connect(f"rediss://127.0.0.1:{port}", PATIENT, Access(ca=folder / "authority.pem")) as client:
            answer = await ScriptRunner(client, PATIENT).run(ONE, ("key",))
        for link in links:
            link.transport.abort()
    assert answer == Unavailable(cause="readonly")
