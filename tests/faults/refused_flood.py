"""Asks the gate, as the dialplan does, for calls that it refuses. Standard library only: it runs beside Asterisk.

So many questions as it is told, 10,000 a minute whatever the answers take; then it prints how many were refused. It
knows the seal's key, as Asterisk does.
"""

import asyncio
import hashlib
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

GATE = ("127.0.0.1", 4599)
KEY = Path("/var/spool/callgate/seal.key")
PER_MINUTE = 10_000
NICE = 10
EXTENSION = "190"
ASKED = (
    "entry=callgate,trunk=carrier-a,passage={passage},attempt=1,nonce={nonce},supersedes=,"
    "extension={extension},origin=extension,caller=,dialled={dialled},asked={asked:.3f}"
)


def sha1(text: str) -> str:
    """As Asterisk has it."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def question(dialled: str) -> bytes:
    """A sound one."""
    key = KEY.read_text(encoding="ascii")
    asked = ASKED.format(passage=uuid4(), nonce=uuid4(), extension=EXTENSION, dialled=dialled, asked=time.time())
    arguments = [*asked.split(","), f"seal={sha1(key[:32] + sha1(key[32:] + asked))}"]
    lines = ["agi_network: yes", "agi_network_script: v1"]
    lines += [f"agi_arg_{number}: {argument}" for number, argument in enumerate(arguments, start=1)]
    return "\n".join([*lines, "", ""]).encode()


async def ask(dialled: str) -> bool:
    """Ask once, and confirm the answer; tells whether it is a refusal."""
    told = b""
    with suppress(OSError):
        reader, writer = await asyncio.open_connection(*GATE)
        writer.write(question(dialled))
        told = await reader.read()
        writer.write(b"200 result=1\n")
        writer.close()
    return b'"1|refuse|' in told


async def flood(dialled: str, count: int) -> None:
    """Ask so often."""
    began = time.monotonic()
    asking = []
    print("standing", flush=True)
    for number in range(count):
        await asyncio.sleep(max(began + number * 60 / PER_MINUTE - time.monotonic(), 0))
        asking.append(asyncio.create_task(ask(dialled)))
    print("refused", sum(await asyncio.gather(*asking)), "of", count, flush=True)


if __name__ == "__main__":
    os.nice(NICE)
    asyncio.run(flood(sys.argv[1], int(sys.argv[2])))
