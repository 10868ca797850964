"""The seal: by it the gate knows that Asterisk's dialplan asks, the dialplan that the gate answers, and nobody else.

Who reaches the port without it gets nothing: no hold that fills a clinic's ceilings, no word about its rules, no
`supersedes` that gives another call's money back. Who takes the port while the gate is down grants nothing. The key is
a file beside the spool, in the folder that Asterisk and the gate share. Asterisk reads it at each call, so it stands in
no dialplan, no channel variable and no line of the log.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from callgate.disk import open_plain
from callgate.errors import SettingsError
from callgate.key_file import make_once
from callgate.settings import GateSettings, Sealing
from callgate.shared_nonces import SharedNonces

KEY_NAME = "seal.key"
HALF = 32
"""The key is two of them, hexadecimal digits: one for each round of the hash."""
KEY_MODE = 0o640
AGE_MAX = timedelta(seconds=3)
"""An older question is of no use to anybody: its grant would be vetoed on the carrier leg (asterisk-conf/road.conf)."""

_KEY = re.compile(r"[0-9a-f]{64}\Z")


class Seal:
    """Makes and checks seals under one key."""

    def __init__(self, key: str) -> None:
        self._key = key

    def of(self, arguments: Sequence[str]) -> str:
        """Seal a question: its arguments as they stand in the AGI line, without the seal itself; 40 digits.

        SHA-1 is what Asterisk's dialplan has. Two rounds under two keys, because one round alone could be continued by
        who has seen a seal; collisions are of no use without the keys.
        """
        inner, outer = self._key[HALF:], self._key[:HALF]
        return _sha1(outer + _sha1(inner + ",".join(arguments)))

    def is_on(self, arguments: Sequence[str]) -> bool:
        """Tell whether the last argument, ``seal=...``, is the seal of those before it."""
        *question, last = arguments or ("",)
        return hmac.compare_digest(_bytes(last), _bytes(f"seal={self.of(question)}"))

    def sealed(self, answer: str) -> str:
        """Put the seal behind an answer: ``ANSWER|SEAL``. No question begins as an answer does, with a version."""
        return f"{answer}|{self.of((answer,))}"

    def __repr__(self) -> str:
        return "Seal(***)"


class Questions:
    """Remembers what was asked, so that a question that somebody has overheard is not asked again.

    Args:
        shared: what the workers of this gate have asked.
    """

    def __init__(self, shared: SharedNonces) -> None:
        self._shared = shared

    def is_new(self, nonce: str, asked: float, now: datetime) -> bool:
        """Tell whether a question is of this moment, and its nonce heard for the first time; remembers it.

        Args:
            nonce: of the question, under its seal; a UUID.
            asked: when the dialplan says it asked, epoch seconds.
            now: aware UTC. Asterisk's clock and this one are the same: they share the machine.
        """
        return abs(now - datetime.fromtimestamp(asked, UTC)) <= AGE_MAX and self._shared.take(nonce)


def key_file(gate: GateSettings) -> Path:
    """Where the key is, for the gate and for Asterisk."""
    return Path(gate.spool).parent / KEY_NAME


def load_seal(gate: GateSettings) -> Seal | None:
    """Read the key, making it at the first start; None where the settings ask for no seal.

    Raises:
        SettingsError: if it cannot be made or read, or is damaged.
    """
    if gate.seal is Sealing.OFF:
        return None
    file = key_file(gate)
    try:
        if not file.exists():
            # Its group is the folder's, where that has its set-group-ID bit as the README has it: so Asterisk may read.
            make_once(file, secrets.token_hex(HALF).encode("ascii"), KEY_MODE)
        with open_plain(file) as stream:
            key = stream.read(2 * HALF + 1).decode("ascii", "replace")
    except OSError as error:
        remedy = "let the daemon's user write this folder, and read the file"
        raise SettingsError(str(file), f"{error.strerror}", remedy) from None
    if not _KEY.match(key):
        raise SettingsError(str(file), f"is no key of {2 * HALF} digits", "remove it; the daemon makes a new one")
    return Seal(key)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _sha1(text: str) -> str:
    return hashlib.sha1(_bytes(text)).hexdigest()  # noqa: S324 - Asterisk has no other hash but MD5
