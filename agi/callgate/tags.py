"""Keyed hashes of numbers: the ledger counts calls to one number without ever knowing it."""

import hashlib
import os
import secrets
from dataclasses import replace
from pathlib import Path

from callgate.core.pricing import PricedDestination
from callgate.errors import SettingsError

KEY_FILE = "tags.key"
_SECRET_BYTES = 32


class Tagger:
    """Makes tags of 64 bits under a secret of this gate. A plain hash would be undone in minutes: numbers are few."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def tagged(self, priced: PricedDestination) -> PricedDestination:
        """Put the tag of its number, 16 hexadecimal digits, on a destination."""
        digest = hashlib.blake2b(priced.destination.number.encode(), key=self._secret, digest_size=8)
        return replace(priced, tag=digest.hexdigest())

    def __repr__(self) -> str:
        return "Tagger(***)"


def load_tagger(state: Path) -> Tagger:
    """Read the gate's secret from its state folder, making it at the first start.

    Raises:
        SettingsError: if it is damaged: with another secret, or none, tags could be undone or would all change.
    """
    file = state / KEY_FILE
    if not file.exists():
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(secrets.token_bytes(_SECRET_BYTES))
    secret = file.read_bytes()
    if len(secret) != _SECRET_BYTES:
        remedy = "remove it; a new one is made, and start limits count from zero"
        raise SettingsError(str(file), f"is no secret of {_SECRET_BYTES} bytes", remedy)
    return Tagger(secret)
