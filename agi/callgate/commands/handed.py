"""What the supervisor hands a worker: the numbers of open files, in one word of its command line."""

import argparse
import os
import socket
from pathlib import Path

import msgspec

from callgate.settings import Settings, check_settings
from callgate.shared_nonces import SharedNonces

NONE = -1


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker gets.

    Fields:
        place: which worker it is, from 0; the first keeps the journal and looks after live calls.
        is_one_of_more: whether other workers of this gate may have gone on while there was no first one.
        port: where calls come to.
        text: a file with the settings, as they are to be taken.
        nonces: see `SharedNonces`; -1 where there is one worker.
        line: where the first worker hears the further ones; -1 where there are none, and for those.
        supervisor: this worker's end of its link.
    """

    place: int
    is_one_of_more: bool
    port: int
    text: int
    nonces: int = NONE
    line: int = NONE
    supervisor: int = NONE

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> "Handed":
        """Read the command line."""
        told, link = arguments.worker
        return msgspec.structs.replace(msgspec.json.decode(told, type=cls), supervisor=int(link))

    @property
    def files(self) -> tuple[int, ...]:
        """Every file that is handed, but the link."""
        return tuple(number for number in (self.port, self.text, self.nonces, self.line) if number != NONE)

    def listening(self) -> socket.socket:
        """The port."""
        return socket.socket(fileno=self.port)

    def link(self) -> socket.socket:
        """The link to the supervisor."""
        return socket.socket(fileno=self.supervisor)

    def line_of_others(self) -> socket.socket | None:
        """Where the further workers are heard; None where there are none."""
        return None if self.line == NONE else socket.socket(fileno=self.line)

    def shared_nonces(self) -> SharedNonces | None:
        """What the workers share of the questions."""
        return None if self.nonces == NONE else SharedNonces(self.nonces)

    def settings(self, path: Path) -> Settings:
        """The settings; `path` is where they come from.

        Raises:
            SettingsError: they cannot be used.
        """
        with os.fdopen(self.text, "rb") as file:
            file.seek(0)
            return check_settings(file.read().decode(), path)
