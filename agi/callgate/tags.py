"""Keyed hashes of numbers: the ledger counts calls to one number without ever knowing it."""

import hashlib
from dataclasses import replace
from pathlib import Path

from callgate.core.pricing import PricedDestination
from callgate.key_file import make_key

KEY_FILE = "tags.key"


class Tagger:
    """Makes tags of 64 bits under a secret of this gate. A plain hash would be undone in minutes: numbers are few.

    Each clinic has its own tags: that two of them call the same patient is nobody's to see. They stay the same for
    ever: the purse of a number's exception or of a forward bears its tag, and a new one would be an empty purse.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def tagged(self, priced: PricedDestination, clinic: str) -> PricedDestination:
        """Put the tag that its number has for a clinic, 16 hexadecimal digits, on a destination."""
        # No name of a clinic has a line end.
        message = f"{clinic}\n{priced.destination.number}".encode()
        digest = hashlib.blake2b(message, key=self._secret, digest_size=8)
        return replace(priced, tag=digest.hexdigest())

    def __repr__(self) -> str:
        return "Tagger(***)"


def load_tagger(state: Path) -> Tagger:
    """Read the gate's secret from its state folder, making it at the first start.

    Raises:
        SettingsError: if it is damaged: with another secret, or none, tags could be undone or would all change.
    """
    remedy = "remove it; a new one is made, and start limits count from zero"
    return Tagger(make_key(state / KEY_FILE, remedy))
