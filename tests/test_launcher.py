"""The plain-AGI launcher, run as Asterisk runs it, against a gate on a real TCP port."""

import ast
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from asterisk_agi import AgiRequest, AgiSession, encode_request, set_variable

LAUNCHER = Path(__file__).parents[1] / "agi" / "callgate.agi"
SHEBANG = LAUNCHER.read_text(encoding="utf-8").splitlines()[0]
HEADER = encode_request(
    {
        "agi_request": "/var/lib/asterisk/agi-bin/callgate.agi",
        "agi_uniqueid": "1764.1",
        "agi_arg_1": "0142685300",
        "agi_arg_2": 'a "quoted", comma',
    }
)
VERDICT = set_variable("CALLGATE_VERDICT", "1|grant|n0nce|+33142685300|pbx.1.n0nce|120|ok|end")
UNAVAILABLE = b'SET VARIABLE CALLGATE_VERDICT "unavailable"\n'
DONE = b"200 result=1\n"
LONG_MS, SHORT_MS = 5000, 500


@pytest.fixture
def gate() -> Iterator[socket.socket]:
    """A port where a gate listens; the test plays the gate."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(LONG_MS / 1000)
        yield server


class Call:
    """One run of the launcher; the test plays Asterisk."""

    def __init__(self, address: str, deadline_ms: str = str(LONG_MS)) -> None:
        environment = {"CALLGATE_FASTAGI": address, "CALLGATE_DEADLINE_MS": deadline_ms}
        self.process = subprocess.Popen(
            [sys.executable, SHEBANG.split()[1], str(LAUNCHER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=environment,
        )
        assert self.process.stdin
        assert self.process.stdout
        self.stdin, self.stdout = self.process.stdin, self.process.stdout

    def say(self, data: bytes) -> None:
        self.stdin.write(data)

    def close(self, pipe: IO[bytes]) -> None:
        """Asterisk closes one of the two pipes."""
        pipe.close()
        if pipe is self.stdin:
            self.process.stdin = None
        else:
            self.process.stdout = None

    def wait(self) -> None:
        """Asterisk waits for the end and says no more."""
        self.process.wait(timeout=2 * LONG_MS / 1000)

    def end(self) -> tuple[bytes, int]:
        """Asterisk closes its end: what the launcher still wrote, and its status. It never complains on the console."""
        output, complaints = self.process.communicate(timeout=2 * LONG_MS / 1000)
        assert complaints == b""
        return output or b"", self.process.returncode


def place(gate: socket.socket, deadline_ms: int = LONG_MS) -> tuple[Call, socket.socket]:
    """A call whose header has reached the gate."""
    host, port = gate.getsockname()
    call = Call(f"{host}:{port}", str(deadline_ms))
    call.say(HEADER)
    connection, _ = gate.accept()
    connection.settimeout(LONG_MS / 1000)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    read_until(connection, b"\n\n")
    return call, connection


def read_until(connection: socket.socket, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        piece = connection.recv(1)
        assert piece, f"ended after {data!r}"
        data += piece
    return data


def send_half_a_line(call: Call, connection: socket.socket) -> None:
    """The launcher has read it when it relays what came after it."""
    connection.sendall(VERDICT[:-10])
    call.say(b"HANGUP\n")
    assert read_until(connection, b"\n") == b"HANGUP\n"


def test_the_gate_hears_what_fastagi_would_have_told_it(gate: socket.socket) -> None:
    host, port = gate.getsockname()
    call = Call(f"{host}:{port}")
    call.say(HEADER)
    connection, _ = gate.accept()
    with connection:
        heard = read_until(connection, b"\n\n")
    assert heard == b"agi_network: yes\nagi_network_script: v1\n" + HEADER
    (request,) = AgiSession().receive(heard)
    assert isinstance(request, AgiRequest)
    assert (request.network_script, request.faults) == ("v1", ())
    assert request.arguments == ("0142685300", 'a "quoted", comma')
    call.end()


@pytest.mark.parametrize("size", [1, 7, len(VERDICT) - 1, len(VERDICT)])
def test_a_verdict_is_relayed_as_it_is_however_it_is_cut(gate: socket.socket, size: int) -> None:
    call, connection = place(gate)
    with connection:
        for start in range(0, len(VERDICT), size):
            connection.sendall(VERDICT[start : start + size])
        connection.shutdown(socket.SHUT_WR)
        assert call.stdout.readline() == VERDICT
        call.say(DONE)
        assert read_until(connection, b"\n") == DONE
        assert call.end() == (b"", 0)


def test_a_header_that_comes_byte_by_byte_is_relayed(gate: socket.socket) -> None:
    host, port = gate.getsockname()
    call = Call(f"{host}:{port}")
    for byte in HEADER:
        call.say(bytes([byte]))
    connection, _ = gate.accept()
    with connection:
        assert read_until(connection, b"\n\n").endswith(HEADER)
    assert call.end() == (UNAVAILABLE, 0)


def test_half_a_line_never_reaches_asterisk(gate: socket.socket) -> None:
    """Asterisk executes the first half of a command as if it were one."""
    call, connection = place(gate)
    with connection:
        send_half_a_line(call, connection)
        os.set_blocking(call.stdout.fileno(), False)
        assert call.stdout.read() is None
        os.set_blocking(call.stdout.fileno(), True)
    assert call.end() == (UNAVAILABLE, 0)


@pytest.mark.parametrize(
    "last_words", [b"", b"SET", VERDICT[:-1], b"VERBOSE hello\n", b"\n", b"VERBOSE hello\n" + VERDICT[:-1]]
)
@pytest.mark.parametrize("hangs", [False, True])
def test_without_a_whole_verdict_the_gate_was_unavailable(
    gate: socket.socket, last_words: bytes, *, hangs: bool
) -> None:
    call, connection = place(gate, SHORT_MS)
    with connection:
        connection.sendall(last_words)
        if not hangs:
            connection.close()
        call.wait()
        assert call.end() == (UNAVAILABLE, 0)


@pytest.mark.parametrize("hangs", [False, True])
@pytest.mark.parametrize("more", [b"", b"VERBOSE hal"])
def test_a_whole_verdict_is_never_overwritten(gate: socket.socket, more: bytes, *, hangs: bool) -> None:
    call, connection = place(gate, SHORT_MS)
    with connection:
        connection.sendall(VERDICT + more)
        if not hangs:
            connection.close()
        call.wait()
        assert call.end() == (VERDICT, 0)


def test_a_gate_that_resets_the_connection_was_unavailable(gate: socket.socket) -> None:
    call, connection = place(gate)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
    assert call.end() == (UNAVAILABLE, 0)


def test_asterisk_is_heard_out_when_nobody_listens() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        call = Call(f"127.0.0.1:{nobody.getsockname()[1]}")
        assert call.stdout.readline() == UNAVAILABLE
        call.say(HEADER)
        assert call.process.poll() is None
        call.say(DONE)
        call.wait()
        assert call.end() == (b"", 0)


@pytest.mark.parametrize(
    "address", ["", "4599", "127.0.0.1", "127.0.0.1:", "gate.example:4599", "127.0.0.1:nowhere", "[::1"]
)
def test_a_wrong_address_is_a_gate_that_is_unavailable(address: str) -> None:
    assert Call(address).end() == (UNAVAILABLE, 0)


@pytest.mark.parametrize("deadline", ["soon", ""])
def test_a_hung_gate_is_given_up_after_a_second_whatever_the_setting_says(gate: socket.socket, deadline: str) -> None:
    host, port = gate.getsockname()
    started = time.monotonic()
    call = Call(f"{host}:{port}", deadline)
    assert call.stdout.readline() == UNAVAILABLE
    assert time.monotonic() - started >= 1.0
    assert call.end() == (b"", 0)


def test_the_gate_is_told_when_asterisk_has_gone(gate: socket.socket) -> None:
    call, connection = place(gate)
    with connection:
        call.close(call.stdin)
        assert connection.recv(1) == b""
    assert call.end() == (UNAVAILABLE, 0)


@pytest.mark.parametrize("header", [b"", b"agi_request: ca"])
def test_the_gate_is_told_when_the_header_is_cut_short(gate: socket.socket, header: bytes) -> None:
    host, port = gate.getsockname()
    call = Call(f"{host}:{port}")
    call.say(header)
    call.close(call.stdin)
    connection, _ = gate.accept()
    with connection, connection.makefile("rb") as heard:
        assert heard.read() == b"agi_network: yes\nagi_network_script: v1\n" + header
    assert call.end() == (UNAVAILABLE, 0)


def test_asterisk_that_no_longer_reads_is_left_in_silence(gate: socket.socket) -> None:
    call, connection = place(gate)
    call.close(call.stdout)
    with connection:
        connection.sendall(VERDICT)
        assert connection.recv(1) == b""
    assert call.end() == (b"", 0)


def test_a_hangup_line_is_relayed_and_is_no_reply(gate: socket.socket) -> None:
    call, connection = place(gate)
    with connection:
        connection.sendall(VERDICT)
        connection.shutdown(socket.SHUT_WR)
        assert call.stdout.readline() == VERDICT
        for line in (b"HANGUP\n", b"100 result=0 Trying...\n", b"511 Command Not Permitted on a dead channel\n"):
            call.say(line)
            assert read_until(connection, b"\n") == line
        assert call.end() == (b"", 0)


def test_a_reply_forged_in_the_header_does_not_stand_for_asterisks_own(gate: socket.socket) -> None:
    host, port = gate.getsockname()
    call = Call(f"{host}:{port}")
    call.say(HEADER[:-1] + DONE + b"\n")
    connection, _ = gate.accept()
    with connection:
        read_until(connection, b"\n\n")
        connection.sendall(VERDICT)
        connection.shutdown(socket.SHUT_WR)
        assert call.stdout.readline() == VERDICT
        call.say(b"510 Invalid or unknown command\n")
        assert read_until(connection, b"\n") == b"510 Invalid or unknown command\n"
    assert call.end() == (b"", 0)


@pytest.mark.parametrize(
    "command",
    [
        b'EXEC System "id"\n',
        b'EXEC Dial "PJSIP/+2250123456615@carrier-a"\n',
        VERDICT + b'EXEC System "id"\n',
        b'SET VARIABLE CALLGATE_VERDICTS "1"\n',
        b'SET VARIABLE SHELL(id) CALLGATE_VERDICT "1"\n',
    ],
)
def test_who_has_taken_the_port_has_asterisk_do_nothing(gate: socket.socket, command: bytes) -> None:
    """Asterisk does what it is told over AGI, and any process may take the port while the gate is away."""
    call, connection = place(gate)
    with connection:
        connection.sendall(command)
        assert call.end() == (UNAVAILABLE, 0)


def test_two_commands_at_once_both_get_their_reply(gate: socket.socket) -> None:
    """Asterisk runs the second only when its input has ended, so that must end while its replies are still awaited."""
    call, connection = place(gate)
    with connection:
        connection.sendall(UNAVAILABLE + VERDICT)
        connection.shutdown(socket.SHUT_WR)
        assert call.stdout.read(4096) == UNAVAILABLE + VERDICT
        assert call.stdout.read(4096) == b""
        call.say(DONE)
        assert read_until(connection, b"\n") == DONE
        assert call.process.poll() is None
        call.say(b"200 res")
        call.say(b"ult=1\n")
        assert read_until(connection, b"\n") == DONE
    assert call.end() == (b"", 0)


@pytest.mark.parametrize(
    "flood",
    [VERDICT[:-2] + b"x" * 8192 + VERDICT[-2:], b"x" * 8191, VERDICT * 3000],
    ids=["a long line", "a line without end", "many lines"],
)
def test_what_asterisk_cannot_read_safely_is_kept_from_it(gate: socket.socket, flood: bytes) -> None:
    call, connection = place(gate)
    with connection:
        connection.sendall(flood)
        lines = call.end()[0].splitlines(keepends=True)
    assert set(lines) <= {UNAVAILABLE, VERDICT}
    assert 1 <= len(lines) < 3000


def test_a_hangup_signal_ends_it_at_once_and_without_a_word(gate: socket.socket) -> None:
    call, connection = place(gate)
    with connection:
        send_half_a_line(call, connection)
        call.process.send_signal(signal.SIGHUP)
        assert connection.recv(1) == b""
    assert call.end() == (b"", -signal.SIGHUP)


def test_asterisk_can_start_it_and_it_imports_next_to_nothing() -> None:
    assert SHEBANG == "#!/usr/bin/python3 -ISE"
    assert os.access(LAUNCHER, os.X_OK)
    tree = ast.parse(LAUNCHER.read_text(encoding="utf-8"))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert imported == {"_socket", "os", "select", "time"}
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(tree))
