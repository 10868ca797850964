"""One question to a gate, and all that it says."""

import asyncio

CONFIRMED = b"200 result=1\n"


async def ask(port: int, question: bytes) -> bytes:
    """Ask, confirm what was answered, and hear the connection's end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(question)
        told = await reader.read()
        writer.write(CONFIRMED)
        return told
    finally:
        writer.close()
