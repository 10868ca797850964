"""A gate that fails in one chosen way, on 127.0.0.1:4599. Standard library only: it runs beside Asterisk.

Modes: see `answers`; each takes the nonce of the question and gives the bytes to send, and what to do then. It knows
the seal's key, as no stranger does: so each answer fails for what it lacks alone.
"""

import hashlib
import socket
import sys
import threading
import time
from pathlib import Path

HOLD_S = 30
IVORY_COAST = "+2250123456615"
OTHER_NONCE = "11111111-1111-4111-8111-111111111111"
STARTED = "/root/started-by-asterisk"
KEY = Path("/var/spool/callgate/seal.key")


def sha1(text: str) -> str:
    """As Asterisk has it."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def verdict(nonce: str, number: str = IVORY_COAST, seconds: str = "60", end: str = "end") -> bytes:
    """A whole positive verdict, as the real gate would write it."""
    token, key = f"1|grant|{nonce}|{number}|stub.1.1|{seconds}|ok|{end}", KEY.read_text(encoding="ascii")
    return f'SET VARIABLE CALLGATE_VERDICT "{token}|{sha1(key[:32] + sha1(key[32:] + token))}"\n'.encode()


def answers(mode: str, nonce: str) -> tuple[bytes, str]:
    """What to send in this mode, and then: close, half (half-close and wait), or hold (never close)."""
    whole = verdict(nonce)
    table = {
        "silent": (b"", "hold"),
        "closes": (b"", "close"),
        "garbage": (b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n<html>\xff\xfe\x00</html>\n", "close"),
        "half": (whole[: len(whole) // 2], "close"),
        "half-held": (whole[: len(whole) // 2], "hold"),
        "cut-in-number": (whole[: whole.index(b"+225") + 4] + b'"\n', "half"),
        "no-end": (verdict(nonce, end=""), "half"),
        "another": (verdict(OTHER_NONCE), "half"),
        "no-number": (verdict(nonce, number=""), "half"),
        "two-numbers": (verdict(nonce, number="+33142685300&PJSIP/+2250123456615"), "half"),
        "quoted": (verdict(nonce, number='\\" | \\"1'), "half"),
        "zero-seconds": (verdict(nonce, seconds="0"), "half"),
        "no-seconds": (verdict(nonce, seconds=""), "half"),
        "word-seconds": (verdict(nonce, seconds="abc"), "half"),
        "minus-seconds": (verdict(nonce, seconds="-5"), "half"),
        "endless-seconds": (verdict(nonce, seconds="99999999"), "half"),
        "no-seal": (whole[: whole.rindex(b"|")] + b'"\n', "half"),
        "empty-seal": (whole[: whole.rindex(b"|")] + b'|"\n', "half"),
        "another-seal": (whole[: whole.rindex(b"|")] + b"|" + b"0" * 40 + b'"\n', "half"),
        "refuses-unsealed": (f'SET VARIABLE CALLGATE_VERDICT "1|refuse|{nonce}|||0|locked|end"\n'.encode(), "half"),
        "commands": (f'EXEC System "touch {STARTED}"\nEXEC Dial "PJSIP/{IVORY_COAST}@carrier-a,5"\n'.encode(), "half"),
        "grants": (whole, "half"),
    }
    return table[mode]


def serve(connection: socket.socket, mode: str) -> None:
    """Answer one question."""
    data = b""
    connection.settimeout(HOLD_S)
    while not data.endswith(b"\n\n") and (more := connection.recv(4096)):
        data += more
    nonce = next((line.split("nonce=")[1] for line in data.decode().splitlines() if "nonce=" in line), "")
    print("asked", nonce, flush=True)
    sent, then = answers(mode, nonce)
    connection.sendall(sent)
    if then == "half":
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass
    elif then == "hold":
        time.sleep(HOLD_S)
    connection.close()


def main(mode: str) -> None:
    """Serve until killed."""
    listening = socket.create_server(("127.0.0.1", 4599), reuse_port=False)
    print("listening", flush=True)
    while True:
        connection, _ = listening.accept()
        threading.Thread(target=serve, args=(connection, mode), daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1])
