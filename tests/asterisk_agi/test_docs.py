"""The page says what the code does: its example is run, its tables are compared."""

import asyncio
import re
import runpy
from pathlib import Path

import pytest

import asterisk_agi
from asterisk_agi import ALLOWED, AgiSession, CommandReader, Limit, ProtocolError, encode_request
from asterisk_agi.session import RULES

PAGE = (Path(__file__).parents[2] / "docs" / "asterisk_agi.md").read_text(encoding="utf-8")
REQUEST = encode_request({"agi_request": "agi://127.0.0.1/", "agi_callerid": "0142685300"})


async def call(example: Path, request: bytes) -> list[tuple[str, ...]]:
    """Place one call with the page's server, as Asterisk would; the commands it gave."""
    server = await asyncio.start_server(runpy.run_path(str(example))["serve"], "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(request)
        commands = CommandReader().receive(await reader.read())
        writer.write(b"200 result=1\n" * len(commands) + b"HANGUP\n")
        writer.close()
        await writer.wait_closed()
    return commands


@pytest.fixture
def example(tmp_path: Path) -> Path:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "example.py"
    path.write_text(code, encoding="utf-8")
    return path


async def test_the_server_on_the_page_greets_a_caller(example: Path) -> None:
    assert await call(example, REQUEST) == [("SET", "VARIABLE", "GREETING", "good day, 0142685300")]


async def test_the_server_on_the_page_says_nothing_to_a_forged_request(example: Path) -> None:
    assert await call(example, REQUEST[:-1] + b"agi_callerid: 15\n\n") == []


def test_every_error_is_on_the_page_with_whose_fault_it_is() -> None:
    rows = re.findall(r"^\| `(\w+Error)`.*? \| (theirs|ours) \|", PAGE, re.MULTILINE)
    leaves = {
        name: "theirs" if issubclass(value, asterisk_agi.RemoteProtocolError) else "ours"
        for name, value in vars(asterisk_agi).items()
        if isinstance(value, type) and issubclass(value, ProtocolError) and not value.__subclasses__()
    }
    assert dict(rows) == leaves


def test_every_limit_is_on_the_page_with_its_figure() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", PAGE, re.MULTILINE)
    assert {Limit(name): int(figure) for name, figure in rows} == ALLOWED


SPELLED = {
    "blank": b"",
    "`HANGUP`": b"HANGUP",
    "`520-`...": b"520-x",
    "...`520 End of proper usage.`": b"x520 End of proper usage.",
}
REACH = {"header": b"", "replies": b"\n", "usage": b"\n520-x\n"}


def test_the_state_table_on_the_page_is_the_one_in_the_code() -> None:
    rows = re.findall(r"^\| (header|replies|usage) \| (.+?) \| (.*?) ?\| (\w+) \|$", PAGE, re.MULTILINE)
    assert len(rows) == sum(map(len, RULES.values()))
    for state, line, heard, following in rows:
        session = AgiSession()
        session.receive(REACH[state])
        events = session.receive(SPELLED.get(line, b"200 result=1") + b"\n")
        assert [type(event).__name__ for event in events] == re.findall(r"`(\w+)`", heard)
        assert session.state == following
