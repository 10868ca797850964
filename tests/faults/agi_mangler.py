"""Spoils what the gate is asked, on its way or by itself. Standard library only: it runs beside Asterisk.

``between MODE`` stands between Asterisk and the gate, and passes on what both say behind the question; ``crowd`` asks
spoiled questions of every kind by itself, for ever. Of each question one line is printed: in which mode it was, how
many bytes of it the gate's side took, and how many the gate answered.
"""

import asyncio
import json
import os
import sys
from contextlib import suppress

HERE = ("127.0.0.1", 4598)
GATE = ("127.0.0.1", 4599)
CHUNK = 65_536
OVERSIZED_BYTES = 16 * 1024 * 1024
AGAIN_S = 0.05
NICE = 10
WHOLE = "whole"
CUT_OFF = "cut-off"
"""Then nothing comes any more, and the gate is told so; it is not where a question is never ended."""
QUESTION = b"agi_network: yes\nagi_network_script: v1\nagi_uniqueid: 1.1\nagi_arg_1: entry=callgate\n\n"


def spoiled(question: bytes, mode: str) -> bytes:
    """The same question in one of the modes; it comes with its blank line."""
    lines, half = question[:-1].splitlines(keepends=True), question[: len(question) // 2]
    table = {
        WHOLE: lambda: question,
        "garbage": lambda: os.urandom(len(question)) + b"\n\n",
        "doubled": lambda: b"".join(line * 2 for line in lines) + b"\n",
        "one-line-twice": lambda: lines[0] + question[:-1] + b"\n",
        "many-lines": lambda: question[:-1] + b"agi_more: 1\n" * (OVERSIZED_BYTES // 12) + b"\n",
        "endless-line": lambda: question[:-1] + b"agi_more: " + b"1" * OVERSIZED_BYTES,
        CUT_OFF: lambda: half,
        "never-ended": lambda: half,
    }
    return table[mode]()


MODES = ("garbage", "doubled", "one-line-twice", "many-lines", "endless-line", CUT_OFF, "never-ended")


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    """Pass on all that is said, and that nothing more comes; gives how many bytes."""
    passed = 0
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            passed += len(data)
            writer.write(data)
            await writer.drain()
    with suppress(OSError):
        writer.write_eof()
    return passed


async def send(question: bytes, mode: str, writer: asyncio.StreamWriter) -> int:
    """Ask the gate; gives how many bytes its side took."""
    taken, whole = 0, spoiled(question, mode)
    with suppress(OSError):
        for place in range(0, len(whole), CHUNK):
            piece = whole[place : place + CHUNK]
            writer.write(piece)
            await writer.drain()
            taken += len(piece)
        if mode == CUT_OFF:
            writer.write_eof()
    return taken


def tell(mode: str, taken: int, answered: int) -> None:
    """Print the line of one question."""
    print(json.dumps({"mode": mode, "taken": taken, "answered": answered}), flush=True)


async def pass_on(mode: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One call of Asterisk's."""
    question = await reader.readuntil(b"\n\n")
    gate_reader, gate_writer = await asyncio.open_connection(*GATE)
    answering = asyncio.ensure_future(carry(gate_reader, writer))
    taken = await send(question, mode, gate_writer)
    replying = asyncio.ensure_future(carry(reader, gate_writer)) if mode == WHOLE else None
    tell(mode, taken, await answering)
    if replying:
        await replying
    gate_writer.close()
    writer.close()


async def between(mode: str) -> None:
    """Stand between both."""
    server = await asyncio.start_server(lambda *link: pass_on(mode, *link), *HERE)
    print("standing", flush=True)
    await server.serve_forever()


async def ask_for_ever(mode: str) -> None:
    """Ask again and again."""
    while True:
        reader, writer = await asyncio.open_connection(*GATE)
        taken = await send(QUESTION, mode, writer)
        answered = 0
        with suppress(OSError):
            answered = len(await reader.read())
        tell(mode, taken, answered)
        writer.close()
        await asyncio.sleep(AGAIN_S)


async def crowd() -> None:
    """Ask in every mode at a time."""
    os.nice(NICE)
    print("standing", flush=True)
    await asyncio.gather(*map(ask_for_ever, MODES))


if __name__ == "__main__":
    asyncio.run(crowd() if sys.argv[1] == "crowd" else between(sys.argv[2]))
