"""Connections that ask the gate nothing, of 127.0.0.1:4599. Standard library only: it runs beside Asterisk.

Modes: ``once`` opens so many and says how many were taken; ``again`` opens what is dropped again, for ever; ``full``
holds the port itself, accepts nobody and fills its own queue. Each ends when it is killed.
"""

import os
import selectors
import socket
import sys
import time

GATE = ("127.0.0.1", 4599)
TAKEN_WITHIN_S = 0.5
AGAIN_A_SECOND = 1000
ROUND_S = 0.05
NICE = 10


def opened() -> socket.socket:
    """One connection, which may not be taken yet."""
    link = socket.socket()
    link.settimeout(0)
    link.connect_ex(GATE)
    return link


def is_taken(link: socket.socket) -> bool:
    """Whether the other side has answered."""
    try:
        link.getpeername()
    except OSError:
        return False
    return True


def once(size: int) -> None:
    """Open so many, and keep them."""
    links = [opened() for _ in range(size)]
    time.sleep(TAKEN_WITHIN_S)
    print("connected", sum(map(is_taken, links)), flush=True)
    print("standing", flush=True)
    while True:
        time.sleep(1)


def again(size: int) -> None:
    """Keep so many open, though the gate drops them."""
    selector = selectors.DefaultSelector()

    def open_one() -> None:
        link = opened()
        selector.register(link, selectors.EVENT_READ, link)

    for _ in range(size):
        open_one()
    print("standing", flush=True)
    dropped = 0
    while True:
        for key, _ in selector.select()[: int(AGAIN_A_SECOND * ROUND_S)]:
            selector.unregister(key.fileobj)
            key.data.close()
            open_one()
            dropped += 1
        print("dropped", dropped, flush=True)
        time.sleep(ROUND_S)


def full(size: int) -> None:
    """Hold the port with a queue that is full."""
    listening = socket.create_server(GATE, backlog=0)
    links = [opened() for _ in range(size)]
    time.sleep(TAKEN_WITHIN_S)
    print("listening", listening.fileno(), "connected", sum(map(is_taken, links)), flush=True)
    print("standing", flush=True)
    while True:
        time.sleep(1)


if __name__ == "__main__":
    os.nice(NICE)
    {"once": once, "again": again, "full": full}[sys.argv[1]](int(sys.argv[2]))
