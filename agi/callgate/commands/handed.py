"""What the supervisor hands a worker: the numbers of open files, in one word of its command line."""

import argparse
import os
import socket
from pathlib import Path

import msgspec

from callgate.errors import SettingsError
from callgate.lending import Lending
from callgate.listening import way_place
from callgate.shared_nonces import SharedNonces

NONE = -1


class Papers(msgspec.Struct, frozen=True, kw_only=True):
    """What an installer wrote, as a worker is to take it, whatever the files say by the time it is started.

    Fields:
        settings: the text of the settings.
        policies: that of each policy file, by its name in the settings.
    """

    settings: str
    policies: dict[str, str]


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker gets.

    Fields:
        place: which worker it is, from 0; the first keeps the journal and looks after live calls.
        is_one_of_more: whether other workers of this gate may have gone on while there was no first one.
        port: where calls come to.
        papers: a file with the `Papers`.
        nonces: see `SharedNonces`.
        lent: see `Lending`.
        line: where the first worker hears the further ones; for those the way there (`callgate.listening.Line`); -1
            where there are none.
        supervisor: this worker's end of its link.
    """

    place: int
    is_one_of_more: bool
    port: int
    papers: int
    nonces: int
    lent: int
    line: int = NONE
    supervisor: int = NONE

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> "Handed":
        """Read the command line.

        Raises:
            SettingsError: the supervisor is of a version that hands over something else.
        """
        told, link = arguments.worker
        try:
            handed = msgspec.json.decode(told, type=cls)
        except msgspec.ValidationError:
            raise SettingsError("serve", "the daemon runs on, and is of another version", "restart it") from None
        return msgspec.structs.replace(handed, supervisor=int(link))

    @property
    def files(self) -> tuple[int, ...]:
        """Every file that is handed, but the link."""
        return tuple(number for number in (self.port, self.papers, self.nonces, self.lent, self.line) if number != NONE)

    def listening(self) -> socket.socket:
        """The port."""
        return socket.socket(fileno=self.port)

    def link(self) -> socket.socket:
        """The link to the supervisor."""
        return socket.socket(fileno=self.supervisor)

    def line_of_others(self) -> socket.socket | None:
        """Where the further workers are heard; None where there are none."""
        return None if self.line == NONE else socket.socket(fileno=self.line)

    def way_to_first(self) -> Path:
        """Where a further worker reaches the first one."""
        return way_place(self.line)

    def shared_nonces(self) -> SharedNonces:
        """What the workers share of the questions."""
        return SharedNonces(self.nonces)

    def lending(self) -> Lending:
        """What the workers share of the allowance."""
        return Lending(self.lent)

    def read_papers(self) -> Papers:
        """What the worker goes by."""
        with os.fdopen(self.papers, "rb") as file:
            file.seek(0)
            return msgspec.json.decode(file.read(), type=Papers)
